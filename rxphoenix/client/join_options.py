"""What a join is made with, and when two of them ask for different things.

What lives here: the options of one join. What does not: joining (``join.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec

from rxphoenix.client.checks import check_event
from rxphoenix.client.provider import Provided, Provider, snapshot
from rxphoenix.client.resume import Resume, check_resumable
from rxphoenix.protocol.backoff import Delay
from rxphoenix.protocol.message import is_reserved
from rxphoenix.protocol.serializer import BYTES_LIKE, EncodedPayload, Serializer

__all__ = ["USUAL_PRESENCE", "JoinOptions", "JoinParams", "PresenceEvents"]


class PresenceEvents(msgspec.Struct, frozen=True, dict=True):
    """The names of the events of presence, where a server has given it other ones than usual.

    Arguments:
        state: the event that tells who is present.
        diff: the event that tells who joined and left.

    Example:
        ```python
        from rxphoenix import PresenceEvents, Socket

        socket = Socket("ws://localhost:4000/socket")
        room = socket.channel("room:lobby", presence_events=PresenceEvents("typing_state", "typing_diff"))
        ```
    """

    state: str = "presence_state"
    diff: str = "presence_diff"

    def __post_init__(self) -> None:
        for event in (check_event(self.state), check_event(self.diff)):
            if is_reserved(event):
                raise ValueError(f"the event {event!r} belongs to the protocol and never tells of presence")
        if self.state == self.diff:
            raise ValueError(f"the events of presence must have two names, not {self.state!r} for both")

    @cached_property
    def names(self) -> Mapping[str, tuple[()]]:
        """The names, as keys."""
        return {self.state: (), self.diff: ()}


USUAL_PRESENCE = PresenceEvents()
"""The names that servers use as a rule."""


class JoinOptions(msgspec.Struct, frozen=True):
    """What a join is made with.

    Arguments:
        params: the join params; they compare by what the user gave. Encoded, unless a cursor may be added to them.
        explicit: whether the user gave any.
        timeout: seconds that the server may take to answer.
        retry_refused: the user's delay after a refusal, ``None`` for giving up.
        resume: what is added to the params of a rejoin.
        presence: the names of the events of presence.
    """

    params: Provider[Any]
    explicit: bool
    timeout: float
    retry_refused: Delay | None
    resume: Resume | None = None
    presence: PresenceEvents = USUAL_PRESENCE

    def differs_from(self, other: JoinOptions) -> bool:
        """Whether it asks, explicitly, for other params."""
        mine, yours = self.params.given, other.params.given
        return self.explicit and ((mine is not yours and mine != yours) or self.resume != other.resume)


class JoinParams:
    """The join params of the channels of one socket; those of who gives none are made once for all.

    Arguments:
        serializer: how they are written.
    """

    def __init__(self, serializer: Serializer) -> None:
        self._serializer = serializer
        self._none: Provider[Any] | None = None

    def provider(self, topic: str, params: Provided[Any] | None, resume: Resume | None) -> Provider[Any]:
        """The params of one channel.

        Arguments:
            topic: its topic.
            params: what the user gave.
            resume: what is added to the params of a rejoin.

        Raises:
            TypeError, UnencodablePayload: they cannot be written, or no cursor can be added to them.
        """
        if params is None and resume is None:
            if self._none is None:
                self._none = Provider("join params", {}, self._encode)
            return self._none
        check = self._encode if resume is None else self._check_resumable
        return Provider(f"join params of {topic!r}", {} if params is None else snapshot(params), check)

    def _encode(self, params: Any) -> EncodedPayload:
        if isinstance(params, BYTES_LIKE):
            raise TypeError("join params must be a JSON value, not bytes")
        return self._serializer.encode_payload(params)

    def _check_resumable(self, params: Any) -> Mapping[str, Any]:
        self._encode(params)
        return check_resumable(params)

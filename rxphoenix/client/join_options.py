"""What a join is made with, and when two of them ask for different things.

What lives here: the options of one join. What does not: joining (``join.py``).
"""

from __future__ import annotations

from typing import Any

import msgspec

from rxphoenix.client.checks import check_event
from rxphoenix.client.provider import Provider
from rxphoenix.client.resume import Resume
from rxphoenix.protocol.backoff import Delay
from rxphoenix.protocol.message import is_reserved

__all__ = ["JoinOptions", "PresenceEvents"]


class PresenceEvents(msgspec.Struct, frozen=True):
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
    presence: PresenceEvents = PresenceEvents()

    def differs_from(self, other: JoinOptions) -> bool:
        """Whether it asks, explicitly, for other params."""
        mine, yours = self.params.given, other.params.given
        return self.explicit and ((mine is not yours and mine != yours) or self.resume != other.resume)

"""Going on where a channel left off: a cursor from the last message seen, carried by the next join.

What lives here: what the user says of a cursor, and the last one. What does not: joining (``join.py``), and what a
server makes of the cursor.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from rxphoenix.client.context import Context
from rxphoenix.errors import ProviderFailed, UnencodablePayload
from rxphoenix.protocol.message import Message
from rxphoenix.protocol.serializer import EncodedPayload, Serializer

__all__ = ["Cursor", "Resume", "check_resumable"]


class Resume(msgspec.Struct, frozen=True):
    """How a join tells the server what was seen before it: give it to ``socket.channel(resume=...)``.

    The first join goes without a cursor. Each rejoin of the same subscriptions carries the last one that is not
    ``None``; it counts until the topic is left. As a part of the params it compares by ``==``, so name the function
    where several handles of a topic are made: two lambdas differ.

    Arguments:
        param: the name of the join param that carries the cursor.
        cursor: a function of each message of the channel: its cursor, a JSON value, or ``None`` for a message that
            has none.

    Example:
        ```python
        from rxphoenix import Resume, Socket

        def last_id(message):
            return message.payload["id"] if message.event == "new_msg" else None

        socket = Socket("ws://localhost:4000/socket")
        room = socket.channel("room:lobby", resume=Resume("last_message_id", last_id))
        ```
    """

    param: str
    cursor: Callable[[Message], Any]

    def __post_init__(self) -> None:
        if not isinstance(self.param, str) or not self.param:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"param must be the name of a join param, for example 'last_message_id', not {self.param!r}"
            )
        if not callable(self.cursor) or inspect.iscoroutinefunction(self.cursor):
            raise TypeError(f"cursor must be a plain function of a message, not {self.cursor!r}")


class Cursor:
    """The cursor of one join, kept over its rejoins.

    Arguments:
        resume: what the user said of it.
        context: where a function that raises is reported.
    """

    __slots__ = ("_context", "_resume", "carried", "value")

    def __init__(self, resume: Resume, context: Context) -> None:
        self._resume = resume
        self._context = context
        self.value: Any = None
        self.carried: Any = None

    def see(self, message: Message) -> None:
        """Take the cursor of a message; a function that raises is reported, and the last cursor stands."""
        try:
            value = self._resume.cursor(message)
        except Exception as error:
            self._context.observer_raised(error, message.topic, message.event)
            return
        if value is not None:
            self.value = value

    def added_to(self, params: Mapping[str, Any], serializer: Serializer) -> EncodedPayload:
        """Join params with the cursor, if there is one, encoded; raises ``ProviderFailed`` if it cannot be written."""
        self.carried = self.value
        with_cursor = params if self.value is None else {**params, self._resume.param: self.value}
        try:
            return serializer.encode_payload(with_cursor)
        except UnencodablePayload as error:
            raise ProviderFailed("resume", "returned a cursor that cannot be written") from error


def check_resumable(params: Any) -> Mapping[str, Any]:
    """Return join params that a cursor can be added to; raises ``TypeError`` for all but a mapping."""
    if not isinstance(params, Mapping):
        raise TypeError(f"join params that resume= adds a cursor to must be a mapping, not {type(params).__name__}")
    return cast("Mapping[str, Any]", params)

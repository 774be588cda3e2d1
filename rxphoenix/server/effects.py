"""What a session asks of whoever drives it: plain values, carried out in the order in which they come.

What lives here: the effects. What does not: deciding on them (``session.py``) and carrying them out
(``connection.py`` on asyncio; any scheduler will do, virtual time included).

A channel is named by its number, which is unique within its session and never used twice.
"""

from __future__ import annotations

from typing import Any, TypeAlias, final

import msgspec

from rxphoenix.protocol.message import Frame, Payload

__all__ = [
    "IDLE",
    "CallHandleIn",
    "CallHandleInfo",
    "CallHandleOut",
    "CallJoin",
    "CallTerminate",
    "CancelTimer",
    "Close",
    "Effect",
    "Reached",
    "ReplyRef",
    "Send",
    "StartTimer",
]

IDLE = 0
"""The timer that fires when the client has sent nothing for too long; other timers have higher numbers."""


@final
class ReplyRef(msgspec.Struct, frozen=True):
    """Where a reply goes: keep it to answer later, from another callback or task.

    Arguments:
        join_ref: the ref of the channel's join.
        ref: the ref of the request.
        topic: the channel's topic.
    """

    join_ref: Any
    ref: Any
    topic: str


@final
class Send(msgspec.Struct, frozen=True):
    """Send a frame to the client."""

    frame: Frame


@final
class Close(msgspec.Struct, frozen=True):
    """Close the connection with this code, after what was sent before; nothing is sent after it."""

    code: int
    reason: str = ""


@final
class StartTimer(msgspec.Struct, frozen=True):
    """Call ``session.fire(timer)`` in so many seconds; a timer that runs starts anew."""

    timer: int
    seconds: float


@final
class CancelTimer(msgspec.Struct, frozen=True):
    """Forget a timer, which may have fired already."""

    timer: int


@final
class Reached(msgspec.Struct, frozen=True):
    """The connection has come to what ``session.reach`` put in its way."""

    mark: int


@final
class CallJoin(msgspec.Struct, frozen=True):
    """Ask the application whether the client may join.

    The answer is ``session.accept``, ``session.refuse`` or ``session.crash``; until it comes, the whole
    connection waits.

    Arguments:
        channel: the new channel's number.
        topic: its topic.
        params: what the client sent with the join.
        route: what the session's ``route`` function returned for the topic.
    """

    channel: int
    topic: str
    params: Payload
    route: Any


@final
class CallHandleIn(msgspec.Struct, frozen=True):
    """Let a channel handle a push of its client.

    The answer is ``session.done`` or ``session.crash``; until it comes, the channel gets no other call.

    Arguments:
        channel: the channel's number.
        event: the name of the event, usually a string.
        payload: a JSON value or bytes.
        ref: where a reply goes.
    """

    channel: int
    event: Any
    payload: Payload
    ref: ReplyRef


@final
class CallHandleInfo(msgspec.Struct, frozen=True):
    """Let a channel handle a message that the application sent to it; answered as ``CallHandleIn``."""

    channel: int
    message: Any


@final
class CallHandleOut(msgspec.Struct, frozen=True):
    """Let a channel handle a broadcast that it intercepts; answered as ``CallHandleIn``."""

    channel: int
    event: str
    payload: Payload


@final
class CallTerminate(msgspec.Struct, frozen=True):
    """Tell a channel that it has ended; no answer is awaited, and what still runs for it is to be cancelled.

    Arguments:
        channel: the channel's number.
        reason: ``"left"``, ``"closed"`` (the connection ended), ``"duplicate join"``, ``"crashed"``, or the
            reason that the application gave when it stopped the channel.
    """

    channel: int
    reason: str


Effect: TypeAlias = (
    Send
    | Close
    | StartTimer
    | CancelTimer
    | Reached
    | CallJoin
    | CallHandleIn
    | CallHandleInfo
    | CallHandleOut
    | CallTerminate
)

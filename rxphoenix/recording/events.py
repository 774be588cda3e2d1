"""What a recording is made of: the beginning of a session, its states, its messages, its faults, its end.

What lives here: the events, each with its instant in seconds since the session began. What does not: how they are
written (``lines.py``).
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from rxphoenix.protocol.message import Message

__all__ = ["Began", "Ended", "Event", "Faulted", "Received", "Sent", "StateChanged"]


class Began(msgspec.Struct, frozen=True):
    """A session begins; a file that was appended to holds several.

    Arguments:
        began: when, in UTC, as ISO 8601 has it.
        endpoint: the mount point of the socket, without params.
        topic: the topic, where only one was recorded.
    """

    began: str
    endpoint: str
    topic: str | None = None


class StateChanged(msgspec.Struct, frozen=True):
    """The state of the connection is, or becomes, another.

    Arguments:
        at: seconds since the session began.
        state: the state.
    """

    at: float
    state: str


class Sent(msgspec.Struct, frozen=True):
    """A message was written.

    Arguments:
        at: seconds since the session began.
        message: the message.
    """

    at: float
    message: Message


class Received(msgspec.Struct, frozen=True):
    """A message has come.

    Arguments:
        at: seconds since the session began.
        message: the message.
    """

    at: float
    message: Message


class Faulted(msgspec.Struct, frozen=True):
    """Something went wrong; what ``socket.errors`` told.

    Arguments:
        at: seconds since the session began.
        topic: the topic that it belongs to, ``None`` for the socket.
        event: the event, if one was being dispatched.
        error: the name of the type of the error.
        text: what the error said.
    """

    at: float
    topic: str | None
    event: str | None
    error: str
    text: str


class Ended(msgspec.Struct, frozen=True):
    """The recording was ended; one that breaks off has no such event.

    Arguments:
        at: seconds since the session began.
    """

    at: float


Event: TypeAlias = Began | StateChanged | Sent | Received | Faulted | Ended

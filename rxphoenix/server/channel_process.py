"""What a session remembers of one channel process.

What lives here: the record of a channel, its phases and what may wait in its mailbox. What does not: what happens
when (``session.py``), and the application's channel classes (``app.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from enum import Enum
from typing import Any, TypeAlias

import msgspec

from rxphoenix.server.effects import CallHandleIn, CallHandleInfo, CallHandleOut

__all__ = ["ChannelProcess", "Ending", "Leave", "Phase", "Work"]


class Phase(Enum):
    """Where a channel is in its life; it only ever moves down this list."""

    JOINING = "joining"
    JOINED = "joined"
    ENDED = "ended"


class Leave(msgspec.Struct, frozen=True):
    """The client's wish to leave, waiting in the mailbox like any other message."""

    ref: Any


class Ending(msgspec.Struct, frozen=True):
    """How a channel is to end: with ``phx_error`` if that is abnormal, else with ``phx_close``."""

    reason: str
    abnormal: bool


Work: TypeAlias = CallHandleIn | CallHandleInfo | CallHandleOut | Leave


class ChannelProcess:
    """One channel process: its mailbox, and what it is busy with.

    Arguments:
        number: its name in effects.
        topic: its topic.
        join_ref: the join_ref that its join came with.
        ref: the ref that its join came with, usually the same.
    """

    def __init__(self, number: int, topic: str, join_ref: Any, ref: Any) -> None:
        self.number = number
        self.topic = topic
        self.join_ref = join_ref
        self.ref = ref
        self.phase = Phase.JOINING
        self.intercepted: Collection[str] = ()
        self.mailbox: deque[Work] = deque()
        self.call: CallHandleIn | CallHandleInfo | CallHandleOut | None = None
        self.ending: Ending | None = None
        self.farewell_due = True

"""What is told of a join that the server has accepted, and of the gap before it.

What lives here: what ``channel.joined`` emits, and measuring a gap. What does not: joining (``join.py``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from rxphoenix.client.context import Context
from rxphoenix.client.resume import Cursor
from rxphoenix.errors import PhoenixError
from rxphoenix.protocol.message import Payload

__all__ = ["Gap", "Joined", "Loss"]


class Gap(msgspec.Struct, frozen=True):
    """A time in which messages were lost, unless the server sends them again.

    In ``Joined.gap`` it is one in which a channel was not joined; in ``Iteration.gap`` one in which ``Overflow.BLOCK``
    could hold the socket back no longer.

    Arguments:
        since: when the loss began, in UTC, by the scheduler's clock. That of a join is noticed late if the link died
            silently, so messages may have been lost before it.
        seconds: how long it lasted.
        error: what ended the join, or ``BlockedTooLong``.
        cursor: what the rejoin carried, if the channel was made with ``resume=``.
        dropped: how many messages ``Overflow.BLOCK`` dropped; what a channel missed nobody has counted.
    """

    since: datetime
    seconds: float
    error: PhoenixError
    cursor: Any = None
    dropped: int | None = None


class Joined(msgspec.Struct, frozen=True):
    """A join that the server has accepted: what ``channel.joined`` emits.

    Arguments:
        reply: what the server's join function replied.
        rejoin: whether the topic had been joined before, by the same subscriptions.
        attempt: which attempt it was since the last accepted join, from 1.
        gap: what a rejoin has missed: since when, why, and the cursor that it carried; ``None`` for a first join.
    """

    reply: Payload
    rejoin: bool
    attempt: int
    gap: Gap | None = None


class Loss:
    """The loss of a join that was in force, until another one makes it good.

    Arguments:
        context: whose clocks tell when it was.
        error: what ended the join.
    """

    __slots__ = ("_at", "_clock", "_since", "error")

    def __init__(self, context: Context, error: PhoenixError) -> None:
        self._since = context.scheduler.now
        self._clock = context.clock
        self._at = self._clock.monotonic()
        self.error = error

    def made_good(self, cursor: Cursor | None) -> Gap:
        """The gap that ends now."""
        return Gap(self._since, self._clock.elapsed(self._at), self.error, None if cursor is None else cursor.carried)

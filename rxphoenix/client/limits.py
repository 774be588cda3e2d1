"""Time limits that are seldom reached: all of the same length share one timer of the scheduler.

A push or a join has a limit each, of the same seconds as a rule, and nearly all are answered long before. What is begun
first ends first, so one timer for the first of them will do; starting and stopping a limit costs next to nothing.

If the loop was blocked, a limit is reached late, and what was waited for may be there unread: it is believed a second
after.

What lives here: the limits of one socket. What does not: what happens at the end of one (``timer.py`` has it).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from reactivex import abc

if TYPE_CHECKING:
    from rxphoenix.client.context import Context

__all__ = ["Limit", "Limited", "Limits"]

_TOLERANCE = 1e-4
_LATE = _REPRIEVE = 1.0
"""Seconds: a limit that is reached so late was passed while the loop was blocked, and is put off once by as much."""


class Limited(Protocol):
    """What has a time limit."""

    def reached(self) -> None:
        """The time is up."""
        ...


class Limit:
    """All that are to end after the same time.

    Arguments:
        context: scheduler and clock.
        seconds: how long each may take.
        unused: called when nobody is left who has it; it ends then.
    """

    __slots__ = ("_believed_until", "_context", "_pending", "_seconds", "_unused", "now", "waiting")

    def __init__(self, context: Context, seconds: float, unused: Callable[[float], object]) -> None:
        self._context = context
        self.now = context.clock.monotonic
        self._seconds = seconds
        self._unused = unused
        self._believed_until = float("-inf")
        self.waiting: dict[Limited, float] = {}
        """Who has it, and until when, in the order of their ends; whoever is to end no more takes itself out."""
        self._pending: abc.DisposableBase | None = context.later(seconds, self._look)

    def _look(self) -> None:
        """Let the first one end if it is due; those that are due with it follow as events of their own."""
        self._pending = None
        first = next(iter(self.waiting), None)
        if first is None:
            self._unused(self._seconds)
            return
        now = self.now()
        remaining = round(self.waiting[first] - now, 6)
        if remaining < -_LATE and now > self._believed_until:
            remaining, self._believed_until = _REPRIEVE, now + _REPRIEVE + _LATE
        if remaining > _TOLERANCE:
            self._pending = self._context.later(remaining, self._look)
            return
        del self.waiting[first]
        if self.waiting:
            self._pending = self._context.later(0, self._look)
        else:
            self._unused(self._seconds)
        first.reached()

    def stop(self) -> None:
        """Let nothing more end."""
        pending, self._pending = self._pending, None
        self.waiting.clear()
        if pending is not None:
            pending.dispose()


class Limits:
    """The time limits of one socket, by their length.

    Arguments:
        context: scheduler and clock.
    """

    __slots__ = ("_by_seconds", "_context")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_seconds: dict[float, Limit] = {}

    def begin(self, who: Limited, seconds: float) -> Limit:
        """Let it end after so many seconds; whoever is to end no more takes itself out of ``waiting``."""
        limit = self._by_seconds.get(seconds)
        if limit is None:
            limit = self._by_seconds[seconds] = Limit(self._context, seconds, self._by_seconds.pop)
        limit.waiting[who] = limit.now() + seconds
        return limit

    def stop(self) -> None:
        """Let nothing more end: the socket rests."""
        limits, self._by_seconds = self._by_seconds, {}
        for limit in limits.values():
            limit.stop()

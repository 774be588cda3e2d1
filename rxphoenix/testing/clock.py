"""A clock that runs as fast as it can: the scheduler of a test.

It is a ``VirtualTimeScheduler`` of RxPY that counts whole microseconds, runs what is due at the instant that it is
already at, and never moves of itself.

What lives here: the scheduler. What does not: what a test does with it (``world.py``).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from reactivex import abc, typing
from reactivex.internal.constants import UTC_ZERO
from reactivex.scheduler import VirtualTimeScheduler
from reactivex.scheduler.scheduleditem import ScheduledItem

from rxphoenix.testing.drawing import Instant
from rxphoenix.testing.loop import VirtualLoop

__all__ = ["TimeStandsStill", "VirtualScheduler"]

_TState = TypeVar("_TState")
_MICROSECOND = timedelta(microseconds=1)
_MOST_AT_ONE_INSTANT = 100_000


class TimeStandsStill(AssertionError):
    """Something under test schedules itself again and again without time passing, as ``retry()`` can.

    Arguments:
        instant: where time stands, in microseconds.
    """

    def __init__(self, instant: Instant) -> None:
        super().__init__(f"{_MOST_AT_ONE_INSTANT} actions at {instant / 1000:g} ms and no end: time stands still")
        self.instant = instant


class VirtualScheduler(VirtualTimeScheduler):
    """Runs what was scheduled in the order of its time, and within one instant in the order of scheduling.

    Example:
        ```python
        from rxphoenix.testing.clock import VirtualScheduler

        scheduler = VirtualScheduler()
        seen = []
        scheduler.schedule_relative(0.1 + 0.2, lambda *_: seen.append(scheduler.instant))
        scheduler.start()
        assert seen == [300_000]
        ```
    """

    def __init__(self) -> None:
        super().__init__(UTC_ZERO)
        self._instant: Instant = 0
        self._suspended: Instant = 0
        self._loop = VirtualLoop(self)  # under the name under which RxPY's asyncio schedulers keep theirs
        self._waiting: list[tuple[Instant, int, int, ScheduledItem]] = []
        self._order = count()
        self._passing = False
        self._crowd = 0
        self._crowded: Instant = 0

    @property
    def instant(self) -> Instant:
        """Where time stands, in microseconds from its beginning."""
        return self._instant

    @property
    def now(self) -> datetime:
        """What the clock on the wall says, as RxPY wants it; the beginning is that of 1970."""
        return UTC_ZERO + (self._instant + self._suspended) * _MICROSECOND

    def monotonic(self) -> float:
        """Seconds from the beginning by the clock that timers go by."""
        return self._instant / 1_000_000

    @property
    def loop(self) -> VirtualLoop:
        """The event loop that runs while time passes."""
        return self._loop

    def schedule(self, action: abc.ScheduledAction[_TState], state: _TState | None = None) -> abc.DisposableBase:
        """Run an action at this instant, after what is already scheduled for it."""
        return self._enqueue(self._instant, action, state)

    def schedule_relative(
        self, duetime: typing.RelativeTime, action: abc.ScheduledAction[_TState], state: _TState | None = None
    ) -> abc.DisposableBase:
        """Run an action after a time, in seconds or as a timedelta."""
        return self._enqueue(self._instant + self.to_timedelta(duetime) // _MICROSECOND, action, state)

    def schedule_absolute(
        self, duetime: typing.AbsoluteTime, action: abc.ScheduledAction[_TState], state: _TState | None = None
    ) -> abc.DisposableBase:
        """Run an action at a time, in seconds from the beginning or as a datetime."""
        return self._enqueue(self._instant_of(duetime), action, state)

    def at(self, instant: Instant, action: Callable[[], object], *, first: bool = False) -> abc.DisposableBase:
        """Call a function at an instant, in microseconds.

        Arguments:
            instant: when; what is past is now.
            action: the function.
            first: before all else that happens at that instant, as subscriptions that a test draws do.

        Returns:
            What prevents it.
        """

        def run(_scheduler: abc.SchedulerBase, _state: object = None) -> None:
            action()

        return self._enqueue(instant, run, None, 0 if first else 1)

    def _instant_of(self, time: typing.AbsoluteTime) -> Instant:
        return (self.to_datetime(time) - UTC_ZERO) // _MICROSECOND - self._suspended

    def after(self, duration: Instant, action: Callable[[], object]) -> abc.DisposableBase:
        """Call a function after a time in microseconds; returns what prevents it."""
        return self.at(self._instant + duration, action)

    def _enqueue(
        self, instant: Instant, action: abc.ScheduledAction[_TState], state: _TState | None, rank: int = 1
    ) -> abc.DisposableBase:
        instant = max(instant, self._instant)
        item = ScheduledItem(self, state, action, UTC_ZERO + instant * _MICROSECOND)
        heapq.heappush(self._waiting, (instant, rank, next(self._order), item))
        return item.disposable

    def next_instant(self) -> Instant | None:
        """When the next thing is to be run, ``None`` if nothing is."""
        due = self._next_due()
        return None if due is None else max(due, self._instant)

    def _next_due(self) -> Instant | None:
        while self._waiting and self._waiting[0][3].is_cancelled():
            heapq.heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None

    def pass_until(self, instant: Instant) -> None:
        """Let time pass up to an instant, all included that is due at it.

        Raises:
            ValueError: the instant is past.
            RuntimeError: time passes already: this was called by something that is scheduled.
            TimeStandsStill: too much happens at one instant.
        """
        if instant < self._instant:
            raise ValueError(f"{instant / 1000:g} ms is past: it is {self._instant / 1000:g} ms now")
        self._run(instant)
        self._instant = max(self._instant, instant)

    def start(self) -> None:
        """Let time pass until nothing is scheduled; endless if something always is, see ``pass_until``."""
        self._run(None)

    def _run(self, until: Instant | None) -> None:
        if self._passing:
            raise RuntimeError("time passes already: what is scheduled cannot let time pass")
        self._passing = True
        try:
            with self._loop.running():
                while (due := self._next_due()) is not None and (until is None or due <= until):
                    self._instant = max(due, self._instant)
                    self.count()
                    heapq.heappop(self._waiting)[3].invoke()
        finally:
            self._passing = False

    def count(self) -> None:
        """Count an action at this instant; raises ``TimeStandsStill`` if there are too many."""
        if self._instant != self._crowded:
            self._crowded, self._crowd = self._instant, 0
        self._crowd += 1
        if self._crowd > _MOST_AT_ONE_INSTANT:
            raise TimeStandsStill(self._instant)

    def block(self, duration: Instant) -> None:
        """Let so many microseconds pass while nothing runs: what becomes due in them comes late."""
        self._instant += duration

    def suspend(self, duration: Instant) -> None:
        """Move the clock on the wall on by so many microseconds, and no timer."""
        self._suspended += duration

    def advance_to(self, time: typing.AbsoluteTime) -> None:
        """Let time pass up to a time, in seconds from the beginning or as a datetime; see ``pass_until``."""
        self.pass_until(self._instant_of(time))

    def advance_by(self, time: typing.RelativeTime) -> None:
        """Let so much time pass, in seconds or as a timedelta; see ``pass_until``."""
        self.pass_until(self._instant + self.to_timedelta(time) // _MICROSECOND)

    def sleep(self, time: typing.RelativeTime) -> None:
        """The same as ``advance_by``."""
        self.advance_by(time)

    def forget(self) -> None:
        """Drop all that is scheduled."""
        self._waiting.clear()

"""Timers of an event loop that go by numbers.

What lives here: carrying out ``StartTimer`` and ``CancelTimer``. What does not: who asks for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["LoopTimers"]


class LoopTimers:
    """The timers that are running.

    Arguments:
        loop: where they run.
        fire: called with the number of each timer whose time has come.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, fire: Callable[[int], None]) -> None:
        self._loop = loop
        self._fire = fire
        self._running: dict[int, asyncio.TimerHandle] = {}

    def start(self, timer: int, seconds: float) -> None:
        """Start a timer, anew if it runs."""
        self.cancel(timer)
        self._running[timer] = self._loop.call_later(seconds, self._fired, timer)

    def cancel(self, timer: int) -> None:
        """Stop a timer, if it runs."""
        running = self._running.pop(timer, None)
        if running is not None:
            running.cancel()

    def clear(self) -> None:
        """Stop all timers."""
        for timer in list(self._running):
            self.cancel(timer)

    def _fired(self, timer: int) -> None:
        del self._running[timer]
        self._fire(timer)

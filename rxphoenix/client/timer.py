"""One thing that will happen later, or not: a restartable timer on the socket's scheduler.

What lives here: starting and stopping it. What does not: time itself (``context.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reactivex import abc

if TYPE_CHECKING:
    from rxphoenix.client.context import Context
    from rxphoenix.client.limits import Limit

__all__ = ["TOLERANCE", "Timer"]

TOLERANCE = 1e-4
"""Seconds by which instants may differ and still be the same: schedulers round."""


class Timer:
    """At most one pending action; starting it again forgets the one before."""

    __slots__ = ("_action", "_context", "_limit", "_pending")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pending: abc.DisposableBase | None = None
        self._limit: Limit | None = None
        self._action: Callable[[], object] | None = None

    @property
    def is_running(self) -> bool:
        """Whether something will happen."""
        return self._pending is not None or self._limit is not None

    def start(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something after a time, in seconds; after 0 it is one turn of the scheduler from now."""
        self.stop()

        def fire() -> None:
            if self._pending is pending:
                self._pending = None
                action()

        pending = self._pending = self._context.later(seconds, fire)

    def limit(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something when what is waited for has taken too long, in seconds; see ``limits.py``."""
        self.stop()
        self._action = action
        self._limit = self._context.limits.begin(self, seconds)

    def reached(self) -> None:
        """The time of the limit is up."""
        action, self._action, self._limit = self._action, None, None
        if action is not None:
            action()

    def stop(self) -> None:
        """Let it not happen."""
        if self._limit is not None:
            self._limit.waiting.pop(self, None)
            self._limit = self._action = None
        elif self._pending is not None:
            pending, self._pending = self._pending, None
            pending.dispose()

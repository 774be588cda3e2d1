"""The order in which observers are told: one queue for each socket.

Whatever is emitted while an event is being dispatched waits until that event has reached all its observers;
frames and changes of state of ours do not wait. So observers may call anything from a callback, and everybody sees
the same order across all streams.

What lives here: the queue. What does not: observers (``subjects.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Dispatcher"]

_R = TypeVar("_R")
_T = TypeVar("_T")


class Dispatcher:
    """A queue of deliveries, drained when the outermost event of ours is done.

    Arguments:
        on_interrupted: called when a ``BaseException`` (Ctrl-C, a cancellation) flew out of an observer while
            deliveries were waiting, so that somebody can have them made later.
    """

    __slots__ = ("_afterwards", "_on_interrupted", "_queue", "running")

    def __init__(self, on_interrupted: Callable[[], None]) -> None:
        self._queue: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._afterwards: deque[Callable[[], object]] = deque()
        self._on_interrupted = on_interrupted
        self.running = False

    def run(self, action: Callable[..., _R], *arguments: Any) -> _R:
        """Do something now; what it emits is delivered before this returns, or after the event that we are in."""
        if self.running:
            return action(*arguments)
        self.running = True
        try:
            return action(*arguments)
        finally:
            if self._queue or self._afterwards:
                self._finish()
            else:
                self.running = False

    def _finish(self) -> None:
        try:
            if self._queue or self._afterwards:
                self.drain()
        finally:
            self.running = False
            if self._queue or self._afterwards:
                self._on_interrupted()

    def post(self, action: Callable[..., object], *arguments: Any) -> None:
        """Do something as an event of its own: now if none is under way, else after the current ones."""
        if self.running:
            self._queue.append((action, arguments))
        else:
            self.run(action, *arguments)

    def entrance(self, action: Callable[[_T], object]) -> Callable[[_T], None]:
        """Make a function that does what ``post`` does with one action, sooner: every frame comes in this way."""
        queue, afterwards = self._queue, self._afterwards

        def enter(value: _T) -> None:
            if self.running:
                queue.append((action, (value,)))
                return
            self.running = True
            try:
                action(value)
            finally:
                if queue or afterwards:
                    self._finish()
                else:
                    self.running = False

        return enter

    emit = post
    """Deliver to observers: the same as ``post``, under the name that says what for."""

    def afterwards(self, action: Callable[[], object]) -> None:
        """Do something once nothing is left to deliver."""
        if self.running:
            self._afterwards.append(action)
        else:
            action()

    def drain(self) -> None:
        """Deliver all that waits, and all that follows from it."""
        queue, afterwards = self._queue, self._afterwards
        while True:
            while queue:
                action, arguments = queue.popleft()
                action(*arguments)
            if not afterwards:
                return
            afterwards.popleft()()

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


class Dispatcher:
    """A queue of deliveries, drained when the outermost event of ours is done.

    Arguments:
        on_interrupted: called when a ``BaseException`` (Ctrl-C, a cancellation) flew out of an observer while
            deliveries were waiting, so that somebody can have them made later.
    """

    __slots__ = ("_on_interrupted", "last", "queue", "running")

    def __init__(self, on_interrupted: Callable[[], None]) -> None:
        self.queue: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        """What is to be delivered, in order."""
        self.last: deque[Callable[[], object]] = deque()
        """What is to be done once nothing is left to deliver."""
        self.running = False
        """Whether an event of ours is under way."""
        self._on_interrupted = on_interrupted

    def run(self, action: Callable[..., _R], *arguments: Any) -> _R:
        """Do something now; what it emits is delivered before this returns, or after the event that we are in."""
        if self.running:
            return action(*arguments)
        self.running = True
        try:
            return action(*arguments)
        finally:
            if self.queue or self.last:
                self.finish()
            else:
                self.running = False

    def finish(self) -> None:
        """Deliver what an event of ours has left, and end it."""
        try:
            if self.queue or self.last:
                self.drain()
        finally:
            self.running = False
            if self.queue or self.last:
                self._on_interrupted()

    def post(self, action: Callable[..., object], *arguments: Any) -> None:
        """Do something as an event of its own: now if none is under way, else after the current ones."""
        if self.running:
            self.queue.append((action, arguments))
        else:
            self.run(action, *arguments)

    emit = post
    """Deliver to observers: the same as ``post``, under the name that says what for."""

    def afterwards(self, action: Callable[[], object]) -> None:
        """Do something once nothing is left to deliver."""
        if self.running:
            self.last.append(action)
        else:
            action()

    def drain(self) -> None:
        """Deliver all that waits, and all that follows from it."""
        queue, last = self.queue, self.last
        while True:
            while queue:
                action, arguments = queue.popleft()
                action(*arguments)
            if not last:
                return
            last.popleft()()

"""What an observable emits, kept until somebody takes it.

What lives here: the observer that fills a buffer. What does not: the buffer (``buffer.py``, ``blocking.py``), and who
takes (``iteration.py``, ``mapping.py``).
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import SerialDisposable

from rxphoenix.bridges.buffer import Buffer
from rxphoenix.errors import BufferOverflow

__all__ = ["Intake"]

_T = TypeVar("_T")


class Intake(ABC, Generic[_T]):
    """The observer of an observable, which may be told from any thread.

    Arguments:
        buffer: where values wait.
    """

    def __init__(self, buffer: Buffer[_T]) -> None:
        self.buffer = buffer
        self.lock = threading.RLock()  # a collection may end an iteration in the middle of anything
        self.has_ended = False
        """Whether no value comes any more; some may wait."""
        self.error: Exception | None = None
        """What the observable ended with."""
        self._subscription = SerialDisposable()

    @abstractmethod
    def changed(self) -> None:
        """Be told, on the observable's thread, that there is something new: a value, or the end."""

    def subscribe_to(self, observable: Observable[_T], scheduler: abc.SchedulerBase | None = None) -> None:
        """Begin; raises ``ValueError`` if the buffer is to hold a socket back and there is none."""

        def subscribe() -> abc.DisposableBase:
            return observable.subscribe(self._on_next, self._end, self._end, scheduler=scheduler)

        try:
            self._subscription.disposable = self.buffer.fill_by(subscribe)
        except ValueError:
            if self.error is None:  # else it failed while it was subscribed, which tells more
                self.close()
                raise
        if self.has_ended:
            self.buffer.finish()

    def _on_next(self, value: _T) -> None:
        overflow = None
        with self.lock:
            if self.has_ended:
                return
            try:
                self.buffer.put(value)
            except BufferOverflow as error:
                overflow = error
        if overflow is not None:
            self._end(overflow)
            self._subscription.dispose()
        else:
            self.changed()

    def _end(self, error: Exception | None = None) -> None:
        with self.lock:
            if self.has_ended:
                return
            self.has_ended = True
            self.error = error
            self.buffer.finish()
        self.changed()

    def take(self) -> _T:
        """Take the oldest value; raises ``IndexError`` if there is none."""
        with self.lock:
            return self.buffer.take()

    def close(self) -> None:
        """End now: no value, no error, no subscription any more."""
        with self.lock:
            self.has_ended = True
            self.error = None
            self.buffer.clear()
            self.buffer.finish()
        self._subscription.dispose()
        self.changed()

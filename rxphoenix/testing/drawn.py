"""Observables that do what a drawing says.

What lives here: cold and hot ones, and when they were subscribed to. What does not: what a drawing means
(``drawing.py``), and what is expected (``expectations.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable

from rxphoenix.testing.clock import VirtualScheduler
from rxphoenix.testing.drawing import Completed, Drawing, Failed, Instant, Mark, Next

__all__ = ["ColdObservable", "HotObservable", "Subscription"]

Subscription: TypeAlias = tuple[Instant | None, Instant | None]
"""When one began and ended, in microseconds from the beginning; ``None`` where it did not."""


def _tell(observer: abc.ObserverBase[Any], mark: Mark) -> None:
    match mark:
        case Next(value=value):
            observer.on_next(value)
        case Failed(error=error):
            observer.on_error(error)  # pyright: ignore[reportArgumentType]
        case Completed():
            observer.on_completed()


class _Drawn(Observable[Any]):
    """An observable that does what a drawing says, and keeps when it was subscribed to."""

    def __init__(self, scheduler: VirtualScheduler, drawing: Drawing) -> None:
        super().__init__()
        self.drawing = drawing
        """What it does."""
        self.subscriptions: list[Subscription] = []
        """When each subscription began and was disposed of, in microseconds from the beginning."""
        self._scheduler = scheduler

    def _note(self, end: Callable[[], object]) -> abc.DisposableBase:
        began, index = self._scheduler.instant, len(self.subscriptions)
        self.subscriptions.append((began, None))

        def dispose() -> None:
            self.subscriptions[index] = (began, self._scheduler.instant)
            end()

        return Disposable(dispose)


class ColdObservable(_Drawn):
    """Does what its drawing says from each subscription on."""

    def _subscribe_core(
        self, observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        def tell(mark: Mark) -> abc.DisposableBase:
            return self._scheduler.after(mark.instant, lambda: _tell(observer, mark))

        return self._note(CompositeDisposable([tell(mark) for mark in self.drawing.marks]).dispose)


class HotObservable(_Drawn):
    """Does what its drawing says from the instant at which it was made, whether somebody listens or not."""

    def __init__(self, scheduler: VirtualScheduler, drawing: Drawing) -> None:
        super().__init__(scheduler, drawing)
        self._observers: list[abc.ObserverBase[Any]] = []
        self._end: Mark | None = None
        for mark in drawing.marks:
            if mark.instant >= 0:
                scheduler.after(mark.instant, lambda mark=mark: self._emit(mark))

    def _emit(self, mark: Mark) -> None:
        if not isinstance(mark, Next):
            self._end = mark
        for observer in tuple(self._observers):
            if observer in self._observers:
                _tell(observer, mark)

    def _subscribe_core(
        self, observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        self._observers.append(observer)
        subscription = self._note(lambda: self._observers.remove(observer))
        if self._end is not None:
            _tell(observer, self._end)
        return subscription

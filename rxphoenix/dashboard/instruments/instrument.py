"""What all instruments have in common: they watch, and tell how they look a few times a second.

What lives here: the period. What does not: what is watched (a file each), and who looks (``rxphoenix.dashboard``).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC
from math import floor
from typing import Any, ClassVar, TypeAlias, TypeVar

import msgspec
import reactivex
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable, SerialDisposable
from reactivex.scheduler.eventloop import AsyncIOScheduler

from rxphoenix import Socket

__all__ = ["EVERY", "Instrument", "Look", "Words", "reason"]

EVERY = 0.25
"""Seconds between two looks: what an eye can follow, and a browser can draw without haste."""

Look: TypeAlias = msgspec.Struct
"""How an instrument looks at one instant; it is read by the page, as JSON."""

Words: TypeAlias = Mapping[str, Any]
"""What a page tells its instrument: a filter that was typed, a button that was pressed."""

_T = TypeVar("_T")


def reason(error: Exception) -> str:
    """What an error says, or its name where it says nothing."""
    return str(error) or type(error).__name__


class Instrument(ABC):
    """Watches streams; counts exactly, and is looked at on a period.

    Arguments:
        clock: whose time counts: a scheduler, a socket for that of its scheduler, or by default the event loop that
            runs.
    """

    moves: ClassVar[bool] = False
    """Whether it looks different as time goes by, although nothing has happened."""

    def __init__(self, clock: abc.SchedulerBase | Socket | None = None) -> None:
        self._clock = clock
        self._is_behind = False
        self._watching: CompositeDisposable | None = None
        self._look_soon: Callable[[], None] | None = None

    @property
    def scheduler(self) -> abc.SchedulerBase:
        """Where its time comes from."""
        if isinstance(self._clock, Socket):
            return self._clock.scheduler
        # asked for each time: a piece may outlive a loop, and be shown on the next one
        return self._clock or AsyncIOScheduler(asyncio.get_running_loop())

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self.scheduler.now.replace(tzinfo=UTC).timestamp()

    def looks(self) -> Observable[Look]:
        """How it looks: at once, and then every ``EVERY`` seconds if something has changed; it never ends.

        What moves is looked at when a second has passed, too.

        It watches from the subscription to its disposal; one subscription at a time.
        """

        def subscribe(observer: abc.ObserverBase[Look], _scheduler: abc.SchedulerBase | None = None) -> Disposable:
            self._watching = watching = CompositeDisposable()
            timer = SerialDisposable()
            looked = self.now

            def look() -> None:
                nonlocal looked
                self._is_behind, looked = False, self.now
                observer.on_next(self._look())

            def tick(_scheduler: abc.SchedulerBase, _state: object = None) -> None:
                timer.disposable = self.scheduler.schedule_relative(EVERY, tick)
                if self._is_behind or (self.moves and floor(self.now) > floor(looked)):
                    look()

            def stop() -> None:
                timer.dispose()
                watching.dispose()
                self._watching = self._look_soon = None

            self._watch()
            self._look_soon = look
            look()
            timer.disposable = self.scheduler.schedule_relative(EVERY, tick)
            return Disposable(stop)

        return reactivex.create(subscribe)

    def told(self, words: Words) -> None:  # noqa: B027  most have no buttons
        """Hear what somebody has done on the page; an instrument without buttons hears nothing.

        What comes over a network is not to be trusted: words that make no sense are left alone.
        """

    # -- for those who inherit -------------------------------------------------------------------------------------

    @abstractmethod
    def _watch(self) -> None:
        """Begin to watch, by ``_follow``."""

    @abstractmethod
    def _look(self) -> Look:
        """How it looks now."""

    def _follow(
        self,
        stream: Observable[_T],
        on_next: Callable[[_T], None],
        on_end: Callable[[Exception | None], None] | None = None,
    ) -> None:
        """Watch a stream; each value, and the end of it, is a change.

        Arguments:
            stream: the stream.
            on_next: hears each value.
            on_end: hears the end: an error, or ``None`` where it has completed.
        """

        def receive(value: _T) -> None:
            self._is_behind = True
            on_next(value)

        def end(error: Exception | None = None) -> None:
            self._is_behind = True
            if on_end is not None:
                on_end(error)

        self._keep(stream.subscribe(receive, end, end))

    def _keep(self, watching: abc.DisposableBase) -> None:
        """Dispose something when nobody looks any more, or at once where that is so already."""
        if self._watching is None:
            watching.dispose()
        else:
            self._watching.add(watching)

    def _changed(self, *, show: bool = False) -> None:
        """Something looks different; ``show`` does not wait for the next period, as somebody has pressed a button."""
        self._is_behind = True
        if show and self._look_soon is not None:
            self._look_soon()

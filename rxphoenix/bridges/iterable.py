"""Asynchronous iterables as observables.

What lives here: iterating for a subscriber. What does not: the other way round (``iteration.py``).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, Generic, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from rxphoenix.bridges.tasks import cancel, loop_here, no_loop, outcome_of, raise_on
from rxphoenix.client.context import Context
from rxphoenix.client.origins import notice
from rxphoenix.client.waiting import Waiter
from rxphoenix.tasks import begin

__all__ = ["from_async_iterable"]

_T = TypeVar("_T")


def from_async_iterable(factory: Callable[[], AsyncIterable[_T]]) -> Observable[_T]:
    """Make an observable of what an asynchronous iterable yields; cold: each subscription iterates over one of its own.

    Arguments:
        factory: makes the iterable: an async generator function, or another function that returns what ``async for``
            can iterate over.

    Returns:
        An observable that runs the iterable in a task on the running event loop. It emits each item, completes when
        there are no more, and errors with what the iterable or the factory raises. When it is disposed the task is
        cancelled, and the iterator closed. ``Overflow.BLOCK`` of ``iterate`` and ``map_async`` holds it back: the next
        item is asked for when there is room.

    Raises:
        TypeError: ``factory`` is not callable.

    ```text
                     all = from_async_iterable(items(0.002, "a", "b", "c"))
                     some = from_async_iterable(items(0.002, "a", "b", "c"))
    subscribed some  -^---!
    observed all     --a-b-(c|)
    observed some    ---a-
    ```
    Marbles: `marbles/from-async-iterable.marble`

    Example:
        ```python
        import asyncio
        from reactivex import operators as ops
        from rxphoenix import from_async_iterable


        async def countdown():
            for number in (3, 2, 1):
                await asyncio.sleep(0.01)
                yield number


        assert await from_async_iterable(countdown).pipe(ops.to_list()) == [3, 2, 1]
        ```
    """
    if not callable(factory):
        raise TypeError(
            f"from_async_iterable() takes a function that makes an asynchronous iterable, not {factory!r}: "
            "each subscription iterates over one of its own"
        )

    def subscribe(observer: abc.ObserverBase[_T], _scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        loop = loop_here()
        if loop is None:
            raise no_loop("from_async_iterable()")
        running = _Running(factory, observer)
        notice(running)
        running.begin(loop)
        return Disposable(running.dispose)

    return Observable(subscribe)


class _Running(Generic[_T]):
    """One subscription, and the task that iterates for it."""

    def __init__(self, factory: Callable[[], AsyncIterable[_T]], observer: abc.ObserverBase[_T]) -> None:
        self._factory = factory
        self._observer = observer
        self._task: asyncio.Task[None] | None = None
        self._is_over = False
        self._pauses: dict[_Pause, None] = {}
        self._waiter: Waiter[None] | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Iterate, from the next turn of the loop on."""
        self._task = begin(loop, self._run(), "rxphoenix from_async_iterable")
        self._task.add_done_callback(self._ended)

    def dispose(self) -> None:
        """Emit nothing more, and end the task."""
        self._is_over = True
        if self._task is not None:
            cancel(self._task)

    # -- holding it back -----------------------------------------------------------------------------------------

    def brake(
        self, seconds: float, on_expired: Callable[[Context], object], on_impossible: Callable[[], object]
    ) -> _Pause:
        """Make one consumer's means to hold it back; nothing gives up on it, however long that is."""
        return _Pause(self)

    def hold_back(self, pause: _Pause) -> None:
        """Ask for no further item."""
        self._pauses[pause] = None

    def go_on(self, pause: _Pause) -> None:
        """Ask for the next item, if nobody else has no room."""
        self._pauses.pop(pause, None)
        if not self._pauses and self._waiter is not None:
            self._waiter.settle(None)

    # -- iterating -----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        iterable = self._factory()
        if not isinstance(iterable, AsyncIterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            if inspect.iscoroutine(iterable):
                iterable.close()
            raise TypeError(f"from_async_iterable() was given a function that returned {iterable!r}, which `async for` "
                            "cannot iterate over; give an async generator function, for example")  # fmt: skip
        iterator = aiter(iterable)
        try:
            await self._iterate(iterator)
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()

    async def _iterate(self, iterator: AsyncIterator[_T]) -> None:
        while not self._is_over:
            while self._pauses:
                self._waiter = Waiter()
                await self._waiter
            try:
                item = await anext(iterator)
            except StopAsyncIteration:
                return
            if not self._is_over:
                self._hand_over(item)

    def _hand_over(self, item: _T) -> None:
        try:
            self._observer.on_next(item)
        except Exception as error:
            raise_on(asyncio.get_running_loop(), error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = outcome_of(task, "the task of from_async_iterable()")
        if not self._is_over:
            self._is_over = True
            if error is None:
                self._observer.on_completed()
            else:
                self._observer.on_error(error)
        elif error is not None and not task.cancelled():
            raise error  # in the end of an iterable whose values nobody wants any more; to the loop's exception handler


class _Pause:
    """One consumer's means to hold an iterable back."""

    def __init__(self, running: _Running[Any]) -> None:
        self._running = running

    def begin(self) -> None:
        """Hold it back."""
        self._running.hold_back(self)

    def end(self) -> None:
        """Hold it back no longer."""
        self._running.go_on(self)

    def dispose(self) -> None:
        """Never hold it back again."""
        self.end()

"""Coroutines as an operator: each value is worked on by one, and their results are a stream.

What lives here: starting them, so many at a time, and emitting what they return. What does not: where values wait
meanwhile (``intake.py``).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from rxphoenix.bridges.blocking import buffer_for
from rxphoenix.bridges.buffer import Buffer, Overflow
from rxphoenix.bridges.intake import Intake
from rxphoenix.bridges.tasks import call_on, cancel, loop_here, no_loop, outcome_of, raise_on
from rxphoenix.client.socket import Socket
from rxphoenix.tasks import begin

__all__ = ["map_async"]

_T = TypeVar("_T")
_R = TypeVar("_R")


def map_async(
    function: Callable[[_T], Awaitable[_R]],
    concurrency: int = 1,
    ordered: bool = True,
    *,
    buffer: int = 1000,
    overflow: Overflow = Overflow.ERROR,
    block_for: float = 20.0,
    socket: Socket | None = None,
) -> Callable[[Observable[_T]], Observable[_R]]:
    """Map each value by a coroutine function, on the running event loop.

    Arguments:
        function: an ``async def`` function, or another that returns what can be awaited, such as a push.
        concurrency: how many values are worked on at a time at most. One whose result waits for its turn counts, too.
        ordered: whether results come in the order of the values, or as soon as they are there.
        buffer: how many values wait at most for their turn to be worked on.
        overflow: what happens to one more, by default ``BufferOverflow``; ``Overflow.BLOCK`` holds the socket back.
        block_for: with ``Overflow.BLOCK``, for how long at most, in seconds; see ``iterate``.
        socket: with ``Overflow.BLOCK``, the socket to hold back, where it is not found; see ``iterate``.

    Returns:
        An operator for ``pipe``. Its stream emits what the coroutines return. It completes when the source has, and all
        is worked off. It errors with what a coroutine raises, when it would be its turn to emit; at once with an error
        of the source or ``BufferOverflow``. When it errs or is disposed, coroutines that still run are cancelled.

    Raises:
        TypeError, ValueError: an argument is not usable.

    ```text
    hot s           -abc---|
                    one = s.pipe(map_async(lambda seconds: work(seconds, seconds)))
                    three = s.pipe(map_async(lambda seconds: work(seconds, seconds), concurrency=3))
                    any = s.pipe(map_async(lambda seconds: work(seconds, seconds), concurrency=3, ordered=False))
    observed one    ------a--b---(c|)
    observed three  ------(ab 1ms c|)
    observed any    -----ba(c|)
    a = 0.005   b = 0.003   c = 0.004
    ```
    Marbles: `marbles/map-async.marble`

    Example:
        ```python
        import asyncio
        from reactivex import operators as ops
        from rxphoenix import Socket, map_async


        async def look_up(reading):
            await asyncio.sleep(0.01)
            return f"{reading['celsius']} degrees"


        async with Socket("ws://localhost:4000/socket") as socket:
            readings = socket.channel("sensor:kitchen").on("reading")
            print(await readings.pipe(map_async(look_up, concurrency=4), ops.first()))
        ```
    """
    if not callable(function):
        raise TypeError(f"map_async() takes a coroutine function, not {function!r}")
    if not isinstance(concurrency, int) or isinstance(concurrency, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"concurrency must be a number of values, not {concurrency!r}")
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {concurrency!r}")
    buffer_for(buffer, overflow, block_for, socket)

    def mapped(source: Observable[_T]) -> Observable[_R]:
        def subscribe(observer: abc.ObserverBase[_R], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
            waiting: Buffer[_T] = buffer_for(buffer, overflow, block_for, socket)
            mapping = _Mapping(waiting, function, concurrency, ordered, observer)
            mapping.subscribe_to(source, scheduler)
            return Disposable(mapping.dispose)

        return Observable(subscribe)

    return mapped


class _Mapping(Intake[_T], Generic[_T, _R]):
    """One subscription."""

    def __init__(
        self,
        buffer: Buffer[_T],
        function: Callable[[_T], Awaitable[_R]],
        concurrency: int,
        ordered: bool,
        observer: abc.ObserverBase[_R],
    ) -> None:
        super().__init__(buffer)
        self._function = function
        self._concurrency = concurrency
        self._ordered = ordered
        self._observer = observer
        self._loop = loop_here()
        self._tasks: list[asyncio.Task[_R]] = []
        """Those that run, and those whose results wait for their turn, in the order of their values."""
        self._is_over = False

    def changed(self) -> None:
        """Go on, on the loop that runs where values come, or else where it was subscribed."""
        if self._is_over:
            return
        loop = self._loop = loop_here() or self._loop
        if loop is None:
            self._fail(no_loop("map_async()"))
        else:
            call_on(loop, self._go_on)

    def dispose(self) -> None:
        """End it: nothing is emitted any more, and what runs is cancelled."""
        self._is_over = True
        self.close()
        for task in tuple(self._tasks):
            cancel(task)

    def _go_on(self) -> None:
        if self.error is not None and not self._is_over:
            self._fail(self.error)
        while not self._is_over and len(self._tasks) < self._concurrency and len(self.buffer):
            self._start(self.take())
        if self.has_ended and not self._tasks and not self._is_over:
            self._is_over = True
            self._observer.on_completed()

    def _start(self, value: _T) -> None:
        assert self._loop is not None
        task = begin(self._loop, self._work_on(value), "rxphoenix map_async")
        self._tasks.append(task)
        task.add_done_callback(self._done)

    async def _work_on(self, value: _T) -> _R:
        # called in here, so that a task that is cancelled before it begins leaves nothing that was never awaited
        awaitable = self._function(value)
        if not inspect.isawaitable(awaitable):
            raise TypeError(
                "map_async() takes a function that returns what can be awaited, such as an `async def` function; "
                f"{self._function!r} returned {awaitable!r}"
            )
        return await awaitable

    def _done(self, done: asyncio.Task[_R]) -> None:
        if self._is_over:
            if not done.cancelled():
                done.exception()  # whoever disposed does not want to know
            return
        if not self._ordered:
            self._tasks.remove(done)
            self._emit(done)
        while self._ordered and self._tasks and self._tasks[0].done() and not self._is_over:
            self._emit(self._tasks.pop(0))
        self._go_on()

    def _emit(self, task: asyncio.Task[_R]) -> None:
        error = outcome_of(task, "a coroutine of map_async()")
        if error is not None:
            self._fail(error)
            return
        try:
            self._observer.on_next(task.result())
        except Exception as raised:
            raise_on(task.get_loop(), raised)

    def _fail(self, error: Exception) -> None:
        self.dispose()
        self._observer.on_error(error)

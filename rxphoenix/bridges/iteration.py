"""Observables as asynchronous iterators: ``async for``.

A stream pushes when it likes, a loop pulls when it can; in between is a buffer of limited size, and the user says what
happens when it is full.

What lives here: subscribing for a loop, waiting, ending. What does not: the buffer (``buffer.py``).
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from reactivex import Observable
from reactivex.disposable import SerialDisposable

from rxphoenix.bridges.buffer import Buffer, Overflow
from rxphoenix.client.waiting import Waiter
from rxphoenix.errors import BufferOverflow

__all__ = ["Iteration", "iterate"]

_T = TypeVar("_T")


def iterate(observable: Observable[_T], buffer: int = 1000, overflow: Overflow = Overflow.ERROR) -> Iteration[_T]:
    """Iterate over an observable with ``async for``.

    As ``async with iterate(...) as items:`` it subscribes when the block is entered and disposes when it is left, in
    whatever way. As ``async for item in iterate(...):`` alone it subscribes when the loop begins, and disposes when the
    loop ends or the task is cancelled; on ``break`` or an exception in the loop's body that is when Python collects the
    iterator, which CPython does at once. Elsewhere use ``async with``, or ``contextlib.aclosing``.

    Arguments:
        observable: any observable; a channel, a state, what operators made of them.
        buffer: how many values wait at most while the loop is busy.
        overflow: what happens to one more, by default ``BufferOverflow``.

    Returns:
        The iterator. It ends when the observable completes; it raises the error of the observable after the values
        that came before it.

    Raises:
        TypeError, ValueError: an argument is not usable.

    ```text
    observable:   --a--b-c-----|
    loop body:    --aaaa.......         a takes long
                        bbb...          b and c wait in the buffer
                           ccc|
    ```

    Example:
        ```python
        from rxphoenix import Overflow, Socket, iterate

        async with Socket("ws://localhost:4000/socket") as socket:
            readings = socket.channel("sensor:kitchen").on("reading")
            async with iterate(readings, overflow=Overflow.LATEST) as items:
                async for reading in items:
                    print(reading["celsius"], items.dropped)
                    break
        ```
    """
    if not isinstance(observable, Observable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"iterate() takes an observable, not {observable!r}")
    return Iteration(observable, Buffer(buffer, overflow))


class Iteration(AsyncIterator[_T]):
    """What ``iterate()`` returns: an asynchronous iterator and context manager, for one task at a time.

    Inside ``async with`` a wait that is cancelled, as by ``asyncio.timeout``, loses nothing: iterate on. Without it,
    a wait that is cancelled ends the iteration.
    """

    def __init__(self, observable: Observable[_T], buffer: Buffer[_T]) -> None:
        self._observable: Observable[_T] | None = observable
        self._inbox = _Inbox(buffer)
        self._entered = False

    @property
    def dropped(self) -> int:
        """How many values were dropped because the buffer was full."""
        return self._inbox.buffer.dropped

    @property
    def waiting(self) -> int:
        """How many values wait in the buffer."""
        return len(self._inbox.buffer)

    async def __aenter__(self) -> Self:
        self._entered = True
        self._subscribe()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._inbox.close()

    def _subscribe(self) -> None:
        observable, self._observable = self._observable, None
        if observable is not None:
            self._inbox.subscribe_to(observable)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _T:
        self._subscribe()
        inbox = self._inbox
        while True:
            waiter = inbox.wait()
            if waiter is None:
                return inbox.take()
            try:
                await waiter
            except BaseException:
                if not self._entered:
                    inbox.close()
                raise
            finally:
                inbox.stop_waiting()

    async def aclose(self) -> None:
        """End the iteration and dispose the subscription, at once; for ``contextlib.aclosing``."""
        self._observable = None
        self._inbox.close()

    def __del__(self) -> None:
        inbox: _Inbox[_T] | None = getattr(self, "_inbox", None)
        if inbox is not None:
            inbox.close()


class _Inbox(Generic[_T]):
    """The observer, which may be told from any thread.

    It does not know the iterator, so that one that nobody holds is collected and its subscription disposed.
    """

    def __init__(self, buffer: Buffer[_T]) -> None:
        self.buffer = buffer
        self._subscription = SerialDisposable()
        self._lock = threading.RLock()  # a collection may end an iteration in the middle of anything
        self._waiter: Waiter[None] | None = None
        self._ended = False
        self._error: Exception | None = None

    def subscribe_to(self, observable: Observable[_T]) -> None:
        self._subscription.disposable = observable.subscribe(self._on_next, self._end, self._end)

    # -- what the observable says --------------------------------------------------------------------------------

    def _on_next(self, value: _T) -> None:
        with self._lock:
            if self._ended:
                return
            try:
                self.buffer.put(value)
            except BufferOverflow as error:
                overflow = error
            else:
                overflow = None
                self._wake()
        if overflow is not None:
            self._end(overflow)
            self._subscription.dispose()

    def _end(self, error: Exception | None = None) -> None:
        with self._lock:
            if not self._ended:
                self._ended = True
                self._error = error
                self._wake()

    def _wake(self) -> None:
        if self._waiter is not None:
            self._waiter.settle(None)

    # -- what the iterator says ----------------------------------------------------------------------------------

    def wait(self) -> Waiter[None] | None:
        """What to wait for before ``take``; ``None`` for nothing."""
        with self._lock:
            if len(self.buffer) or self._ended:
                return None
            if self._waiter is not None:
                raise RuntimeError(
                    "another task waits for the next value already; give each task an iterate() of its own"
                )
            self._waiter = Waiter()
            return self._waiter

    def stop_waiting(self) -> None:
        """The wait is over, one way or another."""
        self._waiter = None

    def take(self) -> _T:
        """The next value; raises the observable's error, or ``StopAsyncIteration``, after the last one."""
        with self._lock:
            if len(self.buffer):
                return self.buffer.take()
            error, self._error = self._error, None
        if error is None:
            raise StopAsyncIteration
        if isinstance(error, (StopIteration, StopAsyncIteration)):  # these would end the loop without a word
            raise RuntimeError(f"the observable ended with {error!r}") from error
        raise error

    def close(self) -> None:
        """End now: no value, no error, no subscription any more."""
        with self._lock:
            self._ended = True
            self._error = None
            self.buffer.clear()
            self._wake()
        self._subscription.dispose()

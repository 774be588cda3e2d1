"""Observables as iterators: ``async for``, and ``for`` in programs without an event loop.

A stream pushes when it likes, a loop pulls when it can; in between is a buffer of limited size, and the user says what
happens when it is full.

What lives here: subscribing for a loop, waiting, ending. What does not: filling the buffer (``intake.py``), and what
happens when it is full (``buffer.py``, ``blocking.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from reactivex import Observable

from rxphoenix.bridges.blocking import buffer_for
from rxphoenix.bridges.buffer import Buffer, Overflow
from rxphoenix.bridges.intake import Intake
from rxphoenix.client.joined import Gap
from rxphoenix.client.socket import Socket
from rxphoenix.client.waiting import ThreadWaiter, Waiter
from rxphoenix.errors import WrongThread

__all__ = ["Iteration", "iterate"]

_T = TypeVar("_T")
_W = TypeVar("_W", Waiter[None], ThreadWaiter[None])


def iterate(
    observable: Observable[_T],
    buffer: int = 1000,
    overflow: Overflow = Overflow.ERROR,
    *,
    block_for: float = 20.0,
    socket: Socket | None = None,
) -> Iteration[_T]:
    """Iterate over an observable with ``async for``.

    As ``async with iterate(...) as items:`` it subscribes when the block is entered and disposes when it is left, in
    whatever way. As ``async for item in iterate(...):`` alone it subscribes when the loop begins, and disposes when the
    loop ends or the task is cancelled; on ``break`` or an exception in the loop's body that is when Python collects the
    iterator, which CPython does at once. Elsewhere use ``async with``, or ``contextlib.aclosing``.

    In a program without a loop, ``with iterate(...) as items:`` and ``for item in iterate(...):`` do the same, and
    block the thread while they wait; Ctrl-C interrupts them. See ``background()``.

    Arguments:
        observable: any observable; a channel, a state, what operators made of them.
        buffer: how many values wait at most while the loop is busy.
        overflow: what happens to one more, by default ``BufferOverflow``.
        block_for: with ``Overflow.BLOCK``, for how long the socket is held back at most while the loop takes nothing,
            in seconds. A server gives up on a client that does not read, many after 30 s.
        socket: with ``Overflow.BLOCK``, the socket to hold back, where it is not found: those are found whose streams
            are subscribed when the iteration begins.

    Returns:
        The iterator. It ends when the observable completes; it raises the error of the observable after the values
        that came before it.

    Raises:
        TypeError, ValueError: an argument is not usable. With ``Overflow.BLOCK`` also when the iteration begins, if
            there is no socket to hold back.
        WrongThread: ``for`` where an event loop runs, which would stand still; use ``async for``.

    With ``Overflow.BLOCK`` nothing is lost as long as the loop takes something every ``block_for`` seconds: the socket
    reads nothing while the buffer is full, and the server waits. After that the socket reads on, what there is no room
    for is dropped, ``BlockedTooLong`` is reported on ``socket.errors``, and ``gap`` tells the loop when it gets there.
    While a push, a join or a ping awaits its answer the socket is always read, so that the loop may await one: what
    comes meanwhile is taken in over the limit.

    ```text
    hot s     -ab-c---d-|
              loop(s, 0.003)
    observed  -a--b--c--d--|
    ```
    Marbles: `marbles/iterate.marble`

    ```text
    frame             1s
    phoenix room:a    -abcdef
    phoenix room:b    ----x
                      slow = loop(channel("room:a").on("news"), 4, buffer=2, overflow=overflow.BLOCK)
                      other = channel("room:b").on("news")
    subscribed slow   ^ 24s !
    subscribed other  ^ 24s !
    observed slow     -p---q---r---s---t---u
    observed other    ---------v
    a = event("news", 1)   b = event("news", 2)   c = event("news", 3)   d = event("news", 4)
    e = event("news", 5)   f = event("news", 6)   x = event("news", 0)   p = 1   q = 2   r = 3   s = 4
    t = 5   u = 6   v = 0
    ```
    Marbles: `marbles/overflow-block.marble`

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
    return Iteration(observable, buffer_for(buffer, overflow, block_for, socket))


class Iteration(AsyncIterator[_T], Iterator[_T]):
    """What ``iterate()`` returns: an iterator and context manager, asynchronous or not.

    It is for one task or thread at a time.

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
    def exceeded(self) -> int:
        """How many values were taken in though the buffer was full, by ``Overflow.BLOCK``."""
        return self._inbox.buffer.exceeded

    @property
    def gap(self) -> Gap | None:
        """What ``Overflow.BLOCK`` lost right before the value that the loop got last; ``None`` for nothing."""
        return self._inbox.buffer.gap

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
            waiter = inbox.wait(Waiter[None])
            if waiter is None:
                return inbox.next()
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
        self.close()

    # -- without a loop ------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        _check_no_loop()
        self._entered = True
        self._subscribe()
        return self

    def __exit__(self, *exception: object) -> None:
        self._inbox.close()

    def __iter__(self) -> Self:
        _check_no_loop()
        return self

    def __next__(self) -> _T:
        _check_no_loop()
        self._subscribe()
        inbox = self._inbox
        while True:
            waiter = inbox.wait(ThreadWaiter[None])
            if waiter is None:
                try:
                    return inbox.next()
                except StopAsyncIteration:
                    raise StopIteration from None
            try:
                waiter.wait()
            except BaseException:
                if not self._entered:
                    inbox.close()
                raise
            finally:
                inbox.stop_waiting()

    def close(self) -> None:
        """End the iteration and dispose the subscription, at once; for ``contextlib.closing``."""
        self._observable = None
        self._inbox.close()

    def __del__(self) -> None:
        inbox: _Inbox[_T] | None = getattr(self, "_inbox", None)
        if inbox is not None:
            inbox.close()


class _Inbox(Intake[_T]):
    """The observer, and who waits for what it gets.

    It does not know the iterator, so that one that nobody holds is collected and its subscription disposed.
    """

    def __init__(self, buffer: Buffer[_T]) -> None:
        super().__init__(buffer)
        self._waiter: Waiter[None] | ThreadWaiter[None] | None = None

    def changed(self) -> None:
        """Wake who waits."""
        if self._waiter is not None:
            self._waiter.settle(None)

    def wait(self, make: Callable[[], _W]) -> _W | None:
        """What to wait for before ``next``, made for the purpose; ``None`` for nothing."""
        with self.lock:
            if len(self.buffer) or self.has_ended:
                return None
            if self._waiter is not None:
                raise RuntimeError(
                    "another one waits for the next value already; give each task or thread an iterate() of its own"
                )
            self._waiter = waiter = make()
            return waiter

    def stop_waiting(self) -> None:
        """The wait is over, one way or another."""
        self._waiter = None

    def next(self) -> _T:
        """The next value; raises the observable's error, or ``StopAsyncIteration``, after the last one."""
        with self.lock:
            if len(self.buffer):
                return self.take()
            error, self.error = self.error, None
        if error is None:
            raise StopAsyncIteration
        if isinstance(error, (StopIteration, StopAsyncIteration)):  # these would end the loop without a word
            raise RuntimeError(f"the observable ended with {error!r}") from error
        raise error


def _check_no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise WrongThread(
        "`for` over iterate()", "on the thread of an event loop, which would stand still: use `async for`"
    )

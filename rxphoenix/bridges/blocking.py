"""A buffer that is not full for long: it holds back what its values come from.

What lives here: finding these origins, and when a buffer holds them back. What does not: how a socket is held back, and
when it is not after all (``rxphoenix.client.flow``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from reactivex import abc

from rxphoenix.bridges.buffer import Buffer, Overflow
from rxphoenix.client.checks import check_seconds
from rxphoenix.client.context import Context
from rxphoenix.client.joined import Gap
from rxphoenix.client.origins import Brake, origins
from rxphoenix.client.socket import Socket
from rxphoenix.client.socket_streams import context_of
from rxphoenix.errors import BlockedTooLong, BufferOverflow

__all__ = ["BlockingBuffer", "buffer_for"]

_T = TypeVar("_T")

_NOTHING_TO_HOLD_BACK = (
    "Overflow.BLOCK has nothing to hold back: no stream of a Socket was subscribed with this observable; "
    "give the one that its values come from as socket=..., or choose another overflow="
)


def buffer_for(limit: int, overflow: Overflow, block_for: float, socket: Socket | None) -> Buffer[Any]:
    """Make the buffer that a user asked for.

    Arguments:
        limit: how many values wait at most.
        overflow: what happens to one more.
        block_for: for ``BLOCK``, how long a socket is held back at most, in seconds.
        socket: for ``BLOCK``, a socket to hold back besides those that are found.

    Raises:
        TypeError, ValueError: an argument is not usable.
    """
    if socket is not None and not isinstance(socket, Socket):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"socket must be a Socket, not {socket!r}")
    seconds = check_seconds("block_for", block_for)
    if overflow is Overflow.BLOCK:
        return BlockingBuffer(limit, seconds, socket)
    if socket is not None:
        raise ValueError("socket= is what Overflow.BLOCK holds back; give overflow=Overflow.BLOCK, or leave it out")
    return Buffer(limit, overflow)


class BlockingBuffer(Buffer[_T]):
    """A buffer that holds back the origins of its values while it is full.

    It takes in what comes all the same: what is on its way, and of a socket also what comes while an answer is
    awaited. Only when a socket was held back for its time, and nothing was taken meanwhile, it drops what comes, until
    something is taken.

    Arguments:
        limit: how many values wait before the origins are held back.
        seconds: how long a socket is held back while nothing is taken.
        socket: a socket to hold back besides what is found.
    """

    __slots__ = ("_brakes", "_expired", "_gaps", "_given", "_is_full", "_lost", "_puts", "_refused", "_seconds",
                 "_takes")  # fmt: skip

    def __init__(self, limit: int, seconds: float, socket: Socket | None) -> None:
        super().__init__(limit, Overflow.BLOCK)
        self._seconds = seconds
        self._given = socket
        self._brakes: tuple[Brake, ...] = ()
        self._is_full = False
        self._expired: Context | None = None
        self._refused = False
        self._lost: _Loss | None = None
        self._gaps: deque[tuple[int, Gap]] = deque()
        self._puts = self._takes = 0

    def fill_by(self, subscribe: Callable[[], abc.DisposableBase]) -> abc.DisposableBase:
        """Subscribe to what fills it, and find its origins."""
        with origins() as found:
            subscription = subscribe()
        if self._given is not None:
            found[context_of(self._given)] = None
        if not found:
            subscription.dispose()
            raise ValueError(_NOTHING_TO_HOLD_BACK)
        self._brakes = tuple(origin.brake(self._seconds, self._expire, self._refuse) for origin in found)
        if self._is_full:  # by what came meanwhile
            self._hold_back()
        return subscription

    def put(self, value: _T) -> None:
        """Take a value in; raises ``BufferOverflow`` if it is full and there is a socket that cannot be held back."""
        waiting = len(self._values)
        if waiting >= self.limit:
            if self._refused:
                raise BufferOverflow(self.limit, "the transport cannot be held back")
            if self._expired is not None:
                self._drop(self._expired)
                return
            self.exceeded += 1
        self._puts += 1
        self._values.append(value)
        if waiting + 1 >= self.limit and not self._is_full:
            self._is_full = True
            self._hold_back()

    def take(self) -> _T:
        """Take the oldest value out; raises ``IndexError`` if there is none."""
        value = self._values.popleft()
        self.gap = None
        if self._gaps and self._gaps[0][0] == self._takes:
            self.gap = self._gaps.popleft()[1]
        self._takes += 1
        if self._is_full:
            self._expired = None
            if self._lost is not None:
                self._gaps.append((self._puts, self._lost.made_good(self.dropped)))
                self._lost = None
            if len(self._values) < self.limit:
                self._is_full = False
                for brake in self._brakes:
                    brake.end()
            else:
                self._hold_back()
        return value

    def finish(self) -> None:
        """No value comes any more: nothing needs to be held back."""
        brakes, self._brakes = self._brakes, ()
        for brake in brakes:
            brake.dispose()

    def _hold_back(self) -> None:
        for brake in self._brakes:
            brake.begin()

    def _refuse(self) -> None:
        self._refused = True

    def _expire(self, context: Context) -> None:
        """A socket was held back for its time: it is read on, and what there is no room for is dropped."""
        self._expired = context

    def _drop(self, context: Context) -> None:
        if self._lost is None:
            self._lost = _Loss(context.scheduler, BlockedTooLong(self._seconds), self.dropped)
            context.marshal(partial(context.report, self._lost.error))
        self.dropped += 1


class _Loss:
    """A loss, until something is taken.

    Arguments:
        scheduler: whose clock tells when it is.
        error: why.
        dropped: how many values had been dropped before it.
    """

    def __init__(self, scheduler: abc.SchedulerBase, error: BlockedTooLong, dropped: int) -> None:
        self.error = error
        self._scheduler = scheduler
        self._since = scheduler.now
        self._dropped = dropped

    def made_good(self, dropped: int) -> Gap:
        """The gap that ends now, with the number of values that have been dropped by now."""
        seconds = (self._scheduler.now - self._since).total_seconds()
        return Gap(self._since, seconds, self.error, dropped=dropped - self._dropped)

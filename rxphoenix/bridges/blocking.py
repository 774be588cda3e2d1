"""A buffer that is not full for long: it holds back the sockets that its values come from.

What lives here: finding these sockets, and when a buffer holds them back. What does not: how a socket is held back, and
when it is not after all (``rxphoenix.client.flow``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from reactivex import abc

from rxphoenix.bridges.buffer import Buffer, Overflow
from rxphoenix.client.checks import check_seconds
from rxphoenix.client.context import Context
from rxphoenix.client.flow import Block
from rxphoenix.client.joined import Gap
from rxphoenix.client.origins import origins
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
    """A buffer that holds back its sockets while it is full.

    It takes in what comes all the same: what has been read already, and what comes while an answer is awaited. Only
    when a socket was held back for its time, and nothing was taken meanwhile, it drops what comes, until something is.

    Arguments:
        limit: how many values wait before the sockets are held back.
        seconds: how long they are held back while nothing is taken.
        socket: a socket to hold back besides those that are found.
    """

    __slots__ = (
        "_blocks",
        "_gaps",
        "_given",
        "_is_full",
        "_lost",
        "_puts",
        "_reads_on",
        "_refused",
        "_seconds",
        "_takes",
    )

    def __init__(self, limit: int, seconds: float, socket: Socket | None) -> None:
        super().__init__(limit, Overflow.BLOCK)
        self._seconds = seconds
        self._given = socket
        self._blocks: tuple[tuple[Context, Block], ...] = ()
        self._is_full = False
        self._reads_on = False
        self._refused = False
        self._lost: tuple[abc.SchedulerBase, datetime, BlockedTooLong, int] | None = None
        self._gaps: deque[tuple[int, Gap]] = deque()
        self._puts = self._takes = 0

    def fill_by(self, subscribe: Callable[[], abc.DisposableBase]) -> abc.DisposableBase:
        """Subscribe to what fills it, and find the sockets."""
        with origins() as found:
            subscription = subscribe()
        if self._given is not None:
            found[context_of(self._given)] = None
        if not found:
            subscription.dispose()
            raise ValueError(_NOTHING_TO_HOLD_BACK)
        self._blocks = tuple((context, self._block_on(context)) for context in found)
        if self._is_full:  # by what came meanwhile
            self._hold_back()
        return subscription

    def _block_on(self, context: Context) -> Block:
        return Block(context, self._seconds, self._expired, self._impossible)

    def put(self, value: _T) -> None:
        """Take a value in; raises ``BufferOverflow`` if it is full and there is a socket that cannot be held back."""
        waiting = len(self._values)
        if waiting >= self.limit:
            if self._refused:
                raise BufferOverflow(self.limit, "the transport cannot be held back")
            if self._reads_on:
                self._drop()
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
            if self._reads_on:
                self._reads_on = False
                self._close_gap()
            if len(self._values) < self.limit:
                self._is_full = False
                self._tell(Block.end)
            else:
                self._hold_back()
        return value

    def finish(self) -> None:
        """No value comes any more: nothing needs to be held back."""
        self._tell(Block.dispose)
        self._blocks = ()

    # -- holding back --------------------------------------------------------------------------------------------

    def _tell(self, what: Callable[[Block], None]) -> None:
        for context, block in self._blocks:
            context.marshal(partial(what, block))

    def _hold_back(self) -> None:
        self._tell(Block.begin)

    def _impossible(self) -> None:
        self._refused = True

    def _expired(self) -> None:
        """A socket was held back for its time: they are read on, and what there is no room for is dropped."""
        self._reads_on = True
        self._tell(Block.end)

    # -- what is lost --------------------------------------------------------------------------------------------

    def _drop(self) -> None:
        self.dropped += 1
        if self._lost is None:
            error = BlockedTooLong(self._seconds)
            scheduler = self._blocks[0][0].scheduler
            self._lost = (scheduler, scheduler.now, error, self.dropped - 1)
            for context, _block in self._blocks:
                context.marshal(partial(context.report, error))

    def _close_gap(self) -> None:
        if self._lost is not None:
            scheduler, since, error, before = self._lost
            gap = Gap(since, (scheduler.now - since).total_seconds(), error, dropped=self.dropped - before)
            self._gaps.append((self._puts, gap))
            self._lost = None

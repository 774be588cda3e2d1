"""One connection that one task carries: how it begins, how it is asked to end, and what its end tells the observer.

What lives here: the life of such a task. What does not: what it reads and writes (``websocket.py``, ``longpoll.py``).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from rxphoenix.errors import ConnectionFault, ConnectionLost
from rxphoenix.transports.base import CloseRequest, ConnectRequest, TransportEvent

__all__ = ["Carrier", "carried"]


class Carrier(ABC):
    """One connection, from its handshake to its end.

    Arguments:
        request: what was asked for.
        observer: who hears of it.
    """

    def __init__(self, request: ConnectRequest, observer: abc.ObserverBase[TransportEvent]) -> None:
        self._request = request
        self._observer = observer
        self._task: asyncio.Task[ConnectionFault] | None = None
        self._asked = False
        """Whether the end was asked for: it is a completion then, and no fault."""
        self._open = False
        self._over = False

    @abstractmethod
    async def run(self) -> ConnectionFault:
        """Connect and carry frames; returns why it ended."""

    @abstractmethod
    def _flush_and_close(self, close: CloseRequest) -> None:
        """Begin to end the open connection as asked."""

    @abstractmethod
    def _ended(self) -> None:
        """Let go of what the task itself could not: it may have been cancelled before it ran at all."""

    def start(self, name: str) -> abc.DisposableBase:
        """Begin; returns what drops the connection."""
        task = self._task = asyncio.get_running_loop().create_task(self.run(), name=name)
        task.add_done_callback(self._end)  # not in run(), which a task cancelled early never enters
        self._request.closing.listen(self._close)
        return Disposable(self.drop)

    def _close(self, close: CloseRequest) -> None:
        assert self._task is not None
        if self._task.done():
            return
        self._asked = True
        if self._open:
            self._flush_and_close(close)
        else:
            self._task.cancel()

    def drop(self) -> None:
        """Abandon it: what waits to be written is not, and nothing more is emitted."""
        self._asked = True
        if self._task is not None and not self._task.done() and not self._task.get_loop().is_closed():
            self._task.cancel()

    def _end(self, task: asyncio.Task[ConnectionFault]) -> None:
        self._over = True
        self._ended()
        raised = None if task.cancelled() else task.exception()
        if raised is not None:
            fault: ConnectionFault = ConnectionLost("reading ended with an exception that was not ours to catch")
        elif task.cancelled():
            fault = ConnectionLost("the event loop cancelled it")
        else:
            fault = task.result()
        if self._asked:
            self._observer.on_completed()
        else:
            self._observer.on_error(fault)
        if raised is not None:
            raise raised  # to the loop's exception handler: it must not disappear


def carried(make: Callable[[abc.ObserverBase[TransportEvent]], Carrier], name: str) -> Observable[TransportEvent]:
    """Make the cold observable whose subscriptions are carried by a task each.

    Arguments:
        make: makes the carrier of one subscription.
        name: the name of its task.
    """

    def subscribe(
        observer: abc.ObserverBase[TransportEvent], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return make(observer).start(name)

    return Observable(subscribe)

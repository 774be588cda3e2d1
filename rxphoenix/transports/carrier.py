"""One connection that one task carries: how it begins, how it is asked to end, and what its end tells the observer.

What lives here: the life of such a task. What does not: what it reads and writes (``websocket.py``, ``longpoll.py``).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import cast

from reactivex import Observable, abc
from reactivex.disposable import Disposable
from reactivex.internal import default_error

from rxphoenix import tasks
from rxphoenix.errors import ConnectionFault, ConnectionLost, EventLoopEnding
from rxphoenix.protocol.message import Frame
from rxphoenix.transports.base import Callbacks, CloseRequest, ConnectRequest, TransportEvent

__all__ = ["MAX_UNSENT_SIZE", "Carrier", "carried", "check_size"]


MAX_UNSENT_SIZE = 64 * 1024 * 1024
"""How many bytes of frames wait to be sent at most, unless a user says otherwise."""

_ENDS_A_LOOP = (KeyboardInterrupt, SystemExit)
"""What a task raises into the loop itself, too."""


def _ignore(_value: object = None) -> None:
    return None


_NOBODY = Callbacks(_ignore, _ignore, _ignore, _ignore)


class Carrier(ABC):
    """One connection, from its handshake to its end.

    Arguments:
        request: what was asked for.
        observer: who hears of it.
        max_unsent_size: how many bytes of frames wait to be sent at most.
    """

    def __init__(self, request: ConnectRequest, observer: Callbacks, max_unsent_size: int) -> None:
        self._request = request
        self._observer = observer
        self._max_unsent_size = max_unsent_size
        self._unsent_size = 0
        """Bytes of the frames that nobody has begun to write."""
        self._cause: ConnectionFault | None = None
        self._task: asyncio.Task[ConnectionFault] | None = None
        self._asked = False
        """Whether the end was asked for: it is a completion then, and no fault."""
        self._cancels = 0
        """How often its task was cancelled by us, because closing took too long."""
        self._open = False
        self._over = False
        self._held = False
        """Whether reading is held back."""
        self._flowing = asyncio.Event()
        self._flowing.set()

    @abstractmethod
    async def run(self) -> ConnectionFault:
        """Connect and carry frames; returns why it ended."""

    @abstractmethod
    def _flush_and_close(self, close: CloseRequest) -> None:
        """Begin to end the open connection as asked."""

    @abstractmethod
    def _ended(self) -> None:
        """Let go of what the task itself could not: it may have been cancelled before it ran at all."""

    def _has_room(self, frame: Frame) -> bool:
        """Whether one more frame may wait to be sent; if not, the connection is lost: nobody reads at its other end."""
        if self._unsent_size > self._max_unsent_size:
            assert self._task is not None
            words = f"more than {self._max_unsent_size} bytes wait to be sent, and the server does not take them"
            self._cut_short(ConnectionLost(words))
            return False
        self._unsent_size += len(frame.data)
        return True

    def start(self, name: str) -> abc.DisposableBase:
        """Begin; returns what drops the connection."""
        task = self._task = tasks.begin(asyncio.get_running_loop(), self.run(), name)
        task.add_done_callback(self._end)  # not in run(), which a task cancelled early never enters
        self._request.closing.listen(self._close)
        return Disposable(self.drop)

    def hold_back(self, held: bool) -> None:
        """Emit no frame and read nothing, or read on."""
        self._held = held and not self._asked
        if self._held:
            self._flowing.clear()
        else:
            self._flowing.set()

    def _close(self, close: CloseRequest) -> None:
        assert self._task is not None
        if self._task.done():
            return
        self._asked = True
        self.hold_back(False)
        if self._open:
            self._flush_and_close(close)
        else:
            self._task.cancel()

    def drop(self) -> None:
        """Abandon it: what waits to be written is not, and nothing more is emitted."""
        self._asked = True
        self._observer = _NOBODY
        if self._task is not None and not self._task.done() and not self._task.get_loop().is_closed():
            self._task.cancel()

    def _cut_short(self, cause: ConnectionFault) -> None:
        """Cancel it, for a reason of ours."""
        assert self._task is not None
        self._cause = self._cause or cause
        self._cancels += 1
        self._task.cancel()

    def _stop_closing(self) -> None:
        """Wait no longer for the close."""
        self._cut_short(ConnectionLost("closing it took too long"))

    def _end(self, task: asyncio.Task[ConnectionFault]) -> None:
        self._over = True
        self._ended()
        if self._asked:
            self._observer.on_completed()
        else:
            # whoever shows it with its frames shows what they knew: addresses, tokens
            self._observer.on_error(self._fault_of(task).with_traceback(None))
        raised = None if task.cancelled() else task.exception()
        if raised is not None and not isinstance(raised, _ENDS_A_LOOP):
            raise raised  # to the loop's exception handler: it must not disappear

    def _fault_of(self, task: asyncio.Task[ConnectionFault]) -> ConnectionFault:
        if task.cancelling() > self._cancels:
            return EventLoopEnding()  # who else would cancel a task that is none of theirs?
        if task.cancelled():
            return self._cause or EventLoopEnding()
        raised = task.exception()
        if isinstance(raised, _ENDS_A_LOOP):
            return EventLoopEnding()
        if raised is not None:
            return ConnectionLost("reading ended with an exception that was not ours to catch")
        return task.result()


def check_size(name: str, size: int) -> int:
    """Return a number of bytes; raises ``ValueError`` for one that lets nothing through."""
    if size < 1:
        raise ValueError(f"{name} must be a positive number of bytes, not {size!r}")
    return size


class _Carried(Observable[TransportEvent]):
    """An observable that calls its observer itself, without RxPY's wrapper: a carrier stops by itself when dropped."""

    def __init__(self, start: Callable[[Callbacks], abc.DisposableBase]) -> None:
        super().__init__()
        self._start = start

    def subscribe(
        self,
        on_next: abc.ObserverBase[TransportEvent] | abc.OnNext[TransportEvent] | None = None,
        on_error: abc.OnError | None = None,
        on_completed: abc.OnCompleted | None = None,
        *,
        scheduler: abc.SchedulerBase | None = None,
    ) -> abc.DisposableBase:
        if isinstance(on_next, Callbacks):
            return self._start(on_next)
        if on_next is not None and hasattr(on_next, "on_next"):
            observer = cast("abc.ObserverBase[TransportEvent]", on_next)
            return self.subscribe(observer.on_next, observer.on_error, observer.on_completed)
        take = cast("abc.OnNext[TransportEvent]", on_next or _ignore)

        def take_text(data: bytes) -> None:
            take(Frame(data))

        return self._start(Callbacks(take, on_error or default_error, on_completed or _ignore, take_text))


def carried(make: Callable[[Callbacks], Carrier], name: str) -> Observable[TransportEvent]:
    """Make the cold observable whose subscriptions are carried by a task each.

    Arguments:
        make: makes the carrier of one subscription.
        name: the name of its task.
    """
    return _Carried(lambda observer: make(observer).start(name))

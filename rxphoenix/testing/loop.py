"""An event loop in virtual time, for the coroutines of the code under test.

Coroutines given as params or token run on it, and so does whatever they start: ``asyncio.sleep`` and ``timeout`` take
the time of the world's clock, tasks, futures, events, queues and awaited pushes are those of asyncio. What would leave
the process or its thread (a network, a subprocess, ``asyncio.to_thread``) raises ``RealTimeUsed``.

What lives here: the loop. What does not: the clock (``clock.py``), and what refuses to
block (``blocking.py``).
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio.log import logger
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, TypeVarTuple, cast

from reactivex import abc

from rxphoenix.testing.real_time import COROUTINE, RealTimeUsed

if TYPE_CHECKING:
    from rxphoenix.testing.clock import VirtualScheduler

__all__ = ["VirtualLoop"]

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class _Timer(asyncio.TimerHandle):
    """A call that is due at an instant, and leaves the clock when it is cancelled."""

    pending: abc.DisposableBase | None = None

    def cancel(self) -> None:
        if self.pending is not None:
            self.pending.dispose()
        super().cancel()

    def run(self) -> None:
        """Make the call, as a loop does."""
        try:
            self._run()
        finally:
            # The traceback of a task can lead here: it would keep the task, and nobody would hear of its error.
            self._callback = self._args = cast("Any", None)


class VirtualLoop(asyncio.AbstractEventLoop):
    """The loop that runs while virtual time passes; made by ``VirtualScheduler``.

    Arguments:
        scheduler: the clock.

    Example:
        ```python
        import asyncio
        from rxphoenix.testing import marbles

        async def token():
            await asyncio.sleep(0.005)
            return "sesame"

        with marbles() as m:
            socket = m.phoenix().socket(auth_token=token)
            m.expect(socket.opened()).to_be("-----(o|)", {"o": None})
        ```
    """

    def __init__(self, scheduler: VirtualScheduler) -> None:
        self._scheduler = scheduler
        self._is_closed = False
        self.refused: list[RealTimeUsed] = []
        """What was tried that takes real time."""

    # -- time ----------------------------------------------------------------------------------------------------

    def time(self) -> float:
        """Seconds from the beginning."""
        return self._scheduler.monotonic()

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Call a function at this instant, after what is scheduled for it already."""
        return self._call(self.time(), callback, args, context)

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Call a function after a time in seconds."""
        return self._call(self.time() + delay, callback, args, context)

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Call a function at a time in seconds from the beginning."""
        return self._call(when, callback, args, context)

    def _call(
        self,
        when: float,
        callback: Callable[..., object],
        arguments: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, arguments, self, context)
        timer.pending = self._scheduler.at(round(when * 1_000_000), timer.run)
        return timer

    def _timer_handle_cancelled(self, _timer: asyncio.TimerHandle) -> None:
        """Asked for by asyncio's own handles; ours have left the clock already."""

    # -- coroutines ----------------------------------------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, _T] | Generator[Any, None, _T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[_T]:
        """Run a coroutine on this loop."""
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Let the test raise what a callback raised; log what was never retrieved, as asyncio does."""
        error = context.get("exception")
        if error is not None and "handle" in context:
            raise error
        logger.error(context["message"], exc_info=error)

    # -- state ---------------------------------------------------------------------------------------------------

    def get_debug(self) -> bool:
        """Not in debug mode."""
        return False

    def is_running(self) -> bool:
        """Whether time passes."""
        return asyncio._get_running_loop() is self

    def is_closed(self) -> bool:
        """Whether the world has ended."""
        return self._is_closed

    @contextmanager
    def running(self) -> Generator[None, None, None]:
        """Let this be the loop that runs, also where a real one does: nothing of it can run meanwhile."""
        other = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            yield
        finally:
            asyncio._set_running_loop(other)

    def close(self) -> None:
        """Cancel what still runs, and let it tidy up at this instant."""
        for task in asyncio.all_tasks(self):
            task.cancel()
        self._scheduler.pass_until(self._scheduler.instant)
        self._is_closed = True

    def _refuse(self, name: str) -> NoReturn:
        error = RealTimeUsed(None, f"{name}() of the event loop", remedy=COROUTINE)
        self.refused.append(error)
        raise error


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(loop: VirtualLoop, *_arguments: object, **_named: object) -> NoReturn:
        loop._refuse(name)  # pyright: ignore[reportPrivateUsage]

    return refuse


for _name in vars(asyncio.AbstractEventLoop):
    if not _name.startswith("_") and _name not in vars(VirtualLoop):
        setattr(VirtualLoop, _name, _refusal(_name))

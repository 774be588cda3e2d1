"""Real sockets in time that is not: an event loop that does not wait for a timer but goes to it, and one that jumps.

Client, server and whatever is between them run on one such loop. As long as bytes are on their way it is an ordinary
one; when nothing can happen any more before the next timer, its clock leaps there. So a heartbeat that is lost after a
minute is lost at once, to the millisecond, and every limit of time in a test is one of the product's own time.

What lives here: the loops, and running a test on one. What does not: what is tested.
"""

from __future__ import annotations

import asyncio
import fcntl
import functools
import select
import selectors
import struct
import termios
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import pytest
from reactivex.internal.constants import UTC_ZERO
from reactivex.scheduler.eventloop import AsyncIOScheduler

from tests.house.leaks import pending_timers, unfinished_tasks, watched_sockets

__all__ = ["BlockableLoop", "LeapingLoop", "LeapingScheduler", "on_a"]

Test: TypeAlias = Callable[..., Awaitable[None]]

_QUIET_SECONDS = 0.002
"""How long nothing must come, in real time, before nothing is on its way."""

_PATIENCE = 20.0
_TURNS = 5


class _LeapingSelector(selectors.DefaultSelector):
    """Waits for sockets as usual; where a loop would wait for a timer, its clock leaps."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        while True:
            events = super().select(min(timeout, _QUIET_SECONDS))
            if events:
                return events
            if not self._is_sending():
                self.now += timeout
                return []

    def _is_sending(self) -> bool:
        """Whether the kernel holds bytes that have not reached the other end yet."""
        return any(_unsent(key.fd) for key in self.get_map().values())


def _unsent(fd: int) -> int:
    try:
        return struct.unpack("i", fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(4)))[0]
    except OSError:  # it listens, or is the loop's own
        return 0


class LeapingLoop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        self._leaping = _LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        """Seconds from the beginning, leaps included."""
        return self._leaping.now

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Call a function here and now: what a thread does is not seen to be on its way."""
        done = self.create_future()
        done.set_result(func(*args))
        return done


class BlockableLoop(asyncio.SelectorEventLoop):
    """A loop in real time that can be blocked for long without taking long."""

    def __init__(self) -> None:
        self._selecting = selectors.DefaultSelector()
        self._blocked = 0.0
        super().__init__(self._selecting)
        self._own = {key.fd for key in self._selecting.get_map().values()}

    def time(self) -> float:
        """Seconds, those included for which it was blocked."""
        return super().time() + self._blocked

    def block(self, seconds: float, *, unread: int = 0) -> None:
        """Let time pass while nothing runs, as in a callback that takes long.

        Arguments:
            seconds: how long.
            unread: on how many connections something has come by then, which nobody has read.
        """
        watched = [key.fd for key in self._selecting.get_map().values() if key.fd not in self._own]
        patience = super().time() + _PATIENCE
        while len(select.select(watched, [], [], _QUIET_SECONDS)[0]) < unread:
            assert super().time() < patience, f"nothing has come on {unread} connections"
        self._blocked += seconds


class LeapingScheduler(AsyncIOScheduler):
    """The scheduler for a socket on one of these loops."""

    asleep = timedelta()
    """How much further the clock on the wall is, because the machine slept."""

    @property
    def now(self) -> datetime:
        """The clock on the wall."""
        return UTC_ZERO + timedelta(seconds=self._loop.time()) + self.asleep


def on_a(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[Test], Callable[..., None]]:
    """Run a test on a loop of its own, and see to it that it leaves nothing there."""

    def decorate(test: Test) -> Callable[..., None]:
        async def run(*arguments: Any, **named: Any) -> list[str]:
            await test(*arguments, **named)
            loop, left = asyncio.get_running_loop(), list[str]()
            for _ in range(_TURNS):
                left = [*unfinished_tasks(loop), *pending_timers(loop), *watched_sockets(loop)]
                if not left:
                    break
                await asyncio.sleep(0)
            return left

        @functools.wraps(test)
        def wrapper(*arguments: Any, **named: Any) -> None:
            with asyncio.Runner(loop_factory=make_loop) as runner:
                left = runner.run(run(*arguments, **named))
            if left:
                pytest.fail("left behind:\n" + "\n".join(f"- {each}" for each in left), pytrace=False)

        return wrapper

    return decorate

"""Waiting by the clock of a scheduler, in coroutines and elsewhere.

What lives here: calls to come, a pause, and limits to how long something may take. What does not: what is waited for.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from reactivex import abc
from reactivex.disposable import SerialDisposable

__all__ = ["call_after", "check_seconds", "deadline", "pause", "time_limit"]

_LATE = timedelta(seconds=1)
_REPRIEVE = 1.0
"""Seconds that a limit is put off if its time comes late: what came meanwhile has not been read yet."""


def check_seconds(name: str, seconds: Any) -> float:
    """Return a time to wait; raises ``TypeError`` or ``ValueError`` for what is no positive number of seconds."""
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        raise TypeError(f"{name} must be a number of seconds, not {seconds!r}")
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"{name} must be a positive number of seconds, not {seconds!r}")
    return seconds


def call_after(scheduler: abc.SchedulerBase, seconds: float, action: Callable[[], object]) -> abc.DisposableBase:
    """Call a function after a time in seconds; dispose to prevent it."""

    def run(_scheduler: abc.SchedulerBase, _state: object = None) -> None:
        action()

    return scheduler.schedule_relative(seconds, run)


def deadline(scheduler: abc.SchedulerBase, seconds: float, action: Callable[[], object]) -> abc.DisposableBase:
    """Call a function when something has taken too long; dispose to prevent it.

    If the machine slept, or the loop was blocked, its time comes late, and what was waited for may be there unread: so
    it is called a second after.
    """
    timer = SerialDisposable()
    due = scheduler.now + timedelta(seconds=seconds)

    def expire() -> None:
        if scheduler.now - due > _LATE:
            timer.disposable = call_after(scheduler, _REPRIEVE, action)
        else:
            action()

    timer.disposable = call_after(scheduler, seconds, expire)
    return timer


async def pause(scheduler: abc.SchedulerBase, seconds: float) -> None:
    """Wait for so many seconds."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    timer = call_after(scheduler, seconds, lambda: None if over.done() else over.set_result(None))
    try:
        await over
    finally:
        timer.dispose()


@asynccontextmanager
async def time_limit(scheduler: abc.SchedulerBase, seconds: float) -> AsyncGenerator[None]:
    """Raise ``TimeoutError`` if the block takes longer than so many seconds."""
    task = asyncio.current_task()
    assert task is not None
    cancelling, expired = task.cancelling(), False

    def expire() -> None:
        nonlocal expired
        expired = True
        task.cancel()

    timer = deadline(scheduler, seconds, expire)
    try:
        yield
    except asyncio.CancelledError:
        if expired and task.uncancel() <= cancelling:
            raise TimeoutError from None
        raise  # somebody else wants it to end, too
    finally:
        timer.dispose()

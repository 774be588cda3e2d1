"""Waiting in a coroutine, by the clock of a scheduler.

What lives here: a pause, and a limit to how long something may take. What does not: what is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from reactivex import abc

__all__ = ["call_after", "pause", "time_limit"]


def call_after(scheduler: abc.SchedulerBase, seconds: float, action: Callable[[], object]) -> abc.DisposableBase:
    """Call a function after a time in seconds; dispose to prevent it."""

    def run(_scheduler: abc.SchedulerBase, _state: object = None) -> None:
        action()

    return scheduler.schedule_relative(seconds, run)


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

    timer = call_after(scheduler, seconds, expire)
    try:
        yield
    except asyncio.CancelledError:
        if expired and task.uncancel() <= cancelling:
            raise TimeoutError from None
        raise  # somebody else wants it to end, too
    finally:
        timer.dispose()

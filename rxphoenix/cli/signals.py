"""Ctrl-C and SIGTERM: told to what runs, so that it can end as it should.

What lives here: turning signals into an event, and into the end of a piece of work. What does not: what ends.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any

from rxphoenix.cli.statuses import INTERRUPTED

__all__ = ["signals", "until_told"]


@contextmanager
def signals() -> Generator[asyncio.Event]:
    """Turn SIGINT and SIGTERM into an event."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    handled: list[signal.Signals] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, ended.set)
        except NotImplementedError:  # Windows: there Ctrl-C cancels, which ends it as well
            break
        handled.append(number)
    try:
        yield ended
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


async def until_told(work: Coroutine[Any, Any, int], interrupted: int = INTERRUPTED) -> int:
    """Do some work, until it ends or SIGINT or SIGTERM cancels it; a second one does not wait for its end.

    Arguments:
        work: it returns an exit status.
        interrupted: the exit status where a signal has ended it.
    """
    task = asyncio.ensure_future(work)
    with signals() as told:
        telling = asyncio.ensure_future(told.wait())
        await asyncio.wait((task, telling), return_when=asyncio.FIRST_COMPLETED)
        telling.cancel()
    if not task.done():
        task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return interrupted

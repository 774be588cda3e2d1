"""Tasks that belong to one subscription: which loop they run on, and ending them.

What lives here: what the bridges that run coroutines share. What does not: what the coroutines do (``mapping.py``,
``iterable.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from rxphoenix.errors import NoEventLoop

__all__ = ["call_on", "cancel", "loop_here", "no_loop", "outcome_of", "raise_on"]


def loop_here() -> asyncio.AbstractEventLoop | None:
    """The loop that runs on this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def no_loop(what: str, otherwise: str = "") -> NoEventLoop:
    """The error of what needs a loop where none runs.

    Arguments:
        what: what needs it.
        otherwise: what else would do.
    """
    words = f"no event loop runs here: use {what} inside `async def main()` with asyncio.run(main())"
    return NoEventLoop(f"{words}, {otherwise}" if otherwise else words)


def call_on(loop: asyncio.AbstractEventLoop, action: Callable[[], object]) -> None:
    """Do something on a loop: now if it runs here, else when it gets to it; never if it is closed."""
    if loop_here() is loop:
        action()
        return
    try:
        loop.call_soon_threadsafe(action)
    except RuntimeError:  # it is closed: nothing is left to be done there
        return


def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel a task, from any thread; one that is at work right now is to end by itself."""
    loop = task.get_loop()
    if loop_here() is not loop or asyncio.current_task() is not task:
        call_on(loop, task.cancel)


def raise_on(loop: asyncio.AbstractEventLoop, error: Exception) -> None:
    """Let the loop's exception handler have an error that nobody else can be told."""

    def raise_it() -> None:
        raise error

    loop.call_soon(raise_it)


def outcome_of(task: asyncio.Task[Any], what: str) -> Exception | None:
    """What a task that is done has raised, as an error that a stream can end with.

    Arguments:
        task: the task, which nobody of ours has cancelled.
        what: how to call it.
    """
    if task.cancelled():
        return RuntimeError(f"{what} was cancelled from outside")
    error = task.exception()
    if error is None or isinstance(error, Exception):
        return error
    return RuntimeError(f"{what} was ended by {error!r}")  # which the loop has raised already

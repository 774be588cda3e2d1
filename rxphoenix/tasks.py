"""Tasks of ours: held while they run, and let go of without noise where their loop ends before them.

asyncio holds its tasks weakly, and wants somebody to hold them. A loop that is closed while a task still waits, or that
nobody runs again, leaves the task to the garbage collector: it complains of each, and runs what is left of their
coroutines in any order, with a loop that is none any more. So such a task is unwound before: from the inside out, as
by a cancellation, and without waiting for anything.

What lives here: beginning a task, and the end of those that cannot end by themselves. What does not: what they do.
"""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["begin", "hold"]

_T = TypeVar("_T")

_running: set[asyncio.Task[Any]] = set()
_MOST_WAITS = 100
"""How often a coroutine that is unwound may try to wait."""


def begin(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, _T], name: str) -> asyncio.Task[_T]:
    """Begin a task, and hold it until it is done or its loop is gone.

    Arguments:
        loop: where it runs.
        coroutine: what it runs.
        name: what it is called.
    """
    _let_go_if(lambda loop: loop.is_closed())
    if loop.is_closed():
        coroutine.close()
        raise RuntimeError(f"the task {name!r} cannot begin: its event loop is closed")
    task = loop.create_task(coroutine, name=name)
    hold(task)
    return task


def hold(task: asyncio.Task[Any]) -> None:
    """Hold a task that somebody else has begun for us."""
    if task not in _running:
        _running.add(task)
        task.add_done_callback(_running.discard)


def _let_go_if(is_gone: Callable[[asyncio.AbstractEventLoop], bool]) -> None:
    for task in tuple(_running):
        loop = task.get_loop()
        if is_gone(loop):
            _running.discard(task)
            others = asyncio.all_tasks(loop)
            _unwind(task)
            for begun in asyncio.all_tasks(loop) - others:  # by what was unwound, to wait for something
                _unwind(begun)


def _unwind(task: asyncio.Task[Any]) -> None:
    coroutine = task.get_coro()
    try:
        for _ in range(_MOST_WAITS):
            coroutine.throw(asyncio.CancelledError())
    except BaseException:  # that it has ended, however
        pass
    task._log_destroy_pending = False  # type: ignore[attr-defined] # as asyncio.gather() does


@atexit.register
def _let_go_at_exit() -> None:
    """What stands still now will never run again; a loop on another thread may run to the very end."""
    _let_go_if(lambda loop: not loop.is_running())

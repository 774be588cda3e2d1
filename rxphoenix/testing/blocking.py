"""What would block a test in virtual time: a sleep, a thread, the network, an ``await`` on a loop of the test's own.

Each raises ``RealTimeUsed`` with its place while a world is active: ``time.sleep``; the start of a thread or of a
``threading.Timer``, and whatever waits for one (an event, a queue, a future of ``concurrent.futures``); connecting a
blocking socket, and looking up a name for it, as HTTP libraries without a loop do; and in a test that is a coroutine,
an ``await`` of what can only come when virtual time passes.

Not seen: a ``sleep`` that was taken out of its module by ``from time import sleep`` before the world began, other calls
of the operating system that block (a file, a subprocess), and what else an event loop of the test's own runs.

What lives here: what is put in place of these calls. What does not: when that is done (``threads.py``), and the event
loop of a world (``loop.py``).
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeAlias

from reactivex import Observable

from rxphoenix.client.waiting import Waiter
from rxphoenix.testing.loop import VirtualLoop
from rxphoenix.testing.real_time import AWAIT, NETWORK, SLEEP, THREAD

__all__ = ["refusals"]

_Refuse: TypeAlias = Callable[[str, str], NoReturn]

_BETWEEN = ("threading", "queue", "concurrent", "socket", "http", "urllib", "rxphoenix", "reactivex", "asyncio")
"""What stands between such a call and the code that made it."""


def refusals(thread: int, refuse: _Refuse) -> Iterator[tuple[object, str, object]]:
    """Make what refuses to block.

    Arguments:
        thread: the identifier of the thread on which to refuse; others may do as they like.
        refuse: raises, given what was tried and the remedy.

    Yields:
        An owner, the name of an attribute, and what to put in its place.
    """

    def refused(original: Callable[..., Any], name: str, remedy: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
            if threading.get_ident() == thread and not _tells_somebody(frame):
                refuse(f"{name}{_place(frame, ', called at ')},", remedy)
            return original(*arguments, **named)

        return call

    connect = socket.socket.connect

    def refused_connect(blocking: socket.socket, address: Any) -> None:
        # those of event loops do not block
        if threading.get_ident() == thread and blocking.gettimeout() != 0:
            frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
            refuse(f"the network ({address!r}){_place(frame, ', called at ')},", NETWORK)
        connect(blocking, address)

    def awaited(original: Callable[[Any], Generator[Any, Any, Any]]) -> Callable[[Any], Generator[Any, Any, Any]]:
        def wait(awaitable: Any) -> Generator[Any, Any, Any]:
            waiting = original(awaitable)
            if threading.get_ident() != thread or isinstance(asyncio.get_running_loop(), VirtualLoop):
                return (yield from waiting)
            try:
                pending = next(waiting)
            except StopIteration as already:
                return already.value
            pending.cancel()
            place = _place(sys._getframe(1), ", at ")  # pyright: ignore[reportPrivateUsage]
            return refuse(f"an await on an event loop of the test's own{place},", AWAIT)

        return wait

    yield time, "sleep", refused(time.sleep, "time.sleep()", SLEEP)
    yield threading.Thread, "start", refused(threading.Thread.start, "a thread", THREAD)
    yield threading.Condition, "wait", refused(threading.Condition.wait, "a wait for a thread", THREAD)
    yield socket, "getaddrinfo", refused(socket.getaddrinfo, "the network (getaddrinfo)", NETWORK)
    yield socket.socket, "connect", refused_connect
    for kind in (Waiter, Observable):
        yield kind, "__await__", awaited(vars(kind)["__await__"])


def _place(frame: FrameType | None, words: str) -> str:
    """The nearest place in the code that made a call, after some words; nothing where a loop or a thread made it."""
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        if frame.f_globals["__name__"] == "asyncio.events":
            return ""
        frame = frame.f_back
    return "" if frame is None else f"{words}{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def _tells_somebody(frame: FrameType | None) -> bool:
    """Whether something is being logged or printed: how long that takes is no business of what is tested.

    In a notebook, to flush the output is to wait for a thread.
    """
    streams = (sys.stdout, sys.stderr)
    while frame is not None:
        if frame.f_globals.get("__name__") == "logging" or any(frame.f_locals.get("self") is each for each in streams):
            return True
        frame = frame.f_back
    return False

"""An event loop on a thread of its own, for programs that have none.

A socket that is made here is an ordinary ``Socket``; its scheduler takes calls from any thread, and so it does too.

What lives here: the thread, its loop, and the end of both. What does not: handing calls over to the loop
(``background_scheduler.py``), and what a socket does with a call from elsewhere (``rxphoenix.client.context``).
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Self, TypeVar
from weakref import WeakSet

from rxphoenix.bridges.background_scheduler import BackgroundScheduler
from rxphoenix.client.checks import check_seconds
from rxphoenix.client.context import logger
from rxphoenix.client.socket import Socket
from rxphoenix.errors import NoEventLoop

__all__ = ["Background", "background"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_AT_EXIT = 2.0
"""Seconds that the end of the program waits for a background that nobody has closed."""

_LAST_TURNS = 100
"""Turns that the loop makes at the end for what is under way; a bare ``retry()`` of what is closed goes on for ever."""


def background() -> Background:
    """Run an event loop on a daemon thread, for sockets in programs that have no loop.

    Returns:
        The background, a context manager that closes its sockets, its loop and its thread at the end.

    ```text
    your thread   background()  subscribe()       push().run() ......... x   close() ......... |
    bg's thread       |------------ joins --- a --- b -- sends -- reply -----c--- leaves ------|
    callbacks                                 a     b                        c
    ```

    Example:
        ```python
        import rxphoenix

        with rxphoenix.background() as bg:
            socket = bg.socket("ws://localhost:4000/socket")
            room = socket.channel("room:lobby")
            room.on("new_msg").subscribe(lambda message: print(message["body"]))  # called on bg's thread
            print(room.push("new_msg", {"body": "hello"}).run(timeout=5))
        ```
    """
    return Background()


def _like(constructor: Callable[_P, _R]) -> Callable[[Callable[..., _R]], Callable[Concatenate[Any, _P], _R]]:
    """Give a method the arguments of a constructor, for checkers and for readers."""

    def decorate(method: Callable[..., _R]) -> Callable[Concatenate[Any, _P], _R]:
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        taken = inspect.signature(constructor).parameters
        parameters = (own, *(parameter for name, parameter in taken.items() if name != "scheduler"))
        signature = inspect.Signature(parameters, return_annotation=constructor.__name__)
        setattr(method, "__signature__", signature)  # noqa: B010
        return method

    return decorate


class Background:
    """An event loop on a daemon thread, with sockets that may be used from any thread; see ``background()``.

    Callbacks come on its thread, in the order of the socket, so one that takes long holds up all others;
    ``ops.observe_on(scheduler)`` has them called elsewhere. The functions that a socket is given (params, tokens,
    delays) are called there, too.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._scheduler = BackgroundScheduler(self._loop)
        self._lock = threading.Lock()
        self._is_closing = False
        self._asked_to_close = asyncio.Event()
        self._sockets: WeakSet[Socket] = WeakSet()
        self._thread = threading.Thread(target=self._live, name="rxphoenix background", daemon=True)
        self._thread.start()
        atexit.register(self._close_at_exit)

    @_like(Socket)
    def socket(self, *arguments: Any, **options: Any) -> Socket:
        """Make a socket that lives here and may be used from any thread.

        Arguments:
            *arguments: those of ``Socket``.
            **options: those of ``Socket``, all but ``scheduler``.

        Returns:
            The socket. From other threads its calls are handed over and do not wait: ``subscribe`` and
            ``connect()`` return at once, and calls of one thread take effect in their order. To wait there are
            ``run()`` of a ``Single``, ``with channel.hold() as reply:`` and ``with socket:``.

        Raises:
            TypeError, ValueError: an argument is not usable.
            NoEventLoop: the background is closed.
        """
        if "scheduler" in options:
            raise TypeError("a socket of a background lives on its loop: leave scheduler= out, or make a Socket(...)")
        socket = Socket(*arguments, scheduler=self._scheduler, **options)
        with self._lock:
            if self._is_closing:
                raise NoEventLoop("the background is closed; make another one with rxphoenix.background()")
            self._sockets.add(socket)
        return socket

    def close(self, timeout: float = 5.0) -> None:
        """Close all sockets, end the loop, and wait for the thread to end.

        Idempotent, and legal from any thread. In a callback, which its own thread cannot wait for, it returns at once.

        Arguments:
            timeout: seconds to wait. A thread that is still busy then, because a callback blocks it, is left behind:
                it ends when the callback does, or with the program. Where it is blocked is logged.
        """
        check_seconds("timeout", timeout)
        if os.getpid() != self._process:  # a fork has only one thread, which is not this one
            return
        with self._lock:
            if not self._is_closing:
                self._is_closing = True
                self._loop.call_soon_threadsafe(self._asked_to_close.set)
        if threading.current_thread() is self._thread:
            return
        atexit.unregister(self._close_at_exit)
        self._thread.join(timeout)
        if self._thread.is_alive():
            logger.error("%r did not end within %g s, because a callback blocks it:\n%s", self, timeout, self._stack())

    def _close_at_exit(self) -> None:
        self.close(_AT_EXIT)

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._thread.ident or 0)  # pyright: ignore[reportPrivateUsage]
        return "".join(traceback.format_stack(frame))

    # -- on the thread -------------------------------------------------------------------------------------------

    def _live(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            loop = runner.get_loop()
            self._run_until(loop.create_task(self._asked_to_close.wait()))
            with self._lock:
                self._is_closing = True
            is_over = False
            while not is_over:
                ending = loop.create_task(self._end())
                while not ending.done():
                    self._run_until(ending)
                is_over = not ending.cancelled() and isinstance(ending.exception(), Exception | None)
            for _turn in range(_LAST_TURNS):
                if self._scheduler.end():
                    break
                self._run_until(loop.create_task(_one_turn()))

    def _run_until(self, task: asyncio.Task[Any]) -> None:
        """Run the loop until a task is done, or until a callback ends it by what is no ``Exception``."""
        try:
            self._loop.run_until_complete(task)
        except BaseException as error:
            logger.critical("%r ends, because a callback raised %r", self, error, exc_info=error)

    async def _end(self) -> None:
        with self._lock:
            sockets = tuple(self._sockets)
        for socket in sockets:
            socket.close()
        for socket in sockets:
            await socket.wait_closed()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if not self._thread.is_alive() else "closing" if self._is_closing else "running"
        return f"<Background {state}>"


async def _one_turn() -> None:
    """Let the loop do what waits already."""

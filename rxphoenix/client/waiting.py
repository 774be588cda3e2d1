"""Waiting for what a callback will tell, on this thread or another: in a coroutine, or by blocking a thread.

What lives here: one wait. What does not: what is waited for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, InvalidStateError, wait
from typing import Any, Generic, TypeVar

__all__ = ["ThreadWaiter", "Waiter"]

_T = TypeVar("_T")


class Waiter(Generic[_T]):
    """Something that is awaited once, on the loop that runs where this is made; only what is told first counts."""

    __slots__ = ("_future", "_loop", "_thread")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._future: asyncio.Future[_T] = self._loop.create_future()

    def settle(self, value: _T) -> None:
        """Let who waits go on with a value; legal from any thread."""
        if threading.get_ident() != self._thread:
            self._call_there(self.settle, value)
            return
        try:  # and not a look at it before: a handler of signals may cancel it between the two
            self._future.set_result(value)
        except asyncio.InvalidStateError:
            return

    def fail(self, error: Exception) -> None:
        """Let who waits go on with an error; legal from any thread."""
        if threading.get_ident() != self._thread:
            self._call_there(self.fail, error)
            return
        try:  # a future cannot hold a StopIteration
            self._future.set_exception(RuntimeError(repr(error)) if isinstance(error, StopIteration) else error)
        except asyncio.InvalidStateError:
            return

    def _call_there(self, action: Callable[[Any], None], argument: object) -> None:
        if not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(action, argument)
            except RuntimeError:  # closed a moment ago: nobody waits any more
                return

    def __await__(self) -> Generator[Any, None, _T]:
        return self._future.__await__()


class ThreadWaiter(Generic[_T]):
    """Something that one thread is blocked for, until another tells; only what is told first counts."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: Future[_T] = Future()

    def settle(self, value: _T) -> None:
        """Let who waits go on with a value; legal from any thread."""
        try:
            self._future.set_result(value)
        except InvalidStateError:
            return

    def fail(self, error: Exception) -> None:
        """Let who waits go on with an error; legal from any thread."""
        try:
            self._future.set_exception(error)
        except InvalidStateError:
            return

    def wait(self, timeout: float | None = None) -> _T:
        """Wait; if a timeout in seconds is given, only for so long: then it raises ``TimeoutError``."""
        done, _not_done = wait([self._future], timeout)
        if not done:
            raise TimeoutError(f"nothing came within {timeout:g} s")
        return self._future.result()

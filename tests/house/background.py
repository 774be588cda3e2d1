"""What a fixture of a broader scope runs beside the tests: asynchronous, on a thread and a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

from tests.house.leaks import FIXTURE_THREAD

T = TypeVar("T")


@contextmanager
def in_background(name: str, make: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Enter an asynchronous context on a thread of its own, and leave it there in the end.

    Arguments:
        name: what the thread is called, behind ``fixture:``.
        make: makes the context; called on that thread, on its running loop. What it yields is for the thread that
            waits here, which may read it and no more.
    """
    started = threading.Event()
    loop = asyncio.new_event_loop()
    name = f"{FIXTURE_THREAD} {name}"
    loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix=name))  # big frames are compressed there
    end = asyncio.Event()
    entered: list[T] = []
    failures: list[BaseException] = []

    async def stay() -> None:
        async with make() as value:
            entered.append(value)
            started.set()
            await end.wait()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(stay())
        except BaseException as error:  # told to the thread that waits
            failures.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name=name)
    thread.start()
    started.wait()
    try:
        if entered:
            yield entered[0]
    finally:
        if not failures:
            loop.call_soon_threadsafe(end.set)
        thread.join()
        if failures:
            raise failures[0]

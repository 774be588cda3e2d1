"""Tasks are held while they run, and let go of without noise where their loop is gone."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from rxphoenix import tasks


def left_on_a_closed_loop(work: Callable[[], Coroutine[Any, Any, object]]) -> asyncio.Task[Any]:
    """A task that has run until it waited, on a loop that was closed then."""
    loop = asyncio.new_event_loop()
    task = tasks.begin(loop, work(), "left")
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    return task


async def begin_another() -> None:
    """What lets go of those whose loop is closed."""
    await tasks.begin(asyncio.get_running_loop(), asyncio.sleep(0), "another")


async def test_a_task_is_held_until_it_is_done():
    name = "waits for what nothing else knows of"
    held = weakref.ref(tasks.begin(asyncio.get_running_loop(), asyncio.Event().wait(), name))
    await asyncio.sleep(0)
    gc.collect()
    task = held()
    assert task is not None
    task.cancel()
    del task
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
    assert held() is None


def test_none_begins_on_a_closed_loop():
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(RuntimeError, match="the task 'late' cannot begin: its event loop is closed"):
        tasks.begin(loop, asyncio.sleep(0), "late")


def test_a_task_whose_loop_was_closed_is_unwound_from_the_inside_out_when_another_begins():
    order: list[str] = []

    async def inner() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            order.append("inner")

    async def outer() -> None:
        try:
            await inner()
        finally:
            order.append("outer")

    task = left_on_a_closed_loop(outer)
    assert order == []
    asyncio.run(begin_another())
    assert order == ["inner", "outer"]
    del task
    gc.collect()  # the fixtures of the house see to it that nothing complains


def test_what_waits_while_it_is_unwound_is_not_waited_for():
    waits: list[int] = []

    async def stubborn() -> None:
        for number in range(99):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                waits.append(number)

    left_on_a_closed_loop(stubborn)
    asyncio.run(begin_another())
    assert waits == list(range(99))


def test_what_is_unwound_may_begin_a_task_and_that_is_unwound_too():
    begun: list[asyncio.Task[None]] = []

    async def begin_and_wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            begun.append(loop.create_task(asyncio.sleep(60)))

    loop = asyncio.new_event_loop()
    tasks.begin(loop, begin_and_wait(), "left")
    loop.call_soon(loop.stop)
    loop.run_forever()
    try:
        tasks._let_go_at_exit()  # of a loop that was not even closed
    finally:
        loop.close()
    assert len(begun) == 1

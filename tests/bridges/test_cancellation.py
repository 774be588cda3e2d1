"""Programs that are cancelled wherever they can be: at each suspension in turn, until they come through to their end.

Each program runs in virtual time from its beginning, and its task is cancelled at its first suspension; then again from
the beginning, and cancelled at its second; and so on. Whenever it was, nothing is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import aclosing
from types import coroutine
from typing import Any, TypeAlias

import pytest
from reactivex import operators as ops

from rxphoenix import Overflow, Socket, from_async_iterable, iterate, map_async, retry_backoff, stepped
from rxphoenix.client.socket_streams import context_of
from rxphoenix.testing import VirtualPhoenix, marbles

Program: TypeAlias = Callable[[Socket], Coroutine[Any, Any, object]]

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Add a program."""
    PROGRAMS[getattr(function, "__name__", "")] = function
    return function


@program
async def a_loop_in_a_block(socket: Socket) -> None:
    async with iterate(socket.channel("room:a").on("n")) as items:
        async for number in items:
            await asyncio.sleep(0.001)
            if number == 4:
                break


@program
async def a_loop_alone(socket: Socket) -> None:
    async for number in iterate(socket.channel("room:a").on("n")):
        await asyncio.sleep(0.001)
        if number == 4:
            break


@program
async def a_loop_with_aclosing(socket: Socket) -> None:
    async with aclosing(iterate(socket.channel("room:a").on("n"))) as items:
        async for number in items:
            await asyncio.sleep(0.001)
            if number == 4:
                break


@program
async def a_loop_that_blocks_and_pushes(socket: Socket) -> None:
    channel = socket.channel("room:a")
    async with iterate(channel.on("n"), buffer=1, overflow=Overflow.BLOCK) as items:
        async for number in items:
            await channel.push("seen", {"n": number})
            await asyncio.sleep(0.003)
            if number == 4:
                break


@program
async def loops_in_each_other(socket: Socket) -> None:
    async with iterate(socket.channel("room:a").on("n")) as numbers:
        async for number in numbers:
            async for _ in iterate(socket.channel("room:b").on("n")):
                break
            if number == 2:
                break


@program
async def an_operator(socket: Socket) -> None:
    channel = socket.channel("room:a")

    async def seen(number: int) -> int:
        await asyncio.sleep(0.002)
        await channel.push("seen", {"n": number})
        return number

    numbers = channel.on("n").pipe(map_async(seen, concurrency=2, buffer=2, overflow=Overflow.BLOCK), ops.take(4))
    await numbers.pipe(ops.to_list())


@program
async def a_loop_over_an_operator(socket: Socket) -> None:
    async def slowly(number: int) -> int:
        await asyncio.sleep(0.002)
        return number

    numbers = socket.channel("room:a").on("n").pipe(map_async(slowly, ordered=False, concurrency=3), ops.take(4))
    async with iterate(numbers, buffer=1, overflow=Overflow.BLOCK) as items:
        async for _ in items:
            await asyncio.sleep(0.002)


@program
async def an_iterable(socket: Socket) -> None:
    channel = socket.channel("room:a")

    async def pages() -> AsyncIterator[int]:
        async with channel.hold():
            for page in range(4):
                await channel.push("page", {"n": page})
                yield page

    async with iterate(from_async_iterable(pages), buffer=1, overflow=Overflow.BLOCK) as items:
        async for _ in items:
            await asyncio.sleep(0.002)


@program
async def a_retry(socket: Socket) -> None:
    numbers = socket.channel("room:refused").pipe(retry_backoff(stepped(0.002)), ops.take(1))
    await numbers


@program
async def leases_and_pushes(socket: Socket) -> None:
    with socket.connect():
        await socket.opened()
        await socket.ping()
        channel = socket.channel("room:a")
        async with channel.hold():
            await channel.push("one")
            await channel.request("two")
            await channel.push("three", reply=False)
        await channel.leave()


async def cancelled_at(number: int, running: Coroutine[Any, Any, object]) -> object:
    """Run a coroutine, and cancel the task that runs it at its so many-th suspension; at none if that is 0."""
    return await _cancelled_at(number, running)


@coroutine
def _cancelled_at(number: int, running: Coroutine[Any, Any, object]) -> Generator[Any, Any, object]:
    reached, step = 0, running.send
    argument: Any = None
    while True:
        try:
            awaited = step(argument)
        except StopIteration as stop:
            return stop.value
        reached += 1
        if reached == number:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        step, argument = running.send, None
        try:
            yield awaited
        except BaseException as error:
            step, argument = running.throw, error


def server(phoenix: VirtualPhoenix) -> None:
    for topic in ("room:a", "room:b"):
        phoenix.topic(topic).broadcasts("n", "--0123456789", {str(digit): digit for digit in range(10)})
        phoenix.topic(topic).joins(*["-j"] * 20, values={"j": {}})
    for event in ("seen", "page", "one", "two"):
        phoenix.topic("room:a").replies(event, *["-r"] * 10, values={"r": {}})
    phoenix.topic("room:refused").joins("-#", "-#", "j", values={"j": {}})
    phoenix.topic("room:refused").broadcasts("n", "20ms 1 999ms 1 999ms 1 999ms 1")


def run(name: str, *, suspension: int = 0, microseconds: int | None = None) -> bool:
    """Run a program, cancel it somewhere, and see that nothing is left; tells whether it had come to its end."""
    with marbles() as world:
        phoenix = world.phoenix(opens_after=0.001, closes_after=0.001, idle_timeout=None)
        server(phoenix)
        socket = phoenix.socket(heartbeat_interval=None, rejoin_after=stepped(0.001))
        loop = world.scheduler.loop
        task = loop.create_task(cancelled_at(suspension, PROGRAMS[name](socket)))
        if microseconds is not None:
            world.scheduler.at(microseconds, task.cancel)
        while not task.done():
            due = world.scheduler.next_instant()
            assert due is not None, "it waits for ever"
            world.scheduler.pass_until(due)
        world.run(until=world.now + 10)
        assert asyncio.all_tasks(loop) == set()
        assert str(socket.state.value) == "closed"
        assert socket.channels == ()
        assert phoenix.links() == []
        assert context_of(socket).flow.blocks == {}
        assert world.scheduler.next_instant() is None
        if task.cancelled():
            return False
        assert task.exception() is None
        return True


@pytest.mark.parametrize("name", PROGRAMS)
def test_at_whatever_suspension_a_program_is_cancelled_nothing_is_left(name: str):
    suspension = 1
    while not run(name, suspension=suspension):
        suspension += 1
    assert suspension > 1


@pytest.mark.parametrize("name", PROGRAMS)
def test_whenever_a_program_is_cancelled_nothing_is_left(name: str):
    """Between its own suspensions, too: while others work for it."""
    microseconds = 0
    while not run(name, microseconds=microseconds):
        microseconds += 500
    assert microseconds >= 2000

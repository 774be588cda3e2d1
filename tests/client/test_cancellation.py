"""What is awaited can be cancelled at every point at which it waits, and then nothing of it is left."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from itertools import count
from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import Socket
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application

Program = Callable[[Socket], Coroutine[Any, Any, None]]


async def everything(socket: Socket) -> None:
    await socket.opened()
    room = socket.channel("room:a")
    async with room.hold():
        await room.push("echo", 1)
        await room.request("fail", 1)
        await room.push("noreply", {}, reply=False)
        await socket.ping()
    await room.leave()


async def a_lonely_push(socket: Socket) -> None:
    await socket.channel("room:a").push("echo", 1)


async def two_holds(socket: Socket) -> None:
    room = socket.channel("room:a")
    async with room.hold(), room.hold():
        await room.leave()


async def closing(socket: Socket) -> None:
    async with socket, socket.channel("room:a").hold():
        socket.close()
        await socket.wait_closed()


async def tokens(socket: Socket) -> None:
    async def token() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {}

    async with socket.channel("room:a", token).hold():
        pass


@types.coroutine
def cancelled_at(program: Coroutine[Any, Any, None], step: int, late: bool) -> Generator[Any, Any, bool]:
    """Run a program, and cancel its task where it waits for the time given.

    Arguments:
        program: the program.
        step: where it is cancelled, counted from 0.
        late: whether it is cancelled only when what it waits for has come, and it does not know that yet.

    Returns:
        Whether it came to an end without having got there.
    """
    task = asyncio.current_task()
    assert task is not None
    thrown: BaseException | None = None
    waits = -1
    while True:
        waits += 1
        try:
            future = program.send(None) if thrown is None else program.throw(thrown)
        except StopIteration:
            return True
        if waits == step and late and isinstance(future, asyncio.Future):
            future.add_done_callback(lambda _: task.cancel())
        elif waits == step:
            task.cancel()
        try:
            yield future
            thrown = None
        except BaseException as error:
            thrown = error


async def steps_of(awaitable: Awaitable[bool]) -> bool:
    return await awaitable


@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "when it has come"])
@pytest.mark.parametrize(
    ("program", "waits"), [(everything, 7), (a_lonely_push, 1), (two_holds, 2), (closing, 3), (tokens, 1)]
)
async def test_cancelled_wherever_it_waits_it_leaves_nothing(program: Program, waits: int, late: bool) -> None:
    async with PhoenixServer(conformance_application()) as server:
        cancelled = 0
        for step in count():
            socket = Socket(server.url + "/socket")
            task = asyncio.create_task(steps_of(cancelled_at(program(socket), step, late)))
            await asyncio.wait([task])
            has_ended = not task.cancelled() and task.result()
            closed = socket.state.pipe(ops.filter(lambda state: state == "closed"), ops.first())
            await asyncio.wait_for(closed, 10)
            assert socket._link.leases == 0
            assert socket._topics._topics == {}
            assert not socket._context.is_warm
            if has_ended:
                break
            cancelled += 1
            socket.close()
            await socket.wait_closed()
        assert cancelled == waits

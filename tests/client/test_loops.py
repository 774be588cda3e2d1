"""Sockets and event loops that end before them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from reactivex import operators as ops
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler

from rxphoenix import (
    ChannelState,
    EventLoopEnding,
    LongPoll,
    Overflow,
    PushInterrupted,
    Socket,
    SocketState,
    Transport,
    WebSocket,
    iterate,
)
from rxphoenix.client.socket_streams import context_of
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from tests.server.conftest import until


def test_a_socket_that_was_left_open_when_its_loop_ended_starts_anew_in_the_next_one() -> None:
    ports: list[int] = []
    seen: list[Any] = []
    sockets: list[Socket] = []

    async def leave_open() -> None:
        async with PhoenixServer(conformance_application()) as server:
            ports.append(server.port)
            socket = Socket(server.url + "/socket")
            sockets.append(socket)
            socket.channel("room:a").subscribe(lambda message: seen.append(message.event))
            await socket.channel("room:a").joined.pipe(ops.first())

    async def again() -> None:
        async with PhoenixServer(conformance_application(), port=ports[0]):
            (socket,) = sockets
            assert (socket.channels, socket.state.value) == ((), "closed")  # looking is allowed at any time
            seen.append(await socket.channel("room:a").push("echo", 1))
            socket.close()
            await socket.wait_closed()

    asyncio.run(leave_open())
    asyncio.run(again())
    assert seen == [1]


def test_dispose_after_the_loop_is_gone_does_nothing_and_raises_nothing() -> None:
    leases: list[Any] = []

    async def take() -> None:
        async with PhoenixServer(conformance_application()) as server:
            socket = Socket(server.url + "/socket")
            leases.append(socket.connect())
            leases.append(socket.channel("room:a").subscribe())
            await socket.opened()

    asyncio.run(take())
    for lease in leases:
        lease.dispose()


def test_a_push_that_its_loop_has_not_got_to_when_it_is_closed_can_be_disposed() -> None:
    loop = asyncio.new_event_loop()
    socket = Socket("ws://localhost:9/socket", scheduler=AsyncIOThreadSafeScheduler(loop))
    subscription = socket.channel("room:a").push("echo").pipe(ops.do_action(print)).subscribe(print, print)
    loop.close()
    subscription.dispose()
    subscription.dispose()
    socket.close()


@pytest.mark.parametrize("turns", range(12))
async def test_closing_at_any_moment_of_connecting_leaves_nothing(turns: int) -> None:
    async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
        socket.channel("room:a").subscribe()
        for _ in range(turns):
            await asyncio.sleep(0)
    assert socket.state.value == "closed"


@pytest.mark.parametrize("turns", range(12))
async def test_releasing_at_any_moment_of_connecting_leaves_nothing(turns: int) -> None:
    async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
        subscription = socket.channel("room:a").subscribe()
        for _ in range(turns):
            await asyncio.sleep(0)
        subscription.dispose()
        await socket.state.pipe(ops.filter(lambda state: state == "closed"), ops.first())
        assert socket.channels == ()


# A loop that ends, or seems to: all of its tasks are cancelled, but those of the test.


@pytest.fixture
async def server() -> AsyncIterator[PhoenixServer]:
    async with PhoenixServer(conformance_application()) as server:
        yield server


def cancel_the_clients_tasks() -> None:
    """What a loop does with all tasks when it ends."""
    for task in asyncio.all_tasks():
        if task.get_name().startswith("rxphoenix") and "server" not in task.get_name():
            task.cancel()


def record(stream: Any) -> list[Any]:
    """All that a stream emits, and its error."""
    heard: list[Any] = []
    stream.subscribe(heard.append, heard.append, lambda: heard.append("completed"))
    return heard


@pytest.mark.parametrize("transport", [WebSocket, LongPoll])
async def test_a_loop_that_cancels_everything_interrupts_and_is_not_complained_of(
    transport: type[Transport], server: PhoenixServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with Socket(server.url + "/socket", transport=transport()) as socket:
        room = socket.channel("room:a")
        stream, faults = record(room.on("news")), record(socket.errors)
        async with room.hold():
            await room.push("echo", {})
            pushed, held = record(room.push("noreply", {})), record(socket.channel("room:b").push("echo", {"n": 1}))
            room.push("noreply", {}).subscribe()  # nobody listens to its end
            with caplog.at_level(logging.INFO):
                cancel_the_clients_tasks()
                await socket.state.pipe(ops.first(lambda state: state is SocketState.CLOSED))
                await asyncio.sleep(0)
                assert caplog.records == []
            assert room.state.value is ChannelState.ERRORED
            assert [type(fault.error) for fault in faults] == [EventLoopEnding, PushInterrupted]
            assert [type(error) for error in pushed] == [PushInterrupted]
            assert isinstance(pushed[0].__cause__, EventLoopEnding)
            # it lived on after all, and so do the streams
            assert await room.push("echo", {"n": 2}) == {"n": 2}
            assert await socket.channel("room:b").push("echo", {"n": 3}) == {"n": 3}
            assert (stream, held) == ([], [{"n": 1}, "completed"])


async def test_it_is_not_connected_again_at_once(server: PhoenixServer) -> None:
    async with Socket(server.url + "/socket", reconnect_after=lambda attempt, error: 0) as socket:
        with socket.connect():
            await socket.opened()
            loop = asyncio.get_running_loop()
            began = loop.time()
            cancel_the_clients_tasks()
            await socket.state.pipe(ops.first(lambda state: state is SocketState.CONNECTING))
            assert loop.time() - began > 0.99


async def test_a_function_that_the_loop_cancels_says_so_too(server: PhoenixServer) -> None:
    called = 0

    async def token() -> str:
        nonlocal called
        called += 1
        if called == 1:
            await asyncio.Event().wait()
        return "sesame"

    async with Socket(server.url + "/auth", auth_token=token) as socket:
        with socket.connect():
            faults = record(socket.errors)
            while not called:  # noqa: ASYNC110
                await asyncio.sleep(0)
            cancel_the_clients_tasks()
            await socket.state.pipe(ops.first(lambda state: state is SocketState.OPEN))
            assert [type(fault.error) for fault in faults] == [EventLoopEnding]
            assert called == 2


def test_a_socket_can_be_closed_between_two_runs_of_its_loop() -> None:
    async def connect() -> Socket:
        socket = Socket(server.url + "/socket")
        socket.connect()
        await socket.opened()
        return socket

    with asyncio.Runner(debug=True) as runner:
        server = PhoenixServer(conformance_application())
        runner.run(server.start())
        socket = runner.run(connect())
        socket.close()

        async def end() -> None:
            await socket.wait_closed()

        runner.run(end())
        assert socket.state.value is SocketState.CLOSED
        runner.run(server.stop())


async def test_who_owns_a_socket_may_be_cancelled(server: PhoenixServer) -> None:
    sockets: list[Socket] = []
    joined = asyncio.Event()

    async def own() -> None:
        async with Socket(server.url + "/socket") as socket:
            sockets.append(socket)
            async with socket.channel("room:a").hold():
                joined.set()
                await asyncio.Event().wait()

    owner = asyncio.ensure_future(own())
    await joined.wait()
    states = record(sockets[0].state)
    owner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await owner
    assert states == ["open", "closing", "closed", "completed"]
    assert server.connection_count == 0


def test_a_loop_that_blocked_when_its_loop_ended_holds_nothing_back_in_the_next_one() -> None:
    kept: list[Any] = []
    got: list[Any] = []

    async def leave_open() -> None:
        async with PhoenixServer(conformance_application()) as server:
            socket = Socket(server.url + "/socket")
            items = iterate(socket.channel("room:a", {"push_after_join": 9}), buffer=2, overflow=Overflow.BLOCK)
            kept.extend((socket, server.port, await items.__aenter__()))
            await until(lambda: context_of(socket).flow.is_held)

    async def again() -> None:
        socket, port, _items = kept
        async with PhoenixServer(conformance_application(), port=port), socket:
            ticks = socket.channel("room:b", {"push_after_join": 9}).on("tick")
            async for payload in iterate(ticks, buffer=1, overflow=Overflow.BLOCK):
                got.append(payload["i"])
                if len(got) == 9:
                    break

    asyncio.run(leave_open())
    asyncio.run(again())
    assert got == list(range(9))

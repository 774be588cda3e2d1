"""A loop that is slower than the server, over real sockets: all of it, in order, and the memory stays where it was."""

from __future__ import annotations

import asyncio
import threading
from itertools import islice

import pytest
from reactivex import operators as ops
from reactivex.scheduler import EventLoopScheduler

from rxphoenix import (
    BlockedTooLong,
    ConnectionLost,
    Fallback,
    Iteration,
    LongPoll,
    Overflow,
    Payload,
    PicoWebSocket,
    Socket,
    Transport,
    WebSocket,
    background,
    iterate,
)
from rxphoenix.client.socket_streams import context_of
from rxphoenix.server import Endpoint, PhoenixServer, ServerChannel, ServerSocket
from rxphoenix.server.applications.conformance import conformance_application
from tests.house.background import in_background
from tests.server.conftest import until

MESSAGES = 100_000
BUFFER = 100
UNSENT = 2_000
"""How many frames the source lets wait in the server before it pauses."""


def application() -> Endpoint:
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"numbers:*": ServerChannel[ServerSocket]})
    return endpoint


async def speak(server: PhoenixServer, count: int, padding: str = "") -> int:
    """Broadcast so many numbers, and pause while too many frames wait; returns how many waited at most."""
    most = 0
    for number in range(count):
        server.endpoint.broadcast("numbers:1", "n", {"i": number, "padding": padding})
        if number % 500 == 0:
            most = max(most, server.unsent)
            await until(lambda: server.unsent < UNSENT)
    return most


async def test_a_slow_loop_receives_a_hundred_thousand_messages_in_order() -> None:
    asyncio.get_running_loop().set_debug(False)  # which would take ten times as long
    async with PhoenixServer(application()) as server, Socket(server.url + "/socket") as socket:
        channel = socket.channel("numbers:1")
        numbers = channel.on("n").pipe(ops.map(lambda payload: payload["i"]))
        expected, most_waiting = 0, 0
        async with iterate(numbers, buffer=BUFFER, overflow=Overflow.BLOCK) as items, channel.hold():
            source = asyncio.create_task(speak(server, MESSAGES, "x" * 200))
            async for number in items:
                assert number == expected
                expected += 1
                most_waiting = max(most_waiting, items.waiting)
                if number == 1000:  # the loop stops until the network is full and the server is pushed back
                    await until(lambda: server.unsent >= UNSENT)
                elif number == MESSAGES - 1:
                    break
                await asyncio.sleep(0)
            most_unsent = await source
        assert most_waiting < BUFFER
        assert (items.exceeded, items.dropped, items.gap) == (0, 0, None)
        assert UNSENT <= most_unsent < UNSENT + 1000


@pytest.mark.parametrize(
    "transport",
    [PicoWebSocket(), LongPoll(), Fallback(WebSocket(), LongPoll())],
    ids=["picows", "longpoll", "fallback"],
)
async def test_so_it_does_by_every_transport(transport: Transport) -> None:
    async with PhoenixServer(application()) as server, Socket(server.url + "/socket", transport=transport) as socket:
        channel, got = socket.channel("numbers:1"), list[int]()
        async with iterate(channel.on("n"), buffer=10, overflow=Overflow.BLOCK) as items, channel.hold():
            source = asyncio.create_task(speak(server, 1000))
            async for payload in items:
                got.append(payload["i"])
                assert items.waiting < 10
                if len(got) == 1000:
                    break
                await asyncio.sleep(0)
            await source
        assert got == list(range(1000))
        assert (items.exceeded, items.dropped) == (0, 0)


async def test_values_that_come_by_another_thread_hold_the_socket_back_too() -> None:
    """What is on its way to the loop's buffer when that is full comes over the limit; nothing is lost."""
    thread = EventLoopScheduler(lambda target: threading.Thread(target=target, daemon=True))
    async with PhoenixServer(application()) as server, Socket(server.url + "/socket") as socket:
        channel, got = socket.channel("numbers:1"), list[int]()
        elsewhere = channel.on("n").pipe(ops.observe_on(thread))
        async with iterate(elsewhere, buffer=10, overflow=Overflow.BLOCK) as items, channel.hold():
            source = asyncio.create_task(speak(server, 5000))
            async for payload in items:
                got.append(payload["i"])
                if len(got) == 5000:
                    break
                await asyncio.sleep(0)
            await source
        assert got == list(range(5000))
        assert items.dropped == 0
        assert not context_of(socket).flow.is_held
    thread.dispose()


@pytest.mark.parametrize("transport", [WebSocket(), LongPoll()], ids=["websocket", "longpoll"])
async def test_a_loop_that_awaits_a_push_for_each_message_goes_on(transport: Transport) -> None:
    async with (
        PhoenixServer(conformance_application()) as server,
        Socket(server.url + "/socket", transport=transport) as socket,
    ):
        channel, got = socket.channel("room:a", {"push_after_join": 100}), list[int]()
        async with iterate(channel.on("tick"), buffer=2, overflow=Overflow.BLOCK) as items:
            async for payload in items:
                got.append((await channel.push("echo", payload))["i"])
                if len(got) == 100:
                    break
        assert got == list(range(100))
        assert items.dropped == 0


def test_a_loop_on_another_thread_holds_the_socket_back_as_well() -> None:
    with in_background("server", lambda: PhoenixServer(conformance_application())) as server, background() as bg:
        channel = bg.socket(server.url + "/socket").channel("room:a", {"push_after_join": 2000})
        items = iterate(channel.on("tick"), buffer=10, overflow=Overflow.BLOCK)
        with items:
            assert [payload["i"] for payload in islice(items, 2000)] == list(range(2000))
        assert (items.exceeded, items.dropped) == (0, 0)


class Flood(ServerChannel[ServerSocket]):
    """A channel that pushes more than the network holds."""

    async def handle_in(self, event: str, payload: Payload) -> None:
        for number in range(1000):
            self.push("n", {"i": number, "padding": "x" * 100_000})


@pytest.mark.parametrize("block_for", [0.1, 20])
async def test_a_bound_below_the_patience_of_the_server_keeps_the_connection(block_for: float) -> None:
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"flood": Flood}, send_timeout=1)
    async with PhoenixServer(endpoint) as server, Socket(server.url + "/socket") as socket:
        reported: asyncio.Queue[Exception] = asyncio.Queue()
        socket.errors.subscribe(lambda fault: reported.put_nowait(fault.error))
        channel = socket.channel("flood")
        numbers = channel.on("n").pipe(ops.map(lambda payload: payload["i"]))
        async with iterate(numbers, buffer=3, overflow=Overflow.BLOCK, block_for=block_for) as items, channel.hold():
            await channel.push("go", reply=False)
            assert await anext(items) == 0
            if block_for < 1:  # nothing is taken until the socket is read on, and the server gets rid of the rest
                assert isinstance(await asyncio.wait_for(reported.get(), 20), BlockedTooLong)
                await until(lambda: server.unsent == 0)
                await socket.ping()
                assert [await anext(items) for _ in range(3)] == [1, 2, 3]
                assert items.dropped == 1000 - 4
            else:  # nothing is taken until the server has given up; then what had come, and the end behind it
                await until(lambda: server.connection_count == 0)
                rest = asyncio.create_task(take_all(items))
                assert isinstance(await asyncio.wait_for(reported.get(), 20), ConnectionLost)
                rest.cancel()
                assert items.dropped == 0
            assert reported.empty()


async def take_all(items: Iteration[int]) -> None:
    async for _ in items:
        continue

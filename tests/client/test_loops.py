"""Sockets and event loops that end before them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import Socket
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application


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
            assert socket.channels or socket.state.value  # looking is allowed at any time
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

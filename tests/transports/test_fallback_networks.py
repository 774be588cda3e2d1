"""A user on a network that blocks WebSockets gets a working socket, and a user elsewhere keeps the WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rxphoenix import ConnectionLost, ConnectionRefused, Fallback, FileMemory, LongPoll, Socket, WebSocket
from rxphoenix.server import Endpoint, PhoenixServer, Polling
from rxphoenix.server.applications.conformance import ConformanceRoom, ConformanceSocket, conformance_application
from tests.transports.blocking_proxy import blocking_proxy
from tests.transports.test_longpoll_socket import listen

SHORT, LONG = 1.0, 15  # seconds; a WebSocket that works must open within either, on a busy machine too
"""How long to wait for a WebSocket: where it is to be waited out, and where that would be a mistake."""


@pytest.fixture
async def server() -> AsyncIterator[PhoenixServer]:
    async with PhoenixServer(conformance_application(Polling(window=2, patience=0.1))) as server:
        yield server


def socket_on(url: str, after: float = LONG, **options: Any) -> Socket:
    transport = Fallback(WebSocket(), LongPoll(), after=after, **options)
    return Socket(url + "/socket", transport=transport, reconnect_after=lambda attempt, error: 0.01)


async def transport_of(socket: Socket) -> str:
    """What the server says of the connection at hand."""
    return (await socket.channel("room:a").push("whoami", {}))["transport"]


@pytest.mark.parametrize("mode", ["strip", "refuse", "stall", "deaf"])
async def test_behind_a_proxy_that_blocks_websockets_it_is_long_polling_until_the_next_reconnect(
    server: PhoenixServer, mode: str
):
    after = SHORT if mode in ("stall", "deaf") else LONG
    async with blocking_proxy(server.port, mode) as proxy, socket_on(proxy.url, after) as socket:
        errors = listen(socket.errors)
        async with socket.channel("room:a").hold():
            assert await transport_of(socket) == "longpoll"
            assert (proxy.upgrades, errors.count) == (1, 0)
            proxy.mode = "pass"
            socket.reconnect()
            assert await transport_of(socket) == "websocket"
            assert proxy.upgrades == 2
            proxy.mode = mode
            server.close_connections(1012)
            assert isinstance((await errors.next()).error, ConnectionLost)
            if mode == "strip":  # it has worked: there is no way back
                assert isinstance((await errors.next()).error, ConnectionRefused)
            proxy.mode = "pass"
            socket.reconnect()
            assert await transport_of(socket) == "websocket"


async def test_a_network_without_obstacles_never_sees_long_polling(server: PhoenixServer):
    async with socket_on(server.url) as socket:
        assert await transport_of(socket) == "websocket"


async def test_a_server_without_websockets_is_reached():
    endpoint = Endpoint()
    endpoint.socket("/socket", ConformanceSocket, channels={"room:*": ConformanceRoom}, websocket=False)
    async with PhoenixServer(endpoint) as server, socket_on(server.url) as socket:
        assert await transport_of(socket) == "longpoll"


async def test_a_server_without_long_polling_that_refuses_for_a_while_is_waited_for():
    endpoint = Endpoint()
    endpoint.socket("/socket", ConformanceSocket, channels={"room:*": ConformanceRoom}, longpoll=None)
    async with PhoenixServer(endpoint) as server, socket_on(server.url) as socket:
        server.refuse_upgrades(503, times=2)
        errors = listen(socket.errors)
        assert await transport_of(socket) == "websocket"
        for _ in range(2):
            error = (await errors.next()).error
            assert isinstance(error, ConnectionRefused)
            assert (error.status, getattr(error.__cause__, "status", None)) == (503, 404)


async def test_a_websocket_that_has_worked_is_not_given_up_for_a_deploy(server: PhoenixServer):
    async with socket_on(server.url) as socket, socket.channel("room:a").hold():
        assert await transport_of(socket) == "websocket"
        errors = listen(socket.errors)
        server.refuse_upgrades(503, times=3)
        server.close_connections(1012)
        statuses = [getattr((await errors.next()).error, "status", None) for _ in range(4)]
        assert statuses == [None, 503, 503, 503]
        assert await transport_of(socket) == "websocket"


async def test_where_nobody_is_both_fail_and_nothing_is_left():
    async with socket_on("ws://127.0.0.1:1") as socket:
        with pytest.raises(ConnectionRefused) as raised:
            await socket.opened()
        assert isinstance(raised.value.__cause__, ConnectionRefused)


async def test_the_next_program_does_not_wait_again(server: PhoenixServer, tmp_path: Path):
    async with blocking_proxy(server.port, "stall") as proxy:
        async with socket_on(proxy.url, SHORT, memory=FileMemory(tmp_path / "memory")) as socket:
            assert await transport_of(socket) == "longpoll"
        async with socket_on(proxy.url, LONG, memory=FileMemory(tmp_path / "memory")) as socket:
            assert await transport_of(socket) == "longpoll"
            assert proxy.upgrades == 1
            proxy.mode = "pass"
            with socket.connect():
                await socket.opened()
                socket.reconnect()
                assert await transport_of(socket) == "websocket"
        async with socket_on(proxy.url, LONG, memory=FileMemory(tmp_path / "memory")) as socket:
            assert await transport_of(socket) == "websocket"


async def test_closing_in_the_middle_leaves_nothing_behind(server: PhoenixServer):
    async with blocking_proxy(server.port, "stall") as proxy, socket_on(proxy.url) as socket:
        with socket.connect():
            while not proxy.upgrades:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

"""What is picows's own; all else it shares with ``WebSocket`` (``test_websocket.py``, ``test_holding.py``...)."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from typing import Any, cast

import aiohttp
import picows
import pytest
from aiohttp import web

from rxphoenix import ConnectionRefused, Frame, PicoWebSocket
from rxphoenix.transports.base import Callbacks
from rxphoenix.transports.pico_connection import PicoConnection, PicoOptions
from tests.transports.peers import Listener, accept_websocket, for_ever, request_to, tcp_server, websocket_server


def test_without_picows_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"rxphoenix\[fast\]"):
        PicoWebSocket()


async def test_a_session_of_aiohttp_is_refused_with_the_remedy():
    async with aiohttp.ClientSession() as session:
        listener = Listener(PicoWebSocket().connect(request_to("ws://127.0.0.1:1/socket", session=session)))
        error = await listener.error()
    assert isinstance(error, ConnectionRefused)
    assert "use WebSocket" in str(error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused_and_the_token_goes_to_nobody_else(status: int):
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(f"HTTP/1.1 {status} Away\r\nLocation: ws://127.0.0.1:{port}/there\r\n\r\n".encode())
        await writer.drain()

    async with tcp_server(serve) as port:
        endpoint = f"ws://127.0.0.1:{port}/socket"
        error = await Listener(PicoWebSocket().connect(request_to(endpoint, auth_token="s3cret"))).error()
    assert isinstance(error, ConnectionRefused)
    assert (error.status, len(asked)) == (status, 1)
    assert "final address" in str(error)


async def test_cookies_are_kept_from_one_attempt_to_the_next():
    seen: list[str | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, headers = await accept_websocket(reader, writer, Set_Cookie="room=7; Path=/")
        seen.append(headers.get("cookie"))

    memory: dict[object, object] = {aiohttp.CookieJar: aiohttp.CookieJar(unsafe=True)}  # which believes bare addresses
    async with tcp_server(serve) as port:
        for _ in range(2):
            listener = Listener(PicoWebSocket().connect(request_to(f"ws://127.0.0.1:{port}/socket", memory=memory)))
            await listener.opened()
            await listener.error()
    assert seen == [None, "room=7"]


async def test_a_name_and_a_password_in_the_address_are_sent_as_such_and_not_as_the_host():
    seen: dict[str, str] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.update((await accept_websocket(reader, writer))[1])

    async with tcp_server(serve) as port:
        listener = Listener(PicoWebSocket().connect(request_to(f"ws://ann:s3cret@127.0.0.1:{port}/socket")))
        await listener.opened()
        await listener.error()
    assert seen["authorization"] == "Basic YW5uOnMzY3JldA=="
    assert seen["host"] == f"127.0.0.1:{port}"


async def test_a_status_without_a_name_is_told():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 499 Never Heard Of\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with tcp_server(serve) as port:
        error = await Listener(PicoWebSocket().connect(request_to(f"ws://127.0.0.1:{port}/socket"))).error()
    assert isinstance(error, ConnectionRefused)
    assert error.status == 499


async def test_nothing_of_a_connection_is_logged(caplog: pytest.LogCaptureFixture):
    caplog.set_level(1, logger=None)
    caplog.set_level(logging.INFO, logger="asyncio")

    async def shout(websocket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        await websocket.send_str("x" * 1000)
        await for_ever()

    async with websocket_server(shout) as endpoint:
        transport = PicoWebSocket(max_message_size=10)
        listener = Listener(transport.connect(request_to(endpoint, auth_token="s3cret")))
        await listener.opened()
        await listener.error()
    assert [record.name for record in caplog.records if "picows" in record.name] == []


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 300_000])
async def test_frames_of_any_size_go_both_ways_also_in_parts(size: int):
    async def echo(websocket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        async for message in websocket:
            await websocket.send_bytes(message.data)

    async with websocket_server(echo) as endpoint:
        listener = Listener(PicoWebSocket().connect(request_to(endpoint)))
        send = await listener.opened()
        send(Frame(b"x" * size, binary=True))
        assert await listener.frame() == Frame(b"x" * size, binary=True)
        listener.subscription.dispose()


@pytest.mark.parametrize("binary", [False, True])
async def test_ctrl_c_out_of_an_observer_does_not_make_a_connection_deaf(binary: bool):
    heard: list[bytes] = []

    def on_next(event: object) -> None:
        assert isinstance(event, Frame)
        heard.append(event.data)
        if len(heard) == 1:
            raise KeyboardInterrupt

    def on_text(data: bytes) -> None:
        on_next(Frame(data))

    options = PicoOptions(1024, 1024, ssl=True, proxy=None, trust_env=False)
    request = request_to("ws://127.0.0.1:1/socket")
    connection = PicoConnection(options, request, Callbacks(on_next, lambda error: None, lambda: None, on_text))
    transport: Any = None  # which only a close frame is looked up in
    kind = picows.WSMsgType.BINARY if binary else picows.WSMsgType.TEXT

    def comes(data: bytes) -> None:
        connection.on_ws_frame(transport, cast("Any", picows.picows)._make_test_ws_frame(kind, data, True, False))

    with pytest.raises(KeyboardInterrupt):
        comes(b"a")
    comes(b"b")
    assert heard == [b"a", b"b"]

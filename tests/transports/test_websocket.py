"""WebSocket connections against real servers: the embedded one, and small ones that misbehave."""

from __future__ import annotations

import asyncio
import base64
import socket as socket_module
import ssl
import struct
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import WSMsgType, web
from reactivex.scheduler.eventloop import AsyncIOScheduler

from rxphoenix.errors import ConnectionLost, ConnectionRefused, EventLoopEnding
from rxphoenix.protocol.message import Frame
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from rxphoenix.transports.base import CloseRequest, Closing, Opened, TransportEvent
from rxphoenix.transports.picows import PicoWebSocket
from rxphoenix.transports.websocket import WebSocket
from tests.transports.peers import (
    Listener,
    Seen,
    accept_websocket,
    for_ever,
    read_head,
    record,
    request_to,
    tcp_server,
    web_server,
    websocket_server,
)
from tests.transports.scripts import BINARY, CLOSE, PING, PONG, TEXT, frame

HEARTBEAT = Frame(b'[null,"1","phoenix","heartbeat",{}]')
ANSWER = Frame(b'[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]')


def carrying() -> asyncio.Task[Any]:
    """The task that carries the connection."""
    names = ("rxphoenix websocket", "rxphoenix picows")
    return next(task for task in asyncio.all_tasks() if task.get_name() in names)


async def say_nothing(websocket: web.WebSocketResponse, request: web.BaseRequest) -> None:
    await websocket.receive()


# Frames.


async def test_it_opens_first_and_then_carries_frames_both_ways(websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        closing = Closing()
        listener = Listener(websocket().connect(request_to(server.url + "/socket", closing=closing)))
        send = await listener.opened()
        send(HEARTBEAT)
        assert await listener.frame() == ANSWER
        send(Frame(b'["1","1","room:a","phx_join",{}]'))
        await listener.frame()
        send(Frame(bytes.fromhex("00010106063135726f6f6d3a6162696e6172790001ff"), binary=True))
        assert await listener.frame() == Frame(bytes.fromhex("01010106023135726f6f6d3a616f6b0001ff"), binary=True)
        closing.request(CloseRequest())
        await listener.completed()


async def test_nothing_happens_before_it_is_subscribed_and_each_subscription_is_a_connection(websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        connection = websocket().connect(request_to(server.url + "/socket"))
        await asyncio.sleep(0)
        assert server.connection_count == 0
        first, second = Listener(connection), Listener(connection)
        await first.opened()
        await second.opened()
        assert server.connection_count == 2
        first.subscription.dispose()
        second.subscription.dispose()
    assert first.silent
    assert second.silent


async def test_frames_arrive_in_the_order_in_which_they_were_sent(websocket: Any):
    seen = Seen()

    async with websocket_server(lambda websocket, _: record(websocket, seen)) as endpoint:
        closing = Closing()
        listener = Listener(websocket().connect(request_to(endpoint, closing=closing)))
        send = await listener.opened()
        for index in range(200):
            send(Frame(str(index).encode(), binary=index % 2 == 1))
        kinds = (WSMsgType.TEXT, WSMsgType.BINARY)
        for index in range(200):
            text = str(index)
            assert await seen.next() == (kinds[index % 2], text.encode() if index % 2 else text, "")
        closing.request(CloseRequest())
        await listener.completed()


async def test_what_is_sent_in_one_turn_is_written_in_two_pieces(monkeypatch: pytest.MonkeyPatch):
    # if aiohttp keeps its transport elsewhere some day, all is written nevertheless, and this tells that it costs more
    seen = Seen()
    pieces: list[int] = []
    transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    write = transport.write

    def note(self: Any, data: bytes) -> None:
        pieces.append(len(data))
        write(self, data)

    async with websocket_server(lambda websocket, _: record(websocket, seen)) as endpoint:
        closing = Closing()
        listener = Listener(WebSocket().connect(request_to(endpoint, closing=closing)))
        send = await listener.opened()
        monkeypatch.setattr(transport, "write", note)
        for index in range(200):
            send(Frame(str(index).encode()))
        for index in range(200):
            assert await seen.next() == (WSMsgType.TEXT, str(index), "")
        assert len(pieces) == 2
        closing.request(CloseRequest())
        await listener.completed()


async def test_more_is_read_at_once_than_asyncio_would(monkeypatch: pytest.MonkeyPatch):
    # if asyncio calls it otherwise some day, all is read nevertheless, and this tells that it costs more
    seen = Seen()
    sizes: list[int] = []
    transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    write = transport.write

    def note(self: Any, data: bytes) -> None:
        sizes.append(self.max_size)
        write(self, data)

    async with websocket_server(lambda websocket, _: record(websocket, seen)) as endpoint:
        listener = Listener(WebSocket().connect(request_to(endpoint)))
        send = await listener.opened()
        monkeypatch.setattr(transport, "write", note)
        send(Frame(b"x"))
        await seen.next()
        assert sizes == [1024 * 1024]
        assert transport.max_size < 1024 * 1024
        listener.subscription.dispose()


async def test_what_is_sent_after_the_end_is_ignored(websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        listener = Listener(websocket().connect(request_to(server.url + "/socket")))
        send = await listener.opened()
        server.close_connections(1012)
        await listener.error()
        send(HEARTBEAT)
        assert listener.silent


# The handshake.


async def test_params_and_version_are_in_the_url_and_headers_are_sent(websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        request = request_to(
            server.url + "/socket", params={"user_id": "ann", "nested": {"a": [1, 2]}}, headers={"X-Trace": "7"}
        )
        listener = Listener(websocket().connect(request))
        send = await listener.opened()
        send(Frame(b'["1","1","room:a","phx_join",{}]'))
        await listener.frame()
        send(Frame(b'["1","2","room:a","whoami",{}]'))
        reply = await listener.frame()
        assert b'"params":{"user_id":"ann","nested":{"a":["1","2"]},"vsn":"2.0.0"}' in reply.data
        assert b'"x_headers":{"x-trace":"7"}' in reply.data
        listener.subscription.dispose()


async def test_the_auth_token_is_seen_by_the_application_and_by_nobody_who_reads_urls(websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        listener = Listener(websocket().connect(request_to(server.url + "/auth", auth_token="s3cret")))
        send = await listener.opened()
        send(Frame(b'["1","1","room:a","phx_join",{}]'))
        await listener.frame()
        send(Frame(b'["1","2","room:a","whoami",{}]'))
        reply = await listener.frame()
        assert b'"auth_token":"s3cret"' in reply.data
        assert b'"params":{"vsn":"2.0.0"}' in reply.data
        listener.subscription.dispose()


@pytest.mark.parametrize(
    ("token", "protocols"),
    [
        ("secret", "phoenix,base64url.bearer.phx.c2VjcmV0"),
        ("~~~?", "phoenix,base64url.bearer.phx.fn5+Pw"),
        (None, None),
    ],
)
async def test_exactly_the_two_subprotocols_of_the_protocol_page_are_offered(
    token: str | None, protocols: str | None, websocket: Any
):
    seen = Seen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.add(await accept_websocket(reader, writer))
        await for_ever()

    async with tcp_server(serve) as port:
        listener = Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket", auth_token=token)))
        first, headers = await seen.next()
        assert first == "GET /socket/websocket?vsn=2.0.0 HTTP/1.1"
        assert headers.get("sec-websocket-protocol") == protocols
        assert "sec-websocket-extensions" not in headers
        await listener.opened()
        listener.subscription.dispose()


@pytest.mark.parametrize("compress", [True, False])
async def test_compression_is_used_when_both_want_it(compress: bool):
    seen = Seen()

    async def answer(websocket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        seen.add(request.headers.get("Sec-WebSocket-Extensions"))
        seen.add(websocket.compress)
        await websocket.send_str((await websocket.receive_str()) * 1000)
        await websocket.receive()

    async with websocket_server(answer) as endpoint:
        listener = Listener(WebSocket(compress=compress).connect(request_to(endpoint)))
        send = await listener.opened()
        send(Frame(b"hello"))
        assert await listener.frame() == Frame(b"hello" * 1000)
        assert await seen.next() == ("permessage-deflate; client_max_window_bits" if compress else None)
        assert bool(await seen.next()) is compress
        listener.subscription.dispose()


async def test_a_server_that_does_not_compress_is_no_reason_to_fail():
    async with websocket_server(say_nothing, lambda: web.WebSocketResponse(compress=False)) as endpoint:
        listener = Listener(WebSocket(compress=True).connect(request_to(endpoint)))
        await listener.opened()
        listener.subscription.dispose()


# Refusals.


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "HTTP 400"),
        (401, "HTTP 401: not authorised"),
        (403, "HTTP 403: the server refused the connection"),
        (404, "HTTP 404: no socket at this path"),
        (429, "HTTP 429: too many requests"),
        (500, "HTTP 500: the server crashed while connecting"),
        (503, "HTTP 503: the server is not available"),
        (200, "HTTP 200"),
    ],
)
async def test_a_refused_handshake_is_an_error_with_its_status(status: int, words: str, websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        server.refuse_upgrades(status, headers={"Retry-After": "7"})
        error = await Listener(websocket().connect(request_to(server.url + "/socket"))).error()
        assert isinstance(error, ConnectionRefused)
        assert (error.status, error.retry_after, str(error)) == (status, 7.0, words)


@pytest.mark.parametrize(("token", "status"), [("bad", 403), ("unauthorized", 401), ("rate", 429)])
async def test_an_application_refuses_with_the_status_of_its_choice(token: str, status: int, websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        error = await Listener(websocket().connect(request_to(server.url + "/auth", auth_token=token))).error()
        assert isinstance(error, ConnectionRefused)
        assert (error.status, error.retry_after) == (status, None)


async def test_a_path_without_a_socket_is_404(websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        error = await Listener(websocket().connect(request_to(server.url + "/nosuch"))).error()
        assert isinstance(error, ConnectionRefused)
        assert error.status == 404


def retry_date(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


async def test_a_date_to_retry_after_is_turned_into_seconds(websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        server.refuse_upgrades(503, headers={"Retry-After": retry_date(600)})
        error = await Listener(websocket().connect(request_to(server.url + "/socket"))).error()
        assert isinstance(error, ConnectionRefused)
        assert error.retry_after == pytest.approx(600, abs=60)


async def test_a_port_where_nobody_listens_is_refused_without_status_or_address(websocket: Any):
    with socket_module.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        error = await Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket"))).error()
    assert isinstance(error, ConnectionRefused)
    assert error.status is None
    assert str(error).startswith("could not connect (")
    assert "127.0.0.1" not in str(error)
    assert str(port) not in str(error)


async def test_a_name_that_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch, websocket: Any):
    async def unknown(*_: object, **__: object) -> list[Any]:
        raise socket_module.gaierror(socket_module.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    error = await Listener(websocket().connect(request_to("ws://s3cret.example.com/socket"))).error()
    assert isinstance(error, ConnectionRefused)
    assert str(error) == "the host name could not be resolved"


async def test_names_are_resolved_anew_for_each_attempt(monkeypatch: pytest.MonkeyPatch):
    loop = asyncio.get_running_loop()
    resolve, asked = loop.getaddrinfo, Seen()

    async def count(host: str, *arguments: Any, **options: Any) -> Any:
        asked.add(host)
        return await resolve("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(loop, "getaddrinfo", count)
    async with PhoenixServer(conformance_application()) as server:
        request = request_to(f"ws://phoenix.example.com:{server.port}/socket")
        for _ in range(2):
            listener = Listener(WebSocket().connect(request))
            await listener.opened()
            listener.subscription.dispose()
            assert await asked.next() == "phoenix.example.com"


async def test_a_server_that_hangs_up_in_the_handshake_is_refused(websocket: Any):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)

    async with tcp_server(serve) as port:
        error = await Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket"))).error()
    assert isinstance(error, ConnectionRefused)
    assert "127.0.0.1" not in str(error)


async def test_a_server_that_upgrades_to_something_else_is_refused(websocket: Any):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: carrier-pigeon\r\nConnection: Upgrade\r\n\r\n")
        await for_ever()

    async with tcp_server(serve) as port:
        error = await Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket"))).error()
    assert isinstance(error, ConnectionRefused)
    assert error.status is None
    assert str(error).startswith("the answer to the upgrade is not a WebSocket handshake")


async def test_a_server_that_speaks_no_http_is_refused(websocket: Any):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
        await for_ever()

    async with tcp_server(serve) as port:
        error = await Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket"))).error()
    assert isinstance(error, ConnectionRefused)


@pytest.mark.parametrize("broken", [{"auth_token": "\ud800"}, {"params": {"a": "\ud800"}}], ids=str)
async def test_what_cannot_be_sent_is_refused_and_not_lost(broken: dict[str, Any], websocket: Any):
    error = await Listener(websocket().connect(request_to("ws://127.0.0.1:1/socket", **broken))).error()
    assert isinstance(error, ConnectionRefused)
    assert str(error) == "the request failed (UnicodeEncodeError)"


async def test_no_error_of_a_handshake_shows_a_secret_or_keeps_one_as_its_cause(websocket: Any):
    with socket_module.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"ws://ann:s3cret@127.0.0.1:{unused.getsockname()[1]}/socket?key=s3cret"
        async with PhoenixServer(conformance_application()) as server:
            server.refuse_upgrades(403)
            for endpoint in (dead, server.url + "/socket?key=s3cret"):
                request = request_to(endpoint, params={"token": "s3cret"}, auth_token="s3cret")
                error = await Listener(websocket().connect(request)).error()
                assert isinstance(error, ConnectionRefused)
                assert "s3cret" not in f"{error}{error!r}{vars(error)}"
                assert error.__cause__ is None
                assert error.__context__ is None


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("own", [True, False], ids=["own session", "user's session"])
async def test_a_redirect_is_refused_and_the_token_goes_to_nobody_else(status: int, own: bool):
    elsewhere = Seen()

    async def other(websocket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        elsewhere.add(request.headers)

    async with websocket_server(other) as target:

        async def redirect(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": target.replace("ws://", "http://")})

        async with web_server(redirect) as port, aiohttp.ClientSession() as session:
            request = request_to(f"ws://127.0.0.1:{port}/socket", auth_token="s3cret", session=None if own else session)
            error = await Listener(WebSocket().connect(request)).error()
    assert isinstance(error, ConnectionRefused)
    assert error.status == status
    assert str(error) == f"HTTP {status}: redirects are not followed; give the final address"
    assert elsewhere.count == 0


async def test_a_users_session_goes_on_following_redirects_of_its_own_meanwhile_and_in_callbacks():
    async def pages(request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path == "/from":
            return web.Response(status=302, headers={"Location": "/to"})
        return web.Response(text="arrived")

    async with (
        web_server(pages) as port,
        PhoenixServer(conformance_application()) as server,
        aiohttp.ClientSession() as session,
    ):
        loop = asyncio.get_running_loop()
        visited: asyncio.Future[asyncio.Task[str]] = loop.create_future()

        async def visit() -> str:
            async with session.get(f"http://127.0.0.1:{port}/from") as response:
                return await response.text()

        def on_next(event: TransportEvent) -> None:  # runs in the transport's own task and context
            visited.set_result(loop.create_task(visit()))

        connection = WebSocket().connect(request_to(server.url + "/socket", session=session))
        subscription = connection.subscribe(on_next)
        assert await (await visited) == "arrived"
        assert await visit() == "arrived"
        subscription.dispose()


# Sessions.


async def test_a_users_session_is_used_and_left_open_with_the_tracing_that_it_had():
    seen = Seen()
    tracing = aiohttp.TraceConfig()

    async def started(*_: object) -> None:
        seen.add("traced")

    tracing.on_request_start.append(started)

    async def show(websocket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        seen.add(request.headers["X-Session"])
        await websocket.receive()

    async with (
        websocket_server(show) as endpoint,
        aiohttp.ClientSession(headers={"X-Session": "mine"}, trace_configs=[tracing]) as session,
    ):
        closing = Closing()
        listener = Listener(WebSocket().connect(request_to(endpoint, session=session, closing=closing)))
        await listener.opened()
        assert [await seen.next(), await seen.next()] == ["traced", "mine"]
        closing.request(CloseRequest())
        await listener.completed()
        assert not session.closed
        assert session.trace_configs == [tracing]


async def test_a_users_session_has_its_tracing_back_after_a_refusal_too():
    async with PhoenixServer(conformance_application()) as server, aiohttp.ClientSession() as session:
        server.refuse_upgrades(403)
        await Listener(WebSocket().connect(request_to(server.url + "/socket", session=session))).error()
        assert session.trace_configs == []


async def test_two_sockets_share_one_session():
    async with PhoenixServer(conformance_application()) as server, aiohttp.ClientSession() as session:
        closings = [Closing(), Closing()]
        requests = [request_to(server.url + "/socket", session=session, closing=closing) for closing in closings]
        listeners = [Listener(WebSocket().connect(request)) for request in requests]
        for listener in listeners:
            await listener.opened()
        for closing, listener in zip(closings, listeners, strict=True):
            closing.request(CloseRequest())
            await listener.completed()
        assert session.trace_configs == []
        assert not session.closed


async def test_a_users_session_that_is_closed_is_an_error_that_says_so():
    session = aiohttp.ClientSession()
    await session.close()
    error = await Listener(WebSocket().connect(request_to("ws://127.0.0.1:1/socket", session=session))).error()
    assert isinstance(error, ConnectionRefused)
    assert str(error) == "the session that was given to the socket is closed"


async def test_what_is_no_session_is_an_error_that_says_so():
    error = await Listener(WebSocket().connect(request_to("ws://127.0.0.1:1/socket", session=object()))).error()
    assert isinstance(error, ConnectionRefused)
    assert str(error) == "the session must be an aiohttp.ClientSession, not object"


async def test_an_own_session_is_closed_with_its_connection(monkeypatch: pytest.MonkeyPatch):
    made: list[aiohttp.ClientSession] = []
    original = aiohttp.ClientSession.__init__

    def note(session: aiohttp.ClientSession, *arguments: Any, **options: Any) -> None:
        made.append(session)
        original(session, *arguments, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", note)
    async with PhoenixServer(conformance_application()) as server:
        closing = Closing()
        listener = Listener(WebSocket().connect(request_to(server.url + "/socket", closing=closing)))
        await listener.opened()
        assert [session.closed for session in made] == [False]
        closing.request(CloseRequest())
        await listener.completed()
        server.refuse_upgrades(403)
        await Listener(WebSocket().connect(request_to(server.url + "/socket"))).error()
    assert [session.closed for session in made] == [True, True]


async def test_cookies_are_kept_from_one_attempt_of_a_socket_to_the_next_and_no_further(websocket: Any):
    seen = Seen()

    async def upgrade(request: web.BaseRequest) -> web.StreamResponse:
        seen.add(request.cookies.get("node"))
        websocket = web.WebSocketResponse()
        websocket.set_cookie("node", "7")
        await websocket.prepare(request)
        await websocket.receive()
        return websocket

    async def connect_once(port: int, memory: dict[object, object]) -> None:
        listener = Listener(websocket().connect(request_to(f"ws://localhost:{port}/socket", memory=memory)))
        await listener.opened()
        listener.subscription.dispose()

    async with web_server(upgrade) as port:
        memory: dict[object, object] = {}
        await connect_once(port, memory)
        await connect_once(port, memory)
        await connect_once(port, {})
        assert [await seen.next() for _ in range(3)] == [None, "7", None]


# Ends that nobody asked for.


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "away"), (1012, ""), (4321, "grüße")])
async def test_a_close_of_the_server_is_a_loss_with_its_code_and_reason(code: int, reason: str, websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        listener = Listener(websocket().connect(request_to(server.url + "/socket")))
        await listener.opened()
        server.close_connections(code, reason)
        error = await listener.error()
    assert isinstance(error, ConnectionLost)
    assert (error.code, error.reason) == (code, reason)


async def test_a_close_frame_without_a_code_is_a_loss_too(websocket: Any):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        writer.write(b"\x88\x00")
        await for_ever()

    async with tcp_server(serve) as port:
        listener = Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket")))
        await listener.opened()
        error = await listener.error()
    assert isinstance(error, ConnectionLost)
    assert (error.code, error.reason) == (None, "")


async def test_a_connection_cut_without_a_close_frame_is_a_loss_without_a_code(websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        listener = Listener(websocket().connect(request_to(server.url + "/socket")))
        await listener.opened()
        server.drop_connections()
        error = await listener.error()
    assert isinstance(error, ConnectionLost)
    assert error.code is None
    assert str(error) == "connection lost: the connection dropped without a close frame"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(WebSocket, id="plain"),
        pytest.param(partial(WebSocket, compress=True), id="compressed"),
        pytest.param(
            PicoWebSocket,
            id="picows",
            marks=pytest.mark.may_leave("timers", reason="picows keeps one of its own when it hangs up by itself"),
        ),
    ],
)
async def test_a_message_that_is_too_big_ends_the_connection_with_1009(make: Any):
    # not 1001 bytes: aiohttp's limit is one byte lower for a message that is not compressed
    async def shout(websocket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        await websocket.send_str("x" * 1000)
        await websocket.send_str("x" * 1002)
        await websocket.receive()

    async with websocket_server(shout) as endpoint:
        transport = make(max_message_size=1000)
        listener = Listener(transport.connect(request_to(endpoint)))
        await listener.opened()
        assert len((await listener.frame()).data) == 1000
        error = await listener.error()
    assert isinstance(error, ConnectionLost)
    assert (error.code, error.reason) == (1009, "the message is too big")


async def test_a_message_of_several_megabytes_is_not_too_big_by_default(websocket: Any):
    async def shout(websocket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        await websocket.send_bytes(bytes(5 * 1024 * 1024))
        await websocket.receive()

    async with websocket_server(shout) as endpoint:
        listener = Listener(websocket().connect(request_to(endpoint)))
        await listener.opened()
        assert len((await listener.frame()).data) == 5 * 1024 * 1024
        listener.subscription.dispose()


@pytest.mark.parametrize("garbage", [b"\x83\x00", b"\xf1\x01x", b"\x81\x02\xff\xff"], ids=["opcode", "flags", "UTF-8"])
async def test_a_server_that_breaks_the_websocket_protocol_is_lost_or_left_to_the_serializer(
    garbage: bytes, websocket: Any
):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        writer.write(garbage)
        await for_ever()

    async with tcp_server(serve) as port:
        listener = Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket")))
        await listener.opened()
        event = await listener.next()
        if garbage.endswith(b"\xff\xff"):  # text is not decoded here, so that msgspec can
            assert event == Frame(b"\xff\xff")
            listener.subscription.dispose()
        else:
            assert isinstance(event, ConnectionLost)
            assert (event.code, event.reason) == (1002, "the server broke the WebSocket protocol")


async def test_a_ping_is_answered(websocket: Any):
    seen = Seen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        writer.write(b"\x89\x02hi")
        head = await reader.readexactly(2)
        mask = await reader.readexactly(4)
        data = await reader.readexactly(head[1] & 0x7F)
        seen.add((head[0], bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))))
        await for_ever()

    async with tcp_server(serve) as port:
        listener = Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket")))
        await listener.opened()
        assert await seen.next() == (0x8A, b"hi")
        assert listener.silent
        listener.subscription.dispose()


async def test_what_comes_in_one_piece_is_told_in_order_and_seen_to(websocket: Any):
    seen = Seen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        parts = [(TEXT, b"a"), (PING, b"hi"), (TEXT, b"b"), (BINARY, b"c"), (PONG, b""), (TEXT, b"d"), (PING, b"ho")]
        close = struct.pack(">H", 4000) + b"why"
        writer.write(b"".join(frame(kind, data) for kind, data in [*parts, (CLOSE, close), (TEXT, b"too late")]))
        for _ in range(3):
            head = await reader.readexactly(2)
            mask = await reader.readexactly(4)
            data = await reader.readexactly(head[1] & 0x7F)
            seen.add((head[0] & 0xF, bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))))

    async with tcp_server(serve) as port:
        listener = Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket")))
        await listener.opened()
        for expected in (Frame(b"a"), Frame(b"b"), Frame(b"c", binary=True), Frame(b"d")):
            assert await listener.frame() == expected
        error = await listener.error()
        assert isinstance(error, ConnectionLost)
        assert (error.code, error.reason) == (4000, "why")
        assert [await seen.next() for _ in range(2)] == [(PONG, b"hi"), (PONG, b"ho")]
        assert (await seen.next())[0] == CLOSE
        assert listener.silent


class _Hidden:
    """A queue of aiohttp's that keeps what it has to itself."""

    def __init__(self, queue: Any) -> None:
        for name in ("read", "feed_data", "exception", "set_exception", "feed_eof", "is_eof"):
            setattr(self, name, getattr(queue, name))


class _Hiding(aiohttp.ClientWebSocketResponse[bool]):
    """As another version of aiohttp may have it."""

    def __init__(self, reader: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(_Hidden(reader), *arguments, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [aiohttp.ClientWebSocketResponse, _Hiding])
async def test_what_has_arrived_is_taken_at_once_where_aiohttp_shows_it(kind: Any, monkeypatch: pytest.MonkeyPatch):
    # if aiohttp keeps it elsewhere some day, all is told nevertheless, and this tells that it costs more
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        writer.write(b"".join(frame(TEXT, str(number).encode()) for number in range(200)))
        await for_ever()

    asked, receive = 0, aiohttp.ClientWebSocketResponse.receive

    async def counted(self: Any) -> Any:
        nonlocal asked
        asked += 1
        return await receive(self)

    monkeypatch.setattr(aiohttp.ClientWebSocketResponse, "receive", counted)
    async with tcp_server(serve) as port, aiohttp.ClientSession(ws_response_class=kind) as session:
        listener = Listener(WebSocket().connect(request_to(f"ws://127.0.0.1:{port}/socket", session=session)))
        await listener.opened()
        for number in range(200):
            assert await listener.frame() == Frame(str(number).encode())
        assert asked == 201 if kind is _Hiding else asked < 10
        listener.subscription.dispose()
        await asyncio.wait({carrying()})


class _Shouting(aiohttp.ClientWebSocketResponse[Any]):
    """Does something of its own to each message."""

    async def receive(self, timeout: float | None = None) -> Any:
        message = await super().receive(timeout)
        return message._replace(data=message.data.upper()) if message.type is WSMsgType.TEXT else message


async def test_a_users_session_sees_to_each_message_where_it_receives_them_in_its_own_way():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        writer.write(frame(TEXT, b"a") + frame(TEXT, b"b") + frame(TEXT, b"c"))
        await for_ever()

    async with tcp_server(serve) as port, aiohttp.ClientSession(ws_response_class=_Shouting) as session:
        listener = Listener(WebSocket().connect(request_to(f"ws://127.0.0.1:{port}/socket", session=session)))
        await listener.opened()
        assert [(await listener.frame()).data for _ in range(3)] == [b"A", b"B", b"C"]
        listener.subscription.dispose()
        await asyncio.wait({carrying()})


async def test_others_have_their_turn_while_much_is_told():
    loop = asyncio.get_running_loop()
    told = turns = in_this_turn = most = 0
    all_told = asyncio.Event()

    def turn() -> None:
        nonlocal turns, in_this_turn
        turns, in_this_turn = turns + 1, 0
        if told < 5000:
            loop.call_soon(turn)

    def take(event: TransportEvent) -> None:
        nonlocal told, in_this_turn, most
        if isinstance(event, Frame):
            assert event.data == str(told).encode()
            told, in_this_turn = told + 1, in_this_turn + 1
            most = max(most, in_this_turn)
            if told == 5000:
                all_told.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        writer.write(b"".join(frame(TEXT, str(number).encode()) for number in range(5000)))
        await for_ever()

    async with tcp_server(serve) as port:
        request = request_to(f"ws://127.0.0.1:{port}/socket")
        subscription = WebSocket().connect(request).subscribe(take)
        turn()
        await asyncio.wait_for(all_told.wait(), 20)
        assert most <= 1000
        subscription.dispose()


async def test_a_task_that_somebody_else_cancels_says_that_the_loop_is_ending(websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        listener = Listener(websocket().connect(request_to(server.url + "/socket")))
        await listener.opened()
        carrying().cancel()
        assert isinstance(await listener.error(), EventLoopEnding)


async def test_a_cancellation_that_comes_while_it_ends_by_itself_says_so_too():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        writer.write(b"\x88\x02\x03\xe8")  # a close frame, and the client answers it
        await reader.read(8)
        carrying().cancel()

    async with tcp_server(serve) as port:
        listener = Listener(WebSocket().connect(request_to(f"ws://127.0.0.1:{port}/socket")))
        await listener.opened()
        assert isinstance(await listener.error(), EventLoopEnding)


async def test_an_upgrade_is_sent_once_when_the_connection_breaks(websocket: Any):
    seen = Seen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.add((await read_head(reader))[0])

    async with tcp_server(serve) as port:
        listener = Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket")))
        error = await listener.error()
    assert isinstance(error, ConnectionRefused)
    assert error.reason == "the server hung up without an answer"
    assert seen.count == 1


# Ends that were asked for.


@pytest.mark.parametrize(
    ("asked", "code", "reason"),
    [
        (CloseRequest(), 1000, ""),
        (CloseRequest(4001, "bye"), 4001, "bye"),
        (CloseRequest(3000, "grüße"), 3000, "grüße"),
    ],
)
async def test_a_close_carries_its_code_and_reason_behind_all_that_was_sent(
    asked: CloseRequest, code: int, reason: str, websocket: Any
):
    seen = Seen()
    async with websocket_server(lambda websocket, _: record(websocket, seen)) as endpoint:
        closing = Closing()
        listener = Listener(websocket().connect(request_to(endpoint, closing=closing)))
        send = await listener.opened()
        for index in range(50):
            send(Frame(str(index).encode()))
        closing.request(asked)
        send(Frame(b"too late"))
        await listener.completed()
        assert [(await seen.next())[1] for _ in range(50)] == [str(index) for index in range(50)]
        assert await seen.next() == (WSMsgType.CLOSE, code, reason)
        assert seen.count == 0


async def test_a_close_waits_for_the_servers_answer(websocket: Any):
    answer = asyncio.Event()
    seen = Seen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        head = await reader.readexactly(2)
        await reader.readexactly(4 + (head[1] & 0x7F))
        seen.add(head[0])
        await answer.wait()
        writer.write(b"\x88\x02" + struct.pack("!H", 1000))
        await for_ever()

    async with tcp_server(serve) as port:
        closing = Closing()
        listener = Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket", closing=closing)))
        await listener.opened()
        closing.request(CloseRequest(grace=10))
        assert await seen.next() == 0x88
        assert listener.silent
        answer.set()
        await listener.completed()


@pytest.mark.parametrize("size", [10, 32 * 1024 * 1024], ids=["little to flush", "more to flush than buffers hold"])
@pytest.mark.parametrize("how", ["close", "dispose"])
async def test_a_peer_that_reads_nothing_does_not_hold_up_an_end(size: int, how: str, websocket: Any):
    stalled = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        writer.transport.pause_reading()  # pyright: ignore[reportAttributeAccessIssue]
        stalled.set()
        await for_ever()

    async with tcp_server(serve) as port:
        closing = Closing()
        listener = Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket", closing=closing)))
        send = await listener.opened()
        await stalled.wait()
        send(Frame(bytes(size), binary=True))
        if how == "close":
            closing.request(CloseRequest(grace=0.05))
            await listener.completed()
        else:
            listener.subscription.dispose()
        tasks = {task for task in asyncio.all_tasks() if task.get_name().startswith("rxphoenix")}
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=10)
            assert not unfinished


@pytest.mark.parametrize("moment", ["before it is subscribed", "at once", "during the handshake"])
async def test_a_close_before_it_is_open_completes_it(moment: str, websocket: Any):
    knocked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        knocked.set()
        await for_ever()

    async with tcp_server(serve) as port:
        closing = Closing()
        connection = websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket", closing=closing))
        if moment == "before it is subscribed":
            closing.request(CloseRequest())
        listener = Listener(connection)
        if moment == "during the handshake":
            await knocked.wait()
        closing.request(CloseRequest())
        await listener.completed()
        assert knocked.is_set() is (moment == "during the handshake")


@pytest.mark.parametrize("moment", ["at once", "open", "over"])
async def test_disposing_leaves_nothing_behind_and_is_silent(moment: str, websocket: Any):
    # what would be left behind (tasks, timers, sockets) fails the test through tests/house/leaks.py
    async with PhoenixServer(conformance_application()) as server:
        listener = Listener(websocket().connect(request_to(server.url + "/socket")))
        if moment == "open":
            await listener.opened()
        elif moment == "over":
            await listener.opened()
            server.close_connections(1000)
            await listener.error()
        listener.subscription.dispose()
        listener.subscription.dispose()
    assert listener.silent


async def test_disposing_during_the_handshake_leaves_nothing_behind_and_is_silent(websocket: Any):
    knocked, hung_up = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        knocked.set()
        with suppress(ConnectionError):
            assert await reader.read() == b""
        hung_up.set()

    async with tcp_server(serve) as port:
        listener = Listener(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket")))
        await knocked.wait()
        listener.subscription.dispose()
        listener.subscription.dispose()
        await hung_up.wait()
    assert listener.silent


async def test_a_close_that_crosses_the_servers_completes_it_once(websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        closing = Closing()
        listener = Listener(websocket().connect(request_to(server.url + "/socket", closing=closing)))
        await listener.opened()
        server.close_connections(1012)
        closing.request(CloseRequest())
        await listener.completed()
        assert listener.silent


async def test_a_close_after_the_end_changes_nothing(websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        closing = Closing()
        listener = Listener(websocket().connect(request_to(server.url + "/socket", closing=closing)))
        await listener.opened()
        server.close_connections(1012)
        await listener.error()
        closing.request(CloseRequest())  # a timer that it left would fail the test
        assert listener.silent


def test_disposing_when_the_loop_is_gone_is_no_error(websocket: Any):
    loop = asyncio.new_event_loop()
    opened: list[TransportEvent] = []

    async def begin() -> Any:
        async with PhoenixServer(conformance_application()) as server:
            done = loop.create_future()

            def on_next(event: TransportEvent) -> None:
                opened.append(event)
                done.set_result(None)

            request = request_to(server.url + "/socket")
            subscription = websocket().connect(request).subscribe(on_next, lambda _: None)
            await done
            return subscription

    try:
        subscription = loop.run_until_complete(begin())
        # the server has closed it by now; let its task end
        tasks = asyncio.all_tasks(loop)
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
    finally:
        loop.close()
    assert isinstance(opened[0], Opened)
    subscription.dispose()


# TLS.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def contexts(authority: trustme.CA, name: str = "localhost") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server of that name needs, and what a client needs to believe it."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def upgrade_and_wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await accept_websocket(reader, writer)
    await for_ever()


@pytest.mark.may_leave("errors", reason="asyncio logs that the client hung up on the server's certificate")
async def test_a_certificate_of_an_unknown_authority_is_refused(authority: trustme.CA, websocket: Any):
    server, _ = contexts(authority)
    async with tcp_server(upgrade_and_wait, server) as port:
        error = await Listener(websocket().connect(request_to(f"wss://localhost:{port}/socket"))).error()
    assert isinstance(error, ConnectionRefused)
    assert error.status is None
    assert str(error).startswith("TLS failed")


@pytest.mark.may_leave("errors", reason="asyncio logs that the client hung up on the server's certificate")
async def test_a_certificate_of_another_name_is_refused(authority: trustme.CA, websocket: Any):
    server, client = contexts(authority, "other.example.com")
    async with tcp_server(upgrade_and_wait, server) as port:
        error = await Listener(websocket(ssl=client).connect(request_to(f"wss://localhost:{port}/socket"))).error()
    assert isinstance(error, ConnectionRefused)
    assert str(error).startswith("TLS failed")
    assert "localhost" not in str(error)


@pytest.mark.parametrize("scheme", ["wss", "https"])
async def test_a_certificate_of_an_authority_in_the_given_context_is_accepted(
    authority: trustme.CA, scheme: str, websocket: Any
):
    server, client = contexts(authority)
    async with tcp_server(upgrade_and_wait, server) as port:
        listener = Listener(websocket(ssl=client).connect(request_to(f"{scheme}://localhost:{port}/socket")))
        await listener.opened()
        listener.subscription.dispose()


async def test_ssl_false_believes_every_certificate(authority: trustme.CA, websocket: Any):
    server, _ = contexts(authority)
    async with tcp_server(upgrade_and_wait, server) as port:
        listener = Listener(websocket(ssl=False).connect(request_to(f"wss://localhost:{port}/socket")))
        await listener.opened()
        listener.subscription.dispose()


async def test_the_tls_of_a_users_session_is_its_own_business(authority: trustme.CA):
    server, client = contexts(authority)
    async with (
        tcp_server(upgrade_and_wait, server) as port,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=client)) as session,
    ):
        listener = Listener(WebSocket().connect(request_to(f"wss://localhost:{port}/socket", session=session)))
        await listener.opened()
        listener.subscription.dispose()


async def test_a_server_that_speaks_no_tls_is_refused(websocket: Any):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await for_ever()

    async with tcp_server(serve) as port:
        error = await Listener(websocket().connect(request_to(f"wss://localhost:{port}/socket"))).error()
    assert isinstance(error, ConnectionRefused)
    assert str(error).startswith("TLS failed")


# Proxies.


class Proxy:
    """A proxy that tunnels (CONNECT) and relays (a whole URL in the request), and notes what it was asked."""

    def __init__(self, answer: str | None = None) -> None:
        self.asked = Seen()
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, headers = await read_head(reader)
        self.asked.add((first, headers))
        if self._answer is not None:
            writer.write(self._answer.encode())
            await writer.drain()
            return
        method, target, _ = first.split(" ")
        authority = target if method == "CONNECT" else target.partition("://")[2].partition("/")[0]
        host, _, port = authority.rpartition(":")
        upstream, upward = await asyncio.open_connection(host, int(port))
        try:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = "/" + target.partition("://")[2].partition("/")[2]
                lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                upward.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
            async with asyncio.TaskGroup() as group:
                group.create_task(self._relay(reader, upward))
                group.create_task(self._relay(upstream, writer))
        finally:
            upward.transport.abort()

    async def _relay(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()


async def test_a_proxy_is_used_where_one_is_given(authority: trustme.CA, websocket: Any):
    server, client = contexts(authority)
    proxy = Proxy()
    async with tcp_server(upgrade_and_wait, server) as port, tcp_server(proxy.serve) as proxy_port:
        transport = websocket(ssl=client, proxy=f"http://ann:pw@127.0.0.1:{proxy_port}")
        listener = Listener(transport.connect(request_to(f"wss://localhost:{port}/socket", auth_token="s3cret")))
        await listener.opened()
        first, headers = await proxy.asked.next()
        assert first == f"CONNECT localhost:{port} HTTP/1.1"
        assert headers["proxy-authorization"] == "Basic " + base64.b64encode(b"ann:pw").decode()
        assert "s3cret" not in str(headers)
        assert "sec-websocket-protocol" not in headers
        listener.subscription.dispose()


@pytest.mark.parametrize("trusted", [True, False])
async def test_proxies_of_the_environment_are_used_when_it_is_trusted(
    trusted: bool, monkeypatch: pytest.MonkeyPatch, websocket: Any
):
    proxy = Proxy()
    for name in ("no_proxy", "NO_PROXY", "ws_proxy", "WS_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with PhoenixServer(conformance_application()) as server, tcp_server(proxy.serve) as proxy_port:
        for name in ("http_proxy", "ws_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy_port}")
        listener = Listener(websocket(trust_env=trusted).connect(request_to(server.url + "/socket")))
        await listener.opened()
        assert proxy.asked.count == int(trusted)
        listener.subscription.dispose()


async def test_a_proxy_that_says_no_is_named_without_its_address(authority: trustme.CA, websocket: Any):
    proxy = Proxy("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    _, client = contexts(authority)
    async with tcp_server(proxy.serve) as port:
        transport = websocket(ssl=client, proxy=f"http://ann:s3cret@127.0.0.1:{port}")
        error = await Listener(transport.connect(request_to("wss://localhost:1/socket"))).error()
    assert isinstance(error, ConnectionRefused)
    assert str(error) == "the proxy refused or could not be reached"


async def test_a_proxy_where_nobody_listens_is_named_without_its_address(websocket: Any):
    with socket_module.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        transport = websocket(proxy=f"http://ann:s3cret@127.0.0.1:{unused.getsockname()[1]}")
        error = await Listener(transport.connect(request_to("ws://127.0.0.1:1/socket"))).error()
    assert isinstance(error, ConnectionRefused)
    assert str(error) == "the proxy refused or could not be reached"


# Arguments.


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_that_lets_nothing_through_is_refused(size: int, websocket: Any):
    with pytest.raises(ValueError, match=f"max_message_size must be a positive number of bytes, not {size}"):
        websocket(max_message_size=size)


async def test_the_scheduler_of_the_subscription_is_not_needed(websocket: Any):
    async with PhoenixServer(conformance_application()) as server:
        done = asyncio.get_running_loop().create_future()
        subscription = (
            websocket()
            .connect(request_to(server.url + "/socket"))
            .subscribe(done.set_result, scheduler=AsyncIOScheduler(asyncio.get_running_loop()))
        )
        assert isinstance(await done, Opened)
        subscription.dispose()

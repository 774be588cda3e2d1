"""Both ends of a transport under test: what subscribes to it, and small servers that do exactly as they are told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from reactivex import Observable
from reactivex.scheduler.eventloop import AsyncIOScheduler

from rxphoenix.protocol.address import Address, Params, parse_endpoint
from rxphoenix.protocol.message import Frame
from rxphoenix.transports.base import Closing, ConnectRequest, Opened, Ping, TransportEvent

# Never waited out: what a test waits for happens, or the test fails here instead of hanging.
_PATIENCE = 20


def request_to(
    endpoint: str, *, params: Params | None = None, closing: Closing | None = None, vsn: str = "2.0.0", **more: Any
) -> ConnectRequest:
    """A request to connect to an endpoint."""
    scheduler = AsyncIOScheduler(asyncio.get_running_loop())
    options: dict[str, Any] = {"scheduler": scheduler, "closing": closing or Closing(), "ping": heartbeat} | more
    return ConnectRequest(Address(parse_endpoint(endpoint), params or {}, vsn), **options)


def heartbeat() -> Ping:
    """What a client gives to a transport that wants to see whether frames pass."""
    return Ping(Frame(b'[null,"p","phoenix","heartbeat",{}]'), lambda frame: frame.data.startswith(b'[null,"p",'))


class Listener:
    """Subscribes to one connection, and keeps what it emits in order."""

    def __init__(self, connection: Observable[TransportEvent]) -> None:
        self._events: asyncio.Queue[TransportEvent | Exception | None] = asyncio.Queue()
        put = self._events.put_nowait
        self.subscription = connection.subscribe(put, put, lambda: put(None))

    async def next(self) -> TransportEvent | Exception | None:
        """The next event: an emission, the error that ended it, or ``None`` for its completion."""
        return await asyncio.wait_for(self._events.get(), _PATIENCE)

    async def opened(self) -> Callable[[Frame], None]:
        """Wait for it to open; returns what sends."""
        event = await self.next()
        assert isinstance(event, Opened), event
        return event.send

    async def frame(self) -> Frame:
        event = await self.next()
        assert isinstance(event, Frame), event
        return event

    async def error(self) -> Exception:
        event = await self.next()
        assert isinstance(event, Exception), event
        return event

    async def completed(self) -> None:
        assert await self.next() is None

    @property
    def silent(self) -> bool:
        """Whether nothing waits to be looked at."""
        return self._events.empty()

    @property
    def count(self) -> int:
        """How many events wait to be looked at."""
        return self._events.qsize()


class Seen:
    """What a server saw, in order."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

    def add(self, item: Any) -> None:
        self._queue.put_nowait(item)

    async def next(self) -> Any:
        return await asyncio.wait_for(self._queue.get(), _PATIENCE)

    @property
    def count(self) -> int:
        return self._queue.qsize()


@asynccontextmanager
async def web_server(
    handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    host: str = "127.0.0.1",
    *,
    handler_cancellation: bool = False,
) -> AsyncGenerator[int]:
    """An HTTP server of one handler; yields its port."""
    tasks: set[asyncio.Task[Any]] = set()

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            return await handle(request)
        finally:
            tasks.discard(task)

    runner = web.ServerRunner(
        web.Server(note, access_log=None, handler_cancellation=handler_cancellation), shutdown_timeout=0
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0).start()
        yield int(runner.addresses[0][1])
    finally:
        if tasks:  # of a test that failed: the others have closed what they opened
            await asyncio.wait(tasks, timeout=2)
        for task in list(tasks):
            task.cancel()
        await runner.cleanup()


@asynccontextmanager
async def websocket_server(
    handle: Callable[[web.WebSocketResponse, web.BaseRequest], Awaitable[None]],
    prepare: Callable[[], web.WebSocketResponse] = web.WebSocketResponse,
) -> AsyncGenerator[str]:
    """A server that upgrades every request; yields the endpoint to connect to."""

    async def upgrade(request: web.BaseRequest) -> web.StreamResponse:
        websocket = prepare()
        await websocket.prepare(request)
        await handle(websocket, request)
        return websocket

    async with web_server(upgrade) as port:
        yield f"ws://127.0.0.1:{port}/socket"


async def record(websocket: web.WebSocketResponse, seen: Seen) -> None:
    """Note all messages until the end, the one that ends it included."""
    while True:
        message = await websocket.receive()
        seen.add((message.type, message.data, message.extra))
        if websocket.closed:
            return


@asynccontextmanager
async def tcp_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncGenerator[int]:
    """A server on bare TCP; yields its port. A connection is cut when its handler returns."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client is gone, or the test is over
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=ssl_context)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await server.wait_closed()


async def read_head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    """The first line of a request, and its headers in lower case."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    return first, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


async def accept_websocket(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, **headers: str
) -> tuple[str, dict[str, str]]:
    """Answer an upgrade by hand; returns the request's first line and headers."""
    first, given = await read_head(reader)
    digest = hashlib.sha1(given["sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    answer = {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": base64.b64encode(digest).decode(),
    } | {name.replace("_", "-"): value for name, value in headers.items()}  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in answer.items())
    writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode())
    await writer.drain()
    return first, given


async def for_ever() -> None:
    """Wait until cancelled."""
    await asyncio.Event().wait()

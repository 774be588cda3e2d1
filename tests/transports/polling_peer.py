"""A server of long polling that does exactly as it is told: each request waits until the test answers it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

from rxphoenix.transports.base import Closing
from rxphoenix.transports.longpoll import LongPoll
from tests.transports.peers import Listener, Seen, request_to, web_server

TOKEN = "s3cret.token-1_"


class Asked:
    """One request, and what answers it."""

    def __init__(self, request: web.BaseRequest, body: bytes) -> None:
        self.method = request.method
        self.path = request.path
        self.query = request.query
        self.headers = request.headers
        self.raw_path = request.raw_path
        self.body = body
        self.transport = request.transport
        self.response: asyncio.Future[web.StreamResponse | None] = asyncio.get_running_loop().create_future()
        self.aborted = asyncio.Event()

    def answer(self, status: int = 200, messages: Sequence[str] | None = None, token: str | None = TOKEN) -> None:
        """Answer as a server does: the status is in the body."""
        content: dict[str, Any] = {"status": status}
        if self.method == "GET":
            content |= {"token": token, "messages": list(messages or ())}
        self.reply(msgspec.json.encode(content))

    def reply(self, body: bytes = b"", *, http: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Answer with anything."""
        self.response.set_result(web.Response(status=http, body=body, headers=headers))

    def hang_up(self) -> None:
        """Close the connection without an answer."""
        assert self.transport is not None
        self.transport.abort()


class PollingPeer:
    """The requests, in the order in which they came."""

    def __init__(self) -> None:
        self._asked = Seen()
        self.port = 0
        self.connections: list[Any] = []

    @property
    def endpoint(self) -> str:
        return f"ws://127.0.0.1:{self.port}/socket"

    async def next(self) -> Asked:
        return await self._asked.next()

    @property
    def waiting(self) -> int:
        """How many requests have come that the test has not looked at."""
        return self._asked.count

    async def get(self) -> Asked:
        """The next request, which is a poll."""
        asked = await self.next()
        assert (asked.method, asked.body) == ("GET", b"")
        return asked

    async def post(self) -> Asked:
        """The next request, which is a post."""
        asked = await self.next()
        assert asked.method == "POST", asked.method
        return asked

    async def both(self) -> tuple[Asked, Asked]:
        """The next two requests, a poll and a post in whatever order."""
        asked = sorted([await self.next(), await self.next()], key=lambda each: each.method)
        assert [each.method for each in asked] == ["GET", "POST"]
        return asked[0], asked[1]

    async def open(self, *, header: bool = False) -> Asked:
        """Open a session; returns its first poll."""
        first = await self.get()
        content = msgspec.json.encode({"status": 410, "token": TOKEN, "messages": []})
        first.reply(content, headers={"Cache-Control": "no-store" if header else "max-age=0, private"})
        return await self.get()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = Asked(request, await request.read())
        if request.transport not in self.connections:
            self.connections.append(request.transport)
        self._asked.add(asked)
        try:
            response = await asked.response
        except asyncio.CancelledError:
            asked.aborted.set()
            raise
        return response or web.Response()


@asynccontextmanager
async def polling_peer() -> AsyncGenerator[PollingPeer]:
    """Such a server."""
    peer = PollingPeer()
    async with web_server(peer.handle, handler_cancellation=True) as port:
        peer.port = port
        yield peer


class Session:
    """An open session of a peer, from the client's side."""

    def __init__(self, peer: PollingPeer, transport: LongPoll | None = None, **options: Any) -> None:
        self.closing = Closing()
        request = request_to(peer.endpoint, closing=self.closing, **options)
        self.listener = Listener((transport or LongPoll()).connect(request))

"""Connections with no client around them, for what the client would never send.

What lives here: a WebSocket and a session of long polling. What does not: where the server is (``target.py``).
"""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any, NamedTuple

import aiohttp
from yarl import URL

from tests.conformance.watching import PATIENCE


class RawWebSocket:
    """A WebSocket with no client around it."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._websocket = websocket

    @property
    def subprotocol(self) -> str | None:
        """What the handshake agreed on."""
        return self._websocket.protocol

    async def send(self, *message: Any) -> None:
        """Send the elements of one message of 2.0.0."""
        await self.send_text(json.dumps(message))

    async def send_text(self, text: str) -> None:
        """Send a text frame."""
        await self._websocket.send_str(text)

    async def send_binary(self, data: bytes) -> None:
        """Send a binary frame."""
        await self._websocket.send_bytes(data)

    async def receive(self) -> Any:
        """The next frame: the value in a text frame, or the bytes of a binary one."""
        message = await self._receive()
        if message.type is aiohttp.WSMsgType.BINARY:
            return message.data
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return json.loads(message.data)

    async def close_code(self) -> int | None:
        """The code that the server closes with; no frame may come before."""
        message = await self._receive()
        closing = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)
        assert message.type in closing, message
        return self._websocket.close_code

    async def _receive(self) -> aiohttp.WSMessage:
        async with asyncio.timeout(PATIENCE):
            return await self._websocket.receive()


class PollAnswer(NamedTuple):
    """The answer to a request of long polling: the status of HTTP, and what the body says."""

    http_status: int
    status: int | None
    token: str | None
    messages: list[Any]


class RawLongPoll:
    """A session of long polling with no client around it.

    Arguments:
        http: does the requests.
        url: where the session is, with its query.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.token: str | None = None
        self._http = http
        self._url = url

    async def open(self) -> RawLongPoll:
        """Begin a session, or another one."""
        answer = await self._ask("GET", self._url, {}, None)
        assert (answer.http_status, answer.status, answer.messages) == (200, 410, [])
        self.token = answer.token
        return self

    async def poll(self, **options: Any) -> PollAnswer:
        """Ask for messages; options are those of ``ask``."""
        return await self.ask("GET", **options)

    async def post(self, *messages: Any, **options: Any) -> PollAnswer:
        """Send messages of 2.0.0, in one batch; options are those of ``ask``."""
        return await self.ask("POST", "\n".join(map(json.dumps, messages)).encode(), **options)

    async def ask(
        self, method: str, body: bytes | None = None, *, by_header: bool = False, batch: bool = True
    ) -> PollAnswer:
        """Do one request with the session's token, in the query or the header."""
        headers = {} if body is None else {"Content-Type": "application/x-ndjson" if batch else "application/json"}
        url = self._url
        if self.token is not None and by_header:
            headers["X-Phoenix-Longpoll-Token"] = self.token
        elif self.token is not None:
            url = f"{url}&token={self.token}"
        return await self._ask(method, url, headers, None if body is None else io.BytesIO(body))

    async def _ask(self, method: str, url: str, headers: dict[str, str], body: io.BytesIO | None) -> PollAnswer:
        async with (
            asyncio.timeout(PATIENCE),
            self._http.request(method, URL(url, encoded=True), headers=headers, data=body) as response,
        ):
            answer = await response.json() if response.content_type == "application/json" else {}
            messages = [json.loads(message) for message in answer.get("messages", [])]
            return PollAnswer(response.status, answer.get("status"), answer.get("token"), messages)

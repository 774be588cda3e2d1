"""A client without a mind of its own: aiohttp's, and frames written by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import aiohttp
import msgspec
import pytest
from aiohttp import WSMsgType

PATIENCE = 5.0


class RawClient:
    """A WebSocket that speaks JSON arrays."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket

    async def send(self, *message: Any) -> None:
        await self.websocket.send_str(msgspec.json.encode(message).decode())

    async def receive(self) -> Any:
        return msgspec.json.decode(await self.websocket.receive_str(timeout=PATIENCE))

    async def ask(self, *message: Any) -> Any:
        await self.send(*message)
        return await self.receive()

    async def join(self, topic: str, params: Any = None, ref: str = "1") -> Any:
        """Join, and return the response of the reply."""
        answer = await self.ask(ref, ref, topic, "phx_join", {} if params is None else params)
        assert answer[:4] == [ref, ref, topic, "phx_reply"]
        return answer[4]["response"]

    async def closing(self) -> int | None:
        """Wait for the end, and return the code of the close frame, ``None`` if there was none."""
        message = await self.websocket.receive(timeout=PATIENCE)
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR), message
        return message.data if message.type is WSMsgType.CLOSE else None

    async def is_alive(self) -> bool:
        return await self.ask(None, "hb", "phoenix", "heartbeat", {}) == [
            None,
            "hb",
            "phoenix",
            "phx_reply",
            {"status": "ok", "response": {}},
        ]


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop turn until something has come true that announces itself to nobody."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


Connect: TypeAlias = Callable[..., Awaitable[RawClient]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def connect(session: aiohttp.ClientSession) -> AsyncIterator[Connect]:
    """Connects to a URL; what is still open after the test is closed."""
    clients: list[RawClient] = []

    async def connect(url: str, **options: Any) -> RawClient:
        client = RawClient(await session.ws_connect(url, **options))
        clients.append(client)
        return client

    yield connect
    for client in clients:
        await client.websocket.close()

"""What the suite talks to: a server that runs the conformance contract, embedded or real.

What lives here: where it is, its plain HTTP pages, and starting the embedded one on a thread of its own. What does
not: frames (``wire.py``).
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from rxphoenix.server import PhoenixServer, Polling
from rxphoenix.server.applications.conformance import conformance_application
from tests.conformance.raw import RawLongPoll, RawWebSocket
from tests.house.background import in_background

_POLLING = Polling(window=1.5, patience=0.1)
"""Of the embedded server, whose clients then hear sooner that a session is gone."""


def a_name() -> str:
    """A name that nobody else has, for a topic, a user or a payload."""
    return uuid.uuid4().hex[:16]


def a_topic(name: str = "") -> str:
    """A topic of the contract's rooms that nobody else has."""
    return f"room:{name}{a_name()}"


class Target:
    """A server with the conformance contract.

    Arguments:
        url: its base URL, for example ``ws://127.0.0.1:4400``.
        window: how long a poll waits on ``/socket`` and ``/auth``, in seconds.
    """

    def __init__(self, url: str, window: float = 10.0) -> None:
        self.url = url.rstrip("/")
        self.window = window

    async def disconnect(self, user_id: str) -> None:
        """Disconnect all sockets of a user, as a sign-out elsewhere would."""
        await self.get(f"/disconnect/{user_id}")

    async def broadcast(self, topic: str, event: str, **payload: str) -> None:
        """Broadcast from outside any channel."""
        await self.get(f"/broadcast/{quote(topic, safe='')}/{event}?{urlencode(payload)}")

    async def get(self, path: str, status: int = 200) -> str:
        """Get a page, and insist on its status."""
        async with aiohttp.ClientSession() as session, session.get(self._page(path)) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return text

    @asynccontextmanager
    async def websocket(
        self, path: str = "/socket", query: str = "vsn=2.0.0", **options: Any
    ) -> AsyncIterator[RawWebSocket]:
        """A bare WebSocket, for what the client would never send."""
        url = self._page(f"{path}/websocket?{query}")
        async with aiohttp.ClientSession() as session, session.ws_connect(url, **options) as websocket:
            yield RawWebSocket(websocket)

    @asynccontextmanager
    async def long_polling(self, path: str = "/socket", query: str = "vsn=2.0.0") -> AsyncIterator[RawLongPoll]:
        """A bare session of long polling, not yet open, for what the client would never send."""
        async with aiohttp.ClientSession() as session:
            yield RawLongPoll(session, str(self._page(f"{path}/longpoll?{query}")))

    def _page(self, path: str) -> URL:
        return URL("http" + self.url.removeprefix("ws") + path, encoded=True)


@contextmanager
def embedded_target() -> Iterator[Target]:
    """Run the embedded server, with the Python port of the contract, on a thread and a loop of its own."""
    with in_background("the conformance server", lambda: PhoenixServer(conformance_application(_POLLING))) as server:
        yield Target(server.url, _POLLING.window)

"""What every conformance test starts from: a server, a dialect, a transport, and sockets that are closed again.

``RXPHOENIX_CONFORMANCE_URL`` (for example ``ws://127.0.0.1:4400``) names the server; where it is not set, the
embedded one is started.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from rxphoenix import LongPoll, PicoWebSocket, Socket, Transport, WebSocket
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from tests.conformance.target import Target, a_name, embedded_target
from tests.conformance.watching import PATIENCE
from tests.conformance.wire import V1, V2, Dialect, OpenSocket, OpenWire, Wire

URL_VARIABLE = "RXPHOENIX_CONFORMANCE_URL"

TRANSPORTS: dict[str, Callable[[], Transport]] = {"websocket": WebSocket, "picows": PicoWebSocket, "longpoll": LongPoll}
"""What carries the frames: every test of the client runs over each of these. The one place to add a transport."""


class Carrying(str):
    """The name of what carries the frames, as ``whoami`` has it, and what makes the transport."""

    make: Callable[[], Transport]

    def __new__(cls, kind: str) -> Carrying:
        self = super().__new__(cls, "websocket" if kind == "picows" else kind)
        self.make = TRANSPORTS[kind]
        return self


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks of this suite."""
    config.addinivalue_line("markers", "only(reason): runs on one transport only, and why")
    config.addinivalue_line(
        "markers", "embedded: needs a server that the suite may stop or break; not run against a real Phoenix"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what only the embedded server can do where another server was named."""
    if os.environ.get(URL_VARIABLE) and item.get_closest_marker("embedded"):
        pytest.skip(f"only on the embedded server, and {URL_VARIABLE} names another")


@pytest.fixture(scope="session")
def phoenix() -> Iterator[Target]:
    """The server with the conformance contract."""
    url = os.environ.get(URL_VARIABLE)
    if url:
        yield Target(url)
    else:
        with embedded_target() as target:
            yield target


@pytest.fixture
async def breakable() -> AsyncIterator[PhoenixServer]:
    """A server of the test's own, which it may stop and break; for tests marked as ``embedded``."""
    async with PhoenixServer(conformance_application()) as server:
        yield server


@pytest.fixture(params=[V2, V1], ids=lambda dialect: dialect.vsn)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """The serializer; a test that can do with one says ``@only_2_0_0``."""
    return request.param


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """The name of what carries the frames, as ``whoami`` has it; a test may say ``@only_websocket(reason)``."""
    return Carrying(request.param)


@pytest.fixture
async def open_socket(phoenix: Target, dialect: Dialect, transport: str) -> AsyncIterator[OpenSocket]:
    """Make sockets, like so: ``open_socket(path="/socket", **options)``; they are closed after the test.

    Unless told otherwise a socket has a user id of its own, and joins again soon after a fault.
    """
    made: list[Socket] = []

    def make(path: str = "/socket", *, url: str | None = None, **options: Any) -> Socket:
        options.setdefault("params", {"user_id": a_name()})
        options.setdefault("transport", (transport if isinstance(transport, Carrying) else Carrying(transport)).make())
        options.setdefault("serializer", dialect.serializer())
        options.setdefault("rejoin_after", lambda attempt, error: 0.01 * attempt)
        options.setdefault("timeout", PATIENCE)
        socket = Socket((url or phoenix.url) + path, **options)
        made.append(socket)
        return socket

    yield make
    for socket in made:
        socket.close()
    async with asyncio.timeout(PATIENCE):
        for socket in made:
            await socket.wait_closed()


@pytest.fixture
async def open_wire(open_socket: OpenSocket, dialect: Dialect) -> OpenWire:
    """Open sockets that send messages as they are; called like ``open_socket``, and awaited."""

    async def begin(path: str = "/socket", **options: Any) -> Wire:
        socket = open_socket(path, heartbeat_interval=None, **options)
        socket.connect()
        wire = Wire(socket, dialect)
        await socket.opened()
        return wire

    return begin

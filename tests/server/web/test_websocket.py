"""The handshake and the limits of a WebSocket, over a real one."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest

from rxphoenix import Payload
from rxphoenix.server import Endpoint, PhoenixServer, ServerChannel, ServerSocket
from rxphoenix.server.applications.conformance import conformance_application
from tests.server.conftest import PATIENCE, Connect, until


@pytest.fixture
async def server() -> AsyncIterator[PhoenixServer]:
    async with PhoenixServer(conformance_application()) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/socket/websocket?token=bad&vsn=2.0.0", 403),
        ("/socket/websocket?token=unauthorized&vsn=2.0.0", 401),
        ("/socket/websocket?token=rate&vsn=2.0.0", 429),
        ("/socket/websocket?token=crash&vsn=2.0.0", 500),
        ("/short/websocket?token=unauthorized&vsn=2.0.0", 403),
        ("/short/websocket?token=rate&vsn=2.0.0", 403),
        ("/socket/websocket?vsn=3.0.0", 403),
        ("/socket/websocket?vsn=junk", 403),
        ("/socket/websocket?vsn[a]=2.0.0", 403),
        ("/socket/websocket?a=%ff&vsn=2.0.0", 400),
        ("/nosuch/websocket?vsn=2.0.0", 404),
        ("/websocket", 404),
    ],
)
async def test_a_connection_is_refused_with_a_status(
    server: PhoenixServer, connect: Connect, path: str, status: int, caplog: pytest.LogCaptureFixture
):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await connect(server.url + path)
    assert refused.value.status == status
    assert ("connect crashed" in caplog.text) is (status == 500)


async def test_a_plain_request_for_a_websocket_is_a_bad_one(server: PhoenixServer, session: aiohttp.ClientSession):
    url = server.url.replace("ws:", "http:") + "/socket/websocket?vsn=2.0.0"
    for method in ("GET", "POST"):
        async with session.request(method, url) as response:
            assert response.status == 400


async def test_params_are_read_as_phoenix_reads_them(server: PhoenixServer, connect: Connect):
    client = await connect(
        server.url + "/socket/websocket?user_id=%C3%BC+1&a[b]=1&l[]=x&l[]=y&m[0]=z&vsn=2.0.0",
        headers={"X-Trace": "7", "User-Agent": "raw"},
    )
    await client.join("room:a")
    answer = await client.ask("1", "2", "room:a", "whoami", {})
    assert answer[4]["response"] == {
        "auth_token": None,
        "params": {"user_id": "ü 1", "a": {"b": "1"}, "l": ["x", "y"], "m": {"0": "z"}, "vsn": "2.0.0"},
        "transport": "websocket",
        "user_agent": "raw",
        "user_id": "ü 1",
        "x_headers": {"x-trace": "7"},
    }


def subprotocol(token: bytes, *, padded: bool = False) -> str:
    encoded = base64.b64encode(token).decode()
    return "base64url.bearer.phx." + (encoded if padded else encoded.rstrip("="))


@pytest.mark.parametrize(
    ("protocols", "negotiated", "token"),
    [
        (["phoenix", subprotocol(b"good-token")], "phoenix", "good-token"),
        (["phoenix", subprotocol(b"good", padded=True)], "phoenix", "good"),
        (["phoenix", subprotocol("ÿ¿??>>~~".encode())], "phoenix", "ÿ¿??>>~~"),
        ([subprotocol(b"good")], None, "good"),
        (["phoenix"], "phoenix", None),
        (["other", subprotocol(b"good")], None, "good"),
        ([subprotocol(b"one"), subprotocol(b"two")], None, None),
        ([], None, None),
    ],
)
async def test_an_auth_token_comes_as_a_subprotocol(
    server: PhoenixServer, connect: Connect, protocols: list[str], negotiated: str | None, token: str | None
):
    client = await connect(server.url + "/auth/websocket?vsn=2.0.0", protocols=protocols)
    assert client.websocket.protocol == negotiated
    await client.join("room:a")
    answer = await client.ask("1", "2", "room:a", "whoami", {})
    assert answer[4]["response"]["auth_token"] == token


@pytest.mark.parametrize(
    ("protocol", "status"),
    [
        (subprotocol(b"bad"), 403),
        ("base64url.bearer.phx.a", 500),
        ("base64url.bearer.phx.w7_Dvj8_Pj5-fg", 500),
        (subprotocol(b"\xff"), 500),
    ],
)
async def test_a_bad_auth_token_is_refused(server: PhoenixServer, connect: Connect, protocol: str, status: int):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await connect(server.url + "/auth/websocket?vsn=2.0.0", protocols=["phoenix", protocol])
    assert refused.value.status == status


async def test_a_socket_without_auth_token_ignores_one_and_logs_none(
    server: PhoenixServer, connect: Connect, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    secret = subprotocol(b"sesame")
    client = await connect(server.url + "/socket/websocket?vsn=2.0.0", protocols=["phoenix", secret])
    assert client.websocket.protocol is None
    await client.join("room:a")
    answer = await client.ask("1", "2", "room:a", "whoami", {})
    assert answer[4]["response"]["auth_token"] is None
    assert secret not in "".join(record.getMessage() for record in caplog.records if record.name == "aiohttp.websocket")


async def test_a_frame_too_big_closes_with_1009(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + "/short/websocket?vsn=2.0.0")
    await client.websocket.send_str("x" * 70_000)
    assert await client.closing() == 1009


async def test_frames_are_of_any_size_where_there_is_no_limit(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + "/socket/websocket?vsn=2.0.0", max_msg_size=0)
    await client.join("room:a")
    size = 5 * 2**20
    answer = await client.ask("1", "2", "room:a", "echo", {"data": "x" * size})
    assert len(answer[4]["response"]["data"]) == size


@pytest.mark.parametrize(("path", "compressed"), [("/short", True), ("/socket", False)])
async def test_compression_is_agreed_to_where_it_is_on(
    server: PhoenixServer, connect: Connect, path: str, compressed: bool
):
    client = await connect(f"{server.url}{path}/websocket?vsn=2.0.0", compress=15)
    assert (client.websocket.compress > 0) is compressed
    assert await client.join("room:a", {"a": "x" * 2000}) == {"topic": "room:a", "params": {"a": "x" * 2000}}


async def test_binary_closes_a_client_of_serializer_1(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + "/socket/websocket")
    await client.websocket.send_bytes(b"\x00\x01\x01\x06\x0615room:abinary")
    assert await client.closing() == 1011


async def test_a_text_that_is_not_utf_8_closes_with_1007(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + "/socket/websocket?vsn=2.0.0")
    await client.websocket.send_frame(b"\xff", aiohttp.WSMsgType.TEXT)
    assert await client.closing() in (1007, 1011)


async def test_a_client_that_vanishes_is_forgotten(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + "/socket/websocket?vsn=2.0.0")
    await client.join("room:a")
    assert server.connection_count == 1
    await client.websocket.close()
    await until(lambda: server.connection_count == 0)


# Clients that do not read.


class Flooding(ServerChannel[ServerSocket]):
    """A channel that pushes more than buffers hold."""

    async def handle_in(self, event: str, payload: Payload) -> None:
        for _ in range(400):
            self.push("flood", bytes(100_000))


def flooding(send_timeout: float | None) -> Endpoint:
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"*": Flooding}, send_timeout=send_timeout)
    return endpoint


async def test_a_client_that_does_not_read_is_given_up_in_the_end(connect: Connect):
    async with PhoenixServer(flooding(0.05)) as server:
        client = await connect(server.url + "/socket/websocket?vsn=2.0.0")
        await client.join("room:a")
        await client.send("1", "2", "room:a", "go", {})
        await until(lambda: server.unsent > 0)
        await until(lambda: server.connection_count == server.unsent == 0)
        received = 0
        while (message := await client.websocket.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.BINARY:
            received += 1
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)  # without a close frame
        assert 0 < received < 400


async def test_a_client_that_reads_late_but_in_time_misses_nothing(connect: Connect):
    async with PhoenixServer(flooding(None)) as server:
        client = await connect(server.url + "/socket/websocket?vsn=2.0.0")
        await client.join("room:a")
        await client.send("1", "2", "room:a", "go", {})
        await until(lambda: server.unsent > 0)
        for _ in range(400):
            assert len(await client.websocket.receive_bytes(timeout=PATIENCE)) > 100_000
        await until(lambda: server.unsent == 0)


async def test_a_client_that_is_only_slow_is_not_given_up(connect: Connect):
    async with PhoenixServer(flooding(0.3)) as server:
        client = await connect(server.url + "/socket/websocket?vsn=2.0.0")
        await client.join("room:a")
        for _ in range(3):
            await client.send("1", "2", "room:a", "go", {})
            for _ in range(400):
                assert len(await client.websocket.receive_bytes(timeout=PATIENCE)) > 100_000
        assert server.connection_count == 1

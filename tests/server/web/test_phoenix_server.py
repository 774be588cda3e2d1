"""Starting, stopping and misbehaving, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from rxphoenix.server import Endpoint, PhoenixServer, ServerChannel, ServerSocket
from rxphoenix.server.applications.conformance import conformance_application
from tests.server.conftest import Connect, RawClient

PATH = "/socket/websocket?vsn=2.0.0&user_id=u1"


@pytest.fixture
async def server() -> AsyncIterator[PhoenixServer]:
    async with PhoenixServer(conformance_application()) as server:
        yield server


async def nothing_comes(client: RawClient, seconds: float = 0.1) -> bool:
    """Whether the client receives nothing for some time: the one thing that only waiting can show."""
    try:
        await client.websocket.receive(timeout=seconds)
    except TimeoutError:
        return True
    return False


async def test_it_listens_where_it_says(server: PhoenixServer, connect: Connect):
    assert server.url == f"ws://127.0.0.1:{server.port}"
    assert await (await connect(server.url + PATH)).is_alive()


async def test_an_ipv6_address_is_written_in_brackets():
    assert PhoenixServer(Endpoint(), "::1", 4000).url == "ws://[::1]:4000"


async def test_starting_twice_is_an_error_and_stopping_twice_is_not(server: PhoenixServer):
    with pytest.raises(RuntimeError, match="runs already"):
        await server.start()
    await server.stop()
    await server.stop()


async def test_a_port_that_is_taken_is_an_error(server: PhoenixServer):
    other = PhoenixServer(Endpoint(), port=server.port)
    with pytest.raises(OSError, match="in use"):
        await other.start()
    await other.stop()


async def test_it_starts_again_on_the_same_port(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + PATH)
    url = server.url
    await server.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await connect(url + PATH)
    await server.start()
    assert server.url == url
    assert await client.closing() == 1000
    assert await (await connect(url + PATH)).is_alive()


async def test_stopping_closes_with_1012_where_a_channel_is_joined_and_with_1000_elsewhere(
    server: PhoenixServer, connect: Connect
):
    joined, bare, left = [await connect(server.url + PATH) for _ in range(3)]
    await joined.join("room:a")
    await left.join("room:a")
    await left.send("1", "2", "room:a", "phx_leave", {})
    await left.receive()
    await left.receive()
    _, *codes = await asyncio.gather(server.stop(), joined.closing(), bare.closing(), left.closing())
    assert codes == [1012, 1000, 1000]


async def test_stopping_does_not_wait_for_handlers_joins_and_silent_clients(server: PhoenixServer, connect: Connect):
    handler, join, silent = [await connect(server.url + PATH) for _ in range(3)]
    await handler.join("room:a")
    await handler.send("1", "2", "room:a", "slow", {"ms": 3_600_000})
    await join.send("1", "1", "room:a", "phx_join", {"slow_join": 3_600_000})
    await silent.join("room:a")
    async with asyncio.timeout(3):
        _, *codes = await asyncio.gather(server.stop(), handler.closing(), join.closing())
    assert codes == [1012, 1000]


async def test_pages_are_answered(server: PhoenixServer, session: aiohttp.ClientSession):
    base = server.url.replace("ws:", "http:")
    for path, status, text in [
        ("/health", 200, "ok"),
        ("/disconnect/nobody", 200, "ok"),
        ("/nothing", 404, "not found"),
        ("/nothing/longpoll", 404, "not found"),
    ]:
        async with session.get(base + path) as response:
            assert (response.status, await response.text()) == (status, text)


async def test_a_page_broadcasts_to_a_topic_that_needs_quoting(
    server: PhoenixServer, connect: Connect, session: aiohttp.ClientSession
):
    client = await connect(server.url + PATH)
    await client.join("room:a/ü")
    url = server.url.replace("ws:", "http:") + "/broadcast/room%3Aa%2F%C3%BC/news?k[x]=v"
    async with session.get(URL(url, encoded=True)) as response:
        assert response.status == 200
    assert await client.receive() == [None, None, "room:a/ü", "news", {"k": {"x": "v"}}]


async def test_dropped_connections_see_no_close_frame(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + PATH)
    await client.join("room:a")
    server.drop_connections()
    assert await client.closing() is None
    assert client.websocket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
    assert await (await connect(server.url + PATH)).is_alive()


async def test_connections_are_closed_with_a_code_and_a_reason(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + PATH)
    server.close_connections(4321, "because")
    message = await client.websocket.receive(timeout=5)
    assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4321, "because")
    assert await (await connect(server.url + PATH)).is_alive()


async def test_stalled_connections_hear_nothing_until_it_resumes(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + PATH)
    await client.join("room:a")
    server.stall()
    await client.send("1", "2", "room:a", "echo", {"late": True})
    assert await nothing_comes(client)
    server.resume()
    assert (await client.receive())[4] == {"status": "ok", "response": {"late": True}}
    assert await client.is_alive()


async def test_stalled_upgrades_are_answered_when_it_resumes(server: PhoenixServer, connect: Connect):
    server.stall()
    connecting = asyncio.ensure_future(connect(server.url + PATH))
    done, _ = await asyncio.wait([connecting], timeout=0.1)
    assert not done
    server.resume()
    assert await (await connecting).is_alive()


async def test_a_client_that_gives_up_a_stalled_upgrade_does_no_harm(server: PhoenixServer, connect: Connect):
    server.stall()
    connecting = asyncio.ensure_future(connect(server.url + PATH))
    await asyncio.wait([connecting], timeout=0.1)
    connecting.cancel()
    await asyncio.wait([connecting])
    server.resume()
    assert await (await connect(server.url + PATH)).is_alive()


async def test_a_stalled_server_stops_by_dropping_everything(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + PATH)
    server.stall()
    connecting = asyncio.ensure_future(connect(server.url + PATH))
    await asyncio.wait([connecting], timeout=0.1)
    await server.stop()
    assert await client.closing() is None
    with pytest.raises(aiohttp.ClientError):
        await connecting
    await server.start()
    assert await (await connect(server.url + PATH)).is_alive()


async def test_so_many_upgrades_are_refused(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + PATH)
    server.refuse_upgrades(503, times=2, headers={"Retry-After": "2"})
    for _ in range(2):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await connect(server.url + PATH)
        assert refused.value.status == 503
        assert refused.value.headers is not None
        assert refused.value.headers["Retry-After"] == "2"
    assert await (await connect(server.url + PATH)).is_alive()
    assert await client.is_alive()


async def test_all_upgrades_are_refused_until_they_are_accepted_even_over_a_restart(
    server: PhoenixServer, connect: Connect
):
    server.refuse_upgrades(401)
    await server.stop()
    await server.start()
    for _ in range(2):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await connect(server.url + PATH)
        assert refused.value.status == 401
    server.accept_upgrades()
    assert await (await connect(server.url + PATH)).is_alive()


async def test_swallowed_frames_are_lost_but_what_they_asked_for_happens(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + PATH)
    server.swallow_frames()
    await client.send("1", "1", "room:a", "phx_join", {})
    assert await nothing_comes(client)
    server.deliver_frames()
    assert (await client.ask("1", "2", "room:a", "echo", {}))[:4] == ["1", "2", "room:a", "phx_reply"]


async def test_a_broadcast_from_the_endpoint_reaches_all_who_joined(connect: Connect):
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"room:*": ServerChannel[ServerSocket]})
    async with PhoenixServer(endpoint) as server:
        first, second, other = [await connect(server.url + PATH) for _ in range(3)]
        for client in (first, second):
            assert await client.join("room:a") == {}
        await other.join("room:b")
        endpoint.broadcast("room:a", "news", {"n": 1})
        for client in (first, second):
            assert await client.receive() == [None, None, "room:a", "news", {"n": 1}]
        assert await other.is_alive()

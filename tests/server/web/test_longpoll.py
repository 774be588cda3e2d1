"""Tokens, headers, limits and the end of a server, over HTTP; ``test_polling_session.py`` has when what is answered."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from rxphoenix.server import Endpoint, PhoenixServer, Polling, Reply, ServerChannel, ServerSocket
from rxphoenix.server.applications.conformance import conformance_application
from tests.server.conftest import Connect, until

NDJSON = {"Content-Type": "application/x-ndjson"}
HEARTBEAT = [None, "hb", "phoenix", "heartbeat", {}]
HEARD = [None, "hb", "phoenix", "phx_reply", {"status": "ok", "response": {}}]
JOIN = ["1", "1", "room:a", "phx_join", {}]
PATIENCE = 10.0


class Client:
    """Long polling by hand."""

    def __init__(self, session: aiohttp.ClientSession, server: PhoenixServer, target: str) -> None:
        self.http = session
        self.url = server.url.replace("ws:", "http:") + target
        self.token = ""

    async def request(self, method: str, token: str | None = None, **options: Any) -> tuple[int, Any, Any]:
        """The HTTP status, the body and the headers."""
        url = self.url if token is None else f"{self.url}&token={token}"
        async with asyncio.timeout(PATIENCE), self.http.request(method, url, **options) as response:
            text = await response.text()
            return response.status, json.loads(text) if text.startswith("{") else text, response.headers

    async def open(self, **options: Any) -> Client:
        status, body, _ = await self.request("GET", **options)
        assert (status, body["status"], body["messages"]) == (200, 410, [])
        self.token = body["token"]
        return self

    async def poll(self) -> Any:
        status, body, _ = await self.request("GET", self.token)
        assert status == 200
        return body

    async def post(self, *messages: Any) -> int:
        return await self.post_body("\n".join(map(json.dumps, messages)).encode())

    async def post_body(self, body: bytes) -> int:
        """The status, of HTTP if that is not 200."""
        status, answer, _ = await self.request("POST", self.token, data=io.BytesIO(body), headers=NDJSON)
        return answer["status"] if status == 200 else status

    async def messages(self) -> list[Any]:
        return [json.loads(message) for message in (await self.poll())["messages"]]


async def requests_wait(server: PhoenixServer, number: int) -> None:
    """Wait until so many requests have arrived and have no answer yet."""
    await until(lambda: len(server._requests) == number)


@pytest.fixture
async def server() -> AsyncIterator[PhoenixServer]:
    async with PhoenixServer(conformance_application(longpoll=Polling(window=10, patience=0.1))) as server:
        yield server


@pytest.fixture
def client(server: PhoenixServer, session: aiohttp.ClientSession) -> Client:
    return Client(session, server, "/socket/longpoll?vsn=2.0.0&user_id=ann")


async def test_a_session_joins_pushes_and_hears(client: Client):
    await client.open()
    assert await client.post(JOIN, ["1", "2", "room:a", "push_me", {"n": 1}]) == 200
    assert [message[3] for message in await client.messages()] == ["phx_reply", "tick", "phx_reply"]


async def test_a_poll_hears_what_is_broadcast_on_a_websocket(server: PhoenixServer, client: Client, connect: Connect):
    await client.open()
    await client.post(JOIN)
    await client.messages()
    poll = asyncio.create_task(client.messages())
    other = await connect(server.url + "/socket/websocket?vsn=2.0.0")
    await other.join("room:a")
    await other.send("1", "2", "room:a", "broadcast", {"n": 1})
    assert await poll == [[None, None, "room:a", "broadcast", {"n": 1}]]


async def test_of_two_polls_the_later_one_gets_the_messages(server: PhoenixServer, client: Client):
    await client.open()
    first = asyncio.create_task(client.poll())
    await requests_wait(server, 1)
    second = asyncio.create_task(client.messages())
    await requests_wait(server, 2)
    await client.post(HEARTBEAT)
    assert await second == [HEARD]
    await server.stop()
    assert (await first)["status"] == 204


async def test_the_token_may_come_in_a_header_which_wins_over_the_query(client: Client):
    await client.open()
    header = {"X-Phoenix-Longpoll-Token": client.token}
    status, body, _ = await client.request("POST", "garbage", data=json.dumps(HEARTBEAT), headers={**header, **NDJSON})
    assert (status, body) == (200, {"status": 200})
    status, body, _ = await client.request("GET", headers=header)
    assert (status, body["token"], [json.loads(message) for message in body["messages"]]) == (
        200,
        client.token,
        [HEARD],
    )
    _, body, _ = await client.request("GET", client.token, headers={"X-Phoenix-Longpoll-Token": "garbage"})
    assert (body["status"], body["token"] == client.token) == (410, False)


async def test_a_token_that_is_not_ours_opens_a_session_at_once(server: PhoenixServer, client: Client):
    await client.open()
    forged = ["garbage", "", client.token[:-1], "x" + client.token, "ü." + client.token.rpartition(".")[2]]
    for token in forged:
        _, body, _ = await client.request("GET", token)
        assert (body["status"], body["token"] in (token, client.token)) == (410, False)
        status, body, _ = await client.request("POST", token, data=b"", headers=NDJSON)
        assert (status, body) == (200, {"status": 410})
    assert server.connection_count == 1 + len(forged)


async def test_a_session_token_reaches_no_application_that_gets_it_by_header(
    server: PhoenixServer, session: aiohttp.ClientSession
):
    """A GET for a session that is gone opens a new one with the params at hand."""
    client = await Client(session, server, "/socket/longpoll?vsn=2.0.0").open()
    await server.stop()
    await server.start()
    status, body, _ = await client.request("GET", headers={"X-Phoenix-Longpoll-Token": client.token})
    assert (status, body["status"]) == (200, 410)
    client.token = body["token"]
    await client.post(JOIN, ["1", "2", "room:a", "whoami", {}])
    assert (await client.messages())[1][4]["response"]["params"] == {"vsn": "2.0.0"}


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        ("vsn=2.0.0&token=bad", 200, {"status": 403}),
        ("vsn=2.0.0&token=unauthorized", 200, {"status": 403}),
        ("vsn=2.0.0&token=rate", 200, {"status": 403}),
        ("vsn=2.0.0&token=crash", 500, {"error": "500.json"}),
        ("vsn=3.0.0", 200, {"status": 403}),
        ("vsn[a]=2.0.0", 200, {"status": 403}),
        ("a=%ff&vsn=2.0.0", 400, {"error": "400.json"}),
    ],
)
async def test_a_session_is_refused_in_the_body(
    server: PhoenixServer, session: aiohttp.ClientSession, query: str, status: int, body: Any
):
    client = Client(session, server, "/socket/longpoll?" + query)
    got_status, got_body, headers = await client.request("GET")
    assert (got_status, got_body) == (status, body)
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert server.connection_count == 0


@pytest.mark.parametrize(
    ("path", "headers", "token"),
    [
        ("/auth", {"X-Phoenix-AuthToken": "sesame-ü?"}, "sesame-ü?"),
        ("/auth", {}, None),
        ("/socket", {"X-Phoenix-AuthToken": "bad"}, None),
    ],
)
async def test_an_auth_token_comes_in_a_header_as_it_is(
    server: PhoenixServer, session: aiohttp.ClientSession, path: str, headers: dict[str, str], token: str | None
):
    client = await Client(session, server, f"{path}/longpoll?vsn=2.0.0").open(headers=headers)
    await client.post(JOIN, ["1", "2", "room:a", "whoami", {}])
    who = (await client.messages())[1][4]["response"]
    assert (who["auth_token"], who["transport"]) == (token, "longpoll")


async def test_answers_are_json_that_nobody_keeps_and_any_page_may_read(client: Client):
    _, _, headers = await client.request("GET", headers={"Accept-Encoding": "identity"})
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Content-Encoding" not in headers
    _, body, headers = await client.request("GET", headers={"Accept-Encoding": "gzip, deflate"})
    assert (headers["Content-Encoding"], body["status"]) == ("gzip", 410)


async def test_a_browser_may_ask_before_it_asks(client: Client):
    wanted = "content-type, x-phoenix-longpoll-token"
    status, body, headers = await client.request("OPTIONS", headers={"Access-Control-Request-Headers": wanted})
    assert (status, body) == (200, "")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Allow-Headers"] == wanted
    assert headers["Access-Control-Allow-Methods"] == "get, post, options"
    assert headers["Access-Control-Max-Age"] == "3600"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_bad_requests(client: Client, method: str):
    status, body, _ = await client.request(method)
    assert (status, body) == (400, "")


@pytest.mark.parametrize(("size", "status"), [(7_000_000, 200), (9_000_000, 400)])
async def test_a_body_may_have_eight_million_bytes(client: Client, size: int, status: int):
    await client.open()
    await client.post(JOIN)
    assert await client.post(["1", "2", "room:a", "noreply", {"data": "x" * size}]) == status
    assert await client.post(HEARTBEAT) == 200


async def test_more_channels_than_allowed_are_refused(server: PhoenixServer, session: aiohttp.ClientSession):
    client = await Client(session, server, "/short/longpoll?vsn=2.0.0").open()
    await client.post(*[[str(n), str(n), f"room:{n}", "phx_join", {}] for n in range(4)])
    assert [message[4]["status"] for message in await client.messages()] == ["ok", "ok", "ok", "error"]


async def test_a_mount_has_the_transports_that_it_is_given(session: aiohttp.ClientSession, connect: Connect):
    endpoint = Endpoint()
    endpoint.socket("/ws", ServerSocket, channels={}, longpoll=None)
    endpoint.socket("/lp", ServerSocket, channels={}, websocket=False)
    async with PhoenixServer(endpoint) as server:
        base = server.url.replace("ws:", "http:")
        for target, status in [("/ws/longpoll", 404), ("/lp/longpoll", 200), ("/lp/websocket", 404)]:
            async with session.get(base + target) as response:
                assert response.status == status
        assert await (await connect(server.url + "/ws/websocket?vsn=2.0.0")).is_alive()


async def test_a_disconnected_session_is_gone_with_its_channels(server: PhoenixServer, client: Client):
    await client.open()
    await client.post(JOIN)
    assert server.connection_count == 1
    server.endpoint.disconnect("user:ann")
    assert server.connection_count == 0
    assert await client.post(HEARTBEAT) == 410
    assert (await client.poll())["status"] == 410


async def test_a_killed_session_is_gone(server: PhoenixServer, client: Client):
    await client.open()
    await client.post(JOIN, ["1", "2", "room:a", "kill_transport", {}])
    await until(lambda: server.connection_count == 0)
    assert await client.post(HEARTBEAT) == 410


class Room(ServerChannel[ServerSocket]):
    """Tells how it ended, and handles what takes for ever."""

    ended: asyncio.Queue[str]

    async def handle_in(self, event: Any, payload: Any) -> Reply | None:
        await asyncio.Event().wait()
        return None

    async def terminate(self, reason: str) -> None:
        self.ended.put_nowait(reason)


async def test_a_session_that_nobody_polls_any_more_ends_its_channels(session: aiohttp.ClientSession):
    Room.ended = asyncio.Queue()
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"*": Room}, longpoll=Polling(window=0.1, patience=0.1))
    async with PhoenixServer(endpoint) as server, asyncio.timeout(PATIENCE):
        client = await Client(session, server, "/socket/longpoll?vsn=2.0.0").open()
        await client.post(JOIN)
        assert await Room.ended.get() == "closed"
        assert server.connection_count == 0


async def test_stopping_ends_sessions_and_answers_polls_as_if_their_window_had_passed(
    server: PhoenixServer, client: Client
):
    await client.open()
    poll = asyncio.create_task(client.poll())
    slow = asyncio.create_task(client.post(["1", "1", "room:a", "phx_join", {"slow_join": 3_600_000}]))
    await requests_wait(server, 2)
    knocking = asyncio.create_task(client.post(HEARTBEAT))
    await requests_wait(server, 3)
    await server.stop()
    assert (await poll)["status"] == 204
    assert await slow == 408
    assert await knocking == 410
    assert server.connection_count == 0
    await server.start()
    assert await client.post(HEARTBEAT) == 410


async def test_stopping_does_not_wait_for_handlers(session: aiohttp.ClientSession):
    Room.ended = asyncio.Queue()
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"*": Room})
    async with asyncio.timeout(PATIENCE), PhoenixServer(endpoint) as server:
        client = await Client(session, server, "/socket/longpoll?vsn=2.0.0").open()
        assert await client.post(JOIN, ["1", "2", "room:a", "for ever", {}]) == 200
    assert await Room.ended.get() == "closed"


async def test_who_is_told_while_the_server_stops_gets_a_session_that_is_gone(server: PhoenixServer, client: Client):
    await client.open()
    server.endpoint.disconnect("user:ann")
    poll = asyncio.create_task(client.poll())
    await requests_wait(server, 1)
    await server.stop()
    assert (await poll)["status"] == 410
    assert server.connection_count == 0


async def test_swallowed_messages_are_lost_but_what_they_answer_happens(server: PhoenixServer, client: Client):
    await client.open()
    server.swallow_frames()
    assert await client.post(JOIN) == 200
    server.deliver_frames()
    await client.post(["1", "2", "room:a", "echo", {}])
    assert [message[1] for message in await client.messages()] == ["2"]


async def test_a_stalled_server_answers_no_poll_until_it_resumes(server: PhoenixServer, client: Client):
    await client.open()
    poll = asyncio.create_task(client.messages())
    await requests_wait(server, 1)
    server.stall()
    server.endpoint.broadcast("room:a", "unheard", {})
    post = asyncio.create_task(client.post(HEARTBEAT))
    done, _ = await asyncio.wait([poll, post], timeout=0.1)
    assert not done
    server.resume()
    assert await post == 200
    assert await poll == [HEARD]


async def test_a_session_survives_the_loss_of_its_tcp_connections(server: PhoenixServer, client: Client):
    await client.open()
    poll = asyncio.create_task(client.messages())
    await requests_wait(server, 1)
    server.drop_connections()
    await requests_wait(server, 2)
    assert await client.post(HEARTBEAT) == 200
    assert await poll == [HEARD]  # aiohttp sends a GET anew whose connection broke


async def test_refused_upgrades_leave_long_polling_alone(server: PhoenixServer, client: Client, connect: Connect):
    server.refuse_upgrades(503)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await connect(server.url + "/socket/websocket?vsn=2.0.0")
    await client.open()


async def test_no_token_is_logged(
    server: PhoenixServer, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    client = await Client(session, server, "/auth/longpoll?vsn=2.0.0&password=hunter2").open(
        headers={"X-Phoenix-AuthToken": "sesame"}
    )
    await client.post(JOIN, ["1", "2", "room:a", "crash", {}])
    assert await client.post_body(b"nonsense!") == 500
    await client.poll()
    await Client(session, server, "/auth/longpoll?vsn=2.0.0&password=hunter2").request(
        "GET", headers={"X-Phoenix-AuthToken": "crash"}
    )
    said = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert "channel crashed" in said
    assert "connect crashed" in said
    for secret in (client.token, "sesame", "hunter2"):
        assert secret not in said


async def test_what_waits_for_a_poll_is_counted(server: PhoenixServer, session: aiohttp.ClientSession):
    client = await Client(session, server, "/socket/longpoll?vsn=2.0.0").open()
    await client.post(JOIN)
    await until(lambda: server.unsent == 1)
    assert len(await client.messages()) == 1
    assert server.unsent == 0

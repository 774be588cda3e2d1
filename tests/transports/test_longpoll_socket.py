"""A whole client on long polling against the embedded server: what works on a WebSocket works here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import aiohttp
import pytest
from reactivex import Observable
from reactivex import operators as ops

from rxphoenix import (
    ChannelState,
    ConnectionLost,
    ConnectionRefused,
    JoinRefused,
    JSONSerializerV1,
    LongPoll,
    PushInterrupted,
    Reply,
    Socket,
    SocketState,
    UnencodablePayload,
)
from rxphoenix.server import Endpoint, PhoenixServer, Polling, ServerChannel, ServerSocket
from rxphoenix.server.applications.conformance import conformance_application
from tests.transports.peers import Seen

PATIENCE = 20


@pytest.fixture
async def server() -> AsyncIterator[PhoenixServer]:
    async with PhoenixServer(conformance_application(Polling(window=2, patience=0.1))) as server:
        yield server


def on(server: PhoenixServer, path: str = "/socket", transport: LongPoll | None = None, **options: Any) -> Socket:
    return Socket(server.url + path, transport=transport or LongPoll(), **options)


async def becomes(stream: Observable[Any], wanted: Callable[[Any], bool]) -> Any:
    """Wait for a value of a stream."""
    return await asyncio.wait_for(stream.pipe(ops.filter(wanted), ops.first()), PATIENCE)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nobody announces."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def listen(stream: Observable[Any]) -> Seen:
    seen = Seen()
    stream.subscribe(seen.add, seen.add, lambda: seen.add("completed"))
    return seen


async def test_joins_pushes_and_replies(server: PhoenixServer):
    async with on(server, params={"user_id": "ann"}) as socket:
        room = socket.channel("room:a")
        async with room.hold() as reply:
            assert reply["topic"] == "room:a"
            assert await room.push("echo", {"n": 1}) == {"n": 1}
            assert [await room.push("echo", {"n": n}) for n in range(3)] == [{"n": n} for n in range(3)]
            whoami = await room.push("whoami", {})
            assert (whoami["transport"], whoami["user_id"]) == ("longpoll", "ann")
        with pytest.raises(JoinRefused):
            await socket.channel("room:b", {"deny": True}).push("echo", {})


async def test_many_pushes_at_once_arrive_in_order(server: PhoenixServer):
    async with on(server) as socket:
        room = socket.channel("room:a")
        async with room.hold():
            replies = await asyncio.gather(*[asyncio.ensure_future(room.push("echo", {"n": n})) for n in range(350)])
            assert [reply["n"] for reply in replies] == list(range(350))


async def test_broadcasts_arrive_in_order_and_none_twice(server: PhoenixServer):
    async with on(server) as ann, on(server) as bob:
        news = listen(ann.channel("room:a").on("broadcast"))
        room = bob.channel("room:a")
        await becomes(ann.channel("room:a").state, lambda state: state is ChannelState.JOINED)
        async with room.hold():
            for n in range(50):
                room.push("broadcast", {"n": n}).subscribe()
            assert [(await news.next())["n"] for _ in range(50)] == list(range(50))
        assert news.count == 0


async def test_binary_goes_there_and_comes_back_if_it_is_utf8(server: PhoenixServer):
    async with on(server) as socket:
        room = socket.channel("room:a")
        async with room.hold():
            assert await room.push("binary", b"\x00\x01caf\xc3\xa9") == b"\x00\x01caf\xc3\xa9"
            # there and no further: the answer has the size
            assert await room.push("binary_size", bytes(range(256))) == {"size": 256}


async def test_binary_that_is_not_utf8_ends_the_session_with_an_error_that_says_so(server: PhoenixServer):
    async with on(server) as socket:
        room, errors = socket.channel("room:a"), listen(socket.errors)
        async with room.hold():
            with pytest.raises(PushInterrupted) as raised:
                await room.push("binary", b"\xff")
            cause = raised.value.__cause__
            assert isinstance(cause, ConnectionLost)
            assert (cause.status, "a binary message that is not UTF-8" in str(cause)) == (500, True)
            assert (await errors.next()).error is cause
            assert await room.push("echo", {"back": 1}) == {"back": 1}


async def test_serializer_1(server: PhoenixServer):
    async with on(server, serializer=JSONSerializerV1()) as socket:
        room = socket.channel("room:a")
        async with room.hold():
            replies = await asyncio.gather(*[asyncio.ensure_future(room.push("echo", {"n": n})) for n in range(5)])
            assert [reply["n"] for reply in replies] == list(range(5))
            with pytest.raises(UnencodablePayload, match=r"serializer 1\.0\.0 has no binary messages"):
                room.push("binary", b"x")


async def test_the_auth_token_is_seen_by_the_application(server: PhoenixServer):
    async with on(server, "/auth", auth_token="s3cret") as socket:
        assert (await socket.channel("room:a").push("whoami", {}))["auth_token"] == "s3cret"
    async with on(server, "/auth", auth_token="bad") as socket:
        with pytest.raises(ConnectionRefused) as raised:
            await socket.opened()
        assert raised.value.status == 403


async def test_the_applications_own_param_called_token(server: PhoenixServer):
    async with on(server, params={"token": "good"}) as socket:
        whoami = await socket.channel("room:a").push("whoami", {})
        assert whoami["params"]["token"] == "good"
    async with on(server, params={"token": "bad"}) as socket:
        with pytest.raises(ConnectionRefused):
            await socket.opened()


async def test_a_path_without_a_socket_is_404(server: PhoenixServer):
    async with on(server, "/nosuch") as socket:
        with pytest.raises(ConnectionRefused) as raised:
            await socket.opened()
        assert raised.value.status == 404


async def test_presence_events(server: PhoenixServer):
    async with on(server) as socket:
        events = listen(socket.channel("presence:a", {"user": "ann"}))
        assert {(await events.next()).event for _ in range(2)} == {"presence_state", "presence_diff"}


async def test_a_channel_that_crashes_joins_again(server: PhoenixServer):
    async with on(server, rejoin_after=lambda attempt, error: 0) as socket:
        room = socket.channel("room:a")
        async with room.hold():
            joins = listen(room.joined)
            await joins.next()
            room.push("crash", {}, reply=False).subscribe()
            assert (await joins.next()).rejoin
            assert await room.push("echo", {"n": 1}) == {"n": 1}


async def test_a_ping_is_answered_and_no_heartbeat_is_sent(server: PhoenixServer):
    async with on(server, heartbeat_interval=0.001) as socket:
        with socket.connect():
            await socket.opened()
            latency, messages = listen(socket.latency), listen(socket.messages)
            assert await socket.ping() > 0
            assert await socket.ping() > 0
            assert (latency.count, messages.count) == (0, 2)


async def test_a_session_that_ends_on_the_server_is_replaced_and_pushes_in_doubt_end(server: PhoenixServer):
    async with on(server, params={"user_id": "ann"}) as socket:
        room = socket.channel("room:a")
        async with room.hold():
            states = listen(socket.state)
            assert await states.next() is SocketState.OPEN
            pending = asyncio.ensure_future(room.push("noreply", {}))
            await room.push("echo", {})
            server.endpoint.disconnect("user:ann")
            with pytest.raises(PushInterrupted):
                await pending
            assert await room.push("echo", {"n": 2}) == {"n": 2}


async def test_a_server_that_restarts_is_found_again(server: PhoenixServer):
    async with on(server) as socket:
        room = socket.channel("room:a")
        async with room.hold():
            await server.stop()
            await becomes(socket.state, lambda state: state is not SocketState.OPEN)
            await server.start()
            assert await room.push("echo", {"n": 2}) == {"n": 2}


async def test_connections_that_are_cut_cost_the_session_and_nothing_else(server: PhoenixServer):
    async with on(server) as socket:
        room = socket.channel("room:a")
        async with room.hold():
            errors = listen(socket.errors)
            await until(lambda: len(server._requests) == 1)  # the poll has arrived
            server.drop_connections()
            assert isinstance((await errors.next()).error, ConnectionLost)
            assert await room.push("echo", {"n": 2}) == {"n": 2}


async def test_a_server_that_stalls_is_noticed(server: PhoenixServer):
    async with on(server, transport=LongPoll(timeout=0.3)) as socket:
        with socket.connect():
            await socket.opened()
            errors = listen(socket.errors)
            server.stall()
            assert (await errors.next()).error.reason.startswith("no answer within 0.3 s")


async def test_leaves_are_flushed_before_it_is_closed(server: PhoenixServer):
    async with on(server) as watcher:
        async with on(server) as socket, socket.channel("presence:a", {"user": "bob"}).hold():
            diffs = listen(watcher.channel("presence:a", {"user": "ann"}).on("presence_diff"))
            assert "ann" in (await diffs.next())["joins"]
        assert "bob" in (await diffs.next())["leaves"]


async def test_a_users_session_carries_it_all(server: PhoenixServer):
    async with aiohttp.ClientSession() as http:
        async with on(server, session=http) as socket:
            assert await socket.channel("room:a").push("echo", {"n": 1}) == {"n": 1}
        assert http.trace_configs == []


async def test_two_sockets_share_a_users_session(server: PhoenixServer):
    async with aiohttp.ClientSession() as http, on(server, session=http) as ann, on(server, session=http) as bob:
        for number, socket in enumerate((ann, bob)):
            errors = listen(socket.errors)
            async with socket.channel("room:a").hold():
                assert await socket.channel("room:a").push("echo", {"n": number}) == {"n": number}
            assert errors.count == 0


class Gated(ServerChannel[ServerSocket]):
    """A join that takes as long as a test wants."""

    gate: asyncio.Event

    async def join(self, topic: str, params: Any) -> Any:
        await self.gate.wait()
        return {"joined": topic}

    async def handle_in(self, event: Any, payload: Any) -> Reply:
        return Reply("ok", payload)


async def test_a_join_during_which_the_session_seems_gone_is_waited_for():
    Gated.gate = asyncio.Event()
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"*": Gated}, longpoll=Polling(window=1.5, patience=0.02))
    async with PhoenixServer(endpoint) as server, on(server) as socket:
        with socket.connect():
            await socket.opened()
            errors = listen(socket.errors)
            await asyncio.sleep(1)  # so that the poll runs out well before the post does
            reply = asyncio.ensure_future(socket.channel("slow").push("echo", {"n": 1}))
            await until(lambda: server.connection_count == 2)  # the poll was told of another session
            Gated.gate.set()
            assert await asyncio.wait_for(reply, PATIENCE) == {"n": 1}
            assert errors.count == 0


class Counting(ServerChannel[ServerSocket]):
    """Notes each push that arrives, tells everybody of it, and replies."""

    arrived: list[int]

    async def handle_in(self, event: Any, payload: Any) -> Reply:
        self.arrived.append(payload["n"])
        self.broadcast("seen", payload)
        return Reply("ok", payload)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_breaks_nothing_is_posted_twice_and_nothing_is_lost_without_a_word(seed: int):
    random = Random(seed)
    Counting.arrived = []
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"*": Counting}, longpoll=Polling(window=0.3, patience=0.02))
    async with PhoenixServer(endpoint) as server, on(server, reconnect_after=lambda attempt, error: 0.001) as socket:
        room, told = socket.channel("room:a"), list[int]()
        socket.messages.subscribe(
            lambda message: told.append(message.payload["n"]) if message.event == "seen" else None
        )
        outcomes: dict[int, str] = {}

        async def push(number: int) -> None:
            try:
                assert await room.push("count", {"n": number}) == {"n": number}
                outcomes[number] = "replied"
            except PushInterrupted as interrupted:
                outcomes[number] = "in doubt" if interrupted.args[0].endswith("unknown") else "not sent"

        async def break_it() -> None:
            for _ in range(12):
                await asyncio.sleep(random.uniform(0, 0.06))
                server.drop_connections()

        async with room.hold(), asyncio.TaskGroup() as group:
            group.create_task(break_it())
            for number in range(600):
                group.create_task(push(number))
                if number % 10 == 0:
                    await asyncio.sleep(random.uniform(0, 0.02))

        arrived = Counting.arrived
        assert sorted(outcomes) == list(range(600))
        assert len(set(arrived)) == len(arrived)
        assert {number for number, outcome in outcomes.items() if outcome == "replied"} <= set(arrived)
        assert not {number for number, outcome in outcomes.items() if outcome == "not sent"} & set(arrived)
        assert len(set(told)) == len(told)
        assert sorted(told, key=arrived.index) == told
        assert {"replied", "in doubt"} <= set(outcomes.values())  # something broke, and most did not

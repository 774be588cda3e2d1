"""Channels on asyncio: their handlers, what they may do, and what becomes of their tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import msgspec
import pytest

from rxphoenix.protocol.message import Frame
from rxphoenix.server import Endpoint, Refused, Reply, ReplyRef, ServerChannel, ServerSocket
from rxphoenix.server.codec import CodecV2
from rxphoenix.server.connection import Connection
from tests.server.paper import PaperWire


class Client:
    def __init__(self, connection: Connection, wire: PaperWire) -> None:
        self.connection = connection
        self.wire = wire

    def send(self, *message: Any) -> None:
        self.connection.receive(Frame(msgspec.json.encode(message)))

    async def receive(self) -> Any:
        async with asyncio.timeout(5):
            return await self.wire.frames.get()

    async def join(self, params: Any = None) -> Any:
        self.send("1", "1", "room:a", "phx_join", params)
        return await self.receive()


Meet: TypeAlias = Callable[[Callable[[], ServerChannel[Any]]], Client]


@pytest.fixture
async def meet() -> AsyncIterator[Meet]:
    """Connects to a channel that handles every topic; what runs afterwards is abandoned."""
    connections: list[Connection] = []
    endpoint = Endpoint()

    def meet(make_channel: Callable[[], ServerChannel[Any]]) -> Client:
        path = f"/{len(connections)}"
        endpoint.socket(path, ServerSocket, channels={"*": make_channel})
        mount = endpoint.mount_at(path)
        assert mount is not None
        wire = PaperWire()
        connection = Connection(endpoint, mount, ServerSocket(), CodecV2(), wire)
        connection.open()
        connections.append(connection)
        return Client(connection, wire)

    yield meet
    for connection in connections:
        connection.closed()
        await connection.abandon()


class Room(ServerChannel[ServerSocket]):
    """Hands each event to a function of the test, and tells how it ended."""

    def __init__(self, handle: Callable[[Room, Any, Any], Awaitable[Reply | None]]) -> None:
        self.handle = handle
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.messages: asyncio.Queue[Any] = asyncio.Queue()

    async def handle_in(self, event: Any, payload: Any) -> Reply | None:
        return await self.handle(self, event, payload)

    async def handle_info(self, message: Any) -> None:
        self.messages.put_nowait(message)

    async def terminate(self, reason: str) -> None:
        self.ended.put_nowait(reason)

    async def end(self) -> str:
        async with asyncio.timeout(5):
            return await self.ended.get()


async def ignore(room: Room, event: Any, payload: Any) -> Reply | None:
    return None


async def test_a_channel_that_says_nothing_accepts_everybody_and_knows_no_event(
    meet: Meet, caplog: pytest.LogCaptureFixture
):
    client = meet(ServerChannel[ServerSocket])
    assert await client.join() == ["1", "1", "room:a", "phx_reply", {"status": "ok", "response": {}}]
    client.send("1", "2", "room:a", "what", {})
    assert await client.receive() == ["1", "1", "room:a", "phx_error", {"reason": "channel_crash"}]
    assert "UnknownEvent: no handler for 'what' on 'room:a'" in caplog.text


async def test_a_refusal_is_a_refusal(meet: Meet):
    class Closed(ServerChannel[ServerSocket]):
        async def join(self, topic: str, params: Any) -> Any:
            return Refused({"reason": "closed"})

    client = meet(Closed)
    assert (await client.join())[4] == {"status": "error", "response": {"reason": "closed"}}


@pytest.mark.parametrize("crash", ["making", "joining", "answering"])
async def test_a_join_may_crash_in_many_ways(meet: Meet, crash: str, caplog: pytest.LogCaptureFixture):
    class Broken(ServerChannel[ServerSocket]):
        def __init__(self) -> None:
            if crash == "making":
                raise RuntimeError("no room")

        async def join(self, topic: str, params: Any) -> Any:
            if crash == "joining":
                raise RuntimeError("no room")
            return object()

    client = meet(Broken)
    assert (await client.join())[4] == {"status": "error", "response": {"reason": "join crashed"}}
    assert "Traceback" in caplog.text


async def test_a_crash_is_logged_with_its_traceback_and_kills_the_channel_alone(
    meet: Meet, caplog: pytest.LogCaptureFixture
):
    async def crash(room: Room, event: Any, payload: Any) -> Reply | None:
        raise ZeroDivisionError("a crash of the test")

    room = Room(crash)
    client = meet(lambda: room)
    await client.join()
    client.send("1", "2", "room:a", "go", {})
    assert await client.receive() == ["1", "1", "room:a", "phx_error", {"reason": "channel_crash"}]
    assert await room.end() == "crashed"
    [record] = caplog.records
    assert (record.name, record.levelname) == ("rxphoenix.server", "ERROR")
    assert "a crash of the test" in caplog.text
    client.send(None, "3", "phoenix", "heartbeat", {})
    assert (await client.receive())[1] == "3"


async def test_a_reply_that_cannot_be_written_is_a_crash(meet: Meet, caplog: pytest.LogCaptureFixture):
    async def answer(room: Room, event: Any, payload: Any) -> Reply | None:
        return Reply("ok", object())

    client = meet(lambda: Room(answer))
    await client.join()
    client.send("1", "2", "room:a", "go", {})
    assert (await client.receive())[3] == "phx_error"
    assert "UnencodablePayload" in caplog.text


async def test_a_handler_that_cancels_itself_has_crashed(meet: Meet, caplog: pytest.LogCaptureFixture):
    async def cancel(room: Room, event: Any, payload: Any) -> Reply | None:
        raise asyncio.CancelledError

    room = Room(cancel)
    client = meet(lambda: room)
    await client.join()
    client.send("1", "2", "room:a", "go", {})
    assert (await client.receive())[3] == "phx_error"
    assert await room.end() == "crashed"
    assert "was cancelled" in caplog.text


async def test_a_crash_in_terminate_is_logged(meet: Meet, caplog: pytest.LogCaptureFixture):
    class Untidy(ServerChannel[ServerSocket]):
        async def terminate(self, reason: str) -> None:
            raise RuntimeError("untidy")

    client = meet(Untidy)
    await client.join()
    client.send("1", "2", "room:a", "phx_leave", {})
    assert (await client.receive())[3] == "phx_reply"
    assert (await client.receive())[3] == "phx_close"
    await client.connection.finished()
    assert "untidy" in caplog.text


async def test_terminate_hears_why(meet: Meet):
    async def stop(room: Room, event: Any, payload: Any) -> Reply | None:
        room.stop("enough", abnormal=payload["abnormal"])
        return None

    rooms: list[Room] = []

    def make_room() -> Room:
        rooms.append(Room(stop))
        return rooms[-1]

    client = meet(make_room)
    await client.join()
    client.send("1", "2", "room:a", "phx_leave", {})
    await until_ended(client, "phx_close")
    assert await rooms[0].end() == "left"
    for abnormal in (False, True):
        client.send("1", "1", "room:a", "phx_join", {})
        client.send("1", "2", "room:a", "stop", {"abnormal": abnormal})
        await until_ended(client, "phx_error" if abnormal else "phx_close")
        assert await rooms[-1].end() == "enough"
    client.send("1", "1", "room:a", "phx_join", {})
    client.send("2", "2", "room:a", "phx_join", {})
    await until_ended(client, "phx_close")
    assert await rooms[-2].end() == "duplicate join"
    client.connection.closed()
    assert await rooms[-1].end() == "closed"


async def until_ended(client: Client, event: str) -> None:
    while (await client.receive())[3] != event:
        pass


async def test_a_second_join_cancels_the_handler_of_the_first_before_its_terminate(meet: Meet):
    order: list[str] = []
    started = asyncio.Event()

    async def wait(room: Room, event: Any, payload: Any) -> Reply | None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            order.append("cancelled")
        return None

    room = Room(wait)
    rooms = iter([room, Room(ignore)])
    client = meet(lambda: next(rooms))
    await client.join()
    client.send("1", "2", "room:a", "wait", {})
    await started.wait()
    client.send("3", "3", "room:a", "phx_join", {})
    assert await room.end() == "duplicate join"
    assert order == ["cancelled"]
    assert (await client.receive())[:2] == ["3", "3"]
    assert (await client.receive())[:4] == ["1", "1", "room:a", "phx_close"]


async def test_a_handler_may_finish_when_its_client_has_gone(meet: Meet):
    started, resume, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(room: Room, event: Any, payload: Any) -> Reply | None:
        started.set()
        await resume.wait()
        finished.set()
        return None

    room = Room(work)
    client = meet(lambda: room)
    await client.join()
    client.send("1", "2", "room:a", "work", {})
    await started.wait()
    client.connection.closed()
    resume.set()
    await client.connection.finished()
    assert finished.is_set()
    assert await room.end() == "closed"


async def test_a_call_that_is_cancelled_before_its_first_step_leaves_nothing(meet: Meet):
    room = Room(ignore)
    client = meet(lambda: room)
    await client.join()
    client.send("1", "2", "room:a", "go", {})
    client.connection.shutdown()
    await client.connection.finished()
    assert client.wire.close_code == 1012
    assert await room.end() == "closed"


async def test_a_join_that_a_shutdown_cancels_is_not_answered(meet: Meet):
    class Slow(ServerChannel[ServerSocket]):
        async def join(self, topic: str, params: Any) -> Any:
            await asyncio.Event().wait()

    client = meet(Slow)
    client.send("1", "1", "room:a", "phx_join", {})
    await asyncio.sleep(0)
    client.connection.shutdown()
    await client.connection.finished()
    assert client.wire.close_code == 1000
    assert client.wire.frames.empty()


async def test_a_ref_is_for_the_push_that_is_handled_and_can_be_kept(meet: Meet):
    kept: list[ReplyRef] = []

    async def keep(room: Room, event: Any, payload: Any) -> Reply | None:
        kept.append(room.ref)
        room.send_after(0, "go on")
        return None

    room = Room(keep)
    client = meet(lambda: room)
    await client.join()
    client.send("1", "2", "room:a", "go", {})
    async with asyncio.timeout(5):
        assert await room.messages.get() == "go on"
    with pytest.raises(RuntimeError, match="no push is being handled"):
        _ = room.ref
    room.reply(kept[0], "later", {"n": 1})
    assert await client.receive() == ["1", "2", "room:a", "phx_reply", {"status": "later", "response": {"n": 1}}]


async def test_a_channel_reaches_its_client_the_others_and_the_endpoint(meet: Meet):
    room = Room(ignore)
    client, other = meet(lambda: room), meet(lambda: Room(ignore))
    await client.join()
    await other.join()
    room.push("mine", {})
    room.broadcast("all", {})
    room.broadcast_from("others", {})
    room.endpoint.broadcast("room:a", "endpoint", {})
    assert [(await client.receive())[3] for _ in range(3)] == ["mine", "all", "endpoint"]
    assert [(await other.receive())[3] for _ in range(3)] == ["all", "others", "endpoint"]
    room.socket.drop()
    assert (client.wire.dropped, other.wire.dropped) == (True, False)


async def test_intercepted_broadcasts_are_pushed_on_unless_handled_otherwise(meet: Meet):
    class Listener(ServerChannel[ServerSocket]):
        intercept = ("secret",)

    client = meet(Listener)
    await client.join()
    client.connection.endpoint.broadcast("room:a", "secret", {"n": 1})
    assert await client.receive() == ["1", None, "room:a", "secret", {"n": 1}]


async def test_timers_die_with_their_channel(meet: Meet):
    room = Room(ignore)
    client = meet(lambda: room)
    await client.join()
    room.send_after(0.01, "never")
    room.stop()
    assert await room.end() == "normal"
    await asyncio.sleep(0.02)  # the time at which it would have come
    assert room.messages.empty()

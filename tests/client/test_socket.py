"""What a user holds: options, threads, loops, closing, secrets."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import (
    JSONSerializer,
    JSONSerializerV1,
    MalformedFrame,
    Message,
    NotConnected,
    Socket,
    UnencodablePayload,
    WrongThread,
)
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from tests.client.virtual import World

is_closed = ops.filter(lambda state: state == "closed")
SECRET = "s3cr3t-t0ken"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"endpoint": "localhost:4000/socket"}, "must begin with ws:"),
        ({"endpoint": "ftp://x/socket"}, "must begin with ws:"),
        ({"endpoint": "ws:///socket"}, "names no host"),
        ({"endpoint": "ws://x:port/socket"}, "not a URL"),
        ({"endpoint": None}, "must be a URL string"),
        ({"params": [1]}, "params must be a mapping"),
        ({"params": {"a": object()}}, "the param 'a' is a object"),
        ({"auth_token": 7}, "auth token must be a string"),
        ({"headers": {"a": 1}}, "the header 'a' must be a string"),
        ({"headers": {"a": "b\r\nc: d"}}, "must not contain a line break"),
        ({"timeout": 0}, "timeout must be a positive"),
        ({"timeout": "10"}, "timeout must be a number"),
        ({"connect_timeout": -1}, "connect_timeout must be"),
        ({"heartbeat_interval": 0}, "heartbeat_interval must be"),
        ({"heartbeat_timeout": float("nan")}, "heartbeat_timeout must be"),
        ({"linger": -1}, "linger must be"),
        ({"reconnect_after": 5}, "reconnect_after must be a function"),
        ({"rejoin_after": 5}, "rejoin_after must be a function"),
        ({"retry_refused": 5}, "retry_refused must be a function"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_at_the_call(options: dict[str, Any], words: str) -> None:
    endpoint = options.pop("endpoint", "ws://localhost/socket")
    with pytest.raises((TypeError, ValueError), match=words):
        Socket(endpoint, **options)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda socket: socket.channel(""), ValueError, "topic must not be empty"),
        (lambda socket: socket.channel(7), TypeError, "topic must be a string"),
        (lambda socket: socket.channel("phoenix"), ValueError, "belongs to the protocol"),
        (lambda socket: socket.channel("\ud800"), UnencodablePayload, "not valid Unicode"),
        (lambda socket: socket.channel("a", {"x": object()}), UnencodablePayload, "cannot be written"),
        (lambda socket: socket.channel("a", b"bytes"), TypeError, "must be a JSON value"),
        (lambda socket: socket.channel("a", join_timeout=0), ValueError, "join_timeout"),
        (lambda socket: socket.channel("a", on_message="x"), TypeError, "on_message"),
        (lambda socket: socket.disconnect(1001), ValueError, "1000 or 3000"),
        (lambda socket: socket.disconnect(3000, "x" * 124), ValueError, "123 bytes"),
        (lambda socket: socket.send(Message(None, "1", "phoenix", "heartbeat", {})), NotConnected, "opened"),
    ],
)
def test_a_wrong_call_says_so(world: World, call: Callable[[Any], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(world.socket())
    assert world.attempts == []


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("ws://h/socket", "ws://h/socket/websocket?vsn=2.0.0"),
        ("https://h:1/socket/", "wss://h:1/socket/websocket?vsn=2.0.0"),
        ("http://h/socket?a=1", "ws://h/socket/websocket?a=1&vsn=2.0.0"),
        ("wss://h/socket/websocket", "wss://h/socket/websocket?vsn=2.0.0"),
        ("ws://h", "ws://h/websocket?vsn=2.0.0"),
    ],
)
def test_endpoints_of_every_scheme_with_queries_and_slashes_of_their_own(world: World, endpoint: str, url: str) -> None:
    Socket(endpoint, transport=world, scheduler=world.scheduler).connect()
    assert world.link.request.address.url("websocket") == url


def test_messages_are_every_decoded_frame_in_wire_order_replies_and_stale_joins_included(world: World) -> None:
    socket = world.socket()
    messages = world.record(socket.messages)
    world.record(socket.channel("room:a"))
    world.run(1)
    socket.ping().subscribe()
    world.run(2)
    world.link.receive("77", None, "room:a", "stale", {})
    world.link.receive(None, None, "room:nobody", "unknown", {})
    assert [(message.topic, message.event) for message in messages.values] == [
        ("room:a", "phx_reply"),
        ("phoenix", "phx_reply"),
        ("room:a", "stale"),
        ("room:nobody", "unknown"),
    ]


@pytest.mark.parametrize("data", [b"", b"nonsense", b"[]", b"{}", b'["1","1",5,"a",{}]', b"\xff\xfe"])
@pytest.mark.parametrize("binary", [False, True])
def test_a_malformed_frame_is_reported_dropped_and_read_on(world: World, data: bytes, binary: bool) -> None:
    socket = world.socket()
    errors, messages = world.record(socket.errors), world.record(socket.channel("room:a"))
    world.run(1)
    world.link.receive_raw(data, binary=binary)
    world.link.receive("1", None, "room:a", "next", {})
    assert [type(fault.error) for fault in errors.values] == [MalformedFrame]
    assert [message.event for message in messages.values] == ["next"]
    assert socket.state.value == "open"


def test_a_serializer_that_raises_anything_is_a_malformed_frame(world: World) -> None:
    class Broken(JSONSerializer):
        def decode(self, frame: Any) -> Message:
            raise ZeroDivisionError

    socket = world.socket(serializer=Broken())
    errors = world.record(socket.errors)
    socket.connect()
    world.run(1)
    world.link.receive("1", None, "room:a", "next", {})
    (fault,) = errors.values
    assert isinstance(fault.error, MalformedFrame)
    assert isinstance(fault.error.__cause__, ZeroDivisionError)


def test_serializer_1_joins_pushes_and_receives_without_join_refs_from_the_server(world: World) -> None:
    socket = world.socket(serializer=JSONSerializerV1())
    world.answers_after = None
    sent: list[dict[str, Any]] = []

    def take(attempt: Any) -> None:
        from rxphoenix.transports.base import Opened

        world.after(0.1, lambda: attempt.observer.on_next(Opened(lambda frame: sent.append(_json(frame.data)))))

    world.outcomes = [take]
    channel = socket.channel("room:a")
    messages = world.record(channel)
    push = world.record(channel.push("echo", {"n": 1}))
    world.run(1)
    world.link.receive_raw(_reply("1", {}))
    world.link.receive_raw(b'{"topic":"room:a","event":"news","payload":7,"ref":null}')
    world.link.receive_raw(_reply("2", {"n": 1}))
    world.run(2)
    assert [(frame["join_ref"], frame["ref"], frame["event"]) for frame in sent] == [
        ("1", "1", "phx_join"),
        ("1", "2", "echo"),
    ]
    assert [message.payload for message in messages.values] == [7]
    assert push.values == [{"n": 1}]
    with pytest.raises(UnencodablePayload, match="no binary"):
        channel.push("echo", b"bytes")
    world.link.receive_raw(b'{"topic":"room:a","event":"phx_close","payload":{},"ref":null}')
    assert messages.timeline[-1] == (2, "|")


def _json(data: bytes) -> dict[str, Any]:
    import json

    return json.loads(data)


def _reply(ref: str, response: Any) -> bytes:
    import json

    payload = {"status": "ok", "response": response}
    return json.dumps({"topic": "room:a", "event": "phx_reply", "payload": payload, "ref": ref}).encode()


def test_send_writes_a_message_as_it_is(world: World) -> None:
    socket = world.socket()
    socket.connect()
    messages = world.record(socket.messages)
    world.run(1)
    socket.send(Message(None, "x7", "phoenix", "heartbeat", {}))
    world.run(2)
    assert world.sent == [(1, "- x7 phoenix heartbeat")]
    assert [message.ref for message in messages.values] == ["x7"]


def test_no_secret_is_shown_by_any_repr_log_or_error(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def broken() -> dict[str, str]:
        raise ValueError("something else")

    socket = Socket(
        f"ws://user:{SECRET}@h/socket?key={SECRET}",
        params={"token": SECRET},
        auth_token=SECRET,
        headers={"authorization": SECRET},
        transport=world,
        scheduler=world.scheduler,
    )
    errors = world.record(socket.errors)
    channel = socket.channel("room:a", {"password": SECRET})
    world.record(channel)
    world.run(1)
    world.link.lose(1011, "bye")
    world.run(2)
    other = Socket("ws://h/socket", params=broken, transport=world, scheduler=world.scheduler)
    others = world.record(other.errors)
    other.connect()
    world.run(3)
    shown = [repr(socket), repr(channel), repr(world.link.request), repr(world.link.request.address), caplog.text]
    shown += [f"{fault!r} {fault.error}" for fault in (*errors.values, *others.values)]
    assert len(errors.values) == 1
    assert others.values
    assert not [text for text in shown if SECRET in text]


def in_thread(action: Callable[[], Any]) -> BaseException | None:
    """Run something in another thread; return what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0] if raised else None


async def test_from_another_thread_calls_are_refused_and_dispose_is_marshalled() -> None:
    async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
        channel = socket.channel("room:a")
        seen: list[Any] = []
        subscription = channel.on("tick").subscribe(seen.append)
        lease = socket.connect()
        await socket.opened()
        push = channel.push("echo", {})
        calls: list[Callable[[], Any]] = [
            channel.subscribe,
            channel.hold,
            push.subscribe,
            socket.connect,
            socket.close,
            socket.disconnect,
            socket.reconnect,
            socket.state.subscribe,
            lambda: socket.send(Message(None, "1", "phoenix", "heartbeat", {})),
        ]
        for call in calls:
            error = in_thread(call)
            assert isinstance(error, WrongThread)
            assert "call_soon_threadsafe" in str(error)
        assert in_thread(subscription.dispose) is None
        assert in_thread(subscription.dispose) is None
        await asyncio.wait_for(channel.state.pipe(is_closed, ops.first()), 5)
        assert in_thread(lease.dispose) is None
        await push


def test_a_socket_works_in_one_loop_after_another() -> None:
    socket: Socket | None = None
    seen: list[Any] = []

    async def use() -> None:
        nonlocal socket
        async with PhoenixServer(conformance_application()) as server:
            if socket is None:
                socket = Socket(server.url + "/socket")
                port = server.port
                ports.append(port)
            seen.append(await socket.channel("room:a").push("echo", {"n": len(seen)}))
            await asyncio.wait_for(socket.state.pipe(is_closed, ops.first()), 5)

    ports: list[int] = []

    async def again() -> None:
        async with PhoenixServer(conformance_application(), port=ports[0]):
            assert socket is not None
            seen.append(await socket.channel("room:a").push("echo", {"n": len(seen)}))
            socket.close()
            await socket.wait_closed()

    asyncio.run(use())
    asyncio.run(again())
    assert seen == [{"n": 0}, {"n": 1}]


async def test_async_with_enters_at_once_and_closes_on_exit() -> None:
    async with Socket("ws://localhost:1/socket") as socket:
        assert socket.state.value == "closed"
        socket.channel("a").state.subscribe()
    assert repr(socket) == "<Socket ws://localhost:1/socket closed>"
    await socket.wait_closed()


async def test_cancelling_what_awaits_a_push_abandons_the_push() -> None:
    async with (
        PhoenixServer(conformance_application()) as server,
        Socket(server.url + "/socket") as socket,
    ):
        channel = socket.channel("room:a")
        async with channel.hold():
            task = asyncio.ensure_future(asyncio.wait_for(channel.push("noreply", {}), 30))
            await channel.push("echo", {})
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.gather(channel.push("echo", 1), channel.push("echo", 2)) == [1, 2]


async def test_coroutine_functions_are_evaluated_on_the_loop_for_each_attempt() -> None:
    calls: list[str] = []

    async def params() -> dict[str, str]:
        await asyncio.sleep(0)
        calls.append("params")
        return {"user_id": "ann"}

    async def token() -> str:
        await asyncio.sleep(0)
        calls.append("token")
        return "good"

    async def join_params() -> dict[str, int]:
        await asyncio.sleep(0)
        return {"n": 1}

    async with (
        PhoenixServer(conformance_application()) as server,
        Socket(server.url + "/auth", params=params, auth_token=token) as socket,
    ):
        channel = socket.channel("room:a", join_params)
        async with channel.hold() as reply:
            assert reply["params"] == {"n": 1}
            who = await channel.push("whoami", {})
    assert (who["user_id"], who["auth_token"]) == ("ann", "good")
    assert calls == ["params", "token"]


async def test_closing_while_a_token_is_awaited_leaves_no_task() -> None:
    started = asyncio.Event()

    async def token() -> str:
        started.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async with Socket("ws://localhost:1/socket", auth_token=token) as socket:
        socket.connect()
        await started.wait()
    assert socket.state.value == "closed"

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
    Frame,
    JSONSerializer,
    JSONSerializerV1,
    LongPoll,
    MalformedFrame,
    Message,
    NotConnected,
    Reply,
    Socket,
    UnencodablePayload,
    WrongThread,
)
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from rxphoenix.testing import VirtualPhoenix, VirtualTopic, World
from tests.legends import FRAMES, STATES, push, replied, said

pytestmark = pytest.mark.marbles(frame=0.1)

OK = Reply("ok", {})
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
        ({"transport": LongPoll}, r"transport must be a transport, not the class LongPoll; write LongPoll\(\)"),
        ({"transport": "longpoll"}, r"transport must be a transport, for example LongPoll\(\), not 'longpoll'"),
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
        (lambda socket: socket.channel("a", on_message=asyncio.sleep), TypeError, "on_message"),
        (lambda socket: socket.disconnect(1001), ValueError, "1000 or 3000"),
        (lambda socket: socket.disconnect(3000, "x" * 124), ValueError, "123 bytes"),
        (lambda socket: socket.send(Message(None, "1", "phoenix", "heartbeat", {})), NotConnected, "opened"),
    ],
)
def test_a_wrong_call_says_so(
    phoenix: VirtualPhoenix, call: Callable[[Any], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        call(phoenix.socket())
    assert phoenix.attempts == []


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
def test_endpoints_of_every_scheme_with_queries_and_slashes_of_their_own(
    phoenix: VirtualPhoenix, endpoint: str, url: str
) -> None:
    phoenix.socket(endpoint=endpoint).connect()
    assert phoenix.attempts[0].request.address.url("websocket") == url


def test_messages_are_every_decoded_frame_in_wire_order_replies_and_stale_joins_included(
    marbles: World, phoenix: VirtualPhoenix
):
    frames = {"s": said("stale", join_ref=77), "u": said("unknown", topic="room:nobody")}
    phoenix.writes("2s su", frames)
    socket = phoenix.socket()
    replies = {"j": replied(1, 1, OK), "p": replied(None, 2, OK, "phoenix")}
    marbles.expect(socket.messages, "^ 10s !").to_be("--j 800ms p 800ms su", {**frames, **replies})
    marbles.observe(socket.channel("room:a"))
    marbles.observe(socket.ping(), "1s ^")


@pytest.mark.parametrize("data", [b"", b"nonsense", b"[]", b"{}", b'["1","1",5,"a",{}]', b"\xff\xfe"])
@pytest.mark.parametrize("binary", [False, True])
def test_a_malformed_frame_is_reported_dropped_and_read_on(
    marbles: World, phoenix: VirtualPhoenix, data: bytes, binary: bool
):
    phoenix.writes("1s (xn)", {"x": Frame(data, binary=binary), "n": said("next", join_ref=1)})
    socket = phoenix.socket()
    marbles.expect(socket.errors.pipe(ops.map(lambda fault: type(fault.error)))).to_be("1s x", {"x": MalformedFrame})
    marbles.expect(socket.channel("room:a")).to_be("1s n", {"n": said("next", join_ref=1)})
    marbles.expect(socket.state).to_be("no", STATES)


def test_a_serializer_that_raises_anything_is_a_malformed_frame(marbles: World, phoenix: VirtualPhoenix):
    class Broken(JSONSerializer):
        def decode(self, frame: Any) -> Message:
            raise ZeroDivisionError

    phoenix.writes("1s n", {"n": said("next", join_ref=1)})
    socket = phoenix.socket(serializer=Broken())
    socket.connect()
    errors = marbles.observe(socket.errors)
    marbles.run(until="2s")
    (fault,) = errors.values
    assert (type(fault.error), type(fault.error.__cause__)) == (MalformedFrame, ZeroDivisionError)


def test_serializer_1_joins_pushes_and_receives_without_join_refs_from_the_server(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.broadcasts("news", "1s 7", {"7": 7})
    room.closes("2s x")
    socket = phoenix.socket(serializer=JSONSerializerV1())
    channel = socket.channel("room:a")
    marbles.expect(channel).to_be("1s 7 900ms |", {"7": said("news", 7)})
    marbles.expect(channel.push("echo", {"n": 1})).to_be("---(r|)", {"r": {"n": 1}})
    close = Message(None, None, "room:a", "phx_close", {})
    received = {
        "j": replied(None, 1, OK),
        "e": replied(None, 2, Reply("ok", {"n": 1})),
        "7": said("news", 7),
        "c": close,
    }
    marbles.expect(socket.messages).to_be("--je 600ms 7 900ms c", received)
    marbles.expect_frames(phoenix).to_be("-1e", {**FRAMES, "e": push(1, 2, "echo", {"n": 1})})
    with pytest.raises(UnencodablePayload, match="no binary"):
        channel.push("echo", b"bytes")


def test_send_writes_a_message_as_it_is(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    socket.connect()
    heartbeat = Message(None, "x7", "phoenix", "heartbeat", {})
    marbles.at("1s", lambda: socket.send(heartbeat))
    marbles.expect_frames(phoenix).to_be("1s h", {"h": heartbeat}, heartbeats=True)
    marbles.expect(socket.messages).to_be("1.1s r 800ms |", {"r": replied(None, "x7", OK, "phoenix")})
    marbles.at("2s", socket.close)


def test_no_secret_is_shown_by_any_repr_log_or_error(
    marbles: World, phoenix: VirtualPhoenix, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)

    def broken() -> dict[str, str]:
        raise ValueError("something else")

    phoenix.drops("1s x", {"x": 1011})
    socket = phoenix.socket(
        endpoint=f"ws://user:{SECRET}@h/socket?key={SECRET}",
        params={"token": SECRET},
        auth_token=SECRET,
        headers={"authorization": SECRET},
    )
    channel = socket.channel("room:a", {"password": SECRET})
    other = phoenix.socket(params=broken)
    errors, others = marbles.observe(socket.errors), marbles.observe(other.errors)
    marbles.observe(channel)
    other.connect()
    marbles.run(until="3s")
    request = phoenix.attempts[0].request
    shown = [repr(socket), repr(channel), repr(request), repr(request.address), caplog.text]
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


def test_sent_emits_what_send_writes_too(marbles: World):
    phoenix = marbles.phoenix()
    socket = phoenix.socket(heartbeat_interval=None)
    marbles.at("1ms", socket.connect)
    marbles.at("2ms", lambda: socket.send(Message("7", "8", "room:a", "news", {"n": 1})))
    marbles.expect(socket.sent).to_be("2ms m", {"m": Message("7", "8", "room:a", "news", {"n": 1})})

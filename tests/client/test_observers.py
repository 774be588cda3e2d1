"""Each way in which a subscriber can misbehave, and the order in which all of them are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from reactivex import operators as ops
from reactivex.disposable import SerialDisposable

from rxphoenix import Fault, JoinRefused, MalformedFrame, Message, Reply, Single, Socket
from rxphoenix.testing import VirtualPhoenix, VirtualTopic, World
from tests.legends import DONE, STATES, said

pytestmark = pytest.mark.marbles(frame=0.1)


NUMBERS = {str(number): number for number in range(6)}
MINE = Fault("room:a", "news", ZeroDivisionError("mine"))
DIVIDED = Fault("room:a", "news", ZeroDivisionError("division by zero"))
NO = Reply("error", {"reason": "no"})


@pytest.fixture
def socket(marbles: World, phoenix: VirtualPhoenix) -> Socket:
    """A socket with a joined channel ``room:a``, at 1 s."""
    socket = phoenix.socket()
    socket.channel("room:a").hold()
    marbles.run(until="1s")
    return socket


def inverse(number: int) -> float:
    return 1 / number


def test_an_observer_that_raises_is_logged_and_reported_and_goes_on_and_so_do_the_others(
    marbles: World, room: VirtualTopic, socket: Socket, caplog: pytest.LogCaptureFixture
):
    seen: list[Any] = []

    def broken(payload: Any) -> None:
        seen.append(("broken", payload))
        raise ZeroDivisionError("mine")

    room.broadcasts("news", "12", NUMBERS)
    marbles.expect(socket.errors).to_be("xx", {"x": MINE})
    socket.channel("room:a").on("news").subscribe(broken)
    socket.channel("room:a").on("news").subscribe(lambda payload: seen.append(("other", payload)))
    marbles.advance("1s")
    assert seen == [("broken", 1), ("other", 1), ("broken", 2), ("other", 2)]
    assert "ZeroDivisionError: mine" in caplog.text
    assert "Traceback" in caplog.text


def test_a_stock_operator_that_fails_ends_its_own_stream_and_no_other(
    marbles: World, room: VirtualTopic, socket: Socket
):
    room.broadcasts("news", "02", NUMBERS)
    marbles.expect(socket.channel("room:a").on("news").pipe(ops.map(inverse))).to_be("#", error=DIVIDED.error)
    marbles.expect(socket.channel("room:a").on("news")).to_be("02", NUMBERS)


def test_an_error_without_a_handler_is_reported_and_never_raised_into_the_reader(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, socket: Socket, caplog: pytest.LogCaptureFixture
):
    room.broadcasts("news", "01", NUMBERS)
    phoenix.topic("room:b").joins("r", values={"r": NO})
    refused = JoinRefused("room:b", {"reason": "no"})
    faults = marbles.observe(socket.errors)
    socket.channel("room:a").on("news").pipe(ops.map(inverse)).subscribe(lambda value: None)
    marbles.expect(socket.channel("room:a").on("news")).to_be("01", NUMBERS)
    marbles.at("1.5s", lambda: socket.channel("room:b").subscribe())
    marbles.advance("1s")
    assert [type(fault.error) for fault in faults.values] == [ZeroDivisionError, type(refused)]
    assert str(faults.values[1].error) == str(refused)
    assert "without an on_error handler" in caplog.text


def test_handlers_of_the_end_that_raise_are_reported_too(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, socket: Socket
):
    def broken(*_arguments: Any) -> None:
        raise ZeroDivisionError

    room.closes("x")
    phoenix.topic("room:b").joins("r", values={"r": NO})
    kinds = socket.errors.pipe(ops.map(lambda fault: type(fault.error)))
    marbles.expect(kinds).to_be("x-----x", {"x": ZeroDivisionError})
    marbles.expect(socket.channel("room:a")).to_be("|")
    socket.channel("room:a").subscribe(on_completed=broken)
    marbles.at("1.5s", lambda: socket.channel("room:b").subscribe(on_error=broken))
    socket.connect()


def test_an_observer_of_errors_that_raises_is_only_logged(
    marbles: World, phoenix: VirtualPhoenix, socket: Socket, caplog: pytest.LogCaptureFixture
):
    def broken(fault: Fault) -> None:
        raise KeyError("again")

    phoenix.writes("x", {"x": b"not json"})
    socket.errors.subscribe(broken)
    marbles.expect(socket.errors.pipe(ops.map(lambda fault: type(fault.error)))).to_be("x", {"x": MalformedFrame})
    marbles.advance("1s")
    assert "an observer of socket.errors raised" in caplog.text


def test_an_observer_of_the_state_that_raises_inside_subscribe_does_not_lose_its_subscription(
    marbles: World, socket: Socket
):
    seen: list[str] = []

    def broken(state: str) -> None:
        seen.append(state)
        raise ZeroDivisionError

    marbles.expect(socket.errors).to_be("(xxx)", {"x": Fault(None, None, ZeroDivisionError())})
    marbles.at("1s", lambda: (socket.state.subscribe(broken), socket.disconnect()))
    marbles.advance(0)
    assert seen == ["open", "closing", "closed"]


def test_an_observer_may_dispose_itself_and_others_and_who_is_disposed_sees_nothing_more(
    phoenix: VirtualPhoenix, socket: Socket
):
    seen: list[tuple[str, Any]] = []
    stream = socket.channel("room:a").on("news")
    mine, other = SerialDisposable(), SerialDisposable()

    def first(payload: Any) -> None:
        seen.append(("first", payload))
        mine.dispose()
        other.dispose()

    mine.disposable = stream.subscribe(first)
    other.disposable = stream.subscribe(lambda payload: seen.append(("second", payload)))
    stream.subscribe(lambda payload: seen.append(("third", payload)))
    phoenix.write(said("news", 1))
    phoenix.write(said("news", 2))
    assert seen == [("first", 1), ("third", 1), ("third", 2)]


def test_an_observer_may_dispose_itself_before_subscribe_has_returned(marbles: World, socket: Socket):
    marbles.expect(socket.state.pipe(ops.take(1))).to_be("(o|)", STATES)
    marbles.expect(socket.channel("room:a").joined.pipe(ops.map(lambda _: None), ops.take(1))).to_be("(x|)", DONE)
    marbles.at("1.1s", socket.disconnect)


def test_whoever_subscribes_during_a_dispatch_sees_the_next_event(phoenix: VirtualPhoenix, socket: Socket):
    seen: list[tuple[str, Any]] = []
    stream = socket.channel("room:a").on("news")

    def first(payload: Any) -> None:
        seen.append(("first", payload))
        if payload == 1:
            stream.subscribe(lambda later: seen.append(("second", later)))

    stream.subscribe(first)
    phoenix.write(said("news", 1))
    phoenix.write(said("news", 2))
    assert seen == [("first", 1), ("first", 2), ("second", 2)]


def test_what_is_emitted_during_a_dispatch_comes_after_the_current_event_has_reached_everybody(
    marbles: World, phoenix: VirtualPhoenix, socket: Socket
):
    seen: list[tuple[str, Any]] = []
    channel = socket.channel("room:a")

    def first(message: Message) -> None:
        seen.append(("first", message.payload))
        if message.payload == 1:
            socket.disconnect()
            seen.append(("state is", socket.state.value.value))

    socket.messages.subscribe(first)
    channel.on("news").subscribe(lambda payload: seen.append(("second", payload)))
    socket.state.subscribe(lambda state: seen.append(("state", state.value)))
    channel.state.subscribe(lambda state: seen.append(("channel", state.value)))
    seen.clear()
    phoenix.write(said("news", 1))
    marbles.advance(0)
    # the connection that the message came over is gone: its channel does not see it
    assert seen == [
        ("first", 1),
        ("state is", "closing"),
        ("state", "closing"),
        ("channel", "errored"),
        ("state", "closed"),
    ]


def test_frames_leave_at_once_even_from_inside_a_callback(phoenix: VirtualPhoenix, socket: Socket):
    sent: list[int] = []

    def react(payload: Any) -> None:
        socket.channel("room:a").push("echo", payload).subscribe()
        sent.append(len(phoenix.sent))

    socket.channel("room:a").on("news").subscribe(react)
    phoenix.write(said("news", 1))
    assert sent == [2]  # the join, and the push


def test_every_stream_is_told_in_the_same_order(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    seen: list[Any] = []
    room.replies("ask", "")
    room.closes("1s x")
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    socket.messages.subscribe(lambda message: seen.append(("message", message.event)))
    channel.state.subscribe(lambda state: seen.append(("state", state.value)))
    channel.joined.subscribe(lambda joined: seen.append(("joined", joined.attempt)))
    channel.push("ask", {}).subscribe(on_error=lambda error: seen.append(("push", type(error).__name__)))
    channel.subscribe(on_completed=lambda: seen.append(("completed",)))
    marbles.run(until="1s")
    assert seen == [
        ("state", "closed"),
        ("state", "joining"),
        ("message", "phx_reply"),
        ("state", "joined"),
        ("joined", 1),
        ("message", "phx_close"),
        ("state", "closed"),
        ("push", "PushInterrupted"),
        ("completed",),
    ]


def test_a_state_subscribed_during_a_dispatch_never_sees_an_older_value_after_a_newer_one(
    marbles: World, room: VirtualTopic, socket: Socket
):
    late: list[str] = []

    def react(payload: Any) -> None:
        socket.disconnect()
        socket.state.subscribe(lambda state: late.append(state.value))
        socket.connect()

    room.broadcasts("news", "1", NUMBERS)
    socket.channel("room:a").on("news").subscribe(react)
    marbles.advance("1s")
    assert late == ["closing", "connecting", "open"]


@pytest.mark.parametrize("where", ["messages", "channel", "event", "state", "joined", "errors", "push", "error"])
def test_the_socket_may_be_closed_in_any_callback(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, where: str
):
    phoenix.writes("1s nx", {"n": said("news", 1), "x": b"{"})
    room.replies("nothing", "")
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    marbles.observe(channel)
    calls: list[Any] = []

    def close(*arguments: Any) -> None:
        calls.append(arguments)
        socket.close()

    streams: dict[str, Callable[[], object]] = {
        "messages": lambda: socket.messages.subscribe(close),
        "channel": lambda: channel.subscribe(close),
        "event": lambda: channel.on("news").subscribe(close),
        "state": lambda: channel.state.pipe(ops.filter(lambda state: state == "joined")).subscribe(close),
        "joined": lambda: channel.joined.subscribe(close),
        "errors": lambda: socket.errors.subscribe(close),
        "push": lambda: channel.push("echo", 1).subscribe(close),
        "error": lambda: channel.push("nothing", 1, timeout=1).subscribe(on_error=close),
    }
    instants = {"messages": "--", "state": "--", "joined": "--", "push": "---", "errors": "1.1s "}
    marbles.expect(socket.wait_closed()).to_be(f"{instants.get(where, '1s ')}(x|)", DONE)
    marbles.at(0, streams[where])
    marbles.run(until="3s")
    assert len(calls) == 1
    assert socket.state.value == "closed"
    assert phoenix.sent[-1][4:6] == ("room:a", "phx_leave")


def test_a_callback_may_join_and_leave_others_and_create_more_of_everything(
    marbles: World, room: VirtualTopic, socket: Socket
):
    created: list[Any] = []

    def react(payload: int) -> None:
        if payload < 5:
            created.append(socket.channel(f"room:{payload}").subscribe())
        if payload == 3:
            socket.channel("room:1").leave().subscribe()
            created[0].dispose()

    room.broadcasts("news", "1s 0 900ms 1 900ms 2 900ms 3 900ms 4 900ms 5", NUMBERS)
    socket.channel("room:a").on("news").subscribe(react)
    marbles.run(until="10s")
    assert sorted(channel.topic for channel in socket.channels) == ["room:2", "room:3", "room:4", "room:a"]


def test_a_base_exception_flies_and_what_waited_is_delivered_soon(
    marbles: World, phoenix: VirtualPhoenix, socket: Socket
):
    def interrupt(payload: Any) -> None:
        socket.channel("room:a").leave().subscribe()
        raise KeyboardInterrupt

    marbles.expect(socket.channel("room:a").pipe(ops.ignore_elements())).to_be("|")
    marbles.advance(0)
    socket.channel("room:a").subscribe(interrupt)
    with pytest.raises(KeyboardInterrupt):
        phoenix.write(said("news", 1))


def test_stock_operators_work_on_all_streams(marbles: World, room: VirtualTopic, socket: Socket):
    channel = socket.channel("room:a")
    room.broadcasts("news", "1", NUMBERS)
    merged = reactivex.merge(
        channel.on("news").pipe(ops.map(str)), socket.state.pipe(ops.map(str)), channel.push("echo", "p")
    )
    marbles.expect(merged).to_be("(o1 100ms p)", {"o": "open"})
    combined = reactivex.combine_latest(channel.state, socket.state)
    marbles.expect(combined).to_be("b", {"b": ("joined", "open")})
    marbles.expect(channel.on("news").pipe(ops.delay(0.5, scheduler=socket.scheduler))).to_be("-----1", NUMBERS)
    shared = channel.on("news").pipe(ops.share())
    marbles.expect(shared).to_be("1", NUMBERS)
    marbles.expect(shared).to_be("1", NUMBERS)


def test_an_async_function_as_on_next_is_refused_at_the_call(socket: Socket):
    async def on_next(value: Any) -> None: ...

    push = socket.channel("room:a").push("x", 1)
    for stream in (socket.state, socket.messages, socket.channel("room:a"), push):
        with pytest.raises(TypeError, match="map_async"):
            stream.subscribe(on_next)  # pyright: ignore[reportArgumentType]
    push.subscribe()


def test_endless_streams_cannot_be_awaited_and_say_how(socket: Socket):
    async def wait(stream: Any) -> None:
        await stream

    for stream in (socket.state, socket.messages, socket.channel("room:a"), socket.channel("room:a").on("x")):
        with pytest.raises(TypeError, match=r"ops\.first\(\)"):
            wait(stream).send(None)
    assert isinstance(socket.ping(), Single)

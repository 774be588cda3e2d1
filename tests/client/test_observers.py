"""Each way in which a subscriber can misbehave, and the order in which all of them are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from reactivex import operators as ops
from reactivex.disposable import SerialDisposable

from rxphoenix import Fault, Message, Single, Socket
from tests.client.virtual import World


@pytest.fixture
def socket(world: World) -> Socket:
    """A socket with a joined channel ``room:a``."""
    socket = world.socket()
    world.record(socket.channel("room:a"))
    world.run(1)
    return socket


def news(world: World, payload: Any) -> None:
    """A message comes."""
    world.link.receive(None, None, "room:a", "news", payload)


def test_an_observer_that_raises_is_logged_and_reported_and_goes_on_and_so_do_the_others(
    world: World, socket: Socket, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Any] = []

    def broken(payload: Any) -> None:
        seen.append(("broken", payload))
        raise ZeroDivisionError("mine")

    errors = world.record(socket.errors)
    socket.channel("room:a").on("news").subscribe(broken)
    socket.channel("room:a").on("news").subscribe(lambda payload: seen.append(("other", payload)))
    news(world, 1)
    news(world, 2)
    assert seen == [("broken", 1), ("other", 1), ("broken", 2), ("other", 2)]
    faults: list[Fault] = errors.values
    assert [(fault.topic, fault.event, type(fault.error)) for fault in faults] == [
        ("room:a", "news", ZeroDivisionError)
    ] * 2
    assert "ZeroDivisionError: mine" in caplog.text
    assert "Traceback" in caplog.text


def test_a_stock_operator_that_fails_ends_its_own_stream_and_no_other(world: World, socket: Socket) -> None:
    failing = world.record(socket.channel("room:a").on("news").pipe(ops.map(lambda payload: 1 / payload)))
    others = world.record(socket.channel("room:a").on("news"))
    news(world, 0)
    news(world, 2)
    assert [kind for _, kind, _ in failing.events] == ["error"]
    assert others.values == [0, 2]


def test_an_error_without_a_handler_is_reported_and_never_raised_into_the_reader(
    world: World, socket: Socket, caplog: pytest.LogCaptureFixture
) -> None:
    errors = world.record(socket.errors)
    socket.channel("room:a").on("news").pipe(ops.map(lambda payload: 1 / payload)).subscribe(lambda value: None)
    others = world.record(socket.channel("room:a").on("news"))
    news(world, 0)
    news(world, 1)
    assert others.values == [0, 1]
    assert [type(fault.error) for fault in errors.values] == [ZeroDivisionError]
    world.answers("phx_join", "error", {"reason": "no"})
    socket.channel("room:b").subscribe()
    world.run(2)
    assert [type(fault.error).__name__ for fault in errors.values] == ["ZeroDivisionError", "JoinRefused"]
    assert "without an on_error handler" in caplog.text


def test_handlers_of_the_end_that_raise_are_reported_too(world: World, socket: Socket) -> None:
    def broken(*_arguments: Any) -> None:
        raise ZeroDivisionError

    errors = world.record(socket.errors)
    others = world.record(socket.channel("room:a"))
    socket.channel("room:a").subscribe(on_completed=broken)
    world.link.receive("1", "1", "room:a", "phx_close", {})
    assert others.timeline == [(1, "|")]
    world.answers("phx_join", "error", {})
    socket.channel("room:b").subscribe(on_error=broken)
    world.run(2)
    assert [type(fault.error) for fault in errors.values] == [ZeroDivisionError, ZeroDivisionError]


def test_an_observer_of_errors_that_raises_is_only_logged(
    world: World, socket: Socket, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(fault: Fault) -> None:
        raise KeyError("again")

    socket.errors.subscribe(broken)
    others = world.record(socket.errors)
    world.link.receive_raw(b"not json")
    assert len(others.values) == 1
    assert "an observer of socket.errors raised" in caplog.text


def test_an_observer_of_the_state_that_raises_inside_subscribe_does_not_lose_its_subscription(
    world: World, socket: Socket
) -> None:
    seen: list[str] = []

    def broken(state: str) -> None:
        seen.append(state)
        raise ZeroDivisionError

    errors = world.record(socket.errors)
    socket.state.subscribe(broken)
    socket.disconnect()
    assert seen == ["open", "closing", "closed"]
    assert len(errors.values) == 3


def test_an_observer_may_dispose_itself_and_others_and_who_is_disposed_sees_nothing_more(
    world: World, socket: Socket
) -> None:
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
    news(world, 1)
    news(world, 2)
    assert seen == [("first", 1), ("third", 1), ("third", 2)]


def test_an_observer_may_dispose_itself_before_subscribe_has_returned(world: World, socket: Socket) -> None:
    taken = world.record(socket.state.pipe(ops.take(1)))
    assert taken.timeline == [(1, "open"), (1, "|")]
    assert world.record(socket.channel("room:a").joined.pipe(ops.take(1))).timeline[-1] == (1, "|")
    socket.disconnect()
    assert len(taken.events) == 2


def test_whoever_subscribes_during_a_dispatch_sees_the_next_event(world: World, socket: Socket) -> None:
    seen: list[tuple[str, Any]] = []
    stream = socket.channel("room:a").on("news")

    def first(payload: Any) -> None:
        seen.append(("first", payload))
        if payload == 1:
            stream.subscribe(lambda later: seen.append(("second", later)))

    stream.subscribe(first)
    news(world, 1)
    news(world, 2)
    assert seen == [("first", 1), ("first", 2), ("second", 2)]


def test_what_is_emitted_during_a_dispatch_comes_after_the_current_event_has_reached_everybody(
    world: World, socket: Socket
) -> None:
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
    news(world, 1)
    # the connection that the message came over is gone: its channel does not see it
    assert seen == [
        ("first", 1),
        ("state is", "closing"),
        ("state", "closing"),
        ("channel", "errored"),
        ("state", "closed"),
    ]


def test_frames_leave_at_once_even_from_inside_a_callback(world: World, socket: Socket) -> None:
    sent: list[int] = []

    def react(payload: Any) -> None:
        socket.channel("room:a").push("echo", payload).subscribe()
        sent.append(len(world.link.sent))

    socket.channel("room:a").on("news").subscribe(react)
    news(world, 1)
    assert sent == [2]  # the join, and the push


def test_every_stream_is_told_in_the_same_order(world: World) -> None:
    seen: list[Any] = []
    socket = world.socket()
    channel = socket.channel("room:a")
    socket.messages.subscribe(lambda message: seen.append(("message", message.event)))
    channel.state.subscribe(lambda state: seen.append(("state", state.value)))
    channel.joined.subscribe(lambda joined: seen.append(("joined", joined.attempt)))
    world.ignores("ask")
    channel.push("ask", {}).subscribe(on_error=lambda error: seen.append(("push", type(error).__name__)))
    channel.subscribe(on_completed=lambda: seen.append(("completed",)))
    world.run(1)
    world.link.receive("1", "1", "room:a", "phx_close", {})
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
    world: World, socket: Socket
) -> None:
    late: list[str] = []

    def react(payload: Any) -> None:
        socket.disconnect()
        socket.state.subscribe(lambda state: late.append(state.value))
        socket.connect()

    socket.channel("room:a").on("news").subscribe(react)
    news(world, 1)
    world.run(2)
    assert late == ["closing", "connecting", "open"]


@pytest.mark.parametrize("where", ["messages", "channel", "event", "state", "joined", "errors", "push", "error"])
def test_the_socket_may_be_closed_in_any_callback(world: World, where: str) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    world.record(channel)
    closed = world.record(socket.wait_closed())
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
    streams[where]()
    world.at(1, lambda: news(world, 1))
    world.at(1.1, lambda: world.link.receive_raw(b"{"))
    world.run(3)
    assert len(calls) == 1
    assert [kind for _, kind, _ in closed.events] == ["next", "completed"]
    assert socket.state.value == "closed"
    assert world.sent[-1][1].endswith("room:a phx_leave")


def test_a_callback_may_join_and_leave_others_and_create_more_of_everything(world: World, socket: Socket) -> None:
    created: list[Any] = []

    def react(payload: int) -> None:
        if payload < 5:
            created.append(world.record(socket.channel(f"room:{payload}")))
        if payload == 3:
            socket.channel("room:1").leave().subscribe()
            created[0].dispose()

    socket.channel("room:a").on("news").subscribe(react)
    for instant in range(2, 8):
        world.at(instant, lambda payload=instant - 2: news(world, payload))
    world.run(10)
    assert sorted(channel.topic for channel in socket.channels) == ["room:2", "room:3", "room:4", "room:a"]


def test_a_base_exception_flies_and_what_waited_is_delivered_soon(world: World, socket: Socket) -> None:
    seen: list[Any] = []

    def interrupt(payload: Any) -> None:
        socket.channel("room:a").leave().subscribe()
        raise KeyboardInterrupt

    socket.channel("room:a").subscribe(on_completed=lambda: seen.append("completed"))
    socket.channel("room:a").on("news").subscribe(interrupt)
    with pytest.raises(KeyboardInterrupt):
        news(world, 1)
    world.run(1.5)
    assert seen == ["completed"]


def test_stock_operators_work_on_all_streams(world: World, socket: Socket) -> None:
    channel = socket.channel("room:a")
    merged = world.record(
        reactivex.merge(
            channel.on("news").pipe(ops.map(str)),
            socket.state.pipe(ops.map(str)),
            channel.push("echo", "pushed"),
        )
    )
    combined = world.record(reactivex.combine_latest(channel.state, socket.state).pipe(ops.map(lambda pair: pair[1])))
    delayed = world.record(channel.on("news").pipe(ops.delay(0.5, scheduler=socket.scheduler)))
    shared = channel.on("news").pipe(ops.share())
    shares = [world.record(shared), world.record(shared)]
    news(world, 1)
    world.run(3)
    assert merged.values == ["open", "1", "pushed"]
    assert combined.values == ["open"]
    assert delayed.timeline == [(1.5, 1)]
    assert [recorder.values for recorder in shares] == [[1], [1]]


def test_an_async_function_as_on_next_is_refused_at_the_call(world: World, socket: Socket) -> None:
    async def on_next(value: Any) -> None: ...

    push = socket.channel("room:a").push("x", 1)
    for stream in (socket.state, socket.messages, socket.channel("room:a"), push):
        with pytest.raises(TypeError, match="map_async"):
            stream.subscribe(on_next)  # pyright: ignore[reportArgumentType]
    push.subscribe()


def test_endless_streams_cannot_be_awaited_and_say_how(world: World, socket: Socket) -> None:
    async def wait(stream: Any) -> None:
        await stream

    for stream in (socket.state, socket.messages, socket.channel("room:a"), socket.channel("room:a").on("x")):
        with pytest.raises(TypeError, match=r"ops\.first\(\)"):
            wait(stream).send(None)
    assert isinstance(socket.ping(), Single)

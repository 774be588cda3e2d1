"""What a user holds for a topic."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from reactivex import Observable
from reactivex import operators as ops

from rxphoenix import (
    Channel,
    ChannelClosed,
    ChannelCrashed,
    JoinRefused,
    MalformedFrame,
    Message,
    NoEventLoop,
    Socket,
    SocketClosed,
)
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from tests.client.virtual import Recorder, World


def test_a_channel_hides_no_operator_of_rx() -> None:
    added = {name for name in vars(Channel) if not name.startswith("_")}
    assert added.isdisjoint(dir(Observable))


def test_equal_handles_are_interchangeable(world: World) -> None:
    socket = world.socket()
    world.record(socket.channel("room:a", {"x": 1}))
    world.run(1)
    other = socket.channel("room:a", {"x": 1})
    assert other.state.value == "joined"
    assert other.topic == "room:a"
    assert repr(other) == "<Channel 'room:a' joined>"
    assert [channel.topic for channel in socket.channels] == ["room:a"]


@pytest.mark.parametrize("event", ["phx_reply", "phx_close", "phx_anything", ""])
def test_on_refuses_names_of_the_protocol_at_the_call(world: World, event: str) -> None:
    with pytest.raises(ValueError, match="event"):
        world.socket().channel("room:a").on(event)


def test_on_emits_payloads_of_its_event_only_and_the_channel_all_messages(world: World) -> None:
    channel = world.socket().channel("room:a")
    named, everything = world.record(channel.on("a")), world.record(channel)
    world.run(1)
    for event in ("a", "b", "presence_diff"):
        world.link.receive("1", None, "room:a", event, {"event": event})
    assert named.values == [{"event": "a"}]
    assert [message.event for message in everything.values] == ["a", "b", "presence_diff"]
    assert named.values[0] is everything.values[0].payload  # shared, decoded once


def test_a_payload_that_is_no_json_is_reported_and_the_next_one_arrives(world: World) -> None:
    socket = world.socket()
    named, errors = world.record(socket.channel("room:a").on("a")), world.record(socket.errors)
    world.run(1)
    world.link.receive_raw(b'["1",null,"room:a","a","\xff"]')
    world.link.receive_raw(b'["1",null,"room:a","a","fine"]')
    assert named.values == ["fine"]
    assert [(fault.topic, fault.event, type(fault.error)) for fault in errors.values] == [
        ("room:a", "a", MalformedFrame)
    ]


def test_joined_replays_the_join_in_force(world: World) -> None:
    world.answers("phx_join", "ok", {"hello": 1})
    channel = world.socket().channel("room:a")
    first = world.record(channel.joined)
    world.run(1)
    late = world.record(channel.joined)
    assert [joined.reply for joined in late.values] == [{"hello": 1}]
    world.link.receive("1", "1", "room:a", "phx_error", {})
    during = world.record(channel.joined)
    assert during.events == []
    world.run(3)
    assert [joined.rejoin for joined in during.values] == [True]
    assert [joined.rejoin for joined in first.values] == [False, True]


def test_the_hook_sees_each_payload_before_dispatch_and_only_for_its_handle(world: World) -> None:
    seen: list[tuple[str, Any]] = []

    def hook(event: str, payload: Any) -> Any:
        seen.append((event, payload))
        return {"wrapped": payload}

    socket = world.socket()
    hooked, plain = socket.channel("room:a", on_message=hook), socket.channel("room:a")
    messages, named, others = world.record(hooked), world.record(hooked.on("a")), world.record(plain.on("a"))
    world.run(1)
    world.link.receive("1", None, "room:a", "a", 1)
    assert messages.values == [Message("1", None, "room:a", "a", {"wrapped": 1})]
    assert named.values == [{"wrapped": 1}]
    assert others.values == [1]
    assert seen == [("a", 1), ("a", 1)]


def test_a_hook_that_raises_is_reported_and_the_message_is_skipped_for_its_handle(world: World) -> None:
    def hook(event: str, payload: Any) -> Any:
        return 1 / payload

    socket = world.socket()
    errors = world.record(socket.errors)
    hooked = world.record(socket.channel("room:a", on_message=hook).on("a"))
    plain = world.record(socket.channel("room:a").on("a"))
    world.run(1)
    world.link.receive("1", None, "room:a", "a", 0)
    world.link.receive("1", None, "room:a", "a", 2)
    assert hooked.values == [0.5]
    assert plain.values == [0, 2]
    assert [type(fault.error) for fault in errors.values] == [ZeroDivisionError]


def test_the_state_of_a_channel_is_passive_and_completes_with_the_socket(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    states = world.record(channel.state)
    world.run(1)
    assert world.attempts == []
    socket.close()
    world.run(2)
    assert states.timeline == [(0, "closed"), (1, "|")]
    late = world.record(channel.state)
    world.run(3)
    assert late.timeline == [(2, "closed"), (2, "|")]
    assert channel.state.value == "closed"


def test_closing_the_socket_completes_the_streams_of_its_channels(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    recorders: list[Recorder] = [world.record(channel), world.record(channel.on("a")), world.record(channel.joined)]
    world.run(1)
    socket.close()
    world.run(2)
    assert [recorder.timeline[-1] for recorder in recorders] == [(1, "|")] * 3
    assert world.sent[-1] == (1, "1 2 room:a phx_leave")


def test_hold_is_a_lease_without_any_observer(world: World) -> None:
    channel = world.socket().channel("room:a")
    hold = channel.hold()
    world.run(1)
    assert channel.state.value == "joined"
    hold.dispose()
    hold.dispose()
    world.run(2)
    assert world.sent == [(0.1, "1 1 room:a phx_join"), (1, "1 2 room:a phx_leave")]


def test_a_hold_that_fails_with_nobody_waiting_is_reported(world: World) -> None:
    world.answers("phx_join", "error", {"reason": "no"})
    socket = world.socket()
    errors = world.record(socket.errors)
    socket.channel("room:a").hold()
    world.run(1)
    assert [type(fault.error) for fault in errors.values] == [JoinRefused]


async def enter(channel: Channel) -> Any:
    """Wait for the reply of a join, in a real loop."""
    async with channel.hold() as reply:
        return reply


async def test_hold_waits_for_the_reply_and_raises_a_refusal() -> None:
    async with (
        PhoenixServer(conformance_application()) as server,
        Socket(server.url + "/socket") as socket,
    ):
        assert await enter(socket.channel("room:a", {"x": 1})) == {"topic": "room:a", "params": {"x": 1}}
        with pytest.raises(JoinRefused):
            await enter(socket.channel("room:b", {"deny": True}))
        channel = socket.channel("room:slow", {"slow_join": 60_000})
        hold = channel.hold()
        socket.close()
        with pytest.raises(ChannelClosed):
            await hold.__aenter__()


def test_a_lease_needs_a_loop_and_says_so_at_the_call() -> None:
    socket = Socket("ws://localhost:1/socket")
    channel = socket.channel("room:a")
    for call in (
        channel.subscribe,
        channel.hold,
        channel.on("a").subscribe,
        channel.push("a").subscribe,
        socket.connect,
        socket.opened().subscribe,
        lambda: socket.scheduler,
    ):
        with pytest.raises(NoEventLoop, match=r"asyncio\.run"):
            call()
    assert socket.state.value == "closed"
    assert socket.channels == ()
    assert channel.state.value == "closed"


async def test_a_hold_that_is_disposed_or_cancelled_while_somebody_waits_lets_go() -> None:
    async with (
        PhoenixServer(conformance_application()) as server,
        Socket(server.url + "/socket") as socket,
    ):
        channel = socket.channel("room:slow", {"slow_join": 60_000})
        hold = channel.hold()
        waiting = [asyncio.ensure_future(hold.__aenter__()) for _ in range(2)]
        await channel.state.pipe(ops.filter(lambda state: state == "joining"), ops.first())
        await asyncio.sleep(0)
        hold.dispose()
        for task in waiting:
            with pytest.raises(ChannelClosed):
                await task
        other = asyncio.ensure_future(enter(channel))
        await asyncio.sleep(0)
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other
        await channel.state.pipe(ops.filter(lambda state: state == "closed"), ops.first())


def test_leaving_on_a_closed_socket_says_so(world: World) -> None:
    socket = world.socket()
    socket.close()
    left = world.record(socket.channel("room:a").leave())
    world.run(1)
    assert left.timeline == [(0, SocketClosed)]


def test_a_crash_whose_payload_is_no_json_is_a_crash_all_the_same(world: World) -> None:
    socket = world.socket()
    errors = world.record(socket.errors)
    world.record(socket.channel("room:a"))
    world.run(1)
    world.link.receive_raw(b'["1","1","room:a","phx_error","\xff"]')
    world.link.receive_raw(b'[null,"99","room:a","phx_reply","\xff"]')
    assert [type(fault.error) for fault in errors.values] == [ChannelCrashed]
    world.run(3)
    assert socket.channel("room:a").state.value == "joined"

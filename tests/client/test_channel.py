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
    Fault,
    JoinRefused,
    MalformedFrame,
    NoEventLoop,
    Reply,
    Socket,
    SocketClosed,
)
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from rxphoenix.testing import VirtualPhoenix, VirtualTopic, World
from tests.legends import FRAMES, STATES, said

pytestmark = pytest.mark.marbles(frame=0.1)


def test_a_channel_hides_no_operator_of_rx() -> None:
    added = {name for name in vars(Channel) if not name.startswith("_")}
    assert added.isdisjoint(dir(Observable))


def test_equal_handles_are_interchangeable(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    socket.channel("room:a", {"x": 1}).hold()
    marbles.run(until="1s")
    other = socket.channel("room:a", {"x": 1})
    assert (other.state.value, other.topic, repr(other)) == ("joined", "room:a", "<Channel 'room:a' joined>")
    assert [channel.topic for channel in socket.channels] == ["room:a"]


@pytest.mark.parametrize("event", ["phx_reply", "phx_close", "phx_anything", ""])
def test_on_refuses_names_of_the_protocol_at_the_call(phoenix: VirtualPhoenix, event: str):
    with pytest.raises(ValueError, match="event"):
        phoenix.socket().channel("room:a").on(event)


def test_on_emits_payloads_of_its_event_only_and_the_channel_all_messages(marbles: World, phoenix: VirtualPhoenix):
    frames = {event[-1]: said(event, {"event": event}, join_ref=1) for event in ("a", "b", "presence_diff")}
    phoenix.writes("1s abf", frames)
    channel = phoenix.socket().channel("room:a")
    named = marbles.expect(channel.on("a")).to_be("1s a", {"a": {"event": "a"}})
    everything = marbles.expect(channel).to_be("1s abf", frames)
    marbles.run(until="2s")
    assert named.values[0] is everything.values[0].payload  # shared, decoded once


def test_a_payload_that_is_no_json_is_reported_and_the_next_one_arrives(marbles: World, phoenix: VirtualPhoenix):
    phoenix.writes("1s xf", {"x": b'["1",null,"room:a","a","\xff"]', "f": b'["1",null,"room:a","a","fine"]'})
    socket = phoenix.socket()
    marbles.expect(socket.channel("room:a").on("a")).to_be("1.1s f", {"f": "fine"})
    marbles.expect(socket.errors.pipe(ops.map(place_and_kind))).to_be("1s x", {"x": ("room:a", "a", MalformedFrame)})


def place_and_kind(fault: Fault) -> tuple[str | None, str | None, type[Exception]]:
    return fault.topic, fault.event, type(fault.error)


def test_joined_replays_the_join_in_force(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    room.joins("j", values={"j": {"hello": 1}})
    room.crashes("1s x")
    joined = phoenix.socket().channel("room:a").joined.pipe(ops.map(lambda joined: (joined.reply, joined.rejoin)))
    joins = {"f": ({"hello": 1}, False), "a": ({}, True)}
    marbles.expect(joined).to_be("--f 1.8s a", joins)
    marbles.expect(joined, "900ms ^").to_be("900ms f 1.1s a", joins)
    marbles.expect(joined, "1.1s ^").to_be("2.1s a", joins)


def test_the_hook_sees_each_payload_before_dispatch_and_only_for_its_handle(marbles: World, phoenix: VirtualPhoenix):
    seen: list[tuple[str, Any]] = []

    def hook(event: str, payload: Any) -> Any:
        seen.append((event, payload))
        return {"wrapped": payload}

    phoenix.writes("1s 1", {"1": said("a", 1, join_ref=1)})
    socket = phoenix.socket()
    hooked, plain = socket.channel("room:a", on_message=hook), socket.channel("room:a")
    marbles.expect(hooked).to_be("1s m", {"m": said("a", {"wrapped": 1}, join_ref=1)})
    marbles.expect(hooked.on("a")).to_be("1s p", {"p": {"wrapped": 1}})
    marbles.expect(plain.on("a")).to_be("1s p", {"p": 1})
    marbles.run(until="2s")
    assert seen == [("a", 1), ("a", 1)]


def test_a_hook_that_raises_is_reported_and_the_message_is_skipped_for_its_handle(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.pushes("a", "1s 02", {"0": 0, "2": 2})
    socket = phoenix.socket()
    inverse = socket.channel("room:a", on_message=lambda event, payload: 1 / payload)
    marbles.expect(inverse.on("a")).to_be("1.1s h", {"h": 0.5})
    marbles.expect(socket.channel("room:a").on("a")).to_be("1s 02", {"0": 0, "2": 2})
    marbles.expect(socket.errors.pipe(ops.map(place_and_kind))).to_be("1s x", {"x": ("room:a", "a", ZeroDivisionError)})


def test_the_state_of_a_channel_is_passive_and_completes_with_the_socket(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    marbles.expect(channel.state).to_be("c 900ms |", STATES)
    marbles.expect(channel.state, "2s ^").to_be("2s (c|)", STATES)
    marbles.at("1s", socket.close)
    marbles.run(until="3s")
    assert (phoenix.attempts, channel.state.value) == ([], "closed")


def test_closing_the_socket_completes_the_streams_of_its_channels(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    for stream in (channel, channel.on("a"), channel.joined.pipe(ops.ignore_elements())):
        marbles.expect(stream).to_be("1s |")
    marbles.at("1s", socket.close)
    marbles.expect_frames(phoenix).to_be("-1 800ms l", FRAMES)


def test_hold_is_a_lease_without_any_observer(marbles: World, phoenix: VirtualPhoenix):
    channel = phoenix.socket().channel("room:a")
    hold = channel.hold()
    marbles.at("1s", hold.dispose)
    marbles.at("1s", hold.dispose)
    marbles.expect(channel.state).to_be("g-d 700ms c", STATES)
    marbles.expect_frames(phoenix).to_be("-1 800ms l", FRAMES)


def test_a_hold_that_fails_with_nobody_waiting_is_reported(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    room.joins("r", values={"r": Reply("error", {"reason": "no"})})
    socket = phoenix.socket()
    marbles.expect(socket.errors).to_be("--x", {"x": Fault("room:a", None, JoinRefused("room:a", {"reason": "no"}))})
    socket.channel("room:a").hold()


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


def test_leaving_on_a_closed_socket_says_so(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    socket.close()
    marbles.expect(socket.channel("room:a").leave()).to_be("#", error=SocketClosed())


def test_a_crash_whose_payload_is_no_json_is_a_crash_all_the_same(marbles: World, phoenix: VirtualPhoenix):
    frames = {"x": b'["1","1","room:a","phx_error","\xff"]', "r": b'[null,"99","room:a","phx_reply","\xff"]'}
    phoenix.writes("1s (xr)", frames)
    socket = phoenix.socket()
    marbles.expect(socket.errors).to_be("1s x", {"x": Fault("room:a", None, ChannelCrashed("room:a", None))})
    socket.channel("room:a").hold()
    marbles.expect(socket.channel("room:a").state).to_be("g-d 700ms e 900ms gd", STATES)

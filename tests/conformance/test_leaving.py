from __future__ import annotations

from rxphoenix import ChannelState
from tests.conformance.target import a_topic
from tests.conformance.watching import Seen
from tests.conformance.wire import OpenSocket, OpenWire, closed, only_2_0_0, reply, unmatched, welcome


async def test_leaving_ends_the_channel_for_everybody(open_socket: OpenSocket):
    """Reserved topic and events: ``phx_leave``: reply ok, then ``phx_close``; leaving succeeds."""
    channel = open_socket().channel(a_topic())
    states = Seen(channel.state)
    streams = [Seen(channel), Seen(channel.on("news")), Seen(channel.joined)]
    await states.one(lambda state: state is ChannelState.JOINED)
    await channel.leave()
    for stream in streams:
        assert await stream.end() is None
    await states.until(lambda: len(states.values) == 5)
    assert states.values == ["closed", "joining", "joined", "leaving", "closed"]


async def test_the_answer_to_a_leave_comes_before_the_end(open_wire: OpenWire):
    """Reserved topic and events: ``phx_close`` has the join's ref twice; a push afterwards matches nothing."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "1")
    wire.send("1", "2", topic, "phx_leave")
    await wire.expect(reply("1", "2", topic), closed("1", topic))
    wire.send("1", "3", topic, "phx_leave")
    wire.send("1", "4", topic, "echo")
    await wire.expect(reply("1", "3", topic), unmatched("4", topic))


async def test_what_was_never_joined_can_be_left(open_wire: OpenWire):
    """Server answers to know: leaving what is not joined is ok, whatever the topic."""
    topic = a_topic()
    wire = await open_wire()
    wire.send("5", "8", topic, "phx_leave")
    wire.send(None, "9", topic, "phx_leave")
    await wire.expect(reply("5", "8", topic), reply(None, "9", topic))


async def test_a_stale_leave_is_ignored(open_wire: OpenWire):
    """Server answers to know: a stale ``join_ref`` on a leave: no reply at all, and the channel lives on."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "5")
    wire.send("1", "6", topic, "phx_leave")
    await wire.expect_nothing_more(topic, "5")


async def test_leave_and_join_back_to_back_have_three_legal_orders(open_wire: OpenWire):
    """Server answers to know: leave and join sent back to back is a race with three legal orders."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "8")
    wire.send("8", "9", topic, "phx_leave")
    wire.send("10", "10", topic, "phx_join")
    left, over, joined = reply("8", "9", topic), closed("8", topic), welcome("10", "10", topic)
    await wire.expect_one_of([joined, over], [left, over, joined], [joined, left, over])
    await wire.expect_nothing_more(topic, "10")


async def test_a_channel_can_be_joined_again_while_it_is_being_left(open_socket: OpenSocket):
    """Server answers to know: leave and join back to back; the late end of the old join does not touch the new one."""
    socket = open_socket()
    channel = socket.channel(a_topic())
    with socket.connect():
        for _ in range(10):
            await Seen(channel.joined).first(1)
            left = Seen(channel.leave())
            joins = Seen(channel.joined)
            assert [joined.rejoin for joined in await joins.first(1)] == [False]
            await left.end()
            assert await channel.push("echo", {"still": "here"}) == {"still": "here"}
            assert not joins.has_ended
            joins.stop()


async def test_a_channel_can_be_joined_again_after_it_was_left(open_socket: OpenSocket):
    """Timers and states: after a leave the topic is free."""
    topic = a_topic()
    socket = open_socket()
    with socket.connect():
        for number in range(3):
            channel = socket.channel(topic, {"number": number})
            async with channel.hold() as answer:
                assert answer["params"] == {"number": number}
                await channel.leave()
            assert channel.state.value is ChannelState.CLOSED


@only_2_0_0
async def test_the_last_one_to_go_leaves(open_socket: OpenSocket):
    """Reserved topic and events: ``phx_leave`` once nobody subscribes any more, and not before."""
    socket = open_socket()
    channel = socket.channel(a_topic())
    frames = Seen(socket.messages)
    with socket.connect():
        first, last = Seen(channel.joined), Seen(channel.on("news"))
        await first.first(1)
        first.stop()
        assert await channel.push("echo", {"still": "here"}) == {"still": "here"}
        assert [message.event for message in frames.values] == ["phx_reply", "phx_reply"]
        last.stop()
        await frames.one(lambda message: message.event == "phx_close")


@only_2_0_0
async def test_a_join_that_nobody_wants_any_more_is_left(open_socket: OpenSocket):
    """Timers and states: ``phx_leave`` is sent whenever connected, while joining too."""
    socket = open_socket()
    topic = a_topic()
    frames = Seen(socket.messages)
    with socket.connect():
        await socket.opened()
        joins = Seen(socket.channel(topic, {"slow_join": 100}).joined)
        joins.stop()
        over = await frames.one(lambda message: message.event == "phx_close")
        assert over.topic == topic
        assert joins.values == []


@only_2_0_0
async def test_closing_the_socket_leaves_all_channels(open_socket: OpenSocket):
    """Timers and states: what was joined is left before the connection ends; nothing of it stays."""
    socket = open_socket()
    streams = [Seen(socket.channel(a_topic())) for _ in range(3)]
    for channel in socket.channels:
        await Seen(channel.joined).first(1)
    socket.close()
    await socket.wait_closed()
    assert [await stream.end() for stream in streams] == [None] * 3

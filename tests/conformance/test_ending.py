from __future__ import annotations

import pytest

from rxphoenix import ChannelCrashed, ChannelState, PushInterrupted, TakenOver
from tests.conformance.target import Target, a_topic
from tests.conformance.watching import Seen
from tests.conformance.wire import (
    Dialect,
    OpenSocket,
    OpenWire,
    Recorder,
    closed,
    is_crash,
    reply,
    unmatched,
    welcome,
)

# -- crashes: the client joins again -----------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["crash", "no_such_event"])
async def test_a_crashed_channel_is_joined_again(open_socket: OpenSocket, event: str):
    """Reserved topic and events: ``phx_error``: rejoin; a push that crashed its channel has no other answer."""
    socket = open_socket()
    channel = socket.channel(a_topic())
    states, errors, joins = Seen(channel.state), Seen(socket.errors), Seen(channel.joined)
    await joins.first(1)
    with pytest.raises(PushInterrupted) as interrupted:
        await channel.push(event)
    assert interrupted.value.sent
    assert isinstance(interrupted.value.__cause__, ChannelCrashed)
    assert [joined.rejoin for joined in await joins.first(2)] == [False, True]
    assert states.values == ["closed", "joining", "joined", "errored", "joining", "joined"]
    assert [type(fault.error) for fault in errors.values] == [ChannelCrashed]
    assert await channel.push("echo", {"still": "here"}) == {"still": "here"}


async def test_a_crash_shows_the_ref_of_the_join(open_wire: OpenWire):
    """Reserved topic and events: ``phx_error``: refs as for close; nothing else answers the push."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "1")
    wire.send("1", "2", topic, "crash")
    assert is_crash(await wire.read(), "1", topic, wire.dialect)
    wire.send("1", "3", topic, "echo")
    await wire.expect(unmatched("3", topic))
    await wire.join(topic, "4")
    await wire.expect_nothing_more(topic, "4")


async def test_a_channel_may_reply_and_then_stop_for_a_bad_reason(open_wire: OpenWire):
    """Reserved topic and events: stopped with an abnormal reason: the reply first, then ``phx_error``."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "4")
    wire.send("4", "5", topic, "stop_error")
    await wire.expect(reply("4", "5", topic))
    assert is_crash(await wire.read(), "4", topic, wire.dialect)


async def test_a_channel_that_stopped_for_a_bad_reason_is_joined_again(open_socket: OpenSocket):
    """Reserved topic and events: ``phx_error``: rejoin; the reply that came before counts."""
    channel = open_socket().channel(a_topic())
    joins = Seen(channel.joined)
    await joins.first(1)
    assert await channel.push("stop_error") == {}
    assert [joined.rejoin for joined in await joins.first(2)] == [False, True]


async def test_a_channel_that_crashes_by_itself_is_joined_again(open_socket: OpenSocket):
    """Reserved topic and events: ``phx_error`` at any time; params are evaluated anew for every (re)join."""
    crashes = iter([20, 10])
    channel = open_socket().channel(a_topic(), lambda: {"crash_after_ms": next(crashes, None)})
    joins = Seen(channel.joined)
    seen = await joins.first(3)
    assert [joined.reply["params"]["crash_after_ms"] for joined in seen] == [20, 10, None]
    assert [joined.rejoin for joined in seen] == [False, True, True]


async def test_a_crash_harms_no_other_channel(open_socket: OpenSocket):
    """Reserved topic and events: ``phx_error`` is about one channel."""
    socket = open_socket()
    crashing, other = socket.channel(a_topic()), socket.channel(a_topic())
    joins, others = Seen(crashing.joined), Seen(other.joined)
    await others.first(1)
    crashing.push("crash").subscribe(on_error=lambda error: None)
    await joins.first(2)
    assert await other.push("echo", {"un": "harmed"}) == {"un": "harmed"}
    assert [joined.rejoin for joined in others.values] == [False]


async def test_a_crash_harms_nobody_else_on_the_topic(open_socket: OpenSocket):
    """Reserved topic and events: each client has a channel process of its own."""
    topic = a_topic()
    crashing, other = open_socket().channel(topic), open_socket().channel(topic)
    joins, others = Seen(crashing.joined), Seen(other.joined)
    await others.first(1)
    with pytest.raises(PushInterrupted):
        await crashing.push("crash")
    await joins.first(2)
    assert await other.push("echo", {"un": "harmed"}) == {"un": "harmed"}
    assert [joined.rejoin for joined in others.values] == [False]


async def test_what_waits_behind_a_crash_is_interrupted(open_socket: OpenSocket):
    """Reserved topic and events: a crashed channel answers nothing that it had not answered before."""
    channel = open_socket().channel(a_topic())
    joins = Seen(channel.joined)
    await joins.first(1)
    waiting = [Seen(channel.push(event, payload)) for event, payload in (("slow", {"ms": 30}), ("crash", {}))]
    late = Seen(channel.push("async_reply", {"ms": 5_000}))
    assert await waiting[0].first(1) == [{"ms": 30}]
    assert isinstance(await waiting[1].end(), PushInterrupted)
    assert isinstance(await late.end(), PushInterrupted)
    await joins.first(2)


async def test_all_that_is_sent_carries_the_ref_of_the_join_in_force(open_socket: OpenSocket, dialect: Dialect):
    """Messages: ``ref`` is unique per socket; every message of a channel carries the ``join_ref`` of its join."""
    recorder = Recorder(dialect)
    socket = open_socket(serializer=recorder)
    topic = a_topic()
    channel = socket.channel(topic)
    joins = Seen(channel.joined)
    await channel.push("echo")
    with pytest.raises(PushInterrupted):
        await channel.push("crash")
    await joins.first(2)
    await channel.push("echo")
    await socket.ping()
    await channel.leave()
    mine = [sent for sent in recorder.sent if sent.topic == topic]
    assert [sent.event for sent in mine] == ["phx_join", "echo", "crash", "phx_join", "echo", "phx_leave"]
    first, second = mine[0].ref, mine[3].ref
    assert [sent.join_ref for sent in mine] == [first] * 3 + [second] * 3
    refs = [sent.ref for sent in recorder.sent]
    assert None not in refs
    assert len(set(refs)) == len(refs)
    assert [sent.join_ref for sent in recorder.sent if sent.topic == "phoenix"] == [None]


# -- ends that are meant: the client does not join again ---------------------------------------------------------


@pytest.mark.parametrize("event", ["stop", "stop_shutdown"])
async def test_a_channel_that_the_server_ends_completes(open_socket: OpenSocket, event: str):
    """Reserved topic and events: ``phx_close``: no rejoin."""
    socket = open_socket()
    channel = socket.channel(a_topic())
    states, errors, everything = Seen(channel.state), Seen(socket.errors), Seen(channel)
    await states.one(lambda state: state is ChannelState.JOINED)
    assert await channel.push(event) == {}
    assert await everything.end() is None
    await states.until(lambda: len(states.values) == 4)
    assert states.values == ["closed", "joining", "joined", "closed"]
    assert errors.values == []


@pytest.mark.parametrize("event", ["stop", "stop_shutdown"])
async def test_an_end_that_is_meant_shows_the_ref_of_the_join(open_wire: OpenWire, event: str):
    """Reserved topic and events: ``phx_close``: ``join_ref`` and ``ref`` are both the join's ref; the reply first."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "1")
    wire.send("1", "2", topic, event)
    await wire.expect(reply("1", "2", topic), closed("1", topic))
    wire.send("1", "3", topic, "echo")
    await wire.expect(unmatched("3", topic))


async def test_a_channel_may_end_without_a_reply(open_wire: OpenWire):
    """Reserved topic and events: ``phx_close`` alone, and the same refs may be used for a new join."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "1")
    wire.send("1", "2", topic, "stop_noreply")
    await wire.expect(closed("1", topic))
    await wire.join(topic, "1")


async def test_a_push_that_ends_its_channel_without_a_reply_is_interrupted(open_socket: OpenSocket):
    """Reserved topic and events: ``phx_close``: what waits for a reply gets none."""
    channel = open_socket().channel(a_topic())
    everything = Seen(channel)
    await Seen(channel.joined).first(1)
    with pytest.raises(PushInterrupted):
        await channel.push("stop_noreply")
    assert await everything.end() is None


async def test_a_channel_may_end_by_itself(open_socket: OpenSocket):
    """Reserved topic and events: ``phx_close`` at any time."""
    joins = Seen(open_socket().channel(a_topic(), {"stop_after_ms": 20}).joined)
    assert await joins.end() is None
    assert [joined.rejoin for joined in joins.values] == [False]


async def test_a_channel_that_ended_can_be_joined_again(open_socket: OpenSocket):
    """Timers and states: closed, and open to the next subscription."""
    socket = open_socket()
    channel = socket.channel(a_topic())
    with socket.connect():
        for _ in range(3):
            joins = Seen(channel.joined)
            await joins.first(1)
            await channel.push("stop")
            assert await joins.end() is None


# -- taking a topic over -----------------------------------------------------------------------------------------


async def test_a_second_join_takes_the_topic_over(open_wire: OpenWire):
    """Server answers to know: the second join is answered first, then the first gets ``phx_close`` with its refs."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "1")
    wire.send("2", "2", topic, "phx_join", {"second": True})
    await wire.expect(welcome("2", "2", topic, {"second": True}), closed("1", topic))
    wire.send("1", "3", topic, "echo", {"of": "the first"})
    await wire.expect_nothing_more(topic, "2")


async def test_a_refused_second_join_closes_the_first_too(open_wire: OpenWire):
    """Server answers to know: a refused second closes the first too."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "2")
    wire.send("5", "5", topic, "phx_join", {"deny": True})
    await wire.expect(reply("5", "5", topic, {"reason": "denied"}, "error"), closed("2", topic))
    wire.send("2", "6", topic, "echo")
    await wire.expect(unmatched("6", topic))


async def test_a_subscription_with_other_params_takes_the_topic_over(open_socket: OpenSocket):
    """Timers and states: joining a topic that another holds: the older one closes; its late end is not the newer's."""
    socket = open_socket()
    topic = a_topic()
    frames = Seen(socket.messages)
    older = Seen(socket.channel(topic, {"n": 1}).joined)
    await older.first(1)
    newer = Seen(socket.channel(topic, {"n": 2}).joined)
    assert (await newer.first(1))[0].reply["params"] == {"n": 2}
    assert isinstance(await older.end(), TakenOver)
    await frames.one(lambda message: message.event == "phx_close")
    assert await socket.channel(topic).push("echo", {"still": "here"}) == {"still": "here"}
    assert not newer.has_ended


async def test_two_sockets_join_one_topic_without_disturbing_each_other(phoenix: Target, open_socket: OpenSocket):
    """Server answers to know: a second join takes over on the same socket only."""
    topic = a_topic()
    channels = [open_socket().channel(topic, {"n": number}) for number in range(2)]
    heard = [Seen(channel.on("news")) for channel in channels]
    for channel in channels:
        await Seen(channel.joined).first(1)
    await phoenix.broadcast(topic, "news", k="v")
    for each in heard:
        assert await each.first(1) == [{"k": "v"}]

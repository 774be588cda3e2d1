from __future__ import annotations

import pytest
import reactivex

from rxphoenix import ChannelState, JoinCrashed, JoinRefused, JoinTimeout, SocketState
from tests.conformance.target import Target, a_name, a_topic
from tests.conformance.watching import Seen
from tests.conformance.wire import (
    UNMATCHED,
    Dialect,
    OpenSocket,
    OpenWire,
    Recorder,
    is_crash,
    only_2_0_0,
    pushed,
    reply,
    unmatched,
    welcome,
)

FULL = {"reason": "too many channels joined"}


async def test_an_accepted_join_is_answered_by_the_channel(open_socket: OpenSocket):
    """Reserved topic and events: ``phx_join`` carries the join params; reply ok: joined."""
    topic, params = a_topic(), {"hello": "wörld 🎉", "list": [1, 2.5, None]}
    channel = open_socket().channel(topic, params)
    states = Seen(channel.state)
    async with channel.hold() as answer:
        assert answer == {"topic": topic, "params": params}
    await states.until(lambda: len(states.values) == 4)
    assert states.values == ["closed", "joining", "joined", "closed"]


async def test_a_join_shows_once_on_the_wire(open_wire: OpenWire):
    """Messages: a reply has the request's two refs; a join's are equal."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "1", {"a": {"b": []}})
    await wire.expect_nothing_more(topic, "1")


async def test_an_exact_topic_is_joined_and_nothing_like_it(open_wire: OpenWire):
    """Server answers to know: unknown topic."""
    wire = await open_wire()
    await wire.join("exact", "8")
    wire.send("9", "9", "exactly", "phx_join")
    await wire.expect(unmatched("9", "exactly"))


async def test_a_refused_join_says_why(open_socket: OpenSocket):
    """Reserved topic and events: reply error: refused. The socket stays open."""
    socket = open_socket()
    with socket.connect():
        with pytest.raises(JoinRefused) as refused:
            async with socket.channel(a_topic(), {"deny": True}).hold():
                pass
        assert refused.value.response == {"reason": "denied"}
        assert not refused.value.rejoin
        assert await socket.channel(a_topic()).push("echo", {"still": "here"}) == {"still": "here"}


async def test_a_refused_join_leaves_nothing_behind(open_wire: OpenWire):
    """Server answers to know: after a refusal the topic is not joined, and may be joined again."""
    topic = a_topic()
    wire = await open_wire()
    wire.send("1", "1", topic, "phx_join", {"deny": True})
    await wire.expect(reply("1", "1", topic, {"reason": "denied"}, "error"))
    wire.send("1", "2", topic, "echo")
    await wire.expect(unmatched("2", topic))
    await wire.join(topic, "3")


async def test_a_refused_join_is_tried_again_where_that_is_wanted(open_socket: OpenSocket):
    """Timers and states: join refused: rejoin by the backoff while connected, params evaluated anew."""
    refusals = iter([True, True])
    channel = open_socket(retry_refused=lambda attempt, error: 0.01).channel(
        a_topic(), lambda: {"deny": next(refusals, False)}
    )
    joins = Seen(channel.joined)
    (joined,) = await joins.first(1)
    assert (joined.attempt, joined.rejoin) == (3, False)


async def test_a_push_is_refused_with_its_join(open_socket: OpenSocket):
    """Timers and states: a push made before the channel is joined waits for the join, and shares its fate."""
    with pytest.raises(JoinRefused):
        await open_socket().channel(a_topic(), {"deny": True}).push("echo", {"never": "sent"})


async def test_a_topic_that_no_channel_takes_is_refused(open_socket: OpenSocket):
    """Server answers to know: unknown topic: reply error ``unmatched topic``."""
    with pytest.raises(JoinRefused) as refused:
        async with open_socket().channel(f"nope:{a_name()}").hold():
            pass
    assert refused.value.response == UNMATCHED


async def test_the_answer_to_an_unknown_topic_has_no_join_ref(open_wire: OpenWire):
    """Server answers to know: unknown topic: with a null ``join_ref``."""
    topic = f"nope:{a_name()}"
    wire = await open_wire()
    wire.send("5", "5", topic, "phx_join")
    wire.send("5", "6", topic, "echo")
    await wire.expect(unmatched("5", topic), unmatched("6", topic))


async def test_a_crashed_join_is_tried_again(open_socket: OpenSocket):
    """Server answers to know: join process crashed; params are evaluated anew for every (re)join."""
    topic = a_topic()
    crashes = iter([True, True])
    socket = open_socket()
    errors = Seen(socket.errors)
    async with socket.channel(topic, lambda: {"crash_join": next(crashes, False)}).hold() as answer:
        assert answer == {"topic": topic, "params": {"crash_join": False}}
    assert [type(fault.error) for fault in errors.values] == [JoinCrashed, JoinCrashed]


async def test_a_crashed_join_is_answered_with_an_error(open_wire: OpenWire):
    """Server answers to know: join process crashed: reply error ``join crashed``."""
    topic = a_topic()
    wire = await open_wire()
    wire.send("4", "4", topic, "phx_join", {"crash_join": True})
    await wire.expect(reply("4", "4", topic, {"reason": "join crashed"}, "error"))
    await wire.join(topic, "5")


async def test_what_is_pushed_right_after_a_join_comes_after_its_answer(open_wire: OpenWire):
    """Messages: a push has ``ref`` null and the channel's ``join_ref``; the join is answered before it."""
    topic, params = a_topic(), {"push_after_join": 3}
    wire = await open_wire()
    await wire.join(topic, "1", params)
    await wire.expect(*(pushed("1", topic, "tick", {"i": number}) for number in range(3)))


async def test_a_subscriber_misses_nothing_that_is_pushed_right_after_its_join(open_socket: OpenSocket):
    """Messages: pushes from the server, from the first one on."""
    ticks = Seen(open_socket().channel(a_topic(), {"push_after_join": 5}).on("tick"))
    assert await ticks.first(5) == [{"i": number} for number in range(5)]


@pytest.mark.parametrize(("params", "shown"), [(None, "nil"), ([1], "[1]")])
async def test_join_params_may_be_any_json(open_wire: OpenWire, params: object, shown: str):
    """Reserved topic and events: the payload of ``phx_join`` is the application's."""
    topic = a_topic()
    wire = await open_wire()
    wire.send("6", "6", topic, "phx_join", params)
    await wire.expect(welcome("6", "6", topic, {"raw": shown}))


async def test_a_join_whose_refs_differ_is_known_by_its_join_ref(open_wire: OpenWire):
    """Messages: a join's ``join_ref`` equals its ``ref``; where it does not, each is used for what it is."""
    topic = a_topic()
    wire = await open_wire()
    wire.send("4", "5", topic, "phx_join")
    await wire.expect(welcome("4", "5", topic))
    await wire.expect_nothing_more(topic, "4")


async def test_a_join_may_have_no_join_ref(open_wire: OpenWire):
    """Messages: ``join_ref`` may be null."""
    topic = a_topic()
    wire = await open_wire()
    wire.send(None, "3", topic, "phx_join")
    await wire.expect(welcome(None, "3", topic))


async def test_refs_that_are_numbers_come_back_as_numbers(phoenix: Target):
    """Messages: refs are the client's; a number is not its string, and so stale."""
    topic = a_topic()
    async with phoenix.websocket() as raw:
        await raw.send(2, 2, topic, "phx_join", {})
        assert await raw.receive() == [
            2, 2, topic, "phx_reply", {"status": "ok", "response": {"topic": topic, "params": {}}},
        ]  # fmt: skip
        await raw.send("2", "3", topic, "echo", {"number": "no"})
        await raw.send(2, "4", topic, "echo", {"number": "yes"})
        assert await raw.receive() == [
            2, "4", topic, "phx_reply", {"status": "ok", "response": {"number": "yes"}},
        ]  # fmt: skip


@pytest.mark.parametrize("name", ["ü", "日本語", "🎉 party", "a/b?c=d&e#f", "%2F", '"quoted"\\', " "])
async def test_a_topic_may_be_any_text(open_socket: OpenSocket, name: str):
    """Messages: a topic is any string."""
    topic = a_topic(name)
    channel = open_socket().channel(topic)
    async with channel.hold() as answer:
        assert answer["topic"] == topic
        heard = Seen(channel.on("broadcast"))
        await channel.push("broadcast", {"to": topic})
        assert await heard.first(1) == [{"to": topic}]


async def test_a_slow_join_blocks_the_whole_socket(open_wire: OpenWire):
    """Server answers to know: a slow join blocks the whole socket, heartbeats included."""
    topic, params = a_topic(), {"slow_join": 150}
    wire = await open_wire()
    wire.send("1", "1", topic, "phx_join", params)
    wire.send("1", "2", topic, "echo", {"q": 1})
    wire.send(None, "3", "phoenix", "heartbeat")
    beat, echo = reply(None, "3", "phoenix"), reply("1", "2", topic, {"q": 1})
    await wire.expect(welcome("1", "1", topic, params))
    await wire.expect_one_of([beat, echo], [echo, beat])


async def test_joins_are_answered_one_after_the_other(open_wire: OpenWire):
    """Server answers to know: a slow join blocks the joins behind it too."""
    slow, quick = a_topic(), a_topic()
    wire = await open_wire()
    wire.send("1", "1", slow, "phx_join", {"slow_join": 100})
    wire.send("2", "2", quick, "phx_join")
    await wire.expect(welcome("1", "1", slow, {"slow_join": 100}), welcome("2", "2", quick))


@only_2_0_0
async def test_a_join_that_takes_too_long_is_left_and_tried_again(open_socket: OpenSocket, dialect: Dialect):
    """Timers and states: on a join timeout ``phx_leave`` is sent first, so that a late join does not linger."""
    delays = iter([200])
    recorder = Recorder(dialect)
    socket = open_socket(serializer=recorder)
    channel = socket.channel(a_topic(), lambda: {"slow_join": next(delays, None)}, join_timeout=0.05)
    errors, frames, joins = Seen(socket.errors), Seen(socket.messages), Seen(channel.joined)
    (joined,) = await joins.first(1)
    assert joined.reply["params"] == {"slow_join": None}
    assert {type(fault.error) for fault in errors.values} == {JoinTimeout}
    late = await frames.one(lambda message: message.event == "phx_close")
    assert late.join_ref == frames.values[0].join_ref
    first, second = recorder.sent[:2]
    assert (first.event, second.event, second.join_ref) == ("phx_join", "phx_leave", first.ref)
    assert await channel.push("echo", {"still": "here"}) == {"still": "here"}


async def test_a_push_waits_for_a_slow_join(open_socket: OpenSocket):
    """Timers and states: a push made before the channel is joined is held and sent when the join succeeds."""
    channel = open_socket().channel(a_topic(), {"slow_join": 100})
    assert await channel.push("echo", {"early": True}) == {"early": True}


async def test_a_socket_carries_many_channels(open_socket: OpenSocket):
    """Messages: everything of a message is known by its topic; a hundred channels fit on one connection."""
    socket = open_socket()
    channels = [socket.channel(a_topic(), {"number": number}) for number in range(100)]
    joins = [Seen(channel.joined) for channel in channels]
    for number, each in enumerate(joins):
        (joined,) = await each.first(1)
        assert joined.reply == {"topic": channels[number].topic, "params": {"number": number}}
    answers = Seen(reactivex.merge(*(channel.push("echo", {"topic": channel.topic}) for channel in channels)))
    answered = {answer["topic"] for answer in await answers.first(100)}
    assert answered == {channel.topic for channel in channels}


@only_2_0_0
async def test_one_channel_too_many_is_refused(open_socket: OpenSocket):
    """Server answers to know: too many channels on one connection; ``/short`` allows three."""
    socket = open_socket("/short")
    channels = [socket.channel(a_topic()) for _ in range(3)]
    holds = [Seen(channel.joined) for channel in channels]
    for hold in holds:
        await hold.first(1)
    with pytest.raises(JoinRefused) as refused:
        async with socket.channel(a_topic()).hold():
            pass
    assert refused.value.response == FULL
    assert [channel.state.value for channel in channels] == [ChannelState.JOINED] * 3
    await channels[0].leave()
    async with socket.channel(a_topic()).hold():
        assert socket.state.value is SocketState.OPEN


async def test_a_channel_too_many_shows_its_refs_in_the_refusal(open_wire: OpenWire):
    """Server answers to know: too many channels: a refusal like another."""
    wire = await open_wire("/short")
    for number in range(3):
        await wire.join(a_topic(), str(number))
    topic = a_topic()
    wire.send("4", "4", topic, "phx_join")
    await wire.expect(reply("4", "4", topic, FULL, "error"))


async def test_a_crashed_channel_frees_its_place_at_once(open_wire: OpenWire):
    """Timers and states: a newcomer may take the place of a crashed channel, and the rejoin is then refused."""
    wire = await open_wire("/short")
    topics = [a_topic() for _ in range(3)]
    for number, topic in enumerate(topics):
        await wire.join(topic, str(number))
    wire.send("0", "10", topics[0], "crash")
    assert is_crash(await wire.read(), "0", topics[0], wire.dialect)
    await wire.join(a_topic(), "11")
    wire.send("12", "12", topics[0], "phx_join")
    await wire.expect(reply("12", "12", topics[0], FULL, "error"))

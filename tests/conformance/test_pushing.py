from __future__ import annotations

import pytest
import reactivex
from reactivex import operators as ops

from rxphoenix import (
    ChannelCrashed,
    ChannelState,
    MalformedFrame,
    PushRefused,
    PushTimeout,
    Reply,
)
from tests.conformance.target import Target, a_topic
from tests.conformance.watching import Seen
from tests.conformance.wire import OpenSocket, OpenWire, broadcast, only_2_0_0, pushed, reply, unmatched

PAYLOADS = [
    {},
    {"x": [1, 2.5, None, True, "ü"], "y": {"z": {}}},
    [1, 2, [3]],
    [],
    "text",
    "",
    0,
    -1.5,
    2**53,
    True,
    False,
    '\\ " \n \x00 \u2028 🎉',
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
async def test_a_payload_may_be_any_json_value(open_socket: OpenSocket, payload: object):
    """Messages: a response is any JSON value."""
    answer = await open_socket().channel(a_topic()).push("echo", payload)
    assert answer == payload
    assert type(answer) is type(payload)


async def test_a_payload_may_be_null(open_wire: OpenWire):
    """Messages: a payload is any JSON value, null too."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic)
    wire.send("1", "2", topic, "echo", None)
    await wire.expect(reply("1", "2", topic, None))


async def test_an_error_reply_refuses_the_push(open_socket: OpenSocket):
    """Messages: the status ``error``, with a response."""
    channel = open_socket().channel(a_topic())
    async with channel.hold():
        with pytest.raises(PushRefused) as refused:
            await channel.push("fail", {"why": "no"})
        assert (refused.value.status, refused.value.response) == ("error", {"why": "no"})
        assert await channel.request("fail", {"why": "no"}) == Reply("error", {"why": "no"})


@pytest.mark.parametrize(
    ("word", "status"), [("ok", "ok"), ("error", "error"), ("busy", "busy"), ("true", True), ("nil", None)]
)
async def test_a_status_may_be_any_word(open_socket: OpenSocket, word: str, status: str | bool | None):
    """Server answers to know: reply statuses can be any word, even null or true."""
    answer = await open_socket().channel(a_topic()).request("status", {"status": word})
    assert answer == Reply(status, {})


async def test_a_bare_ok_has_an_empty_response(open_socket: OpenSocket):
    """Messages: a reply without a response has an empty one."""
    assert await open_socket().channel(a_topic()).push("bare_ok") == {}


async def test_a_handler_may_answer_nothing(open_socket: OpenSocket):
    """Timers and states: a push times out that nobody answers; the channel does not mind."""
    socket = open_socket()
    channel = socket.channel(a_topic())
    async with channel.hold():
        messages = Seen(socket.messages)
        assert await channel.push("noreply", reply=False) is None
        with pytest.raises(PushTimeout) as timeout:
            await channel.push("noreply", timeout=0.02)
        assert timeout.value.sent
        assert await channel.push("echo", {"and": "now"}) == {"and": "now"}
        assert [message.payload["response"] for message in messages.values] == [{"and": "now"}]


async def test_replies_may_come_out_of_order(open_socket: OpenSocket):
    """Server answers to know: a reply is known by its ref, not by its place."""
    channel = open_socket().channel(a_topic())
    async with channel.hold():
        late, soon = channel.push("async_reply", {"ms": 300}), channel.push("async_reply", {"ms": 10})
        answers = Seen(reactivex.merge(late, soon))
        assert await answers.first(2) == [{"ms": 10}, {"ms": 300}]


async def test_a_reply_has_the_ref_of_its_request(open_wire: OpenWire):
    """Messages: a reply has the request's ``ref`` and ``join_ref``, however late it comes."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "3")
    wire.send("3", "10", topic, "async_reply", {"ms": 300})
    wire.send("3", "11", topic, "async_reply", {"ms": 10})
    await wire.expect(reply("3", "11", topic, {"ms": 10}))
    wire.send("3", "12", topic, "fail", {"why": "no"})
    await wire.expect(reply("3", "12", topic, {"why": "no"}, "error"), reply("3", "10", topic, {"ms": 300}))


async def test_a_slow_handler_blocks_its_channel_and_no_other(open_socket: OpenSocket):
    """Server answers to know: a slow handler blocks only its channel, and what is behind it there."""
    socket = open_socket()
    slow, quick = socket.channel(a_topic()), socket.channel(a_topic())
    async with slow.hold(), quick.hold():
        pushes = [
            slow.push("slow", {"ms": 300}),
            slow.push("echo", {"is": "behind"}),
            quick.push("echo", {"is": "elsewhere"}),
            socket.ping().pipe(ops.map(lambda _: {"is": "a ping"})),
        ]
        answers = Seen(reactivex.merge(*pushes))
        seen = await answers.first(4)
        assert seen[2:] == [{"ms": 300}, {"is": "behind"}]


async def test_pushes_of_a_handler_come_before_its_reply(open_wire: OpenWire):
    """Messages: what a handler pushes and then replies comes in that order."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "3")
    wire.send("3", "21", topic, "push_me", {"n": 3})
    await wire.expect(
        *(pushed("3", topic, "tick", {"i": number}) for number in range(3)), reply("3", "21", topic, {"n": 3})
    )


async def test_a_channel_may_push_long_after_a_reply(open_wire: OpenWire):
    """Messages: pushes come whenever the channel likes."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "3")
    wire.send("3", "22", topic, "push_later", {"n": 2, "ms": 20})
    await wire.expect(
        reply("3", "22", topic), pushed("3", topic, "tick", {"i": 0}), pushed("3", topic, "tick", {"i": 1})
    )


async def test_observers_of_one_event_see_it_in_order(open_socket: OpenSocket):
    """Messages: frames of one channel keep their order."""
    channel = open_socket().channel(a_topic())
    ticks, everything = Seen(channel.on("tick")), Seen(channel)
    assert await channel.push("push_me", {"n": 100}) == {"n": 100}
    assert ticks.values == [{"i": number} for number in range(100)]
    assert [(message.event, message.payload) for message in everything.values] == [
        ("tick", {"i": number}) for number in range(100)
    ]
    ticks.stop()
    everything.stop()


async def test_many_pushes_are_answered_in_their_order(open_socket: OpenSocket):
    """Messages: ``ref`` is unique per socket; a channel handles its messages in order."""
    channel = open_socket().channel(a_topic())
    async with channel.hold():
        answers = Seen(reactivex.merge(*(channel.push("echo", {"n": number}) for number in range(200))))
        assert await answers.first(200) == [{"n": number} for number in range(200)]


async def test_a_stale_join_ref_is_ignored(open_wire: OpenWire):
    """Server answers to know: a stale ``join_ref`` on a push: no reply at all."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "3")
    wire.send("99", "16", topic, "echo", {"a": 1})
    await wire.expect_nothing_more(topic, "3")


async def test_a_push_without_a_join_ref_runs_or_is_ignored(open_wire: OpenWire):
    """Server answers to know: servers 1.8.3 to 1.8.11 ignore a push without a ``join_ref``; others run it."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "3")
    wire.send(None, "15", topic, "echo", {"a": 1})
    wire.send("3", "16", topic, "echo", {"a": 2})
    last = reply("3", "16", topic, {"a": 2})
    await wire.expect_one_of([reply("3", "15", topic, {"a": 1}), last], [last])


async def test_a_push_without_a_ref_is_answered_without_one(open_wire: OpenWire):
    """Messages: ``ref`` may be null, and is then null in the reply."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "3")
    wire.send("3", None, topic, "echo", {"a": 1})
    await wire.expect(reply("3", None, topic, {"a": 1}))


async def test_a_push_to_a_topic_that_is_not_joined_matches_nothing(open_wire: OpenWire):
    """Server answers to know: a push to a topic that is not joined: ``unmatched topic``, with a null ``join_ref``."""
    topic = a_topic()
    wire = await open_wire()
    wire.send("5", "6", topic, "echo")
    await wire.expect(unmatched("6", topic))


async def test_a_sixth_element_is_tolerated(phoenix: Target):
    """Messages: an array of five; the server reads no further."""
    topic = a_topic()
    async with phoenix.websocket() as raw:
        await raw.send("3", "3", topic, "phx_join", {})
        await raw.receive()
        await raw.send("3", "23", topic, "echo", {}, "extra")
        assert await raw.receive() == ["3", "23", topic, "phx_reply", {"status": "ok", "response": {}}]


@pytest.mark.parametrize("event", ["phx_reply", "phx_error", "phx_close", "phx_join", "phx_leave", "chan_reply_1"])
async def test_a_channel_may_push_under_names_of_the_protocol(open_wire: OpenWire, event: str):
    """Reserved topic and events: the names are reserved by custom only; such a push has no ref."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic, "3")
    wire.send("3", "30", topic, "push_named", {"event": event, "payload": {"by": "name"}})
    await wire.expect(pushed("3", topic, event, {"by": "name"}), reply("3", "30", topic))


@pytest.mark.parametrize("event", ["phx_reply", "phx_join", "phx_leave"])
async def test_the_client_reports_a_stray_protocol_event_and_goes_on(open_socket: OpenSocket, event: str):
    """Reserved topic and events: what no server sends by itself is not the application's either."""
    socket = open_socket()
    channel = socket.channel(a_topic())
    errors, everything = Seen(socket.errors), Seen(channel)
    await channel.push("push_named", {"event": event})
    assert await channel.push("echo", {"still": "here"}) == {"still": "here"}
    assert [type(fault.error) for fault in errors.values] == [MalformedFrame]
    assert everything.values == []
    everything.stop()


@only_2_0_0
async def test_the_client_takes_a_pushed_phx_error_for_a_crash(open_socket: OpenSocket):
    """Reserved topic and events: ``phx_error`` with the current ``join_ref``: rejoin, which takes over."""
    socket = open_socket()
    channel = socket.channel(a_topic())
    errors, joins = Seen(socket.errors), Seen(channel.joined)
    await joins.first(1)
    channel.push("push_named", {"event": "phx_error"}, reply=False).subscribe()
    assert [joined.rejoin for joined in await joins.first(2)] == [False, True]
    assert [type(fault.error) for fault in errors.values] == [ChannelCrashed]
    assert await channel.push("echo", {"still": "here"}) == {"still": "here"}
    joins.stop()


async def test_the_client_takes_a_pushed_phx_close_for_the_end(open_socket: OpenSocket):
    """Reserved topic and events: ``phx_close`` with the current ``join_ref``: the end, no rejoin."""
    channel = open_socket().channel(a_topic())
    joins = Seen(channel.joined)
    await joins.first(1)
    channel.push("push_named", {"event": "phx_close"}, reply=False).subscribe()
    assert await joins.end() is None
    assert channel.state.value is ChannelState.CLOSED


async def test_an_event_named_like_the_official_clients_own_is_the_applications(open_socket: OpenSocket):
    """Reserved topic and events: nothing but ``phx_*`` is reserved."""
    channel = open_socket().channel(a_topic())
    heard = Seen(channel.on("chan_reply_1"))
    await channel.push("push_named", {"event": "chan_reply_1", "payload": {"mine": True}})
    assert heard.values == [{"mine": True}]
    heard.stop()


@pytest.mark.parametrize("size", [100, 1_000_000])
async def test_a_response_may_be_big(open_socket: OpenSocket, size: int):
    """Messages: nothing but a server's own limits bounds a text frame."""
    answer = await open_socket().channel(a_topic()).push("big", {"size": size})
    assert answer == {"data": "x" * size}


async def test_a_payload_may_be_big(open_socket: OpenSocket):
    """Messages: nothing but a server's own limits bounds a text frame."""
    payload = {"text": "ü🎉" * 50_000}
    assert await open_socket().channel(a_topic()).push("echo", payload) == payload


async def test_a_broadcast_in_a_handler_may_come_before_or_after_its_reply(open_wire: OpenWire):
    """Server answers to know: nothing is promised between a reply and a broadcast."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic)
    wire.send("1", "2", topic, "broadcast", {"m": 1})
    answer, message = reply("1", "2", topic), broadcast(topic, "broadcast", {"m": 1})
    await wire.expect_one_of([answer, message], [message, answer])

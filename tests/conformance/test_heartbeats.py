from __future__ import annotations

import pytest

from rxphoenix import HeartbeatTimeout, SocketState
from rxphoenix.server import PhoenixServer
from tests.conformance.target import Target, a_topic
from tests.conformance.watching import Seen
from tests.conformance.wire import OpenSocket, OpenWire, only_2_0_0, only_websocket, reply, unmatched

NEEDS_NONE = "long polling needs no heartbeats"


async def test_a_ping_measures_a_round_trip(open_socket: OpenSocket):
    """Reserved topic and events: a heartbeat, and its reply."""
    socket = open_socket()
    with socket.connect():
        await socket.opened()
        assert await socket.ping() > 0


@only_websocket(NEEDS_NONE)
async def test_heartbeats_go_on_by_themselves(open_socket: OpenSocket):
    """Reserved topic and events: a heartbeat every interval, the next one after the answer."""
    socket = open_socket(heartbeat_interval=0.02)
    latencies = Seen(socket.latency)
    answers = Seen(socket.messages)
    with socket.connect():
        await latencies.first(3)
    assert all(message.topic == "phoenix" and message.event == "phx_reply" for message in answers.values)
    refs = [message.ref for message in answers.values]
    assert len(set(refs)) == len(refs)


async def test_the_answer_to_a_heartbeat_has_its_ref_and_no_join_ref(open_wire: OpenWire):
    """Reserved topic and events: ``[null, ref, "phoenix", "heartbeat", {}]`` and its reply; a ref may be null."""
    wire = await open_wire()
    wire.send(None, "7", "phoenix", "heartbeat")
    wire.send(None, None, "phoenix", "heartbeat")
    await wire.expect(reply(None, "7", "phoenix"), reply(None, None, "phoenix"))


async def test_a_heartbeat_in_a_row_of_others_is_answered_in_order(open_wire: OpenWire):
    """Reserved topic and events: heartbeats are the socket's own, and answered in order."""
    wire = await open_wire()
    refs = [str(number) for number in range(20)]
    for ref in refs:
        wire.send(None, ref, "phoenix", "heartbeat")
    await wire.expect(*(reply(None, ref, "phoenix") for ref in refs))


async def test_another_event_of_the_reserved_topic_matches_nothing(open_wire: OpenWire):
    """Reserved topic and events: the topic ``phoenix`` knows heartbeats only."""
    wire = await open_wire()
    wire.send(None, "2", "phoenix", "ping")
    await wire.expect(unmatched("2", "phoenix"))


async def test_a_ref_comes_back_as_it_was_sent(phoenix: Target):
    """Messages: a reply has the request's ``ref``; the server does not insist that it be a string."""
    async with phoenix.websocket() as raw:
        await raw.send(None, 7, "phoenix", "heartbeat", {})
        assert await raw.receive() == [None, 7, "phoenix", "phx_reply", {"status": "ok", "response": {}}]


@only_websocket(NEEDS_NONE)
@only_2_0_0
async def test_heartbeats_keep_a_socket_open(open_socket: OpenSocket):
    """Connecting: a server closes a socket whose client sent nothing for a while; hence heartbeats."""
    socket = open_socket("/short", heartbeat_interval=0.4)
    errors = Seen(socket.errors)
    latencies = Seen(socket.latency)
    with socket.connect():
        await latencies.first(6)  # 2 s, and the socket would be closed after 1.5 s
        assert socket.state.value is SocketState.OPEN
    assert errors.values == []


@only_websocket(NEEDS_NONE)
@pytest.mark.embedded
@only_2_0_0
async def test_a_link_that_answers_no_heartbeat_is_dead(breakable: PhoenixServer, open_socket: OpenSocket):
    """Reserved topic and events: no reply by the next beat: close at once and reconnect."""
    socket = open_socket(url=breakable.url, heartbeat_interval=0.1)
    topic = a_topic()
    errors = Seen(socket.errors)
    joins = Seen(socket.channel(topic).joined)
    await joins.first(1)
    breakable.swallow_frames()
    await errors.one(lambda fault: isinstance(fault.error, HeartbeatTimeout))
    breakable.deliver_frames()
    assert [joined.rejoin for joined in await joins.first(2)] == [False, True]
    joins.stop()


@only_2_0_0
async def test_a_heartbeat_is_answered_while_a_channel_is_busy(open_wire: OpenWire):
    """Server answers to know: a slow handler blocks its channel only."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic)
    wire.send("1", "2", topic, "slow", {"ms": 300})
    wire.send(None, "3", "phoenix", "heartbeat")
    await wire.expect(reply(None, "3", "phoenix"), reply("1", "2", topic, {"ms": 300}))

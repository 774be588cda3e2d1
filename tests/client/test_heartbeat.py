"""Telling a dead link from a silent one; exact instants, and clocks that jump."""

from __future__ import annotations

import pytest

from rxphoenix import (
    ConnectionLost,
    Fault,
    Frame,
    HeartbeatTimeout,
    JoinTimeout,
    Message,
    NotConnected,
    PushInterrupted,
    Reply,
)
from rxphoenix.testing import VirtualPhoenix, VirtualTopic, World
from tests.legends import FRAMES, STATES, push, replied

pytestmark = pytest.mark.marbles(frame=0.1)

BEATS = {str(ref): Message(None, str(ref), "phoenix", "heartbeat", {}) for ref in range(1, 4)}
LATENCY = {"r": pytest.approx(0.1)}


def test_a_beat_goes_out_one_interval_after_the_answer_to_the_last_one(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket(heartbeat_interval=30)
    marbles.expect(socket.latency).to_be("30.2s r 30s r 30s r", LATENCY)
    marbles.expect_frames(phoenix).to_be("30.1s 1 30s 2 30s 3", BEATS, heartbeats=True)
    marbles.at("100s", socket.connect().dispose)


def test_no_answer_by_the_next_beat_means_that_the_link_is_dead(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.replies("ask", "")
    phoenix.hangs("1s x")
    socket = phoenix.socket(heartbeat_interval=30)
    channel = socket.channel("room:a")
    interrupted = PushInterrupted("room:a", "ask", cause=HeartbeatTimeout(30))
    ask = marbles.expect(channel.push("ask", timeout=1000)).to_be("60.1s #", error=interrupted)
    marbles.expect(channel).to_be("")
    marbles.expect(socket.errors).to_be("60.1s x", {"x": Fault(None, None, HeartbeatTimeout(30))})
    marbles.expect(socket.state).to_be("(n 100ms o 60s c 10ms n 100ms o)", STATES)
    marbles.expect_frames(phoenix).to_be("-1a 59.91s 4", {**FRAMES, "a": push(1, 2, "ask")})
    marbles.run(until="61s")
    assert isinstance(ask.error.__cause__, HeartbeatTimeout)
    assert phoenix.attempts[0].asked_to_close == (60_100_000, 1000, "heartbeat timeout")
    assert channel.state.value == "joined"


def test_the_deadline_can_be_shorter_than_the_interval(marbles: World, phoenix: VirtualPhoenix):
    phoenix.hangs("1s x")
    socket = phoenix.socket(heartbeat_interval=30, heartbeat_timeout=5)
    marbles.expect(socket.errors).to_be("35.1s x", {"x": Fault(None, None, HeartbeatTimeout(5))})
    socket.connect()


def test_no_interval_no_heartbeats(marbles: World, phoenix: VirtualPhoenix):
    phoenix.socket(heartbeat_interval=None).connect()
    marbles.run(until="1000s")
    assert phoenix.sent == []


def test_no_deadline_fires_before_that_of_an_outstanding_join(marbles: World, phoenix: VirtualPhoenix):
    phoenix.hangs("10s x")
    socket = phoenix.socket(heartbeat_interval=10, heartbeat_timeout=5)
    faults = {
        "h": Fault(None, None, HeartbeatTimeout(5)),
        "j": Fault("room:a", None, JoinTimeout("room:a", 20)),
    }
    marbles.expect(socket.errors, "^ 32s !").to_be("32s (jh)", faults)
    marbles.observe(socket.channel("room:a", join_timeout=20), "12s ^")
    socket.connect()


def test_a_slow_join_that_is_answered_in_time_saves_the_link(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.joins("15s j")  # the server works on what waited, in order: on the beat after the join
    socket = phoenix.socket(heartbeat_interval=10, heartbeat_timeout=5)
    marbles.expect(socket.errors).to_be("")
    marbles.expect(socket.channel("room:a", join_timeout=20), "10s ^ 24s !").to_be("")
    marbles.expect(socket.latency, "^ 34s !").to_be("25.1s r", {"r": pytest.approx(15)})
    marbles.expect(socket.state).to_be("no 33.9s (ac)", STATES)
    marbles.at("34.1s", socket.connect().dispose)


def test_ping_measures_a_round_trip_and_needs_an_open_connection(marbles: World, phoenix: VirtualPhoenix):
    phoenix.hangs("2.5s x")
    phoenix.drops("3.5s x")
    socket = phoenix.socket()
    marbles.expect(socket.ping()).to_be("#", error=NotConnected("ping()"))
    marbles.expect(socket.state).to_be("(c 1s n 100ms o 2.4s c 10ms n 100ms o)", STATES)
    marbles.at("1s", socket.connect)
    marbles.expect(socket.ping(), "2s ^").to_be("2.1s (r|)", LATENCY)
    marbles.expect(socket.ping(), "3s ^").to_be("3.5s #", error=ConnectionLost())
    marbles.expect(socket.ping(), "3s (^!)").to_be("")


@pytest.mark.parametrize(("what", "dead"), [("suspend", "35.1s x"), ("block", "75s x")])
def test_after_a_sleep_or_a_blocked_loop_the_next_beat_has_a_deadline_of_five_seconds(
    marbles: World, phoenix: VirtualPhoenix, what: str, dead: str
):
    phoenix.hangs("1s x")
    socket = phoenix.socket(heartbeat_interval=30, heartbeat_timeout=20)
    # the deadline came after 5 s, the clocks agree since: the verdict is believed
    marbles.expect(socket.errors).to_be(dead, {"x": Fault(None, None, HeartbeatTimeout(20))})
    marbles.at("10s", lambda: getattr(marbles, what)(60))
    socket.connect()


@pytest.mark.parametrize(
    ("what", "beats", "answer", "dead"),
    [("suspend", "30.1s 1 19.9s 2", "52s r", "55.1s x"), ("block", "30.1s 1 69.8s 2", "102s r", "105s x")],
)
@pytest.mark.parametrize("answers", [True, False])
def test_a_deadline_that_passed_while_asleep_gets_one_more_beat_before_it_is_believed(
    marbles: World, phoenix: VirtualPhoenix, what: str, beats: str, answer: str, dead: str, answers: bool
):
    phoenix.hangs("1s x")
    if answers:
        phoenix.writes(answer, {"r": replied(None, 2, Reply("ok", {}), "phoenix")})
    socket = phoenix.socket(heartbeat_interval=30, heartbeat_timeout=20)
    faults = {"x": Fault(None, None, HeartbeatTimeout(20))}
    marbles.expect(socket.errors, "^ 109.8s !").to_be("" if answers else dead, faults)
    marbles.expect_frames(phoenix).to_be(beats, BEATS, heartbeats=True)
    marbles.at("40s", lambda: getattr(marbles, what)(60))
    marbles.at("75s" if what == "suspend" else "110s", socket.connect().dispose)


# Transports with a say of their own.


def test_a_transport_that_notices_a_dead_link_by_itself_needs_no_heartbeat(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket(transport=phoenix.longpoll, heartbeat_interval=30)
    marbles.expect(socket.state).to_be("no", STATES)
    socket.connect()
    marbles.run(until="1000s")
    assert phoenix.sent == []


def test_a_transport_can_send_a_heartbeat_of_its_own_with_a_ref_that_nobody_else_has(
    marbles: World, phoenix: VirtualPhoenix
):
    socket = phoenix.socket()
    marbles.expect(socket.messages, "^ 10s !").to_be("")
    socket.connect()
    marbles.run(until="1s")
    ping = phoenix.attempts[0].request.ping()
    assert ping.frame == Frame(b'[null,"1","phoenix","heartbeat",{}]')
    assert phoenix.attempts[0].request.ping().frame == Frame(b'[null,"2","phoenix","heartbeat",{}]')
    answers = {
        b'[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]': True,
        b'[null,"2","phoenix","phx_reply",{"status":"ok","response":{}}]': False,
        b'[null,"1","phoenix","heartbeat",{}]': False,
        b"nonsense": False,
    }
    assert {frame: ping.is_answer(Frame(frame)) for frame in answers} == answers

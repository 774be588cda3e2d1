"""Single connections to the virtual Phoenix: what was asked for, how it ended, and what a test does to it."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import (
    ConnectionLost,
    Fault,
    Frame,
    JSONSerializerV1,
    MalformedFrame,
    Message,
    Payload,
    PushInterrupted,
    Reply,
    TakenOver,
)
from rxphoenix.testing import VirtualChannel, World

STATES = {"c": "closed", "n": "connecting", "o": "open", "g": "closing"}
CHANNEL = {"c": "closed", "i": "joining", "j": "joined", "l": "leaving"}
JOIN = {"j": "phx_join", "l": "phx_leave"}


def soon(attempt: int, error: Exception) -> float:
    return 0.005


def test_an_attempt_tells_what_was_asked_for_and_how_it_ended(marbles: World):
    phoenix = marbles.phoenix(opens_after=0.001, closes_after=0.002)
    socket = phoenix.socket(params={"user": "ann"}, auth_token="sesame", headers={"x-a": "b"})
    marbles.at("1ms", socket.connect)
    marbles.at("4ms", lambda: socket.disconnect(3001, "bye"))
    marbles.run(until="3ms")
    (connection,) = phoenix.attempts
    assert (connection.instant, connection.is_open, connection.is_over) == (1_000, True, False)
    assert (connection.params, connection.auth_token, connection.headers) == ({"user": "ann"}, "sesame", {"x-a": "b"})
    assert connection.request.address.url("websocket") == "ws://phoenix.test/socket/websocket?user=ann&vsn=2.0.0"
    assert connection.asked_to_close is None
    marbles.run(until="7ms")
    assert connection.asked_to_close == (4_000, 3001, "bye")
    assert (connection.ended, connection.is_open, connection.is_over) == (6_000, False, True)


def test_one_connection_of_several_can_be_dropped_or_fall_silent(marbles: World):
    phoenix = marbles.phoenix()
    rooms = [phoenix.socket(reconnect_after=soon).channel("room:1") for _ in range(3)]
    for room, seen in zip(rooms, ("--a 9ms b", "--a 9ms b", "--a"), strict=True):
        marbles.expect(room.on("m"), "^ 20ms !").to_be(seen)
    phoenix.topic("room:1").broadcasts("m", "--a 9ms b")
    marbles.at("3ms", lambda: phoenix.attempts[1].drop(1012))
    marbles.at("4ms", lambda: phoenix.attempts[2].hang())
    marbles.expect(rooms[1].state, "-^ 20ms !").to_be("-j-e----(ij) 9ms c", {**CHANNEL, "e": "errored"})


def test_an_attempt_that_is_not_open_yet_can_be_refused_by_hand(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.connects("", "")
    socket = phoenix.socket(reconnect_after=soon)
    marbles.at("2ms", lambda: phoenix.attempts[0].drop(503))
    marbles.at("9ms", lambda: phoenix.attempts[1].drop())
    marbles.at("9ms", lambda: phoenix.attempts[1].drop(1012))  # it is over already
    marbles.expect(socket.state).to_be("n-c----n-c----(no)", STATES)
    socket.connect()


# -- latency -----------------------------------------------------------------------------------------------------------


def test_what_a_client_sends_may_be_on_its_way_for_a_time(marbles: World):
    phoenix = marbles.phoenix(latency=0.002)
    socket = phoenix.socket(heartbeat_interval=0.01)
    channel = socket.channel("room:1")
    marbles.expect(socket.latency, "^ 20ms !").to_be("12ms r", {"r": pytest.approx(0.002)})
    marbles.expect(channel.push("hi"), "^").to_be("----(r|)", {"r": {}})
    marbles.expect(channel.state, "^ 20ms !").to_be("i-j--------l-c", CHANNEL)
    marbles.at("11ms", lambda: channel.leave().subscribe())
    hold, lease = channel.hold(), socket.connect()
    marbles.at("20ms", lease.dispose)
    marbles.at("20ms", hold.dispose)
    marbles.expect_frames(phoenix).to_be("j-p--------l", {**JOIN, "p": "hi"})


def test_what_was_sent_before_a_close_gets_to_the_server(marbles: World):
    phoenix = marbles.phoenix(latency=0.002)
    said: list[Any] = []

    def say(channel: VirtualChannel, payload: Payload) -> Reply | None:
        said.append((marbles.now, payload))
        channel.push("heard", payload)
        return Reply("ok")

    phoenix.topic("room:1").handle("say", say)
    socket = phoenix.socket()
    channel = socket.channel("room:1")
    marbles.expect(channel, "^").to_be("----|")
    marbles.expect(channel.push("say", 1, reply=False), "---^").to_be("---(d|)", {"d": None})
    marbles.at("4ms", socket.close)
    marbles.expect(socket.state).to_be("(no)(gc|)", STATES)
    marbles.run(until="9ms")
    assert said == [(0.005, 1)]


def test_a_client_may_be_left_waiting_for_its_close(marbles: World):
    phoenix = marbles.phoenix(closes_after=None)
    socket = phoenix.socket()
    socket.connect()
    marbles.at("1s", socket.close)
    marbles.expect(socket.wait_closed()).to_be("2.5s (d|)", {"d": None})  # its own patience


# -- frames as they are ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("serializer", [None, JSONSerializerV1()])
def test_frames_come_as_they_are(marbles: World, serializer: Any):
    phoenix = marbles.phoenix()
    frames = {
        "a": Message("7", "9", "room:1", "stale", {"n": 1}),
        "b": Message(None, None, "room:1", "news", [1]),
        "x": b"nonsense",
        "y": Frame(b"\x00", binary=True),
    }
    phoenix.writes("-a-b-x-y", frames)
    socket = phoenix.socket() if serializer is None else phoenix.socket(serializer=serializer)
    socket.connect()
    join_ref, ref = ("7", "9") if serializer is None else (None, "9")
    seen = {"a": Message(join_ref, ref, "room:1", "stale", {"n": 1}), "b": frames["b"]}
    marbles.expect(socket.messages, "^---------!").to_be("-a-b", seen)
    unreadable = socket.errors.pipe(ops.filter(lambda fault: fault.topic is None))
    kinds = unreadable.pipe(ops.map(lambda fault: type(fault.error)))
    marbles.expect(kinds, "^---------!").to_be("-----x-x", {"x": MalformedFrame})


def test_a_silent_connection_still_carries_what_is_written_on_it(marbles: World):
    phoenix = marbles.phoenix()
    socket = phoenix.socket()
    socket.connect()
    phoenix.hangs("-x")
    phoenix.writes("--a", {"a": Message(None, None, "room:1", "news", {})})
    marbles.expect(socket.messages, "^---!").to_be("--a", {"a": Message(None, None, "room:1", "news", {})})


def test_faults_are_drawn_by_what_they_are(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.drops("--x", {"x": 1012})
    socket = phoenix.socket(reconnect_after=soon)
    socket.connect()
    marbles.expect(socket.errors).to_be("--x", {"x": Fault(None, None, ConnectionLost(code=1012))})


# -- all at one instant ------------------------------------------------------------------------------------------------


def test_a_push_that_a_takeover_overtakes_is_nobodys(marbles: World):
    phoenix = marbles.phoenix()
    socket = phoenix.socket()
    error = TakenOver("room:1")
    marbles.expect(socket.channel("room:1", {"v": 1})).to_be("--#", error=error)
    marbles.expect(socket.channel("room:1").push("hi"), "--^").to_be(
        "--#", error=PushInterrupted("room:1", "hi", cause=error)
    )
    marbles.expect(socket.channel("room:1", {"v": 2}), "--^").to_be("")
    marbles.expect_frames(phoenix).to_be("j-(pj)", {**JOIN, "p": "hi"})

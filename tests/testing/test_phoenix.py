"""A real socket and a Phoenix in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import (
    ChannelCrashed,
    ConnectionLost,
    ConnectionRefused,
    ConnectTimeout,
    Fallback,
    Fault,
    HeartbeatTimeout,
    JoinCrashed,
    JoinRefused,
    JoinTimeout,
    JSONSerializerV1,
    Payload,
    PushInterrupted,
    PushRefused,
    PushTimeout,
    Reply,
    Socket,
)
from rxphoenix.testing import VirtualChannel, VirtualPhoenix, World
from rxphoenix.testing import marbles as new_world

STATES = {"c": "closed", "n": "connecting", "o": "open", "g": "closing"}
CHANNEL = {"c": "closed", "i": "joining", "j": "joined", "e": "errored", "l": "leaving"}
LOST = ConnectionLost("restart", code=1012)
SENT = {"j": "phx_join", "l": "phx_leave", "h": "heartbeat"}


def soon(attempt: int, error: Exception) -> float:
    return 0.005


def faults(socket: Socket) -> Any:
    return socket.errors.pipe(ops.map(kind_of))


def kind_of(fault: Fault) -> type[Exception]:
    return type(fault.error)


# -- connecting --------------------------------------------------------------------------------------------------------


def test_what_nobody_drew_goes_well_at_once(marbles: World):
    phoenix = marbles.phoenix()
    socket = phoenix.socket()
    channel = socket.channel("room:1")
    marbles.expect(socket.state, "^--------!").to_be("c---(nogc)", STATES)
    marbles.expect(channel.push("new_msg", {"n": 1}), "----^").to_be("----(a|)", {"a": {}})
    marbles.expect_frames(phoenix).to_be("----(jpl)", {**SENT, "p": ("room:1", "new_msg", {"n": 1})})


def test_everything_may_take_its_time(marbles: World):
    phoenix = marbles.phoenix(opens_after=0.002, joins_after=0.003, replies_after=0.004, closes_after=0.001)
    socket = phoenix.socket()
    marbles.expect(socket.state).to_be("(cn 2ms o 7ms g 1ms c)", STATES)
    marbles.expect(socket.channel("room:1").push("hi")).to_be("---------(a|)", {"a": {}})
    marbles.expect_frames(phoenix).to_be("--j--p---l", {**SENT, "p": "hi"})


def test_what_takes_its_time_can_change_and_be_nothing_else_than_seconds(marbles: World):
    phoenix = marbles.phoenix()
    channel = phoenix.socket().channel("room:1")
    marbles.expect(channel).to_be("")
    marbles.expect(channel.push("hi"), "-^").to_be("-(a|)", {"a": {}})
    marbles.expect(channel.push("hi"), "---^").to_be("--------(a|)", {"a": {}})
    marbles.run(until="2ms")
    phoenix.latency, phoenix.replies_after = 0.002, 0.003
    for name, value, error in (
        ("latency", "10ms", TypeError),
        ("opens_after", -1, ValueError),
        ("joins_after", None, TypeError),
    ):
        with pytest.raises(error, match=f"{name} must be a number of seconds, not {value!r}"):
            marbles.phoenix(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected seconds as a whole number of microseconds"):
        phoenix.closes_after = 1e-7


def test_attempts_go_as_drawn(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.connects("--#", "-x", "--o---#", "o-|", values={"x": ConnectionRefused("full", status=503)})
    socket = phoenix.socket(reconnect_after=soon)
    marbles.at(0, socket.connect)
    marbles.expect(socket.state, "^ 50ms !").to_be("(cn 2ms c)----nc----n-o---c----(no 2ms c)----(no)", STATES)
    marbles.expect(socket.errors.pipe(ops.map(lambda fault: str(fault.error)))).to_be(
        "--a-----b----------c------d",
        {
            "a": "the server said no",
            "b": "HTTP 503: full",
            "c": "connection lost",
            "d": "connection closed by the server with code 1000",
        },
    )


def test_how_an_attempt_goes_may_be_said_until_time_passes(marbles: World):
    phoenix = marbles.phoenix()
    socket = phoenix.socket(reconnect_after=soon)
    socket.connect()
    phoenix.connects("--#")
    marbles.expect(socket.state).to_be("n-c----(no)", STATES)


def test_statuses_and_close_codes_are_numbers(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.connects("-s", "o--k", values={"s": 503, "k": 4000})
    phoenix.drops("10ms r--x", {"r": 1012})
    socket = phoenix.socket(reconnect_after=lambda attempt, error: 0.001)
    marbles.at(0, socket.connect)
    marbles.expect(socket.errors.pipe(ops.map(lambda fault: str(fault.error)))).to_be(
        "-s---k----r--x",
        {
            "s": "HTTP 503",
            "k": "connection closed by the server with code 4000",
            "r": "connection closed by the server with code 1012",
            "x": "connection lost",
        },
    )


def test_what_means_nothing_is_refused(marbles: World):
    phoenix = marbles.phoenix()
    with pytest.raises(ValueError, match="'y' means nothing here"):
        phoenix.connects("--y")
    with pytest.raises(ValueError, match="'x' means nothing here"):
        phoenix.drops("--x", {"x": "1012"})  # pyright: ignore[reportArgumentType]


def test_an_attempt_may_never_be_answered(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.connects("")
    socket = phoenix.socket(connect_timeout=0.01, reconnect_after=soon)
    marbles.expect(socket.opened()).to_be("10ms #", error=ConnectTimeout(0.01))


def test_a_link_that_drops_interrupts_and_comes_back(marbles: World):
    phoenix = marbles.phoenix(replies_after=0.01)
    phoenix.drops("---x", {"x": LOST})
    socket = phoenix.socket(reconnect_after=soon)
    room = socket.channel("room:1")
    marbles.expect(room.joined.pipe(ops.map(lambda joined: joined.rejoin)), "^ 10ms !").to_be(
        "f-------t", {"f": False, "t": True}
    )
    marbles.expect(room.push("hi"), "-^").to_be("---#", error=PushInterrupted("room:1", "hi", cause=LOST))


@pytest.mark.marbles(horizon=1.0)
def test_heartbeats_are_answered_until_the_link_hangs(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.hangs("45s x")
    socket = phoenix.socket(heartbeat_interval=30.0, heartbeat_timeout=10.0)
    marbles.at(0, socket.connect)
    marbles.expect(faults(socket), "^ 71s !").to_be("70s t", {"t": HeartbeatTimeout})
    marbles.expect_frames(phoenix).to_be("30s h 29.999s h 40.009s h 29.999s h", SENT, heartbeats=True)


def test_a_silent_client_is_closed(marbles: World):
    phoenix = marbles.phoenix(idle_timeout=1.0)
    socket = phoenix.socket(heartbeat_interval=None)
    marbles.at(0, socket.connect)
    marbles.expect(socket.errors.pipe(ops.map(code_of)), "^ 1.5s !").to_be("1s a", {"a": 1002})


def code_of(fault: Fault) -> int | None:
    assert isinstance(fault.error, ConnectionLost)
    return fault.error.code


def test_an_unknown_version_is_refused(marbles: World):
    class Version9(JSONSerializerV1):
        @property
        def vsn(self) -> str:
            return "9.0.0"

    socket = marbles.phoenix().socket(serializer=Version9())
    marbles.expect(socket.opened()).to_be(
        "#", error=ConnectionRefused("the server does not speak vsn 9.0.0", status=403)
    )


def test_serializer_1_is_spoken_too(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").handle("echo", lambda channel, payload: Reply("ok", payload))
    socket = phoenix.socket(serializer=JSONSerializerV1())
    marbles.expect(socket.channel("room:1").push("echo", {"n": 1})).to_be("(a|)", {"a": {"n": 1}})


# -- joining -----------------------------------------------------------------------------------------------------------


def test_joins_go_as_drawn(marbles: World):
    phoenix = marbles.phoenix()
    room = phoenix.topic("room:1")
    room.joins("--r", "-#", "12ms w", "--w", values={"r": Reply("error", {"reason": "full"}), "w": {"motd": "hi"}})
    channel = phoenix.socket(rejoin_after=soon, retry_refused=soon).channel("room:1", join_timeout=0.01)
    marbles.expect(channel.joined.pipe(ops.map(lambda joined: joined.reply)), "^ 60ms !").to_be(
        "30ms w", {"w": {"motd": "hi"}}
    )
    marbles.expect_frames(room).to_be("j------j-----j---------l----j 32ms l", SENT)


def test_a_refusal_is_an_error_of_the_stream(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").joins("--r", values={"r": Reply("error", {"reason": "full"})})
    marbles.expect(phoenix.socket().channel("room:1")).to_be("--#", error=JoinRefused("room:1", {"reason": "full"}))


def test_a_topic_that_is_not_served_is_refused(marbles: World):
    socket = marbles.phoenix(topics=["room:*", "lobby"]).socket()
    marbles.expect(socket.channel("room:1").joined.pipe(ops.map(lambda _: "j"))).to_be("j")
    marbles.expect(socket.channel("lobby").joined.pipe(ops.map(lambda _: "j"))).to_be("j")
    marbles.expect(socket.channel("hall")).to_be("#", error=JoinRefused("hall", {"reason": "unmatched topic"}))


def test_joins_may_be_left_to_a_function(marbles: World):
    phoenix = marbles.phoenix(joins_after=0.002)
    room = phoenix.topic("room:1")

    @room.handle_join
    def join(channel: VirtualChannel, params: Payload) -> Reply | None:
        return None if params == {"password": "sesame"} else Reply("error", {"reason": "password"})

    joined = phoenix.socket().channel("room:1", {"password": "sesame"}).joined
    marbles.expect(joined.pipe(ops.map(lambda _: "j"))).to_be("--j")
    marbles.expect(phoenix.socket().channel("room:1", {"password": "x"})).to_be(
        "--#", error=JoinRefused("room:1", {"reason": "password"})
    )


def test_faults_of_a_channel_are_told_and_mended(marbles: World):
    phoenix = marbles.phoenix()
    room = phoenix.topic("room:1")
    room.joins("#", "12ms j", "j")
    room.crashes("30ms x")
    socket = phoenix.socket(rejoin_after=soon)
    channel = socket.channel("room:1", join_timeout=0.01)
    marbles.expect(channel, "^ 40ms !").to_be("-")
    marbles.expect(faults(socket)).to_be("a 14ms b 14ms c", {"a": JoinCrashed, "b": JoinTimeout, "c": ChannelCrashed})


def test_the_server_may_end_a_channel(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").closes("---x")
    marbles.expect(phoenix.socket().channel("room:1")).to_be("---|")


# -- pushing -----------------------------------------------------------------------------------------------------------


def test_pushes_are_answered_as_drawn(marbles: World):
    phoenix = marbles.phoenix()
    room = phoenix.topic("room:1")
    room.replies("hi", "-----a", "--b", "-c", "-#", "", values={"a": 1, "b": 2, "c": Reply("error", {"reason": "no"})})
    channel = phoenix.socket(rejoin_after=soon).channel("room:1")
    marbles.expect(channel, "^ 60ms !").to_be("-")
    marbles.expect(channel.push("hi"), "-^").to_be("------(a|)", {"a": 1})  # a slow one keeps no other waiting
    marbles.expect(channel.push("hi"), "--^").to_be("----(b|)", {"b": 2})
    marbles.expect(channel.push("hi"), "10ms ^").to_be(
        "11ms #", error=PushRefused("room:1", "hi", "error", {"reason": "no"})
    )
    marbles.expect(channel.push("hi"), "20ms ^").to_be(
        "21ms #", error=PushInterrupted("room:1", "hi", cause=ChannelCrashed("room:1", {}))
    )
    marbles.expect(channel.push("hi", timeout=0.01), "30ms ^").to_be(
        "40ms #", error=PushTimeout("room:1", "hi", 0.01, sent=True)
    )
    marbles.expect(channel.push("hi"), "50ms ^").to_be("50ms (d|)", {"d": {}})


def test_handlers_see_the_channel_and_the_payload(marbles: World):
    phoenix = marbles.phoenix(replies_after=0.001)
    room = phoenix.topic("room:1")
    seen: list[Any] = []

    def say(channel: VirtualChannel, payload: Payload) -> Reply | None:
        seen.append((channel.topic, channel.params, payload))
        channel.broadcast("new_msg", payload)
        channel.push("seen", {})
        return None

    room.handle("say", say)
    room.handle("boom", lambda channel, _payload: channel.crash())
    room.handle("bye", lambda channel, _payload: channel.close())
    socket = phoenix.socket(rejoin_after=soon)
    channel = socket.channel("room:1", {"name": "ann"})
    events = channel.pipe(ops.map(lambda message: message.event))
    marbles.expect(events).to_be("--(ns) 24ms |", {"n": "new_msg", "s": "seen"})
    marbles.expect(channel.push("say", b"\x01", reply=False), "--^").to_be("--(a|)", {"a": None})
    marbles.expect(channel.push("boom"), "10ms ^").to_be(
        "10ms #", error=PushInterrupted("room:1", "boom", cause=ChannelCrashed("room:1", {}))
    )
    marbles.expect(channel.push("bye"), "30ms ^").to_be("30ms #", error=PushInterrupted("room:1", "bye"))
    marbles.run(until="31ms")
    assert seen == [("room:1", {"name": "ann"}, b"\x01")]


def test_what_a_handler_raises_the_test_raises():
    def broken(channel: VirtualChannel, payload: Payload) -> Reply | None:
        raise ZeroDivisionError

    def program(m: World) -> None:
        phoenix = m.phoenix()
        phoenix.topic("room:1").handle("hi", broken)
        m.expect(phoenix.socket().channel("room:1").push("hi")).to_be("-")

    with pytest.raises(ZeroDivisionError), new_world() as m:
        program(m)


# -- what the server says ----------------------------------------------------------------------------------------------


def test_pushes_broadcasts_and_greetings(marbles: World):
    phoenix = marbles.phoenix()
    room = phoenix.topic("room:1")
    room.greets("presence_state", "-s", {"s": {"ann": {"metas": []}}})
    room.pushes("m", "a--b", {"a": 1, "b": 2})
    room.broadcasts("m", "--c---d")
    channel = phoenix.socket().channel("room:1")
    marbles.expect(channel.on("m"), "-^---!").to_be("--cb", {"b": 2})
    marbles.expect(channel.on("presence_state"), "-^---!").to_be("--s", {"s": {"ann": {"metas": []}}})


def test_two_clients_share_a_topic(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").handle("say", say_to_all)
    ann, bob = (phoenix.socket().channel("room:1") for _ in range(2))
    marbles.expect(ann.on("new_msg")).to_be("--m", {"m": "hi"})
    marbles.expect(bob.on("new_msg")).to_be("--m", {"m": "hi"})
    marbles.expect(ann.push("say", "hi"), "--^").to_be("--(r|)", {"r": {}})
    marbles.run(until="3ms")
    assert [frame.connection for frame in phoenix.topic("room:1").sent] == [0, 1, 0]


def say_to_all(channel: VirtualChannel, payload: Payload) -> Reply | None:
    channel.broadcast("new_msg", payload)
    return Reply("ok", {})


def test_a_drawing_that_means_nothing_is_refused(marbles: World):
    phoenix = marbles.phoenix()
    with pytest.raises(ValueError, match="has no end"):
        phoenix.drops("--|")
    with pytest.raises(ValueError, match="one value or '#'"):
        phoenix.topic("room:1").joins("ab")
    with pytest.raises(ValueError, match="one value or '#'"):
        phoenix.topic("room:1").replies("hi", "a|")


# -- params and tokens -------------------------------------------------------------------------------------------------


async def sesame() -> str:
    return "sesame"


def attempts(phoenix: VirtualPhoenix) -> list[tuple[Any, ...]]:
    return [(attempt.params, attempt.auth_token, attempt.headers) for attempt in phoenix.attempts]


def test_coroutine_functions_that_wait_for_nothing_real_work(marbles: World):
    phoenix = marbles.phoenix()
    socket = phoenix.socket(auth_token=sesame, params=lambda: {"user": "ann"}, headers={"x-a": "b"})
    marbles.expect(socket.opened()).to_be("(a|)", {"a": None})
    marbles.advance(0)
    assert attempts(phoenix) == [({"user": "ann"}, "sesame", {"x-a": "b"})]


# The second way.


def test_a_second_way_has_drawings_of_its_own_and_leads_to_the_same_server():
    with new_world() as m:
        phoenix = m.phoenix()
        phoenix.connects("-#")
        phoenix.longpoll.connects("--o")
        phoenix.topic("room:a").broadcasts("news", "-----n")
        socket = phoenix.socket(transport=Fallback(phoenix, phoenix.longpoll, after=0.005))
        m.expect(socket.channel("room:a").on("news"), "^-----!").to_be("-----n")
        m.run(until="9ms")
        assert [(attempt.transport, attempt.instant) for attempt in phoenix.attempts] == [
            ("websocket", 0), ("longpoll", 1_000),
        ]  # fmt: skip


def test_over_long_polling_there_are_no_heartbeats_and_silence_is_not_minded():
    with new_world() as m:
        phoenix = m.phoenix(idle_timeout=1)
        socket = phoenix.socket(transport=phoenix.longpoll, heartbeat_interval=0.5)
        socket.connect()
        m.run(until="100s")
        assert str(socket.state.value) == "open"
        assert phoenix.sent == []


def test_what_means_nothing_in_a_drawing_of_the_second_way_is_refused_too():
    with new_world() as m, pytest.raises(ValueError, match="'x' means nothing here"):
        m.phoenix().longpoll.connects("--x")

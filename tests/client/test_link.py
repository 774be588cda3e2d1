"""Keeping one connection: leases, backoff, offline; exact instants."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any

import pytest
import reactivex
from reactivex import Observable
from reactivex import operators as ops

from rxphoenix import (
    ConnectionLost,
    ConnectionRefused,
    ConnectTimeout,
    Disconnected,
    Fault,
    ProviderFailed,
    PushInterrupted,
    PushTimeout,
    ReconnectGivenUp,
    SocketClosed,
    give_up_on,
    stepped,
)
from rxphoenix.testing import VirtualPhoenix, VirtualTopic, World
from rxphoenix.transports.base import ConnectRequest, Opened, TransportEvent
from tests.legends import DONE, STATES, said

pytestmark = pytest.mark.marbles(frame=0.1)

OFFICIAL = [0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1, 2, 5, 5]
NO = ConnectionRefused("no")


def gaps(phoenix: VirtualPhoenix) -> list[float]:
    """Seconds from each attempt to the next."""
    return [(later.instant - earlier.instant) / 1_000_000 for earlier, later in pairwise(phoenix.attempts)]


def attempt_and_kind(fault: Any) -> tuple[int, type[Exception]]:
    return fault.error.attempt, type(fault.error)


def test_nothing_happens_before_the_first_lease_and_the_first_lease_connects(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    marbles.expect(socket.state).to_be("c 4.9s no", STATES)
    marbles.observe(socket.messages)
    marbles.observe(socket.errors)
    marbles.run(until="5s")
    assert phoenix.attempts == []
    socket.connect()


def test_the_last_release_disconnects_one_turn_of_the_scheduler_later(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    first, second = socket.connect(), socket.connect()
    marbles.expect(socket.state).to_be("no 1.8s (ac)", STATES)
    marbles.at("1s", first.dispose)
    marbles.at("1s", first.dispose)
    marbles.at("2s", second.dispose)
    marbles.run(until="3s")
    assert [attempt.asked_to_close for attempt in phoenix.attempts] == [(2_000_000, None, "")]


def test_a_lease_in_the_same_turn_keeps_the_connection(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    lease = socket.connect()
    marbles.at("1s", lambda: (lease.dispose(), socket.connect()))
    marbles.expect(socket.state).to_be("no", STATES)


def test_linger_keeps_the_connection_for_so_long_and_begins_anew_with_each_release(
    marbles: World, phoenix: VirtualPhoenix
):
    socket = phoenix.socket(linger=1)
    marbles.at("1s", socket.connect().dispose)
    marbles.at("1.5s", lambda: marbles.at("1.6s", socket.connect().dispose))
    marbles.expect(socket.state).to_be("no 2.4s (ac)", STATES)


def test_reconnects_with_the_delays_of_the_official_client(marbles: World, phoenix: VirtualPhoenix):
    phoenix.connects(*["#"] * 12)
    socket = phoenix.socket()
    socket.connect()
    marbles.expect(socket.state).to_be(
        "(nc 10ms nc 50ms nc 100ms nc 150ms nc 200ms nc 250ms nc 500ms nc 1s nc 2s nc 5s nc 5s nc 5s n 100ms o)", STATES
    )


def test_the_count_of_failures_resets_with_the_first_frame_and_not_at_the_handshake(
    marbles: World, phoenix: VirtualPhoenix
):
    phoenix.drops("--x 1.2s x 2.2s x")  # nothing was heard before the second, and something before the third
    phoenix.writes("3.7s m", {"m": said("y", topic="x")})
    socket = phoenix.socket(reconnect_after=stepped(1, 2, 3))
    socket.connect()
    marbles.expect(socket.state).to_be(
        "(n 100ms o 100ms c 1s n 100ms o 200ms c 2s n 100ms o 200ms c 1s n 100ms o)", STATES
    )


def test_the_count_of_failures_resets_after_ten_seconds_open(marbles: World, phoenix: VirtualPhoenix):
    phoenix.drops("--x 10.99s x 12.11s x")  # after 9.99 s and 10.11 s
    socket = phoenix.socket(reconnect_after=stepped(1, 2, 3))
    socket.connect()
    marbles.expect(socket.state).to_be(
        "(n 100ms o 100ms c 1s n 100ms o 9.99s c 2s n 100ms o 10.11s c 1s n 100ms o)", STATES
    )


def test_any_close_that_was_not_asked_for_is_reconnected_whatever_its_code(marbles: World, phoenix: VirtualPhoenix):
    lost = {str(code): ConnectionLost("bye", code=1000 + code) for code in (0, 1, 2, 9)}
    phoenix.drops("1s 0 900ms 1 900ms 2 900ms 9", lost)
    socket = phoenix.socket()
    socket.connect()
    marbles.expect(socket.errors).to_be(
        "1s 0 900ms 1 900ms 2 900ms 9", {code: Fault(None, None, error) for code, error in lost.items()}
    )
    marbles.expect(socket.state).to_be(
        "(n 100ms o 900ms c 10ms n 100ms o 890ms c 50ms n 100ms o 850ms c 100ms n 100ms o 800ms c 150ms n 100ms o)",
        STATES,
    )


def test_a_refusal_with_4xx_starts_at_one_second_and_retry_after_is_honoured(marbles: World, phoenix: VirtualPhoenix):
    faults = {
        "a": ConnectionRefused("", status=403),
        "b": ConnectionRefused("", status=429, retry_after=7),
        "c": ConnectionRefused("", status=503, retry_after=3),
        "d": ConnectionRefused("", status=500),
    }
    phoenix.connects(*"abcd", values=faults)
    socket = phoenix.socket()
    socket.connect()
    marbles.expect(socket.state).to_be("(nc 1s nc 7s nc 3s nc 150ms n 100ms o)", STATES)


def test_give_up_on_a_status_ends_trying_and_a_later_lease_starts_again(marbles: World, phoenix: VirtualPhoenix):
    phoenix.connects("-a", "-b", values={"a": 500, "b": 401})
    socket = phoenix.socket(reconnect_after=give_up_on(401))
    channel = socket.channel("room:a")
    seen = marbles.expect(channel).to_be("210ms #", error=ReconnectGivenUp(2))
    marbles.expect(channel, "60s ^").to_be("")
    marbles.expect(channel.state, "60s ^").to_be("60s g-d", STATES)
    marbles.expect(socket.state).to_be("(n 100ms c 10ms n 100ms c 59.79s n 100ms o)", STATES)
    marbles.run(until="1s")
    error: Any = seen.error
    assert (error.attempt, type(error.__cause__), error.__cause__.status) == (2, ConnectionRefused, 401)


def test_a_bare_retry_after_giving_up_cannot_storm_the_server(marbles: World, phoenix: VirtualPhoenix):
    phoenix.connects(*["#"] * 100)
    socket = phoenix.socket(reconnect_after=lambda attempt, error: None)
    marbles.expect(socket.channel("room:a").pipe(ops.retry())).to_be("")
    marbles.run(until="60s")
    assert gaps(phoenix)[:11] == OFFICIAL
    assert set(gaps(phoenix)[11:]) == {5}


def test_delays_of_a_second_and_more_are_spread_by_a_quarter_where_there_is_randomness(
    marbles: World, phoenix: VirtualPhoenix
):
    phoenix.connects(*["#"] * 40)
    phoenix.socket(reconnect_after=stepped(0.5, 4), random=random.Random(7)).connect()
    marbles.run(until="100s")
    first, *others = gaps(phoenix)
    assert first == 0.5
    assert all(3 <= gap <= 5 for gap in others)
    assert len(set(others)) > 5


def test_the_first_reconnect_after_a_restart_of_the_server_is_spread_over_a_second(
    marbles: World, phoenix: VirtualPhoenix
):
    phoenix.drops("1s x", {"x": 1012})
    for seed in range(20):
        phoenix.socket(random=random.Random(seed)).connect()
    marbles.run(until="3s")
    delays = [attempt.instant - 1_000_000 for attempt in phoenix.attempts[20:]]
    assert len(delays) == 20
    assert all(10_000 <= delay <= 1_000_000 for delay in delays)
    assert max(delays) - min(delays) > 500_000


def test_a_message_too_big_counts_as_a_failed_attempt_although_frames_came_before(
    marbles: World, phoenix: VirtualPhoenix
):
    phoenix.writes("500ms m 1.4s m 2.9s m", {"m": said("y", topic="x")})
    phoenix.drops("500ms x 1.4s x 2.9s x", {"x": 1009})
    socket = phoenix.socket(reconnect_after=stepped(1, 2, 3))
    socket.connect()
    marbles.expect(socket.state).to_be(
        "(n 100ms o 400ms c 1s n 100ms o 400ms c 2s n 100ms o 900ms c 3s n 100ms o)", STATES
    )


def test_an_attempt_that_is_not_open_in_time_fails_and_is_dropped(marbles: World, phoenix: VirtualPhoenix):
    phoenix.connects("")
    socket = phoenix.socket(connect_timeout=3)
    marbles.expect(socket.opened()).to_be("3s #", error=ConnectTimeout(3))
    marbles.expect(socket.errors).to_be("3s x", {"x": Fault(None, None, ConnectTimeout(3))})
    marbles.expect(socket.state).to_be("(n 3s c 10ms n 100ms o)", STATES)
    socket.connect()
    marbles.run(until="4s")
    assert phoenix.attempts[0].asked_to_close is not None


def test_connect_timeout_covers_params_that_never_come(marbles: World, phoenix: VirtualPhoenix):
    async def never() -> dict[str, Any]:
        return await asyncio.get_running_loop().create_future()

    socket = phoenix.socket(connect_timeout=2, params=never)
    marbles.expect(socket.errors, "^ 2s !").to_be("2s x", {"x": Fault(None, None, ConnectTimeout(2))})
    socket.connect()
    marbles.run(until="3s")
    assert phoenix.attempts == []


def test_params_token_and_headers_are_made_anew_for_each_attempt_and_hear_why_the_last_one_failed(
    marbles: World, phoenix: VirtualPhoenix
):
    reasons: list[Exception | None] = []

    def params(reason: Exception | None) -> dict[str, Any]:
        reasons.append(reason)
        return {"n": len(reasons)}

    async def token() -> str:
        return f"token-{len(reasons)}"

    phoenix.connects("#", error=NO)
    phoenix.socket(params=params, auth_token=token, headers=lambda: {"x-n": str(len(reasons))}).connect()
    marbles.run(until="1s")
    assert reasons == [None, NO]
    assert [(attempt.params, attempt.auth_token, attempt.headers) for attempt in phoenix.attempts] == [
        ({"n": 1}, "token-1", {"x-n": "1"}),
        ({"n": 2}, "token-2", {"x-n": "2"}),
    ]


def test_a_params_function_that_raises_is_a_failed_attempt_and_its_error_is_the_cause(
    marbles: World, phoenix: VirtualPhoenix
):
    boom = ValueError("boom")
    failed: list[Exception] = []

    def params() -> dict[str, Any]:
        raise boom

    socket = phoenix.socket(params=params, reconnect_after=stepped(1))
    socket.opened().subscribe(on_error=failed.append)
    assert failed == []  # not inside the call
    marbles.expect(socket.opened()).to_be("#", error=ProviderFailed("params", "raised ValueError"))
    marbles.run(until="500ms")
    assert [error.__cause__ for error in failed] == [boom]
    assert phoenix.attempts == []


def test_opened_is_a_lease_while_it_waits_and_emits_at_once_when_open(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    marbles.expect(socket.opened()).to_be("-(x|)", DONE)
    marbles.at("1s", socket.connect)
    marbles.expect(socket.opened(), "2s ^").to_be("2s (x|)", DONE)
    marbles.expect(socket.state).to_be("(n 100ms oac 900ms n 100ms o)", STATES)  # at first nobody else needs it


def test_opened_disposed_while_it_waits_gives_its_lease_back(marbles: World, phoenix: VirtualPhoenix):
    phoenix.connects("5s o")
    socket = phoenix.socket()
    marbles.expect(socket.opened(), "^ 900ms !").to_be("")
    marbles.expect(socket.state).to_be("(n 1s ac)", STATES)
    marbles.run(until="2s")
    assert phoenix.attempts[0].asked_to_close is not None


def test_releasing_while_connecting_cancels_the_attempt(marbles: World):
    phoenix = marbles.phoenix(opens_after=5, closes_after=0.5)
    socket = phoenix.socket()
    marbles.expect(socket.state).to_be("(cn 1s a 500ms c)", STATES)
    marbles.at(0, lambda: marbles.at("1s", socket.connect().dispose))


def test_a_need_that_comes_while_closing_connects_at_once_and_the_old_connection_ends_unheard(marbles: World):
    phoenix = marbles.phoenix(opens_after=0.1, closes_after=0.5)
    socket = phoenix.socket()
    marbles.expect(socket.state).to_be("(n 100ms o 900ms a 200ms n 100ms o)", STATES)
    marbles.expect(socket.messages, "^ 2s !").to_be("1.4s n", {"n": said("news")})
    marbles.at("1s", socket.connect().dispose)
    marbles.at("1.2s", socket.connect)
    marbles.at("1.3s", lambda: phoenix.attempts[0].write(said("late")))
    marbles.at("1.4s", lambda: phoenix.attempts[1].write(said("news")))
    marbles.run(until="2s")
    assert phoenix.attempts[0].asked_to_close is not None


def test_a_delay_survives_the_last_release_so_that_resubscribing_in_an_outage_waits_it_out(
    marbles: World, phoenix: VirtualPhoenix
):
    phoenix.connects("#")
    socket = phoenix.socket(reconnect_after=stepped(4))
    marbles.at("1s", socket.connect().dispose)
    marbles.at("2s", socket.connect)
    marbles.expect(socket.state).to_be("(nc 4s n 100ms o)", STATES)


def test_disconnect_goes_offline_over_all_leases_until_connect(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.replies("ask", "")
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    marbles.expect(channel).to_be("")
    ask = marbles.expect(channel.push("ask"), "1s ^").to_be(
        "2s #", error=PushInterrupted("room:a", "ask", cause=Disconnected())
    )
    marbles.expect(channel.push("echo", timeout=1), "3s ^").to_be(
        "4s #", error=PushTimeout("room:a", "echo", 1, sent=False)
    )
    marbles.expect(channel.state).to_be("g-d 1.7s e 18s gd", STATES)
    marbles.expect(socket.state).to_be("(n 100ms o 1.9s ac 18s n 100ms o)", STATES)
    marbles.at("2s", lambda: socket.disconnect(3001, "bye"))
    marbles.at("20s", socket.connect)
    marbles.run(until="19s")
    assert isinstance(ask.error.__cause__, Disconnected)
    assert [attempt.asked_to_close for attempt in phoenix.attempts] == [(2_000_000, 3001, "bye")]


def test_a_held_push_keeps_its_timer_while_offline(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    marbles.expect(channel).to_be("")
    marbles.at("1s", socket.disconnect)
    held = marbles.expect(channel.push("echo", timeout=3), "2s ^").to_be(
        "5s #", error=PushTimeout("room:a", "echo", 3, sent=False)
    )
    marbles.run(until="10s")
    assert isinstance(held.error.__cause__, Disconnected)


def test_opened_while_offline_errors_with_disconnected(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    socket.connect()
    marbles.at("900ms", socket.disconnect)
    marbles.expect(socket.opened(), "1s ^").to_be("1s #", error=Disconnected())


def test_disconnecting_while_connecting_abandons_the_attempt(marbles: World, phoenix: VirtualPhoenix):
    phoenix.connects("5s o")
    socket = phoenix.socket()
    marbles.expect(socket.opened()).to_be("1s #", error=Disconnected())
    marbles.expect(socket.state).to_be("(n 1s ac)", STATES)
    marbles.at("1s", socket.disconnect)
    marbles.run(until="10s")
    assert phoenix.attempts[0].asked_to_close is not None


def test_reconnect_drops_the_link_and_tries_again_now_without_a_delay(marbles: World, phoenix: VirtualPhoenix):
    phoenix.drops("2s x")
    socket = phoenix.socket(reconnect_after=stepped(60))
    socket.connect()
    marbles.at("1s", socket.reconnect)
    marbles.at("3s", socket.reconnect)
    marbles.expect(socket.state).to_be("(n 100ms o 900ms cn 100ms o 900ms c 1s n 100ms o)", STATES)
    marbles.run(until="4s")
    assert phoenix.attempts[0].asked_to_close is not None


def test_connecting_after_disconnect_tries_at_once_and_counts_anew(marbles: World, phoenix: VirtualPhoenix):
    phoenix.connects(*["#"] * 9)
    socket = phoenix.socket(reconnect_after=stepped(1, 10, 100))
    socket.connect()
    marbles.at("2s", socket.disconnect)
    marbles.at("3s", socket.connect)
    marbles.expect(socket.state, "^ 20s !").to_be("(nc 1s nc 2s nc 1s nc 10s nc)", STATES)


def test_reconnect_counts_anew(marbles: World, phoenix: VirtualPhoenix):
    phoenix.connects(*["#"] * 9)
    socket = phoenix.socket(reconnect_after=stepped(1, 10, 100))
    socket.connect()
    marbles.at("2s", socket.reconnect)
    marbles.expect(socket.state, "^ 20s !").to_be("(nc 1s nc 1s nc 1s nc 10s nc)", STATES)


def test_reconnect_of_a_socket_that_nobody_needs_does_nothing(marbles: World, phoenix: VirtualPhoenix):
    phoenix.socket().reconnect()
    marbles.run(until="1s")
    assert phoenix.attempts == []


def test_a_delay_function_that_raises_is_reported_and_the_usual_delay_is_used(
    marbles: World, phoenix: VirtualPhoenix, caplog: pytest.LogCaptureFixture
):
    def broken(attempt: int, error: Exception) -> float:
        raise ZeroDivisionError

    phoenix.connects("#", error=NO)
    socket = phoenix.socket(reconnect_after=broken)
    marbles.expect(socket.errors).to_be(
        "(ab)", {"a": Fault(None, None, NO), "b": Fault(None, None, ZeroDivisionError())}
    )
    marbles.expect(socket.state).to_be("(cnc 10ms n 100ms o)", STATES)
    marbles.at(0, socket.connect)
    marbles.run(until="1s")
    assert "the delay function of the socket failed" in caplog.text


def test_failures_are_logged_once_for_each_cause_and_then_at_growing_intervals(
    marbles: World, phoenix: VirtualPhoenix, caplog: pytest.LogCaptureFixture
):
    phoenix.connects(*["#"] * 20, error=NO)
    phoenix.socket(reconnect_after=stepped(1)).connect()
    marbles.run(until="30s")
    times = ["", " (2 times)", " (4 times)", " (8 times)", " (16 times)"]
    assert [record.getMessage() for record in caplog.records] == [f"ws://phoenix.test/socket: no{n}" for n in times]


class Scripted:
    """A transport that is an observable."""

    def __init__(self, observable: Observable[TransportEvent]) -> None:
        self.observable = observable

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        return self.observable


def test_a_transport_that_raises_is_a_failed_attempt_and_never_inside_subscribe(
    marbles: World, phoenix: VirtualPhoenix
):
    def explode(*_arguments: object) -> Any:
        raise RuntimeError("at once")

    transport = Scripted(reactivex.create(explode))
    socket = phoenix.socket(transport=transport, reconnect_after=lambda attempt, error: None)
    failed: list[Exception] = []
    socket.channel("room:a").subscribe(on_error=failed.append)
    assert failed == []
    marbles.advance(0)
    assert [(type(error), type(error.__cause__)) for error in failed] == [(ReconnectGivenUp, ConnectionRefused)]


def test_a_lost_connection_is_a_connection_lost_even_if_a_transport_just_ends(marbles: World, phoenix: VirtualPhoenix):
    opened = Opened(lambda frame: None)
    socket = phoenix.socket(transport=Scripted(marbles.cold("-o 800ms |", {"o": opened})))
    marbles.expect(socket.errors, "^ 1s !").to_be(
        "1s x", {"x": Fault(None, None, ConnectionLost("the transport ended"))}
    )
    marbles.expect(socket.state, "^ 1.1s !").to_be("(cn 100ms o 900ms c 10ms n 100ms o)", STATES)
    marbles.at(0, socket.connect)


def test_closing_ends_everything_for_good(marbles: World):
    socket = marbles.phoenix(opens_after=0.1, closes_after=0.3).socket()
    lease = socket.connect()
    marbles.expect(socket.state).to_be("no 800ms a--(c|)", STATES)
    marbles.expect(socket.messages).to_be("1s |")
    marbles.expect(socket.latency).to_be("1s |")
    marbles.expect(socket.errors).to_be("1.3s |")
    marbles.expect(socket.wait_closed()).to_be("1.3s (x|)", DONE)
    marbles.at("1s", socket.close)
    marbles.at("1.1s", socket.close)
    for late in (socket.channel("a"), socket.opened(), socket.channel("a").joined, socket.ping()):
        marbles.expect(late, "5s ^").to_be("5s #", error=SocketClosed())
    marbles.expect(socket.state, "6s ^").to_be("6s (c|)", STATES)
    marbles.run(until="5s")
    lease.dispose()
    with pytest.raises(SocketClosed):
        socket.connect()


def test_errors_tell_which_attempt_failed_and_an_interruption_says_why(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    phoenix.connects(*"###")
    room.replies("ask", "")
    phoenix.drops("2s x", {"x": ConnectionLost("overload", code=1011)})
    socket = phoenix.socket()
    faults = {str(attempt): (attempt, ConnectionRefused) for attempt in (1, 2, 3)} | {"x": (1, ConnectionLost)}
    marbles.expect(socket.errors.pipe(ops.map(attempt_and_kind))).to_be("(1 10ms 2 50ms 3 1.94s x)", faults)
    marbles.expect(socket.channel("room:a")).to_be("")
    push = marbles.observe(socket.channel("room:a").push("ask"), "1s ^")
    marbles.run(until="2s")
    assert str(push.error) == "push 'ask' to 'room:a': interrupted by ConnectionLost, outcome unknown"

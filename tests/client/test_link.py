"""Keeping one connection: leases, backoff, offline; exact instants."""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import Any

import pytest

from rxphoenix import (
    ConnectionLost,
    ConnectionRefused,
    ConnectTimeout,
    Disconnected,
    ProviderFailed,
    PushInterrupted,
    ReconnectGivenUp,
    SocketClosed,
    give_up_on,
    stepped,
)
from tests.client.virtual import World

OFFICIAL = [0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1, 2, 5, 5]


def test_nothing_happens_before_the_first_lease_and_the_first_lease_connects(world: World) -> None:
    socket = world.socket()
    states = world.record(socket.state)
    world.record(socket.messages)
    world.record(socket.errors)
    world.run(5)
    assert world.attempts == []
    socket.connect()
    world.run(6)
    assert states.timeline == [(0, "closed"), (5, "connecting"), (5.1, "open")]


def test_the_last_release_disconnects_one_turn_of_the_scheduler_later(world: World) -> None:
    socket = world.socket()
    first, second = socket.connect(), socket.connect()
    states = world.record(socket.state)
    world.at(1, first.dispose)
    world.at(1, first.dispose)
    world.at(2, second.dispose)
    world.run(3)
    assert states.timeline == [(0, "connecting"), (0.1, "open"), (2, "closing"), (2, "closed")]
    instant, request = world.link.asked_to_close or (None, None)
    assert instant == 2
    assert request is not None
    assert request.code is None


def test_a_lease_in_the_same_turn_keeps_the_connection(world: World) -> None:
    socket = world.socket()
    lease = socket.connect()

    def swap() -> None:
        lease.dispose()
        socket.connect()

    world.at(1, swap)
    world.run(3)
    assert socket.state.value == "open"
    assert len(world.attempts) == 1


def test_linger_keeps_the_connection_for_so_long_and_begins_anew_with_each_release(world: World) -> None:
    socket = world.socket(linger=1)
    states = world.record(socket.state)
    lease = socket.connect()
    world.at(1, lease.dispose)
    world.at(1.5, lambda: world.after(0.1, socket.connect().dispose))
    world.run(4)
    assert states.timeline[-2:] == [(2.6, "closing"), (2.6, "closed")]
    assert len(world.attempts) == 1


def test_reconnects_with_the_delays_of_the_official_client(world: World) -> None:
    world.outcomes = [world.fails(ConnectionRefused("no"), after=0) for _ in range(12)]
    socket = world.socket()
    socket.connect()
    world.run(40)
    gaps = [round(b - a, 6) for a, b in zip(world.started, world.started[1:], strict=False)]
    assert gaps == [*OFFICIAL, 5]
    assert socket.state.value == "open"


def test_the_count_of_failures_resets_with_the_first_frame_and_not_at_the_handshake(world: World) -> None:
    socket = world.socket(reconnect_after=stepped(1, 2, 3))
    socket.connect()
    world.at(0.2, lambda: world.link.lose())  # first failure: 1 s
    world.at(1.5, lambda: world.link.lose())  # opened at 1.3, nothing heard: 2 s
    world.at(3.7, lambda: world.link.receive(None, None, "x", "y", {}))  # opened at 3.6
    world.at(3.8, lambda: world.link.lose())  # heard: 1 s again
    world.run(5)
    assert world.started == [0, 1.2, 3.5, 4.8]


def test_the_count_of_failures_resets_after_ten_seconds_open(world: World) -> None:
    socket = world.socket(reconnect_after=stepped(1, 2, 3))
    socket.connect()
    world.at(0.2, lambda: world.link.lose())
    world.at(11.29, lambda: world.link.lose())  # opened at 1.3, 9.99 s: 2 s
    world.at(23.5, lambda: world.link.lose())  # opened at 13.39, 10.11 s: 1 s
    world.run(25)
    assert world.started == [0, 1.2, 13.29, 24.5]


def test_any_close_that_was_not_asked_for_is_reconnected_whatever_its_code(world: World) -> None:
    socket = world.socket()
    socket.connect()
    errors = world.record(socket.errors)
    for instant, code in ((1, 1000), (2, 1001), (3, 1011), (4, 1002)):
        world.at(instant, lambda code=code: world.link.lose(code, "bye"))
    world.run(5)
    assert len(world.attempts) == 5
    faults = [(fault.error.code, fault.error.reason) for fault in errors.values]
    assert faults == [(1000, "bye"), (1001, "bye"), (1011, "bye"), (1002, "bye")]


def test_a_refusal_with_4xx_starts_at_one_second_and_retry_after_is_honoured(world: World) -> None:
    world.outcomes = [
        world.fails(ConnectionRefused("", status=403), after=0),
        world.fails(ConnectionRefused("", status=429, retry_after=7), after=0),
        world.fails(ConnectionRefused("", status=503, retry_after=3), after=0),
        world.fails(ConnectionRefused("", status=500), after=0),
    ]
    world.socket().connect()
    world.run(20)
    assert world.started == [0, 1, 8, 11, 11.15]


def test_give_up_on_a_status_ends_trying_and_a_later_lease_starts_again(world: World) -> None:
    world.outcomes = [world.fails(ConnectionRefused("", status=500)), world.fails(ConnectionRefused("", status=401))]
    socket = world.socket(reconnect_after=give_up_on(401))
    messages = world.record(socket.channel("room:a"))
    world.run(60)
    assert world.started == [0, 0.11]
    assert [kind for _, kind, _ in messages.events] == ["error"]
    error = messages.error
    assert isinstance(error, ReconnectGivenUp)
    assert error.attempt == 2
    assert isinstance(error.__cause__, ConnectionRefused)
    assert socket.state.value == "closed"
    world.record(socket.channel("room:a"))
    world.run(61)
    assert world.started == [0, 0.11, 60]
    assert socket.channel("room:a").state.value == "joined"


def test_a_bare_retry_after_giving_up_cannot_storm_the_server(world: World) -> None:
    from reactivex import operators as ops

    world.outcomes = [world.fails(ConnectionRefused("no"), after=0) for _ in range(1000)]
    socket = world.socket(reconnect_after=lambda attempt, error: None)
    world.record(socket.channel("room:a").pipe(ops.retry()))
    world.run(60)
    gaps = [round(b - a, 6) for a, b in zip(world.started, world.started[1:], strict=False)]
    assert gaps[:11] == OFFICIAL
    assert set(gaps[11:]) == {5}


def test_delays_of_a_second_and_more_are_spread_by_a_quarter_where_there_is_randomness(world: World) -> None:
    world.outcomes = [world.fails(ConnectionRefused("no"), after=0) for _ in range(40)]
    world.socket(reconnect_after=stepped(0.5, 4), random=random.Random(7)).connect()
    world.run(100)
    gaps = [round(b - a, 6) for a, b in zip(world.started, world.started[1:], strict=False)]
    assert gaps[0] == 0.5
    assert all(3 <= gap <= 5 for gap in gaps[1:])
    assert len(set(gaps[1:])) > 5


def test_the_first_reconnect_after_a_restart_of_the_server_is_spread_over_a_second(world: World) -> None:
    delays = []
    for seed in range(20):
        world = World()
        world.socket(random=random.Random(seed)).connect()
        world.at(1, lambda world=world: world.link.lose(1012))
        world.run(3)
        delays.append(world.started[1] - 1)
    assert all(0.01 <= delay <= 1 for delay in delays)
    assert max(delays) - min(delays) > 0.5


def test_a_message_too_big_counts_as_a_failed_attempt_although_frames_came_before(world: World) -> None:
    socket = world.socket(reconnect_after=stepped(1, 2, 3))
    socket.connect()

    def greedy() -> None:
        world.link.receive(None, None, "x", "y", {})
        world.link.lose(1009)

    for instant in (0.5, 2, 5):
        world.at(instant, greedy)
    world.run(9)
    assert world.started == [0, 1.5, 4, 8]


def test_an_attempt_that_is_not_open_in_time_fails_and_is_dropped(world: World) -> None:
    world.opens_after = None
    socket = world.socket(connect_timeout=3)
    opened = world.record(socket.opened())
    errors = world.record(socket.errors)
    socket.connect()
    world.run(3.5)
    assert opened.timeline == [(3, ConnectTimeout)]
    assert [type(fault.error) for fault in errors.values] == [ConnectTimeout]
    assert world.attempts[0].asked_to_close is not None
    assert world.started == [0, 3.01]


def test_connect_timeout_covers_params_that_never_come(world: World) -> None:
    socket = world.socket(connect_timeout=2, params=lambda: _never())
    errors = world.record(socket.errors)
    socket.connect()
    world.run(1)
    assert world.attempts == []
    (fault,) = errors.values[:1]
    assert isinstance(fault.error, ProviderFailed)
    assert "waits for something real" in str(fault.error)


async def _never() -> dict[str, Any]:
    await _Forever()
    return {}


class _Forever:
    def __await__(self) -> Generator[None, None, None]:
        yield


def test_params_token_and_headers_are_made_anew_for_each_attempt_and_hear_why_the_last_one_failed(
    world: World,
) -> None:
    reasons: list[Exception | None] = []
    count = iter(range(10))

    def params(reason: Exception | None) -> dict[str, Any]:
        reasons.append(reason)
        return {"n": next(count)}

    async def token() -> str:
        return f"token-{len(reasons)}"

    refusal = ConnectionRefused("no")
    world.outcomes = [world.fails(refusal, after=0)]
    world.socket(params=params, auth_token=token, headers=lambda: {"x-n": str(len(reasons))}).connect()
    world.run(1)
    assert reasons == [None, refusal]
    requests = [attempt.request for attempt in world.attempts]
    assert [request.address.params for request in requests] == [{"n": 0}, {"n": 1}]
    assert [request.auth_token for request in requests] == ["token-1", "token-2"]
    assert [request.headers for request in requests] == [{"x-n": "1"}, {"x-n": "2"}]


def test_a_params_function_that_raises_is_a_failed_attempt_and_its_error_is_the_cause(world: World) -> None:
    boom = ValueError("boom")

    def params() -> dict[str, Any]:
        raise boom

    socket = world.socket(params=params, reconnect_after=stepped(1))
    opened = world.record(socket.opened())
    lease = socket.connect()
    assert opened.events == []  # not inside the call
    world.run(0.5)
    assert isinstance(opened.error, ProviderFailed)
    assert opened.error.__cause__ is boom
    assert world.attempts == []
    lease.dispose()


def test_opened_is_a_lease_while_it_waits_and_emits_at_once_when_open(world: World) -> None:
    socket = world.socket()
    first = world.record(socket.opened())
    world.run(1)
    assert first.timeline == [(0.1, None), (0.1, "|")]
    assert socket.state.value == "closed"  # nobody else needs it
    socket.connect()
    world.run(2)
    again = world.record(socket.opened())
    world.run(3)
    assert again.timeline == [(2, None), (2, "|")]


def test_opened_disposed_while_it_waits_gives_its_lease_back(world: World) -> None:
    world.opens_after = 5
    socket = world.socket()
    opened = world.record(socket.opened())
    world.at(1, opened.dispose)
    world.run(10)
    assert opened.events == []
    assert socket.state.value == "closed"
    assert world.link.asked_to_close is not None


def test_releasing_while_connecting_cancels_the_attempt(world: World) -> None:
    world.opens_after = 5
    world.closes_after = 0.5
    socket = world.socket()
    states = world.record(socket.state)
    lease = socket.connect()
    world.at(1, lease.dispose)
    world.run(10)
    assert states.timeline == [(0, "closed"), (0, "connecting"), (1, "closing"), (1.5, "closed")]


def test_a_need_that_comes_while_closing_connects_at_once_and_the_old_connection_ends_unheard(world: World) -> None:
    world.closes_after = 0.5
    socket = world.socket()
    states = world.record(socket.state)
    messages = world.record(socket.messages)
    lease = socket.connect()
    world.at(1, lease.dispose)
    world.at(1.2, lambda: socket.connect())
    world.at(1.3, lambda: world.attempts[0].receive("1", None, "room:a", "late", {}))
    world.run(3)
    assert states.timeline == [
        (0, "closed"),
        (0, "connecting"),
        (0.1, "open"),
        (1, "closing"),
        (1.2, "connecting"),
        (1.3, "open"),
    ]
    assert messages.events == []
    assert world.attempts[0].asked_to_close is not None


def test_a_delay_survives_the_last_release_so_that_resubscribing_in_an_outage_waits_it_out(world: World) -> None:
    world.outcomes = [world.fails(ConnectionRefused("no"), after=0)]
    socket = world.socket(reconnect_after=stepped(4))
    lease = socket.connect()
    world.at(1, lease.dispose)
    world.at(2, lambda: socket.connect())
    world.run(5)
    assert world.started == [0, 4]


def test_disconnect_goes_offline_over_all_leases_until_connect(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    messages = world.record(channel)
    world.run(1)
    world.ignores("ask")
    push = world.record(channel.push("ask", {}))
    states = world.record(channel.state)
    world.at(2, lambda: socket.disconnect(3001, "bye"))
    world.at(3, lambda: world.record(channel.push("echo", {"n": 1}, timeout=1)))
    world.run(20)
    assert isinstance(push.error, PushInterrupted)
    assert isinstance(push.error.__cause__, Disconnected)
    assert push.timeline == [(2, PushInterrupted)]
    assert messages.events == []
    assert states.timeline == [(1, "joined"), (2, "errored")]
    assert socket.state.value == "closed"
    assert world.started == [0]
    instant, request = world.link.asked_to_close or (None, None)
    assert request is not None
    assert (instant, request.code, request.reason) == (2, 3001, "bye")
    socket.connect()
    world.run(21)
    assert world.started == [0, 20]
    assert channel.state.value == "joined"


def test_a_held_push_keeps_its_timer_while_offline(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    world.record(channel)
    world.at(1, socket.disconnect)
    recorders: list[Any] = []
    world.at(2, lambda: recorders.append(world.record(channel.push("echo", {}, timeout=3))))
    world.run(10)
    (push,) = recorders
    assert [instant for instant, _, _ in push.events] == [5]
    assert push.error.sent is False
    assert isinstance(push.error.__cause__, Disconnected)


def test_opened_while_offline_errors_with_disconnected(world: World) -> None:
    socket = world.socket()
    socket.connect()
    world.run(1)
    socket.disconnect()
    opened = world.record(socket.opened())
    world.run(2)
    assert opened.timeline == [(1, Disconnected)]


def test_disconnecting_while_connecting_abandons_the_attempt(world: World) -> None:
    world.opens_after = 5
    socket = world.socket()
    opened = world.record(socket.opened())
    world.at(1, socket.disconnect)
    world.run(10)
    assert opened.timeline == [(1, Disconnected)]
    assert socket.state.value == "closed"
    assert world.link.asked_to_close is not None


def test_reconnect_drops_the_link_and_tries_again_now_without_a_delay(world: World) -> None:
    socket = world.socket(reconnect_after=stepped(60))
    socket.connect()
    states = world.record(socket.state)
    world.at(1, socket.reconnect)
    world.at(2, lambda: world.link.lose())
    world.at(3, socket.reconnect)
    world.run(4)
    assert world.started == [0, 1, 3]
    assert states.timeline == [
        (0, "connecting"),
        (0.1, "open"),
        (1, "closed"),
        (1, "connecting"),
        (1.1, "open"),
        (2, "closed"),
        (3, "connecting"),
        (3.1, "open"),
    ]
    assert world.attempts[0].asked_to_close is not None


def test_connecting_after_disconnect_tries_at_once_and_counts_anew(world: World) -> None:
    world.outcomes = [world.fails(ConnectionRefused("no"), after=0) for _ in range(9)]
    socket = world.socket(reconnect_after=stepped(1, 10, 100))
    socket.connect()
    world.at(2, socket.disconnect)
    world.at(3, socket.connect)
    world.run(20)
    assert world.started == [0, 1, 3, 4, 14]


def test_reconnect_counts_anew(world: World) -> None:
    world.outcomes = [world.fails(ConnectionRefused("no"), after=0) for _ in range(9)]
    socket = world.socket(reconnect_after=stepped(1, 10, 100))
    socket.connect()
    world.at(2, socket.reconnect)
    world.run(20)
    assert world.started == [0, 1, 2, 3, 13]


def test_reconnect_of_a_socket_that_nobody_needs_does_nothing(world: World) -> None:
    socket = world.socket()
    socket.reconnect()
    world.run(1)
    assert world.attempts == []


def test_a_delay_function_that_raises_is_reported_and_the_usual_delay_is_used(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(attempt: int, error: Exception) -> float:
        raise ZeroDivisionError

    world.outcomes = [world.fails(ConnectionRefused("no"), after=0)]
    socket = world.socket(reconnect_after=broken)
    errors = world.record(socket.errors)
    socket.connect()
    world.run(1)
    assert world.started == [0, 0.01]
    assert {type(fault.error) for fault in errors.values} == {ConnectionRefused, ZeroDivisionError}
    assert "the delay function of the socket failed" in caplog.text


def test_failures_are_logged_once_for_each_cause_and_then_at_growing_intervals(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.outcomes = [world.fails(ConnectionRefused("no"), after=0) for _ in range(20)]
    world.socket(reconnect_after=stepped(1)).connect()
    world.run(30)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "ws://phoenix.test/socket: no",
        "ws://phoenix.test/socket: no (2 times)",
        "ws://phoenix.test/socket: no (4 times)",
        "ws://phoenix.test/socket: no (8 times)",
        "ws://phoenix.test/socket: no (16 times)",
    ]


def test_a_transport_that_raises_is_a_failed_attempt_and_never_inside_subscribe(world: World) -> None:
    def explode(attempt: Any) -> None:
        raise RuntimeError("at once")

    world.outcomes = [explode]
    socket = world.socket(reconnect_after=lambda attempt, error: None)
    messages = world.record(socket.channel("room:a"))
    assert messages.events == []
    world.run(1)
    assert isinstance(messages.error, ReconnectGivenUp)
    assert isinstance(messages.error.__cause__, ConnectionRefused)


def test_closing_ends_everything_for_good(world: World) -> None:
    world.closes_after = 0.3
    socket = world.socket()
    lease = socket.connect()
    states, errors = world.record(socket.state), world.record(socket.errors)
    messages, latency = world.record(socket.messages), world.record(socket.latency)
    closed = world.record(socket.wait_closed())
    world.at(1, socket.close)
    world.at(1.1, socket.close)
    world.run(5)
    assert states.timeline == [(0, "connecting"), (0.1, "open"), (1, "closing"), (1.3, "closed"), (1.3, "|")]
    assert messages.timeline == [(1, "|")]
    assert latency.timeline == [(1, "|")]
    assert errors.timeline == [(1.3, "|")]
    assert closed.timeline == [(1.3, None), (1.3, "|")]
    lease.dispose()
    with pytest.raises(SocketClosed):
        socket.connect()
    late = [world.record(stream) for stream in (socket.channel("a"), socket.opened(), socket.channel("a").joined)]
    ping = world.record(socket.ping())
    world.run(6)
    assert [recorder.timeline for recorder in late] == [[(5, SocketClosed)]] * 3
    assert ping.timeline == [(5, SocketClosed)]
    assert world.record(socket.state).timeline == [(6, "closed")]


def test_a_lost_connection_is_a_connection_lost_even_if_a_transport_just_ends(world: World) -> None:
    socket = world.socket()
    socket.connect()
    errors = world.record(socket.errors)
    world.at(1, lambda: world.link.finish())
    world.run(2)
    (fault,) = errors.values
    assert type(fault.error) is ConnectionLost
    assert len(world.attempts) == 2


def test_errors_tell_which_attempt_failed_and_an_interruption_says_why(world: World) -> None:
    world.outcomes = [world.fails(ConnectionRefused("no"), after=0) for _ in range(3)]
    socket = world.socket()
    errors = world.record(socket.errors)
    channel = socket.channel("room:a")
    world.record(channel)
    world.run(2)
    assert [fault.error.attempt for fault in errors.values] == [1, 2, 3]
    world.ignores("ask")
    push = world.record(channel.push("ask", {}))
    world.link.lose(1011, "overload")
    assert str(push.error) == "push 'ask' to 'room:a': interrupted by ConnectionLost, outcome unknown"
    assert errors.values[-1].error.attempt == 1

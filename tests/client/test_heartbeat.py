"""Telling a dead link from a silent one; exact instants, and clocks that jump."""

from __future__ import annotations

from typing import Any

import pytest

from rxphoenix import ConnectionLost, Frame, HeartbeatTimeout, NotConnected, PushInterrupted
from rxphoenix.client.context import Clock, Context
from rxphoenix.client.heartbeat import Heartbeat
from rxphoenix.transports.base import Opened
from tests.client.virtual import World


def test_a_beat_goes_out_one_interval_after_the_answer_to_the_last_one(world: World) -> None:
    socket = world.socket(heartbeat_interval=30)
    socket.connect()
    latency = world.record(socket.latency)
    world.run(100)
    assert world.sent == [
        (30.1, "- 1 phoenix heartbeat"),
        (60.2, "- 2 phoenix heartbeat"),
        (90.3, "- 3 phoenix heartbeat"),
    ]
    assert [(instant, round(seconds, 6)) for instant, seconds in latency.timeline] == [
        (30.2, 0.1),
        (60.3, 0.1),
        (90.4, 0.1),
    ]
    assert world.link.sent[0][1][4] == {}


def test_no_answer_by_the_next_beat_means_that_the_link_is_dead(world: World) -> None:
    world.ignores("heartbeat")
    socket = world.socket(heartbeat_interval=30)
    channel = socket.channel("room:a")
    messages, errors = world.record(channel), world.record(socket.errors)
    world.ignores("ask")
    push = world.record(channel.push("ask", {}, timeout=1000))
    world.run(61)
    assert push.timeline == [(60.1, PushInterrupted)]
    assert isinstance(push.error.__cause__, HeartbeatTimeout)
    assert [(instant, type(fault.error)) for instant, fault in errors.timeline] == [(60.1, HeartbeatTimeout)]
    assert messages.events == []
    assert world.started == [0, 60.11]
    instant, request = world.attempts[0].asked_to_close or (None, None)
    assert request is not None
    assert (instant, request.code, request.reason) == (60.1, 1000, "heartbeat timeout")
    assert channel.state.value == "joined"


def test_the_deadline_can_be_shorter_than_the_interval(world: World) -> None:
    world.ignores("heartbeat")
    socket = world.socket(heartbeat_interval=30, heartbeat_timeout=5)
    errors = world.record(socket.errors)
    socket.connect()
    world.run(40)
    assert [instant for instant, _ in errors.timeline] == [35.1]


def test_no_interval_no_heartbeats(world: World) -> None:
    world.socket(heartbeat_interval=None).connect()
    world.run(1000)
    assert world.sent == []


def test_no_deadline_fires_before_that_of_an_outstanding_join(world: World) -> None:
    world.ignores("heartbeat")
    world.ignores("phx_join")
    world.ignores("phx_leave")
    socket = world.socket(heartbeat_interval=10, heartbeat_timeout=5)
    errors = world.record(socket.errors)
    socket.connect()
    world.at(12, lambda: world.record(socket.channel("room:a", join_timeout=20)))
    world.run(40)
    assert errors.timeline[0][0] == 32


def test_a_slow_join_that_is_answered_in_time_saves_the_link(world: World) -> None:
    world.ignores("heartbeat")
    world.ignores("phx_join")
    socket = world.socket(heartbeat_interval=10, heartbeat_timeout=5)
    errors = world.record(socket.errors)
    socket.connect()
    world.at(10, lambda: world.record(socket.channel("room:a", join_timeout=20)))

    def at_last() -> None:  # the server works on what waited, in order
        world.link.receive("1", "1", "room:a", "phx_reply", {"status": "ok", "response": {}})
        world.link.receive(None, "2", "phoenix", "phx_reply", {"status": "ok", "response": {}})

    world.at(25, at_last)
    world.run(34)
    assert errors.events == []
    assert socket.state.value == "open"


def test_ping_measures_a_round_trip_and_needs_an_open_connection(world: World) -> None:
    socket = world.socket()
    early = world.record(socket.ping())
    world.run(1)
    assert early.timeline == [(0, NotConnected)]
    assert world.attempts == []
    socket.connect()
    world.run(2)
    ping = world.record(socket.ping())
    world.run(3)
    ((instant, seconds), (_, end)) = ping.timeline
    assert (instant, round(seconds, 6), end) == (2.1, 0.1, "|")
    world.ignores("heartbeat")
    lost, dropped = world.record(socket.ping()), world.record(socket.ping())
    dropped.dispose()
    world.at(3.5, lambda: world.link.lose())
    world.run(4)
    assert lost.timeline == [(3.5, ConnectionLost)]
    assert dropped.events == []


class _Pulse:
    """A connection as a heartbeat sees it, and clocks that a test moves."""

    def __init__(self) -> None:
        self.world = World()
        self.context = Context(self.world.scheduler)
        self.context.warm_up()
        self.asleep = 0.0
        self.blocked = 0.0
        self.beats: list[float] = []
        self.deaths: list[tuple[float, float]] = []
        self.answered: Any = None
        self.context._clock = _Clock(self)
        self.heartbeat = Heartbeat(self.context, self, 30, 20, lambda _seconds: None)

    def beat(self, answered: Any) -> None:
        self.beats.append(self.world.now)
        self.answered = answered

    def joins_pending_until(self) -> float | None:
        return None

    def dead(self, error: HeartbeatTimeout) -> None:
        self.deaths.append((self.world.now, error.seconds))


class _Clock(Clock):
    def __init__(self, pulse: _Pulse) -> None:
        super().__init__(pulse.world.scheduler, None)
        self._pulse = pulse

    def monotonic(self) -> float:
        return super().monotonic() + self._pulse.blocked

    def wall(self) -> float:
        return super().wall() + self._pulse.blocked + self._pulse.asleep


@pytest.mark.parametrize("what", ["asleep", "blocked"])
def test_after_a_sleep_or_a_blocked_loop_the_next_beat_has_a_deadline_of_five_seconds(what: str) -> None:
    pulse = _Pulse()
    pulse.heartbeat.start()
    pulse.world.at(10, lambda: setattr(pulse, what, 60.0))
    pulse.world.run(60)
    assert pulse.beats[0] == 30
    # the deadline came after 5 s, the clocks agree since: the verdict is believed
    assert pulse.deaths == [(35, 20)]


@pytest.mark.parametrize("what", ["asleep", "blocked"])
@pytest.mark.parametrize("answers", [True, False])
def test_a_deadline_that_passed_while_asleep_gets_one_more_beat_before_it_is_believed(what: str, answers: bool) -> None:
    pulse = _Pulse()
    pulse.heartbeat.start()
    pulse.world.at(40, lambda: setattr(pulse, what, 60.0))
    if answers:
        pulse.world.at(52, lambda: pulse.answered(0.1))
    pulse.world.run(75)
    assert pulse.beats == [30, 50]
    assert pulse.deaths == ([] if answers else [(55, 20)])


# Transports with a say of their own.


def test_a_transport_that_notices_a_dead_link_by_itself_needs_no_heartbeat(world: World) -> None:
    world.outcomes = [lambda attempt: attempt.observer.on_next(Opened(lambda _frame: None, needs_heartbeat=False))]
    socket = world.socket(heartbeat_interval=30)
    states = world.record(socket.state)
    socket.connect()
    world.run(1000)
    assert world.sent == []
    assert states.values[-1].value == "open"


def test_a_transport_can_send_a_heartbeat_of_its_own_with_a_ref_that_nobody_else_has(world: World) -> None:
    socket = world.socket()
    messages = world.record(socket.messages)
    socket.connect()
    world.run(1)
    ping = world.link.request.ping()
    assert ping.frame == Frame(b'[null,"1","phoenix","heartbeat",{}]')
    assert world.link.request.ping().frame == Frame(b'[null,"2","phoenix","heartbeat",{}]')
    answers = {
        b'[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]': True,
        b'[null,"2","phoenix","phx_reply",{"status":"ok","response":{}}]': False,
        b'[null,"1","phoenix","heartbeat",{}]': False,
        b"nonsense": False,
    }
    assert {frame: ping.is_answer(Frame(frame)) for frame in answers} == answers
    assert messages.events == []

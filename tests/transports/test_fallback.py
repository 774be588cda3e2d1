"""When a fallback falls back and when it returns: every instant exact, over transports that are scripted."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
import reactivex
from reactivex import Observable, abc
from reactivex import operators as ops
from reactivex.disposable import Disposable
from reactivex.scheduler import ImmediateScheduler

from rxphoenix import (
    ConnectionLost,
    ConnectionRefused,
    ConnectTimeout,
    Fallback,
    Fault,
    Frame,
    InProcessMemory,
    MalformedFrame,
    Message,
    Reply,
    Socket,
    WebSocket,
)
from rxphoenix.testing import VirtualPhoenix, World
from rxphoenix.transports.base import CloseRequest, Closing, ConnectRequest, Opened, Transport, TransportEvent
from tests.legends import STATES, join, leave, push, said
from tests.transports.test_base import request as any_request

pytestmark = pytest.mark.marbles(frame=0.1)

DAY = 24 * 60 * 60
HERE = "ws://phoenix.test/socket"
WAYS = {"w": "websocket", "l": "longpoll"}
BAD = ConnectionRefused("", status=400)
OFF = ConnectionRefused("off", status=404)


@pytest.fixture
def phoenix(marbles: World) -> VirtualPhoenix:
    """Both ways to it take 0.1 s, and a frame too."""
    return marbles.phoenix(opens_after=0.1, latency=0.1, idle_timeout=None)


@pytest.fixture
def memory() -> InProcessMemory:
    return InProcessMemory()


def a_socket(phoenix: VirtualPhoenix, memory: InProcessMemory, **options: Any) -> Socket:
    fallback = Fallback(phoenix, phoenix.longpoll, after=2.5, memory=memory)
    options = {"heartbeat_interval": None, "transport": fallback} | options
    return phoenix.socket(endpoint="ws://ann:pw@phoenix.test/socket?key=s3cret", **options)


@pytest.fixture
def socket(phoenix: VirtualPhoenix, memory: InProcessMemory) -> Socket:
    """A socket that is needed."""
    socket = a_socket(phoenix, memory)
    socket.connect()
    return socket


def opens_dead(phoenix: VirtualPhoenix, opens: str, hangs: str) -> None:
    """The first opens, and no frame passes."""
    phoenix.connects(opens)
    phoenix.hangs(hangs)


# Falling back.


def test_a_first_transport_that_works_is_used_once_it_has_answered_a_heartbeat(
    marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory, socket: Socket
):
    marbles.expect(socket.state).to_be("n-o", STATES)
    marbles.expect(socket.messages).to_be("")
    marbles.expect_attempts(phoenix).to_be("w", WAYS)
    heartbeat = Message(None, "1", "phoenix", "heartbeat", {})
    marbles.expect_frames(phoenix).to_be("-h", {"h": heartbeat}, heartbeats=True)
    marbles.run(until="1000s")
    assert memory.needed_at(HERE) is None


def test_where_the_first_is_refused_the_second_is_tried_at_once(
    marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory, socket: Socket
):
    phoenix.connects("-#", error=BAD)
    marbles.expect(socket.state).to_be("n-o", STATES)
    marbles.expect(socket.errors).to_be("")
    marbles.expect_attempts(phoenix).to_be("wl", WAYS)
    marbles.expect_frames(phoenix).to_be("", heartbeats=True)
    marbles.run(until="1000s")
    assert memory.needed_at(HERE) == 0.2


def test_where_the_first_stalls_the_second_is_tried_after_that_time(
    marbles: World, phoenix: VirtualPhoenix, socket: Socket
):
    phoenix.connects("")
    marbles.expect(socket.state).to_be("n 2.5s o", STATES)
    marbles.expect_attempts(phoenix).to_be("w 2.4s l", WAYS)
    marbles.run(until="1000s")
    assert phoenix.attempts[0].ended == 2_500_000


def test_where_the_first_opens_and_is_dead_the_second_is_tried_after_that_time_again(
    marbles: World, phoenix: VirtualPhoenix, socket: Socket
):
    opens_dead(phoenix, "2.4s o", "( 2.41s x)")
    marbles.expect(socket.state).to_be("n 4.9s o", STATES)
    marbles.expect_attempts(phoenix).to_be("w 4.8s l", WAYS)
    marbles.run(until="1000s")
    assert phoenix.attempts[0].ended == 4_900_000


@pytest.mark.parametrize(
    ("latency", "attempts", "opens"), [(2.49, "w", "(n 2.59s o)"), (2.51, "w 2.5s l", "(n 2.7s o)")]
)
def test_an_answer_at_the_last_moment_counts_and_one_too_late_does_not(
    marbles: World, phoenix: VirtualPhoenix, socket: Socket, latency: float, attempts: str, opens: str
):
    phoenix.latency = latency
    marbles.expect(socket.state).to_be(opens, STATES)
    marbles.expect_attempts(phoenix).to_be(attempts, WAYS)


def test_a_first_that_is_lost_before_it_answers_gives_way_too(marbles: World, phoenix: VirtualPhoenix, socket: Socket):
    opens_dead(phoenix, "-o 800ms #", "( 110ms x)")
    marbles.expect(socket.state).to_be("n 1s o", STATES)
    marbles.expect_attempts(phoenix).to_be("w 900ms l", WAYS)


def test_what_comes_before_the_answer_is_not_lost(marbles: World, phoenix: VirtualPhoenix, socket: Socket):
    frames = {"e": said("early"), "n": b"nonsense", "l": said("later")}
    phoenix.writes("( 150ms e 10ms n 140ms l)", frames)
    marbles.expect(socket.messages).to_be("--el", frames)
    # nobody listens to the topic; the frame in the middle cannot be read
    kinds = socket.errors.pipe(ops.map(lambda fault: (fault.topic, type(fault.error))))
    marbles.expect(kinds).to_be("( 200ms tn 100ms t)", {"t": ("room:a", MalformedFrame), "n": (None, MalformedFrame)})


def test_all_works_over_the_second(marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory):
    phoenix.connects("-#", error=BAD)
    phoenix.topic("room:a").handle("echo", lambda _channel, payload: Reply("ok", payload))
    echo = a_socket(phoenix, memory).channel("room:a").push("echo", {"n": 1})
    marbles.expect(echo).to_be("----(r|)", {"r": {"n": 1}})
    marbles.expect_frames(phoenix).to_be("--jel", {"j": join(1), "e": push(1, 2, "echo", {"n": 1}), "l": leave(1, 3)})
    marbles.run(until="1s")
    assert {frame.connection for frame in phoenix.sent} == {1}


# Neither works.


def test_where_neither_works_the_attempt_fails_with_what_the_first_said_and_the_next_begins_with_the_first(
    marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory, socket: Socket
):
    no = ConnectionRefused("no", status=503, retry_after=7)
    phoenix.connects("-#", error=no)
    phoenix.longpoll.connects("-#", error=OFF)
    errors = marbles.observe(socket.errors)
    marbles.expect(socket.errors).to_be("--x", {"x": Fault(None, None, no)})
    marbles.expect_attempts(phoenix).to_be("wl 7s w", WAYS)
    marbles.run(until="1000s")
    assert errors.values[0].error.__cause__.status == 404
    assert memory.needed_at(HERE) is None


@pytest.mark.parametrize("first", ["", "o"])
def test_where_the_first_said_nothing_the_attempt_fails_with_what_the_second_said(
    marbles: World, phoenix: VirtualPhoenix, socket: Socket, first: str
):
    opens_dead(phoenix, first, "( 10ms x)")
    phoenix.longpoll.connects("-#", error=OFF)
    errors = marbles.observe(socket.errors)
    marbles.expect(socket.errors).to_be("2.6s x", {"x": Fault(None, None, OFF)})
    marbles.expect_attempts(phoenix).to_be("w 2.4s l 1s w", WAYS)
    marbles.run(until="1000s")
    assert isinstance(errors.values[0].error.__cause__, ConnectTimeout)


def test_the_sockets_own_time_limit_covers_both(marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory):
    phoenix.connects("")
    phoenix.longpoll.connects("")
    socket = a_socket(phoenix, memory, connect_timeout=4)
    socket.connect()
    marbles.expect(socket.errors, "^ 3.9s !").to_be("")
    marbles.expect(socket.errors).to_be("4s x", {"x": Fault(None, None, ConnectTimeout(4))})
    marbles.run(until="4s")
    assert phoenix.attempts[1].asked_to_close is not None


# Returning.


def test_one_that_has_worked_is_never_given_up(marbles: World, phoenix: VirtualPhoenix, socket: Socket):
    phoenix.connects("-o", "-#", "-#", "-#", error=BAD)
    phoenix.drops("10s x", {"x": 1012})
    # as if there were no fallback: delays of 10 ms, then a second for each HTTP 4xx
    marbles.expect_attempts(phoenix).to_be("(w 10.01s w 1.1s w 1.1s w 1.1s w)", WAYS)
    marbles.expect(socket.state).to_be(
        "(n 200ms o 9.8s c 10ms n 100ms c 1s n 100ms c 1s n 100ms c 1s n 100ms o)", STATES
    )


def test_one_that_has_worked_may_take_its_time(marbles: World, phoenix: VirtualPhoenix, socket: Socket):
    phoenix.connects("-o", "9s o")
    phoenix.drops("10s x")
    marbles.expect_attempts(phoenix).to_be("(w 10.01s w)", WAYS)
    marbles.expect(socket.state).to_be("(n 200ms o 9.8s c 10ms n 9s o)", STATES)


def test_at_each_reconnect_the_first_is_tried_again(
    marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory, socket: Socket
):
    phoenix.connects("-#", "-#", error=BAD)
    phoenix.drops("10s x 19.9s x")
    marbles.expect_attempts(phoenix).to_be("(w 100ms l 9.91s w 100ms l 19.9s w)", WAYS)
    marbles.expect(socket.state).to_be("(n 200ms o 9.8s c 10ms n 200ms o 19.79s c 10ms n 200ms o)", STATES)
    marbles.run(until="20s")
    assert memory.needed_at(HERE) is not None
    marbles.run(until="1000s")
    assert memory.needed_at(HERE) is None  # it was, until the first worked


# The memory.


def test_the_next_socket_begins_with_what_was_needed_and_returns_at_its_reconnect(
    marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory, socket: Socket
):
    phoenix.connects("-#", error=BAD)
    phoenix.drops("30s x")
    marbles.at("10s", socket.close)
    later = a_socket(phoenix, memory)
    marbles.at("20s", later.connect)
    marbles.expect(later.state).to_be("(c 20s n 100ms o 9.9s c 10ms n 200ms o)", STATES)
    marbles.expect_attempts(phoenix).to_be("(w 100ms l 19.9s l 10.01s w)", WAYS)
    marbles.run(until="40s")
    assert memory.needed_at(HERE) is None


def test_if_what_was_needed_fails_now_the_next_attempt_begins_with_the_first(
    marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory
):
    memory.remember(HERE, 0)
    phoenix.longpoll.connects("-x", values={"x": 500})
    socket = a_socket(phoenix, memory)
    marbles.expect_attempts(phoenix).to_be("(l 110ms w)", WAYS)
    marbles.expect(socket.state).to_be("(n 100ms c 10ms n 200ms o)", STATES)
    socket.connect()


@pytest.mark.parametrize(("age", "begins"), [(0, "l"), (DAY - 1, "l"), (DAY, "w"), (-1, "w")], ids=str)
def test_it_is_believed_for_a_day_and_not_before_its_time(
    marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory, age: float, begins: str
):
    memory.remember(HERE, 1000)
    marbles.at(1000 + age, a_socket(phoenix, memory).connect)
    marbles.expect_attempts(phoenix).to_be(f"{1000 + age}s {begins}", WAYS)


def test_using_what_is_remembered_does_not_renew_it(marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory):
    memory.remember(HERE, 0)
    marbles.at("100s", a_socket(phoenix, memory).connect)
    marbles.expect_attempts(phoenix).to_be("100s l", WAYS)
    marbles.run(until="200s")
    assert memory.needed_at(HERE) == 0


def test_another_endpoint_is_another_matter(
    marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory, socket: Socket
):
    memory.remember("ws://other.test/socket", 0)
    marbles.expect_attempts(phoenix).to_be("w", WAYS)


def test_without_a_memory_of_the_users_the_transport_remembers_for_its_sockets(
    marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory
):
    transport = Fallback(phoenix, phoenix.longpoll)
    phoenix.connects("-#", error=BAD)
    for start in (0, 10):
        socket = a_socket(phoenix, memory, transport=transport)
        marbles.at(start, socket.connect)
        marbles.at(start + 5, socket.close)
    marbles.expect_attempts(phoenix).to_be("wl 9.8s l", WAYS)


class Forgetful:
    def needed_at(self, endpoint: str) -> float | None:
        raise OSError("the disk is gone")

    def remember(self, endpoint: str, instant: float) -> None:
        raise OSError("the disk is gone")

    def forget(self, endpoint: str) -> None:
        raise OSError("the disk is gone")


def test_a_memory_that_raises_is_logged_and_does_not_matter(
    marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory, caplog: pytest.LogCaptureFixture
):
    phoenix.connects("-#", error=BAD)
    phoenix.drops("5s x")
    socket = a_socket(phoenix, memory, transport=Fallback(phoenix, phoenix.longpoll, memory=Forgetful()))
    marbles.expect_attempts(phoenix).to_be("(w 100ms l 4.91s w)", WAYS)
    marbles.expect(socket.state).to_be("(cn 200ms o 4.8s c 10ms n 200ms o)", STATES)
    with caplog.at_level(logging.WARNING, "rxphoenix"):
        marbles.at(0, socket.connect)
        marbles.run(until="10s")
    raised = [record for record in caplog.records if record.message == "the memory of a fallback raised"]
    assert len(raised) == 3


def test_falling_back_is_logged_without_a_secret(
    marbles: World, phoenix: VirtualPhoenix, socket: Socket, caplog: pytest.LogCaptureFixture
):
    phoenix.connects("-#", error=BAD)
    with caplog.at_level(logging.INFO, "rxphoenix"):
        marbles.run(until="5s")
    assert [record.message for record in caplog.records] == [
        "ws://phoenix.test/socket: connected by VirtualTransport, where VirtualPhoenix did not work"
    ]


# Ends that were asked for.


PHASES = {"the first connects": 0.05, "the first is examined": 1.0, "the second connects": 2.65, "it is open": 3.0}


@pytest.mark.parametrize("instant", PHASES.values(), ids=PHASES.keys())
def test_a_close_reaches_whichever_transport_is_at_work(
    marbles: World, phoenix: VirtualPhoenix, socket: Socket, instant: float
):
    opens_dead(phoenix, "-o", "( 110ms x)")
    marbles.at(instant, lambda: socket.disconnect(4001, "bye"))
    marbles.expect_attempts(phoenix).to_be("w 2.5s l" if instant > 2.6 else "w", WAYS)
    marbles.run(until="100s")
    assert phoenix.attempts[-1].asked_to_close == (round(instant * 1_000_000), 4001, "bye")
    assert socket.state.value == "closed"


@pytest.mark.parametrize("instant", PHASES.values(), ids=PHASES.keys())
def test_disposing_abandons_whichever_transport_is_at_work(marbles: World, phoenix: VirtualPhoenix, instant: float):
    opens_dead(phoenix, "-o", "( 110ms x)")
    events = marbles.observe(Fallback(phoenix, phoenix.longpoll).connect(request_at(marbles)))
    marbles.run(until=instant)
    seen = str(events)
    events.dispose()
    events.dispose()
    marbles.expect_attempts(phoenix).to_be("w 2.5s l" if instant > 2.6 else "w", WAYS)
    marbles.run(until="100s")
    assert phoenix.attempts[-1].ended == round(instant * 1_000_000)
    assert str(events) == seen


def request_at(marbles: World, closing: Closing | None = None) -> ConnectRequest:
    given = any_request()
    return ConnectRequest(given.address, marbles.scheduler, closing or Closing(), given.ping)


@pytest.mark.parametrize(
    ("answers", "granted"), [("late", "1.5s |"), ("not at all", "2.5s |"), ("with an error", "1s |")]
)
def test_a_close_that_the_first_does_not_grant_is_granted_when_its_time_is_over(
    marbles: World, phoenix: VirtualPhoenix, answers: str, granted: str
):
    phoenix.connects("--------- 100ms #" if answers == "with an error" else "")
    phoenix.closes_after = 1.0 if answers == "late" else None
    closing = Closing()
    marbles.expect(Fallback(phoenix, phoenix.longpoll).connect(request_at(marbles, closing))).to_be(granted)
    marbles.at("500ms", lambda: closing.request(CloseRequest()))
    marbles.expect_attempts(phoenix).to_be("w", WAYS)


def test_a_close_before_it_is_subscribed_completes_it_and_connects_nothing(marbles: World, phoenix: VirtualPhoenix):
    closing = Closing()
    closing.request(CloseRequest())
    marbles.expect(Fallback(phoenix, phoenix.longpoll).connect(request_at(marbles, closing))).to_be("|")
    marbles.expect_attempts(phoenix).to_be("")


# Transports of a user's own.


class Raises:
    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        raise ZeroDivisionError


class Scripted:
    """A transport that is an observable."""

    def __init__(self, observable: Observable[TransportEvent]) -> None:
        self.observable = observable

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        return self.observable


def fails_and_raises(observer: abc.ObserverBase[TransportEvent], _scheduler: object = None) -> abc.DisposableBase:
    observer.on_error(ConnectionRefused("at once"))
    raise ZeroDivisionError


FAILS_AT_ONCE = Scripted(reactivex.throw(ConnectionRefused("at once"), ImmediateScheduler()))


@pytest.mark.parametrize("first", [Raises(), FAILS_AT_ONCE, Scripted(Observable(fails_and_raises))])
def test_a_transport_that_fails_inside_the_call_gives_way_too(
    marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory, first: Transport
):
    socket = a_socket(phoenix, memory, transport=Fallback(first, phoenix.longpoll))
    socket.connect()
    marbles.expect_attempts(phoenix).to_be("l", WAYS)
    marbles.expect(socket.state).to_be("no", STATES)


def test_both_may_fail_inside_the_call(marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory):
    socket = a_socket(phoenix, memory, transport=Fallback(Raises(), Raises()))
    socket.connect()
    kinds = socket.errors.pipe(ops.map(lambda fault: type(fault.error)))
    marbles.expect(kinds, "(^ 5ms !)").to_be("x", {"x": ConnectionRefused})


def test_one_that_completes_unasked_is_a_failure_like_any_other(
    marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory
):
    socket = a_socket(phoenix, memory, transport=Fallback(Scripted(marbles.cold("-|")), phoenix.longpoll))
    socket.connect()
    marbles.expect(socket.errors).to_be("")
    marbles.expect_attempts(phoenix).to_be("-l", WAYS)


def test_an_open_one_that_completes_unasked_is_a_loss(marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory):
    answer = Frame(b'[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]')
    first = marbles.cold("-oa 9.7s |", {"o": Opened(lambda _frame: None), "a": answer})
    socket = a_socket(phoenix, memory, transport=Fallback(Scripted(first), phoenix.longpoll))
    socket.connect()
    ended = Fault(None, None, ConnectionLost("the transport ended"))
    marbles.expect(socket.errors, "^ 11s !").to_be("10s x", {"x": ended})
    marbles.run(until="11s")
    assert [began for began, _ended in first.subscriptions] == [0, 10_010_000]


def test_a_late_word_of_the_first_is_not_heard(marbles: World, phoenix: VirtualPhoenix, memory: InProcessMemory):
    heedless: list[abc.ObserverBase[TransportEvent]] = []

    def subscribe(observer: abc.ObserverBase[TransportEvent], _scheduler: object = None) -> abc.DisposableBase:
        heedless.append(observer)
        return Disposable()

    transport = Fallback(Scripted(Observable(subscribe)), phoenix.longpoll, after=2.5)
    socket = a_socket(phoenix, memory, transport=transport)
    socket.connect()
    marbles.expect(socket.state).to_be("n 2.5s o", STATES)
    marbles.expect(socket.errors).to_be("")
    marbles.at("5s", lambda: heedless[0].on_next(Opened(lambda _frame: None)))
    marbles.at("6s", lambda: heedless[0].on_next(Frame(b'[null,null,"a","b",{}]')))
    marbles.at("7s", lambda: heedless[0].on_error(ConnectionLost()))


# Arguments.


@pytest.mark.parametrize("after", [0, -1, float("inf"), float("nan")])
def test_a_time_that_is_none_is_refused(phoenix: VirtualPhoenix, after: float):
    with pytest.raises(ValueError, match=f"after must be a positive number of seconds, not {after!r}"):
        Fallback(phoenix, phoenix.longpoll, after=after)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"first": WebSocket}, "the first transport must be a transport, not the class WebSocket; write WebSocket()"),
        ({"second": "longpoll"}, "the second transport must be a transport, for example LongPoll(), not 'longpoll'"),
        ({"after": "2.5"}, "after must be a number of seconds, not '2.5'"),
        ({"memory": "phoenix.jsonl"}, "memory must be an object with needed_at, remember, forget, for example"),
        ({"memory": InProcessMemory}, "memory must be an object with needed_at"),
    ],
)
def test_what_is_none_is_refused_at_the_call(phoenix: VirtualPhoenix, arguments: dict[str, Any], words: str):
    usual: dict[str, Any] = {"first": phoenix, "second": phoenix.longpoll}
    with pytest.raises(TypeError, match=re.escape(words)):
        Fallback(**usual | arguments)


@pytest.mark.parametrize(("connect_timeout", "fits"), [(5.1, True), (5, False)])
def test_a_time_that_leaves_none_to_fall_back_is_warned_of_once(
    marbles: World,
    phoenix: VirtualPhoenix,
    memory: InProcessMemory,
    caplog: pytest.LogCaptureFixture,
    connect_timeout: float,
    fits: bool,
):
    socket = a_socket(phoenix, memory, connect_timeout=connect_timeout)
    socket.connect()
    marbles.at("1s", socket.reconnect)
    marbles.run(until="2s")
    warning = (
        "ws://phoenix.test/socket: a fallback after 2.5 s may wait for twice as long, and of 5 s that leaves no time "
        "to connect; give it a smaller after=, or the socket a longer connect_timeout="
    )
    assert [record.getMessage() for record in caplog.records] == ([] if fits else [warning])


def test_a_first_transport_that_floods_before_it_answers_is_one_that_does_not_work(
    marbles: World, phoenix: VirtualPhoenix, socket: Socket
):
    opens_dead(phoenix, "-o", "( 110ms x)")
    phoenix.writes(f"500ms ({'m' * 2_000})", {"m": said("news", "x" * 1_000)})
    marbles.expect(socket.state).to_be("n-----o", STATES)
    marbles.expect(socket.messages).to_be("")
    marbles.expect_attempts(phoenix).to_be("w----l", WAYS)

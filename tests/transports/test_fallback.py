"""When a fallback falls back and when it returns: every instant exact, over transports that are scripted."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from rxphoenix import (
    ConnectionLost,
    ConnectionRefused,
    ConnectTimeout,
    Fallback,
    Frame,
    InProcessMemory,
    Socket,
    WebSocket,
)
from rxphoenix.transports.base import CloseRequest, Closing, ConnectRequest, Opened, Transport, TransportEvent
from tests.client.virtual import Attempt, Recorder, World
from tests.transports.test_base import request as any_request

DAY = 24 * 60 * 60


class Two:
    """Two scripted transports on one clock: each opens after 0.1 s, and answers after 0.1 s."""

    def __init__(self) -> None:
        self.first, self.second = World(), World()
        self.second.scheduler = self.first.scheduler
        self.run = self.first.run
        self.at = self.first.at
        self.memory = InProcessMemory()

    def socket(self, **options: Any) -> Socket:
        fallback = Fallback(self.first, self.second, after=2.5, memory=self.memory)
        options = {"heartbeat_interval": None, "transport": fallback} | options
        return Socket("ws://ann:pw@phoenix.test/socket?key=s3cret", scheduler=self.first.scheduler, **options)

    def states(self, socket: Socket) -> Recorder:
        return self.first.record(socket.state)

    @property
    def started(self) -> list[tuple[float, str]]:
        """When attempts began, and by which transport."""
        return sorted([(at, "first") for at in self.first.started] + [(at, "second") for at in self.second.started])

    @property
    def remembered(self) -> float | None:
        return self.memory.needed_at("ws://phoenix.test/socket")

    def refuse_first(self, times: int = 1) -> None:
        self.first.outcomes += [self.first.fails(ConnectionRefused("", status=400))] * times


@pytest.fixture
def two() -> Two:
    return Two()


def stalls(_attempt: Attempt) -> None:
    """Nothing ever comes of it."""


def opens_dead(after: float) -> Callable[[Attempt], None]:
    """It opens, and no frame passes."""
    return lambda attempt: attempt.world.after(after, lambda: attempt.observer.on_next(Opened(lambda _frame: None)))


def shown(states: Recorder) -> list[tuple[float, str]]:
    return [(instant, str(state)) for instant, state in states.timeline]


# Falling back.


def test_a_first_transport_that_works_is_used_once_it_has_answered_a_heartbeat(two: Two) -> None:
    socket = two.socket()
    states, messages = two.states(socket), two.first.record(socket.messages)
    socket.connect()
    two.run(1000)
    assert shown(states) == [(0, "closed"), (0, "connecting"), (0.2, "open")]
    assert two.first.sent == [(0.1, "- 1 phoenix heartbeat")]
    assert messages.events == []
    assert two.started == [(0, "first")]
    assert two.remembered is None


def test_where_the_first_is_refused_the_second_is_tried_at_once(two: Two) -> None:
    two.refuse_first()
    socket = two.socket()
    states, errors = two.states(socket), two.first.record(socket.errors)
    socket.connect()
    two.run(1000)
    assert two.started == [(0, "first"), (0.1, "second")]
    assert shown(states) == [(0, "closed"), (0, "connecting"), (0.2, "open")]
    assert errors.events == []
    assert two.second.sent == []
    assert two.remembered == 0.2


def test_where_the_first_stalls_the_second_is_tried_after_that_time(two: Two) -> None:
    two.first.outcomes = [stalls]
    socket = two.socket()
    states = two.states(socket)
    socket.connect()
    two.run(1000)
    assert two.started == [(0, "first"), (2.5, "second")]
    assert two.first.link.disposed == 2.5
    assert shown(states)[-1] == (2.6, "open")


def test_where_the_first_opens_and_is_dead_the_second_is_tried_after_that_time_again(two: Two) -> None:
    two.first.outcomes = [opens_dead(2.4)]
    socket = two.socket()
    states = two.states(socket)
    socket.connect()
    two.run(1000)
    assert two.started == [(0, "first"), (4.9, "second")]
    assert two.first.link.disposed == 4.9
    assert shown(states) == [(0, "closed"), (0, "connecting"), (5.0, "open")]


def test_an_answer_at_the_last_moment_counts_and_one_too_late_does_not(two: Two) -> None:
    for answers_after, used in ((2.49, "first"), (2.51, "second")):
        fresh = Two()
        fresh.first.answers_after = answers_after
        socket = fresh.socket()
        socket.connect()
        fresh.run(1000)
        assert fresh.started == [(0, "first")] + ([(2.6, "second")] if used == "second" else [])
        assert str(socket.state.value) == "open"


def test_a_first_that_is_lost_before_it_answers_gives_way_too(two: Two) -> None:
    def opens_and_drops(attempt: Attempt) -> None:
        opens_dead(0.1)(attempt)
        two.at(1, lambda: attempt.lose(1006))

    two.first.outcomes = [opens_and_drops]
    socket = two.socket()
    states = two.states(socket)
    socket.connect()
    two.run(1000)
    assert two.started == [(0, "first"), (1, "second")]
    assert shown(states)[-1] == (1.1, "open")


def test_what_comes_before_the_answer_is_not_lost(two: Two) -> None:
    def chats(attempt: Attempt) -> None:
        two.at(0.1, attempt.open)
        two.at(0.15, lambda: attempt.receive(None, None, "room:a", "early", {}))
        two.at(0.16, lambda: attempt.receive_raw(b"nonsense"))
        two.at(0.3, lambda: attempt.receive(None, None, "room:a", "later", {}))

    two.first.outcomes = [chats]
    socket = two.socket()
    messages, errors = two.first.record(socket.messages), two.first.record(socket.errors)
    socket.connect()
    two.run(1000)
    assert [(instant, message.event) for instant, message in messages.timeline] == [(0.2, "early"), (0.3, "later")]
    # nobody listens to the topic; the frame in the middle cannot be read
    assert [instant for instant, _fault in errors.timeline] == [0.2, 0.2, 0.3]


def test_all_works_over_the_second(two: Two) -> None:
    two.refuse_first()
    socket = two.socket()
    reply = two.first.record(socket.channel("room:a").push("echo", {"n": 1}))
    two.run(1000)
    assert reply.timeline[0] == (0.4, {"n": 1})
    assert [frame for _, frame in two.second.sent] == ["1 1 room:a phx_join", "1 2 room:a echo", "1 3 room:a phx_leave"]


# Neither works.


def test_where_neither_works_the_attempt_fails_with_what_the_first_said_and_the_next_begins_with_the_first(
    two: Two,
) -> None:
    two.first.outcomes = [two.first.fails(ConnectionRefused("no", status=503, retry_after=7))]
    two.second.outcomes = [two.second.fails(ConnectionRefused("off", status=404))]
    socket = two.socket()
    errors = two.first.record(socket.errors)
    socket.connect()
    two.run(1000)
    ((instant, fault),) = errors.timeline
    assert instant == 0.2
    assert (fault.error.status, fault.error.__cause__.status) == (503, 404)
    assert two.started == [(0, "first"), (0.1, "second"), (7.2, "first")]
    assert two.remembered is None


@pytest.mark.parametrize("first", [stalls, opens_dead(0.0)])
def test_where_the_first_said_nothing_the_attempt_fails_with_what_the_second_said(
    two: Two, first: Callable[[Attempt], None]
) -> None:
    two.first.outcomes = [first]
    two.second.outcomes = [two.second.fails(ConnectionRefused("off", status=404))]
    socket = two.socket()
    errors = two.first.record(socket.errors)
    socket.connect()
    two.run(1000)
    ((instant, fault),) = errors.timeline
    assert (instant, fault.error.status) == (2.6, 404)
    assert isinstance(fault.error.__cause__, ConnectTimeout)
    assert two.started == [(0, "first"), (2.5, "second"), (3.6, "first")]


def test_the_sockets_own_time_limit_covers_both(two: Two) -> None:
    two.first.outcomes = [stalls]
    two.second.outcomes = [stalls]
    socket = two.socket(connect_timeout=4)
    errors = two.first.record(socket.errors)
    socket.connect()
    two.run(4)
    assert [(instant, type(fault.error)) for instant, fault in errors.timeline] == [(4, ConnectTimeout)]
    assert two.second.link.asked_to_close is not None


# Returning.


def test_one_that_has_worked_is_never_given_up(two: Two) -> None:
    socket = two.socket()
    states = two.states(socket)
    socket.connect()
    two.run(10)
    two.refuse_first(3)
    two.first.link.lose(1012)
    two.run(20)
    # as if there were no fallback: delays of 10 ms, then a second for each HTTP 4xx
    assert two.started == [(0, "first"), (10.01, "first"), (11.11, "first"), (12.21, "first"), (13.31, "first")]
    assert shown(states)[-1] == (13.41, "open")
    assert two.second.attempts == []


def test_one_that_has_worked_may_take_its_time(two: Two) -> None:
    socket = two.socket()
    socket.connect()
    two.run(10)
    two.first.opens_after = 9
    two.first.link.lose()
    two.run(30)
    assert two.started == [(0, "first"), (10.01, "first")]
    assert str(socket.state.value) == "open"


def test_at_each_reconnect_the_first_is_tried_again(two: Two) -> None:
    two.refuse_first(2)
    socket = two.socket()
    states = two.states(socket)
    socket.connect()
    two.run(10)
    two.second.link.lose()
    two.run(30)
    two.second.link.lose()
    two.run(1000)
    assert two.started == [
        (0, "first"), (0.1, "second"),
        (10.01, "first"), (10.11, "second"),
        (30.01, "first"),
    ]  # fmt: skip
    assert shown(states)[-1] == (30.21, "open")
    assert two.remembered is None  # it was, until the first worked


# The memory.


def test_the_next_socket_begins_with_what_was_needed_and_returns_at_its_reconnect(two: Two) -> None:
    two.refuse_first()
    earlier = two.socket()
    earlier.connect()
    two.run(10)
    earlier.close()
    two.run(20)
    socket = two.socket()
    states = two.states(socket)
    socket.connect()
    two.run(30)
    assert shown(states)[-1] == (20.1, "open")
    two.second.link.lose()
    two.run(40)
    assert two.started == [(0, "first"), (0.1, "second"), (20, "second"), (30.01, "first")]
    assert two.remembered is None


def test_if_what_was_needed_fails_now_the_next_attempt_begins_with_the_first(two: Two) -> None:
    two.memory.remember("ws://phoenix.test/socket", 0)
    two.second.outcomes = [two.second.fails(ConnectionRefused("off", status=500))]
    socket = two.socket()
    socket.connect()
    two.run(10)
    assert two.started == [(0, "second"), (0.11, "first")]
    assert str(socket.state.value) == "open"


@pytest.mark.parametrize(
    ("age", "begins"), [(0, "second"), (DAY - 1, "second"), (DAY, "first"), (-1, "first")], ids=str
)
def test_it_is_believed_for_a_day_and_not_before_its_time(two: Two, age: float, begins: str) -> None:
    two.memory.remember("ws://phoenix.test/socket", 1000)
    two.run(max(0, 1000 + age))
    socket = two.socket()
    socket.connect()
    two.run(1000 + DAY + 1)
    assert two.started == [(1000 + age, begins)]


def test_using_what_is_remembered_does_not_renew_it(two: Two) -> None:
    two.memory.remember("ws://phoenix.test/socket", 0)
    two.run(100)
    two.socket().connect()
    two.run(200)
    assert two.remembered == 0


def test_another_endpoint_is_another_matter(two: Two) -> None:
    two.memory.remember("ws://other.test/socket", 0)
    two.socket().connect()
    two.run(10)
    assert two.started == [(0, "first")]


def test_without_a_memory_of_the_users_the_transport_remembers_for_its_sockets(two: Two) -> None:
    transport = Fallback(two.first, two.second)
    two.refuse_first()
    for start in (0, 10):
        two.run(start)
        socket = two.socket(transport=transport)
        socket.connect()
        two.run(start + 5)
        socket.close()
    assert two.started == [(0, "first"), (0.1, "second"), (10, "second")]


class Forgetful:
    def needed_at(self, endpoint: str) -> float | None:
        raise OSError("the disk is gone")

    def remember(self, endpoint: str, instant: float) -> None:
        raise OSError("the disk is gone")

    def forget(self, endpoint: str) -> None:
        raise OSError("the disk is gone")


def test_a_memory_that_raises_is_logged_and_does_not_matter(two: Two, caplog: pytest.LogCaptureFixture) -> None:
    two.refuse_first()
    socket = two.socket(transport=Fallback(two.first, two.second, memory=Forgetful()))
    with caplog.at_level(logging.WARNING, "rxphoenix"):
        socket.connect()
        two.run(5)
        assert str(socket.state.value) == "open"
        two.second.link.lose()
        two.run(10)
    assert two.started == [(0, "first"), (0.1, "second"), (5.01, "first")]
    raised = [record for record in caplog.records if record.message == "the memory of a fallback raised"]
    assert len(raised) == 3


def test_falling_back_is_logged_without_a_secret(two: Two, caplog: pytest.LogCaptureFixture) -> None:
    two.refuse_first()
    with caplog.at_level(logging.INFO, "rxphoenix"):
        two.socket().connect()
        two.run(5)
    assert [record.message for record in caplog.records] == [
        "ws://phoenix.test/socket: connected by World, where World did not work"
    ]


# Ends that were asked for.


PHASES = {"the first connects": 0.05, "the first is examined": 1.0, "the second connects": 2.65, "it is open": 3.0}


@pytest.mark.parametrize("instant", PHASES.values(), ids=PHASES.keys())
def test_a_close_reaches_whichever_transport_is_at_work(two: Two, instant: float) -> None:
    two.first.outcomes = [opens_dead(0.1)]
    socket = two.socket()
    socket.connect()
    two.run(instant)
    socket.disconnect(4001, "bye")
    ended = two.first.record(socket.state)
    two.run(100)
    link = two.first.link if instant < 2.6 else two.second.link
    assert link.asked_to_close is not None
    at, request = link.asked_to_close
    assert (at, request.code, request.reason) == (instant, 4001, "bye")
    assert two.started == [(0, "first")] + ([(2.6, "second")] if instant > 2.6 else [])
    assert ended.values[-1].value == "closed"


@pytest.mark.parametrize("instant", PHASES.values(), ids=PHASES.keys())
def test_disposing_abandons_whichever_transport_is_at_work(two: Two, instant: float) -> None:
    two.first.outcomes = [opens_dead(0.1)]
    events: list[Any] = []
    request = request_at(two)
    subscription = Fallback(two.first, two.second).connect(request).subscribe(events.append, events.append)
    two.run(instant)
    seen = len(events)
    subscription.dispose()
    subscription.dispose()
    two.run(100)
    assert (two.first.link if instant < 2.6 else two.second.link).disposed == instant
    assert two.started == [(0, "first")] + ([(2.6, "second")] if instant > 2.6 else [])
    assert len(events) == seen


def request_at(two: Two, closing: Closing | None = None) -> ConnectRequest:
    given = any_request()
    return ConnectRequest(given.address, two.first.scheduler, closing or Closing(), given.ping)


@pytest.mark.parametrize("answers", ["late", "not at all", "with an error"])
def test_a_close_that_the_first_does_not_grant_is_granted_when_its_time_is_over(two: Two, answers: str) -> None:
    two.first.outcomes = [stalls]
    two.first.closes_after = 1.0 if answers == "late" else None
    closing, events = Closing(), list[Any]()
    Fallback(two.first, two.second).connect(request_at(two, closing)).subscribe(
        events.append, events.append, lambda: events.append(two.first.now)
    )
    two.run(0.5)
    closing.request(CloseRequest())
    if answers == "with an error":
        two.at(1, lambda: two.first.link.fail(ConnectionRefused("no")))
    two.run(100)
    assert events == [{"late": 1.5, "not at all": 2.5, "with an error": 1.0}[answers]]
    assert two.second.attempts == []


def test_a_close_before_it_is_subscribed_completes_it_and_connects_nothing(two: Two) -> None:
    closing, events = Closing(), list[Any]()
    closing.request(CloseRequest())
    Fallback(two.first, two.second).connect(request_at(two, closing)).subscribe(
        events.append, events.append, lambda: events.append("completed")
    )
    two.run(100)
    assert (events, two.started) == (["completed"], [])


# Transports of a user's own.


class Raises:
    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        raise ZeroDivisionError


class FailsAtOnce:
    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        def subscribe(
            observer: abc.ObserverBase[TransportEvent], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            observer.on_error(ConnectionRefused("at once"))
            return Disposable()

        return Observable(subscribe)


class FailsAndRaises:
    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        def subscribe(
            observer: abc.ObserverBase[TransportEvent], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            observer.on_error(ConnectionRefused("at once"))
            raise ZeroDivisionError

        return Observable(subscribe)


@pytest.mark.parametrize("first", [Raises(), FailsAtOnce(), FailsAndRaises()])
def test_a_transport_that_fails_inside_the_call_gives_way_too(two: Two, first: Transport) -> None:
    socket = two.socket(transport=Fallback(first, two.second))
    socket.connect()
    two.run(10)
    assert two.started == [(0, "second")]
    assert str(socket.state.value) == "open"


def test_both_may_fail_inside_the_call(two: Two) -> None:
    socket = two.socket(transport=Fallback(Raises(), Raises()))
    errors = two.first.record(socket.errors)
    socket.connect()
    two.run(0.005)
    assert [type(fault.error) for _, fault in errors.timeline] == [ConnectionRefused]


def test_one_that_completes_unasked_is_a_failure_like_any_other(two: Two) -> None:
    two.first.outcomes = [lambda attempt: two.at(0.1, attempt.finish)]
    socket = two.socket()
    errors = two.first.record(socket.errors)
    socket.connect()
    two.run(10)
    assert errors.events == []
    assert two.started == [(0, "first"), (0.1, "second")]


def test_an_open_one_that_completes_unasked_is_a_loss(two: Two) -> None:
    socket = two.socket()
    errors = two.first.record(socket.errors)
    socket.connect()
    two.run(10)
    two.first.link.finish()
    two.run(20)
    assert [str(fault.error) for _, fault in errors.timeline] == ["connection lost: the transport ended"]
    assert two.started == [(0, "first"), (10.01, "first")]


def test_a_late_word_of_the_first_is_not_heard(two: Two) -> None:
    two.first.outcomes = [stalls]
    socket = two.socket()
    states, errors = two.states(socket), two.first.record(socket.errors)
    socket.connect()
    two.at(5, lambda: two.first.link.observer.on_next(Opened(lambda _frame: None)))
    two.at(6, lambda: two.first.link.observer.on_next(Frame(b'[null,null,"a","b",{}]')))
    two.at(7, lambda: two.first.link.observer.on_error(ConnectionLost()))
    two.run(1000)
    assert shown(states)[-1] == (2.6, "open")
    assert errors.events == []


# Arguments.


@pytest.mark.parametrize("after", [0, -1, float("inf"), float("nan")])
def test_a_time_that_is_none_is_refused(two: Two, after: float) -> None:
    with pytest.raises(ValueError, match=f"after must be a positive number of seconds, not {after!r}"):
        Fallback(two.first, two.second, after=after)


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
def test_what_is_none_is_refused_at_the_call(two: Two, arguments: dict[str, Any], words: str) -> None:
    usual: dict[str, Any] = {"first": two.first, "second": two.second}
    with pytest.raises(TypeError, match=re.escape(words)):
        Fallback(**usual | arguments)


@pytest.mark.parametrize(("connect_timeout", "fits"), [(5.1, True), (5, False)])
def test_a_time_that_leaves_none_to_fall_back_is_warned_of_once(
    two: Two, caplog: pytest.LogCaptureFixture, connect_timeout: float, fits: bool
) -> None:
    socket = two.socket(connect_timeout=connect_timeout)
    socket.connect()
    two.run(1)
    socket.reconnect()
    two.run(2)
    warning = (
        "ws://phoenix.test/socket: a fallback after 2.5 s may wait for twice as long, and of 5 s that leaves no time "
        "to connect; give it a smaller after=, or the socket a longer connect_timeout="
    )
    assert [record.getMessage() for record in caplog.records] == ([] if fits else [warning])


def test_a_first_transport_that_floods_before_it_answers_is_one_that_does_not_work(two: Two) -> None:
    two.first.ignores("heartbeat")
    socket = two.socket()
    states, messages = two.states(socket), two.first.record(socket.messages)

    def flood() -> None:
        for _ in range(2_000):
            two.first.link.receive(None, None, "room:a", "news", "x" * 1_000)

    two.at(0.5, flood)
    lease = socket.connect()
    two.run(1000)
    assert two.started == [(0, "first"), (0.5, "second")]
    assert shown(states) == [(0, "closed"), (0, "connecting"), (0.6, "open")]
    assert messages.events == []
    lease.dispose()
    two.run(1001)

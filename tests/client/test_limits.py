"""Time limits: each ends when it should, however many share a timer."""

from __future__ import annotations

from reactivex.testing import TestScheduler

from rxphoenix.client.context import Context
from rxphoenix.client.timer import Timer
from rxphoenix.testing.clock import VirtualScheduler


class Clockwork:
    """Timers in virtual time, and what they did."""

    def __init__(self) -> None:
        self.scheduler = TestScheduler()
        self.context = Context(self.scheduler)
        self.context.warm_up()
        self.told: list[tuple[float, str]] = []
        self.now = 0.0

    def limit(self, name: str, seconds: float) -> Timer:
        timer = Timer(self.context)
        timer.limit(seconds, lambda: self.told.append((self.scheduler.now.timestamp(), name)))
        return timer

    def run(self, until: float) -> None:
        self.scheduler.advance_to(until)


def test_each_ends_after_its_own_time():
    clock = Clockwork()
    clock.limit("a", 10)
    clock.run(3)
    clock.limit("b", 10)
    short = clock.limit("short", 1.5)
    assert short.is_running
    clock.limit("c", 10)
    clock.run(100)
    assert clock.told == [(4.5, "short"), (10, "a"), (13, "b"), (13, "c")]
    assert not short.is_running


def test_one_that_is_stopped_does_not_end_and_those_after_it_do():
    clock = Clockwork()
    first, second = clock.limit("first", 10), clock.limit("second", 10)
    clock.run(2)
    clock.limit("third", 10)
    first.stop()
    first.stop()
    clock.run(11)
    assert clock.told == [(10, "second")]
    second.stop()
    clock.run(100)
    assert clock.told == [(10, "second"), (12, "third")]


def test_one_that_begins_anew_ends_later():
    clock = Clockwork()
    timer = clock.limit("a", 10)
    clock.run(4)
    timer.limit(10, lambda: clock.told.append((clock.scheduler.now.timestamp(), "again")))
    clock.run(13)
    assert clock.told == []
    clock.run(100)
    assert clock.told == [(14, "again")]


def test_one_that_stops_another_which_is_due_with_it_is_obeyed():
    clock = Clockwork()
    first = Timer(clock.context)
    second = Timer(clock.context)
    first.limit(10, second.stop)
    second.limit(10, lambda: clock.told.append((10, "second")))
    clock.run(100)
    assert clock.told == []


def test_nothing_is_kept_of_lengths_that_nobody_uses():
    clock = Clockwork()
    for number in range(1, 50):
        clock.limit("", number).stop()
    assert len(clock.context.limits._by_seconds) == 49
    clock.run(100)
    assert clock.context.limits._by_seconds == {}


def test_nothing_ends_when_the_socket_rests():
    clock = Clockwork()
    timer = clock.limit("a", 10)
    clock.context.cool_down()
    timer.stop()
    clock.run(100)
    assert clock.told == []


# A loop that was blocked.


class Blockable(Clockwork):
    """Timers in virtual time, whose thread something may hold up."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = VirtualScheduler()
        self.context = Context(self.scheduler)
        self.context.warm_up()

    def limit(self, name: str, seconds: float) -> Timer:
        timer = Timer(self.context)
        timer.limit(seconds, lambda: self.told.append((self.scheduler.monotonic(), name)))
        return timer

    def block(self, at: float, seconds: float) -> None:
        self.scheduler.at(round(at * 1e6), lambda: self.scheduler.block(round(seconds * 1e6)))


def test_one_that_passed_while_the_loop_was_blocked_is_believed_a_second_after():
    clock = Blockable()
    clock.limit("a", 10)
    clock.limit("b", 10)
    clock.block(5, 60)
    clock.run(64)
    clock.limit("c", 10)
    clock.run(100)
    assert clock.told == [(66, "a"), (66, "b"), (75, "c")]


def test_what_comes_within_that_second_is_in_time():
    clock = Blockable()
    timer = clock.limit("a", 10)
    clock.block(5, 60)
    clock.scheduler.at(65_500_000, timer.stop)
    clock.run(100)
    assert clock.told == []


def test_one_that_is_a_little_late_is_believed_at_once():
    clock = Blockable()
    clock.limit("a", 10)
    clock.block(9.5, 1.4)
    clock.run(100)
    assert clock.told == [(10.9, "a")]


def test_a_loop_that_is_blocked_again_is_given_another_second():
    clock = Blockable()
    clock.limit("a", 10)
    clock.block(5, 60)
    clock.run(70)
    clock.limit("b", 10)
    clock.block(75, 60)
    clock.run(200)
    assert clock.told == [(66, "a"), (136, "b")]

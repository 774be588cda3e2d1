"""Looks come on a period, however much happens; a button is answered at once."""

from __future__ import annotations

from typing import Any

import msgspec
from reactivex import Observable, abc

from rxphoenix.dashboard.instruments.instrument import EVERY, Instrument, Words, reason
from rxphoenix.testing import marbles


class CountLook(msgspec.Struct, frozen=True):
    count: int


class Counter(Instrument):
    def __init__(self, stream: Observable[Any], scheduler: abc.SchedulerBase) -> None:
        super().__init__(scheduler)
        self._stream = stream
        self._count = 0

    def _watch(self) -> None:
        self._follow(self._stream, self._add)

    def _add(self, _value: object) -> None:
        self._count += 1

    def told(self, words: Words) -> None:
        self._count = int(words["count"])
        self._changed(show=True)

    def _look(self) -> CountLook:
        return CountLook(self._count)


class Clock(Counter):
    moves = True


LOOKS = {str(count): CountLook(count) for count in range(10)}


def test_a_look_comes_at_once_and_then_once_a_period_if_something_has_changed() -> None:
    with marbles(frame=EVERY / 2) as m:
        counter = Counter(m.hot("-ab--c-------"), m.scheduler)
        m.expect(counter.looks(), "^------------!").to_be("0-2---3------", LOOKS)


def test_nothing_is_watched_before_and_after() -> None:
    with marbles(frame=EVERY / 2) as m:
        stream = m.hot("-a-b-c-d-e-")
        seen = m.observe(Counter(stream, m.scheduler).looks(), "--^---!")
        m.expect_subscriptions(stream).to_be("--^---!")
    assert [look.count for look in seen.values] == [0, 1]


def test_what_moves_is_looked_at_each_second_though_nothing_happens() -> None:
    with marbles(frame=EVERY / 2) as m:
        clock = Clock(m.hot("-a"), m.scheduler)
        m.expect(clock.looks(), "^------------------!").to_be("0-1-----1-------1--", LOOKS)


def test_who_presses_a_button_waits_for_no_period() -> None:
    with marbles(frame=EVERY / 2) as m:
        counter = Counter(m.hot("-"), m.scheduler)
        seen = m.observe(counter.looks(), "^---!")
        m.at(EVERY / 2, lambda: counter.told({"count": 7}))
    assert [look.count for look in seen.values] == [0, 7]


def test_a_stream_that_ends_is_a_change() -> None:
    with marbles(frame=EVERY / 2) as m:
        counter = Counter(m.hot("-a---|"), m.scheduler)
        m.expect(counter.looks(), "^--------!").to_be("0-1---1--", LOOKS)


def test_an_error_says_why_or_its_name() -> None:
    assert reason(ValueError("no")) == "no"
    assert reason(ValueError()) == "ValueError"

"""How much comes in each second, by topic and event.

What lives here: counting. What does not: the chart.
"""

from __future__ import annotations

from collections import deque
from math import floor
from typing import Any

import msgspec
from reactivex import Observable, abc

from rxphoenix import Message
from rxphoenix.dashboard.instruments.instrument import Instrument, reason

__all__ = ["SECONDS", "Rates", "RatesLook", "Series", "SeriesLook"]

SECONDS = 60
"""How many seconds back a chart goes."""

_SHOWN = 8
_KEPT = 256

_VALUES = ("", "")
"""The key of what is no message."""

_OTHERS = ("", "others")
"""The key of whatever comes after so many keys that no more are told apart."""


class Series:
    """What came of one kind: how much in all, and in each of the last seconds.

    Arguments:
        topic: of which topic, ``""`` for what is no message.
        event: of which event.
        slot: when it came first, among the others: a colour that does not change.
    """

    def __init__(self, topic: str, event: str, slot: int) -> None:
        self.topic, self.event, self.slot = topic, event, slot
        self.total = self.this_second = 0
        self.seconds = deque([0] * SECONDS, SECONDS)

    def turn(self, seconds: int) -> None:
        """So many seconds have passed."""
        self.seconds.append(self.this_second)
        self.seconds.extend([0] * min(seconds - 1, SECONDS))
        self.this_second = 0


class SeriesLook(msgspec.Struct, frozen=True):
    """A line of the chart.

    Arguments:
        topic: of which topic, ``""`` for what is no message.
        event: of which event, ``""`` for what is no message.
        slot: which colour.
        total: how many in all.
        seconds: how many in each of the last full seconds, oldest first.
    """

    topic: str
    event: str
    slot: int
    total: int
    seconds: list[int]


class RatesLook(msgspec.Struct, frozen=True):
    """The chart.

    Arguments:
        until: when the last full second ended, in milliseconds since the epoch.
        total: how many came in all.
        rate: how many in the last full second.
        series: the kinds of which most came, most first.
        more: how many kinds are not shown, and how many came of them.
        ended: how the stream ended, ``None`` while it lives.
    """

    until: float
    total: int
    rate: int
    series: list[SeriesLook]
    more: tuple[int, int]
    ended: str | None


class Rates(Instrument):
    """Counts values by the second in which they come; messages by topic and event.

    Arguments:
        stream: what is counted.
        scheduler: whose clock counts.
    """

    moves = True

    def __init__(self, stream: Observable[Any], scheduler: abc.SchedulerBase | None = None) -> None:
        super().__init__(scheduler)
        self._stream = stream
        self._series: dict[tuple[str, str], Series] = {}
        self._second = 0
        self._ended: str | None = None

    def _watch(self) -> None:
        self._second, self._ended = floor(self.now), None
        self._follow(self._stream, self._count, self._end)

    def _count(self, value: object) -> None:
        self._turn()
        key = (value.topic, value.event) if isinstance(value, Message) else _VALUES
        series = self._series.get(key) or self._begin(key)
        series.total += 1
        series.this_second += 1

    def _begin(self, key: tuple[str, str]) -> Series:
        if len(self._series) >= _KEPT:
            key = _OTHERS
        return self._series.setdefault(key, Series(*key, len(self._series)))

    def _turn(self) -> None:
        second = floor(self.now)
        if second > self._second:
            for series in self._series.values():
                series.turn(second - self._second)
            self._second = second

    def _end(self, error: Exception | None) -> None:
        self._ended = "completed" if error is None else reason(error)

    def _look(self) -> RatesLook:
        self._turn()
        ranked = sorted(self._series.values(), key=lambda series: -series.total)
        hidden = ranked[_SHOWN:]
        return RatesLook(
            self._second * 1000.0,
            sum(series.total for series in ranked),
            sum(series.seconds[-1] for series in ranked),
            [
                SeriesLook(series.topic, series.event, series.slot, series.total, list(series.seconds))
                for series in ranked[:_SHOWN]
            ],
            (len(hidden), sum(series.total for series in hidden)),
            self._ended,
        )

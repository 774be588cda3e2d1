"""The time axis of a picture: where an instant stands, which gaps are folded, and what is written below.

What lives here: the arithmetic of the axis. What does not: how it looks (``svg.py``).

Between two folds the axis is true to scale: the smallest gap is just wide enough for two circles side by side, and a
gap many times as long as that is folded.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from rxphoenix.testing.drawing import Drawing, Instant
from rxphoenix.testing.printing import duration_text

__all__ = ["Axis", "Tick", "columns", "instant_text"]

_SMALLEST_GAP = 30.0
_LONGEST_GAP = 10
_FOLDED_GAP = 64.0
_CHARACTER = 6.2
_SPACE = 10.0
_END = 28.0
_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_WIDE_STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 18_000, 36_000)


class Tick(NamedTuple):
    """A mark on the axis; one that has no room for its text has none.

    Arguments:
        instant: in microseconds from time zero.
        text: what is written below it.
    """

    instant: Instant
    text: str


class Axis:
    """Maps the instants of some drawings to positions, in pixels from the first of them.

    Arguments:
        drawings: what is to be placed; time zero is always on the axis.

    Example:
        ```python
        from rxphoenix.testing.axis import Axis
        from rxphoenix.testing.notation import parse

        axis = Axis([parse("-a-b 1m c")])
        assert axis.position(3_000) - axis.position(1_000) == 2 * axis.position(1_000)
        assert len(axis.folds) == 1
        ```
    """

    def __init__(self, drawings: Sequence[Drawing]) -> None:
        happening = sorted({0, *(instant for drawing in drawings for instant in _instants(drawing))})
        gaps = [later - earlier for earlier, later in pairwise(happening)]
        shortest = min(gaps, default=min((drawing.frame for drawing in drawings), default=1_000))
        self._scale = _SMALLEST_GAP / shortest
        self._last = happening[-1]
        end = max([self._last, *(drawing.length for drawing in drawings)])
        self._instants = happening if end == self._last else [*happening, end]
        self._positions = [0.0]
        self._runs: list[list[Instant]] = [[self._instants[0]]]
        self.folds: list[float] = []
        """The middles of the gaps that are folded, in pixels."""
        for earlier, later in pairwise(self._instants):
            before = self._positions[-1]
            if later - earlier > _LONGEST_GAP * shortest:
                texts = columns(instant_text(earlier)) + columns(instant_text(later))
                width = max(_FOLDED_GAP, texts * _CHARACTER / 2 + _SPACE)
                self.folds.append(before + width / 2)
                self._runs.append([later])
            else:
                width = (later - earlier) * self._scale
                self._runs[-1].append(later)
            self._positions.append(before + width)
        self.first: Instant = self._instants[0]
        """The instant at position 0, in microseconds."""
        self.width: float = self._positions[-1] + _END
        """The length of the axis, in pixels."""
        self.ticks: tuple[Tick, ...] = tuple(sorted(self._ticks()))
        """What to mark on the axis, in order."""

    def position(self, instant: Instant) -> float:
        """Find the place of an instant, in pixels; what is beyond the ends stands at the end."""
        index = bisect_right(self._instants, instant) - 1
        if index < 0:
            return 0.0
        if index == len(self._instants) - 1:
            return self._positions[-1]
        earlier, later = self._instants[index : index + 2]
        width = self._positions[index + 1] - self._positions[index]
        return self._positions[index] + width * (instant - earlier) / (later - earlier)

    def windows(self, widest: float) -> tuple[tuple[float, float], ...]:
        """Cut the axis into pieces that are not wider, as lines of text are: between instants, never at one.

        Arguments:
            widest: how wide a piece may be, in pixels; one that cannot be cut is wider.

        Returns:
            Where each piece begins and ends, in pixels.
        """
        cuts, possible = [0.0], 0.0
        for before, after in pairwise(self._positions):
            # behind the mark of a fold, else halfway
            width = after - before
            folded = any(before < fold < after for fold in self.folds)
            if after + _END > cuts[-1] + widest and possible > cuts[-1]:
                cuts.append(possible)
            possible = before + width * (0.75 if folded else 0.5)
        return tuple(pairwise([*cuts, self.width]))

    def _ticks(self) -> Iterator[Tick]:
        taken: list[tuple[float, float]] = []
        marked: set[Instant] = set()

        def place(instant: Instant) -> Tick | None:
            text = instant_text(instant)
            middle, half = self.position(instant), (columns(text) * _CHARACTER + _SPACE) / 2
            if any(middle - half < right and left < middle + half for left, right in taken):
                return None
            taken.append((middle - half, middle + half))
            marked.add(instant)
            return Tick(instant, text)

        # Where time goes on after a fold must be told; what else there is room for comes after that.
        starts = [0, *(run[0] for run in self._runs)]
        regular = [instant for run in self._runs for instant in self._regular(run[0], run[-1])]
        ends = [run[-1] for run in self._runs if run[-1] <= self._last]
        for instant in [*starts, *regular, *ends]:
            if instant not in marked and (tick := place(instant)) is not None:
                yield tick

    def _regular(self, first: Instant, last: Instant) -> Iterator[Instant]:
        """The round instants of one run, far enough apart for their texts."""
        widest = max(columns(instant_text(first)), columns(instant_text(last)), 4) * _CHARACTER + _SPACE
        steps = [size * unit for unit in (1, 1_000) for size in _STEPS] + [size * 1_000_000 for size in _WIDE_STEPS]
        step = next((step for step in steps if step * self._scale >= widest), steps[-1])
        while step * self._scale < widest:
            step *= 2
        yield from range(-(-first // step) * step, last + 1, step)


def instant_text(instant: Instant) -> str:
    """Write an instant with its unit, as ``10ms``.

    Arguments:
        instant: in microseconds from time zero.
    """
    if not instant:
        return "0"
    return ("\N{MINUS SIGN}" if instant < 0 else "") + duration_text(abs(instant))


def columns(text: str) -> int:
    """Count the columns that a text takes, of which the characters of some scripts take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _instants(drawing: Drawing) -> Iterator[Instant]:
    yield from (mark.instant for mark in drawing.marks)
    yield from (instant for instant in (drawing.subscribed, drawing.disposed) if instant is not None)

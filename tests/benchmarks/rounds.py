"""Measuring in rounds, and what to make of the figures.

In each round everybody measures once, in turn, so that whatever else the machine does meets all alike; who begins
changes from round to round. A ratio is taken within each round; what counts is the median of all rounds.

What lives here: rounds, medians, spread, targets. What does not: what is measured (``measures.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Literal, NamedTuple

__all__ = ["Figure", "Ratio", "Target", "in_turn", "ratio"]


class Figure(NamedTuple):
    """What one thing cost, over all rounds.

    Arguments:
        values: one for each round.
    """

    values: Sequence[float]

    @property
    def median(self) -> float:
        """The median."""
        return median(self.values)

    def shown(self, scale: float = 1.0, digits: int = 2) -> str:
        """The median, with the least and the greatest value."""
        low, high = min(self.values) * scale, max(self.values) * scale
        return f"{self.median * scale:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


class Ratio(NamedTuple):
    """How much of one thing there is for one of another.

    Arguments:
        values: one for each round.
    """

    values: Sequence[float]

    @property
    def median(self) -> float:
        """The median."""
        return median(self.values)


def ratio(one: Figure, other: Figure) -> Ratio:
    """The ratio of two figures, within each round."""
    return Ratio([mine / yours for mine, yours in zip(one.values, other.values, strict=True)])


class Target(NamedTuple):
    """What a figure is to reach.

    Arguments:
        what: what is compared.
        value: what it came to.
        bound: which side of the limit is the good one.
        limit: the limit.
        unit: of both.
    """

    what: str
    value: float
    bound: Literal["at most", "at least"]
    limit: float
    unit: str = "x"

    @property
    def is_met(self) -> bool:
        """Whether it was reached."""
        return self.value <= self.limit if self.bound == "at most" else self.value >= self.limit

    def missed_by(self) -> str:
        """How far it was missed, in words."""
        part = abs(self.value / self.limit - 1)
        space = "" if self.unit == "x" else " "
        found, limit = f"{self.value:,.2f}{space}{self.unit}", f"{self.limit:,g}{space}{self.unit}"
        return f"{self.what}: {found}, {part:.0%} {'more' if self.bound == 'at most' else 'less'} than {limit}"

    def row(self) -> str:
        """The row of a table."""
        space = "" if self.unit == "x" else " "
        verdict = "yes" if self.is_met else "**no**"
        goal = f"{self.bound} {self.limit:,g}{space}{self.unit}"
        return f"| {self.what} | {goal} | {self.value:,.2f}{space}{self.unit} | {verdict} |"


def in_turn(rounds: int, measures: Mapping[str, Callable[[], Mapping[str, float]]]) -> dict[str, dict[str, Figure]]:
    """Have everybody measure once in each round.

    Arguments:
        rounds: how many rounds.
        measures: by name, what returns named figures.

    Returns:
        By name, the figures by name.
    """
    taken: dict[str, list[Mapping[str, float]]] = {name: [] for name in measures}
    names = list(measures)
    for number in range(rounds):
        for name in _rotated(names, number):
            taken[name].append(measures[name]())
    return {
        name: {key: Figure([each[key] for each in all_of_it]) for key in all_of_it[0]}
        for name, all_of_it in taken.items()
    }


def _rotated(names: list[str], by: int) -> Iterable[str]:
    by %= len(names)
    return names[by:] + names[:by]

"""What a marble drawing says: marks with exact instants, one lane at a time.

What lives here: the data that a drawing means, and when two drawings mean the same. What does not: how a drawing is
written as text (``notation.py``) or as a picture (``svg.py``), and anything that runs one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

__all__ = [
    "FRAME",
    "Completed",
    "Drawing",
    "Failed",
    "Instant",
    "Mark",
    "Next",
    "microseconds",
    "same_error",
    "same_value",
]

Instant: TypeAlias = int
"""A moment in microseconds from time zero: whole, so that comparing two of them is exact."""

FRAME: Instant = 1_000
"""How long one character of a drawing lasts unless said otherwise, in microseconds."""

_MICROSECONDS_A_SECOND = 1_000_000
_FLOATING = 0.05
"""By how many microseconds a sum of floats may miss what was meant; in years of virtual time it does by less."""


def microseconds(seconds: float) -> Instant:
    """Turn seconds into whole microseconds.

    Arguments:
        seconds: a duration or an instant in seconds; ``0.001`` is one millisecond, as it is written, and ``0.1 + 0.2``
            three hundred, as it is meant.

    Raises:
        TypeError: it is no number.
        ValueError: it is not a whole number of microseconds.

    Example:
        ```python
        from rxphoenix.testing.drawing import microseconds

        assert microseconds(0.001) == 1_000
        ```
    """
    if not isinstance(seconds, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"expected seconds as a number, not {seconds!r}")
    exact = seconds * _MICROSECONDS_A_SECOND
    if not math.isfinite(exact) or abs(exact - round(exact)) > _FLOATING:
        raise ValueError(f"expected seconds as a whole number of microseconds, not {seconds!r}")
    return round(exact)


def same_value(one: Any, other: Any) -> bool:
    """Tell whether two values are equal: by ``==``, or the same object (which ``nan`` is to itself only so).

    Errors are compared as those that end a stream are, also inside of tuples and structs: a ``Fault`` equals another
    one of the same topic and event with an equal error.
    """
    if one is other:
        return True
    if isinstance(one, BaseException) and isinstance(other, BaseException):
        return same_error(one, other)
    if type(one) is type(other) and isinstance(one, (tuple, msgspec.Struct)):
        mine, yours = _fields(one), _fields(other)
        return len(mine) == len(yours) and all(map(same_value, mine, yours))
    try:
        return bool(one == other)
    except Exception:
        # Arrays and the like compare to what is no truth; a comparison that cannot be made is not equal.
        return False


def _fields(value: Any) -> tuple[Any, ...]:
    # by attribute, because a message decodes its payload when it is looked at
    if isinstance(value, msgspec.Struct):
        return tuple(getattr(value, name) for name in value.__struct_fields__)
    return value


def same_error(one: BaseException, other: BaseException) -> bool:
    """Tell whether two errors are equal: of one type, with equal arguments."""
    return type(one) is type(other) and len(one.args) == len(other.args) and all(map(same_value, one.args, other.args))


@dataclass(frozen=True, slots=True, eq=False)
class Next:
    """A value, when it was emitted.

    Arguments:
        instant: in microseconds from time zero.
        value: the value; two marks are compared by the ``==`` of theirs.
        symbol: the character that stands for it in the text; ``""`` leaves the choice to whoever prints. It tells
            nothing about what happened, and is not compared.
    """

    instant: Instant
    value: Any
    symbol: str = ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Next):
            return NotImplemented
        return self.instant == other.instant and same_value(self.value, other.value)

    __hash__ = None  # type: ignore[assignment]  # a value may be a dict


@dataclass(frozen=True, slots=True, eq=False)
class Failed:
    """The end by an error, and when.

    Arguments:
        instant: in microseconds from time zero.
        error: the error; two marks are compared by its type and arguments.
    """

    instant: Instant
    error: BaseException

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Failed):
            return NotImplemented
        return self.instant == other.instant and same_error(self.error, other.error)

    __hash__ = None  # type: ignore[assignment]  # the arguments of an error may be anything


@dataclass(frozen=True, slots=True)
class Completed:
    """The end without an error, and when.

    Arguments:
        instant: in microseconds from time zero.
    """

    instant: Instant


Mark: TypeAlias = Next | Failed | Completed
"""What an observer can be told."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One lane: what an observable emits and when, and when it is subscribed to and disposed of.

    Two drawings are equal if their marks, subscription and disposal are; how long a frame of theirs is, and how far
    they were drawn, is a matter of drawing.

    Arguments:
        marks: in the order in which they happen.
        subscribed: the instant of the subscription (``^``), or ``None`` if it is not drawn.
        disposed: the instant of the disposal (``!``), or ``None`` if it is not drawn.
        frame: how long one character lasts, in microseconds.
        length: the instant up to which the lane is drawn, in microseconds from time zero.

    Example:
        ```python
        from rxphoenix.testing.drawing import Completed, Drawing, Next

        drawing = Drawing((Next(2_000, {"body": "hello"}, "a"), Completed(5_000)))
        assert drawing == Drawing((Next(2_000, {"body": "hello"}), Completed(5_000)), length=9_000)
        ```
    """

    marks: tuple[Mark, ...] = ()
    subscribed: Instant | None = None
    disposed: Instant | None = None
    frame: Instant = field(default=FRAME, compare=False)
    length: Instant = field(default=0, compare=False)

    def _repr_svg_(self) -> str:
        """The picture that a notebook shows."""
        from rxphoenix.testing.svg import Lane, svg

        return svg([Lane("", self)])

    __hash__ = None  # type: ignore[assignment]  # a mark has none

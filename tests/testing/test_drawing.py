from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from rxphoenix import ConnectionLost, Fault
from rxphoenix.testing.drawing import Completed, Drawing, Failed, Next, microseconds, same_error, same_value


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.001, 1_000), (1, 1_000_000), (0.000001, 1), (0.1, 100_000), (86_400.000_001, 86_400_000_001), (-0.5, -500_000),
     (0, 0), (0.1 + 0.2, 300_000), (31_536_000.1 + 0.2, 31_536_000_300_000)],
)  # fmt: skip
def test_seconds_become_whole_microseconds_as_they_are_written(seconds: float, expected: int):
    assert microseconds(seconds) == expected


@pytest.mark.parametrize("seconds", [1e-7, 0.000_001_5, float("nan"), float("inf")])
def test_what_is_not_a_whole_number_of_microseconds_is_refused(seconds: float):
    with pytest.raises(ValueError, match="whole number of microseconds"):
        microseconds(seconds)


@pytest.mark.parametrize("seconds", ["10ms", None])
def test_what_is_no_number_of_seconds_is_refused(seconds: Any):
    with pytest.raises(TypeError, match=f"expected seconds as a number, not {seconds!r}"):
        microseconds(seconds)


def test_values_are_compared_by_their_equality_and_instants_exactly():
    assert Next(1, {"a": [1]}) == Next(1, {"a": [1]})
    assert Next(1, 2) == Next(1, 2.0)
    assert Next(1, 2) != Next(2, 2)
    assert Next(1, 2) != Next(1, 3)
    assert Next(1, "a", "a") == Next(1, "a", "x")
    assert Next(1, None) != Completed(1)
    assert Completed(1) == Completed(1) != Completed(2)


def test_errors_are_compared_by_type_and_arguments():
    assert Failed(1, ValueError("a", 1)) == Failed(1, ValueError("a", 1))
    assert Failed(1, ValueError("a")) != Failed(2, ValueError("a"))
    assert Failed(1, ValueError("a")) != Failed(1, ValueError("b"))
    assert Failed(1, ValueError("a")) != Failed(1, ValueError("a", 1))
    assert Failed(1, ValueError("a")) != Failed(1, Exception("a"))
    assert Failed(1, ValueError("a")) != Completed(1)
    assert not same_error(KeyError("a"), LookupError("a"))


class Array:
    """Compares as the arrays of numerical packages do."""

    def __eq__(self, other: object):
        raise TypeError("the truth of an array is ambiguous")

    __hash__ = None  # type: ignore[assignment]


def test_what_cannot_be_compared_equals_only_itself():
    array = Array()
    assert same_value(array, array)
    assert not same_value(array, Array())
    nan = float("nan")
    assert same_value(nan, nan)
    assert not same_value(nan, float("nan"))


def test_drawings_are_equal_if_what_happens_is():
    drawing = Drawing((Next(1, "a"), Completed(2)), subscribed=0, disposed=3)
    assert drawing == dataclasses.replace(drawing, frame=10, length=99)
    assert drawing != dataclasses.replace(drawing, marks=drawing.marks[:1])
    assert drawing != dataclasses.replace(drawing, subscribed=None)
    assert drawing != dataclasses.replace(drawing, disposed=4)
    assert drawing != "-a|"


@pytest.mark.parametrize("value", [Drawing(), Next(0, 1), Failed(0, ValueError())])
def test_what_may_hold_anything_is_not_hashable(value: object):
    with pytest.raises(TypeError):
        hash(value)


def test_drawings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Drawing().frame = 2  # type: ignore[misc]


def test_a_notebook_shows_a_drawing_as_a_picture() -> None:
    picture = Drawing((Next(2_000, 7), Completed(4_000)), length=5_000)._repr_svg_()
    assert picture.startswith("<svg")
    assert ">7<" in picture


def test_errors_inside_of_values_are_compared_as_errors_are() -> None:
    def fault(words: str) -> Fault:
        return Fault("room:a", None, ConnectionLost(words))

    assert same_value(fault("restart"), fault("restart"))
    assert not same_value(fault("restart"), fault("other"))
    assert same_value((1, [2], ValueError(3)), (1, [2], ValueError(3)))
    assert not same_value((1, ValueError(3)), (1, TypeError(3)))
    assert not same_value((1,), (1, 2))

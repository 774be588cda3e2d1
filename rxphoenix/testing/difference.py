"""How two drawings differ: one above the other, a caret where they part, and the values that differ.

What lives here: comparing, and the text of a failure. What does not: who compares (``expectations.py``, ``seen.py``),
and reading and printing drawings (``notation.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from rxphoenix.testing.drawing import Completed, Drawing, Failed, Instant, Mark, Next
from rxphoenix.testing.notation import legend, render
from rxphoenix.testing.printing import duration_text
from rxphoenix.testing.shown import clipped

__all__ = ["compare", "one_above_the_other"]

_SHOWN = 20
"""How many marks are shown of what happened after it went wrong."""

_LONGEST = 600
"""How many characters are shown of a value."""


def compare(name: str, expected: Drawing, actual: Drawing, symbols: Mapping[str, Any]) -> str | None:
    """Show how two drawings differ: one above the other, a caret where they part, and the values that differ.

    Arguments:
        name: what was drawn.
        expected: what should have happened.
        actual: what did.
        symbols: what the characters of the expected drawing stand for.

    Returns:
        The text, or ``None`` where both are equal.

    Example:
        ```python
        from rxphoenix.testing.expectations import compare
        from rxphoenix.testing.notation import parse

        print(compare("the clock", parse("--a--|"), parse("--a---|"), {}))
        ```
    """
    if expected.marks == actual.marks:
        return None
    index = _first_difference(expected.marks, actual.marks)
    wanted = expected.marks[index] if index < len(expected.marks) else None
    got = actual.marks[index] if index < len(actual.marks) else None
    more = actual.marks[max(index, len(expected.marks)) + _SHOWN :]
    if more:
        actual = replace(actual, marks=actual.marks[: -len(more)], length=0)
    used = {**{mark.symbol: mark.value for mark in expected.marks if isinstance(mark, Next)}, **symbols}
    drawn, happened = render(expected, symbols=used), render(actual, symbols=used)
    names = {**legend(actual, used), **legend(expected, used)}
    caret = None if drawn != happened else min(len(drawn), max(drawn.find("#"), 0))
    lines = [f"{name} did not do what was drawn", *one_above_the_other(drawn, happened, caret)]
    if more:
        lines.append(
            f"    and {len(more)} more, the last one at {more[-1].instant / 1000:g} ms, which are not shown; "
            'what never ends is disposed of by a drawing of its subscription, such as "^---!"'
        )
    lines += [f"    {line}" for line in _both(_described(wanted), _described(got))]
    lines += [f"    {hint}" for hint in _hints(wanted, got, symbols, expected.frame)]
    shown = (f"    {symbol} = {value!r}" for symbol, value in names.items() if symbol in drawn + happened)
    return "\n".join([*lines, *(clipped(line, _LONGEST) for line in shown)])


def _both(expected: str, actual: str) -> Iterator[str]:
    """What was expected and what happened, each in a line; of long ones the part where they differ."""
    at = next((index for index, (one, other) in enumerate(zip(expected, actual, strict=False)) if one != other), 0)
    start = 0 if max(len(expected), len(actual)) <= _LONGEST else max(0, at - _LONGEST // 3)
    for label, text in (("expected: ", expected), ("actual:   ", actual)):
        yield f"{label}{'…' if start else ''}{clipped(text[start:], _LONGEST)}"


def _first_difference(one: tuple[Mark, ...], other: tuple[Mark, ...]) -> int:
    pairs: Iterable[tuple[Mark, Mark]] = zip(one, other, strict=False)
    return next((index for index, (mine, yours) in enumerate(pairs) if mine != yours), min(len(one), len(other)))


def _hints(wanted: Mark | None, got: Mark | None, symbols: Mapping[str, Any], frame: Instant) -> Iterator[str]:
    """What may have been forgotten, where two marks differ."""
    if isinstance(wanted, Next) and wanted.value is wanted.symbol and wanted.symbol not in symbols:
        if symbols or (isinstance(got, Next) and not isinstance(got.value, str)):
            yield f"{wanted.symbol!r} stands for itself, because no value was given for it"
    elif isinstance(wanted, Next) and isinstance(got, Next) and _is_a_character(got.value, wanted.value):
        yield f"{got.value!r} may be a character of another drawing, for which no value was given"
    if wanted is not None and got is not None and _is_far(wanted.instant, got.instant):
        yield f"a character is a frame, and a frame lasts {duration_text(frame)} here"


def _is_a_character(value: object, wanted: object) -> bool:
    return isinstance(value, str) and len(value) == 1 and not isinstance(wanted, str)


def _is_far(one: Instant, other: Instant) -> bool:
    """Whether it looks as if two instants were told in different units."""
    return max(one, other) >= 10 * min(one, other) > 0


def one_above_the_other(expected: str, actual: str, caret: int | None = None) -> list[str]:
    """Two drawings in lines one above the other, and a caret where they part, or at the column that is given."""
    lines = [f"    expected  {expected}", f"    actual    {actual}"]
    if caret is None:
        if expected == actual:
            return lines
        shorter = min(len(expected), len(actual))
        caret = next((index for index in range(shorter) if expected[index] != actual[index]), shorter)
    return [*lines, "              " + " " * caret + "^"]


def _described(mark: Mark | None) -> str:
    match mark:
        case None:
            return "nothing more"
        case Next(instant, value):
            return f"{value!r} at {instant / 1000:g} ms"
        case Failed(instant, error):
            return f"the error {error!r} at {instant / 1000:g} ms"
        case Completed(instant):
            return f"completion at {instant / 1000:g} ms"

"""Marble drawings as text: the notation of RxJS's run mode, read and written.

What lives here: the notation, and mistakes in it. What does not: what a drawing means (``drawing.py``), its picture
(``svg.py``), and anything that runs it.

=============  =====================================================================================================
``-``          one frame passes
a character    a value, which takes one frame; looked up in ``values``, and itself where it is not found there
``|`` ``#``    completion, an error
``^``          the subscription. In the lane of an observable it is time zero, and what stands left of it was before
``!``          the disposal
``(ab|)``      several at one instant, that of ``(``; the clock then goes on by the width of the group, 5 frames here
``10ms``       time passes: ``ms``, ``s`` or ``m``, with decimals; apart from its neighbours by spaces
space          nothing; any number of them, so that lanes can be aligned
=============  =====================================================================================================

Where RxJS is silent or lax, this is what happens here:

- A time progression may end the drawing. (RxJS takes ``10ms`` there for four values, unless a space follows.)
- One that begins after a space and runs into its neighbour, as in ``10ms|``, is a mistake. (RxJS: four values.)
- Inside a group ``-`` only makes it wider, as in RxJS. Time passes there by a progression, as in ``(ab 0.5ms c)``:
  what is closer together than its characters are wide can be drawn so. Such a group ends one frame after its last
  instant.
- What could never happen is a mistake: anything after ``|`` or ``#``, a second ``^``, ``!`` before ``^``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Generator, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from rxphoenix.testing.drawing import Completed, Drawing, Failed, Instant, Mark, Next
from rxphoenix.testing.printing import (
    PROGRESSION,
    RESERVED,
    UNITS,
    can_stand_for_a_value,
    frame_of,
    legend,
    render,
    render_subscription,
)

__all__ = ["MarbleSyntaxError", "legend", "parse", "parse_subscription", "render", "render_subscription", "values_of"]

_ANY_EVENT = "a value, '|', '#' or '^'"


class MarbleSyntaxError(ValueError):
    """A mistake in a drawing; its text points at the place.

    Arguments:
        drawing: the whole text.
        offset: where in it the mistake is, counted in characters from 0.
        problem: what is wrong.
        expected: what could have stood there.

    Example:
        ```python
        from rxphoenix.testing.notation import MarbleSyntaxError, parse

        try:
            parse("--a)--|")
        except MarbleSyntaxError as mistake:
            assert (mistake.line, mistake.column) == (1, 4)
        ```
    """

    def __init__(self, drawing: str, offset: int, problem: str, expected: str) -> None:
        super().__init__(drawing, offset, problem, expected)
        self.drawing = drawing
        self.offset = offset
        self.problem = problem
        self.expected = expected

    @property
    def line(self) -> int:
        """The line of the mistake, counted from 1."""
        return self.drawing.count("\n", 0, self.offset) + 1

    @property
    def column(self) -> int:
        """The column of the mistake in its line, counted in characters from 1."""
        return self.offset - self.drawing.rfind("\n", 0, self.offset)

    def __str__(self) -> str:
        text = self.drawing.split("\n")[self.line - 1]
        before = text[: self.column - 1]
        caret = " " * sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in before)
        shown = "".join(character if character.isprintable() else " " for character in text)
        place = f"line {self.line}, column {self.column}"
        return f"{place}: {self.problem}; expected {self.expected}\n    {shown}\n    {caret}^"


class _Event(NamedTuple):
    """One character that happens at an instant, counted from the left end of the drawing."""

    instant: Instant
    character: str
    offset: int


class _Scanner:
    """Walks over a text once: what happens when, from the left end on."""

    def __init__(self, text: str, frame: Instant, alphabet: str | None) -> None:
        self.text = text
        self.frame = frame
        self.alphabet = alphabet
        self.clock: Instant = 0

    def mistake(self, offset: int, problem: str, expected: str) -> MarbleSyntaxError:
        return MarbleSyntaxError(self.text, offset, problem, expected)

    def events(self) -> Iterator[_Event]:
        offset = 0
        while offset < len(self.text):
            character = self.text[offset]
            if character.isspace():
                offset += 1
            elif (progression := self._progression(offset)) is not None:
                duration, offset = progression
                self.clock += duration
            elif character == "-":
                self.clock += self.frame
                offset += 1
            elif character == "(":
                offset = yield from self._group(offset)
            elif character == ")":
                raise self.mistake(offset, "')' closes no group", "'(' before it")
            else:
                yield self._event(self.clock, offset)
                self.clock += self.frame
                offset += 1

    def _group(self, start: int) -> Generator[_Event, None, int]:
        instant, timed, empty, offset = self.clock, False, True, start + 1
        while offset < len(self.text):
            character = self.text[offset]
            if character == ")":
                if empty:
                    raise self.mistake(offset, "the group is empty", "at least one event in it")
                width = sum(not each.isspace() for each in self.text[start : offset + 1])
                self.clock = instant + self.frame * (1 if timed else width)
                return offset + 1
            if character.isspace():
                offset += 1
            elif (progression := self._progression(offset)) is not None:
                duration, offset = progression
                instant += duration
                timed = True
            elif character == "-":
                offset += 1
            elif character == "(":
                raise self.mistake(offset, "a group in a group", "an event, a time as in ' 10ms ', or ')'")
            else:
                yield self._event(instant, offset)
                empty = False
                offset += 1
        column = start - self.text.rfind("\n", 0, start)
        raise self.mistake(len(self.text), f"the group of column {column} is not closed", "')'")

    def _progression(self, offset: int) -> tuple[Instant, int] | None:
        if offset and not self.text[offset - 1].isspace():
            return None
        found = PROGRESSION.match(self.text, offset)
        if found is None:
            return None
        end = found.end()
        if end < len(self.text) and not self.text[end].isspace() and self.text[end] != ")":
            digit, rest = found[0][0], found[0][1:]
            raise self.mistake(
                end, f"'{found[0]}' runs into what follows", f"a space ('{digit} {rest}' if these are values)"
            )
        duration = Fraction(found["number"]) * UNITS[found["unit"]]
        if duration.denominator != 1:
            raise self.mistake(offset, f"'{found[0]}' is a fraction of a microsecond", "whole microseconds")
        return duration.numerator, end

    def _event(self, instant: Instant, offset: int) -> _Event:
        character = self.text[offset]
        if self.alphabet is not None and character not in self.alphabet:
            known = ", ".join(f"'{each}'" for each in self.alphabet)
            raise self.mistake(offset, f"{character!r} in the drawing of a subscription", f"{known}, '-' or a time")
        if not character.isprintable():
            raise self.mistake(offset, f"the character {character!r} cannot be seen", _ANY_EVENT)
        return _Event(instant, character, offset)


def parse(
    text: str,
    values: Mapping[str, Any] | Sequence[Any] | None = None,
    error: BaseException | None = None,
    *,
    frame: float = 0.001,
    kind: Literal["lane", "hot", "cold"] = "lane",
) -> Drawing:
    """Read the drawing of an observable.

    Arguments:
        text: the drawing.
        values: what its characters stand for, by character, or a sequence for ``0`` and on; what is not in it stands
            for itself.
        error: what ``#`` stands for, by default ``Exception("error")``.
        frame: how long one character lasts, in seconds.
        kind: ``"cold"`` forbids ``^`` and ``!``, ``"hot"`` forbids ``!``, ``"lane"`` allows both.

    Raises:
        MarbleSyntaxError: there is a mistake in the text.
        TypeError: it is no text.
        ValueError: the frame is not a whole number of microseconds, at least one; or no drawing can show a character
            of the values.

    Example:
        ```python
        from rxphoenix.testing.drawing import Completed, Next
        from rxphoenix.testing.notation import parse

        drawing = parse("--a 1s (b|)", {"a": 1, "b": 2})
        assert drawing.marks == (Next(2_000, 1), Next(1_003_000, 2), Completed(1_003_000))
        ```
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a drawing is a string, not {text!r}; give what its characters stand for as values=")
    scanner = _Scanner(text, frame_of(frame), None)
    known = values_of(values)
    marks: list[Mark] = []
    ended: str | None = None
    points = _Points(scanner)
    for event in scanner.events():
        instant, character, offset = event
        if character == "^" and kind == "cold":
            raise scanner.mistake(offset, "a cold observable has no '^', it starts when subscribed to", "a frame")
        if character == "!" and kind != "lane":
            raise scanner.mistake(offset, f"a {kind} observable has no '!'", _ANY_EVENT)
        if character in "^!":
            points.take(event)
            continue
        if ended is not None:
            raise scanner.mistake(offset, f"'{character}' after the end", f"nothing more after '{ended}'")
        if character == "|":
            marks.append(Completed(instant))
        elif character == "#":
            marks.append(Failed(instant, Exception("error") if error is None else error))
        else:
            marks.append(Next(instant, known.get(character, character), character))
        if character in "|#":
            ended = character
    zero = points.subscribed or 0
    return Drawing(
        tuple(_moved(mark, -zero) for mark in marks) if zero else tuple(marks),
        None if points.subscribed is None else 0,
        None if points.disposed is None else points.disposed - zero,
        scanner.frame,
        scanner.clock - zero,
    )


def values_of(values: Mapping[str, Any] | Sequence[Any] | None) -> Mapping[str, Any]:
    """What the characters of a drawing stand for, by character.

    Arguments:
        values: by character, or a sequence for ``0`` and on.

    Raises:
        TypeError: it is neither.
        ValueError: it has something that no drawing can show.
    """
    if isinstance(values, str) or not (values is None or isinstance(values, (Mapping, Sequence))):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f"values is a mapping such as {{'a': ...}}, from characters to what they stand for, not {values!r}"
        )
    known = values if isinstance(values, Mapping) else {str(index): value for index, value in enumerate(values or ())}
    for symbol in known:
        if not can_stand_for_a_value(symbol):
            raise ValueError(f"values has {symbol!r}, which stands for no value in a drawing: {_why_not(symbol)}")
    return known


def _why_not(symbol: object) -> str:
    if symbol == "#":
        return "what '#' stands for is given as error="
    if symbol in RESERVED:
        return "it has a meaning of its own"
    return "one character does, such as 'a'" if isinstance(symbol, str) else f"write {str(symbol)[:1]!r}"


def parse_subscription(text: str, *, frame: float = 0.001) -> tuple[Instant | None, Instant | None]:
    """Read the drawing of a subscription: when it begins (``^``) and when it is disposed of (``!``).

    Arguments:
        text: the drawing; its left end is time zero.
        frame: how long one character lasts, in seconds.

    Returns:
        The two instants in microseconds, ``None`` for what is not drawn.

    Raises:
        MarbleSyntaxError: there is a mistake in the text.
        ValueError: the frame is not a whole number of microseconds, at least one.

    Example:
        ```python
        from rxphoenix.testing.notation import parse_subscription

        assert parse_subscription("--^-- 1s !") == (2_000, 1_005_000)
        ```
    """
    scanner = _Scanner(text, frame_of(frame), "^!")
    points = _Points(scanner)
    for event in scanner.events():
        points.take(event)
    return points.subscribed, points.disposed


class _Points:
    """The subscription and the disposal, each at most once, in this order."""

    def __init__(self, scanner: _Scanner) -> None:
        self.scanner = scanner
        self.subscribed: Instant | None = None
        self.disposed: Instant | None = None

    def take(self, event: _Event) -> None:
        instant, character, offset = event
        if character == "^":
            if self.subscribed is not None:
                raise self.scanner.mistake(offset, "a second '^'", "one subscription in a drawing")
            if self.disposed is not None:
                raise self.scanner.mistake(offset, "'^' after '!'", "the subscription before its disposal")
            self.subscribed = instant
        else:
            if self.disposed is not None:
                raise self.scanner.mistake(offset, "a second '!'", "one disposal in a drawing")
            self.disposed = instant


def _moved(mark: Mark, by: Instant) -> Mark:
    match mark:
        case Next(instant, value, symbol):
            return Next(instant + by, value, symbol)
        case Failed(instant, error):
            return Failed(instant + by, error)
        case Completed(instant):
            return Completed(instant + by)

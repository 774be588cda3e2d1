"""Marble drawings, printed: the text that means the same when it is read again.

What lives here: printing, and the words that reading and printing share. What does not: reading (``notation.py``,
which offers the names from here too).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from rxphoenix.testing.drawing import Completed, Drawing, Failed, Instant, Mark, Next, microseconds, same_value

__all__ = [
    "PROGRESSION",
    "RESERVED",
    "UNITS",
    "can_stand_for_a_value",
    "duration_text",
    "frame_of",
    "legend",
    "render",
    "render_subscription",
    "symbols_for",
]

UNITS: Mapping[str, int] = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000}
"""The units of a time progression, in microseconds."""

PROGRESSION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>ms|s|m)")
"""A time progression, without the spaces around it."""

RESERVED = frozenset("-|#^!()")
"""The characters that cannot stand for a value."""


def frame_of(seconds: float) -> Instant:
    """Turn the length of a frame from seconds into microseconds; raises ``ValueError`` if it is not at least one."""
    frame = microseconds(seconds)
    if frame < 1:
        raise ValueError(f"a frame lasts at least a microsecond, not {seconds!r} s")
    return frame


def render(drawing: Drawing, *, frame: float | None = None, symbols: Mapping[str, Any] | None = None) -> str:
    """Print a drawing as text that means the same when it is read with ``legend(drawing, symbols)`` for its values.

    A gap is drawn by ``-`` while it is short and by a time progression when it is long. The subscription of a lane
    with marks is drawn where it is time zero, and left out elsewhere: it has a drawing of its own
    (``render_subscription``).

    Arguments:
        drawing: the drawing, its marks in any order.
        frame: how long one character lasts, in seconds; by default as long as in the drawing.
        symbols: what characters stand for, as ``values`` of ``parse``; these are used first.

    Raises:
        ValueError: the frame is not a whole number of microseconds, at least one.

    Example:
        ```python
        from rxphoenix.testing.drawing import Completed, Drawing, Next
        from rxphoenix.testing.notation import render

        drawing = Drawing((Next(2_000, "a"), Next(1_003_000, "b"), Completed(1_003_000)))
        assert render(drawing) == "--a 1s (b|)"
        ```
    """
    events = [(mark.instant, _character(mark)) for mark in sorted(drawing.marks, key=lambda mark: mark.instant)]
    chosen = iter(symbols_for(drawing, symbols))
    events = [(instant, character or next(chosen)) for instant, character in events]
    subscribed = drawing.subscribed
    if events and (subscribed or events[0][0] < 0):
        # Left of zero there is room only before a '^'; and where it is not zero, it would move all the others.
        subscribed = 0 if events[0][0] < 0 else None
    return _printed(events, subscribed, drawing.disposed, _chosen_frame(drawing.frame, frame), drawing.length)


def render_subscription(subscribed: Instant | None, disposed: Instant | None, *, frame: float = 0.001) -> str:
    """Print a subscription as text that ``parse_subscription`` reads as the same.

    Arguments:
        subscribed: the instant of the subscription in microseconds, or ``None``.
        disposed: the instant of the disposal in microseconds, or ``None``.
        frame: how long one character lasts, in seconds.

    Raises:
        ValueError: the frame is not a whole number of microseconds, at least one.

    Example:
        ```python
        from rxphoenix.testing.notation import render_subscription

        assert render_subscription(2_000, 5_000) == "--^--!"
        ```
    """
    return _printed([], subscribed, disposed, frame_of(frame), 0)


def legend(drawing: Drawing, symbols: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Tell what the characters stand for that ``render`` prints, as far as they don't stand for themselves.

    Arguments:
        drawing: the drawing.
        symbols: what characters stand for, as given to ``render``.

    Example:
        ```python
        from rxphoenix.testing.drawing import Drawing, Next
        from rxphoenix.testing.notation import legend, render

        drawing = Drawing((Next(0, "a"), Next(1_000, 42), Next(2_000, 42)))
        assert render(drawing) == "abb"
        assert legend(drawing) == {"b": 42}
        ```
    """
    marks = sorted(drawing.marks, key=lambda mark: mark.instant)
    values = [mark.value for mark in marks if isinstance(mark, Next)]
    pairs = zip(symbols_for(drawing, symbols), values, strict=True)
    return {symbol: value for symbol, value in pairs if not same_value(symbol, value)}


_LONGEST_RUN = 12
"""The longest gap, in frames, that is drawn frame by frame."""

_READABLE = re.compile(r"[0-9]+(\.[0-9]+)?m?s|[0-9]+(\.[0-9]{1,2})?m")
"""Minutes with more than two decimals are better told in seconds."""

_PLAIN = frozenset({bool, bytes, float, int, str, type(None)})
"""Types whose values are equal to one another only where a dictionary finds one by the other."""

_SPARE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def _chosen_frame(drawn: Instant, seconds: float | None) -> Instant:
    return drawn if seconds is None else frame_of(seconds)


def _character(mark: Mark) -> str:
    match mark:
        case Completed():
            return "|"
        case Failed():
            return "#"
        case Next():
            return ""


def can_stand_for_a_value(symbol: object) -> bool:
    """Whether a drawing can show something as a value: one character that is seen and has no meaning of its own."""
    return (
        isinstance(symbol, str)
        and len(symbol) == 1
        and symbol.isprintable()
        and not symbol.isspace()
        and symbol not in RESERVED
    )


def symbols_for(drawing: Drawing, symbols: Mapping[str, Any] | None = None) -> list[str]:
    """Choose a character for each value of a drawing, in order of time.

    One value keeps one character, and one character one value.

    Arguments:
        drawing: the drawing.
        symbols: what characters stand for; these are used first.
    """
    taken: dict[str, Any] = {}
    peculiar: dict[str, Any] = {}
    by_value: dict[Any, str] = {}

    def take(symbol: str, value: Any) -> str:
        taken[symbol] = value
        if type(value) not in _PLAIN:
            peculiar[symbol] = value
        try:
            by_value.setdefault(value, symbol)
        except Exception:
            return symbol
        return symbol

    def known(value: Any) -> str | None:
        try:
            symbol = by_value.get(value)
        except Exception:
            symbol = None
        # What cannot be hashed, or is equal for another reason than ``==``, is found by comparing.
        others = peculiar if type(value) in _PLAIN else taken
        return symbol or next((symbol for symbol, each in others.items() if same_value(each, value)), None)

    for symbol, value in (symbols or {}).items():
        if can_stand_for_a_value(symbol):
            take(symbol, value)
    marks = sorted((mark for mark in drawing.marks if isinstance(mark, Next)), key=lambda mark: mark.instant)
    # What one mark would like to be drawn as is not given to the value of another.
    wished = {wish for mark in marks for wish in (mark.symbol, mark.value) if type(wish) is str}
    spare = _spare_symbols()

    def choose(mark: Next) -> str:
        for symbol in (mark.symbol, mark.value):
            if can_stand_for_a_value(symbol) and symbol not in taken:
                return symbol
        return next(symbol for symbol in spare if symbol not in taken and symbol not in wished)

    return [known(mark.value) or take(choose(mark), mark.value) for mark in marks]


def _spare_symbols() -> Iterator[str]:
    yield from _SPARE
    for code in range(0xA1, 0x110000):
        if can_stand_for_a_value(chr(code)) and not unicodedata.combining(chr(code)):
            yield chr(code)


def _printed(
    events: list[tuple[Instant, str]],
    subscribed: Instant | None,
    disposed: Instant | None,
    frame: Instant,
    length: Instant,
) -> str:
    moments: dict[Instant, str] = {}
    points = [] if subscribed is None else [(subscribed, "^")]
    ends = [] if disposed is None else [(disposed, "!")]
    for instant, character in sorted([*points, *events, *ends], key=lambda event: event[0]):
        moments[instant] = moments.get(instant, "") + character
    pieces: list[str] = []
    clock = min([0, *moments]) if moments else 0
    for cluster in _clusters(list(moments.items()), frame):
        first, characters = cluster[0]
        pieces += _gap(first - clock, frame)
        if len(cluster) > 1:
            inner = [characters]
            for (before, _), (instant, following) in pairwise(cluster):
                inner += [_Time(duration_text(instant - before)), following]
            pieces.append("(" + _spaced(inner) + ")")
        else:
            pieces.append(f"({characters})" if len(characters) > 1 else characters)
        clock = _end(cluster, frame)
    pieces += _gap(length - clock, frame)
    return _spaced(pieces)


def _clusters(moments: list[tuple[Instant, str]], frame: Instant) -> Iterator[list[tuple[Instant, str]]]:
    """Put together what is closer to each other than the characters before it are wide."""
    cluster: list[tuple[Instant, str]] = []
    for moment in moments:
        if cluster and moment[0] >= _end(cluster, frame):
            yield cluster
            cluster = []
        cluster.append(moment)
    if cluster:
        yield cluster


def _end(cluster: list[tuple[Instant, str]], frame: Instant) -> Instant:
    instant, characters = cluster[-1]
    grouped = len(cluster) == 1 and len(characters) > 1
    return instant + frame * (len(characters) + 2 if grouped else 1)


class _Time(str):
    """A time progression among the pieces of a drawing, which values may look like."""

    __slots__ = ()


def _gap(duration: Instant, frame: Instant) -> list[str]:
    if duration <= 0:
        return []
    frames, rest = divmod(duration, frame)
    if not rest and frames <= _LONGEST_RUN:
        return ["-" * frames]
    # A few frames and a round time are shorter than a crooked time: "- 1s" rather than "1.001s".
    written = [("-" * few, _Time(duration_text(duration - few * frame))) for few in range(4) if duration > few * frame]
    return list(min(written, key=lambda pieces: len(" ".join(filter(None, pieces)))))


def duration_text(duration: Instant) -> str:
    """Write a duration in the shortest way, in a unit of which it is at least one.

    Arguments:
        duration: in microseconds, not negative.
    """
    texts = [_decimal(duration, size) + unit for unit, size in reversed(tuple(UNITS.items())) if duration >= size]
    exact = [text for text in texts if _READABLE.fullmatch(text)]
    return min(exact, key=len, default=_decimal(duration, 1_000) + "ms")


def _decimal(duration: Instant, size: int) -> str:
    whole, rest = divmod(duration, size)
    if not rest:
        return str(whole)
    digits = ""
    while rest:
        digit, rest = divmod(rest * 10, size)
        digits += str(digit)
        if len(digits) > 12:
            return "inexact"
    return f"{whole}.{digits}"


def _spaced(pieces: list[str]) -> str:
    """Join pieces, with spaces around the times and where values would be read as one."""
    words: list[str] = []
    run = ""
    for piece in pieces:
        if isinstance(piece, _Time):
            words += [_unambiguous(run), piece]
            run = ""
        else:
            run += piece
    return " ".join(filter(None, [*words, _unambiguous(run)]))


def _unambiguous(run: str) -> str:
    parts: list[str] = []
    while PROGRESSION.match(run):
        parts.append(run[0])
        run = run[1:]
    return " ".join([*parts, run])

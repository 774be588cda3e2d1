"""Marble files as figures: a picture, and a few lines of text for a docstring.

What lives here: which rows of a file make its figure, and in which order. What does not: how a picture looks
(``svg.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rxphoenix.protocol.lifecycle import SocketState
from rxphoenix.testing.drawing import FRAME, Drawing, Next, microseconds
from rxphoenix.testing.marble_file import Lane, MarbleFile
from rxphoenix.testing.marble_lanes import Lanes
from rxphoenix.testing.notation import parse, parse_subscription
from rxphoenix.testing.printing import RESERVED, duration_text
from rxphoenix.testing.svg import Lane as DrawnLane
from rxphoenix.testing.svg import Note, Operator, Row, svg

__all__ = ["figure", "figure_text"]

_WIDTH = 100
"""The columns of a text figure, so that it fits into an indented docstring."""


def figure(file: MarbleFile) -> str:
    """Draw a marble file as SVG: its given lanes, its expressions, its expected lanes.

    Arguments:
        file: the file, read.

    Raises:
        MarbleFileError: a drawing or a value cannot be read.

    Example:
        ```python
        from rxphoenix.testing.marble_figure import figure
        from rxphoenix.testing.marble_file import read

        picture = figure(read('''The same.

        given
          hot  n  -a-
        when
          n
        then
          observed  -a-
        '''))
        assert picture.startswith("<svg")
        ```
    """
    return svg(_rows(file), title=file.title)


def _rows(file: MarbleFile) -> Iterator[Row]:
    drawings = _Drawings(file)
    subscribed = {stream.name: stream.subscribed for stream in file.streams}
    if file.server is not None:
        yield Note(f"server {file.server.source}")
    for label, lane in _above(file):
        yield DrawnLane(label, drawings.of(lane))
    questions = [words for kind, words in _QUESTIONS.items() if any(lane.kind == kind for lane in file.given)]
    if questions:
        yield Note("; ".join(questions))
    options = [] if file.options is None else [f"options {file.options.source}"]
    yield Operator("\n".join([*_expressions(file), *options]))
    for lane in file.then:
        when = subscribed.get(lane.name) if lane.kind == "observed" else None
        yield DrawnLane(_label(lane), drawings.of(lane) if when is None else drawings.between(lane, when))


class _AsWritten:
    """A value as the file writes it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _AsWritten) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return self._text


class _Answer(Exception):
    """What ``#`` means as an answer of a server."""

    def __repr__(self) -> str:
        return str(self)


_CRASH, _REFUSED = _Answer("crash"), _Answer("refused, or lost")
_ANSWERS = {"connects": _REFUSED, "longpoll": _REFUSED, "joins": _CRASH, "replies": _CRASH}


class _Drawings:
    """The drawings of a file: its values are shown as they are written, its errors in their own words."""

    def __init__(self, file: MarbleFile) -> None:
        self._lanes = Lanes(file)
        self._frame = file.frame
        written = {symbol: _AsWritten(" ".join(text.source.split())) for symbol, text in file.values.items()}
        values = self._lanes.values
        self._shown = {key: value if isinstance(value, Exception) else written[key] for key, value in values.items()}
        # an attempt fails with a fault, or opens by "o", which may well be the letter of the state "open", too
        self._outcomes = {
            key: self._shown[key]
            for key, value in values.items()
            if isinstance(value, (Exception, int)) or (key, value) == ("o", SocketState.OPEN)
        }

    def of(self, lane: Lane) -> Drawing:
        """The drawing of one lane."""
        if lane.kind in ("subscribed", "subscriptions"):
            subscribed, disposed = self._lanes.at(lane, lambda: parse_subscription(lane.drawing, frame=self._frame))
            return Drawing((), subscribed=subscribed, disposed=disposed)
        values = self._outcomes if lane.kind in ("connects", "longpoll") else self._shown
        error = _ANSWERS.get(lane.kind, self._lanes.error)
        return self._lanes.at(lane, lambda: parse(lane.drawing, values, error, frame=self._frame))

    def between(self, lane: Lane, subscribed: Lane) -> Drawing:
        """The drawing of a stream with its subscription; a disposal after its end is none."""
        drawing, when = self.of(lane), self.of(subscribed)
        is_over = bool(drawing.marks) and not isinstance(drawing.marks[-1], Next)
        disposed = None if is_over else when.disposed
        return Drawing(drawing.marks, when.subscribed, disposed, drawing.frame, drawing.length)


_QUESTIONS = {
    "connects": "connects: from each attempt on",
    "longpoll": "longpoll: from each attempt on that way",
    "joins": "joins: from each join on",
    "replies": "replies: from each push on",
}
"""What the lanes of answers are drawn from."""


def _above(file: MarbleFile) -> Iterator[tuple[str, Lane]]:
    """The lanes above the expressions, each with its label; the same answer several times in a row is one lane."""
    alike = groupby(file.given, lambda lane: (lane.kind, lane.name, lane.drawing, lane.kind in _QUESTIONS or lane))
    for _key, group in alike:
        first, *more = group
        yield _label(first) + (f", {len(more) + 1} times" if more else ""), first
    if file.calls is not None:
        yield _label(file.calls), file.calls


def _label(lane: Lane) -> str:
    return f"{lane.kind} {lane.name}".strip()


def _expressions(file: MarbleFile) -> list[str]:
    return [
        f"{stream.name} = {stream.expression.source}" if stream.name else stream.expression.source
        for stream in file.streams
    ]


def figure_text(file: MarbleFile) -> str:
    """Draw a marble file as text: its lanes one below the other, its expressions, and what the letters stand for.

    Arguments:
        file: the file, read.

    Returns:
        Lines without an end of line after the last.

    Example:
        ```python
        from rxphoenix.testing.marble_figure import figure_text
        from rxphoenix.testing.marble_file import read

        print(figure_text(read('''Doubled.

        given
          hot  n  -a-
        when
          n.pipe(ops.map(lambda n: 2 * n))
        then
          observed  -b-
        where
          a = 1
          b = 2
        ''')))
        ```
    """
    drawn = [stream.subscribed for stream in file.streams if stream.subscribed is not None]
    above, below = list(_above(file)), [(_label(lane), lane) for lane in (*drawn, *file.then)]
    width = max(len(label) for label, _ in (*above, *below)) + 2
    frame = microseconds(file.frame)
    lines = [] if frame == FRAME else [f"{'frame':<{width}}{duration_text(frame)}"]
    lines += [] if file.server is None else [f"{'server':<{width}}{file.server.source}"]
    lines += [f"{label:<{width}}{lane.drawing}" for label, lane in above]
    lines += [f"{'':<{width}}{line}" for text in _expressions(file) for line in text.splitlines()]
    lines += [] if file.options is None else [f"{'options':<{width}}{' '.join(file.options.source.split())}"]
    lines += [f"{label:<{width}}{lane.drawing}" for label, lane in below]
    return "\n".join(line.rstrip() for line in [*lines, *_legend(file)])


def _legend(file: MarbleFile) -> Iterator[str]:
    """What the letters stand for, several in a line."""
    lanes = [lane for _, lane in _above(file)]
    drawn = {character for lane in (*lanes, *file.then) for character in lane.drawing}
    used = drawn - RESERVED | drawn & {"#"}
    line = ""
    for symbol, text in file.values.items():
        if symbol not in used:
            continue
        told = f"{symbol} = {' '.join(text.source.split())}"
        if line and len(line) + len(told) + 3 > _WIDTH:
            yield line
            line = ""
        line = f"{line}   {told}" if line else told
    if line:
        yield line

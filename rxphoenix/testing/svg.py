"""Marble drawings as pictures: SVG of text and shapes, the same bytes every time.

What lives here: the layout of several lanes over one time axis. What does not: how the axis folds (``axis.py``), how a
value is shown (``shown.py``), colours (``svg_style.py``), and what a drawing means (``drawing.py``).

A picture brings its own background, and colours for light and dark, since it may stand on any page. It loads and runs
nothing. Every value that is too long for a circle is abbreviated by a symbol there and told below. What is too wide for
a page goes on below, as lines of text do: all lanes up to some instant, then all lanes from there.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

from rxphoenix.testing.axis import Axis, columns, instant_text
from rxphoenix.testing.drawing import Completed, Drawing, Failed, Instant, Next
from rxphoenix.testing.shown import Shown, clipped, printable, shown, told
from rxphoenix.testing.svg_style import STYLE

__all__ = ["Lane", "Note", "Operator", "Row", "svg"]


@dataclass(frozen=True, slots=True)
class Lane:
    """A row with a drawing.

    Arguments:
        label: the name of the lane, written left of it.
        drawing: what happens in it.
    """

    label: str
    drawing: Drawing

    __hash__ = None  # type: ignore[assignment]  # a drawing has none


@dataclass(frozen=True, slots=True)
class Operator:
    """A row with a box: what is applied to the lanes above it and gives those below.

    Arguments:
        text: the expression, of one line or several.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A row with free text.

    Arguments:
        text: the text, of one line or several.
    """

    text: str


Row: TypeAlias = Lane | Operator | Note
"""What a picture is made of, from top to bottom."""

_MARGIN = 16
_RADIUS = 13
_STACKED = 30
_ABOVE = 24
_BELOW = 20
_FLAG = 12
_LINE_HEIGHT = 18
_MONOSPACE = 7.3
_HEADING = 9
_LONGEST_LABEL = 32
_WIDEST = 820
"""How wide a line of lanes may be, in pixels."""


def svg(lanes: Iterable[Row], *, title: str | None = None) -> str:
    """Draw lanes, operators and notes, from top to bottom, over one time axis.

    Arguments:
        lanes: the rows.
        title: a heading, which is also read out in place of the picture.

    Returns:
        An SVG document, without an XML declaration, so that it can stand in a page as it is.

    Example:
        ```python
        from rxphoenix.testing.notation import parse
        from rxphoenix.testing.svg import Lane, Operator, svg

        picture = svg(
            [Lane("source", parse("-a-b|")), Operator("delay(2.0)"), Lane("result", parse("-- 1.999s -a-b|"))],
            title="Two seconds later",
        )
        assert picture.startswith("<svg ")
        ```
    """
    return _Picture(list(lanes), title).text()


class _Picture:
    """One picture, built from top to bottom."""

    def __init__(self, rows: Sequence[Row], title: str | None) -> None:
        self.rows = rows
        self.title = title
        self.lanes = [row for row in rows if isinstance(row, Lane)]
        drawings = [row.drawing for row in self.lanes]
        self.axis = Axis(drawings)
        self.by_mark, self.values = shown(drawings)
        labels = [clipped(row.label, _LONGEST_LABEL) for row in self.lanes]
        self.left = _MARGIN + max((columns(label) * 7 + 16 for label in labels), default=0) + _RADIUS
        self.windows = self.axis.windows(_WIDEST)
        self.start, self.stop = self.windows[0]
        self.errors = self._errors_below()
        self.right = max(self.left + max(stop - start for start, stop in self.windows), *self._widths())
        self.parts: list[str] = []

    def _errors_below(self) -> list[str]:
        """The errors that have no room beside their marks, and are told below."""
        below: dict[str, None] = {}
        for lane in self.lanes:
            for mark in lane.drawing.marks:
                if isinstance(mark, Failed) and self._reach(mark) > self.left + _WIDEST:
                    below[told(mark.error)] = None
        return list(below)

    def _reach(self, mark: Failed) -> float:
        """How far to the right an error reaches with its text beside it."""
        position = self.axis.position(mark.instant)
        start = max(start for start, _ in self.windows if start <= position)
        return self.left + position - start + columns(told(mark.error)) * _MONOSPACE + 20

    def _widths(self) -> Iterator[float]:
        """How far to the right the texts reach."""
        yield self.left + 120
        for line in self._heading():
            yield _MARGIN + columns(line) * _HEADING
        for row in self.rows:
            match row:
                case Operator(text) | Note(text):
                    yield self.left + max(columns(line) for line in _lines(text)) * _MONOSPACE + 24
                case Lane(_, drawing):
                    failed = [mark for mark in drawing.marks if isinstance(mark, Failed)]
                    yield from (self._reach(mark) for mark in failed if told(mark.error) not in self.errors)
        texts = [value.text for value in self.values if value.text is not None]
        for text in [*texts, *self.errors]:
            yield _MARGIN + 40 + columns(text) * _MONOSPACE

    def _heading(self) -> list[str]:
        return _wrapped(self.title, (self.left + _WIDEST) // _HEADING) if self.title else []

    # -- where things stand --------------------------------------------------------------------------------------

    def _x(self, instant: Instant) -> float:
        return self._at(self.axis.position(instant))

    def _at(self, position: float) -> float:
        return self.left + position - self.start

    def _is_here(self, instant: Instant) -> bool:
        """Whether an instant is in the piece of the axis that is being drawn."""
        return self._spans(self.axis.position(instant))

    def _spans(self, position: float) -> bool:
        return self.start <= position < self.stop

    def _add(self, name: str, text: str | None = None, tooltip: str | None = None, **attributes: object) -> None:
        written = "".join(
            f' {key.rstrip("_").replace("_", "-")}="{_number(each) if isinstance(each, float) else escape(str(each))}"'
            for key, each in attributes.items()
        )
        tip = "" if tooltip is None else f"<title>{_escaped(tooltip)}</title>"
        content = tip + ("" if text is None else _escaped(text))
        self.parts.append(f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>")

    # -- from top to bottom --------------------------------------------------------------------------------------

    def text(self) -> str:
        y = float(_MARGIN)
        for line in self._heading():
            self._add("text", line, x=_MARGIN, y=y + 14, class_="heading")
            y += 20
        y += 12 if self.title else 0
        for number, window in enumerate(self.windows):
            self.start, self.stop = window
            if number == 0:
                y = self._piece(self.rows, y)
            else:
                y = self._piece([lane for lane in self.lanes if self._goes_on(lane.drawing, self.start)], y + 8)
        y = self._legend(y)
        width, height = _number(self.right + _MARGIN), _number(y + _MARGIN)
        name = f' aria-label="{_escaped(self.title)}"' if self.title else ""
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" class="marbles" role="img"{name} width="{width}" '
            f'height="{height}" viewBox="0 0 {width} {height}">',
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{width}" height="{height}" rx="6"/>',
            *self.parts,
            "</svg>\n",
        ])  # fmt: skip

    def _piece(self, rows: Sequence[Row], top: float) -> float:
        """Draw a piece of the axis with all that stands on it."""
        y, guides = top, len(self.parts)
        for row in rows:
            match row:
                case Lane():
                    y = self._lane(row, y)
                case Operator(text):
                    y = self._operator(text, y)
                case Note(text):
                    y = self._note(text, y)
        if self.lanes:
            below = self.parts[guides:]
            del self.parts[guides:]
            self._guides(top, y + 8)
            self.parts += below
            y = self._ticks(y + 8)
        return y

    def _guides(self, top: float, bottom: float) -> None:
        for tick in self.axis.ticks:
            if self._is_here(tick.instant):
                x = self._x(tick.instant)
                self._add("line", x1=x, x2=x, y1=top, y2=bottom, class_="guide")

    def _end(self) -> float:
        """Where lines end that go on: at the right of the picture, or where the piece is cut off."""
        return float(self.right) if self.stop == self.axis.width else self._at(self.stop)

    def _ticks(self, y: float) -> float:
        self._add("line", x1=float(self.left), x2=self._end(), y1=y, y2=y, class_="axis")
        for tick in self.axis.ticks:
            if not self._is_here(tick.instant):
                continue
            x = self._x(tick.instant)
            self._add("line", x1=x, x2=x, y1=y - 3, y2=y + 3, class_="line")
            if tick.text:
                self._add("text", tick.text, x=x, y=y + 17, class_="tick", text_anchor="middle")
        self._folds(y, self.left, self._end())
        return y + 24

    def _folds(self, y: float, start: float, end: float) -> None:
        """Break a horizontal line where time is left out."""
        for position in self.axis.folds:
            x = self._at(position)
            if self._spans(position) and start < x < end:
                self._add("path", d=f"M{_number(x - 5)} {_number(y)}h10", class_="gap")
                for shift in (-5, 5):
                    self._add("path", d=f"M{_number(x + shift - 3)} {_number(y + 7)}l6 -14", class_="line")

    def _operator(self, text: str, y: float) -> float:
        lines = _lines(text)
        height = len(lines) * _LINE_HEIGHT + 12
        self._add("rect", x=float(self.left), y=y + 4, width=float(self.right - self.left), height=height, rx=5,
                  class_="box")  # fmt: skip
        # the lines of an expression keep their indentation, so the block of them is what stands in the middle
        widest = max(columns(line) for line in lines) * _MONOSPACE
        x = (self.left + self.right - widest) / 2
        for number, line in enumerate(lines):
            indent = (len(line) - len(line.lstrip())) * _MONOSPACE
            self._add("text", line.lstrip(), x=x + indent, y=y + 22 + number * _LINE_HEIGHT, class_="mono")
        return y + height + 8

    def _note(self, text: str, y: float) -> float:
        lines = _lines(text)
        for number, line in enumerate(lines):
            self._add("text", line, x=float(self.left), y=y + 16 + number * _LINE_HEIGHT, class_="note")
        return y + len(lines) * _LINE_HEIGHT + 6

    # -- one lane ------------------------------------------------------------------------------------------------

    def _lane(self, row: Lane, top: float) -> float:
        drawing = row.drawing
        stacks: dict[Instant, int] = {}
        placed: list[tuple[Next | Failed | Completed, int]] = []
        here = [mark for mark in drawing.marks if self._is_here(mark.instant)]
        for mark in sorted(here, key=lambda mark: mark.instant):
            depth = stacks.get(mark.instant, 0)
            placed.append((mark, depth))
            if not isinstance(mark, Completed):
                stacks[mark.instant] = depth + 1
        flags = [instant for instant in (drawing.subscribed, drawing.disposed) if instant is not None]
        y = top + _ABOVE + (_FLAG if any(map(self._is_here, flags)) else 0)
        tooltip = row.label if len(row.label) > _LONGEST_LABEL else None
        self._add("text", clipped(row.label, _LONGEST_LABEL), tooltip, x=_MARGIN, y=y + 5)
        self._line(drawing, y)
        if drawing.subscribed is not None:
            self._flag(drawing.subscribed, y, "on", "subscribed", "l11 6l-11 6z")
        if drawing.disposed is not None:
            self._flag(drawing.disposed, y, "off", "disposed", "h-10v10h10z")
        # The bar of a completion stands behind the values of its instant.
        for mark, depth in sorted(placed, key=lambda each: not isinstance(each[0], Completed)):
            x = self._x(mark.instant)
            match mark:
                case Completed(instant):
                    reach = max(0, depth - 1) * _STACKED
                    self._add("line", None, f"completed at {instant_text(instant)}", x1=x, x2=x, y1=y - 17,
                              y2=y + 17 + reach, class_="end")  # fmt: skip
                case Failed(instant, error):
                    self._error(x, y + depth * _STACKED, instant, error)
                case Next():
                    self._value(x, y + depth * _STACKED, mark)
        return y + _BELOW + max(0, max(stacks.values(), default=1) - 1) * _STACKED

    def _goes_on(self, drawing: Drawing, position: float) -> bool:
        """Whether a lane has not ended before a position."""
        ends = _ends(drawing)
        return not ends or self.axis.position(min(ends)) >= position

    def _line(self, drawing: Drawing, y: float) -> None:
        ends = _ends(drawing)
        first, last = self._at(self.start), self._end()
        end = last if self._goes_on(drawing, self.stop) else max(first, self._x(min(ends)))
        begin = first
        if drawing.subscribed is not None and all(mark.instant >= drawing.subscribed for mark in drawing.marks):
            begin = min(last, max(first, self._x(drawing.subscribed)))
        never = drawing.subscribed is None and drawing.disposed is None and not drawing.marks
        if begin > first:
            self._add("line", x1=first, x2=begin, y1=y, y2=y, class_="idle")
        if end > begin:
            self._add("line", x1=begin, x2=end, y1=y, y2=y, class_="idle" if never else "line")
        if not ends and not never and self.stop == self.axis.width:
            self._add("path", d=f"M{_number(end - 7)} {_number(y - 5)}l7 5l-7 5", class_="line")
        self._folds(y, first, end)

    def _flag(self, instant: Instant, y: float, name: str, words: str, shape: str) -> None:
        if self._is_here(instant):
            x = self._x(instant)
            tooltip = f"{words} at {instant_text(instant)}"
            self._add("path", None, tooltip, d=f"M{_number(x)} {_number(y + 6)}V{_number(y - 30)}{shape}", class_=name)

    def _error(self, x: float, y: float, instant: Instant, error: BaseException) -> None:
        text = told(error)
        self._cross(x, y, f"{text} at {instant_text(instant)}")
        if text not in self.errors:
            self._add("text", text, x=x + 15, y=y + 4, class_="mono reason")

    def _cross(self, x: float, y: float, tooltip: str | None = None) -> None:
        self._add("path", None, tooltip, d=f"M{_number(x - 8)} {_number(y - 8)}l16 16m0 -16l-16 16", class_="error")

    def _value(self, x: float, y: float, mark: Next) -> None:
        value = self.by_mark[id(mark)]
        self._circle(x, y, value, f"{value.text or value.short} at {instant_text(mark.instant)}")

    def _circle(self, x: float, y: float, value: Shown, tooltip: str | None = None) -> None:
        self._add("circle", None, tooltip, cx=x, cy=y, r=_RADIUS, class_=f"v{value.colour}")
        small = "mono small" if columns(value.short) > 2 else "mono"
        self._add("text", value.short, x=x, y=y + 4, class_=small, text_anchor="middle")

    # -- below ---------------------------------------------------------------------------------------------------

    def _legend(self, y: float) -> float:
        """Tell the abbreviated values and the long errors, several in a row where they are short."""
        x, middle = float(_MARGIN), y - 10
        told_below = [(value, value.text) for value in self.values if value.text is not None]
        for number, (value, text) in enumerate([*told_below, *((None, text) for text in self.errors)]):
            width = 2 * _RADIUS + 10 + columns(text) * _MONOSPACE + 20
            if number == 0 or x + width > self.right:
                x, middle = float(_MARGIN), middle + 32
            if value is None:
                self._cross(x + _RADIUS, middle)
            else:
                self._circle(x + _RADIUS, middle, value)
            self._add("text", text, x=x + 2 * _RADIUS + 8, y=middle + 4, class_="mono" if value else "mono reason")
            x += width
        return max(y, middle + 16)


def _ends(drawing: Drawing) -> list[Instant]:
    """The instants at which a lane ends: completed, failed, or disposed of."""
    ends = [mark.instant for mark in drawing.marks if not isinstance(mark, Next)]
    return ends if drawing.disposed is None else [*ends, drawing.disposed]


def _lines(text: str) -> list[str]:
    return [part for line in text.splitlines() for part in _wrapped(line, _WIDEST // _MONOSPACE)] or [""]


def _wrapped(line: str, widest: float) -> list[str]:
    """Break a line at spaces where it is too long; what follows is indented."""
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(printable(line), int(widest), initial_indent="", subsequent_indent=f"{indent}    ") or [""]


def _escaped(text: str) -> str:
    return escape(printable(text))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")

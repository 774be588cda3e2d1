"""Marble drawings as pictures: SVG of text and shapes, the same bytes every time.

What lives here: the layout of several lanes over one time axis, and how it looks. What does not: how the axis folds
(``axis.py``), what a drawing means (``drawing.py``) or how it is written as text (``notation.py``).

A picture brings its own background, and colours for light and dark, since it may stand on any page. It loads and runs
nothing. Every value that is too long for a circle is abbreviated by a symbol there and told below.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple, TypeAlias

from rxphoenix.testing.axis import Axis, columns, instant_text
from rxphoenix.testing.drawing import Completed, Drawing, Failed, Instant, Next
from rxphoenix.testing.printing import symbols_for

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
_LONGEST_LABEL = 32
_LONGEST_TEXT = 90
_LONGEST_IN_CIRCLE = 3

_SHAPES = """
.marbles{font:13px system-ui,sans-serif}
.marbles .mono{font:12px ui-monospace,monospace;white-space:pre}
.marbles .heading{font-weight:600;font-size:15px}
.marbles .tick{font-size:11px}
.marbles .small{font-size:10px}
.marbles .line{stroke-width:1.5;fill:none}
.marbles .idle{stroke-dasharray:2 4}
.marbles .gap{stroke-width:6}
.marbles .end{stroke-width:3}
.marbles .error{stroke-width:3;fill:none}
.marbles circle{stroke-width:1.5}
"""
_COLOURED = (
    "text{fill:INK}", ".tick,.note{fill:FAINT}", ".reason{fill:BAD}", ".page{fill:PAGE}", ".box{fill:BOX;stroke:FAINT}",
    ".guide{stroke:GUIDE}", ".axis,.idle{stroke:FAINT}", ".line,.end{stroke:INK}", ".gap{stroke:PAGE}",
    ".error{stroke:BAD}", ".on{stroke:GOOD;fill:GOOD}", ".off{stroke:BAD;fill:BAD}",
)  # fmt: skip
_LIGHT = {
    "PAGE": "#fff", "INK": "#1f2328", "FAINT": "#656d76", "GUIDE": "#e7eaee", "BOX": "#f3f5f8", "BAD": "#cf222e",
    "GOOD": "#1a7f37",
}  # fmt: skip
_DARK = {
    "PAGE": "#0d1117", "INK": "#e6edf3", "FAINT": "#9198a1", "GUIDE": "#21262d", "BOX": "#161b22", "BAD": "#ff7b72",
    "GOOD": "#3fb950",
}  # fmt: skip
_CIRCLES_LIGHT = (
    ("#dbeafe", "#2563eb"), ("#fde7c8", "#b45f06"), ("#d6f2dd", "#1a7f37"), ("#f3dcf5", "#9a3fa5"),
    ("#d3f1f4", "#0b7285"), ("#fbdcdc", "#c2373d"),
)  # fmt: skip
_CIRCLES_DARK = (
    ("#16315c", "#6cb0ff"), ("#4a3010", "#e3a857"), ("#123d22", "#56d364"), ("#45214a", "#d89be0"),
    ("#0c3f47", "#5fc9d8"), ("#541f22", "#ff9492"),
)  # fmt: skip


def _coloured(colours: Mapping[str, str], circles: Sequence[tuple[str, str]]) -> str:
    # Plain colours rather than variables, which converters to other formats don't know.
    def rule(text: str) -> str:
        selectors, _, body = text.partition("{")
        body = re.sub("[A-Z]+", lambda name: colours[name[0]], body)
        return ",".join(f".marbles {selector}" for selector in selectors.split(",")) + "{" + body

    filled = [f".marbles .v{number}{{fill:{fill};stroke:{edge}}}" for number, (fill, edge) in enumerate(circles)]
    return "\n".join([*map(rule, _COLOURED), *filled])


_STYLE = (
    f"{_SHAPES}{_coloured(_LIGHT, _CIRCLES_LIGHT)}\n"
    f"@media (prefers-color-scheme:dark){{\n{_coloured(_DARK, _CIRCLES_DARK)}\n}}\n"
)


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


class _Shown(NamedTuple):
    """How one value is shown: in its circle, in which colour, and, if it is too long for a circle, below."""

    short: str
    colour: int
    text: str | None


class _Picture:
    """One picture, built from top to bottom."""

    def __init__(self, rows: Sequence[Row], title: str | None) -> None:
        self.rows = rows
        self.title = title
        drawings = [row.drawing for row in rows if isinstance(row, Lane)]
        self.axis = Axis(drawings)
        self.by_mark, self.values = _shown(drawings)
        labels = [_clipped(row.label, _LONGEST_LABEL) for row in rows if isinstance(row, Lane)]
        self.left = _MARGIN + max((columns(label) * 7 + 16 for label in labels), default=0) + _RADIUS
        self.right = max([self.left + self.axis.width, *self._widths()])
        self.parts: list[str] = []

    def _widths(self) -> Iterator[float]:
        """How far to the right the texts reach."""
        yield self.left + 120
        if self.title:
            yield _MARGIN + columns(self.title) * 9
        for row in self.rows:
            match row:
                case Operator(text) | Note(text):
                    yield self.left + max(columns(line) for line in _lines(text)) * _MONOSPACE + 24
                case Lane(_, drawing):
                    for mark in drawing.marks:
                        if isinstance(mark, Failed):
                            yield self._x(mark.instant) + columns(_told(mark.error)) * _MONOSPACE + 20
        for value in self.values:
            if value.text is not None:
                yield _MARGIN + 40 + columns(value.text) * _MONOSPACE

    def _x(self, instant: Instant) -> float:
        return self.left + self.axis.position(instant)

    def _add(self, name: str, text: str | None = None, tooltip: str | None = None, **attributes: object) -> None:
        written = "".join(
            f' {key.rstrip("_").replace("_", "-")}="{_number(each) if isinstance(each, float) else escape(str(each))}"'
            for key, each in attributes.items()
        )
        told = "" if tooltip is None else f"<title>{_escaped(tooltip)}</title>"
        content = told + ("" if text is None else _escaped(text))
        self.parts.append(f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>")

    def text(self) -> str:
        y = float(_MARGIN)
        if self.title:
            self._add("text", self.title, x=_MARGIN, y=y + 14, class_="heading")
            y += 32
        top, guides = y, len(self.parts)
        for row in self.rows:
            match row:
                case Lane():
                    y = self._lane(row, y)
                case Operator(text):
                    y = self._operator(text, y)
                case Note(text):
                    y = self._note(text, y)
        if any(isinstance(row, Lane) for row in self.rows):
            below = self.parts[guides:]
            del self.parts[guides:]
            self._guides(top, y + 8)
            self.parts += below
            y = self._ticks(y + 8)
        y = self._legend(y)
        width, height = _number(self.right + _MARGIN), _number(y + _MARGIN)
        name = f' aria-label="{_escaped(self.title)}"' if self.title else ""
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" class="marbles" role="img"{name} width="{width}" '
            f'height="{height}" viewBox="0 0 {width} {height}">',
            f"<style>{_STYLE}</style>",
            f'<rect class="page" width="{width}" height="{height}" rx="6"/>',
            *self.parts,
            "</svg>\n",
        ])  # fmt: skip

    def _guides(self, top: float, bottom: float) -> None:
        for tick in self.axis.ticks:
            x = self._x(tick.instant)
            self._add("line", x1=x, x2=x, y1=top, y2=bottom, class_="guide")

    def _ticks(self, y: float) -> float:
        self._add("line", x1=float(self.left), x2=self.right, y1=y, y2=y, class_="axis")
        for tick in self.axis.ticks:
            x = self._x(tick.instant)
            self._add("line", x1=x, x2=x, y1=y - 3, y2=y + 3, class_="line")
            if tick.text:
                self._add("text", tick.text, x=x, y=y + 17, class_="tick", text_anchor="middle")
        self._folds(y, self.left, self.right)
        return y + 24

    def _folds(self, y: float, start: float, end: float) -> None:
        """Break a horizontal line where time is left out."""
        for position in self.axis.folds:
            x = self.left + position
            if start < x < end:
                self._add("path", d=f"M{_number(x - 5)} {_number(y)}h10", class_="gap")
                for shift in (-5, 5):
                    self._add("path", d=f"M{_number(x + shift - 3)} {_number(y + 7)}l6 -14", class_="line")

    def _operator(self, text: str, y: float) -> float:
        lines = _lines(text)
        height = len(lines) * _LINE_HEIGHT + 12
        self._add("rect", x=float(self.left), y=y + 4, width=float(self.right - self.left), height=height, rx=5,
                  class_="box")  # fmt: skip
        middle = (self.left + self.right) / 2
        for number, line in enumerate(lines):
            self._add("text", line, x=middle, y=y + 22 + number * _LINE_HEIGHT, class_="mono", text_anchor="middle")
        return y + height + 8

    def _note(self, text: str, y: float) -> float:
        lines = _lines(text)
        for number, line in enumerate(lines):
            self._add("text", line, x=float(self.left), y=y + 16 + number * _LINE_HEIGHT, class_="note")
        return y + len(lines) * _LINE_HEIGHT + 6

    def _lane(self, row: Lane, top: float) -> float:
        drawing = row.drawing
        stacks: dict[Instant, int] = {}
        placed: list[tuple[Next | Failed | Completed, int]] = []
        for mark in sorted(drawing.marks, key=lambda mark: mark.instant):
            depth = stacks.get(mark.instant, 0)
            placed.append((mark, depth))
            if not isinstance(mark, Completed):
                stacks[mark.instant] = depth + 1
        flagged = drawing.subscribed is not None or drawing.disposed is not None
        y = top + _ABOVE + (_FLAG if flagged else 0)
        tooltip = row.label if len(row.label) > _LONGEST_LABEL else None
        self._add("text", _clipped(row.label, _LONGEST_LABEL), tooltip, x=_MARGIN, y=y + 5)
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

    def _line(self, drawing: Drawing, y: float) -> None:
        ends = [mark.instant for mark in drawing.marks if not isinstance(mark, Next)]
        ends += [] if drawing.disposed is None else [drawing.disposed]
        start, end = self._x(self.axis.first), self._x(min(ends)) if ends else float(self.right)
        begin = start
        if drawing.subscribed is not None and all(mark.instant >= drawing.subscribed for mark in drawing.marks):
            begin = self._x(drawing.subscribed)
        never = drawing.subscribed is None and drawing.disposed is None and not drawing.marks
        if begin > start:
            self._add("line", x1=start, x2=begin, y1=y, y2=y, class_="idle")
        self._add("line", x1=begin, x2=end, y1=y, y2=y, class_="idle" if never else "line")
        if not ends and not never:
            self._add("path", d=f"M{_number(end - 7)} {_number(y - 5)}l7 5l-7 5", class_="line")
        self._folds(y, start, end)

    def _flag(self, instant: Instant, y: float, name: str, told: str, shape: str) -> None:
        x = self._x(instant)
        tooltip = f"{told} at {instant_text(instant)}"
        self._add("path", None, tooltip, d=f"M{_number(x)} {_number(y + 6)}V{_number(y - 30)}{shape}", class_=name)

    def _error(self, x: float, y: float, instant: Instant, error: BaseException) -> None:
        tooltip = f"{_told(error)} at {instant_text(instant)}"
        self._add("path", None, tooltip, d=f"M{_number(x - 8)} {_number(y - 8)}l16 16m0 -16l-16 16", class_="error")
        self._add("text", _told(error), x=x + 15, y=y + 4, class_="mono reason")

    def _value(self, x: float, y: float, mark: Next) -> None:
        shown = self.by_mark[id(mark)]
        self._circle(x, y, shown, f"{shown.text or shown.short} at {instant_text(mark.instant)}")

    def _circle(self, x: float, y: float, shown: _Shown, tooltip: str | None = None) -> None:
        self._add("circle", None, tooltip, cx=x, cy=y, r=_RADIUS, class_=f"v{shown.colour}")
        small = "mono small" if columns(shown.short) > 2 else "mono"
        self._add("text", shown.short, x=x, y=y + 4, class_=small, text_anchor="middle")

    def _legend(self, y: float) -> float:
        """Tell the abbreviated values, several in a row where they are short."""
        x, middle = float(_MARGIN), y - 10
        for number, value in enumerate(value for value in self.values if value.text is not None):
            assert value.text is not None
            width = 2 * _RADIUS + 10 + columns(value.text) * _MONOSPACE + 20
            if number == 0 or x + width > self.right:
                x, middle = float(_MARGIN), middle + 32
            self._circle(x + _RADIUS, middle, value)
            self._add("text", value.text, x=x + 2 * _RADIUS + 8, y=middle + 4, class_="mono")
            x += width
        return max(y, middle + 16)


def _shown(drawings: Sequence[Drawing]) -> tuple[dict[int, _Shown], list[_Shown]]:
    """Decide how each value is shown: by the identity of its mark, and once for each that is different."""
    marks = [mark for drawing in drawings for mark in drawing.marks if isinstance(mark, Next)]
    marks.sort(key=lambda mark: mark.instant)
    # What is one character long stands for itself, whatever another lane means by that character.
    plain = {mark.value: mark.value for mark in marks if type(mark.value) is str and len(mark.value) == 1}
    symbols = symbols_for(Drawing(tuple(marks)), plain)
    texts = {symbol: _told(mark.value, plain=True) for symbol, mark in zip(symbols, marks, strict=True)}
    abbreviations = {symbol for symbol, text in texts.items() if _is_long(text)}
    different: dict[str, _Shown] = {}
    by_mark: dict[int, _Shown] = {}
    for symbol, mark in zip(symbols, marks, strict=True):
        if symbol not in different:
            text = texts[symbol]
            # A short value shows itself, unless another one is abbreviated in the same way.
            short = text if symbol not in abbreviations and text not in abbreviations else symbol
            colour = len(different) % len(_CIRCLES_LIGHT)
            different[symbol] = _Shown(short, colour, None if short == text else _told(mark.value))
        by_mark[id(mark)] = different[symbol]
    return by_mark, list(different.values())


def _is_long(text: str) -> bool:
    return not 0 < columns(text) <= _LONGEST_IN_CIRCLE or text.isspace()


class _Repr(reprlib.Repr):
    """Writes values down in the same way in every process: sets in order, no addresses, no matter how long."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = _LONGEST_TEXT
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 12

    def repr_instance(self, x: Any, level: int) -> str:
        try:
            text = repr(x)
        except Exception:
            text = f"<{type(x).__qualname__}>"
        return re.sub(r"( at)? 0x[0-9a-fA-F]{4,}", "", text)


_REPR = _Repr()


def _told(value: Any, *, plain: bool = False) -> str:
    """A value in one line; text is shown as it is where it is plain, and quoted elsewhere."""
    text = value if plain and type(value) is str else _REPR.repr(value)
    return _clipped(
        "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text), _LONGEST_TEXT
    )


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _lines(text: str) -> list[str]:
    return [_clipped(line, 2 * _LONGEST_TEXT) for line in text.splitlines()] or [""]


def _escaped(text: str) -> str:
    return escape("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")

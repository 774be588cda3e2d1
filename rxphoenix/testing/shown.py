"""How a value is shown in a picture: in its circle, by a letter and a colour, and told below if it is long.

What lives here: choosing letters and writing values down. What does not: drawing them (``svg.py``).
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from rxphoenix.testing.axis import columns
from rxphoenix.testing.drawing import Drawing, Next
from rxphoenix.testing.printing import symbols_for
from rxphoenix.testing.svg_style import COLOURS

__all__ = ["Shown", "clipped", "printable", "shown", "told"]

_LONGEST_TEXT = 90
_LONGEST_IN_CIRCLE = 3


class Shown(NamedTuple):
    """How one value is shown.

    Arguments:
        short: in its circle.
        colour: the number of its colour.
        text: what is told below, ``None`` where it fits into the circle.
    """

    short: str
    colour: int
    text: str | None


def shown(drawings: Sequence[Drawing]) -> tuple[dict[int, Shown], list[Shown]]:
    """Decide how each value is shown: by the identity of its mark, and once for each that is different."""
    marks = [mark for drawing in drawings for mark in drawing.marks if isinstance(mark, Next)]
    marks.sort(key=lambda mark: mark.instant)
    # What is one character long stands for itself, whatever another lane means by that character.
    plain = {mark.value: mark.value for mark in marks if type(mark.value) is str and len(mark.value) == 1}
    symbols = symbols_for(Drawing(tuple(marks)), plain)
    texts = {symbol: told(mark.value, plain=True) for symbol, mark in zip(symbols, marks, strict=True)}
    abbreviations = {symbol for symbol, text in texts.items() if _is_long(text)}
    different: dict[str, Shown] = {}
    by_mark: dict[int, Shown] = {}
    for symbol, mark in zip(symbols, marks, strict=True):
        if symbol not in different:
            text = texts[symbol]
            # A short value shows itself, unless another one is abbreviated in the same way.
            short = text if symbol not in abbreviations and text not in abbreviations else symbol
            colour = len(different) % COLOURS
            different[symbol] = Shown(short, colour, None if short == text else told(mark.value))
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


def told(value: Any, *, plain: bool = False) -> str:
    """A value in one line; text is shown as it is where it is plain, and quoted elsewhere."""
    text = value if plain and type(value) is str else _REPR.repr(value)
    return clipped(printable(text), _LONGEST_TEXT)


def clipped(text: str, longest: int) -> str:
    """A text of at most so many characters; one that is cut off ends in an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def printable(text: str) -> str:
    """The same text without what a picture cannot hold."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)

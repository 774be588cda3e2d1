"""What a notebook shows for a value: tables for what has rows, and everything else as the notebook would.

What lives here: tables. What does not: when something is shown (``show.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, TypeAlias, cast

from rxphoenix import PresenceEntry, PresenceSnapshot, PresenceState

__all__ = ["Render", "Table", "rendered"]

Render: TypeAlias = Callable[[Any], object]
"""Makes of a value what is displayed: anything that a notebook can show."""

_ROWS = 100
"""How many rows of a table are shown at most."""

_STYLE = "text-align:left;padding:2px 12px 2px 0;font-variant-numeric:tabular-nums"


class Table:
    """Rows as a table, in HTML where it can be shown and as text elsewhere.

    Arguments:
        rows: what is in it, one mapping of columns to values a row.
        columns: which columns, by default all in the order in which they come first.

    Example:
        ```python
        from rxphoenix.notebook import Table

        print(Table([{"room": "lobby", "here": 3}, {"room": "attic", "here": 1}]))
        ```
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
        self.rows = list(rows)
        self.columns = list(dict.fromkeys(name for row in self.rows for name in row)) if columns is None else [*columns]

    def _cells(self) -> list[list[str]]:
        return [[_text(row.get(name, "")) for name in self.columns] for row in self.rows[:_ROWS]]

    def _more(self) -> str:
        left = len(self.rows) - _ROWS
        return f"and {left} more" if left > 0 else ""

    def __str__(self) -> str:
        lines = [self.columns, *self._cells()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        return "\n".join([*text, self._more()] if self._more() else text)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """What a notebook shows of it."""
        head = "".join(f'<th style="{_STYLE}">{escape(name)}</th>' for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f'<td style="{_STYLE}">{escape(cell)}</td>' for cell in cells) + "</tr>"
            for cells in self._cells()
        )
        more = f'<div style="opacity:.6">{self._more()}</div>' if self._more() else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def rendered(value: object) -> object:
    """What is displayed for a value where nothing else was said.

    A list of presence is a table with a row for each key; so is a list of mappings, and a mapping has a row for each of
    its items. Everything else is left to the notebook: figures, pictures, data frames, text.
    """
    if isinstance(value, PresenceState):
        return rendered(list(cast("PresenceState[Any]", value).values()))
    if isinstance(value, PresenceSnapshot) or _is_list_of(value, PresenceEntry):
        return Table(map(_row, cast("Sequence[PresenceEntry[Any]]", value)), ("key", "metas", "fields"))
    if _is_list_of(value, Mapping):
        return Table(cast("Sequence[Mapping[str, Any]]", value))
    if isinstance(value, Mapping):
        return Table(
            [{"key": key, "value": each} for key, each in cast("Mapping[Any, Any]", value).items()], ("key", "value")
        )
    return value


def _row(entry: PresenceEntry[Any]) -> dict[str, Any]:
    metas = [_text(_without_ref(meta)) for meta in entry.metas]
    return {"key": entry.key, "metas": "; ".join(metas), "fields": entry.fields or ""}


def _without_ref(meta: object) -> object:
    if isinstance(meta, Mapping):
        items = cast("Mapping[str, Any]", meta).items()
        return {name: value for name, value in items if not name.startswith("phx_ref")}
    return meta


def _is_list_of(value: object, kind: type[Any]) -> bool:
    if not isinstance(value, (list, tuple)):
        return False
    items = cast("Sequence[object]", value)
    return bool(items) and all(isinstance(each, kind) for each in items)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_text(each)}" for name, each in cast("Mapping[Any, Any]", value).items())
    return repr(value)

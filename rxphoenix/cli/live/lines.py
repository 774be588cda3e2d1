"""A line for each thing that is shown: in colour for a person, as JSON for a program.

What lives here: how it looks. What does not: what is shown (``items.py``).
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TextIO

from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.text import Text

from rxphoenix import Payload
from rxphoenix.cli.live.items import Arrival, Item, News

__all__ = ["Lines", "instant_text", "json_line", "printable", "with_payload"]

_COLORS = ("green", "yellow", "blue", "magenta", "cyan", "bright_red", "bright_green", "bright_blue", "bright_magenta")
_SHOWN_BYTES = 32


def instant_text(at: datetime) -> str:
    """An instant in UTC, to the millisecond, as ISO 8601 has it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def json_line(value: Mapping[str, Any]) -> str:
    """A value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def with_payload(name: str, payload: Payload) -> dict[str, Payload]:
    """A payload under its name, or in base64 under ``base64`` where JSON cannot carry it."""
    if isinstance(payload, (bytes, bytearray)):
        return {"base64": base64.b64encode(payload).decode()}
    return {name: payload}


def printable(text: str) -> str:
    """A text that may be a server's, without what would do something to a terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)


class Lines:
    """Writes lines to standard output.

    Arguments:
        jsonl: whether to write JSON also where a person looks; where none does, it is written anyway.
        output: where to, by default the standard output.
    """

    def __init__(self, jsonl: bool = False, output: TextIO | None = None) -> None:
        self._output = output or sys.stdout
        is_for_a_person = self._output.isatty() and not jsonl
        self.console = Console(file=self._output, highlight=False) if is_for_a_person else None
        """Where a person looks; ``None`` where a program reads."""
        self._highlighter = JSONHighlighter()

    def show(self, item: Item) -> None:
        """Write what is shown.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        if self.console is None:
            self.write(json_line(_plain(item)))
        else:
            self.console.print(self._colored(item), soft_wrap=True)

    def write(self, line: str) -> None:
        """Write one line as it is."""
        self._output.write(f"{line}\n")
        self._output.flush()

    def _colored(self, item: Item) -> Text:
        text = Text(f"{item.at.astimezone():%H:%M:%S}.{item.at.microsecond // 1000:03}", style="dim")
        text.append(f"  {printable(item.topic)}", style="not dim bold")
        match item:
            case News(_, _, event, payload):
                color = _COLORS[zlib.crc32(event.encode()) % len(_COLORS)]
                text.append(f"  {printable(event)}  ", style=f"not dim not bold {color}")
                text.append_text(self._payload(payload))
            case Arrival(_, _, presence, key, metas):
                sign, color = ("+", "green") if presence == "join" else ("-", "red")
                text.append(f"  {sign} {printable(key)}  ", style=f"not dim not bold {color}")
                text.append_text(self._payload(list(metas)))
        return text

    def _payload(self, payload: Payload) -> Text:
        if isinstance(payload, (bytes, bytearray)):
            start = payload[:_SHOWN_BYTES].hex(" ")
            dots = " ..." if len(payload) > _SHOWN_BYTES else ""
            return Text(f"<{len(payload)} bytes: {start}{dots}>", style="not dim italic")
        text = Text(printable(json.dumps(payload, ensure_ascii=False)), style="not dim")
        self._highlighter.highlight(text)
        return text


def _plain(item: Item) -> dict[str, Any]:
    match item:
        case News(at, topic, event, payload):
            return {"at": instant_text(at), "topic": topic, "event": event, **with_payload("payload", payload)}
        case Arrival(at, topic, presence, key, metas):
            return {"at": instant_text(at), "topic": topic, "presence": presence, "key": key, "metas": metas}

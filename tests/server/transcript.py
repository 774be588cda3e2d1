"""Reads ``transcript.txt``: what a real Phoenix was sent and what it answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec

from rxphoenix.protocol.message import Frame


class Opens(NamedTuple):
    connection: str
    path: str
    query: str


class Sends(NamedTuple):
    connection: str
    frame: Frame


class Receives(NamedTuple):
    connection: str
    frame: Frame


class ReceivesNothing(NamedTuple):
    connection: str
    seconds: float


class IsClosed(NamedTuple):
    """The connection ends with this close code, or ``None``: without a close frame."""

    connection: str
    code: int | None


class GoesAway(NamedTuple):
    """The client closes the connection."""

    connection: str


class Visits(NamedTuple):
    path: str


Step: TypeAlias = Opens | Sends | Receives | ReceivesNothing | IsClosed | GoesAway | Visits


class Section(NamedTuple):
    title: str
    steps: list[Step]


class Reader:
    """What one server's frames say, so that the order of keys, the spelling of characters and the refs do not matter.

    The refs of presence metas are numbered as they first occur; one reader is to read all frames of a run.
    """

    def __init__(self) -> None:
        self._refs: dict[str, int] = {}

    def meaning(self, frame: Frame) -> Any:
        return ("binary", frame.data) if frame.binary else self._numbered(msgspec.json.decode(frame.data))

    def _numbered(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._numbered(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: self._refs.setdefault(value[key], len(self._refs))
            if key in ("phx_ref", "phx_ref_prev")
            else self._numbered(value[key])
            for key in sorted(value)
        }


def sections() -> list[Section]:
    """All sections of the transcript."""
    text = (Path(__file__).parent / "transcript.txt").read_text("utf-8")
    return [
        Section(title, list(_steps(body)))
        for title, _, body in (part.partition("\n") for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:])
    ]


def _steps(body: str) -> Iterator[Step]:
    for line in filter(None, body.splitlines()):
        if line.startswith("# "):
            continue
        name, verb, rest = [*line.split(" ", 2), ""][:3]
        if line.startswith("HTTP GET "):
            yield Visits(rest)
        elif verb == "opens":
            path, _, query = rest.partition("?")
            yield Opens(name, path, query)
        elif (verb, rest) == ("goes", "away"):
            yield GoesAway(name)
        elif verb == ">>":
            yield Sends(name, _frame(rest))
        elif match := re.fullmatch(r"nothing within ([\d.]+) s", rest):
            yield ReceivesNothing(name, float(match[1]))
        elif match := re.fullmatch(r"closed with (\d+)", rest):
            yield IsClosed(name, int(match[1]))
        elif rest == "cut off":
            yield IsClosed(name, None)
        elif verb == "<<":
            yield Receives(name, _frame(rest))
        else:
            raise ValueError(f"not a line of a transcript: {line}")


def _frame(text: str) -> Frame:
    if text.startswith("BINARY"):
        return Frame(bytes.fromhex(text.removeprefix("BINARY")), binary=True)
    return Frame(text.encode())

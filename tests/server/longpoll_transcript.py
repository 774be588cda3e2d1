"""Reads ``longpoll_transcript.txt``: what a real Phoenix was asked over long polling and what it answered."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec


class Asks(NamedTuple):
    """A request: of a session, or of a path with its query."""

    name: str
    method: str
    session: str | None
    target: str
    by_header: bool
    headers: dict[str, str]
    body: bytes | None


class IsAnswered(NamedTuple):
    """An answer; ``status`` is in the body, ``http_status`` is HTTP's."""

    name: str
    http_status: int
    status: int | None
    seconds: float
    opens: str | None
    messages: list[Any]


class Waits(NamedTuple):
    seconds: float


class Visits(NamedTuple):
    path: str


Step: TypeAlias = Asks | IsAnswered | Waits | Visits


class Section(NamedTuple):
    title: str
    steps: list[Step]


_ASKS = re.compile(
    r"(?P<method>GET|POST) (?P<target>\S+)(?P<by_header> by header)?"
    r"(?:  (?P<header>\S+): (?P<value>\S+))?(?: (?P<type>\S+) (?P<body>'.*'))?"
)
_IS_ANSWERED = re.compile(r"-> (?P<http>HTTP )?(?P<status>\d+)(?: in (?P<seconds>[\d.]+))?(?: is (?P<opens>\w+))?")


def meaning(message: str) -> Any:
    """What a message says, so that the order of keys does not matter."""
    return msgspec.json.decode(message) if message.startswith("[") else message


def sections() -> list[Section]:
    """All sections of the transcript."""
    text = (Path(__file__).parent / "longpoll_transcript.txt").read_text("utf-8")
    return [
        Section(title, list(_steps(body)))
        for title, _, body in (part.partition("\n") for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:])
    ]


def _steps(body: str) -> Iterator[Step]:
    lines = [*filter(None, body.splitlines())]
    for index, line in enumerate(lines):
        if line.startswith("| "):
            continue
        named = re.fullmatch(r"(?:(\w+): )?(.*)", line)
        assert named is not None
        name, rest = named[1] or "", named[2]
        if match := re.fullmatch(r"wait ([\d.]+)", rest):
            yield Waits(float(match[1]))
        elif match := re.fullmatch(r"HTTP GET (\S+)", rest):
            yield Visits(match[1])
        elif match := _IS_ANSWERED.fullmatch(rest):
            status = int(match["status"])
            http = match["http"] is not None
            yield IsAnswered(
                name,
                status if http else 200,
                None if http else status,
                float(match["seconds"] or 0),
                match["opens"],
                list(_messages(lines[index + 1 :])),
            )
        elif match := _ASKS.fullmatch(rest):
            target = match["target"]
            headers = {match["header"]: match["value"]} if match["header"] else {}
            if match["type"]:
                headers["Content-Type"] = match["type"]
            yield Asks(
                name,
                match["method"],
                None if target.startswith("/") else target,
                target,
                match["by_header"] is not None,
                headers,
                ast.literal_eval(match["body"]).encode() if match["body"] else None,
            )
        else:
            raise ValueError(f"not a line of a transcript: {line}")


def _messages(lines: list[str]) -> Iterator[Any]:
    for line in lines:
        if not line.startswith("| "):
            return
        text = line.removeprefix("| ")
        yield ast.literal_eval(text.removeprefix("RAW ")) if text.startswith("RAW ") else meaning(text)

"""The last messages, and those that match a filter.

All are counted; a bounded number is kept, and the last hundred that match are shown. What lives here: keeping and
finding. What does not: how a row looks.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec
from reactivex import Observable, abc

from rxphoenix import MalformedFrame, Message
from rxphoenix.dashboard.instruments.instrument import Instrument, Words, reason
from rxphoenix.dashboard.instruments.text import as_text

__all__ = ["CHARACTERS", "KEPT", "SHOWN", "MessageLog", "MessageLogLook", "OpenedLook", "RowLook"]

KEPT = 1000
"""How many messages are kept, for a filter that is typed later."""

SHOWN = 100
"""How many messages are shown."""

CHARACTERS = 10_000_000
"""How many characters of payloads are kept; of bigger messages fewer are kept than ``KEPT``."""

_PREVIEW = 240
_LONGEST = 100_000


class _Entry(msgspec.Struct, frozen=True):
    number: int
    at: float
    topic: str
    event: str
    text: str
    left_out: int

    def has(self, words: list[str]) -> bool:
        text = f"{self.topic} {self.event} {self.text}".lower()
        return all(word in text for word in words)


class RowLook(msgspec.Struct, frozen=True):
    """A message.

    Arguments:
        number: which one it is, from 1.
        at: when it came, in milliseconds since the epoch.
        topic: its topic, ``""`` for what is no message.
        event: its event, ``""`` for what is no message.
        text: the beginning of its payload as JSON.
    """

    number: int
    at: float
    topic: str
    event: str
    text: str


class OpenedLook(msgspec.Struct, frozen=True):
    """The message that somebody looks at.

    Arguments:
        number: which one.
        text: its payload as JSON, or ``None`` if it is not kept any more.
        left_out: how many characters of a long one are not shown.
    """

    number: int
    text: str | None
    left_out: int = 0


class MessageLogLook(msgspec.Struct, frozen=True):
    """The log.

    Arguments:
        rows: the last messages that match the filter, oldest first.
        total: how many messages have come.
        matching: how many of those kept when the filter was typed, and of those since, match it.
        filter: what is looked for.
        paused: whether the rows stand still.
        opened: the message that somebody looks at.
        ended: how the stream ended, ``None`` while it lives.
    """

    rows: list[RowLook]
    total: int
    matching: int
    filter: str
    paused: bool
    opened: OpenedLook | None
    ended: str | None


class MessageLog(Instrument):
    """Keeps the last values of a stream, and those that match a filter.

    A page tells ``{"filter": "some words"}``, which all must be in topic, event or payload, whatever their case;
    ``{"pause": true}``; and ``{"open": number}``, with ``None`` for no message.

    Arguments:
        stream: messages, or any other values.
        scheduler: whose clock tells when they come.
    """

    def __init__(self, stream: Observable[Any], scheduler: abc.SchedulerBase | None = None) -> None:
        super().__init__(scheduler)
        self._stream = stream
        self._kept: deque[_Entry] = deque()
        self._characters = 0
        self._matches: deque[_Entry] = deque(maxlen=SHOWN)
        self._total = self._matching = 0
        self._filter, self._words = "", list[str]()
        self._standing: list[RowLook] | None = None
        self._opened: _Entry | None = None
        self._gone: int | None = None
        self._ended: str | None = None

    def _watch(self) -> None:
        self._ended = None
        self._follow(self._stream, self._add, self._end)

    def _add(self, value: Any) -> None:
        self._total += 1
        topic, event = (value.topic, value.event) if isinstance(value, Message) else ("", "")
        text = _text(value)
        entry = _Entry(self._total, self.now * 1000, topic, event, text[:_LONGEST], max(0, len(text) - _LONGEST))
        self._keep_entry(entry)
        if not self._words or entry.has(self._words):
            self._matching += 1
            self._matches.append(entry)

    def _keep_entry(self, entry: _Entry) -> None:
        self._kept.append(entry)
        self._characters += len(entry.text)
        while len(self._kept) > KEPT or (self._characters > CHARACTERS and len(self._kept) > 1):
            self._characters -= len(self._kept.popleft().text)

    def _end(self, error: Exception | None) -> None:
        self._ended = "completed" if error is None else reason(error)

    def told(self, words: Words) -> None:
        """Filter, stand still, or open a message."""
        match words:
            case {"filter": str(text)}:
                self._look_for(text)
            case {"pause": bool(paused)}:
                self._standing = self._rows() if paused else None
            case {"open": int(number)}:
                self._opened = next((entry for entry in self._kept if entry.number == number), None) or next(
                    (entry for entry in self._matches if entry.number == number), None
                )
                self._gone = number if self._opened is None else None
            case {"open": None}:
                self._opened = self._gone = None
            case _:
                return
        self._changed(show=True)

    def _look_for(self, text: str) -> None:
        self._filter, self._words = text, text.lower().split()
        found = [entry for entry in self._kept if entry.has(self._words)]
        self._matching = len(found) if self._words else self._total
        self._matches = deque(found, SHOWN)
        if self._standing is not None:
            self._standing = self._rows()

    def _rows(self) -> list[RowLook]:
        return [
            RowLook(entry.number, entry.at, entry.topic, entry.event, entry.text[:_PREVIEW]) for entry in self._matches
        ]

    def _look(self) -> MessageLogLook:
        return MessageLogLook(
            self._rows() if self._standing is None else self._standing,
            self._total,
            self._matching,
            self._filter,
            self._standing is not None,
            self._look_opened(),
            self._ended,
        )

    def _look_opened(self) -> OpenedLook | None:
        if self._opened is None:
            return None if self._gone is None else OpenedLook(self._gone, None)
        return OpenedLook(self._opened.number, self._opened.text, self._opened.left_out)


def _text(value: Any) -> str:
    """What is carried, as JSON."""
    if isinstance(value, Message):
        raw = value.json
        if raw is not None:  # as it came
            return bytes(raw).decode("utf-8", "replace")
        try:
            value = value.payload
        except MalformedFrame as error:
            return f"({error})"
    if isinstance(value, bytes):
        return f'"{len(value)} bytes: {value[:_PREVIEW].hex(" ")}"'
    return as_text(value)

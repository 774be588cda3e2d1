"""What a client did, as lines: each begins with the instant, in milliseconds.

Two traces are kept. The wire::

    0 connect websocket user=ann&vsn=2.0.0      an attempt, with the query and the token
    100 send 1 1 room:a phx_join {}             join ref, ref, topic, event, payload
    900 close 1000 bye
    0 get                                       a request of long polling; the frames of a post follow it

And what the user was told::

    200 room:a joined {}

Refs are counted anew, in the order in which they are first sent, so that the relation between them is compared and not
their numbers.

What lives here: how it is written, and what differs. What does not: who does it (``play.py``).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any

_LONG = 10_000

__all__ = ["Trace", "differences", "shown"]


class Trace:
    """What one client did."""

    def __init__(self) -> None:
        self.wire: list[str] = []
        self.told: list[str] = []
        self._refs: dict[str, int] = {}

    def connect(self, at: float, way: str, query: str, token: str | None) -> None:
        """The client tries to connect."""
        self.wire.append(f"{at:g} connect {way} {query}" + ("" if token is None else f" token={token}"))

    def send(self, at: float, frame: list[Any]) -> None:
        """The client sends a frame."""
        join_ref, ref, topic, event, payload = frame
        self.wire.append(_short(f"{at:g} send {self._ref(join_ref)} {self._ref(ref)} {topic} {event} {shown(payload)}"))

    def _ref(self, ref: str | None) -> str:
        return "-" if ref is None else str(self._refs.setdefault(ref, len(self._refs) + 1))

    def drop(self, at: float) -> None:
        """The client gives an attempt up."""
        self.wire.append(f"{at:g} drop")

    def close(self, at: float, code: int | None, reason: str) -> None:
        """The client closes a connection."""
        self.wire.append(f"{at:g} close {code or '-'} {reason}".rstrip())

    def request(self, at: float, method: str, details: str) -> None:
        """The client sends a request of long polling."""
        self.wire.append(f"{at:g} {method.lower()} {details}".rstrip())

    def tell(self, at: float, *words: Any) -> None:
        """The user is told something."""
        shown_words = " ".join(each if isinstance(each, str) else shown(each) for each in words)
        self.told.append(_short(f"{at:g} {shown_words}"))


def shown(payload: Any) -> str:
    """A payload as a line has it."""
    if isinstance(payload, bytes):
        return f"bytes {payload.hex()}"
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def _short(line: str) -> str:
    return line if len(line) < _LONG else f"{line[:40]}... {len(line)} characters"


def differences(official: Trace, ours: Trace) -> list[str]:
    """The lines that only one of them has, or that the two have in another order: ``-`` of theirs, ``+`` of ours."""
    return [*_differences(official.wire, ours.wire), *_differences(official.told, ours.told)]


def _differences(theirs: list[str], ours: list[str]) -> Iterable[str]:
    matcher = difflib.SequenceMatcher(None, theirs, ours, autojunk=False)
    for kind, begin, end, other_begin, other_end in matcher.get_opcodes():
        if kind != "equal":
            yield from (f"- {line}" for line in theirs[begin:end])
            yield from (f"+ {line}" for line in ours[other_begin:other_end])

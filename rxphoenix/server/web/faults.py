"""The ways in which an embedded server can be told to misbehave, for tests of clients.

What lives here: what is switched on. What does not: doing it (``phoenix_server.py`` and ``websocket.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

__all__ = ["Faults", "Refusal"]


class Refusal(msgspec.Struct, frozen=True):
    """How upgrades are refused: an HTTP status, and headers to go with it."""

    status: int
    headers: Mapping[str, str]


class Faults:
    """What a server does wrong at present; nothing, at first."""

    def __init__(self) -> None:
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.swallowing = False
        self._refusal: Refusal | None = None
        self._refusals_left: int | None = None

    def refuse(self, refusal: Refusal | None, times: int | None) -> None:
        """Refuse so many upgrades (``None``: all), or with ``None`` as refusal no more."""
        self._refusal = refusal
        self._refusals_left = times

    def take_refusal(self) -> Refusal | None:
        """How to refuse the upgrade at hand, ``None`` for not at all."""
        if self._refusals_left is None:
            return self._refusal
        if self._refusals_left == 0:
            return None
        self._refusals_left -= 1
        return self._refusal

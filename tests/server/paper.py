"""A connection without a network: what the server says is written down."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from rxphoenix.protocol.message import Frame


class PaperWire:
    """A wire that writes down what it is given."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[Any] = asyncio.Queue()
        self.close_code: int | None = None
        self.dropped = False

    def send(self, frame: Frame) -> None:
        self.frames.put_nowait(msgspec.json.decode(frame.data))

    def close(self, code: int, reason: str) -> None:
        self.close_code = code

    def drop(self) -> None:
        self.dropped = True

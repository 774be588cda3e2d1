"""Servers on bare TCP that send exactly these bytes, whatever is asked."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from tests.transports.peers import accept_websocket, read_head

__all__ = [
    "BINARY",
    "CLOSE",
    "OPENING",
    "PING",
    "PONG",
    "TEXT",
    "Script",
    "answer",
    "answering",
    "frame",
    "polled",
    "until_gone",
    "upgraded",
]

Script: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(kind: int, data: bytes, *, last: bool = True, reserved: int = 0, length: int | None = None) -> bytes:
    """A frame of WebSocket as a server writes it, or as none does."""
    size = len(data) if length is None else length
    head = bytes([(0x80 if last else 0) | reserved | kind])
    if size < 126:
        return head + bytes([size]) + data
    return head + (struct.pack(">BH", 126, size) if size < 65536 else struct.pack(">BQ", 127, size)) + data


async def until_gone(reader: asyncio.StreamReader) -> None:
    """Read until the client has closed."""
    while await reader.read(65536):
        pass


def answer(body: bytes, *, head: bytes = b"", status: bytes = b"200 OK") -> bytes:
    """An answer of HTTP."""
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n" % (status, len(body), head) + body


OPENING = answer(b'{"status":410,"token":"t","messages":[]}')
"""What opens a session of long polling."""


def upgraded(*data: bytes, times: int = 1, **headers: str) -> Script:
    """A server that accepts a WebSocket, and then sends this."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer, **headers)
        for _ in range(times):
            for each in data:
                writer.write(each)
                await writer.drain()
        await until_gone(reader)

    return script


def answering(head: bytes, *more: bytes, times: int) -> Script:
    """A server that answers the first request with a head, and then sends more."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(head)
        for _ in range(times):
            for each in more:
                writer.write(each)
                await writer.drain()
        await until_gone(reader)

    return script


def polled(*data: bytes, times: int = 1, then: bytes = b"") -> Script:
    """A server that opens a session, and answers the first poll with this."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(OPENING)
        await read_head(reader)
        for _ in range(times):
            for each in data:
                writer.write(each)
                await writer.drain()
        writer.write(then)
        await until_gone(reader)

    return script

"""Writing to a WebSocket of aiohttp: a frame at once, many of them together.

The first frame of a turn of the event loop is written when it is sent, so that a request and its answer wait for
nothing. What else is sent in the same turn waits for the next one, and is written there in one piece: a write for each
frame, and with TLS a record for each, is much of what a burst costs.

What lives here: when a frame is written, and where aiohttp has its transport. What does not: the connection
(``websocket.py``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from types import coroutine
from typing import Any

import aiohttp

from rxphoenix.protocol.message import Frame
from rxphoenix.transports.base import CloseRequest

__all__ = ["Writer", "transport_of"]

_TEXT, _BINARY = aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY

_PIECE = 64 * 1024
"""Bytes that are gathered at most, so that the network can say that it takes no more."""


class Writer:
    """Writes the frames of one connection, in order.

    Arguments:
        ws: the open WebSocket.
        has_room: tells of each frame that has to wait whether it may; it is dropped if not.
        begun: told the size of each of those when it begins to be written.
    """

    def __init__(
        self,
        ws: aiohttp.ClientWebSocketResponse[bool],
        has_room: Callable[[Frame], bool],
        begun: Callable[[int], object],
    ) -> None:
        self._ws = ws
        self._has_room = has_room
        self._begun = begun
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Frame | CloseRequest] = deque()
        self._wake = asyncio.Event()
        self._unfinished: tuple[Coroutine[Any, Any, None], Any] | None = None
        """What is being written and what it waits for, where that was begun outside of any task."""
        self._idle = True
        """Whether nothing waits, and nothing was written in this turn of the loop."""
        self._over = False

    def send(self, frame: Frame) -> None:
        """Write a frame now, or together with others in the next turn; or ignore it, once it is all over."""
        if not self._idle:
            if not self._over and self._has_room(frame):
                self._waiting.append(frame)
            return
        self._idle = False
        sending = self._ws.send_frame(frame.data, _BINARY if frame.binary else _TEXT)
        try:
            waits_for = sending.send(None)
        except StopIteration:
            self._loop.call_soon(self._next_turn)
        except (ConnectionError, RuntimeError, aiohttp.ClientError):
            return  # the reader hears of it, with the reason
        else:  # the network takes no more at present
            self._unfinished = (sending, waits_for)
            self._wake.set()

    def close(self, request: CloseRequest) -> None:
        """Close when all is written."""
        self._waiting.append(request)
        self._wake.set()

    def stop(self) -> None:
        """Write nothing more."""
        self._over = True
        self._idle = False

    def _next_turn(self) -> None:
        if self._waiting:
            self._wake.set()
        else:
            self._idle = not self._over

    async def run(self) -> None:
        """Write what waits, whenever something does, until the WebSocket is closed."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if await self._write_all():
                    return
                self._idle = not self._over
        except (ConnectionError, RuntimeError, aiohttp.ClientError):
            return  # the reader hears of it, with the reason
        finally:
            if self._unfinished is not None:
                self._unfinished[0].close()

    async def _write_all(self) -> bool:
        """Write what waits; returns whether that was the end."""
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            await _rest(*unfinished)
        waiting, begun = self._waiting, self._begun
        with _gathered(self._ws) as send_frame:
            while waiting:
                outgoing = waiting.popleft()
                if isinstance(outgoing, CloseRequest):
                    break
                begun(len(outgoing.data))
                await send_frame(outgoing.data, _BINARY if outgoing.binary else _TEXT)
            else:
                return False
        await self._ws.close(code=outgoing.code or 1000, message=outgoing.reason.encode())
        return True


class _Gathering:
    """Stands in for a transport: what is written to it goes on in few pieces.

    Arguments:
        transport: the transport.
    """

    __slots__ = ("_parts", "_size", "_transport", "is_closing")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.is_closing: Callable[[], bool] = transport.is_closing
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size >= _PIECE:
            self.flush()

    def flush(self) -> None:
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
            self._transport.write(data)


def transport_of(ws: Any) -> Any:
    """The transport under a WebSocket of aiohttp's, where it is where we know it to be; else ``None``."""
    return getattr(getattr(ws, "_writer", None), "transport", None)


@contextmanager
def _gathered(ws: Any) -> Generator[Callable[[bytes, aiohttp.WSMsgType], Coroutine[Any, Any, None]]]:
    """Gather what is written to a WebSocket of aiohttp's, where its transport is where we know it to be.

    Yields:
        What writes a frame.
    """
    writer, transport = getattr(ws, "_writer", None), transport_of(ws)
    if writer is None or transport is None:
        yield ws.send_frame
        return
    writer.transport = gathering = _Gathering(transport)
    try:
        yield getattr(writer, "send_frame", ws.send_frame)
    finally:
        writer.transport = transport
        gathering.flush()


@coroutine
def _rest(sending: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """The rest of a coroutine that has begun outside of any task and waits for something."""
    try:
        while True:
            try:
                yield waits_for
            except Exception as error:
                waits_for = sending.throw(error)
            else:
                waits_for = sending.send(None)
    except StopIteration:
        return
    finally:
        sending.close()

"""Writing to a WebSocket of aiohttp: a frame at once, many of them together.

The first frame of a turn of the event loop is written when it is sent, so that a request and its answer wait for
nothing. What else is sent in the same turn waits for the next one, and is written there in one go: bursts spend most of
their time with a write for each frame. On Linux the kernel is asked to keep them together (``TCP_CORK``), which makes
each write cheap; elsewhere they go one by one.

What lives here: when a frame is written. What does not: the connection (``websocket.py``).
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from types import coroutine
from typing import Any

import aiohttp

from rxphoenix.protocol.message import Frame
from rxphoenix.transports.base import CloseRequest

__all__ = ["Writer", "kept_together"]

_CORK: int | None = getattr(socket, "TCP_CORK", None)


class Writer:
    """Writes the frames of one connection, in order.

    Arguments:
        ws: the open WebSocket.
        begun: told the size of each frame when it begins to be written.
    """

    def __init__(self, ws: aiohttp.ClientWebSocketResponse[bool], begun: Callable[[int], object]) -> None:
        self._ws = ws
        self._begun = begun
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Frame | CloseRequest] = deque()
        self._wake = asyncio.Event()
        self._unfinished: tuple[Coroutine[Any, Any, None], Any] | None = None
        """What is being written and what it waits for, where that was begun outside of any task."""
        self._idle = True
        """Whether nothing waits, and nothing was written in this turn of the loop."""
        sock: socket.socket | None = ws.get_extra_info("socket")
        self._socket = sock if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6) else None

    def send(self, frame: Frame) -> None:
        """Write a frame now, or together with others in the next turn."""
        if not self._idle:
            self._waiting.append(frame)
            return
        self._idle = False
        self._begun(len(frame.data))
        sending = self._write(frame)
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

    def _next_turn(self) -> None:
        if self._waiting:
            self._wake.set()
        else:
            self._idle = True

    async def run(self) -> None:
        """Write what waits, whenever something does, until the WebSocket is closed."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if await self._write_all():
                    return
                self._idle = True
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
        with kept_together(self._socket, len(self._waiting)):
            while self._waiting:
                outgoing = self._waiting.popleft()
                if isinstance(outgoing, CloseRequest):
                    break
                self._begun(len(outgoing.data))
                await self._write(outgoing)
            else:
                return False
        await self._ws.close(code=outgoing.code or 1000, message=outgoing.reason.encode())
        return True

    def _write(self, frame: Frame) -> Coroutine[Any, Any, None]:
        return self._ws.send_frame(frame.data, aiohttp.WSMsgType.BINARY if frame.binary else aiohttp.WSMsgType.TEXT)


@contextmanager
def kept_together(sock: socket.socket | None, writes: int) -> Generator[None]:
    """Have the kernel keep so many writes together, where it can; ``sock`` is ``None`` for one that is none of TCP."""
    if sock is None or _CORK is None or writes < 2:
        yield
        return
    with suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, _CORK, 1)
    try:
        yield
    finally:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, _CORK, 0)


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

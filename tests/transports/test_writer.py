"""Writing to a WebSocket: what goes at once, what goes together, and what a network that takes no more does to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from types import coroutine
from typing import Any

import pytest

from rxphoenix.protocol.message import Frame
from rxphoenix.transports.base import CloseRequest
from rxphoenix.transports.writer import Writer


class FakeTransport:
    """Writes into a log."""

    def __init__(self, log: list[Any]) -> None:
        self._log = log

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self._log.append(data)


class FakeWebSocket:
    """Writes into a log, by a transport that is where aiohttp keeps it; waits for ``room`` after each frame."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.room: asyncio.Future[None] | None = None
        self.error: Exception | None = None
        self.transport = FakeTransport(self.log)
        self._writer = self

    async def send_frame(self, data: bytes, kind: object) -> None:
        if self.error is not None:
            raise self.error
        self.transport.write(data)
        if self.room is not None:
            await self.room

    async def close(self, *, code: int, message: bytes) -> None:
        self.log.append((code, message))


class Desk:
    """A writer at work."""

    def __init__(self) -> None:
        self.ws = FakeWebSocket()
        self.kept: list[bytes] = []
        self.begun: list[int] = []
        self.is_full = False
        self.writer = Writer(self.ws, self.has_room, self.begun.append)  # pyright: ignore[reportArgumentType]
        self.task = asyncio.get_running_loop().create_task(self.writer.run())

    def has_room(self, frame: Frame) -> bool:
        if not self.is_full:
            self.kept.append(frame.data)
        return not self.is_full

    def send(self, *frames: bytes) -> None:
        for frame in frames:
            self.writer.send(Frame(frame))

    async def written(self, count: int) -> list[Any]:
        while len(self.ws.log) < count:
            await a_turn()
        return self.ws.log

    async def close(self) -> None:
        self.writer.close(CloseRequest(4000, "bye"))
        await self.task


@coroutine
def a_turn() -> Generator[None]:
    yield


async def test_a_frame_is_written_before_send_returns():
    desk = Desk()
    desk.send(b"a")
    assert desk.ws.log == [b"a"]
    for letter in (b"b", b"c"):
        await a_turn()
        await a_turn()
        desk.send(letter)
    assert desk.ws.log == [b"a", b"b", b"c"]
    assert (desk.kept, desk.begun) == ([], [])
    await desk.close()
    assert desk.ws.log[3:] == [(4000, b"bye")]


async def test_what_else_is_sent_in_a_turn_goes_in_one_piece_in_the_next_one():
    desk = Desk()
    desk.send(b"a", b"b", b"c")
    assert desk.ws.log == [b"a"]
    assert await desk.written(2) == [b"a", b"bc"]
    desk.send(b"d")
    assert desk.ws.log[2:] == [b"d"]
    assert (desk.kept, desk.begun) == ([b"b", b"c"], [1, 1])
    await desk.close()


async def test_what_has_no_room_to_wait_is_dropped():
    desk = Desk()
    desk.is_full = True
    desk.send(b"a", b"b")
    desk.is_full = False
    desk.send(b"c")
    assert await desk.written(2) == [b"a", b"c"]
    await desk.close()


@pytest.mark.parametrize("turns", [0, 2])
async def test_once_it_is_over_nothing_is_written(turns: int):
    desk = Desk()
    desk.send(b"a")
    for _ in range(turns):
        await a_turn()
    desk.writer.stop()
    desk.send(b"b")
    await a_turn()
    await a_turn()
    desk.send(b"c")
    assert desk.ws.log == [b"a"]
    assert desk.kept == []
    await desk.close()


async def test_a_piece_has_an_end():
    desk = Desk()
    desk.send(b"a", *[b"x" * 1000] * 100)
    written = await desk.written(3)
    assert [len(piece) for piece in written] == [1, 66_000, 34_000]
    await desk.close()


async def test_where_nothing_can_be_gathered_frames_go_one_by_one():
    desk = Desk()
    del desk.ws._writer
    desk.send(b"a", b"b", b"c")
    assert await desk.written(3) == [b"a", b"b", b"c"]
    await desk.close()


async def test_a_network_that_takes_no_more_is_waited_for_and_the_order_stays():
    desk = Desk()
    room = desk.ws.room = asyncio.get_running_loop().create_future()
    desk.send(b"a", b"b")
    for _ in range(5):
        await a_turn()
    desk.send(b"c")
    assert desk.ws.log == [b"a"]
    assert (desk.kept, desk.begun) == ([b"b", b"c"], [])
    desk.ws.room = None
    room.set_result(None)
    await desk.close()
    assert desk.ws.log == [b"a", b"bc", (4000, b"bye")]


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda desk: setattr(desk.ws, "error", ConnectionResetError()), id="at once"),
        pytest.param(lambda desk: desk.ws.room.set_exception(ConnectionResetError()), id="while it waits"),
    ],
)
async def test_what_goes_wrong_is_the_readers_business(break_it: Callable[[Desk], None]):
    desk = Desk()
    desk.ws.room = asyncio.get_running_loop().create_future()
    desk.send(b"a", b"b")
    await a_turn()
    break_it(desk)
    if not desk.ws.room.done():
        desk.ws.room.set_result(None)
    desk.send(b"c")
    await asyncio.wait_for(desk.task, 5)
    assert desk.ws.log[0] == b"a"


async def test_a_writer_that_is_cancelled_leaves_nothing_half_done():
    desk = Desk()
    desk.ws.room = asyncio.get_running_loop().create_future()
    desk.send(b"a")
    await a_turn()
    desk.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await desk.task

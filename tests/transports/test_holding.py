"""Transports that are held back: they emit nothing, the network pushes back on the server, and nothing is lost."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from reactivex import Observable, operators

from rxphoenix import Fallback
from rxphoenix.errors import ConnectionLost
from rxphoenix.protocol.message import Frame
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from rxphoenix.testing.clock import VirtualScheduler
from rxphoenix.transports.base import CloseRequest, Closing, Opened, TransportEvent
from rxphoenix.transports.longpoll import LongPoll
from rxphoenix.transports.websocket import WebSocket
from tests.server.conftest import until
from tests.transports.peers import Listener, accept_websocket, for_ever, request_to, tcp_server, websocket_server
from tests.transports.polling_peer import Session, polling_peer
from tests.transports.scripts import BINARY, CLOSE, PING, TEXT, frame, until_gone


async def turns(count: int = 50) -> None:
    """Let the loop turn, for what must not happen."""
    for _ in range(count):
        await asyncio.sleep(0)


async def opened(listener: Listener) -> Any:
    """Wait for it to open; returns what holds it back."""
    event = await listener.next()
    assert isinstance(event, Opened)
    assert event.hold_back is not None
    return event.hold_back


class Speaker:
    """A server of one client, which says what it is told."""

    def __init__(self) -> None:
        self.websocket: asyncio.Future[web.WebSocketResponse] = asyncio.get_running_loop().create_future()
        self.request: web.BaseRequest | None = None

    async def handle(self, websocket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        self.request = request
        self.websocket.set_result(websocket)
        while not websocket.closed:
            await websocket.receive()


# WebSocket.


async def test_a_websocket_that_is_held_back_emits_nothing_until_it_reads_on(websocket: Any):
    speaker = Speaker()
    async with websocket_server(speaker.handle) as endpoint:
        listener = Listener(websocket().connect(request_to(endpoint)))
        hold_back = await opened(listener)
        websocket = await speaker.websocket
        hold_back(True)
        hold_back(True)
        await websocket.send_str("one")  # the reader waits for it already
        await websocket.send_bytes(b"two")
        await turns()
        assert listener.silent
        hold_back(False)
        assert listener.silent  # not before the call has returned
        assert await listener.frame() == Frame(b"one")
        assert await listener.frame() == Frame(b"two", binary=True)
        hold_back(False)
        await websocket.send_str("three")
        assert await listener.frame() == Frame(b"three")
        listener.subscription.dispose()


async def test_the_server_cannot_send_what_a_websocket_does_not_read(websocket: Any):
    speaker, frames, sent = Speaker(), 400, 0
    data = bytes(100_000)

    async def send(websocket: web.WebSocketResponse) -> None:
        nonlocal sent
        for number in range(frames):
            await websocket.send_bytes(number.to_bytes(4) + data)
            sent += 1

    async with websocket_server(speaker.handle) as endpoint:
        listener = Listener(websocket().connect(request_to(endpoint)))
        hold_back = await opened(listener)
        hold_back(True)
        sending = asyncio.create_task(send(await speaker.websocket))
        assert speaker.request is not None
        transport: Any = speaker.request.transport
        await until(lambda: transport.get_write_buffer_size() > 0)
        await turns(1000)
        assert sent < frames  # which are more than all buffers hold
        assert listener.silent
        hold_back(False)
        for number in range(frames):
            assert (await listener.frame()).data[:4] == number.to_bytes(4)
        await sending
        listener.subscription.dispose()


class Holder:
    """Takes what comes, and holds back after each frame of some kind."""

    def __init__(self, after: Callable[[Frame], bool]) -> None:
        self.got: list[bytes] = []
        self.hold_back: Any = None
        self._after = after

    def take(self, event: TransportEvent) -> None:
        if isinstance(event, Opened):
            self.hold_back = event.hold_back
        else:
            self.got.append(event.data)
            if self._after(event):
                self.hold_back(True)


async def test_a_websocket_that_is_held_back_again_at_once_emits_one_frame_at_a_time(websocket: Any):
    speaker = Speaker()
    async with websocket_server(speaker.handle) as endpoint:
        holder = Holder(lambda frame: True)
        got = holder.got
        subscription = websocket().connect(request_to(endpoint)).subscribe(holder.take)
        websocket = await speaker.websocket
        for number in range(4):
            await websocket.send_str(str(number))
        for number in range(4):
            await until(lambda number=number: len(got) == number + 1)
            await turns()
            assert len(got) == number + 1
            holder.hold_back(False)
            holder.hold_back(True)
            await turns()
            assert len(got) == number + 1  # taken back before anything was read
            holder.hold_back(False)
        subscription.dispose()


async def test_a_websocket_that_is_held_back_in_the_middle_of_what_has_arrived_stops_there(websocket: Any):
    holder = Holder(lambda frame: frame.data == b"b")
    got = holder.got

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        writer.write(frame(TEXT, b"a") + frame(TEXT, b"b") + frame(PING, b"") + frame(TEXT, b"c") + frame(BINARY, b"d"))
        await for_ever()

    async with tcp_server(serve) as port:
        subscription = websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket")).subscribe(holder.take)
        await until(lambda: len(got) == 2)
        await turns()
        assert got == [b"a", b"b"]
        holder.hold_back(False)
        await until(lambda: len(got) == 4)
        assert got == [b"a", b"b", b"c", b"d"]
        subscription.dispose()


@pytest.mark.parametrize("end", ["asked", "disposed", "by the server", "cut"])
async def test_a_websocket_that_is_held_back_ends_as_any_other(end: str, websocket: Any):
    speaker = Speaker()
    async with websocket_server(speaker.handle) as endpoint:
        closing = Closing()
        listener = Listener(websocket().connect(request_to(endpoint, closing=closing)))
        hold_back = await opened(listener)
        hold_back(True)
        websocket = await speaker.websocket
        await websocket.send_str("one")
        await turns()
        match end:
            case "asked":
                closing.request(CloseRequest(3000, "bye"))
                hold_back(True)  # too late
                while (event := await listener.next()) is not None:
                    assert event == Frame(b"one")
                await until(lambda: websocket.close_code == 3000)
            case "disposed":
                listener.subscription.dispose()
                await turns()
                assert listener.silent
                hold_back(False)
            case _:
                if end == "cut":
                    assert speaker.request is not None
                    assert speaker.request.transport is not None
                    speaker.request.transport.close()
                else:
                    await websocket.close(code=4000)
                await turns()
                assert listener.silent  # one frame is unread, and the end is behind it
                hold_back(False)
                assert await listener.frame() == Frame(b"one")
                error = await listener.error()
                assert isinstance(error, ConnectionLost)
                assert error.code == (None if end == "cut" else 4000)


async def test_an_end_with_nothing_before_it_is_told_though_reading_is_held_back(websocket: Any):
    speaker = Speaker()
    async with websocket_server(speaker.handle) as endpoint:
        listener = Listener(websocket().connect(request_to(endpoint)))
        hold_back = await opened(listener)
        hold_back(True)
        await (await speaker.websocket).close(code=4000)
        error = await listener.error()
        assert isinstance(error, ConnectionLost)
        assert error.code == 4000


async def held_at_once(connection: Observable[TransportEvent]) -> tuple[Listener, Any]:
    """What hears it, held back from the beginning, and how it opened."""
    opening: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def hold(event: Any) -> None:
        if isinstance(event, Opened):
            assert event.hold_back is not None
            event.hold_back(True)
            opening.set_result(event)

    listener = Listener(connection.pipe(operators.do_action(hold)))
    await listener.opened()
    return listener, await opening


async def test_a_websocket_that_was_cut_before_it_could_answer_a_ping_tells_what_came_behind_it(websocket: Any):
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        close = struct.pack(">H", 4000) + b"why"
        writer.write(frame(TEXT, b"a") + frame(PING, b"") + frame(TEXT, b"b") + frame(CLOSE, close))
        gone.set()

    async with tcp_server(serve) as port:
        listener, connection = await held_at_once(websocket().connect(request_to(f"ws://127.0.0.1:{port}/socket")))
        await gone.wait()
        await turns()
        assert listener.silent
        connection.hold_back(False)
        assert [(await listener.frame()).data for _ in range(2)] == [b"a", b"b"]
        error = await listener.error()
        assert isinstance(error, ConnectionLost)
        assert (error.code, error.reason) == (4000, "why")


async def test_a_websocket_that_was_held_back_and_is_asked_to_end_has_nothing_to_do_with_what_follows_a_close(
    websocket: Any,
):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        close = frame(CLOSE, struct.pack(">H", 4000))
        writer.write(frame(TEXT, b"a") + close + frame(PING, b"") + frame(TEXT, b"b"))
        await until_gone(reader)

    async with tcp_server(serve) as port:
        closing = Closing()
        request = request_to(f"ws://127.0.0.1:{port}/socket", closing=closing)
        listener, connection = await held_at_once(websocket().connect(request))
        await turns()
        assert listener.silent
        connection.send(Frame(b"one"))
        connection.send(Frame(b"two"))  # which is written in the next turn, and the close with it
        await asyncio.sleep(0)
        closing.request(CloseRequest(3000, "bye"))
        assert await listener.frame() == Frame(b"a")
        await listener.completed()


# Long polling.


def messages(*numbers: int) -> list[str]:
    return [f'[null,null,"room:a","n",{number}]' for number in numbers]


def frames(*numbers: int) -> list[Frame]:
    return [Frame(message.encode()) for message in messages(*numbers)]


async def test_long_polling_that_is_held_back_emits_nothing_and_does_not_poll():
    async with polling_peer() as peer:
        session = Session(peer)
        poll = await peer.open()
        hold_back = await opened(session.listener)
        hold_back(True)
        poll.answer(200, messages(1, 2, 3))
        await turns()
        assert session.listener.silent
        assert peer.waiting == 0
        hold_back(False)
        assert session.listener.silent
        assert [await session.listener.frame() for _ in range(3)] == frames(1, 2, 3)
        await peer.get()
        session.listener.subscription.dispose()


async def test_long_polling_stops_in_the_middle_of_an_answer():
    async with polling_peer() as peer:
        closing, got, holds = Closing(), [], []

        def take(event: Any) -> None:
            if isinstance(event, Opened):
                holds.append(event.hold_back)
            else:
                got.append(event)
                if len(got) == 2:
                    holds[0](True)

        subscription = LongPoll().connect(request_to(peer.endpoint, closing=closing)).subscribe(take)
        (await peer.open()).answer(200, messages(1, 2, 3, 4))
        await until(lambda: len(got) == 2)
        await turns()
        assert got == frames(1, 2)
        holds[0](False)
        await peer.get()
        assert got == frames(1, 2, 3, 4)
        subscription.dispose()


async def test_long_polling_that_is_held_back_polls_every_ten_seconds_so_that_its_session_lives():
    scheduler = VirtualScheduler()
    async with polling_peer() as peer:
        session = Session(peer, scheduler=scheduler)
        poll = await peer.open()
        hold_back = await opened(session.listener)
        scheduler.advance_by(4)
        poll.answer(200, messages(1))
        assert await session.listener.frame() == frames(1)[0]
        poll = await peer.get()  # at 4 s
        hold_back(True)
        scheduler.advance_by(3)
        poll.answer(200, messages(2, 3))
        await turns()
        for begun in (14, 24):
            scheduler.advance_to(begun - 0.001)
            await turns()
            assert peer.waiting == 0
            scheduler.advance_to(begun)
            poll = await peer.get()
            poll.answer(200, messages(begun))
            await turns()
        assert session.listener.silent
        hold_back(False)
        assert [await session.listener.frame() for _ in range(4)] == frames(2, 3, 14, 24)
        await peer.get()
        session.listener.subscription.dispose()
        await turns()
        assert scheduler.next_instant() is None


async def test_long_polling_reads_on_while_a_poll_is_on_its_way():
    scheduler = VirtualScheduler()
    async with polling_peer() as peer:
        session = Session(peer, scheduler=scheduler)
        poll = await peer.open()
        hold_back = await opened(session.listener)
        hold_back(True)
        poll.answer(200, messages(1, 2))
        await turns()
        scheduler.advance_by(10)
        poll = await peer.get()
        hold_back(False)
        assert [await session.listener.frame() for _ in range(2)] == frames(1, 2)
        poll.answer(204)
        await peer.get()
        session.listener.subscription.dispose()


@pytest.mark.parametrize("end", ["asked", "disposed", "session gone", "post refused"])
async def test_long_polling_that_is_held_back_ends_as_any_other(end: str):
    scheduler = VirtualScheduler()
    async with polling_peer() as peer:
        session = Session(peer, scheduler=scheduler)
        poll = await peer.open()
        event = await session.listener.next()
        assert isinstance(event, Opened)
        assert event.hold_back is not None
        event.hold_back(True)
        poll.answer(200, messages(1))
        await turns()
        match end:
            case "asked":
                event.send(frames(7)[0])
                session.closing.request(CloseRequest())
                (await peer.post()).answer(200)
                await session.listener.completed()
            case "disposed":
                session.listener.subscription.dispose()
                await turns()
                event.hold_back(False)
                await turns()
                assert session.listener.silent
            case _:
                if end == "session gone":
                    scheduler.advance_by(10)
                    (await peer.get()).answer(410)
                else:
                    event.send(frames(7)[0])
                    (await peer.post()).answer(410)
                await turns()
                assert session.listener.silent
                event.hold_back(False)
                assert await session.listener.frame() == frames(1)[0]
                assert isinstance(await session.listener.error(), ConnectionLost)


# Both.


async def test_a_fallback_is_held_back_by_the_transport_that_it_uses():
    async with PhoenixServer(conformance_application()) as server:
        listener = Listener(Fallback(WebSocket(), LongPoll()).connect(request_to(server.url + "/socket")))
        event = await listener.next()
        assert isinstance(event, Opened)
        assert event.hold_back is not None
        event.hold_back(True)
        event.send(Frame(b'[null,"1","phoenix","heartbeat",{}]'))
        await turns()
        assert listener.silent
        event.hold_back(False)
        assert await listener.frame() == Frame(b'[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]')
        listener.subscription.dispose()

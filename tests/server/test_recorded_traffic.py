"""What a real Phoenix was recorded to answer, replayed: over the pure session in virtual time, and over a socket."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from rxphoenix.protocol.message import Frame
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from tests.server.transcript import (
    GoesAway,
    IsClosed,
    Opens,
    Reader,
    Receives,
    ReceivesNothing,
    Section,
    Sends,
    Visits,
    sections,
)
from tests.server.virtual import VirtualConnection, VirtualServer

PATIENCE = 5.0

each_section = pytest.mark.parametrize("section", sections(), ids=lambda section: section.title)


@each_section
def test_the_session_answers_in_virtual_time_as_recorded(section: Section):
    server = VirtualServer()
    recorded, ours = Reader(), Reader()
    opened: dict[str, Opens] = {}
    connections: dict[str, VirtualConnection] = {}

    def let_pass(connection: VirtualConnection, seconds: float) -> None:
        deadline = server.clock.now + seconds
        while not connection.sent and connection.close_code is None and not connection.is_cut_off:
            if not server.clock.run_next(deadline):
                return

    for step in section.steps:
        match step:
            case Opens(name, path, query):
                opened[name] = step
                connections[name] = server.connect(path, query)
            case Sends(name, frame):
                if not connections[name].session.is_open:
                    connections[name] = server.connect(opened[name].path, opened[name].query)
                connections[name].apply(connections[name].session.receive(frame))
            case Receives(name, frame):
                let_pass(connections[name], PATIENCE)
                assert ours.meaning(connections[name].sent.popleft()) == recorded.meaning(frame)
            case ReceivesNothing(name, seconds):
                let_pass(connections[name], seconds)
                assert not connections[name].sent
                assert connections[name].session.is_open
            case IsClosed(name, code):
                let_pass(connections[name], PATIENCE)
                assert not connections[name].sent
                assert connections[name].close_code == code
                assert connections[name].is_cut_off is (code is None)
            case GoesAway(name):
                connections[name].apply(connections[name].session.closed())
            case Visits(path):
                server.visit(path)


@each_section
async def test_the_server_answers_over_a_socket_as_recorded(section: Section):
    async with (
        PhoenixServer(conformance_application()) as server,
        aiohttp.ClientSession(headers={"User-Agent": "recorder"}) as session,
    ):
        opened: dict[str, Opens] = {}
        sockets: dict[str, aiohttp.ClientWebSocketResponse] = {}
        recorded, ours = Reader(), Reader()

        async def connect(name: str) -> aiohttp.ClientWebSocketResponse:
            url = f"{server.url}{opened[name].path}/websocket?{opened[name].query}"
            sockets[name] = await session.ws_connect(url)
            return sockets[name]

        async def receive(name: str) -> aiohttp.WSMessage:
            return await sockets[name].receive(timeout=PATIENCE)

        for step in section.steps:
            match step:
                case Opens(name):
                    opened[name] = step
                    await connect(name)
                case Sends(name, frame):
                    socket = await connect(name) if sockets[name].closed else sockets[name]
                    await (socket.send_bytes(frame.data) if frame.binary else socket.send_str(frame.data.decode()))
                case Receives(name, frame):
                    message = await receive(name)
                    binary = message.type is aiohttp.WSMsgType.BINARY
                    assert binary or message.type is aiohttp.WSMsgType.TEXT, message
                    data = message.data if binary else message.data.encode()
                    assert ours.meaning(Frame(data, binary=binary)) == recorded.meaning(frame)
                case ReceivesNothing(name, seconds):
                    with pytest.raises(asyncio.TimeoutError):
                        await sockets[name].receive(timeout=seconds)
                case IsClosed(name, code):
                    message = await receive(name)
                    if code is None:
                        assert message.type is aiohttp.WSMsgType.CLOSED
                        assert sockets[name].close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
                    else:
                        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, code)
                case GoesAway(name):
                    await sockets[name].close()
                case Visits(path):
                    async with session.get(server.url.replace("ws:", "http:") + path) as response:
                        assert response.status == 200
        for socket in sockets.values():
            await socket.close()

"""Peers that send bytes no server should: what they can do is end the connection, and cost so much and no more.

What is said in messages rather than in bytes is in ``tests/client/test_hostile_server.py``.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import struct
import tracemalloc
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from rxphoenix import ConnectionLost, ConnectionRefused, Fault, Frame, LongPoll, MalformedFrame, Socket, WebSocket
from rxphoenix.transports.base import Transport
from tests.transports.peers import Listener, accept_websocket, read_head, request_to, tcp_server
from tests.transports.scripts import (
    BINARY,
    CLOSE,
    OPENING,
    PING,
    PONG,
    TEXT,
    Script,
    answer,
    answering,
    frame,
    polled,
    until_gone,
    upgraded,
)  # fmt: skip

MEGABYTE = 1024 * 1024


def deflated(size: int) -> bytes:
    """So many spaces as permessage-deflate sends them."""
    compressor = zlib.compressobj(9, wbits=-15)
    parts = [compressor.compress(b" " * MEGABYTE) for _ in range(size // MEGABYTE)]
    return b"".join((*parts, compressor.flush(zlib.Z_SYNC_FLUSH)))[:-4]


def in_parts(data: bytes) -> list[bytes]:
    """A compressed message in some frames."""
    parts = [data[start : start + 5_000] for start in range(0, len(data), 5_000)]
    first, *middle, end = parts
    return [frame(TEXT, first, reserved=0x40, last=False), *(frame(0, p, last=False) for p in middle), frame(0, end)]


@asynccontextmanager
async def listening(script: Script, transport: Transport, **options: Any) -> AsyncGenerator[Listener]:
    """One connection to a server on bare TCP that does what the script says."""
    async with tcp_server(script) as port:
        listener = Listener(transport.connect(request_to(f"ws://localhost:{port}/socket", **options)))
        yield listener
        listener.subscription.dispose()


async def end_of(listener: Listener) -> tuple[int, Exception]:
    """How many frames came, and what ended it."""
    count = 0
    while True:
        event = await listener.next()
        if isinstance(event, Exception):
            return count, event
        count += isinstance(event, Frame)


@asynccontextmanager
async def memory_within(most: int) -> AsyncGenerator[None]:
    """What is allocated in the block stays within so many bytes, at every moment."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most, f"{peak / MEGABYTE:.1f} MB at the worst"


# -- WebSocket: the handshake ----------------------------------------------------------------------------------------


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"
CHUNK = b"FFFF\r\n" + b"x" * 0xFFFF + b"\r\n"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param(
            answering(SWITCHING, b"X-More: " + b"x" * 4000 + b"\r\n", times=50_000),
            "the request failed",
            id="endless headers",
        ),
        pytest.param(
            answering(SWITCHING + b"X-Long: ", b"x" * 65536, times=5_000),
            "the request failed",
            id="a header without an end",
        ),
        pytest.param(answering(b"", b"\x00\xff" * 32768, times=5_000), "the request failed", id="no HTTP"),
        pytest.param(
            answering(b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNK, times=5_000),
            "HTTP 403: the server refused the connection",
            id="a refusal without an end",
        ),
        pytest.param(
            answering(
                b"HTTP/1.1 302 Found\r\nLocation: http://localhost:1/\r\nTransfer-Encoding: chunked\r\n\r\n",
                CHUNK,
                times=5_000,
            ),
            "HTTP 302: redirects are not followed",
            id="a redirect without an end",
        ),
        pytest.param(
            answering(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNK, times=5_000
            ),
            "HTTP 200",
            id="no upgrade, without an end",
        ),
        pytest.param(answering(b"HTTP/1.1 999 \xff\x00\r\n\r\n", times=0), "HTTP 999", id="a status line of nonsense"),
        pytest.param(
            answering(
                SWITCHING + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: nonsense\r\n\r\n",
                times=0,
            ),
            "not a WebSocket handshake",
            id="a challenge answered wrongly",
        ),
    ],
)
async def test_an_answer_to_the_handshake_that_is_none_is_a_refusal_and_costs_little(
    script: Script, words: str, websocket: Any
):
    async with memory_within(8 * MEGABYTE), listening(script, websocket()) as listener:
        count, error = await end_of(listener)
    assert (count, type(error)) == (0, ConnectionRefused)
    assert words in str(error)


async def test_a_handshake_that_drips_for_ever_is_ended_by_the_sockets_time_limit():
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        for _ in range(1_000):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with tcp_server(script) as port, Socket(f"ws://localhost:{port}/socket", connect_timeout=0.3) as socket:
        with pytest.raises(Exception, match=r"not open within 0\.3 s"):
            await socket.opened()


# -- WebSocket: frames -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(frame(3, b"x"), id="a kind that does not exist"),
        pytest.param(frame(11, b"x"), id="a control frame that does not exist"),
        pytest.param(frame(TEXT, b"x", reserved=0x40), id="compressed, though nobody agreed to it"),
        pytest.param(frame(TEXT, b"x", reserved=0x20), id="a reserved bit"),
        pytest.param(frame(0, b"x"), id="the continuation of nothing"),
        pytest.param(frame(TEXT, b"x", last=False) + frame(TEXT, b"y"), id="a message inside a message"),
        pytest.param(frame(PING, b"x" * 126), id="a ping that is too long"),
        pytest.param(frame(PING, b"x", last=False), id="half a ping"),
        pytest.param(frame(TEXT, b"", length=2**63 - 1), id="a length of many exabytes"),
        pytest.param(frame(TEXT, b"", length=2**64 - 1), id="a length that is negative to some"),
        pytest.param(frame(CLOSE, b"\x00"), id="half a close code"),
        pytest.param(frame(CLOSE, struct.pack(">H", 999)), id="a close code that does not exist"),
        pytest.param(frame(CLOSE, struct.pack(">H", 1000) + b"\xff"), id="a reason that is not UTF-8"),
        pytest.param(b"\xff" * 65536, id="ones"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="an answer of HTTP"),
    ],
)
async def test_what_is_no_frame_of_websocket_ends_the_connection(data: bytes, websocket: Any):
    async with listening(upgraded(data), websocket()) as listener:
        count, error = await end_of(listener)
    assert (count, type(error)) == (0, ConnectionLost)
    assert len(str(error)) < 300


@pytest.mark.parametrize("kind", [TEXT, BINARY])
async def test_messages_of_any_bytes_are_carried_as_they_are(kind: int):
    anything = [b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", bytes(range(256)), b"[" * 70_000]
    async with listening(upgraded(*(frame(kind, each) for each in anything)), WebSocket()) as listener:
        await listener.opened()
        for each in anything:
            assert await listener.frame() == Frame(each, binary=kind == BINARY)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            upgraded(frame(TEXT, b"x" * 65536, last=False), *[frame(0, b"x" * 65536, last=False)] * 999), id="parts"
        ),
        pytest.param(upgraded(frame(TEXT, b"x" * (4 * MEGABYTE))), id="one frame"),
        pytest.param(
            upgraded(
                frame(TEXT, deflated(64 * MEGABYTE), reserved=0x40), Sec_WebSocket_Extensions="permessage-deflate"
            ),
            id="a bomb",
        ),
        pytest.param(
            upgraded(*in_parts(deflated(64 * MEGABYTE)), Sec_WebSocket_Extensions="permessage-deflate"),
            id="a bomb in parts",
        ),
    ],
)
async def test_a_message_that_grows_beyond_the_limit_ends_the_connection_before_it_costs_more(script: Script):
    transport = WebSocket(compress=True, max_message_size=2 * MEGABYTE)
    async with memory_within(24 * MEGABYTE), listening(script, transport) as listener:
        count, error = await end_of(listener)
    assert isinstance(error, ConnectionLost)
    assert (count, error.code) == (0, 1009)


async def test_a_message_without_an_end_and_without_a_byte_costs_nothing(websocket: Any):
    script = upgraded(frame(TEXT, b"x", last=False), frame(0, b"", last=False) * 100_000, frame(0, b"y"))
    async with memory_within(8 * MEGABYTE), listening(script, websocket()) as listener:
        await listener.opened()
        assert await listener.frame() == Frame(b"xy")


async def test_a_flood_of_pings_is_answered_and_what_comes_after_it_arrives(websocket: Any):
    script = upgraded(frame(PING, b"x" * 100) * 5_000, frame(PONG, b"y") * 5_000, frame(TEXT, b"[]"))
    async with memory_within(16 * MEGABYTE), listening(script, websocket()) as listener:
        await listener.opened()
        assert await listener.frame() == Frame(b"[]")


async def test_pings_without_an_end_from_a_peer_that_reads_nothing_end_by_the_heartbeat():
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        while True:
            writer.write(frame(PING, b"x" * 125) * 1_000)
            await writer.drain()

    async with tcp_server(script) as port:
        faults: list[Fault] = []
        async with Socket(f"ws://localhost:{port}/socket", heartbeat_interval=0.2) as socket:
            lost = asyncio.Event()

            def note(fault: Fault) -> None:
                faults.append(fault)
                lost.set()

            socket.errors.subscribe(note)
            with socket.connect():
                await socket.opened()
                await asyncio.wait_for(lost.wait(), 10)
    assert type(faults[0].error).__name__ == "HeartbeatTimeout"


@pytest.mark.parametrize("kind", ["websocket", "longpoll"])
async def test_what_waits_for_a_server_that_reads_nothing_is_bounded(kind: str):
    stall = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if kind == "websocket":
            await accept_websocket(reader, writer)
        else:
            first, _headers = await read_head(reader)
            if "POST" not in first:
                writer.write(OPENING)
        await stall.wait()

    transport: Transport = (
        WebSocket(max_unsent_size=MEGABYTE) if kind == "websocket" else LongPoll(max_unsent_size=MEGABYTE)
    )
    async with memory_within(64 * MEGABYTE), listening(script, transport) as listener:
        send = await listener.opened()
        for _ in range(1_000):
            for _ in range(10):
                send(Frame(b"[" + b"x" * 10_000))
            await asyncio.sleep(0)
            if not listener.silent:
                break
        error = await listener.error()
        send(Frame(b"[]"))
    assert str(error) == ("connection lost: more than 1048576 bytes wait to be sent, and the server does not take them")


async def test_one_message_that_is_bigger_than_what_may_wait_is_sent_all_the_same(websocket: Any):
    received = asyncio.get_running_loop().create_future()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        received.set_result(len(await reader.readexactly(3 * MEGABYTE)))
        await until_gone(reader)

    async with listening(script, websocket(max_unsent_size=1_000)) as listener:
        send = await listener.opened()
        send(Frame(b"x" * 3 * MEGABYTE))
        assert await asyncio.wait_for(received, 20) == 3 * MEGABYTE
        send(Frame(b"[]"))
        assert listener.silent


# -- long polling ----------------------------------------------------------------------------------------------------


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param(polled(answer(b"x" * 3 * MEGABYTE)), "the answer is too big", id="a big body"),
        pytest.param(polled(CHUNKED + b"\r\n", *[CHUNK] * 100), "the answer is too big", id="a body without an end"),
        pytest.param(
            polled(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", *[CHUNK] * 100),
            "the answer is too big",
            id="a body of terabytes",
        ),
        pytest.param(
            polled(answer(gzip.compress(b" " * 64 * MEGABYTE, 9), head=b"Content-Encoding: gzip\r\n")),
            "the answer is too big",
            id="a bomb of gzip",
        ),
        pytest.param(
            polled(
                answer(gzip.compress(gzip.compress(b" " * 64 * MEGABYTE, 9)), head=b"Content-Encoding: gzip, gzip\r\n")
            ),
            "",
            id="a bomb in a bomb",
        ),
        pytest.param(
            polled(answer(zlib.compress(b" " * 64 * MEGABYTE, 9), head=b"Content-Encoding: deflate\r\n")),
            "the answer is too big",
            id="a bomb of deflate",
        ),
        pytest.param(
            polled(answer(b"nonsense", head=b"Content-Encoding: gzip\r\n")), "the request failed", id="no gzip"
        ),
        pytest.param(
            polled(CHUNKED, *[b"X: " + b"x" * 4000 + b"\r\n"] * 20_000),
            "the request failed",
            id="headers without an end",
        ),
        pytest.param(polled(b"\xff\x00" * 1_000_000), "the request failed", id="no HTTP"),
        pytest.param(polled(CHUNKED + b"\r\n-5\r\n"), "the request failed", id="a chunk of nonsense"),
        pytest.param(polled(answer(b"\xff\xfe")), "not an answer of long polling", id="not UTF-8"),
        pytest.param(polled(answer(b"")), "not an answer of long polling", id="nothing"),
        pytest.param(polled(answer(b"[" * MEGABYTE)), "not an answer of long polling", id="deeply nested"),
        pytest.param(
            polled(answer(b'{"status":200,"messages":[[]]}')),
            "not an answer of long polling",
            id="messages that are none",
        ),
        pytest.param(polled(answer(b'{"status":1e400}')), "not an answer of long polling", id="a status out of range"),
        pytest.param(
            polled(answer(b'{"status":200,"token":"a\\r\\nX: y","messages":[]}')),
            "token cannot be sent back",
            id="a token with line breaks",
        ),
        pytest.param(
            polled(answer(b'{"status":200,"token":"%s"}' % (b"x" * MEGABYTE))),
            "token cannot be sent back",
            id="a huge token",
        ),
        pytest.param(polled(answer(b'{"status":-7}')), "status -7", id="a negative status"),
        pytest.param(
            polled(answer(b"", status=b"302 Found", head=b"Location: http://localhost:1/\r\n")),
            "redirects are not followed",
            id="a redirect",
        ),
        pytest.param(polled(answer(b"", status=b"101 Switching Protocols")), "", id="an upgrade that nobody asked for"),
        pytest.param(polled(answer(b"", status=b"999 \xff")), "HTTP 999", id="a status that does not exist"),
    ],
)
async def test_an_answer_that_is_none_ends_the_session_and_costs_little(script: Script, words: str):
    async with memory_within(48 * MEGABYTE), listening(script, LongPoll(max_answer_size=2 * MEGABYTE)) as listener:
        await listener.opened()
        count, error = await end_of(listener)
    assert (count, type(error)) == (0, ConnectionLost)
    assert words in str(error)
    assert len(str(error)) < 300


async def test_an_answer_that_drips_is_ended_by_the_time_limit_of_a_request():
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(OPENING)
        await read_head(reader)
        writer.write(CHUNKED + b"\r\n")
        for _ in range(1_000):
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with listening(script, LongPoll(timeout=0.3)) as listener:
        await listener.opened()
        assert str(await listener.error()).startswith("connection lost: no answer within 0.3 s")


async def test_an_answer_of_very_many_messages_leaves_time_to_others():
    body = b'{"status":200,"messages":[' + b'"m",' * 200_000 + b'"last"]}'
    async with listening(polled(answer(body)), LongPoll()) as listener:
        await listener.opened()
        assert await listener.frame() == Frame(b"m")
        turns = 0
        while listener.count < 200_000:
            await asyncio.sleep(0)
            turns += 1
        assert turns > 500


async def test_a_server_that_answers_polls_at_once_with_nothing_is_not_asked_without_end():
    polls = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal polls
        await read_head(reader)
        writer.write(OPENING)
        for number in range(100_000):
            await read_head(reader)
            polls += 1
            last = number == 6
            writer.write(answer(b'{"status":200,"messages":["last"]}' if last else b'{"status":204}'))
            if last:
                break
        await until_gone(reader)

    loop = asyncio.get_running_loop()
    began = loop.time()
    async with listening(script, LongPoll()) as listener:
        await listener.opened()
        assert await listener.frame() == Frame(b"last")
    assert polls == 7
    assert loop.time() - began >= 0.6  # 0.1 + 0.2 + 0.3 s of respite, whatever the machine


@pytest.mark.parametrize("kind", ["websocket", "longpoll"])
async def test_cookies_that_a_server_sets_without_end_are_bounded(kind: str, caplog: pytest.LogCaptureFixture):
    sizes: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, headers = await read_head(reader)
        sizes.append(len(headers.get("cookie", "")))
        begin = len(sizes) * 100
        cookies = b"".join(b"Set-Cookie: c%d=%s\r\n" % (begin + i, b"v" * 2000) for i in range(40))
        writer.write(answer(b"", status=b"403 Forbidden", head=cookies + b"Set-Cookie: \xff;=;;\x01\r\n"))
        await writer.drain()

    memory: dict[object, object] = {}
    caplog.set_level(logging.INFO)
    async with tcp_server(script) as port:
        for _ in range(12):
            transport: Transport = WebSocket() if kind == "websocket" else LongPoll()
            listener = Listener(transport.connect(request_to(f"ws://localhost:{port}/socket", memory=memory)))
            assert isinstance(await listener.error(), ConnectionRefused)
    (jar,) = (value for value in memory.values() if type(value).__name__ == "CookieJar")
    assert len(list(jar)) <= 200  # type: ignore[call-overload]
    assert 0 < max(sizes) < 10_000
    assert [record for record in caplog.records if record.name != "asyncio"] == []


# -- a whole client --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["websocket", "longpoll"])
async def test_a_flood_of_nonsense_neither_stops_a_client_nor_fills_its_log(
    kind: str, caplog: pytest.LogCaptureFixture
):
    """Before it, in it and after it the client does what it is there for."""
    nonsense = [b"nonsense", b"[]", b"\xff", b'[null,null,"room:z","news",{}]', b'["1","0","room:a","phx_reply",{}]']
    rounds = 40
    caplog.set_level(logging.DEBUG, "rxphoenix")

    def reply(message: Any) -> bytes:
        join_ref, ref, topic, _event, payload = message
        return msgspec.json.encode([join_ref, ref, topic, "phx_reply", {"status": "ok", "response": payload}])

    script = _flooding_websocket(nonsense * 40, rounds, reply)
    if kind == "longpoll":
        script = _flooding_polls([each for each in nonsense if each != b"\xff"] * 40, rounds, reply)
    transport: Transport = WebSocket() if kind == "websocket" else LongPoll()
    async with tcp_server(script) as port:
        faults: list[Fault] = []
        async with Socket(f"ws://localhost:{port}/socket", transport=transport, timeout=20) as socket:
            socket.errors.subscribe(faults.append)
            room = socket.channel("room:a")
            async with room.hold():
                for number in range(rounds):
                    assert await room.push("echo", number, timeout=20) == number
    assert [fault.error for fault in faults if not isinstance(fault.error, MalformedFrame)] == []
    assert len(faults) >= rounds * 200
    assert [record for record in caplog.records if record.name == "rxphoenix"] == []  # a busy machine has its own say


def _flooding_websocket(nonsense: list[bytes], rounds: int, reply: Callable[[Any], bytes]) -> Script:
    flood = b"".join(frame(TEXT, each) for each in nonsense)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer)
        while True:
            message = msgspec.json.decode(await _read_frame(reader))
            writer.write(flood + frame(TEXT, reply(message)) + flood)
            await writer.drain()

    return script


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    """A short masked frame of text."""
    kind, size = await reader.readexactly(2)
    if kind & 0x0F == CLOSE:
        raise ConnectionResetError
    size &= 0x7F
    if size == 126:
        (size,) = struct.unpack(">H", await reader.readexactly(2))
    mask = await reader.readexactly(4)
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(await reader.readexactly(size)))


def _flooding_polls(nonsense: list[bytes], rounds: int, reply: Callable[[Any], bytes]) -> Script:
    replies: asyncio.Queue[bytes] = asyncio.Queue()
    flood = [each.decode() for each in nonsense]

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            first, headers = await read_head(reader)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if first.startswith("POST"):
                for line in body.split(b"\n"):
                    replies.put_nowait(reply(msgspec.json.decode(line)))
                writer.write(answer(b'{"status":200}'))
            elif "token=" not in first:
                writer.write(OPENING)
            else:
                messages = [*flood, (await replies.get()).decode(), *flood]
                writer.write(answer(msgspec.json.encode({"status": 200, "token": "t", "messages": messages})))
            await writer.drain()

    return script

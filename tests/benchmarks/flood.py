"""A server that is never the bottleneck: it answers everything with "ok", and floods with frames made beforehand.

    python -m tests.benchmarks.flood

It prints its port, and answers each line on its standard input with the seconds of processor time that it has used.
It serves one connection after the other, on one thread that does nothing but wait for the kernel: what a client pushes
is answered in one write for all that was read at once, and a flood is the same block of frames over and over. It has
no limit of channels and no processes: a join is answered as a push is.

What a client may push, on any topic:

    flood   {"frames": how many, "event": name, "payload": what they carry}: so many frames, over all topics joined
    drop    the connection is closed without a word
    *       answered with "ok" and {}

What lives here: the server, and how to start it. What does not: measuring.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from time import process_time
from typing import NamedTuple

import msgspec

from tests.benchmarks.cores import pin
from tests.house.architecture import ROOT

__all__ = ["FloodServer", "flood_server"]

_ACCEPT_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BLOCK = 1024 * 1024
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


class _Request(msgspec.Struct):
    """What a client sent; what is only repeated stays as it came."""

    topic: msgspec.Raw
    event: str
    payload: msgspec.Raw
    ref: msgspec.Raw = msgspec.Raw(b"null")
    join_ref: msgspec.Raw = msgspec.Raw(b"null")


class _Flood(msgspec.Struct):
    frames: int
    event: msgspec.Raw
    payload: msgspec.Raw


_decode_flood = msgspec.json.Decoder(_Flood).decode
_decode_object = msgspec.json.Decoder(_Request).decode
_decode_array = msgspec.json.Decoder(tuple[msgspec.Raw, msgspec.Raw, msgspec.Raw, str, msgspec.Raw]).decode


def _read_array(data: bytes) -> _Request:
    join_ref, ref, topic, event, payload = _decode_array(data)
    return _Request(topic, event, payload, ref, join_ref)


class _Dialect(NamedTuple):
    """How one version of the serializer is read and written."""

    read: Callable[[bytes], _Request]
    reply: bytes
    broadcast: bytes


_DIALECTS = {
    b"2.0.0": _Dialect(
        _read_array,
        b'[%(join_ref)b,%(ref)b,%(topic)b,"phx_reply",{"status":"ok","response":{}}]',
        b"[null,null,%(topic)b,%(event)b,%(payload)b]",
    ),
    b"1.0.0": _Dialect(
        _decode_object,
        b'{"topic":%(topic)b,"event":"phx_reply","payload":{"status":"ok","response":{}},"ref":%(ref)b}',
        b'{"topic":%(topic)b,"event":%(event)b,"payload":%(payload)b,"ref":null}',
    ),
}


def _framed(data: bytes, kind: int = _TEXT) -> bytes:
    size = len(data)
    if size < 126:
        return bytes((0x80 | kind, size)) + data
    if size < 65536:
        return bytes((0x80 | kind, 126)) + size.to_bytes(2) + data
    return bytes((0x80 | kind, 127)) + size.to_bytes(8) + data


class _Connection:
    """One connection, from the upgrade to its end."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._buffer = b""
        self._topics: dict[bytes, None] = {}

    def serve(self) -> None:
        """Answer until the client is gone, or asks to be dropped."""
        while b"\r\n\r\n" not in self._buffer:
            self._read()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        key = {name.lower(): value for name, value in lines.items()}[b"sec-websocket-key"]
        self._dialect = next(each for vsn, each in _DIALECTS.items() if b"vsn=" + vsn in head)
        accept = base64.b64encode(hashlib.sha1(key + _ACCEPT_KEY).digest())
        self._peer.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
        )
        while True:
            answers: list[bytes] = []
            flood = b""
            for kind, data in self._frames():
                if kind == _CLOSE:
                    self._peer.sendall(_framed(data, _CLOSE))
                    return
                if kind == _PING:
                    answers.append(_framed(data, _PONG))
                    continue
                request = self._dialect.read(data)
                if request.event == "drop":
                    return
                if request.event == "phx_join":
                    self._topics[bytes(request.topic)] = None
                elif request.event == "flood":
                    flood = bytes(request.payload)
                answers.append(
                    _framed(
                        self._dialect.reply
                        % {
                            b"join_ref": bytes(request.join_ref),
                            b"ref": bytes(request.ref),
                            b"topic": bytes(request.topic),
                        }
                    )
                )
            self._peer.sendall(b"".join(answers))
            if flood:
                self._flood(_decode_flood(flood))
            self._read()

    def _read(self) -> None:
        data = self._peer.recv(_BLOCK)
        if not data:
            raise ConnectionError("the client is gone")
        self._buffer += data

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """The frames that have come whole; what is left of the next one is kept."""
        buffer, place, end = self._buffer, 0, len(self._buffer)
        while end - place >= 2:
            kind, size, start = buffer[place] & 0x0F, buffer[place + 1] & 0x7F, place + 2
            if size >= 126:
                start += 2 if size == 126 else 8
                if end < start:
                    break
                size = int.from_bytes(buffer[place + 2 : start])
            if end < start + 4 + size:
                break
            mask, data = buffer[start : start + 4], buffer[start + 4 : start + 4 + size]
            place = start + 4 + size
            mask = (mask * (size // 4 + 1))[:size]
            yield kind, (int.from_bytes(data) ^ int.from_bytes(mask)).to_bytes(size)
        self._buffer = buffer[place:]

    def _flood(self, flood: _Flood) -> None:
        frames = [
            _framed(
                self._dialect.broadcast
                % {b"topic": topic, b"event": bytes(flood.event), b"payload": bytes(flood.payload)}
            )
            for topic in self._topics
        ]
        left = flood.frames
        times = max(1, _BLOCK // len(b"".join(frames)))
        block = b"".join(frames * times)
        while left >= len(frames) * times:
            self._peer.sendall(block)
            left -= len(frames) * times
        whole, rest = divmod(left, len(frames))
        self._peer.sendall(b"".join(frames * whole + frames[:rest]))


def _serve() -> None:
    pin(0)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - for who started it
    threading.Thread(target=_tell_time, daemon=True).start()
    while True:
        peer, _ = listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with peer, contextlib.suppress(ConnectionError):
            _Connection(peer).serve()


def _tell_time() -> None:
    for _ in sys.stdin:
        print(process_time(), flush=True)  # noqa: T201 - for who started it
    os._exit(0)  # who started it has ended


class FloodServer:
    """A running server.

    Arguments:
        process: what it runs in.
        port: where it listens.
    """

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self.endpoint = f"ws://127.0.0.1:{port}/socket"

    def cpu(self) -> float:
        """The seconds of processor time that it has used."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


@contextmanager
def flood_server() -> Generator[FloodServer]:
    """Start a server in a process of its own, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        yield FloodServer(process, json.loads(process.stdout.readline()))
        process.kill()


if __name__ == "__main__":
    _serve()

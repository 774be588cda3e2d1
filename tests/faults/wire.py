"""What passes between a client and a server, cut into the units that a test speaks of.

A unit is an HTTP request or answer, or a frame of a WebSocket, with names for what it carries: ``"join"`` is the frame
or the post with ``phx_join``, ``"join reply"`` the frame or the poll's answer with its reply.

What lives here: reading. What does not: passing on, and doing harm (``proxy.py``).
"""

from __future__ import annotations

import gzip
import json
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

__all__ = ["Exchange", "Names", "Unit"]

_NAMES = {"phx_join": "join", "phx_leave": "leave", "heartbeat": "heartbeat"}
_CLOSE = 8


class Unit(NamedTuple):
    """Some bytes that belong together.

    Arguments:
        names: what they carry.
        data: the bytes as they travel.
        body: where in them the content begins, behind heads and masks.
    """

    names: frozenset[str]
    data: bytes
    body: int


class Names:
    """What messages are called; it remembers which ref was whose, over all connections of a client."""

    def __init__(self) -> None:
        self._asked: dict[str, str] = {}

    def of_request(self, message: Any) -> str:
        """The name of a message to the server."""
        _join_ref, ref, _topic, event, _payload = message
        name = _NAMES.get(event, "push")
        self._asked[ref] = name
        return name

    def of_answer(self, message: Any) -> str:
        """The name of a message from the server."""
        _join_ref, ref, _topic, event, _payload = message
        return f"{self._asked.get(ref, 'unasked')} reply" if event == "phx_reply" else event


class Exchange:
    """Both directions of one TCP connection."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._requests: deque[str] = deque()
        self._upgraded = False
        self._from_client = bytearray()
        self._from_server = bytearray()

    def from_client(self, data: bytes) -> Iterator[Unit]:
        """What the client has sent, as far as it is complete."""
        return self._cut(self._from_client, data, self._names.of_request, "close", self._read_request)

    def from_server(self, data: bytes) -> Iterator[Unit]:
        """What the server has sent, as far as it is complete."""
        return self._cut(self._from_server, data, self._names.of_answer, "close answer", self._read_answer)

    def _cut(
        self,
        buffer: bytearray,
        data: bytes,
        name_of: Callable[[Any], str],
        close: str,
        read: Callable[[str, bytes, bytes, int], Unit],
    ) -> Iterator[Unit]:
        buffer += data
        while True:
            if self._upgraded:
                frame = _frame(buffer)
                if frame is None:
                    return
                opcode, content, taken, body = frame
                name = close if opcode == _CLOSE else name_of(json.loads(content))
                yield Unit(frozenset({name}), taken, body)
            else:
                message = _http(buffer)
                if message is None:
                    return
                yield read(*message)

    def _read_request(self, head: str, payload: bytes, data: bytes, body: int) -> Unit:
        if head.startswith("POST"):
            names = frozenset(self._names.of_request(json.loads(line)) for line in payload.splitlines())
            self._requests.append(" ".join(sorted(names)))
            return Unit(names, data, body)
        name = "poll" if "token" in head.lower() else "handshake"
        self._requests.append(name)
        return Unit(frozenset({name}), data, body)

    def _read_answer(self, head: str, payload: bytes, data: bytes, body: int) -> Unit:
        request = self._requests.popleft()
        if " 101 " in head:
            self._upgraded = True
        names = {f"{request} answer"}
        if request == "poll" and " 200 " in head:
            if "content-encoding: gzip" in head.lower():
                payload = gzip.decompress(payload)
            messages = [json.loads(message) for message in json.loads(payload)["messages"]]
            names |= {self._names.of_answer(message) for message in messages}
        return Unit(frozenset(names), data, body)


def _http(buffer: bytearray) -> tuple[str, bytes, bytes, int] | None:
    """Take a request or an answer: its head, its body, all of its bytes, and where the body begins."""
    head, separator, _ = bytes(buffer).partition(b"\r\n\r\n")
    if not separator:
        return None
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    body = len(head) + len(separator)
    end = body + (int(lengths[0]) if lengths else 0)
    if len(buffer) < end:
        return None
    data = bytes(buffer[:end])
    del buffer[:end]
    return head.decode(), data[body:], data, body


def _frame(buffer: bytearray) -> tuple[int, bytes, bytes, int] | None:
    """Take a frame: its opcode, its content, all of its bytes, and where the content begins."""
    if len(buffer) < 2:
        return None
    length, body = buffer[1] & 0x7F, 2
    if length >= 126:
        size = 2 if length == 126 else 8
        length, body = int.from_bytes(buffer[2 : 2 + size], "big"), 2 + size
    mask = b""
    if buffer[1] & 0x80:
        mask, body = bytes(buffer[body : body + 4]), body + 4
    if len(buffer) < body + length:
        return None
    data = bytes(buffer[: body + length])
    del buffer[: body + length]
    content = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data[body:])) if mask else data[body:]
    return data[0] & 0x0F, content, data, body

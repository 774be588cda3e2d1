"""A serializer of one's own, and version 1.0.0 of the protocol."""

# pyright: strict

from __future__ import annotations

from typing import Any, assert_type

from rxphoenix import Frame, JSONSerializer, JSONSerializerV1, Message, Serializer, Socket


class Stamped:
    """Counts what it writes and reads; all else is left to the serializer that it wraps."""

    def __init__(self, inner: Serializer) -> None:
        self._inner = inner
        self.written = 0
        self.read = 0

    @property
    def vsn(self) -> str:
        return self._inner.vsn

    def encode_payload(self, payload: Any) -> Any:
        return self._inner.encode_payload(payload)

    def encode(self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any) -> Frame:
        self.written += 1
        return self._inner.encode(join_ref, ref, topic, event, payload)

    def decode(self, frame: Frame) -> Message:
        self.read += 1
        message = self._inner.decode(frame)
        assert_type(message.topic, str)
        assert_type(message.join_ref, str | None)
        assert_type(message.payload, Any)
        return message


async def main(url: str) -> list[str]:
    seen: list[str] = []
    for inner in (JSONSerializer(), JSONSerializerV1()):
        stamped = Stamped(inner)
        async with Socket(url, serializer=stamped) as socket:
            response = await socket.channel("room:tea").push("echo", {"a": 1})
        seen.append(f"{inner.vsn}: {response}, {stamped.written > 1}, {stamped.read > 1}")
    return seen

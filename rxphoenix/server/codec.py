"""The server's direction of the wire: what clients send is read, what a server says is written.

What lives here: serializers 2.0.0 (text and binary) and 1.0.0 as a server speaks them. What does not: the
client's direction (``rxphoenix.protocol.serializer``), and what a message means (``session.py``).

Source: the "Messages" part of the protocol page and recorded traffic of Phoenix 1.8.12, which also shows that a
server takes any JSON value for a ref and gives it back as it came.
"""

from __future__ import annotations

import re
from typing import Any, Protocol, cast

import msgspec

from rxphoenix.errors import MalformedFrame, UnencodablePayload
from rxphoenix.protocol.message import REPLY, Frame, Payload

__all__ = ["Codec", "CodecV1", "CodecV2", "Incoming", "codec_for"]

_PUSH, _REPLY, _BROADCAST = 0, 1, 2
_LONGEST_FIELD = 255

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Incoming(msgspec.Struct, frozen=True):
    """One message of a client, as it came: nothing but the shape of the envelope has been checked.

    Arguments:
        join_ref: the join that the client says it belongs to, any JSON value.
        ref: the client's name for this request, any JSON value.
        topic: usually a string, but any JSON value.
        event: usually a string, but any JSON value.
        payload: a JSON value, or ``bytes`` from a binary frame.
    """

    join_ref: Any
    ref: Any
    topic: Any
    event: Any
    payload: Payload


class Codec(Protocol):
    """What a session needs to read a client's frames and to write its own."""

    def decode(self, frame: Frame) -> Incoming:
        """Read one message; raises ``MalformedFrame`` for what is not one."""
        ...

    def reply(self, join_ref: Any, ref: Any, topic: Any, status: str | bool | None, response: Payload) -> Frame:
        """Write the answer to a request; raises ``UnencodablePayload``."""
        ...

    def push(self, join_ref: Any, topic: str, event: str, payload: Payload) -> Frame:
        """Write a message from a channel to this client alone; raises ``UnencodablePayload``."""
        ...

    def broadcast(self, topic: str, event: str, payload: Payload) -> Frame:
        """Write a message to all who joined the topic; raises ``UnencodablePayload``."""
        ...

    def ending(self, join_ref: Any, topic: str, event: str, payload: Payload) -> Frame:
        """Write ``phx_close`` or ``phx_error``, whose two refs are both that of the join."""
        ...


def codec_for(vsn: str) -> Codec | None:
    """The codec for a client's ``vsn``, or ``None`` for one that no server knows.

    Example:
        ```python
        from rxphoenix.protocol.message import Frame
        from rxphoenix.server.codec import codec_for

        codec = codec_for("2.0.0")
        incoming = codec.decode(Frame(b'[null,7,"phoenix","heartbeat",{}]'))
        assert incoming.ref == 7
        assert codec_for("3.0.0") is None
        ```
    """
    matched = re.fullmatch(r"([12])\.0\.\d+", vsn)
    if matched is None:
        return None
    return CodecV1() if matched[1] == "1" else CodecV2()


class CodecV2:
    """Serializer 2.0.0: JSON arrays as text frames, and binary frames for ``bytes``."""

    def decode(self, frame: Frame) -> Incoming:
        """Read a text or binary frame; elements behind the fifth are tolerated; raises ``MalformedFrame``."""
        if frame.binary:
            return _decode_binary_push(frame.data)
        array = _decode_json(frame.data)
        if not isinstance(array, list):
            raise MalformedFrame("not a JSON array", size=len(frame.data))
        elements = cast("list[Any]", array)
        if len(elements) < 5:
            raise MalformedFrame(f"an array of {len(elements)} elements instead of 5", size=len(frame.data))
        return Incoming(*elements[:5])

    def reply(self, join_ref: Any, ref: Any, topic: Any, status: str | bool | None, response: Payload) -> Frame:
        """Write a reply, as a binary frame if the response is bytes; raises ``UnencodablePayload``."""
        data = _as_bytes(response)
        if data is not None:
            return _binary(_REPLY, (join_ref, ref, topic, status), data)
        return _text((join_ref, ref, topic, REPLY, {"status": status, "response": response}))

    def push(self, join_ref: Any, topic: str, event: str, payload: Payload) -> Frame:
        """Write a push, as a binary frame if the payload is bytes; raises ``UnencodablePayload``."""
        data = _as_bytes(payload)
        if data is not None:
            return _binary(_PUSH, (join_ref, topic, event), data)
        return _text((join_ref, None, topic, event, payload))

    def broadcast(self, topic: str, event: str, payload: Payload) -> Frame:
        """Write a broadcast, as a binary frame if the payload is bytes; raises ``UnencodablePayload``."""
        data = _as_bytes(payload)
        if data is not None:
            return _binary(_BROADCAST, (topic, event), data)
        return _text((None, None, topic, event, payload))

    def ending(self, join_ref: Any, topic: str, event: str, payload: Payload) -> Frame:
        """Write ``phx_close`` or ``phx_error`` with the join's ref twice."""
        return _text((join_ref, join_ref, topic, event, payload))


class CodecV1:
    """Serializer 1.0.0: JSON objects; no binary, and a ``join_ref`` is honoured but never returned."""

    def decode(self, frame: Frame) -> Incoming:
        """Read one JSON object; raises ``MalformedFrame`` for anything else, binary frames included."""
        if frame.binary:
            raise MalformedFrame("a binary frame, which serializer 1.0.0 does not have", size=len(frame.data))
        found = _decode_json(frame.data)
        if not isinstance(found, dict):
            raise MalformedFrame("not a JSON object", size=len(frame.data))
        fields = cast("dict[str, Any]", found)
        try:
            return Incoming(fields.get("join_ref"), fields["ref"], fields["topic"], fields["event"], fields["payload"])
        except KeyError as error:
            raise MalformedFrame(f"an object without {error}", size=len(frame.data)) from error

    def reply(self, join_ref: Any, ref: Any, topic: Any, status: str | bool | None, response: Payload) -> Frame:
        """Write a reply; raises ``UnencodablePayload``, for bytes too."""
        _refuse_bytes(response)
        return _object(topic, REPLY, {"status": status, "response": response}, ref)

    def push(self, join_ref: Any, topic: str, event: str, payload: Payload) -> Frame:
        """Write a push; raises ``UnencodablePayload``, for bytes too."""
        _refuse_bytes(payload)
        return _object(topic, event, payload, None)

    def broadcast(self, topic: str, event: str, payload: Payload) -> Frame:
        """Write a broadcast; raises ``UnencodablePayload``, for bytes too."""
        _refuse_bytes(payload)
        return _object(topic, event, payload, None)

    def ending(self, join_ref: Any, topic: str, event: str, payload: Payload) -> Frame:
        """Write ``phx_close`` or ``phx_error`` with a null ref."""
        return _object(topic, event, payload, None)


def _as_bytes(payload: Payload) -> bytes | None:
    return bytes(cast("bytes", payload)) if isinstance(payload, (bytes, bytearray, memoryview)) else None


def _refuse_bytes(payload: Payload) -> None:
    if _as_bytes(payload) is not None:
        raise UnencodablePayload("serializer 1.0.0 has no binary messages, and this client speaks nothing newer")


def _decode_json(data: bytes) -> Any:
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrame(f"not JSON: {error}", size=len(data)) from error


def _text(message: Any) -> Frame:
    try:
        return Frame(_encoder.encode(message))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UnencodablePayload(f"this message cannot be written as JSON: {error}") from error


def _object(topic: Any, event: str, payload: Payload, ref: Any) -> Frame:
    return _text({"topic": topic, "event": event, "payload": payload, "ref": ref})


def _binary(kind: int, names: tuple[Any, ...], data: bytes) -> Frame:
    fields: list[bytes] = []
    for name in names:
        try:
            field = ("" if name is None else str(name)).encode()
        except UnicodeEncodeError as error:
            raise UnencodablePayload(f"{name!r} is not valid Unicode: {error}") from error
        if len(field) > _LONGEST_FIELD:
            raise UnencodablePayload(f"a name in a binary message may have {_LONGEST_FIELD} bytes, not {len(field)}")
        fields.append(field)
    return Frame(bytes((kind, *map(len, fields))) + b"".join(fields) + data, binary=True)


def _decode_binary_push(data: bytes) -> Incoming:
    if len(data) < 5 or data[0] != _PUSH:
        raise MalformedFrame("not a binary push", size=len(data))
    names: list[str] = []
    offset = 5
    for length in data[1:5]:
        end = offset + length
        if end > len(data):
            raise MalformedFrame("a name ends behind the binary frame", size=len(data))
        try:
            names.append(data[offset:end].decode())
        except UnicodeDecodeError as error:
            raise MalformedFrame(f"a name in a binary frame is not UTF-8: {error}", size=len(data)) from error
        offset = end
    join_ref, ref, topic, event = names
    return Incoming(join_ref, ref, topic, event, data[offset:])

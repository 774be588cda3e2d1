"""How messages are written to frames and read from them.

What lives here: the seam for serializers, and the two of Phoenix: JSON 2.0.0 (text and binary) and 1.0.0.
What does not: the server's side of the wire (``rxphoenix.server``).

Source: the "Messages, serializer 2.0.0" and "Connecting" parts of the protocol page, checked against
recorded traffic of Phoenix 1.8.12.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Protocol, TypeAlias, cast

import msgspec

from rxphoenix.errors import MalformedFrame, UnencodablePayload
from rxphoenix.protocol.message import REPLY, Frame, Message, Payload, Received, decode_json, leave_unscanned

__all__ = [
    "BYTES_LIKE",
    "LARGE",
    "EncodedPayload",
    "JSONSerializer",
    "JSONSerializerV1",
    "Serializer",
    "has_heads",
    "head_of",
]

EncodedPayload: TypeAlias = Any
"""A payload as a serializer keeps it between ``encode_payload`` and ``encode``; nobody else looks inside."""

BYTES_LIKE = (bytes, bytearray, memoryview)
"""What is sent as a binary message."""

_PUSH, _REPLY, _BROADCAST = 0, 1, 2
_LONGEST_FIELD = 255


class Serializer(Protocol):
    """What a socket needs to write and read frames; make your own for another dialect.

    ``vsn`` is sent to the server as the connect parameter of that name. A payload is encoded in two steps,
    because a push is checked when it is made and written when its refs are known.

    Example:
        ```python
        from rxphoenix import JSONSerializer, Socket

        class Upper(JSONSerializer):
            def encode_payload(self, payload):
                return super().encode_payload({key.upper(): value for key, value in payload.items()})

        socket = Socket("ws://localhost:4000/socket", serializer=Upper())
        ```
    """

    @property
    def vsn(self) -> str:
        """The protocol version to ask the server for, for example ``"2.0.0"``."""
        ...

    def encode_payload(self, payload: Payload) -> EncodedPayload:
        """Encode a payload ahead of its message; raises ``UnencodablePayload`` for what cannot be written."""
        ...

    def encode(self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: EncodedPayload) -> Frame:
        """Write one message; raises ``UnencodablePayload`` for a name that does not fit the format."""
        ...

    def decode(self, frame: Frame) -> Message:
        """Read one message; raises ``MalformedFrame`` for what is not one."""
        ...


def _as_builtins(value: object) -> object:
    """What msgspec does not know by itself: the models of pydantic."""
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and isinstance(value, cast("Any", pydantic).BaseModel):
        return cast("Any", value).model_dump(mode="json", by_alias=True)
    raise TypeError(f"objects of type {type(value).__name__} are not supported")


_encoder = msgspec.json.Encoder(enc_hook=_as_builtins)
_decode_array = msgspec.json.Decoder(Received).decode

LARGE = 4096
"""Bytes from which it pays to look for the beginning of a payload without scanning it, and not to copy one."""

_HEAD = re.compile(rb"""\[(?:(?:null|"[^"\\]*"),){4}""")
"""All before a payload, as servers write it: without spaces, and seldom with an escape in a name."""


def _decode_large(data: bytes) -> Message:
    head = _HEAD.match(data)
    if head is None or data[-1:] != b"]":
        return _decode_array(data)
    message = _decode_array(head[0] + b"null]")
    leave_unscanned(message, msgspec.Raw(memoryview(data)[head.end() : -1]))
    return message


class _Object(msgspec.Struct):
    topic: str
    event: str
    payload: msgspec.Raw
    ref: str | None = None
    join_ref: str | None = None


_object_decoder = msgspec.json.Decoder(_Object)


def _encode_json(payload: Payload) -> msgspec.Raw:
    try:
        return msgspec.Raw(_encoder.encode(payload))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UnencodablePayload(
            f"this payload cannot be written as JSON: {error}; "
            "use dicts, lists, strings, numbers, booleans and None, msgspec structs, dataclasses, attrs classes or "
            "pydantic models, or bytes for a binary message"
        ) from error


class JSONSerializer:
    """Serializer 2.0.0, the default: JSON arrays as text frames, and binary frames for ``bytes``.

    Example:
        ```python
        from rxphoenix import JSONSerializer

        serializer = JSONSerializer()
        frame = serializer.encode("1", "2", "room:lobby", "new_msg", serializer.encode_payload({"body": "hi"}))
        assert frame.data == b'["1","2","room:lobby","new_msg",{"body":"hi"}]'
        assert serializer.decode(frame).payload == {"body": "hi"}
        ```
    """

    @property
    def vsn(self) -> str:
        """``"2.0.0"``."""
        return "2.0.0"

    def encode_payload(self, payload: Payload) -> EncodedPayload:
        """Encode JSON values as JSON and bytes-like values as they are; raises ``UnencodablePayload``."""
        return bytes(cast("bytes", payload)) if isinstance(payload, BYTES_LIKE) else _encode_json(payload)

    def encode(self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: EncodedPayload) -> Frame:
        """Write a text frame, or a binary one if the payload is bytes; raises ``UnencodablePayload``."""
        if isinstance(payload, bytes):
            return _encode_binary_push(join_ref, ref, topic, event, payload)
        try:
            return Frame(_encoder.encode((join_ref, ref, topic, event, payload)))
        except UnicodeEncodeError as error:
            raise UnencodablePayload(f"topic {topic!r} or event {event!r} is not valid Unicode: {error}") from error

    def decode(self, frame: Frame) -> Message:
        """Read a text or binary frame; its JSON payload is decoded when it is looked at."""
        data = frame.data
        if frame.binary:
            return _decode_binary(data)
        try:
            return _decode_array(data) if len(data) < LARGE else _decode_large(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedFrame(f"not a message of serializer 2.0.0: {error}", size=len(data)) from error


def has_heads(serializer: Serializer) -> bool:
    """Tell whether its text frames begin as ``head_of`` says; who decodes in a way of their own sees every frame."""
    return getattr(serializer.decode, "__func__", None) is JSONSerializer.decode


def head_of(message: Message) -> bytes:
    """All before the payload in the frame of a message of serializer 2.0.0, as servers write it."""
    names = (message.join_ref, message.ref, message.topic, message.event)
    return _encoder.encode(names)[:-1] + b","


class JSONSerializerV1:
    """Serializer 1.0.0, for servers that speak nothing newer: JSON objects; no binary, and no ``join_ref`` back.

    Without ``join_ref`` a late message of an earlier join cannot be told from one of the current join.

    Example:
        ```python
        from rxphoenix import JSONSerializerV1, Socket

        socket = Socket("ws://localhost:4000/socket", serializer=JSONSerializerV1())
        ```
    """

    @property
    def vsn(self) -> str:
        """``"1.0.0"``."""
        return "1.0.0"

    def encode_payload(self, payload: Payload) -> EncodedPayload:
        """Encode a JSON value; raises ``UnencodablePayload`` for bytes, which this dialect cannot carry."""
        if isinstance(payload, BYTES_LIKE):
            raise UnencodablePayload("serializer 1.0.0 has no binary messages; use JSONSerializer (2.0.0)")
        return _encode_json(payload)

    def encode(self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: EncodedPayload) -> Frame:
        """Write one JSON object as a text frame; raises ``UnencodablePayload``."""
        message = {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": join_ref}
        try:
            return Frame(_encoder.encode(message))
        except UnicodeEncodeError as error:
            raise UnencodablePayload(f"topic {topic!r} or event {event!r} is not valid Unicode: {error}") from error

    def decode(self, frame: Frame) -> Message:
        """Read one JSON object; raises ``MalformedFrame`` for anything else."""
        if frame.binary:
            raise MalformedFrame("a binary frame, which serializer 1.0.0 does not have", size=len(frame.data))
        try:
            message = _object_decoder.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedFrame(f"not a message of serializer 1.0.0: {error}", size=len(frame.data)) from error
        return Message.lazy(message.join_ref, message.ref, message.topic, message.event, message.payload, decode_json)


def _encode_binary_push(join_ref: str | None, ref: str | None, topic: str, event: str, data: bytes) -> Frame:
    fields: list[bytes] = []
    for name, value in (("join_ref", join_ref or ""), ("ref", ref or ""), ("topic", topic), ("event", event)):
        try:
            encoded = value.encode()
        except UnicodeEncodeError as error:
            raise UnencodablePayload(f"the {name} {value!r} is not valid Unicode: {error}") from error
        if len(encoded) > _LONGEST_FIELD:
            raise UnencodablePayload(
                f"the {name} of a binary message may have {_LONGEST_FIELD} bytes, "
                f"{value[:32]!r}... has {len(encoded)}; shorten it or send JSON"
            )
        fields.append(encoded)
    return Frame(bytes((_PUSH, *map(len, fields))) + b"".join(fields) + data, binary=True)


def _decode_binary(data: bytes) -> Message:
    try:
        kind = data[0]
        if kind == _PUSH:
            (join_ref, topic, event), rest = _fields(data, 3)
            return Message(join_ref or None, None, topic, event, rest)
        if kind == _REPLY:
            (join_ref, ref, topic, status), rest = _fields(data, 4)
            return Message(join_ref or None, ref or None, topic, REPLY, {"status": status, "response": rest})
        if kind == _BROADCAST:
            (topic, event), rest = _fields(data, 2)
            return Message(None, None, topic, event, rest)
    except (IndexError, UnicodeDecodeError) as error:
        raise MalformedFrame(f"a broken binary frame: {error}", size=len(data)) from error
    raise MalformedFrame(f"a binary frame of unknown kind {kind}", size=len(data))


def _fields(data: bytes, count: int) -> tuple[list[str], bytes]:
    fields: list[str] = []
    offset = 1 + count
    for index in range(1, 1 + count):
        end = offset + data[index]
        if end > len(data):
            raise IndexError("a field ends behind the frame")
        fields.append(data[offset:end].decode())
        offset = end
    return fields, data[offset:]

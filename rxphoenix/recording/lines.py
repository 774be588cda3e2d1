"""The format of recordings: an event as a line of JSON, and back.

```text
{"recording":1,"began":"2026-11-25T09:30:00.000000Z","endpoint":"ws://localhost:4000/socket"}
{"at":0.0,"state":"connecting"}
{"at":0.012,"state":"open"}
{"at":0.012,"sent":["1","1","room:lobby","phx_join",{}]}
{"at":0.015,"received":["1","1","room:lobby","phx_reply",{"status":"ok","response":{}}]}
{"at":0.7,"received":["1",null,"room:lobby","picture"],"base64":"AP8="}
{"at":2.5,"fault":{"topic":null,"event":null,"error":"ConnectionLost","text":"connection lost"}}
{"at":9.0,"ended":true}
```

A message is ``[join_ref, ref, topic, event, payload]``, whatever serializer wrote it; the payload of a binary one, or
the response of a binary reply, stands beside it in base64. ``at`` is in seconds since ``began``. Readers skip members
that they do not know; a line of none of these forms, and another number of ``recording``, they refuse.

What lives here: that format. What does not: files (``file.py``).
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, cast

import msgspec

from rxphoenix.errors import RecordingError
from rxphoenix.protocol.message import REPLY, Message, decode_json
from rxphoenix.recording.events import Began, Ended, Event, Faulted, Received, Sent, StateChanged

__all__ = ["VERSION", "read_line", "write_line"]

VERSION = 1

_NoPayload = tuple[str | None, str | None, str, str]
_WithPayload = tuple[str | None, str | None, str, str, msgspec.Raw]
_WithStatus = tuple[str | None, str | None, str, str, dict[str, str | bool | None]]


class _Fault(msgspec.Struct):
    topic: str | None
    event: str | None
    error: str
    text: str


class _Line(msgspec.Struct, omit_defaults=True):
    """Every member that a line can have."""

    recording: int | None = None
    began: str | None = None
    endpoint: str | None = None
    topic: str | None = None
    at: float | None = None
    state: str | None = None
    sent: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    received: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    base64: str | None = None
    fault: _Fault | None = None
    ended: bool | None = None


_decoder = msgspec.json.Decoder(_Line)
_with_payload = msgspec.json.Decoder(_WithPayload)
_without_payload = msgspec.json.Decoder(_NoPayload)
_with_status = msgspec.json.Decoder(_WithStatus)
_encoder = msgspec.json.Encoder()


def write_line(event: Event) -> bytes:
    """One event as a line, its end included.

    Raises:
        TypeError: a payload that is no JSON value and no bytes.
    """
    match event:
        case Began(began, endpoint, topic):
            line = _Line(recording=VERSION, began=began, endpoint=endpoint, topic=topic)
        case StateChanged(at, state):
            line = _Line(at=at, state=state)
        case Sent(at, message):
            raw, binary = _written(message)
            line = _Line(at=at, sent=raw, base64=binary)
        case Received(at, message):
            raw, binary = _written(message)
            line = _Line(at=at, received=raw, base64=binary)
        case Faulted(at, topic, name, error, text):
            line = _Line(at=at, fault=_Fault(topic, name, error, text))
        case Ended(at):
            line = _Line(at=at, ended=True)
    return _encoder.encode(line) + b"\n"


def _written(message: Message) -> tuple[msgspec.Raw, str | None]:
    head = (message.join_ref, message.ref, message.topic, message.event)
    raw = message.json
    if raw is not None and b"\n" not in bytes(raw) and b"\r" not in bytes(raw):
        return msgspec.Raw(_encoder.encode((*head, raw))), None
    payload = message.payload
    if isinstance(payload, (bytes, bytearray)):
        return msgspec.Raw(_encoder.encode(head)), base64.b64encode(payload).decode()
    if message.event == REPLY and isinstance(payload, dict):
        reply = cast("dict[str, Any]", payload)
        response = reply.get("response")
        if isinstance(response, (bytes, bytearray)):
            status = {"status": reply.get("status")}
            return msgspec.Raw(_encoder.encode((*head, status))), base64.b64encode(response).decode()
    return msgspec.Raw(_encoder.encode((*head, payload))), None


def read_line(line: bytes) -> Event:
    """The event of a line.

    Raises:
        RecordingError: it is none.
    """
    try:
        found = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordingError(f"no line of a recording: {error}") from error
    if found.recording is not None:
        if found.recording != VERSION:
            raise RecordingError(f"a recording of version {found.recording}, and this rxphoenix reads {VERSION}")
        if found.began is None or found.endpoint is None:
            raise RecordingError("a beginning without `began` or `endpoint`")
        return Began(found.began, found.endpoint, found.topic)
    if found.at is None:
        raise RecordingError("neither `recording` nor `at`")
    if found.state is not None:
        return StateChanged(found.at, found.state)
    if found.sent is not msgspec.UNSET:
        return Sent(found.at, _message(found.sent, found.base64))
    if found.received is not msgspec.UNSET:
        return Received(found.at, _message(found.received, found.base64))
    if found.fault is not None:
        fault = found.fault
        return Faulted(found.at, fault.topic, fault.event, fault.error, fault.text)
    if found.ended:
        return Ended(found.at)
    raise RecordingError("neither a state, a message, a fault nor the end")


def _message(raw: msgspec.Raw, binary: str | None) -> Message:
    try:
        if binary is not None:
            return _binary_message(raw, base64.b64decode(binary, validate=True))
        join_ref, ref, topic, event, text = _with_payload.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, binascii.Error) as error:
        raise RecordingError(f"no message: {error}") from error
    return Message.lazy(join_ref, ref, topic, event, text, decode_json)


def _binary_message(raw: msgspec.Raw, data: bytes) -> Message:
    try:
        return Message(*_without_payload.decode(raw), data)
    except msgspec.ValidationError:
        join_ref, ref, topic, event, status = _with_status.decode(raw)
    if event != REPLY or status.keys() != {"status"}:
        raise RecordingError("no message: `base64` beside a payload")
    return Message(join_ref, ref, topic, event, {**status, "response": data})

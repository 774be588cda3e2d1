"""Messages, replies and frames, and the names that the protocol reserves.

What lives here: the data that layers hand to each other. What does not: how it is written to the wire
(``serializer.py``), as which type (``typed.py``) or who receives it (``rxphoenix.client``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, final

import msgspec

from rxphoenix.errors import MalformedFrame

__all__ = [
    "CLOSE",
    "ERROR",
    "HEARTBEAT",
    "JOIN",
    "LEAVE",
    "PHOENIX",
    "REPLY",
    "RESERVED_PREFIX",
    "Frame",
    "Message",
    "Payload",
    "Reply",
    "decode_json",
    "is_reserved",
]

PHOENIX = "phoenix"
"""The topic of the socket itself: heartbeats go there."""

HEARTBEAT = "heartbeat"
JOIN = "phx_join"
LEAVE = "phx_leave"
REPLY = "phx_reply"
CLOSE = "phx_close"
ERROR = "phx_error"
RESERVED_PREFIX = "phx_"

Payload: TypeAlias = Any
"""What a message carries: any JSON value, or ``bytes`` for a binary message.

It is an alias of ``Any`` because JSON from a server has no type that a checker could know.
"""


def is_reserved(event: str) -> bool:
    """Tell whether an event name belongs to the protocol and never to an application."""
    return event.startswith(RESERVED_PREFIX)


@final
class Frame(msgspec.Struct, frozen=True, gc=False):
    """One unit on the wire: UTF-8 text, or binary data.

    Arguments:
        data: the bytes of the frame; for a text frame its UTF-8 encoding.
        binary: whether it travels as a binary frame.
    """

    data: bytes
    binary: bool = False


@final
class Reply(msgspec.Struct, frozen=True):
    """The server's answer to a push, whatever its status.

    Arguments:
        status: ``"ok"``, ``"error"`` or any other word of the application (even ``None`` or ``True``).
        response: any JSON value, or ``bytes`` for a binary reply.
    """

    status: str | bool | None
    response: Payload = None


_json_decoder: msgspec.json.Decoder[Payload] = msgspec.json.Decoder()


def decode_json(raw: msgspec.Raw) -> Payload:
    """Decode a payload of plain JSON; raises ``MalformedFrame`` if it is none."""
    try:
        return _json_decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrame(f"the payload is not JSON: {error}", size=len(raw)) from error


class _Undecoded:
    """The type of the mark that a payload has not been looked at."""


_UNDECODED = _Undecoded()


@final
class Message:
    """One decoded message; its payload is decoded when it is first looked at.

    Payloads are shared by all who receive the message: treat them as read-only.

    Arguments:
        join_ref: the join that the message belongs to, ``None`` for a broadcast or a heartbeat.
        ref: the request that it is, or that it answers; ``None`` for what the server sends unasked.
        topic: the topic, ``"phoenix"`` for the socket itself.
        event: the name of the event.
        payload: a JSON value, or ``bytes`` for a binary message.

    Of a message that was received, ``size`` is how many bytes its payload had on the wire; else it is 0.

    Example:
        ```python
        from rxphoenix import Message

        message = Message("1", "2", "room:lobby", "new_msg", {"body": "hello"})
        assert message.payload["body"] == "hello"
        ```
    """

    __slots__ = ("_decode", "_payload", "_raw", "event", "join_ref", "ref", "size", "topic")

    join_ref: str | None
    ref: str | None
    topic: str
    event: str

    def __init__(self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Payload = None) -> None:
        self.join_ref = join_ref
        self.ref = ref
        self.topic = topic
        self.event = event
        self.size = 0
        self._payload: Payload = payload
        self._raw: msgspec.Raw | None = None
        self._decode: Callable[[msgspec.Raw], Payload] | None = None

    @classmethod
    def lazy(
        cls,
        join_ref: str | None,
        ref: str | None,
        topic: str,
        event: str,
        raw: msgspec.Raw,
        decode: Callable[[msgspec.Raw], Payload],
    ) -> Message:
        """Make a message whose payload is decoded by ``decode(raw)`` when it is first asked for."""
        message = cls(join_ref, ref, topic, event, _UNDECODED)
        message.size = len(raw)
        message._raw = raw
        message._decode = decode
        return message

    @property
    def payload(self) -> Payload:
        """The payload, decoded on the first look; raises ``MalformedFrame`` if it cannot be."""
        if self._payload is _UNDECODED:
            assert self._decode is not None and self._raw is not None
            self._payload = self._decode(self._raw)
            self._raw = self._decode = None
        return self._payload

    @property
    def raw(self) -> msgspec.Raw | None:
        """The payload as it came, or ``None`` once it has been decoded or where it came decoded."""
        return self._raw

    @property
    def json(self) -> msgspec.Raw | None:
        """What ``raw`` is, where the serializer decodes it as plain JSON and nothing else; otherwise ``None``."""
        return self._raw if self._decode is decode_json else None

    def with_payload(self, payload: Payload) -> Message:
        """The same message with another payload."""
        return Message(self.join_ref, self.ref, self.topic, self.event, payload)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return (
            self.join_ref == other.join_ref
            and self.ref == other.ref
            and self.topic == other.topic
            and self.event == other.event
            and bool(self.payload == other.payload)
        )

    __hash__ = None  # type: ignore[assignment]  # a payload may be a dict

    def __repr__(self) -> str:
        return f"Message({self.join_ref!r}, {self.ref!r}, {self.topic!r}, {self.event!r}, {self.payload!r})"

"""Messages, replies and frames, and the names that the protocol reserves.

What lives here: the data that layers hand to each other. What does not: how it is written to the wire
(``serializer.py``), as which type (``typed.py``) or who receives it (``rxphoenix.client``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias, final

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
    "Received",
    "Reply",
    "decode_json",
    "is_reserved",
    "leave_unscanned",
    "read_json",
    "scan_json",
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


read_json: Callable[[Any], Payload] = msgspec.json.Decoder().decode
"""Decode JSON; raises what msgspec raises, which ``decode_json`` puts into words."""


def decode_json(raw: msgspec.Raw) -> Payload:
    """Decode a payload of plain JSON; raises ``MalformedFrame`` if it is none."""
    try:
        return read_json(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrame(f"the payload is not JSON: {error}", size=len(raw)) from error


_Raw = msgspec.Raw


class _Undecoded(msgspec.Struct, frozen=True, gc=False):
    """A payload that has not been looked at, of a serializer of its own kind."""

    raw: msgspec.Raw
    decode: Callable[[msgspec.Raw], Payload]


class _Unscanned(msgspec.Struct, frozen=True, gc=False):
    """The rest of a large frame: a payload that is scanned when it is decoded, so that it is scanned once."""

    raw: msgspec.Raw


scan_json: Callable[[Any], msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw).decode
"""Look whether something is JSON, without decoding it; raises what msgspec raises."""


class Message(msgspec.Struct, array_like=True, forbid_unknown_fields=True, eq=False):
    """One decoded message; its payload is decoded when it is first looked at.

    Payloads are shared by all who receive the message: treat them as read-only.

    Arguments:
        join_ref: the join that the message belongs to, ``None`` for a broadcast or a heartbeat.
        ref: the request that it is, or that it answers; ``None`` for what the server sends unasked.
        topic: the topic, ``"phoenix"`` for the socket itself.
        event: the name of the event.
        payload: a JSON value, or ``bytes`` for a binary message.

    Example:
        ```python
        from rxphoenix import Message

        message = Message("1", "2", "room:lobby", "new_msg", {"body": "hello"})
        assert message.payload["body"] == "hello"
        ```
    """

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Payload = None
    """The payload, decoded on the first look; raises ``MalformedFrame`` if it cannot be."""

    _kept: ClassVar[Any]
    """The slot of the payload, which has it as it came."""

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
        return cls(join_ref, ref, topic, event, raw if decode is decode_json else _Undecoded(raw, decode))

    @property
    def raw(self) -> msgspec.Raw | None:
        """The payload as it came, or ``None`` once it has been decoded or where it came decoded."""
        kept = self._kept
        if type(kept) is _Undecoded or type(kept) is _Unscanned:
            return kept.raw
        return kept if type(kept) is msgspec.Raw else None

    @property
    def json(self) -> msgspec.Raw | None:
        """What ``raw`` is, where the serializer decodes it as plain JSON and nothing else; otherwise ``None``."""
        if type(self._kept) is _Unscanned:
            try:
                self._kept = scan_json(self._kept.raw)  # pyright: ignore[reportAttributeAccessIssue]
            except (ValueError, RecursionError):
                return None
        return self.undecoded

    @property
    def undecoded(self) -> msgspec.Raw | None:
        """What ``json`` is, for who decodes it now: it may turn out to be no JSON."""
        kept = self._kept
        if type(kept) is _Unscanned:
            return kept.raw
        return kept if type(kept) is msgspec.Raw else None

    def _look(self) -> Payload:
        kept = self._kept
        if type(kept) is _Raw or type(kept) is _Unscanned:
            raw = kept if type(kept) is _Raw else kept.raw
            try:
                value = read_json(raw)
            except (ValueError, RecursionError):
                value = decode_json(raw)  # which says what is wrong
        elif type(kept) is _Undecoded:
            value = kept.decode(kept.raw)
        else:
            return kept
        self._kept = value  # pyright: ignore[reportAttributeAccessIssue]
        return value

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
        try:
            payload = repr(self.payload)
        except RecursionError:  # a payload of a server's may be nested more deeply than Python can show
            payload = "<a payload nested too deeply to show>"
        return f"Message({self.join_ref!r}, {self.ref!r}, {self.topic!r}, {self.event!r}, {payload})"

    def __reduce__(self) -> tuple[type[Message], tuple[Any, ...]]:
        return Message, (self.join_ref, self.ref, self.topic, self.event, self.payload)


def leave_unscanned(message: Message, raw: msgspec.Raw) -> None:
    """Give a message a payload of which nobody knows yet whether it is JSON."""
    message._kept = _Unscanned(raw)  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage]


# What users see in the place of the slot decodes what is in it.
_slot: Any = Message.payload
setattr(Message, "_kept", _slot)  # noqa: B010 - this and the next are no assignments that a type checker knows
setattr(Message, "payload", property(vars(Message)["_look"], _slot.__set__))  # noqa: B010


class Received(Message, array_like=True, forbid_unknown_fields=True, eq=False):
    """A message as a decoder of JSON arrays makes it: in one step, with its payload left as it came."""

    payload: msgspec.Raw  # pyright: ignore[reportGeneralTypeIssues]  # without a default, because it must be there

"""Reading the reply in a message.

What lives here: its shape, and the one reply that speaks of a join. What does not: who awaits it.

Source: the "Messages" and "Reserved topic and events" parts of the protocol page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec

from rxphoenix.errors import MalformedFrame
from rxphoenix.protocol.message import Message, Reply

__all__ = ["is_unmatched", "read_reply"]


_decode: Callable[[msgspec.Raw], Reply] = msgspec.json.Decoder(Reply).decode


def read_reply(message: Message) -> Reply:
    """The reply in a message; raises ``MalformedFrame`` if it has not the shape of one."""
    raw = message._kept  # pyright: ignore[reportPrivateUsage] - what .undecoded is as a rule, sooner than by a property
    if type(raw) is msgspec.Raw or (raw := message.undecoded) is not None:
        try:
            return _decode(raw)
        except (ValueError, RecursionError):
            pass  # which says what is wrong in other words than ours
    payload = message.payload
    if not isinstance(payload, dict) or "status" not in payload:
        raise MalformedFrame("a reply without a status")
    fields = cast("dict[str, Any]", payload)
    status = fields["status"]
    if not isinstance(status, str | bool | None):
        raise MalformedFrame("a reply whose status is no word")
    return Reply(status, fields.get("response"))


def is_unmatched(reply: Reply) -> bool:
    """Whether the server says that it knows no such join."""
    return reply.status == "error" and reply.response == {"reason": "unmatched topic"}

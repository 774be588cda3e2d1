"""What an expression of a marble file may ask of what it was given: of streams their public methods, of values theirs.

Checking the text of an expression is not enough: a lambda in it receives objects, and an object may lead to others, to
the scheduler, to a loop. So each look at an attribute is checked when it happens, too.

What lives here: which attributes of which objects. What does not: the expression itself (``expression.py``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from reactivex import GroupedObservable, Notification, Observable

from rxphoenix.client.subjects import HotStream, StateStream, Stream
from rxphoenix.errors import PhoenixError
from rxphoenix.protocol.message import Message
from rxphoenix.testing.expression import ForbiddenExpression
from rxphoenix.testing.marble_words import SocketFace

__all__ = ["look"]

_VALUES = (
    str, bytes, int, float, list, tuple, dict, set, frozenset, datetime, timedelta,
    Message, msgspec.Struct, Notification, PhoenixError, SimpleNamespace, SocketFace,
)  # fmt: skip
"""What may be asked for anything of its own."""

_INSIDE = frozenset({*dir(HotStream), *dir(StateStream)} - {*dir(Stream), "value"})
"""How a socket makes its own streams emit."""


def look(value: Any, name: str) -> Any:
    """Look at an attribute.

    Arguments:
        value: what is asked.
        name: the attribute.

    Raises:
        ForbiddenExpression: an expression may not ask that of such a thing.
        AttributeError: it has no such attribute.
    """
    # of a stream what its class defines, not what an instance keeps
    defined = dir(cast("object", type(value)))
    match value:
        case GroupedObservable() if name == "key":
            allowed = True
        case Observable():
            allowed = name in defined and name not in _INSIDE
        case _:
            allowed = isinstance(value, _VALUES)
    if not allowed or name.startswith("_"):
        raise ForbiddenExpression(f"the attribute {name!r} of {_described(value)} is not allowed here")
    return getattr(cast("object", value), name)


def _described(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"

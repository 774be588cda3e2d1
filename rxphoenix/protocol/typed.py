"""Payloads read as a type that the user names, and refused where they do not fit.

Structs of msgspec, dataclasses, TypedDicts, attrs classes, enums, dates and containers of all these are read by
msgspec; pydantic's models and dataclasses, and containers of them, by pydantic's ``TypeAdapter``, and a model that is
inside of what msgspec reads by pydantic, too.

What lives here: reading. What does not: who asks for a type (``rxphoenix.client``), and writing (``serializer.py``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast, get_args, get_origin

import msgspec

from rxphoenix.errors import PayloadMismatch
from rxphoenix.protocol.message import Message, Payload, scan_json

__all__ = ["PayloadType"]

_T = TypeVar("_T")


class PayloadType(Generic[_T]):
    """A type that payloads are read as.

    Arguments:
        of: the type, or a form such as ``list[Reading]`` or ``Reading | None``.

    Raises:
        TypeError: nothing can be read as this.

    Example:
        ```python
        from dataclasses import dataclass
        from rxphoenix.protocol.typed import PayloadType

        @dataclass
        class Reading:
            celsius: float

        assert PayloadType(Reading).from_value({"celsius": 20.5}) == Reading(20.5)
        ```
    """

    __slots__ = ("_from_value", "of", "read_json")

    def __init__(self, of: Any) -> None:
        self.of = of
        self.read_json: Callable[[Any], _T]
        """Reads JSON; raises whatever msgspec, pydantic or the type raises."""
        self._from_value: Callable[[Any], _T]
        if _is_pydantic(of):
            self._read_by_pydantic(of)
        else:
            self._read_by_msgspec(of)

    def _read_by_msgspec(self, of: Any) -> None:
        try:
            unknown = _unknown_class(msgspec.inspect.type_info(of))
            self.read_json = msgspec.json.Decoder(of, dec_hook=_read_model).decode
        except (TypeError, NameError, AttributeError) as error:
            raise TypeError(f"nothing can be read as {of!r}: {error}") from error
        if unknown is not None:
            raise TypeError(
                f"nothing can be read as {unknown!r}; use a msgspec.Struct, a dataclass, a TypedDict, an attrs class, "
                "a pydantic model, or a type of JSON"
            )
        self._from_value = lambda value: msgspec.convert(value, of, str_keys=True, dec_hook=_read_model)

    def _read_by_pydantic(self, of: Any) -> None:
        try:
            adapter = cast("Any", sys.modules["pydantic"]).TypeAdapter(of)
        except Exception as error:  # pydantic's own, and those of the user's class
            raise TypeError(f"nothing can be read as {of!r}: {error}") from error
        # scanned first, because pydantic takes NaN and Infinity, which are no JSON
        self.read_json = lambda raw: adapter.validate_json(bytes(scan_json(raw)))

        def from_value(value: Payload) -> _T:
            # by way of JSON: so a strict model judges what it would have judged on the wire
            is_bytes = isinstance(value, bytes)
            return adapter.validate_python(value) if is_bytes else adapter.validate_json(msgspec.json.encode(value))

        self._from_value = from_value

    def from_message(self, message: Message) -> _T:
        """Read the payload of a message, straight from the wire if nobody has looked at it before.

        Raises:
            PayloadMismatch: it does not fit.
            MalformedFrame: it is no payload at all.
        """
        raw = message.undecoded
        if raw is None:
            return self.from_value(message.payload)
        try:
            return self.read_json(raw)
        except Exception as error:  # a type of the user's may raise anything
            # a broken payload is not a payload of another type
            _ = message.payload
            raise self._mismatch(error) from error

    def from_value(self, value: Payload) -> _T:
        """Read a payload that has been decoded; raises ``PayloadMismatch`` if it does not fit."""
        try:
            return self._from_value(value)
        except Exception as error:
            raise self._mismatch(error) from error

    def _mismatch(self, error: Exception) -> PayloadMismatch:
        name = self.of.__name__ if isinstance(self.of, type) else str(self.of)
        return PayloadMismatch(name, _words(error))

    def __eq__(self, other: object) -> bool:
        return self.of == other.of if isinstance(other, PayloadType) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # a type in Annotated[...] need not be hashable

    def __repr__(self) -> str:
        return f"PayloadType({self.of!r})"


def _words(error: Exception) -> str:
    if not hasattr(error, "errors"):
        return str(error)
    details = cast("Any", error).errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, detail['loc'])) or 'payload'}: {detail['msg']}" for detail in details)


def _is_pydantic(of: Any) -> bool:
    if "pydantic" not in sys.modules:  # then nobody has made a model
        return False
    origin = get_origin(of)
    if isinstance(origin, type) and issubclass(origin, msgspec.Struct):  # a generic one, which only msgspec can make
        return False
    return hasattr(of, "__pydantic_validator__") or any(_is_pydantic(part) for part in get_args(of))


def _read_model(kind: type, value: Any) -> Any:
    """A model inside of what msgspec reads; by way of JSON, as ``from_value`` does."""
    try:
        return cast("Any", kind).__pydantic_validator__.validate_json(msgspec.json.encode(value))
    except Exception as error:
        raise ValueError(_words(error)) from None


def _unknown_class(info: Any) -> type | None:
    """The first class, somewhere in a type, that msgspec has no way to make."""
    seen: set[int] = set()
    pending = [info]
    while pending:
        part = pending.pop()
        if isinstance(part, msgspec.inspect.CustomType) and not _is_pydantic(part.cls):
            return part.cls
        if isinstance(part, (tuple, list)):
            pending.extend(cast("tuple[Any, ...]", part))
        elif isinstance(part, (msgspec.inspect.Type, msgspec.inspect.Field)) and id(part) not in seen:
            seen.add(id(part))
            pending.extend(getattr(part, name) for name in part.__struct_fields__)
    return None

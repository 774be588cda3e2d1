"""Payloads read as msgspec structs, dataclasses, TypedDicts, attrs classes and pydantic models."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from typing import Annotated, Any, Generic, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix import JSONSerializer, MalformedFrame, Message, PayloadMismatch
from rxphoenix.protocol.message import Frame, decode_json
from rxphoenix.protocol.typed import PayloadType


class Struct(msgspec.Struct):
    celsius: float
    unit: str = "C"


@dataclasses.dataclass
class Data:
    celsius: float
    unit: str = "C"


@attrs.define
class Attrs:
    celsius: float
    unit: str = "C"


class Typed(TypedDict):
    celsius: float


class Model(pydantic.BaseModel):
    celsius: float
    unit: str = "C"


class Strict(pydantic.BaseModel, strict=True):
    at: datetime.date


@pydantic.dataclasses.dataclass
class Validated:
    celsius: float
    unit: str = "C"

    @pydantic.field_validator("celsius")
    @classmethod
    def is_warm(cls, value: float) -> float:
        assert value > 0
        return value


class Colour(enum.Enum):
    RED = "red"


class Stranger:
    def __init__(self, celsius: float) -> None:
        self.celsius = celsius


KINDS = [Struct, Data, Attrs, Model, Validated]


def received(payload: bytes) -> Message:
    return JSONSerializer().decode(Frame(b'[null,null,"room:a","reading",' + payload + b"]"))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read_from_the_wire_and_from_a_value(kind: Any) -> None:
    wanted = PayloadType(kind)
    assert wanted.from_message(received(b'{"celsius":20.5}')) == kind(celsius=20.5)
    assert wanted.from_value({"celsius": 20.5, "unit": "K"}) == kind(celsius=20.5, unit="K")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("payload", [b'{"celsius":"warm"}', b"{}", b"[1]", b"null", b'"text"'])
def test_what_does_not_fit_names_the_type_and_the_place(kind: Any, payload: bytes) -> None:
    wanted = PayloadType(kind)
    with pytest.raises(PayloadMismatch, match=rf"the payload is no {kind.__name__}: ") as from_wire:
        wanted.from_message(received(payload))
    assert from_wire.value.type == kind.__name__
    with pytest.raises(PayloadMismatch):
        wanted.from_value(decode_json(msgspec.Raw(payload)))


def test_forms_of_types_are_types() -> None:
    assert PayloadType(list[Struct]).from_value([{"celsius": 1}]) == [Struct(1)]
    assert PayloadType(list[Model]).from_value([{"celsius": 1}]) == [Model(celsius=1)]
    assert PayloadType(Struct | None).from_message(received(b"null")) is None
    assert PayloadType(dict[int, Colour]).from_message(received(b'{"1":"red"}')) == {1: Colour.RED}
    assert PayloadType(dict[int, Colour]).from_value({"1": "red"}) == {1: Colour.RED}
    assert PayloadType(Typed).from_value({"celsius": 1.5}) == {"celsius": 1.5}
    assert PayloadType(Any).from_value({"x": [1]}) == {"x": [1]}
    with pytest.raises(PayloadMismatch, match="Struct"):
        PayloadType(list[Struct]).from_value([{}])


T = TypeVar("T")


class Box(msgspec.Struct, Generic[T]):
    inside: T


@dataclasses.dataclass
class Shelf:
    inside: list[Model]


class Drawer(TypedDict):
    inside: Model | None


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        (Box[Model], b'{"inside":{"celsius":1}}', Box(Model(celsius=1))),
        (Shelf, b'{"inside":[{"celsius":1}]}', Shelf([Model(celsius=1)])),
        (Drawer, b'{"inside":{"celsius":1}}', {"inside": Model(celsius=1)}),
        (list[Shelf], b'[{"inside":[{"celsius":1}]}]', [Shelf([Model(celsius=1)])]),
        (Box[Strict], b'{"inside":{"at":"2026-11-24"}}', Box(Strict(at=datetime.date(2026, 11, 24)))),
    ],
)
def test_a_model_inside_of_another_kind_is_read_by_pydantic(kind: Any, payload: bytes, expected: object) -> None:
    wanted = PayloadType(kind)
    message = received(payload)
    assert wanted.from_message(message) == wanted.from_value(message.payload) == expected


def test_a_misfit_inside_of_another_kind_names_the_place_and_shows_no_value() -> None:
    with pytest.raises(PayloadMismatch) as refused:
        PayloadType(Shelf).from_message(received(b'{"inside":[{"celsius":"secret"}]}'))
    assert "celsius: " in refused.value.problem
    assert refused.value.problem.endswith(" - at `$.inside[0]`")
    assert "secret" not in refused.value.problem
    assert "http" not in refused.value.problem


def test_a_validator_of_a_pydantic_dataclass_is_asked() -> None:
    with pytest.raises(PayloadMismatch):
        PayloadType(Validated).from_value({"celsius": -1})
    with pytest.raises(PayloadMismatch):
        PayloadType(list[Validated]).from_message(received(b'[{"celsius":-1}]'))


def test_a_strict_model_judges_a_decoded_payload_as_it_judges_the_wire() -> None:
    wanted = PayloadType(Strict)
    message = received(b'{"at":"2026-11-24"}')
    assert wanted.from_message(message) == wanted.from_value(message.payload) == Strict(at=datetime.date(2026, 11, 24))


def test_the_words_of_pydantic_are_shortened_and_show_no_value() -> None:
    with pytest.raises(PayloadMismatch) as refused:
        PayloadType(Model).from_value({"celsius": "secret", "unit": 3})
    assert "secret" not in str(refused.value)
    assert "http" not in str(refused.value)
    assert refused.value.problem.startswith("celsius: ")
    assert "; unit: " in refused.value.problem


class Raising(msgspec.Struct):
    celsius: float

    def __post_init__(self) -> None:
        raise KeyError("a lookup of its own")


class RaisingModel(pydantic.BaseModel):
    celsius: float

    @pydantic.field_validator("celsius")
    @classmethod
    def _look_up(cls, celsius: float) -> float:
        raise KeyError("a lookup of its own")


@pytest.mark.parametrize("kind", [Raising, RaisingModel])
def test_whatever_a_type_of_the_users_raises_is_a_mismatch(kind: Any) -> None:
    message = Message.lazy(None, None, "t", "e", msgspec.Raw(b'{"celsius": 1}'), decode_json)
    for read in (lambda: PayloadType(kind).from_message(message), lambda: PayloadType(kind).from_value({"celsius": 1})):
        with pytest.raises(PayloadMismatch, match="a lookup of its own") as caught:
            read()
        assert isinstance(caught.value.__cause__, KeyError)


def test_bytes_are_read_as_bytes() -> None:
    binary = Message(None, None, "room:a", "blob", b"\x00\xff")
    assert PayloadType(bytes).from_message(binary) == b"\x00\xff"
    for kind in (Struct, Model):
        with pytest.raises(PayloadMismatch):
            PayloadType(kind).from_message(binary)


@pytest.mark.parametrize(
    "form",
    [
        Stranger,
        list[Stranger],
        dict[str, list[Stranger | None]],
        "no such type",
        Struct | Data,
        3,
        Model(celsius=1),
        list[Struct | Model],
        Box[Stranger],
    ],
)
def test_what_nothing_can_be_read_as_is_refused_at_once(form: Any) -> None:
    with pytest.raises(TypeError, match="nothing can be read as"):
        PayloadType(form)


class Node(msgspec.Struct):
    next: Node | None = None


def test_a_type_may_hold_itself() -> None:
    assert PayloadType(Node).from_message(received(b'{"next":{"next":null}}')) == Node(Node())


def test_a_broken_payload_is_malformed_and_not_of_another_type() -> None:
    broken = Message.lazy(None, None, "room:a", "reading", msgspec.Raw(b'{"celsius":'), decode_json)
    with pytest.raises(MalformedFrame, match="not JSON"):
        PayloadType(Struct).from_message(broken)


def test_a_serializer_that_decodes_for_itself_is_asked_first() -> None:
    def upside_down(raw: msgspec.Raw) -> object:
        return {"celsius": -msgspec.json.decode(raw)["celsius"]}

    message = Message.lazy(None, None, "room:a", "reading", msgspec.Raw(b'{"celsius":1}'), upside_down)
    assert message.json is None
    assert PayloadType(Struct).from_message(message) == Struct(-1)


def test_the_wire_is_read_without_decoding_the_payload_for_others() -> None:
    message = received(b'{"celsius":1.5}')
    PayloadType(Struct).from_message(message)
    assert message.raw is not None


def test_types_compare_by_what_they_read() -> None:
    assert PayloadType(Struct) == PayloadType(Struct) != PayloadType(Data)
    assert PayloadType(Annotated[int, msgspec.Meta(gt=1)]) == PayloadType(Annotated[int, msgspec.Meta(gt=1)])
    assert PayloadType(int) != "int"
    assert repr(PayloadType(int)) == "PayloadType(<class 'int'>)"


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_forms = [Struct, Data, list[float], dict[str, int], int | str | None, datetime.date, Colour, tuple[int, str], Model]


@given(value=_json | st.fixed_dictionaries({"celsius": _json}), form=st.sampled_from(_forms))
def test_the_wire_and_the_decoded_value_are_read_alike(value: object, form: Any) -> None:
    wanted = PayloadType(form)
    message = received(msgspec.json.encode(value))
    try:
        expected = wanted.from_value(value)
    except PayloadMismatch:
        with pytest.raises(PayloadMismatch):
            wanted.from_message(message)
    else:
        assert wanted.from_message(message) == expected

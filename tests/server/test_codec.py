"""The server's direction of both serializers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix.errors import MalformedFrame, UnencodablePayload
from rxphoenix.protocol.message import Frame, Message
from rxphoenix.protocol.serializer import JSONSerializer, JSONSerializerV1
from rxphoenix.server.codec import Codec, CodecV1, CodecV2, Incoming, codec_for

text = st.text(st.characters(codec="utf-8"), max_size=20)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
refs = st.none() | text


@pytest.mark.parametrize(
    ("vsn", "kind"),
    [
        ("1.0.0", CodecV1),
        ("2.0.0", CodecV2),
        ("2.0.7", CodecV2),
        ("2.1.0", None),
        ("3.0.0", None),
        ("2.0", None),
        ("2.0.0\n", None),
        ("junk", None),
        ("", None),
    ],
)
def test_a_codec_is_found_by_version(vsn: str, kind: type[Codec] | None):
    codec = codec_for(vsn)
    assert (None if codec is None else type(codec)) is kind


@given(refs, refs, text, text, json_values)
def test_what_the_client_writes_is_read(join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any):
    for serializer, codec in ((JSONSerializer(), CodecV2()), (JSONSerializerV1(), CodecV1())):
        frame = serializer.encode(join_ref, ref, topic, event, serializer.encode_payload(payload))
        assert codec.decode(frame) == Incoming(join_ref, ref, topic, event, payload)


@given(text, text, text, text, st.binary())
def test_binary_that_the_client_writes_is_read(join_ref: str, ref: str, topic: str, event: str, payload: bytes):
    frame = JSONSerializer().encode(join_ref, ref, topic, event, payload)
    assert CodecV2().decode(frame) == Incoming(join_ref, ref, topic, event, payload)


@given(refs, refs, text, text, json_values)
def test_what_the_server_writes_the_client_reads(
    join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any
):
    codec, read = CodecV2(), JSONSerializer().decode
    answer = {"status": event, "response": payload}
    assert read(codec.reply(join_ref, ref, topic, event, payload)) == Message(join_ref, ref, topic, "phx_reply", answer)
    assert read(codec.push(join_ref, topic, event, payload)) == Message(join_ref, None, topic, event, payload)
    assert read(codec.broadcast(topic, event, payload)) == Message(None, None, topic, event, payload)
    assert read(codec.ending(join_ref, topic, event, payload)) == Message(join_ref, join_ref, topic, event, payload)


@given(refs, refs, text, text, json_values)
def test_what_the_server_writes_a_client_of_serializer_1_reads(
    join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any
):
    codec, read = CodecV1(), JSONSerializerV1().decode
    answer = {"status": event, "response": payload}
    assert read(codec.reply(join_ref, ref, topic, event, payload)) == Message(None, ref, topic, "phx_reply", answer)
    for frame in (
        codec.push(join_ref, topic, event, payload),
        codec.broadcast(topic, event, payload),
        codec.ending(join_ref, topic, event, payload),
    ):
        assert read(frame) == Message(None, None, topic, event, payload)
        assert "join_ref" not in msgspec.json.decode(frame.data)


@given(text, text, text, text, st.binary())
def test_binary_that_the_server_writes_the_client_reads(
    join_ref: str, ref: str, topic: str, event: str, payload: bytes
):
    codec, read = CodecV2(), JSONSerializer().decode
    answer = {"status": event, "response": payload}
    # these frames have no null: a ref that is none is written as an empty one
    refs = (join_ref or None, ref or None)
    assert read(codec.reply(join_ref, ref, topic, event, payload)) == Message(*refs, topic, "phx_reply", answer)
    assert read(codec.push(join_ref, topic, event, payload)) == Message(refs[0], None, topic, event, payload)
    assert read(codec.broadcast(topic, event, payload)) == Message(None, None, topic, event, payload)


@given(st.binary())
def test_any_binary_frame_is_read_or_malformed(data: bytes):
    for codec in (CodecV1(), CodecV2()):
        with suppress(MalformedFrame):
            codec.decode(Frame(data, binary=True))


@given(json_values)
def test_any_json_is_read_or_malformed(value: Any):
    frame = Frame(msgspec.json.encode(value))
    for codec in (CodecV1(), CodecV2()):
        with suppress(MalformedFrame):
            codec.decode(frame)


@given(st.lists(json_values, min_size=5, max_size=7))
def test_refs_of_any_kind_are_kept_as_they_came(elements: list[Any]):
    incoming = CodecV2().decode(Frame(msgspec.json.encode(elements)))
    assert incoming == Incoming(*elements[:5])
    reply = CodecV2().reply(incoming.join_ref, incoming.ref, incoming.topic, None, {})
    assert msgspec.json.decode(reply.data)[:3] == elements[:3]


@pytest.mark.parametrize("codec", [CodecV1(), CodecV2()])
@pytest.mark.parametrize(
    "data", [b"", b"not json", b"null", b"[]", b"[1,2,3]", b"[1,2,3,4]", b"{}", b"7", b"\xff", b"[" * 100_000]
)
def test_what_is_no_message_is_malformed(codec: Codec, data: bytes):
    with pytest.raises(MalformedFrame):
        codec.decode(Frame(data))


@pytest.mark.parametrize("missing", ["topic", "event", "payload", "ref"])
def test_an_object_of_serializer_1_needs_its_fields(missing: str):
    fields = {"topic": "t", "event": "e", "payload": {}, "ref": None}
    assert CodecV1().decode(Frame(msgspec.json.encode(fields))) == Incoming(None, None, "t", "e", {})
    del fields[missing]
    with pytest.raises(MalformedFrame, match=missing):
        CodecV1().decode(Frame(msgspec.json.encode(fields)))


@pytest.mark.parametrize("payload", [b"\x00", bytearray(b"\x00"), memoryview(b"\x00")])
def test_serializer_1_writes_no_bytes(payload: Any):
    codec = CodecV1()
    for attempt in (
        lambda: codec.reply(None, "1", "t", "ok", payload),
        lambda: codec.push(None, "t", "e", payload),
        lambda: codec.broadcast("t", "e", payload),
    ):
        with pytest.raises(UnencodablePayload, match="no binary"):
            attempt()
    assert CodecV2().push(None, "t", "e", payload) == Frame(b"\x00\x00\x01\x01te\x00", binary=True)


def test_a_binary_frame_has_room_for_255_bytes_a_name():
    assert CodecV2().broadcast("t" * 255, "e", b"").binary
    with pytest.raises(UnencodablePayload, match="255"):
        CodecV2().broadcast("t" * 256, "e", b"")
    with pytest.raises(UnencodablePayload, match="Unicode"):
        CodecV2().broadcast("\ud800", "e", b"")


def test_refs_that_are_no_strings_are_written_as_words_in_a_binary_frame():
    assert CodecV2().reply(7, None, "t", None, b"x") == Frame(b"\x01\x01\x00\x01\x007tx", binary=True)


def test_a_name_in_a_binary_frame_is_utf_8_and_within_the_frame():
    for data in (
        b"\x00\x00\x00\x01\x00\xff",
        b"\x00\x00\x00\x02\x00t",
        b"\x00\x00\x00\x00",
        b"\x01\x00\x00\x00\x00",
        b"",
    ):
        with pytest.raises(MalformedFrame):
            CodecV2().decode(Frame(data, binary=True))

"""Both serializers: recorded traffic, what they write, and that nothing from outside breaks them.

Frames marked "recorded" were exchanged with a Phoenix 1.8.12.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rxphoenix.errors import MalformedFrame, UnencodablePayload
from rxphoenix.protocol.message import Frame, Message
from rxphoenix.protocol.serializer import JSONSerializer, JSONSerializerV1, Serializer
from rxphoenix.protocol.typed import PayloadType
from tests.protocol.strategies import fitting, json_values, names, refs

V1, V2 = JSONSerializerV1(), JSONSerializer()
BOTH: list[Serializer] = [V1, V2]


def write(serializer: Serializer, message: Message) -> Frame:
    payload = serializer.encode_payload(message.payload)
    return serializer.encode(message.join_ref, message.ref, message.topic, message.event, payload)


def binary(kind: int, fields: tuple[str, ...], data: bytes) -> Frame:
    """A binary frame as a server lays it out."""
    encoded = [field.encode() for field in fields]
    return Frame(bytes((kind, *map(len, encoded))) + b"".join(encoded) + data, binary=True)


# Recorded traffic.


@pytest.mark.parametrize(
    ("message", "recorded"),
    [
        (Message(None, "1", "phoenix", "heartbeat", {}), '[null,"1","phoenix","heartbeat",{}]'),
        (Message("1", "1", "room:a", "phx_join", {"deny": True}), '["1","1","room:a","phx_join",{"deny":true}]'),
        (
            Message("3", "4", "room:lobby", "echo", {"x": [1, 2.5, None, True, "ü"]}),
            '["3","4","room:lobby","echo",{"x":[1,2.5,null,true,"ü"]}]',
        ),
        (Message("1", "2", "room:a", "phx_leave", {}), '["1","2","room:a","phx_leave",{}]'),
    ],
)
def test_text_frames_are_written_as_phoenix_was_sent_them(message: Message, recorded: str):
    assert write(V2, message) == Frame(recorded.encode())


@pytest.mark.parametrize(
    ("recorded", "message"),
    [
        (
            '[null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]',
            Message(None, "1", "phoenix", "phx_reply", {"response": {}, "status": "ok"}),
        ),
        (
            '["3","3","room:lobby","phx_reply",'
            '{"response":{"params":{"hello":"wörld 🎉"},"topic":"room:lobby"},"status":"ok"}]',
            Message(
                "3",
                "3",
                "room:lobby",
                "phx_reply",
                {"response": {"params": {"hello": "wörld 🎉"}, "topic": "room:lobby"}, "status": "ok"},
            ),
        ),
        ('[null,null,"room:a","broadcast",{"m":1}]', Message(None, None, "room:a", "broadcast", {"m": 1})),
        ('["1",null,"room:a","intercepted",{"m":3}]', Message("1", None, "room:a", "intercepted", {"m": 3})),
        ('["1","1","room:a","phx_close",{}]', Message("1", "1", "room:a", "phx_close", {})),
        (
            '["1","1","room:a","phx_error",{"reason":"channel_crash"}]',
            Message("1", "1", "room:a", "phx_error", {"reason": "channel_crash"}),
        ),
    ],
)
def test_recorded_text_frames_are_read(recorded: str, message: Message):
    assert V2.decode(Frame(recorded.encode())) == message


@pytest.mark.parametrize(
    ("message", "recorded"),
    [
        (Message("1", "5", "room:a", "binary", b"\x00\x01\xff"), "00010106063135726f6f6d3a6162696e6172790001ff"),
        (Message("20", "21", "room:ü", "binary", b"\x09"), "000202070632303231726f6f6d3ac3bc62696e61727909"),
        (Message("1", "8", "room:a", "binary", b""), "00010106063138726f6f6d3a6162696e617279"),
    ],
)
def test_binary_frames_are_written_as_phoenix_was_sent_them(message: Message, recorded: str):
    frame = write(V2, message)
    assert frame.binary
    # the layout names one byte for the length of each of join_ref, ref, topic and event
    expected = bytes.fromhex(recorded)
    assert frame.data == expected


@pytest.mark.parametrize(
    ("recorded", "message"),
    [
        (
            "01010106023135726f6f6d3a616f6b0001ff",
            Message("1", "5", "room:a", "phx_reply", {"status": "ok", "response": b"\x00\x01\xff"}),
        ),
        (
            "01010106053136726f6f6d3a616572726f72dead",
            Message("1", "6", "room:a", "phx_reply", {"status": "error", "response": b"\xde\xad"}),
        ),
        (
            "01010106023138726f6f6d3a616f6b",
            Message("1", "8", "room:a", "phx_reply", {"status": "ok", "response": b""}),
        ),
        ("0001060331726f6f6d3a6162696e000102feff", Message("1", None, "room:a", "bin", b"\x00\x01\x02\xfe\xff")),
        ("020603726f6f6d3a6162696e000102feff", Message(None, None, "room:a", "bin", b"\x00\x01\x02\xfe\xff")),
        (
            "010202070232303231726f6f6d3ac3bc6f6b09",
            Message("20", "21", "room:ü", "phx_reply", {"status": "ok", "response": b"\x09"}),
        ),
    ],
)
def test_recorded_binary_frames_are_read(recorded: str, message: Message):
    assert V2.decode(Frame(bytes.fromhex(recorded), binary=True)) == message


def test_serializer_1_writes_an_object_with_all_five_parts():
    frame = write(V1, Message("1", "2", "room:a", "echo", {"a": 1}))
    assert not frame.binary
    assert json.loads(frame.data) == {
        "topic": "room:a", "event": "echo", "payload": {"a": 1}, "ref": "2", "join_ref": "1",
    }  # fmt: skip


def test_serializer_1_reads_a_message_without_a_join_ref_as_phoenix_sends_it():
    frame = Frame(b'{"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":"1","topic":"phoenix"}')
    assert V1.decode(frame) == Message(None, "1", "phoenix", "phx_reply", {"response": {}, "status": "ok"})


def test_the_versions_are_those_that_a_server_is_asked_for():
    assert (V1.vsn, V2.vsn) == ("1.0.0", "2.0.0")


# Round trips.


@pytest.mark.parametrize("serializer", BOTH, ids=["1.0.0", "2.0.0"])
@given(refs, refs, names, names, json_values)
def test_what_is_written_as_text_is_read_as_it_was(
    serializer: Serializer, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any
):
    message = Message(join_ref, ref, topic, event, payload)
    frame = write(serializer, message)
    assert not frame.binary
    frame.data.decode()
    assert b"\n" not in frame.data  # one frame a line: long polling relies on it
    assert serializer.decode(frame) == message


@given(fitting(), fitting(), fitting(), fitting(), st.binary())
@example("x" * 255, "y" * 255, "ü" * 127 + "x", "z" * 255, b"")
@example("", "", "", "", b"\x00")
def test_a_binary_push_is_laid_out_field_after_field(join_ref: str, ref: str, topic: str, event: str, data: bytes):
    frame = write(V2, Message(join_ref, ref, topic, event, data))
    assert frame == binary(0, (join_ref, ref, topic, event), data)


@given(fitting(), fitting(), fitting(), st.binary())
@example("x" * 255, "ü" * 127 + "x", "z" * 255, b"data")
def test_a_binary_push_of_a_server_is_read(join_ref: str, topic: str, event: str, data: bytes):
    assert V2.decode(binary(0, (join_ref, topic, event), data)) == Message(join_ref or None, None, topic, event, data)


@given(fitting(), fitting(), fitting(), fitting(), st.binary())
@example("x" * 255, "y" * 255, "ü" * 127 + "x", "z" * 255, b"data")
def test_a_binary_reply_is_read_like_a_json_one(join_ref: str, ref: str, topic: str, status: str, data: bytes):
    expected = Message(join_ref or None, ref or None, topic, "phx_reply", {"status": status, "response": data})
    assert V2.decode(binary(1, (join_ref, ref, topic, status), data)) == expected


@given(fitting(), fitting(), st.binary())
@example("ü" * 127 + "x", "z" * 255, b"data")
def test_a_binary_broadcast_is_read(topic: str, event: str, data: bytes):
    assert V2.decode(binary(2, (topic, event), data)) == Message(None, None, topic, event, data)


def test_no_join_ref_and_no_ref_are_empty_fields_of_a_binary_frame():
    assert write(V2, Message(None, None, "t", "e", b"d")) == binary(0, ("", "", "t", "e"), b"d")


# What cannot be written.


@pytest.mark.parametrize("field", ["join_ref", "ref", "topic", "event"])
@pytest.mark.parametrize("text", ["x" * 256, "ü" * 128], ids=["256 bytes", "128 characters of two bytes"])
def test_a_field_of_256_bytes_fits_no_binary_frame_and_the_error_names_it(field: str, text: str):
    fields = {"join_ref": "1", "ref": "2", "topic": "t", "event": "e"} | {field: text}
    message = Message(fields["join_ref"], fields["ref"], fields["topic"], fields["event"], b"data")
    with pytest.raises(UnencodablePayload, match=rf"the {field} of a binary message may have 255 bytes.*has 256"):
        write(V2, message)


def test_a_field_of_256_bytes_fits_a_text_frame():
    message = Message("x" * 256, "x" * 256, "x" * 256, "x" * 256, {})
    assert V2.decode(write(V2, message)) == message


def cyclic() -> Any:
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize("serializer", BOTH, ids=["1.0.0", "2.0.0"])
@pytest.mark.parametrize(
    "make",
    [
        object,
        cyclic,
        lambda: {"a": object()},
        lambda: "\ud800",
        lambda: {"\ud800": 1},
        lambda: {object(): 1},
        lambda: 1j,
    ],
    ids=["object", "cycle", "nested object", "surrogate", "surrogate key", "object as key", "complex"],
)
def test_a_payload_that_json_does_not_know_is_refused(serializer: Serializer, make: Callable[[], Any]):
    with pytest.raises(UnencodablePayload, match="this payload cannot be written as JSON"):
        serializer.encode_payload(make())


@pytest.mark.parametrize("serializer", BOTH, ids=["1.0.0", "2.0.0"])
@pytest.mark.parametrize("field", ["join_ref", "ref", "topic", "event"])
def test_a_name_with_half_a_character_is_refused(serializer: Serializer, field: str):
    fields = {"join_ref": "1", "ref": "2", "topic": "t", "event": "e"} | {field: "\ud800"}
    with pytest.raises(UnencodablePayload, match="not valid Unicode"):
        write(serializer, Message(fields["join_ref"], fields["ref"], fields["topic"], fields["event"], {}))


@pytest.mark.parametrize("field", ["join_ref", "ref", "topic", "event"])
def test_a_name_with_half_a_character_is_refused_in_a_binary_frame(field: str):
    fields = {"join_ref": "1", "ref": "2", "topic": "t", "event": "e"} | {field: "\ud800"}
    with pytest.raises(UnencodablePayload, match=f"the {field} .* is not valid Unicode"):
        write(V2, Message(fields["join_ref"], fields["ref"], fields["topic"], fields["event"], b"data"))


def test_serializer_2_takes_all_that_is_like_bytes():
    frames = [write(V2, Message("1", "2", "t", "e", kind(b"\x00\xff"))) for kind in (bytes, bytearray, memoryview)]
    assert frames == [frames[0]] * 3
    assert frames[0].binary


def test_a_binary_payload_is_copied_so_that_changing_it_later_changes_nothing():
    data = bytearray(b"before")
    payload = V2.encode_payload(data)
    data[:] = b"after!"
    assert V2.encode("1", "2", "t", "e", payload).data.endswith(b"before")


def test_a_json_payload_is_written_when_it_is_encoded_so_that_changing_it_later_changes_nothing():
    given = {"a": 1}
    payload = V2.encode_payload(given)
    given["a"] = 2
    assert V2.encode("1", "2", "t", "e", payload).data == b'["1","2","t","e",{"a":1}]'


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_serializer_1_refuses_bytes_and_names_the_one_that_takes_them(kind: Callable[[bytes], Any]):
    with pytest.raises(UnencodablePayload, match="JSONSerializer"):
        V1.encode_payload(kind(b"data"))


# What cannot be read.

DEEP = b"[" * 100_000


@pytest.mark.parametrize("serializer", BOTH, ids=["1.0.0", "2.0.0"])
@given(st.binary(max_size=600), st.booleans())
@example(b"", False)
@example(b"", True)
@example(b"\x00\xff", True)
@example(b"\x07abc", True)
@example(b"\x00\x01\x01\x01", True)
@example(b"\x02\x01\x01\xff\xff", True)
@example(DEEP, False)
@example(b'["1","2","t","e",' + DEEP, False)
@example(b'{"topic":"t","event":"e","ref":null,"payload":' + DEEP, False)
@example(b'[null,null,"t","e",{"a":"\xff"}]', False)
@example(b'[null,null,"\xff","e",{}]', False)
@example(b'[null,null,"t","e",1e999]', False)
@example(rb'[null,null,"\ud800","e",{}]', False)
@example(rb'[null,null,"t","e","\ud800"]', False)
@example(b'[null,null,"t","e",' + b"9" * 5000 + b"]", False)
def test_any_bytes_are_a_message_or_a_malformed_frame_and_nothing_else(
    serializer: Serializer, data: bytes, as_binary: bool
):
    try:
        message = serializer.decode(Frame(data, binary=as_binary))
        payload = message.payload
    except MalformedFrame:
        return
    assert isinstance(message.topic, str)
    if not as_binary:
        assert payload == json.loads(data)[4 if serializer is V2 else "payload"]


LARGE = "x" * 5000
"""Makes a frame large enough for its payload to be left unscanned."""


@pytest.mark.parametrize("names", [("room:a", "news"), ("a,b", "],[null"), ('a"b', "\\\\"), ("ü", "\U0001f600")])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("payload", [{"a": LARGE}, [LARGE, {"b": ["]", 1]}], LARGE, [[[LARGE]]]])
def test_a_large_frame_is_read_as_a_small_one_is(names: tuple[str, str], separators: tuple[str, str], payload: Any):
    fields = ("1", None, *names, payload)
    message = V2.decode(Frame(json.dumps(fields, separators=separators).encode()))
    assert (message.join_ref, message.ref, message.topic, message.event) == fields[:4]
    assert message.json is not None
    assert json.loads(bytes(message.json)) == payload
    assert message.payload == payload
    assert message.raw is None


@pytest.mark.parametrize(
    "payload",
    ["", '"a","b"', "{}]", '{"a":1}{"b":2}', '{"a":', '["a"}', "nul", "01", '],"fault":{"error":"a"', " "],
)
def test_a_large_frame_whose_payload_is_not_one_value_is_malformed_when_somebody_looks(payload: str):
    data = f'[null,null,"{LARGE}","news",{payload}]'.encode()
    message = V2.decode(Frame(data))
    assert message.topic == LARGE
    assert message.raw is not None
    assert message.json is None  # so nobody copies what is no JSON into JSON
    with pytest.raises(MalformedFrame, match="the payload is not JSON"):
        _ = message.payload
    with pytest.raises(MalformedFrame):
        PayloadType(dict).from_message(message)


@pytest.mark.parametrize(
    "data",
    [b'[1,null,"t","e",%b]', b'[null,null,null,"e",%b]', b'[null,null,"t",null,%b]', b'[null,null,"\xff","e",%b]',
     b'[null,null,"\n","e",%b]', b'[null,null,"t","e",%b', b'["t","e",%b]', b"%b"],
)  # fmt: skip
def test_a_large_frame_whose_other_parts_are_wrong_is_malformed_at_once(data: bytes):
    with pytest.raises(MalformedFrame):
        V2.decode(Frame(data % json.dumps(LARGE).encode()))


@given(st.integers(0, 2), st.binary(max_size=20), st.lists(st.integers(0, 12), max_size=6))
def test_any_binary_frame_with_a_header_is_a_message_or_malformed(kind: int, data: bytes, lengths: list[int]):
    frame = Frame(bytes((kind, *lengths)) + data, binary=True)
    try:
        message = V2.decode(frame)
    except MalformedFrame:
        return
    fields = (3, 4, 2)[kind]
    rest = message.payload["response"] if kind == 1 else message.payload
    assert frame.data.endswith(rest)
    assert len(rest) + sum(frame.data[1 : 1 + fields]) + 1 + fields == len(frame.data)


@given(json_values, refs, refs)
def test_any_json_is_a_message_or_a_malformed_frame(value: Any, ref: str | None, join_ref: str | None):
    for document in (value, [join_ref, ref, value, value, value], {"topic": value, "event": value, "payload": value}):
        for serializer in BOTH:
            try:
                message = serializer.decode(Frame(json.dumps(document).encode()))
            except MalformedFrame:
                continue
            assert isinstance(message.topic, str)
            assert message.payload == value


@pytest.mark.parametrize("cut", range(1, 18))
def test_a_binary_frame_cut_short_within_its_fields_is_malformed(cut: int):
    whole = bytes.fromhex("01010106023135726f6f6d3a616f6b0001ff")
    fields_end = 15
    frame = Frame(whole[:cut], binary=True)
    if cut < fields_end:
        with pytest.raises(MalformedFrame, match="broken binary frame"):
            V2.decode(frame)
    else:
        assert V2.decode(frame).payload["response"] == whole[fields_end:cut]


@pytest.mark.parametrize("kind", [3, 4, 7, 255])
def test_a_binary_frame_of_an_unknown_kind_is_named_by_it(kind: int):
    with pytest.raises(MalformedFrame, match=f"unknown kind {kind}"):
        V2.decode(Frame(bytes([kind]) + b"abc", binary=True))


@pytest.mark.parametrize(
    "data",
    [b"not json", b"{}", b"[]", b"[1,2,3]", b"null", b'["1","1",5,"e",{}]', b'["1","1","t",5,{}]', b'[1,1,"t","e",{}]',
     b'["1","1","t","e"]', b'["1","1","t","e",{},{}]'],
)  # fmt: skip
def test_text_that_is_no_array_of_the_five_parts_is_malformed(data: bytes):
    with pytest.raises(MalformedFrame, match=r"not a message of serializer 2\.0\.0") as caught:
        V2.decode(Frame(data))
    assert caught.value.size == len(data)


@pytest.mark.parametrize(
    "data",
    [b"not json", b"[]", b"{}", b"null", b'{"topic":"t","event":"e"}', b'{"topic":1,"event":"e","payload":{}}',
     b'{"topic":"t","event":"e","payload":{},"ref":1}'],
)  # fmt: skip
def test_text_that_is_no_object_with_topic_event_and_payload_is_malformed(data: bytes):
    with pytest.raises(MalformedFrame, match=r"not a message of serializer 1\.0\.0"):
        V1.decode(Frame(data))


def test_serializer_1_has_no_binary_frames():
    with pytest.raises(MalformedFrame, match="binary frame"):
        V1.decode(Frame(b'{"topic":"t","event":"e","payload":{}}', binary=True))


@pytest.mark.parametrize("serializer", BOTH, ids=["1.0.0", "2.0.0"])
def test_no_error_about_a_frame_repeats_what_was_in_it(serializer: Serializer):
    for data in (b'["s3cret"]', b'{"s3cret":1}', b"s3cret", b'[null,null,"s3cret",1,{}]'):
        for as_binary in (False, True):
            with pytest.raises(MalformedFrame) as caught:
                serializer.decode(Frame(data, binary=as_binary))
            assert "s3cret" not in str(caught.value)

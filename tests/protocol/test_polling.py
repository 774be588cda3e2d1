"""The bodies of posts, and what the answers to polls say."""

from __future__ import annotations

import base64
from collections import deque

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix.errors import MalformedFrame
from rxphoenix.protocol.message import Frame
from rxphoenix.protocol.polling import Answer, Batch, read_answer, take_batch

LINES, ONE = "application/x-ndjson", "application/json"


def text(number: int) -> Frame:
    return Frame(b'["1","%d","room:a","echo",{}]' % number)


def test_frames_are_lines_without_a_newline_at_the_end():
    waiting = deque([text(1), Frame(b"\x00\x01\xff", binary=True), text(2)])
    assert take_batch(waiting) == Batch(text(1).data + b"\nAAH/\n" + text(2).data, LINES, 3, 2 * len(text(1).data) + 3)
    assert not waiting


def test_a_hundred_go_at_once_and_the_rest_waits():
    waiting = deque(text(number) for number in range(120))
    batch = take_batch(waiting)
    assert (batch.count, batch.body.count(b"\n"), len(waiting)) == (100, 99, 20)
    assert waiting[0] == text(100)
    assert take_batch(waiting, 1) == Batch(text(100).data, LINES, 1, len(text(100).data))


def test_a_message_of_serializer_1_goes_alone_as_json():
    message = Frame(b'{"topic":"room:a","event":"echo","payload":{},"ref":"1"}')
    waiting = deque([message, message, text(1), message])
    assert take_batch(waiting) == Batch(message.data, ONE, 1, len(message.data))
    assert take_batch(waiting) == Batch(message.data, ONE, 1, len(message.data))
    assert take_batch(waiting) == Batch(text(1).data, LINES, 1, len(text(1).data))
    assert take_batch(waiting) == Batch(message.data, ONE, 1, len(message.data))


def test_a_message_of_several_lines_goes_alone():
    waiting = deque([Frame(b'["1","1","a","b",\n{}]')])
    assert take_batch(waiting) == Batch(b'["1","1","a","b",\n{}]', ONE, 1, 21)


def test_what_is_big_together_goes_apart_and_what_is_big_alone_goes_anyway():
    big = Frame(b'["' + b"x" * 600_000 + b'"]')
    bigger = Frame(b'["' + b"x" * 9_000_000 + b'"]')
    waiting = deque([big, big, bigger, text(1)])
    assert [take_batch(waiting).count for _ in range(4)] == [1, 1, 1, 1]


frames = st.one_of(
    st.builds(Frame, st.binary(min_size=1), st.just(True)),
    st.builds(lambda value: Frame(msgspec.json.encode([value])), st.text()),
    st.builds(lambda value: Frame(msgspec.json.encode({"topic": value})), st.text()),
)


@given(st.lists(frames, min_size=1, max_size=250), st.integers(1, 100))
def test_a_server_reads_from_the_batches_what_was_to_be_sent(sent: list[Frame], most: int):
    waiting, read = deque(sent), list[Frame]()
    while waiting:
        batch = take_batch(waiting, most)
        parts = batch.body.split(b"\n") if batch.content_type == LINES else [batch.body]
        assert len(parts) == batch.count <= most
        assert batch.size == sum(len(frame.data) for frame in sent[len(read) : len(read) + batch.count])
        assert all(parts)
        for part in parts:
            if batch.content_type == ONE or part.startswith(b"["):
                read.append(Frame(part))
            else:
                read.append(Frame(base64.b64decode(part, validate=True), binary=True))
    assert read == sent


def test_an_answer_says_status_token_and_messages():
    assert read_answer(b'{"messages":[],"status":410,"token":"T"}') == Answer(410, "T", [])
    assert read_answer(b'{"status":403}') == Answer(403, None, [])
    answer = read_answer(b'{"messages":["[null,\\"1\\",\\"phoenix\\",\\"phx_reply\\",{}]","\\u00fc"],"status":200}')
    assert [*answer.frames()] == [Frame(b'[null,"1","phoenix","phx_reply",{}]'), Frame("ü".encode())]


def test_binary_inside_a_string_is_a_binary_frame():
    recorded = b'{"messages":["\\u0001\\u0001\\u0001\\u0006\\u000218room:aok\\u0001\\u0002"],"status":200}'
    assert [*read_answer(recorded).frames()] == [Frame(b"\x01\x01\x01\x06\x0218room:aok\x01\x02", binary=True)]
    for kind in range(256):
        message = chr(kind) + "x"
        (frame,) = Answer(200, None, [message]).frames()
        assert frame.binary is (kind < 3)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"<html>", b"{}", b'{"status":"200"}', b'{"status":200,"messages":[1]}', b"\xff",
     b'{"status":200,"messages":null}', b"[" * 100_000, b'{"status":200,"messages":["\\ud800"]}'],
)  # fmt: skip
def test_what_is_no_answer_is_malformed_and_its_words_hold_nothing_of_it(body: bytes):
    with pytest.raises(MalformedFrame) as raised:
        read_answer(body)
    size = f" (frame of {len(body)} bytes)" if body else ""
    assert str(raised.value) == f"not an answer of long polling{size}"
    assert raised.value.__context__ is None


@pytest.mark.parametrize("token", ["", " ", "a b", "a\r\nX-Evil: 1", "a\x00", "\u00fc", "x" * 4097, "\u2028"])
def test_a_token_that_cannot_be_sent_back_is_malformed(token: str):
    with pytest.raises(MalformedFrame, match="whose token cannot be sent back"):
        read_answer(msgspec.json.encode({"status": 410, "token": token, "messages": []}))

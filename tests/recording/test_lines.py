from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix import Message, RecordingError
from rxphoenix.recording.events import Began, Ended, Event, Faulted, Received, Sent, StateChanged
from rxphoenix.recording.lines import read_line, write_line

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
INSTANTS = st.floats(0, 1e6).map(lambda seconds: round(seconds, 6))
REFS = st.none() | TEXT
MESSAGES = st.builds(Message, REFS, REFS, TEXT, TEXT, JSON | st.binary(max_size=20)) | st.builds(
    lambda ref, status, data: Message(ref, ref, "t", "phx_reply", {"status": status, "response": data}),
    REFS,
    TEXT,
    st.binary(max_size=20),
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Began, TEXT, TEXT, st.none() | TEXT),
    st.builds(StateChanged, INSTANTS, TEXT),
    st.builds(Sent, INSTANTS, MESSAGES),
    st.builds(Received, INSTANTS, MESSAGES),
    st.builds(Faulted, INSTANTS, st.none() | TEXT, st.none() | TEXT, TEXT, TEXT),
    st.builds(Ended, INSTANTS),
)


@given(EVENTS)
def test_what_is_written_is_read(event: Event) -> None:
    line = write_line(event)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert read_line(line) == event


@given(MESSAGES)
def test_a_message_read_is_written_as_it_was(message: Message) -> None:
    line = write_line(Received(1.5, message))
    assert write_line(read_line(line)) == line


def test_a_payload_that_nobody_has_looked_at_is_not_decoded() -> None:
    event = read_line(b'{"at":1,"received":[null,null,"t","e",{"a": 1}]}\n')
    assert isinstance(event, Received)
    assert write_line(event) == b'{"at":1.0,"received":[null,null,"t","e",{"a": 1}]}\n'
    assert event.message.raw is not None


def test_a_payload_over_several_lines_becomes_one_line() -> None:
    event = read_line(b'{"at":1,"received":[null,null,"t","e",{"a":\r\n 1}]}\n')
    assert write_line(event) == b'{"at":1.0,"received":[null,null,"t","e",{"a":1}]}\n'


def test_members_that_nobody_knows_are_skipped() -> None:
    assert read_line(b'{"at": 2, "state": "open", "later": [1]}') == StateChanged(2, "open")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"", "no line of a recording"),
        (b"[1]", "no line of a recording"),
        (b'{"at": "x"}', "no line of a recording"),
        (b'{"at": 1', "no line of a recording"),
        (b"\xff\xfe", "no line of a recording"),
        (b'{"recording": 2, "began": "", "endpoint": ""}', "a recording of version 2, and this rxphoenix reads 1"),
        (b'{"recording": 1, "began": ""}', "a beginning without"),
        (b'{"state": "open"}', "neither `recording` nor `at`"),
        (b'{"at": 1}', "neither a state"),
        (b'{"at": 1, "ended": false}', "neither a state"),
        (b'{"at": 1, "sent": [1, 2]}', "no message"),
        (b'{"at": 1, "received": [null, null, "t", "e", {}], "base64": ""}', "no message"),
        (b'{"at": 1, "received": [null, null, "t", "e"], "base64": "?"}', "no message"),
        (b'{"at": 1, "received": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "no line of a recording"),
    ],
)
def test_what_is_none_is_refused(line: bytes, problem: str) -> None:
    with pytest.raises(RecordingError, match=problem):
        read_line(line)


@given(st.binary(max_size=40))
def test_whatever_stands_there_raises_nothing_else(line: bytes) -> None:
    with contextlib.suppress(RecordingError):
        read_line(line)

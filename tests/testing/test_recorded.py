"""A recording as a marble file: whatever was recorded, what is drawn of it passes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix import Message
from rxphoenix.recording.events import Began, Event, Received, Sent, StateChanged
from rxphoenix.recording.file import RecordingFile
from rxphoenix.testing import MarbleFailure, to_marbles
from rxphoenix.testing.marble_file import read
from rxphoenix.testing.marble_run import run

BEGAN = Began("2026-11-25T09:30:00+00:00", "ws://localhost:4000/socket")


def written(folder: Path, events: Iterable[Event]) -> Path:
    """A recording of one connection."""
    path = folder / "session.jsonl"
    path.unlink(missing_ok=True)
    file = RecordingFile(path)
    for event in [BEGAN, StateChanged(0.5, "open"), *events]:
        file.write(event)
    file.close()
    return path


def said(at: float, event: str, payload: Any = None, topic: str = "room:a") -> Received:
    return Received(0.5 + at, Message(None, None, topic, event, {} if payload is None else payload))


def lost(at: float) -> list[Event]:
    return [StateChanged(0.5 + at, "closed"), StateChanged(0.5 + at, "connecting"), StateChanged(0.5 + at, "open")]


def test_what_the_server_said_is_drawn(tmp_path: Path):
    join = Sent(0.5, Message("1", "1", "room:a", "phx_join", {}))
    path = written(
        tmp_path,
        [
            join,
            said(0.031, "news", {"n": 1}),
            *lost(0.05),
            said(0.09, "news", {"n": 2}),
            said(0.101, "news", {"n": 1}),
            said(0.12, "phx_close"),
        ],
    )
    text = to_marbles(path)
    assert (
        text
        == """\
What the server said in session.jsonl.

given
  frame  10ms
  phoenix   room:a  ---n-----an-c
  drops             -----x
when
  channel('room:a')
  options  {"reconnect_after": lambda attempt, error: 0.0, "rejoin_after": lambda attempt, error: 0.0}
then
  observed  ---N-----bN-|
where
  n = event('news', {'n': 1})
  N = message('news', {'n': 1})
  x = lost()
  a = event('news', {'n': 2})
  b = message('news', {'n': 2})
  c = close
"""
    )
    run(read(text))
    # and it is a test: what is drawn otherwise fails
    with pytest.raises(MarbleFailure):
        run(read(text.replace("observed  ---N", "observed  --N-")))


def test_the_frame_decides_how_exact_it_is(tmp_path: Path):
    path = written(tmp_path, [said(0.0314, "news"), said(1.5, "news")])
    for frame, lane in [(0.001, "31ms n 1.468s n"), (0.1, "-n 1.3s n"), (1.0, "-nn")]:
        text = to_marbles(path, frame=frame)
        drawn = read(text)
        assert (drawn.frame, drawn.given[0].drawing) == (frame, lane)
        run(drawn)
    with pytest.raises(ValueError, match="a frame lasts at least a microsecond"):
        to_marbles(path, frame=0)


def test_topics_have_a_stream_each_with_a_name_that_says_which(tmp_path: Path):
    topics = ["room:lobby", "room-lobby", "calls", "1", "ünder"]
    path = written(tmp_path, [said(0.01 * n, "news", {"n": n}, topic) for n, topic in enumerate(topics)])
    drawn = read(to_marbles(path))
    assert [stream.name for stream in drawn.streams] == [
        "room_lobby", "room_lobby_2", "topic_calls", "topic_1", "nder",
    ]  # fmt: skip
    run(drawn)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([], "the server has said nothing on any topic"),
        ([said(0.1, "news", {}, "room a")], "the topic 'room a' cannot name a lane"),
    ],
)
def test_what_cannot_be_drawn_is_told(events: list[Event], told: str, tmp_path: Path):
    with pytest.raises(ValueError, match=told):
        to_marbles(written(tmp_path, events))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
EVENTS = st.one_of(
    st.tuples(
        st.sampled_from(["room:a", "room:b", "sensor:1"]),
        st.sampled_from(["news", "Note", "x", "phx_error", "phx_close", "=", "}", "é", "presence_state"]),
        JSON | st.binary(max_size=3),
    ),
    st.just("lost"),
)


@given(
    story=st.lists(st.tuples(st.floats(0, 0.2), EVENTS), min_size=1, max_size=12),
    frame=st.sampled_from([0.001, 0.01, 0.1, 1.0]),
)
def test_whatever_was_recorded_passes(story: list[tuple[float, Any]], frame: float, tmp_path_factory: Any):
    at, events = 0.0, list[Event]()
    for gap, what in story:
        at += gap
        if what == "lost":
            events += lost(at)
        else:
            topic, event, payload = what
            events.append(said(at, event, {} if event.startswith("phx_") else payload, topic))
    path = written(tmp_path_factory.getbasetemp(), events)
    if all(what == "lost" for _, what in story):
        return
    run(read(to_marbles(path, frame=frame)))

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix import Message, RecordingError
from rxphoenix.recording.events import Began, Ended, Event, Received, StateChanged
from rxphoenix.recording.file import RecordingFile, read
from rxphoenix.recording.lines import write_line

BEGAN = Began("2026-11-25T09:30:00+00:00", "ws://localhost:4000/socket")
EVENTS: list[Event] = [
    BEGAN, StateChanged(0.1, "open"), Received(0.2, Message(None, None, "room:a", "new_msg", {"n": 1})), Ended(0.3),
]  # fmt: skip
NAMES = ["session.jsonl", "session.jsonl.gz"]


def write(path: Path, events: list[Event]) -> None:
    file = RecordingFile(path)
    for event in events:
        file.write(event)
    file.close()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_and_appended_to(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    write(path, EVENTS)
    assert list(read(path)) == EVENTS
    write(path, EVENTS)
    assert list(read(path)) == EVENTS * 2
    if name.endswith(".gz"):
        assert gzip.decompress(path.read_bytes()) == b"".join(map(write_line, EVENTS)) * 2


@pytest.mark.parametrize("name", NAMES)
def test_what_was_flushed_survives_a_crash(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    file = RecordingFile(path)
    for event in EVENTS[:3]:
        file.write(event)
    file.flush()
    found = path.read_bytes()  # as they would be found if the program ended here
    file.close()
    path.write_bytes(found)
    assert list(read(path)) == EVENTS[:3]
    write(path, EVENTS)
    assert list(read(path)) == EVENTS[:3] + EVENTS


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_however_it_is_cut_short_all_whole_lines_are_read_and_it_can_be_appended_to(
    name: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("cut") / name
    write(path, EVENTS)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    left = list(read(path))
    assert left == EVENTS[: len(left)]
    write(path, EVENTS)
    assert list(read(path)) == left + EVENTS


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_damage_in_the_middle_is_an_error_or_another_event_and_never_anything_else(
    name: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damage") / name
    write(path, EVENTS)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(RecordingError):
        list(read(path))


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.write_bytes(write_line(BEGAN) + b"{]\n" + write_line(EVENTS[1]))
    with pytest.raises(RecordingError, match="line 2: no line of a recording"):
        list(read(path))


@pytest.mark.parametrize("content", [b"# a shopping list\n", write_line(EVENTS[1])])
def test_what_is_no_recording_is_neither_read_nor_appended_to(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="line 1"):
        list(read(path))
    with pytest.raises(RecordingError, match=r"list.txt is no recording, so nothing is appended"):
        RecordingFile(path)
    assert path.read_bytes() == content


def test_an_empty_file_is_one_to_begin_in(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.touch()
    assert list(read(path)) == []
    write(path, EVENTS)
    assert list(read(path)) == EVENTS


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    file = RecordingFile(tmp_path / "session.jsonl")
    file.close()
    file.close()

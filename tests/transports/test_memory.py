"""What a fallback remembers: in an object, and in a file that others write, spoil or take away."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix import FallbackMemory, FileMemory, InProcessMemory
from tests.house.architecture import ROOT

A, B = "wss://a.test/socket", "wss://b.test/socket"


@pytest.fixture(params=["in process", "file"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> FallbackMemory:
    return InProcessMemory() if request.param == "in process" else FileMemory(tmp_path / "memory")


def test_it_keeps_the_last_instant_of_each_endpoint(memory: FallbackMemory):
    assert memory.needed_at(A) is None
    memory.remember(A, 1.5)
    memory.remember(B, 2)
    memory.remember(A, 3)
    assert (memory.needed_at(A), memory.needed_at(B)) == (3, 2)
    memory.forget(A)
    memory.forget(A)
    assert (memory.needed_at(A), memory.needed_at(B)) == (None, 2)
    memory.remember(A, 4)
    assert memory.needed_at(A) == 4


def test_a_file_is_there_for_the_next_run_and_for_others_at_once(tmp_path: Path):
    path = tmp_path / "new" / "folder" / "memory"
    first, second = FileMemory(path), FileMemory(str(path))
    first.remember(A, 1)
    assert second.needed_at(A) == 1
    second.forget(A)
    assert first.needed_at(A) is None


def test_looking_and_forgetting_nothing_make_no_file(tmp_path: Path):
    memory = FileMemory(tmp_path / "memory")
    assert memory.needed_at(A) is None
    memory.forget(A)
    assert list(tmp_path.iterdir()) == []


def test_nobody_else_may_read_it(tmp_path: Path):
    FileMemory(tmp_path / "memory").remember(A, 1)
    assert (tmp_path / "memory").stat().st_mode & 0o077 == 0


@given(st.binary(max_size=200))
def test_whatever_is_in_the_file_notes_can_be_added_and_found(tmp_path_factory: pytest.TempPathFactory, spoilt: bytes):
    path = tmp_path_factory.mktemp("memory") / "memory"
    path.write_bytes(spoilt)
    memory = FileMemory(path)
    assert memory.needed_at(A) is None
    memory.remember(A, 1)
    with path.open("ab") as file:
        file.write(spoilt)
    memory.remember(B, 2)
    assert (memory.needed_at(A), memory.needed_at(B)) == (1, 2)


def test_a_line_that_somebody_did_not_end_spoils_no_other(tmp_path: Path):
    path = tmp_path / "memory"
    memory = FileMemory(path)
    memory.remember(A, 1)
    whole = path.read_bytes()
    memory.remember(B, 2)
    with_both = path.read_bytes()
    for length in range(len(whole), len(with_both)):
        path.write_bytes(with_both[:length])
        assert memory.needed_at(A) == 1
        memory.remember(A, 3)
        assert memory.needed_at(A) == 3


WRITER = """
import sys
from rxphoenix.transports.memory import FileMemory

memory = FileMemory(sys.argv[1])
for number in range(200):
    memory.remember(f"wss://{sys.argv[2]}-{number % 5}.test/socket", number)
"""


def test_several_programs_write_at_once_and_none_loses_a_note(tmp_path: Path):
    path = tmp_path / "memory"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(writer)], cwd=ROOT) for writer in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    memory = FileMemory(path)
    found = {
        (writer, index): memory.needed_at(f"wss://{writer}-{index}.test/socket")
        for writer in range(4)
        for index in range(5)
    }
    assert found == {(writer, index): 195 + index for writer in range(4) for index in range(5)}


def test_a_file_stays_small(tmp_path: Path):
    memory = FileMemory(tmp_path / "memory")
    memory.remember(B, 7)
    memory.remember("wss://c.test/socket", 8)
    memory.forget("wss://c.test/socket")
    sizes: list[int] = []
    for number in range(2000):
        memory.remember(A, number)
        sizes.append((tmp_path / "memory").stat().st_size)
    assert max(sizes) <= 64 * 1024
    assert min(sizes[1:]) < sizes[0] * 2
    assert (memory.needed_at(A), memory.needed_at(B)) == (1999, 7)
    assert memory.needed_at("wss://c.test/socket") is None
    assert [path.name for path in tmp_path.iterdir()] == ["memory"]


def read_only(path: Path) -> None:
    path.mkdir()


def under_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("no folder")


@pytest.mark.parametrize("spoil", [read_only, under_a_file])
def test_a_file_that_cannot_be_used_is_logged_once_and_does_not_raise(
    spoil: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    path = tmp_path / "folder" / "memory"
    path.parent.mkdir()
    spoil(path)
    memory = FileMemory(path)
    with caplog.at_level(logging.WARNING, "rxphoenix"):
        for _ in range(2):
            memory.remember(A, 1)
            assert memory.needed_at(A) is None
            memory.forget(A)
    assert len(caplog.records) == 1
    assert f"the memory of a fallback, {path}, cannot be written: " in caplog.text


def test_tidying_that_fails_leaves_the_file_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    memory = FileMemory(tmp_path / "memory")

    def replace(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", replace)
    number = 0
    while not caplog.text and number < 2000:
        number += 1
        memory.remember(A, number)
    assert "No space left on device" in caplog.text
    memory.remember(A, number + 1)
    assert memory.needed_at(A) == number + 1
    assert [path.name for path in tmp_path.iterdir()] == ["memory"]

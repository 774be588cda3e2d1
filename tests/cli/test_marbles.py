"""Checking and drawing marble files from the command line."""

from __future__ import annotations

import logging
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rxphoenix.cli import ENDED, FAILED, MISUSED, main

GOOD = "Good.\n\ngiven\n  hot  keys  -a-\nwhen\n  keys\nthen\n  observed  -a-\n"


def test_check_runs_files_and_folders_and_says_what_became_of_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "good.marble").write_text(GOOD, "utf-8")
    assert main(["marbles", "check", str(tmp_path)]) == ENDED
    assert "good.marble: ok" in capsys.readouterr().out
    bad = tmp_path / "bad.marble"
    bad.write_text(GOOD.replace("observed  -a-", "observed  --a"), "utf-8")
    assert main(["marbles", "check", str(tmp_path), str(tmp_path / "none.marble")]) == FAILED
    output = capsys.readouterr().out
    assert "expected  --a" in output
    assert "actual    -a-" in output
    assert "none.marble: failed" in output
    assert output.endswith("1 ok, 2 failed\n")


def test_check_goes_on_after_what_should_not_happen_and_logs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = GOOD.replace("when\n  keys", "when\n  keys.pipe(ops.delay(1.0))")
    (tmp_path / "a-thread.marble").write_text(thread, "utf-8")
    lost = GOOD.replace("hot  keys  -a-", "drops  -x").replace("when\n  keys", 'when\n  channel("a")')
    (tmp_path / "lost.marble").write_text(lost.replace("observed  -a-", "observed  -"), "utf-8")
    assert main(["marbles", "check", str(tmp_path)]) == FAILED
    output = capsys.readouterr()
    assert "a-thread.marble: failed\nRealTimeUsed: " in output.out
    assert "lost.marble: ok" in output.out
    assert output.err == ""
    assert logging.getLogger("rxphoenix").handlers == []


def test_check_of_nothing_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["marbles", "check", str(tmp_path)]) == FAILED
    assert capsys.readouterr().out == "no marble files here\n"


def test_render_writes_a_picture_or_prints_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good.marble").write_text(GOOD, "utf-8")
    picture = tmp_path / "good.svg"
    assert main(["marbles", "render", str(tmp_path / "good.marble"), "-o", str(picture)]) == ENDED
    assert ElementTree.fromstring(picture.read_text("utf-8")).tag.endswith("svg")
    capsys.readouterr()
    assert main(["marbles", "render", str(tmp_path / "good.marble")]) == ENDED
    assert capsys.readouterr().out == "hot keys  -a-\n          keys\nobserved  -a-\n"
    (tmp_path / "bad.marble").write_text("nothing", "utf-8")
    assert main(["marbles", "render", str(tmp_path / "bad.marble"), "-o", str(picture)]) == FAILED
    assert "expected a section 'when'" in capsys.readouterr().err


def test_marbles_without_a_command_is_a_misuse() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["marbles"])
    assert ended.value.code == MISUSED

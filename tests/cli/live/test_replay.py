"""Recordings, shown and served."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path

import pytest

from rxphoenix import Message, Socket
from rxphoenix.cli.statuses import ENDED, FAILED, INTERRUPTED, MISUSED
from rxphoenix.recording.events import Began, Ended, Event, Faulted, Received, Sent, StateChanged
from rxphoenix.recording.file import RecordingFile
from rxphoenix.testing.marble_file import read
from rxphoenix.testing.marble_run import run as run_marbles
from tests.cli.conftest import PATIENCE, Start
from tests.cli.live.conftest import Run
from tests.cli.live.screen import Screen

BEGAN = Began("2026-11-25T09:30:00+00:00", "ws://localhost:4000/deep/socket")


def received(at: float, event: str, payload: object, ref: str | None = None) -> Received:
    return Received(at, Message("1", ref, "room:a", event, payload))


JOIN: list[Event] = [
    Sent(0.1, Message("1", "1", "room:a", "phx_join", {})),
    received(0.1, "phx_reply", {"status": "ok", "response": {}}, "1"),
]
STORY: list[Event] = [
    BEGAN,
    StateChanged(0.0, "connecting"),
    StateChanged(0.1, "open"),
    *JOIN,
    received(0.2, "presence_state", {"ann": {"metas": [{"phx_ref": "1"}]}}),
    received(0.25, "news", {"n": 1}),
    StateChanged(0.3, "closed"),
    Faulted(0.3, None, None, "ConnectionLost", "connection lost"),
    StateChanged(0.3, "connecting"),
    StateChanged(0.4, "open"),
    *JOIN,
    received(0.5, "presence_state", {"bob": {"metas": [{"phx_ref": "2"}]}}),
    received(0.6, "picture", b"\x00\xff"),
    Ended(0.7),
]


def written(path: Path, events: list[Event]) -> str:
    file = RecordingFile(path)
    for event in events:
        file.write(event)
    file.close()
    return str(path)


def test_it_is_shown_as_tail_would(run: Run, tmp_path: Path):
    path = written(tmp_path / "session.jsonl.gz", STORY)
    status, lines, notes = run("replay", path, "--presence")
    assert status == ENDED
    assert [json.loads(line) for line in lines] == [
        {"at": "2026-11-25T09:30:00.200Z", "topic": "room:a", "presence": "join", "key": "ann",
         "metas": [{"phx_ref": "1"}]},
        {"at": "2026-11-25T09:30:00.250Z", "topic": "room:a", "event": "news", "payload": {"n": 1}},
        {"at": "2026-11-25T09:30:00.500Z", "topic": "room:a", "presence": "join", "key": "bob",
         "metas": [{"phx_ref": "2"}]},
        {"at": "2026-11-25T09:30:00.500Z", "topic": "room:a", "presence": "leave", "key": "ann",
         "metas": [{"phx_ref": "1"}]},
        {"at": "2026-11-25T09:30:00.600Z", "topic": "room:a", "event": "picture", "base64": "AP8="},
    ]  # fmt: skip
    assert re.sub(r"recorded: \S+ \S+,", "recorded:", notes).splitlines() == [
        "* recorded: ws://localhost:4000/deep/socket",
        "* connection: connecting",
        "* connection: open",
        "* room:a: joined",
        "* connection: closed",
        "* connection: connection lost",
        "* connection: connecting",
        "* connection: open",
        "* room:a: joined",
    ]
    status, lines, _ = run("replay", path, "--speed", "max", "--event", "news")
    assert (status, [json.loads(line)["payload"] for line in lines]) == (ENDED, [{"n": 1}])


HOURS = [*STORY[:-1], received(7200.6, "news", {"n": 2}), Ended(7200.7)]


def test_hours_can_be_shown_in_no_time(run: Run, tmp_path: Path):
    status, lines, _ = run("replay", written(tmp_path / "session.jsonl", HOURS), "--speed", "1000000")
    assert status == ENDED
    assert '{"n":2}' in lines[-1]


async def test_it_takes_its_time_unless_it_is_interrupted(start: Start, tmp_path: Path):
    patient = await start("replay", written(tmp_path / "session.jsonl", HOURS))
    await patient.line("AP8=")
    assert (await patient.interrupt())[0] == INTERRUPTED


async def test_a_server_plays_it_to_any_client(start: Start, tmp_path: Path):
    path = written(tmp_path / "session.jsonl", STORY)
    command = await start("replay", path, "--serve", "--port", "0")
    line = await command.line("is played at")
    url = line.split()[-3]
    assert url.endswith("/deep/socket")
    async with asyncio.timeout(PATIENCE), Socket(url, reconnect_after=lambda attempt, error: 0.01) as socket:
        news: list[object] = []
        await_end = asyncio.get_running_loop().create_future()
        socket.channel("room:a").subscribe(
            lambda message: news.append((message.event, message.payload)), on_completed=lambda: await_end.set_result(0)
        )
        await await_end
    assert [event for event, _ in news] == ["presence_state", "news", "presence_state", "picture"]  # type: ignore[misc]
    assert (await command.interrupt())[0] == ENDED


def test_it_becomes_a_marble_file_that_passes(run: Run, tmp_path: Path):
    status, lines, notes = run("replay", written(tmp_path / "session.jsonl", STORY), "--marbles", "--frame", "100ms")
    assert (status, notes) == (ENDED, "")
    drawn = read("\n".join(lines))
    assert drawn.frame == 0.1
    assert [lane.kind for lane in drawn.given] == ["phoenix", "drops"]
    run_marbles(drawn)


def test_what_cannot_be_played_is_told_in_one_line(run: Run, tmp_path: Path):
    letter, none = tmp_path / "letter.txt", tmp_path / "none"
    letter.write_text("Dear Ann,\n", "utf-8")
    assert run("replay", str(none)) == (FAILED, [], f"rxphoenix: {none}: No such file or directory\n")
    for words in ([], ["--serve"], ["--marbles"]):
        status, lines, notes = run("replay", str(letter), *words)
        assert (status, lines, notes.count("\n")) == (FAILED, [], 1)
        assert notes.startswith(f"rxphoenix: {letter}: line 1: no line of a recording")
    status, lines, notes = run("replay", written(tmp_path / "silent.jsonl", [BEGAN]), "--marbles")
    assert (status, lines) == (MISUSED, [])
    assert notes.startswith("rxphoenix: Invalid value: the server has said nothing on any topic")


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")
async def test_long_work_shows_progress_to_a_person(start: Start, tmp_path: Path):
    path = written(tmp_path / "long.jsonl", [*STORY[:-1], *(received(1.0, "news", {"n": n}) for n in range(20_000))])
    with Screen() as screen:
        command = await start(
            "replay",
            path,
            "--speed",
            "max",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=screen.terminal,
            environment={"TERM": "xterm-256color"},
        )
        await screen.until(rb"[1-9]\d*000 events")
        assert await screen.end(command) == ENDED

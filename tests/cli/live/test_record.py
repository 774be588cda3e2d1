"""Recording what is said."""

from __future__ import annotations

from pathlib import Path

from rxphoenix.recording.events import Began, Ended, Received, Sent
from rxphoenix.recording.file import read
from tests.cli.conftest import Start
from tests.cli.live.conftest import House, Run


async def test_what_is_said_is_in_the_file(house: House, start: Start, tmp_path: Path):
    path = tmp_path / "session.jsonl.gz"
    command = await start(
        "record", house.url, "room:a", "room:secret", "-o", str(path), "--join-param", "password=sesame"
    )
    for _ in range(2):
        await house.next_join()
    house.endpoint.broadcast("room:a", "news", {"n": 1})
    counted = await start("record", house.url, "room:b", "-o", str(tmp_path / "counted.jsonl"), "--count", "2")
    await house.next_join()
    house.endpoint.broadcast("room:b", "news", {"n": 2})
    assert (await counted.end())[0] == 0
    status, notes = await command.interrupt()

    assert status == 0
    events = list(read(path))
    assert isinstance(events[0], Began)
    assert events[0].endpoint == house.url
    assert isinstance(events[-1], Ended)
    assert notes.splitlines()[-1] == f"* {path}: {len(events) - 1} events recorded"
    joins = [event.message.payload for event in events if isinstance(event, Sent) and event.message.event == "phx_join"]
    assert joins == [{"password": "[redacted]"}] * 2
    received = [event.message for event in events if isinstance(event, Received)]
    assert [message.payload for message in received if message.event == "news"] == [{"n": 1}]
    assert (house.joins[1][1], command.lines) == ({"password": "sesame"}, [])


def test_a_file_that_is_no_recording_is_left_alone(far_house: House, run: Run, tmp_path: Path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear Ann,\n", "utf-8")
    assert run("record", far_house.url, "room:a", "-o", str(path)) == (
        1,
        [],
        "rxphoenix: letter.txt is no recording, so nothing is appended to it; name another file\n",
    )
    assert path.read_text("utf-8") == "Dear Ann,\n"
    status, lines, notes = run("record", far_house.url, "room:a", "-o", str(tmp_path))
    assert (status, lines, notes.count("\n")) == (1, [], 1)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rxphoenix import NoEventLoop, RecordingError, Socket, record
from rxphoenix.recording.file import RecordingFile, read
from rxphoenix.recording.lines import write_line
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.demo import demo_application
from rxphoenix.testing import World, marbles


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def test_states_messages_faults_and_the_end_at_their_instants(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with marbles() as m:
        phoenix = m.phoenix()
        phoenix.topic("room:a").pushes("news", "--n", {"n": {"n": 1}})
        phoenix.drops("----x")
        socket = phoenix.socket(reconnect_after=lambda attempt, error: 0.003)
        recording = record(socket, path)
        m.expect(socket.channel("room:a").on("news"), "^-------!").to_be("--n", {"n": {"n": 1}})
        m.scheduler.schedule_relative(0.01, lambda *_: recording.dispose())
    assert recording.count == len(lines(path)) - 1
    assert lines(path)[1:] == [
        '{"at":0.0,"state":"closed"}',
        '{"at":0.0,"state":"connecting"}',
        '{"at":0.0,"state":"open"}',
        '{"at":0.0,"sent":["1","1","room:a","phx_join",{}]}',
        '{"at":0.0,"received":["1","1","room:a","phx_reply",{"status":"ok","response":{}}]}',
        '{"at":0.002,"received":["1",null,"room:a","news",{"n":1}]}',
        '{"at":0.004,"state":"closed"}',
        '{"at":0.004,"fault":{"topic":null,"event":null,"error":"ConnectionLost","text":"connection lost"}}',
        '{"at":0.007,"state":"connecting"}',
        '{"at":0.007,"state":"open"}',
        '{"at":0.007,"sent":["2","2","room:a","phx_join",{}]}',
        '{"at":0.007,"received":["2","2","room:a","phx_reply",{"status":"ok","response":{}}]}',
        '{"at":0.008,"sent":["2","3","room:a","phx_leave",{}]}',
        '{"at":0.008,"received":["2","3","room:a","phx_reply",{"status":"ok","response":{}}]}',
        '{"at":0.008,"received":["2","2","room:a","phx_close",{}]}',
        '{"at":0.008,"state":"closing"}',
        '{"at":0.008,"state":"closed"}',
        '{"at":0.01,"ended":true}',
    ]


def run_a_while(m: World, **options: Any) -> Socket:
    phoenix = m.phoenix()
    for name in "ab":
        phoenix.topic(f"room:{name}").pushes("news", "--n", {"n": name})
    socket = phoenix.socket(**options)
    for name in "ab":
        m.observe(socket.channel(f"room:{name}", {"token": "sesame"}), "^---!")
    return socket


def test_a_channel_is_recorded_without_the_others(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with marbles() as m:
        recording = record(run_a_while(m).channel("room:a"), path)
    recording.dispose()
    said = "\n".join(lines(path))
    assert '"topic":"room:a"' in lines(path)[0]
    assert '"phx_join"' in said
    assert '"news"' in said
    assert '"open"' in said
    assert "room:b" not in said


def test_no_secret_is_written(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with marbles() as m:
        recording = record(run_a_while(m, params={"token": "of the socket"}, auth_token="of the user"), path)
    recording.dispose()
    said = path.read_text("utf-8")
    assert '{"token":"[redacted]"}' in said
    assert "sesame" not in said
    assert "of the" not in said


def test_it_is_passive_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with marbles() as m:
        socket = m.phoenix().socket()
        with record(socket, path) as recording:
            pass
        recording.dispose()
        m.expect(socket.state, "^---!").to_be("c", {"c": "closed"})
    assert lines(path)[1:] == ['{"at":0.0,"state":"closed"}', '{"at":0.0,"ended":true}']
    assert recording.path == path
    assert recording.count == 2


def test_it_is_on_disk_within_a_second(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    found: list[int] = []
    with marbles() as m:
        socket = m.phoenix().socket()
        recording = record(socket, path)
        for at in (0.9, 1.1):
            m.scheduler.schedule_relative(at, lambda *_: found.append(path.stat().st_size))
        m.observe(socket.channel("room:a"), "^ 2s !")
    recording.dispose()
    assert found[0] == 0
    assert found[1] > 0


def test_another_session_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl.gz"
    for _ in range(2):
        with marbles() as m:
            recording = record(run_a_while(m), path)
        recording.dispose()
    events = [type(event).__name__ for event in read(path)]
    assert events.count("Began") == events.count("Ended") == 2


def test_a_disk_that_is_full_ends_it_and_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(28, "No space left on device")
    write, written = RecordingFile.write, [0]

    def fails(self: RecordingFile, event: Any) -> None:
        written[0] += 1
        if written[0] > 6:
            raise full
        write(self, event)

    monkeypatch.setattr(RecordingFile, "write", fails)
    with marbles() as m:
        socket = run_a_while(m)
        faults: list[Any] = []
        socket.errors.subscribe(lambda fault: faults.append(fault.error))
        record(socket, tmp_path / "session.jsonl")
    assert faults == [full]
    assert written == [7]


def test_what_is_no_recording_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine\n", "utf-8")
    with marbles() as m, pytest.raises(RecordingError, match=r"notes.txt is no recording"):
        record(m.phoenix().socket(), path)
    assert path.read_text("utf-8") == "mine\n"


def test_without_a_loop_nothing_is_begun(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with pytest.raises(NoEventLoop):
        record(Socket("ws://localhost:4000/socket"), path)
    assert not path.exists()


def test_the_endpoint_is_written_without_what_it_may_hide(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with marbles() as m:
        record(Socket("ws://ann:sesame@localhost:4000/socket?token=sesame", scheduler=m.scheduler), path).dispose()
    assert '"endpoint":"ws://localhost:4000/socket"' in lines(path)[0]
    assert "sesame" not in path.read_text("utf-8")


async def test_over_a_real_socket_binary_messages_too(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    async with PhoenixServer(demo_application()) as server, Socket(server.url + "/socket") as socket:
        recording = record(socket, path)
        room = socket.channel("room:tea")
        async with room.hold():
            assert await room.push("echo", b"\x00\xff") == b"\x00\xff"
    said = lines(path)
    assert said[-1].endswith('"ended":true}')
    assert ['"phx_reply",{"status":"ok"}]' in line for line in said if '"base64":"AP8="' in line] == [False, True]
    assert [write_line(event).decode().rstrip("\n") for event in read(path)] == said
    assert recording.count == len(said) - 1

"""Recordings are made and played in virtual time, so that what an app sees of both can be compared exactly."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import (
    AS_FAST_AS_POSSIBLE,
    ConnectionLost,
    ConnectionRefused,
    JoinRefused,
    JSONSerializer,
    JSONSerializerV1,
    Message,
    Mismatch,
    PushRefused,
    PushTimeout,
    RecordingError,
    Reply,
    Socket,
    record,
    replay,
)
from rxphoenix.recording.events import Began, Event, Received, Sent, StateChanged
from rxphoenix.recording.file import RecordingFile
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.demo import demo_application
from rxphoenix.testing import World, marbles
from tests.bridges.slow_loop import SlowLoop

ENDPOINT = "ws://phoenix.test/socket"


def soon(attempt: int, error: Exception) -> float:
    return 0.003


def recorded(path: Path) -> Path:
    """Two topics for 20 ms: events on both, a push that is answered 2 ms later, one cut of the link at 8 ms."""
    with marbles() as m:
        phoenix = m.phoenix()
        room = phoenix.topic("room:a")
        room.joins("--j", values={"j": {"hello": "a"}})
        room.replies("run", "--r", values={"r": {"done": 1}})
        room.pushes("news", "----p", {"p": {"n": 1}})
        room.broadcasts("shout", "-----------------b", {"b": {"n": 2}})
        phoenix.topic("room:b").pushes("news", "-----q", {"q": {"n": 3}})
        phoenix.drops("--------x")
        socket = phoenix.socket(reconnect_after=soon)
        recording = record(socket, path)
        for name in "ab":
            m.observe(socket.channel(f"room:{name}"), "^ 19ms !")
        m.at("5ms", lambda: socket.channel("room:a").push("run", {"x": 1}).subscribe())
        m.scheduler.schedule_relative(0.02, lambda *_: recording.dispose())
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return recorded(tmp_path / "session.jsonl")


def playing(m: World, path: Path, *, speed: float = 1.0, **options: Any) -> Socket:
    transport = replay(path, speed=speed)
    return Socket(ENDPOINT, transport=transport, scheduler=m.scheduler, reconnect_after=soon, **options)


VALUES = {"p": {"n": 1}, "b": {"n": 2}, "q": {"n": 3}}


def test_an_app_sees_the_recording_at_its_instants(path: Path) -> None:
    with marbles() as m:
        socket = playing(m, path)
        room = socket.channel("room:a")
        m.expect(room.on("news"), "^ 19ms !").to_be("----p", VALUES)
        m.expect(room.on("shout"), "^ 19ms !").to_be("-----------------b", VALUES)
        m.expect(socket.channel("room:b").on("news"), "^ 19ms !").to_be("-----q", VALUES)
        m.expect(room.joined.pipe(ops.map(lambda joined: joined.reply)), "^ 19ms !").to_be(
            "--j--------k", {"j": {"hello": "a"}, "k": {}}
        )
        m.expect(socket.state, "^ 18ms !").to_be("(no)----c--(no)", {"c": "closed", "n": "connecting", "o": "open"})
        m.expect(socket.errors.pipe(ops.map(lambda fault: fault.error)), "^ 18ms !").to_be(
            "--------x", {"x": ConnectionLost("connection lost")}
        )


@pytest.mark.parametrize(("speed", "drawing"), [(2.0, "----p------------b--|"), (0.5, "- 7.5ms p 25.5ms b 5.5ms |")])
def test_at_another_speed(path: Path, speed: float, drawing: str) -> None:
    with marbles(frame=0.0005) as m:
        socket = playing(m, path, speed=speed)
        events = socket.channel("room:a").pipe(ops.map(lambda message: message.payload))
        m.expect(events).to_be(drawing, VALUES)


def test_at_the_end_the_streams_complete_and_who_comes_later_is_refused(path: Path) -> None:
    with marbles() as m:
        socket = playing(m, path)
        m.expect(socket.channel("room:a").on("shout")).to_be("-----------------b--|", VALUES)
        late = JoinRefused("room:b", {"reason": "the recording has ended"})
        m.expect(socket.channel("room:b"), "- 24ms ^").to_be("- 24ms #", error=late)


def test_who_joins_late_has_missed_what_was_said_before(path: Path) -> None:
    with marbles() as m:
        socket = playing(m, path)
        m.observe(socket.channel("room:b"))
        m.expect(socket.channel("room:a").on("news"), "------^").to_be("- 19ms |")
        m.expect(socket.channel("room:a").on("shout"), "------^").to_be("- 16ms b--|", VALUES)


def test_pushes_are_answered_as_they_were_and_in_their_time(path: Path) -> None:
    with marbles() as m:
        room = playing(m, path).channel("room:a")
        m.observe(room, "^ 12ms !")
        m.expect(room.push("run", {"x": 1}), "---^").to_be("-----(r|)", {"r": {"done": 1}})


def test_each_recorded_push_answers_once_and_what_is_not_recorded_is_told(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with marbles() as m:
        transport = replay(path)
        socket = Socket(ENDPOINT, transport=transport, scheduler=m.scheduler)
        room = socket.channel("room:a")
        m.observe(room, "^ 7ms !")
        refused = {"status": "error", "response": {"reason": "not in the recording"}}
        m.expect(room.push("run", {"x": 2}), "--^").to_be("----(r|)", {"r": {"done": 1}})
        m.expect(room.push("run", {"x": 1}), "---^").to_be(
            "---#", error=PushRefused("room:a", "run", refused["status"], refused["response"])
        )
        m.expect(room.push("dance"), "---^").to_be(
            "---#", error=PushRefused("room:a", "dance", refused["status"], refused["response"])
        )
        m.expect(socket.channel("room:z"), "---^").to_be(
            "---#", error=JoinRefused("room:z", {"reason": "not in the recording"})
        )
    assert transport.mismatches == (
        Mismatch("room:a", "run", {"x": 2}, {"x": 1}),
        Mismatch("room:a", "run", {"x": 1}, None),
        Mismatch("room:a", "dance", {}, None),
        Mismatch("room:z", "phx_join", {}, None),
    )
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told[:2] == [
        "the app has sent 'run' to 'room:a', which is not in the recording with another payload",
        "the app has sent 'run' to 'room:a', which is not in the recording at all",
    ]


@pytest.mark.parametrize("otherwise", [None, Reply("ok", {"made": "up"})])
def test_another_answer_to_what_is_not_recorded(path: Path, otherwise: Reply | None) -> None:
    with marbles() as m:
        socket = Socket(ENDPOINT, transport=replay(path, otherwise=otherwise), scheduler=m.scheduler, timeout=0.005)
        room = socket.channel("room:a")
        m.observe(room, "^ 12ms !")
        pushed = m.expect(room.push("dance"), "---^")
        if otherwise is None:
            pushed.to_be("--------#", error=PushTimeout("room:a", "dance", 0.005, sent=True))
        else:
            pushed.to_be("---(r|)", {"r": {"made": "up"}})


def test_secrets_are_not_compared_since_they_are_not_in_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with marbles() as m:
        socket = m.phoenix().socket()
        recording = record(socket, path)
        m.observe(socket.channel("room:a", {"token": "old"}), "^--!")
    recording.dispose()
    with marbles() as m:
        transport = replay(path)
        socket = Socket(ENDPOINT, transport=transport, scheduler=m.scheduler)
        m.observe(socket.channel("room:a", {"token": "new"}), "^--!")
    assert transport.mismatches == ()


def test_as_fast_as_possible_nothing_is_lost_and_no_time_passes(path: Path) -> None:
    with marbles() as m:
        socket = playing(m, path, speed=AS_FAST_AS_POSSIBLE)
        room = m.observe(socket.channel("room:a").pipe(ops.map(lambda message: message.payload)), "^ 2s !")
        other = m.observe(socket.channel("room:b").on("news"), "^ 2s !")
    assert room.values == [{"n": 1}, {"n": 2}]
    assert other.values == [{"n": 3}]


def write(path: Path, *events: Event) -> Path:
    file = RecordingFile(path)
    for event in events:
        file.write(event)
    file.close()
    return path


def message(event: str, payload: Any, join_ref: str | None = None) -> Message:
    return Message(join_ref, None, "room:a", event, payload)


BEGAN = Began("2026-11-25T09:30:00+00:00", ENDPOINT)


def test_sessions_that_were_appended_follow_each_other(tmp_path: Path) -> None:
    session = [BEGAN, StateChanged(1.0, "open"), Received(1.002, message("news", {"n": 1}))]
    path = write(tmp_path / "session.jsonl", *session, *session)
    with marbles() as m:
        m.expect(playing(m, path).channel("room:a").on("news")).to_be("--p-(p|)", VALUES)


def test_a_recording_that_began_after_the_join_accepts_it(tmp_path: Path) -> None:
    path = write(
        tmp_path / "session.jsonl", BEGAN, StateChanged(0.0, "open"), Received(0.002, message("news", {"n": 1}, "7"))
    )
    with marbles() as m:
        m.expect(playing(m, path).channel("room:a").on("news")).to_be("--(p|)", VALUES)


@pytest.mark.parametrize(("event", "drawing"), [("phx_close", "--|"), ("phx_error", "- 1001ms -p--|")])
def test_how_channels_ended(tmp_path: Path, event: str, drawing: str) -> None:
    path = write(
        tmp_path / "session.jsonl",
        BEGAN,
        StateChanged(0.0, "open"),
        Sent(0.0, Message("1", "1", "room:a", "phx_join", {})),
        Received(0.0, Message("1", "1", "room:a", "phx_reply", {"status": "ok", "response": {}})),
        Received(0.002, message(event, {}, "1")),
        Received(1.003, message("news", {"n": 1})),
        StateChanged(1.006, "open"),
    )
    with marbles() as m:
        m.expect(playing(m, path).channel("room:a").on("news")).to_be(drawing, VALUES)


def test_what_answered_the_recorded_app_leaving_is_not_said(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with marbles() as m:
        phoenix = m.phoenix()
        phoenix.topic("room:a").broadcasts("news", "--------p", VALUES)
        socket = phoenix.socket()
        recording = record(socket, path)
        m.observe(socket.channel("room:b"), "^ 12ms !")
        m.observe(socket.channel("room:a"), "^--!")
        m.observe(socket.channel("room:a"), "----- ^-----!")
    recording.dispose()
    with marbles() as m:
        m.expect(playing(m, path).channel("room:a").on("news"), "^ 11ms !").to_be("--------p", VALUES)


@pytest.mark.parametrize("serializer", [JSONSerializer(), JSONSerializerV1()], ids=lambda each: each.vsn)
def test_it_speaks_both_serializers(path: Path, serializer: Any) -> None:
    with marbles() as m:
        room = playing(m, path, serializer=serializer).channel("room:a")
        m.expect(room.on("news"), "^ 19ms !").to_be("----p", VALUES)


def test_another_serializer_is_refused_with_a_word(path: Path) -> None:
    class Other(JSONSerializer):
        vsn = "9.0.0"  # type: ignore[assignment]

    with marbles() as m:
        socket = playing(m, path, serializer=Other())
        refused = ConnectionRefused("a replay speaks the serializers 1.0.0 and 2.0.0 of Phoenix, not 9.0.0")
        m.expect(socket.opened()).to_be("#", error=refused)


@pytest.mark.parametrize("speed", [0, -1, float("nan"), "fast"])
def test_a_speed_that_is_none(path: Path, speed: Any) -> None:
    with pytest.raises(ValueError, match=r"speed must be a positive number, not .*; 2.0 plays twice as fast"):
        replay(path, speed=speed)


def test_what_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine\n")
    with pytest.raises(RecordingError, match="line 1"):
        replay(tmp_path / "notes.txt")


async def test_recorded_from_a_server_and_played_on_a_loop(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl.gz"

    async def app(socket: Socket) -> list[Any]:
        room = socket.channel("room:tea")
        async with room.hold():
            return [await room.push("echo", {"n": 1}), await room.push("echo", b"\x00\xff")]

    async with PhoenixServer(demo_application()) as server, Socket(server.url + "/socket") as socket:
        with record(socket, path):
            was = await app(socket)
    transport = replay(path, speed=AS_FAST_AS_POSSIBLE)
    async with Socket("ws://nowhere/socket", transport=transport) as socket:
        assert await app(socket) == was
    assert transport.mismatches == ()


# -- who reads when there is room ------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [1.0, AS_FAST_AS_POSSIBLE])
def test_an_app_that_blocks_gets_everything_and_the_cut_behind_it(tmp_path: Path, speed: float) -> None:
    with marbles() as m:
        phoenix = m.phoenix()
        phoenix.topic("room:a").pushes("n", "--012345", {str(digit): digit for digit in range(6)})
        phoenix.drops("8ms x")
        socket = phoenix.socket(reconnect_after=soon)
        recording = record(socket, tmp_path / "session.jsonl")
        m.observe(socket.channel("room:a"), "^ 19ms !")
        m.scheduler.schedule_relative(0.02, lambda *_: recording.dispose())
    with marbles() as m:
        socket = playing(m, tmp_path / "session.jsonl", speed=speed)
        lost: list[float] = []
        socket.errors.subscribe(lambda _fault: lost.append(m.now))
        loop = SlowLoop(m, socket.channel("room:a").on("n"), 0.01, buffer=2)
        m.run(until="1s")
        assert loop.values == [0, 1, 2, 3, 4, 5]
        assert (loop.items.exceeded, loop.items.dropped) == (0, 0)
        # the cut comes behind the last of them, which is read when there is room for it
        assert len(lost) == 1
        assert lost[0] >= loop.seen[3][0]
        # in its own time the recording has ended when the channel joins again, else it waits for that
        assert isinstance(loop.task.exception(), type(None) if speed == AS_FAST_AS_POSSIBLE else JoinRefused)

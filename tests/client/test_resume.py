"""Going on where a channel left off: the cursor that a rejoin carries, and what ``joined`` tells of the gap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import ChannelCrashed, ConnectionLost, Gap, Joined, Message, RejoinGivenUp, Resume, Socket, TakenOver
from rxphoenix.testing import VirtualPhoenix, World


def last_id(message: Message) -> Any:
    return message.payload["id"] if message.event == "new" else None


async def _a_coroutine_function(message: Message) -> Any: ...


LAST_ID = Resume("last_id", last_id)
LEGEND = {
    "j": ("phx_join", {"user": "ann"}),
    "k": ("phx_join", {"user": "ann", "last_id": 7}),
    "m": ("phx_join", {"user": "ann", "last_id": 9}),
    "l": ("phx_leave", {}),
}
MESSAGES = {"7": {"id": 7}, "9": {"id": 9}, "n": {"id": None}}


def a_server(marbles: World) -> VirtualPhoenix:
    phoenix = marbles.phoenix()
    phoenix.topic("room:a").pushes("new", "-7-----9", MESSAGES)
    return phoenix


def a_socket(phoenix: VirtualPhoenix, **options: Any) -> Socket:
    return phoenix.socket(reconnect_after=lambda attempt, error: 0.002, **options)


def instant(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


def test_the_first_join_goes_without_and_each_rejoin_carries_the_last_cursor(marbles: World) -> None:
    phoenix = a_server(marbles)
    phoenix.drops("---x-----x")
    room = a_socket(phoenix).channel("room:a", {"user": "ann"}, resume=LAST_ID)
    marbles.expect(room.on("new")).to_be("-7-----9----", MESSAGES)
    marbles.expect_frames(phoenix).to_be("j----k-----m", LEGEND)


def test_joined_tells_the_gap(marbles: World) -> None:
    phoenix = a_server(marbles)
    phoenix.drops("---x", values={"x": ConnectionLost("restart", code=1012)})
    room = a_socket(phoenix).channel("room:a", {"user": "ann"}, resume=LAST_ID)
    gap = Gap(instant(3), 0.002, ConnectionLost("restart", code=1012), 7)
    first, second = Joined({}, rejoin=False, attempt=1), Joined({}, rejoin=True, attempt=1, gap=gap)
    marbles.expect(room.joined).to_be("1----2--", {"1": first, "2": second})


def test_a_gap_is_told_without_a_cursor_too_and_covers_all_attempts(marbles: World) -> None:
    phoenix = marbles.phoenix()
    room = phoenix.topic("room:a")
    room.crashes("--x")
    room.joins("j", "-#", "-#", "j")
    socket = phoenix.socket(rejoin_after=lambda attempt, error: 0.003)
    gap = Gap(instant(2), 0.011, ChannelCrashed("room:a", {"reason": "channel_crash"}))
    first, second = Joined({}, rejoin=False, attempt=1), Joined({}, rejoin=True, attempt=3, gap=gap)
    marbles.expect(socket.channel("room:a").joined).to_be("1------------2", {"1": first, "2": second})


def test_a_cursor_counts_until_the_topic_is_left(marbles: World) -> None:
    phoenix = a_server(marbles)
    room = a_socket(phoenix).channel("room:a", {"user": "ann"}, resume=LAST_ID)
    marbles.expect(room.on("new"), "^--!").to_be("-7", MESSAGES)
    marbles.expect(room.on("new"), "-----^---!").to_be("-------9", MESSAGES)
    marbles.expect_frames(phoenix).to_be("j--l-j---l", LEGEND)


def test_a_message_without_a_cursor_leaves_the_last_one(marbles: World) -> None:
    phoenix = marbles.phoenix()
    phoenix.topic("room:a").pushes("new", "-7n", MESSAGES)
    phoenix.topic("room:a").pushes("other", "---o", {"o": {"id": 8}})
    phoenix.drops("----x")
    room = a_socket(phoenix).channel("room:a", {"user": "ann"}, resume=LAST_ID)
    marbles.expect(room.on("new")).to_be("-7n---", MESSAGES)
    marbles.expect_frames(phoenix).to_be("j-----k", LEGEND)


def test_params_from_a_function_are_made_anew_and_get_the_cursor(marbles: World) -> None:
    phoenix = a_server(marbles)
    phoenix.drops("---x")
    asked: list[int] = []

    def params() -> dict[str, Any]:
        asked.append(len(asked))
        return {"asked": len(asked)}

    room = a_socket(phoenix).channel("room:a", params, resume=LAST_ID)
    marbles.expect(room.on("new")).to_be("-7-----9", MESSAGES)
    legend = {"j": ("phx_join", {"asked": 1}), "k": ("phx_join", {"asked": 2, "last_id": 7})}
    marbles.expect_frames(phoenix).to_be("j----k", legend)


def test_a_cursor_function_that_raises_is_reported_and_the_last_cursor_stands(
    marbles: World, caplog: pytest.LogCaptureFixture
) -> None:
    phoenix = marbles.phoenix()
    phoenix.topic("room:a").pushes("new", "-78", {"7": {"id": 7}, "8": {}})
    phoenix.drops("---x")
    socket = a_socket(phoenix)
    room = socket.channel("room:a", {"user": "ann"}, resume=LAST_ID)
    marbles.expect(room.on("new")).to_be("-78---", {"7": {"id": 7}, "8": {}})
    kinds = socket.errors.pipe(ops.map(lambda fault: type(fault.error).__name__))
    marbles.expect(kinds).to_be("--kl", {"k": "KeyError", "l": "ConnectionLost"})
    marbles.expect_frames(phoenix).to_be("j----k", LEGEND)
    marbles.run(until=0.01)
    assert "an observer raised on topic 'room:a', event 'new'" in caplog.text


def test_a_cursor_that_cannot_be_written_is_a_failed_join(marbles: World) -> None:
    phoenix = a_server(marbles)
    phoenix.drops("---x")
    socket = a_socket(phoenix, rejoin_after=lambda attempt, error: None)
    room = socket.channel("room:a", resume=Resume("at", lambda message: object()))
    marbles.expect(room).to_be(
        "-a---#", {"a": Message("1", None, "room:a", "new", {"id": 7})}, error=RejoinGivenUp("room:a", 1)
    )
    words = socket.errors.pipe(ops.map(lambda fault: str(fault.error)))
    legend = {"l": "connection lost", "r": "the resume function returned a cursor that cannot be written"}
    marbles.expect(words).to_be("---l-r", legend)


def test_a_resume_is_a_part_of_the_params(marbles: World) -> None:
    phoenix = a_server(marbles)
    socket = phoenix.socket()
    news = {"7": Message("1", None, "room:a", "new", {"id": 7})}
    same = Resume("last_id", last_id)
    marbles.expect(socket.channel("room:a", resume=LAST_ID)).to_be("-7--#", news, error=TakenOver("room:a"))
    marbles.expect(socket.channel("room:a", resume=same), "^-!").to_be("-7", news)
    marbles.expect(socket.channel("room:a"), "--^!").to_be("--")
    marbles.expect(socket.channel("room:a", resume=Resume("since", last_id)), "----^!").to_be("-----")
    marbles.expect_frames(phoenix).to_be("j---jl", {"j": ("phx_join", {}), "l": "phx_leave"})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Resume("", last_id), "param must be the name of a join param"),
        (lambda: Resume(7, last_id), "param must be the name of a join param"),  # type: ignore[arg-type]
        (lambda: Resume("last_id", "id"), "cursor must be a plain function of a message, not 'id'"),  # type: ignore[arg-type]
        (lambda: Resume("last_id", _a_coroutine_function), "cursor must be a plain function"),
    ],
)
def test_what_cannot_be_a_resume_is_refused_at_once(make: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        make()


def test_misuse_is_refused_at_the_call(marbles: World) -> None:
    socket = marbles.phoenix().socket()
    with pytest.raises(TypeError, match=r"resume must be a Resume\(param, cursor\), not 'last_id'"):
        socket.channel("room:a", resume="last_id")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="join params that resume= adds a cursor to must be a mapping, not list"):
        socket.channel("room:a", ["ann"], resume=LAST_ID)

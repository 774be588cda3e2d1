"""An app as a user would write it, and its tests: a chat box that shows what you say before the server has it.

A message is shown at once as "sending". The server's reply makes it "sent". Without a reply in time, or with the link
lost, it is sent again, with the same id, so that the server can drop the second copy; after three times it has
"failed". What the server refuses has failed at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import reactivex
from reactivex import Observable, abc
from reactivex import operators as ops

from rxphoenix import Channel, ConnectionLost, Payload, PushInterrupted, PushTimeout, Reply
from rxphoenix.testing import SentFrame, VirtualChannel, World

# -- the app -----------------------------------------------------------------------------------------------------------

TIMES = 3


class Line(NamedTuple):
    """One line of the chat box."""

    id: int
    body: str
    status: str


def say(channel: Channel, line_id: int, body: str, scheduler: abc.SchedulerBase) -> Observable[Line]:
    """Say something: the line as it is to be shown, each time its status changes."""

    def attempt(number: int) -> Observable[str]:
        pushed = channel.push("new_msg", {"id": line_id, "body": body}, timeout=0.005)
        return pushed.pipe(ops.map(lambda _reply: "sent"), ops.catch(again(number)))

    def again(number: int) -> Callable[[Exception, Observable[str]], Observable[str]]:
        def decide(error: Exception, _source: Observable[str]) -> Observable[str]:
            if number == TIMES or not isinstance(error, (PushTimeout, PushInterrupted)):
                return reactivex.just("failed")
            pause = reactivex.timer(0.001, scheduler=scheduler)
            return pause.pipe(ops.flat_map(lambda _: attempt(number + 1)))

        return decide

    return attempt(1).pipe(ops.start_with("sending"), ops.map(lambda status: Line(line_id, body, status)))


def chat_box(channel: Channel, typed: Observable[str], scheduler: abc.SchedulerBase) -> Observable[tuple[str, ...]]:
    """The chat box, as it is to be shown."""

    def update(lines: dict[int, Line], line: Line) -> dict[int, Line]:
        return {**lines, line.id: line}

    def show(lines: dict[int, Line]) -> tuple[str, ...]:
        return tuple(f"{line.body} ({line.status})" for line in lines.values())

    seed: dict[int, Line] = {}
    return typed.pipe(
        ops.map_indexed(lambda body, index: say(channel, index, body, scheduler)),
        ops.merge_all(),
        ops.scan(update, seed),
        ops.map(show),
    )


# -- its tests ---------------------------------------------------------------------------------------------------------

BOX = {
    "s": ("hi (sending)",),
    "S": ("hi (sent)",),
    "F": ("hi (failed)",),
    "t": ("hi (sending)", "ho (sending)"),
    "u": ("hi (sending)", "ho (sent)"),
    "U": ("hi (sent)", "ho (sent)"),
}
PUSH = {"p": ("new_msg", {"id": 0, "body": "hi"}), "q": ("new_msg", {"id": 1, "body": "ho"}), "j": "phx_join"}
TYPED = {"h": "hi", "o": "ho"}


def expect_box(m: World, phoenix: Any, typed: str, drawing: str) -> None:
    channel = phoenix.socket(reconnect_after=lambda attempt, error: 0.002).channel("room:1")
    channel.subscribe(on_error=lambda _error: None)  # the app stays in the room
    m.expect(chat_box(channel, m.hot(typed, TYPED), m.scheduler)).to_be(drawing, BOX)


def test_a_line_is_shown_before_the_server_has_it(marbles: World):
    phoenix = marbles.phoenix(replies_after=0.003)
    expect_box(marbles, phoenix, "--h", "--s--S")
    marbles.expect_frames(phoenix.topic("room:1")).to_be("j-p", PUSH)


def test_replies_may_come_in_any_order(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").replies("new_msg", "----r", "-r")
    expect_box(marbles, phoenix, "--ho", "--stu-U")


def test_without_a_reply_it_is_sent_again_with_the_same_id(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").replies("new_msg", "", "--r")
    expect_box(marbles, phoenix, "--h", "--s-------S")
    marbles.expect_frames(phoenix.topic("room:1")).to_be("j-p-----p", PUSH)


def test_after_three_times_it_has_failed(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").replies("new_msg", "", "", "")
    expect_box(marbles, phoenix, "--h", "--s 16ms F")
    marbles.expect_frames(phoenix.topic("room:1")).to_be("j-p-----p-----p", PUSH)


def test_what_is_refused_has_failed_at_once(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").replies("new_msg", "-r", values={"r": Reply("error", {"reason": "too loud"})})
    expect_box(marbles, phoenix, "--h", "--sF")


def test_a_line_that_a_lost_link_interrupted_is_said_once_it_is_back(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").replies("new_msg", "--r")
    phoenix.drops("---x", {"x": ConnectionLost("restart", code=1012)})
    expect_box(marbles, phoenix, "--h", "--s--S")
    marbles.expect_frames(phoenix.topic("room:1")).to_be("j-p--(kq)", {**PUSH, "k": "phx_join", "q": PUSH["p"]})


def test_the_server_can_drop_the_second_copy(marbles: World):
    phoenix = marbles.phoenix(replies_after=0.007)  # later than the app waits
    kept: dict[int, str] = {}

    def keep(_channel: VirtualChannel, payload: Payload) -> Reply | None:
        line: Any = payload
        kept.setdefault(line["id"], line["body"])
        return Reply("ok", {})

    room = phoenix.topic("room:1")
    room.handle("new_msg", keep)
    expect_box(marbles, phoenix, "h", "s 16ms F")
    marbles.run(until="30ms")
    assert kept == {0: "hi"}
    assert [event_of(frame) for frame in room.sent] == ["phx_join", "new_msg", "new_msg", "new_msg"]


def event_of(frame: SentFrame) -> Any:
    return frame.event

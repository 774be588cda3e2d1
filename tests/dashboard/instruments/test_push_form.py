"""What was typed is pushed, and what becomes of it is told."""

from __future__ import annotations

from typing import Any

import pytest

from rxphoenix import Reply
from rxphoenix.dashboard.instruments.push_form import PushForm, PushFormLook
from rxphoenix.testing import marbles


def push(payload: str, event: str = "new_msg", topic: str = "room:a") -> dict[str, Any]:
    return {"push": {"topic": topic, "event": event, "payload": payload}}


@pytest.mark.parametrize(
    ("answer", "outcome", "status", "text"),
    [
        ("--r", "replied", "ok", '{"id":7}'),
        ("--e", "replied", "error", '{"reason":"no"}'),
        ("--b", "replied", "ok", "2 bytes"),
    ],
)
def test_the_reply_is_told_whatever_its_status(answer: str, outcome: str, status: str, text: str) -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        replies = {"r": Reply("ok", {"id": 7}), "e": Reply("error", {"reason": "no"}), "b": Reply("ok", b"\x00\x01")}
        phoenix.topic("room:a").replies("new_msg", answer, values=replies)
        socket = phoenix.socket()
        form = PushForm([socket.channel("room:b"), socket.channel("room:a")])
        seen = m.observe(form.looks(), "^ 2s !")
        m.at(0.1, lambda: form.told(push('{"body": "hello"}')))
        m.run(until=1.0)
    looks: list[PushFormLook] = seen.values
    assert looks[0].topics == ["room:b", "room:a"]
    assert [look.reply.outcome for look in looks if look.reply] == ["waiting", outcome]
    reply = looks[-1].reply
    assert reply is not None
    assert (reply.topic, reply.event, reply.status, reply.text) == ("room:a", "new_msg", status, text)
    assert round(reply.seconds, 3) == 0.2
    (sent,) = [frame for frame in phoenix.sent if frame.event == "new_msg"]
    assert sent.payload == {"body": "hello"}


def test_no_reply_is_told_with_its_reason() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        phoenix.topic("room:a").replies("new_msg", "-")
        form = PushForm([phoenix.socket(timeout=1.0).channel("room:a")])
        seen = m.observe(form.looks(), "^ 3s !")
        m.at(0.1, lambda: form.told(push("{}")))
    reply = seen.values[-1].reply
    assert (reply.outcome, round(reply.seconds, 3)) == ("failed", 1.0)
    assert "1 s" in reply.text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (push('{"body": '), "the payload is no JSON: "),
        (push("{}", event=" "), "event"),
        (push("{}", event="phx_join"), "phx_join"),
        (push("{}", topic="room:x"), "there is no channel 'room:x'"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_pushed(words: dict[str, Any], problem: str) -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        form = PushForm([phoenix.socket().channel("room:a")])
        seen = m.observe(form.looks(), "^ 1s !")
        m.at(0.1, lambda: form.told(words))
    assert problem in seen.values[-1].problem
    assert phoenix.sent == []


def test_nothing_typed_is_an_empty_object_and_nonsense_is_left_alone() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        form = PushForm([phoenix.socket().channel("room:a")])
        m.observe(form.looks(), "^ 1s !")
        m.at(0.1, lambda: form.told(push(" ")))
        m.at(0.2, lambda: form.told({"push": {"topic": 1}}))
    assert [frame.payload for frame in phoenix.sent if frame.event == "new_msg"] == [{}]


def test_who_goes_away_waits_for_no_reply() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        phoenix.topic("room:a").replies("new_msg", "-")
        form = PushForm([phoenix.socket().channel("room:a")])
        m.observe(form.looks(), "^ 1s !")
        m.at(0.1, lambda: form.told(push("{}")))
        m.expect_frames(phoenix).to_be("-(jn)------l", {"j": "phx_join", "n": "new_msg", "l": "phx_leave"})

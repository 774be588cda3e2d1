"""The order of things that the recorded traffic does not show, or only as one outcome of a race."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rxphoenix.errors import UnencodablePayload
from rxphoenix.protocol.message import Frame, Reply
from rxphoenix.server.codec import CodecV1, CodecV2
from rxphoenix.server.effects import (
    IDLE,
    CallHandleIn,
    CallHandleInfo,
    CallHandleOut,
    CallJoin,
    CallTerminate,
    CancelTimer,
    Close,
    Effect,
    ReplyRef,
    Send,
    StartTimer,
)
from rxphoenix.server.session import Session


def make(codec: Any = None, **limits: Any) -> Session:
    limits.setdefault("idle_timeout", None)
    return Session(codec or CodecV2(), lambda topic: "room" if topic.startswith("room:") else None, **limits)


def message(*parts: Any) -> Frame:
    return Frame(msgspec.json.encode(parts))


def told(effects: list[Effect]) -> list[Any]:
    """Effects, with frames as what they say."""
    return [msgspec.json.decode(effect.frame.data) if isinstance(effect, Send) else effect for effect in effects]


def replied(join_ref: Any, ref: Any, topic: str, status: Any = "ok", response: Any = None) -> list[Any]:
    return [join_ref, ref, topic, "phx_reply", {"status": status, "response": {} if response is None else response}]


def join(session: Session, channel: int, topic: str = "room:a", ref: str | None = None, **accepted: Any) -> None:
    ref = ref or str(channel)
    [call] = session.receive(message(ref, ref, topic, "phx_join", {}))
    assert call == CallJoin(channel, topic, {}, "room")
    assert told(session.accept(channel, {}, **accepted)) == [replied(ref, ref, topic)]


def handling(session: Session, ref: str, event: str = "go", topic: str = "room:a", join_ref: str = "1") -> CallHandleIn:
    [call] = session.receive(message(join_ref, ref, topic, event, {}))
    assert isinstance(call, CallHandleIn)
    return call


def test_nothing_happens_until_a_join_is_answered():
    session = make()
    join(session, 1)
    session.receive(message("2", "2", "room:b", "phx_join", {}))
    assert session.receive(message(None, "3", "phoenix", "heartbeat", {})) == []
    assert session.receive(message("1", "4", "room:a", "go", {})) == []
    assert session.receive(message("5", "5", "room:c", "phx_join", {})) == []
    assert session.push(1, "from a channel", {}) == []
    assert session.broadcast("room:a", "news", {}) == []
    assert session.disconnect() == []

    assert told(session.accept(2, {})) == [
        replied("2", "2", "room:b"),
        replied(None, "3", "phoenix"),
        CallHandleIn(1, "go", {}, ReplyRef("1", "4", "room:a")),
        CallJoin(3, "room:c", {}, "room"),
    ]
    assert told(session.crash(3)) == [
        replied("5", "5", "room:c", "error", {"reason": "join crashed"}),
        ["1", None, "room:a", "from a channel", {}],
        [None, None, "room:a", "news", {}],
        Close(1001),
        CallTerminate(2, "closed"),
    ]
    # the handler that runs may finish; nobody hears its reply
    assert told(session.done(1, Reply("ok", {}))) == [CallTerminate(1, "closed")]


def test_an_answer_to_no_join_is_ignored():
    session = make()
    assert session.accept(1, {}) == session.refuse(1, {}) == session.crash(1) == session.done(1) == []
    session.receive(message("1", "1", "room:a", "phx_join", {}))
    assert session.accept(2, {}) == session.refuse(2, {}) == session.done(1) == []


def test_a_busy_channel_gets_its_calls_one_by_one_in_order():
    session = make()
    join(session, 1, intercepted=["secret"])
    handling(session, "2")
    assert session.receive(message("1", "3", "room:a", "next", {"n": 1})) == []
    assert session.broadcast("room:a", "secret", {"n": 2}) == []
    assert session.inform(1, "later") == []
    assert told(session.broadcast("room:a", "public", {})) == [[None, None, "room:a", "public", {}]]

    assert told(session.done(1, Reply("ok", {}))) == [
        replied("1", "2", "room:a"),
        CallHandleIn(1, "next", {"n": 1}, ReplyRef("1", "3", "room:a")),
    ]
    assert session.done(1) == [CallHandleOut(1, "secret", {"n": 2})]
    # a reply answers a push, and this was none
    assert session.done(1, Reply("ok", {})) == [CallHandleInfo(1, "later")]
    assert session.done(1) == []


def test_a_message_sent_during_the_join_is_handled_after_its_reply():
    session = make()
    session.receive(message("1", "1", "room:a", "phx_join", {}))
    assert session.inform(1, "begin") == []
    assert session.push(1, "too early", {}) == []
    assert told(session.accept(1, {})) == [replied("1", "1", "room:a"), CallHandleInfo(1, "begin")]


def test_a_broadcast_passes_its_sender_and_topics_that_are_not_joined():
    session = make()
    join(session, 1)
    assert session.broadcast("room:a", "news", {}, sender=1) == []
    assert session.broadcast("room:b", "news", {}) == []
    assert len(session.broadcast("room:a", "news", {}, sender=2)) == 1


def test_a_leave_waits_for_the_handler_that_runs():
    session = make()
    join(session, 1)
    handling(session, "2")
    assert session.receive(message("1", "3", "room:a", "phx_leave", {})) == []
    assert told(session.done(1)) == [
        replied("1", "3", "room:a"),
        ["1", "1", "room:a", "phx_close", {}],
        CallTerminate(1, "left"),
    ]


def test_a_join_kills_the_channel_that_is_too_busy_to_leave_and_the_leave_is_never_answered():
    session = make()
    join(session, 1)
    handling(session, "2")
    session.receive(message("1", "3", "room:a", "phx_leave", {}))
    assert session.receive(message("4", "4", "room:a", "phx_join", {})) == [
        CallTerminate(1, "duplicate join"),
        CallJoin(2, "room:a", {}, "room"),
    ]
    assert session.done(1, Reply("ok", {})) == []
    assert told(session.accept(2, {})) == [replied("4", "4", "room:a"), ["1", "1", "room:a", "phx_close", {}]]


def test_leave_and_join_that_waited_together_are_answered_in_the_third_legal_order():
    session = make()
    join(session, 1)
    session.receive(message("2", "2", "room:b", "phx_join", {}))
    session.receive(message("1", "3", "room:a", "phx_leave", {}))
    session.receive(message("4", "4", "room:a", "phx_join", {}))
    assert told(session.accept(2, {})) == [
        replied("2", "2", "room:b"),
        CallTerminate(1, "left"),
        CallJoin(3, "room:a", {}, "room"),
    ]
    assert told(session.accept(3, {})) == [
        replied("4", "4", "room:a"),
        replied("1", "3", "room:a"),
        ["1", "1", "room:a", "phx_close", {}],
    ]
    assert session.topics == {"room:a", "room:b"}


def test_a_channel_that_died_while_a_join_blocked_closes_once():
    session = make()
    join(session, 1)
    handling(session, "2")
    session.receive(message("2", "2", "room:b", "phx_join", {}))
    session.receive(message("4", "4", "room:a", "phx_join", {}))
    assert session.crash(1) == [CallTerminate(1, "crashed")]
    # what the client sent before it could know goes to a channel that is dead
    assert told(session.accept(2, {})) == [replied("2", "2", "room:b"), CallJoin(3, "room:a", {}, "room")]
    assert told(session.accept(3, {})) == [replied("4", "4", "room:a"), ["1", "1", "room:a", "phx_close", {}]]


def test_a_push_to_a_channel_whose_death_is_not_known_yet_is_lost():
    session = make()
    join(session, 1)
    handling(session, "2")
    session.receive(message("2", "2", "room:b", "phx_join", {}))
    session.receive(message("1", "3", "room:a", "go", {}))
    session.crash(1)
    assert told(session.refuse(2, {})) == [
        replied("2", "2", "room:b", "error"),
        ["1", "1", "room:a", "phx_error", {"reason": "channel_crash"}],
    ]


def test_a_crash_frees_its_place_among_the_channels_at_once():
    session = make(max_channels=1)
    join(session, 1)
    full = {"reason": "too many channels joined"}
    assert told(session.receive(message("2", "2", "room:b", "phx_join", {}))) == [
        replied("2", "2", "room:b", "error", full)
    ]
    handling(session, "3")
    session.crash(1)
    join(session, 2, "room:b", ref="4")
    assert told(session.receive(message("5", "5", "room:a", "phx_join", {}))) == [
        replied("5", "5", "room:a", "error", full)
    ]
    # a second join of the same topic takes the place of the first
    assert isinstance(session.receive(message("6", "6", "room:b", "phx_join", {}))[-1], CallJoin)


def test_a_stop_waits_for_the_handler_and_overtakes_the_mailbox():
    session = make()
    join(session, 1)
    handling(session, "2")
    session.receive(message("1", "3", "room:a", "never", {}))
    assert session.stop(1, "bye") == []
    assert session.stop(1, "ignored", abnormal=True) == []
    effects = told(session.done(1, Reply("ok", {})))
    assert effects == [
        replied("1", "2", "room:a"),
        ["1", "1", "room:a", "phx_close", {}],
        CallTerminate(1, "bye"),
    ]
    assert session.push(1, "late", {}) == session.inform(1, "late") == session.stop(1) == session.done(1) == []


def test_a_stop_of_an_idle_channel_is_immediate_and_one_during_the_join_comes_after_its_reply():
    session = make()
    session.receive(message("1", "1", "room:a", "phx_join", {}))
    assert session.stop(1, abnormal=True) == []
    assert told(session.accept(1, {})) == [
        replied("1", "1", "room:a"),
        CallTerminate(1, "normal"),
        ["1", "1", "room:a", "phx_error", {"reason": "channel_crash"}],
    ]
    join(session, 2)
    assert told(session.stop(2)) == [["2", "2", "room:a", "phx_close", {}], CallTerminate(2, "normal")]


def test_a_channel_stopped_during_its_join_ends_once_though_a_second_join_waited():
    session = make()
    session.receive(message("1", "1", "room:a", "phx_join", {}))
    session.stop(1)
    session.receive(message("2", "2", "room:a", "phx_join", {}))
    assert told(session.accept(1, {})) == [
        replied("1", "1", "room:a"),
        CallTerminate(1, "normal"),
        CallJoin(2, "room:a", {}, "room"),
    ]
    assert told(session.accept(2, {})) == [replied("2", "2", "room:a"), ["1", "1", "room:a", "phx_close", {}]]


def test_a_channel_stopped_during_its_join_ends_once_though_the_client_has_gone():
    session = make()
    session.receive(message("1", "1", "room:a", "phx_join", {}))
    session.stop(1)
    session.closed()
    assert told(session.accept(1, {})) == [replied("1", "1", "room:a"), CallTerminate(1, "normal")]


def test_a_kept_ref_can_be_answered_after_the_channel_has_ended():
    session = make()
    join(session, 1)
    ref = handling(session, "2").ref
    session.done(1)
    session.receive(message("1", "3", "room:a", "phx_leave", {}))
    assert told(session.reply(ref, "late", [1])) == [replied("1", "2", "room:a", "late", [1])]


def test_timers_of_channels_end_with_them():
    session = make()
    join(session, 1)
    [first] = session.inform_after(1, 2.5, "first")
    [second] = session.inform_after(1, 3.5, "second")
    assert isinstance(first, StartTimer)
    assert isinstance(second, StartTimer)
    assert (first.seconds, second.seconds) == (2.5, 3.5)
    assert session.fire(first.timer) == [CallHandleInfo(1, "first")]
    assert session.fire(first.timer) == []
    assert CancelTimer(second.timer) in session.crash(1)
    assert session.fire(second.timer) == []
    assert session.inform_after(1, 1.0, "never") == []


def test_the_idle_timer_starts_anew_with_each_frame_of_the_client_and_of_nobody_else():
    session = make(idle_timeout=7.0)
    assert session.open() == [StartTimer(IDLE, 7.0)]
    assert session.receive(message(None, "1", "phoenix", "heartbeat", {}))[0] == StartTimer(IDLE, 7.0)
    assert session.receive(message("1", "1", "room:a", "phx_join", {}))[0] == StartTimer(IDLE, 7.0)
    # a connection that a join blocks is not idle
    assert session.fire(IDLE) == [StartTimer(IDLE, 7.0)]
    assert len(session.accept(1, {})) == len(session.push(1, "tick", {})) == 1
    assert session.fire(IDLE) == [Close(1002), CancelTimer(IDLE), CallTerminate(1, "closed")]
    assert session.receive(message(None, "2", "phoenix", "heartbeat", {})) == []


@pytest.mark.parametrize(("joined", "code"), [(True, 1012), (False, 1000)])
def test_a_shutdown_closes_by_what_is_joined(joined: bool, code: int):
    session = make()
    if joined:
        join(session, 1)
    effects = session.shutdown()
    assert effects[0] == Close(code)
    assert not session.is_open
    assert session.shutdown() == session.disconnect() == session.frame_too_big() == session.closed() == []


def test_a_shutdown_does_not_wait_for_a_join():
    session = make()
    session.receive(message("1", "1", "room:a", "phx_join", {}))
    assert session.shutdown() == [Close(1000)]
    assert session.accept(1, {}) == [CallTerminate(1, "closed")]
    assert session.topics == frozenset()


def test_a_refusal_after_the_end_is_not_sent():
    session = make()
    session.receive(message("1", "1", "room:a", "phx_join", {}))
    session.shutdown()
    assert session.refuse(1, {}) == []


def test_a_client_that_goes_away_during_a_join_is_joined_first():
    session = make()
    session.receive(message("1", "1", "room:a", "phx_join", {}))
    session.receive(message("1", "2", "room:a", "go", {}))
    assert session.closed() == []
    assert told(session.accept(1, {})) == [
        replied("1", "1", "room:a"),
        CallHandleIn(1, "go", {}, ReplyRef("1", "2", "room:a")),
    ]
    assert session.done(1) == [CallTerminate(1, "closed")]


def test_a_frame_too_big_closes():
    assert make().frame_too_big() == [Close(1009)]


def test_what_cannot_be_written_is_an_error_before_anything_has_changed():
    session = make()
    session.receive(message("1", "1", "room:a", "phx_join", {}))
    with pytest.raises(UnencodablePayload):
        session.accept(1, object())
    with pytest.raises(UnencodablePayload):
        session.refuse(1, object())
    session.accept(1, {})
    ref = handling(session, "2").ref
    for attempt in (
        lambda: session.push(1, "x", object()),
        lambda: session.broadcast("room:a", "x", object()),
        lambda: session.reply(ref, "ok", object()),
        lambda: session.done(1, Reply("ok", object())),
    ):
        with pytest.raises(UnencodablePayload):
            attempt()
    assert told(session.done(1, Reply("ok", {}))) == [replied("1", "2", "room:a")]


@pytest.mark.parametrize("topic", [None, 5, True, [], {}])
def test_a_topic_of_any_kind_is_unmatched(topic: Any):
    session = make()
    for event in ("phx_join", "go", 5, None):
        assert told(session.receive(message("1", "2", topic, event, {}))) == [
            replied(None, "2", topic, "error", {"reason": "unmatched topic"})
        ]


def test_serializer_1_hears_no_join_refs():
    session = make(CodecV1())
    session.receive(Frame(b'{"topic":"room:a","event":"phx_join","payload":{},"ref":"1","join_ref":"1"}'))
    session.accept(1, {})
    for sent, said in [
        (session.push(1, "tick", {}), {"topic": "room:a", "event": "tick", "payload": {}, "ref": None}),
        (session.stop(1), {"topic": "room:a", "event": "phx_close", "payload": {}, "ref": None}),
    ]:
        assert told(sent)[0] == said

"""One join of a topic: sharing, rejoining, refusals, takeover, ends; exact instants and exact frames."""

from __future__ import annotations

from typing import Any

import pytest
import reactivex
from reactivex import operators as ops

from rxphoenix import (
    ChannelCrashed,
    ChannelForgotten,
    JoinCrashed,
    JoinRefused,
    JoinTimeout,
    MalformedFrame,
    ProviderFailed,
    PushRefused,
    RejoinGivenUp,
    TakenOver,
    stepped,
)
from tests.client.virtual import Recorder, World


def test_subscribing_joins_and_disposing_leaves_one_turn_later(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a", {"x": 1})
    states = world.record(channel.state)
    messages = world.record(channel)
    world.at(1, lambda: world.link.receive("1", None, "room:a", "news", {"n": 1}))
    world.at(1.1, lambda: world.link.receive(None, None, "room:a", "news", {"n": 2}))
    world.at(2, messages.dispose)
    world.run(3)
    assert world.sent == [(0.1, "1 1 room:a phx_join"), (2, "1 2 room:a phx_leave")]
    assert world.link.sent[0][1][4] == {"x": 1}
    assert [message.payload for message in messages.values] == [{"n": 1}, {"n": 2}]
    assert states.timeline == [(0, "closed"), (0, "joining"), (0.2, "joined"), (2, "closed")]
    assert socket.state.value == "closed"
    assert world.link.asked_to_close is not None


def test_all_subscriptions_of_a_topic_share_one_join_across_handles(world: World) -> None:
    socket = world.socket()
    recorders = [
        world.record(socket.channel("room:a")),
        world.record(socket.channel("room:a", {}).on("news")),
        world.record(socket.channel("room:a").joined),
    ]
    hold = socket.channel("room:a").hold()
    world.at(1, lambda: world.link.receive(None, None, "room:a", "news", 7))
    for instant, recorder in zip((2, 3, 4), recorders, strict=True):
        world.at(instant, recorder.dispose)
    world.at(5, hold.dispose)
    world.run(6)
    assert world.sent == [(0.1, "1 1 room:a phx_join"), (5, "1 2 room:a phx_leave")]
    assert recorders[0].values[0].payload == 7
    assert recorders[1].values == [7]
    assert [(instant, joined.rejoin) for instant, joined in recorders[2].timeline] == [(0.2, False)]


def test_a_matching_lease_in_the_same_turn_neither_leaves_nor_bounces_the_socket(world: World) -> None:
    socket = world.socket()
    keys: reactivex.Subject[str] = reactivex.Subject()
    switched = world.record(keys.pipe(ops.switch_map(lambda key: socket.channel("room:a").on(key))))
    world.at(0.5, lambda: keys.on_next("one"))
    world.at(1, lambda: keys.on_next("two"))
    world.at(2, lambda: world.link.receive(None, None, "room:a", "two", 2))
    world.run(3)
    assert switched.values == [2]
    assert world.sent == [(0.6, "1 1 room:a phx_join")]
    assert world.started == [0.5]


def test_linger_keeps_the_topic_and_the_connection_after_the_last_release(world: World) -> None:
    socket = world.socket(linger=2)
    world.record(socket.channel("room:a").push("echo", {}))
    world.run(1)
    world.record(socket.channel("room:a").push("echo", {}))
    world.run(10)
    assert world.sent == [
        (0.1, "1 1 room:a phx_join"),
        (0.2, "1 2 room:a echo"),
        (1, "1 3 room:a echo"),
        (3.1, "1 4 room:a phx_leave"),
    ]
    instant, _ = world.link.asked_to_close or (None, None)
    assert instant == 3.1


def test_releasing_before_the_join_was_sent_sends_nothing(world: World) -> None:
    socket = world.socket()
    messages = world.record(socket.channel("room:a"))
    world.at(0.05, messages.dispose)
    world.run(1)
    assert world.sent == []


def test_releasing_while_joining_sends_a_leave_so_that_the_join_does_not_linger(world: World) -> None:
    socket = world.socket()
    socket.connect()
    world.run(1)
    messages = world.record(socket.channel("room:a"))
    world.at(1.05, messages.dispose)
    world.run(2)
    assert world.sent == [(1, "1 1 room:a phx_join"), (1.05, "1 2 room:a phx_leave")]
    assert socket.channel("room:a").state.value == "closed"


def test_a_crash_rejoins_after_the_official_delays_and_the_stream_lives(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    messages, joins, errors = world.record(channel), world.record(channel.joined), world.record(socket.errors)
    states = world.record(channel.state)
    world.replies["phx_join"] = lambda frame: [
        (0.1, (frame[0], frame[1], frame[2], "phx_reply", {"status": "ok", "response": {}})),
        *([(0.2, (frame[0], frame[0], frame[2], "phx_error", {"reason": "channel_crash"}))] if world.now < 5 else []),
    ]
    world.run(20)
    assert world.sent == [
        (0.1, "1 1 room:a phx_join"),
        (1.3, "2 2 room:a phx_join"),
        (2.5, "3 3 room:a phx_join"),
        (3.7, "4 4 room:a phx_join"),
        (4.9, "5 5 room:a phx_join"),
        (6.1, "6 6 room:a phx_join"),
    ]
    assert [(joined.rejoin, joined.attempt) for joined in joins.values] == [(False, 1), *[(True, 1)] * 5]
    assert {type(fault.error) for fault in errors.values} == {ChannelCrashed}
    assert messages.events == []
    assert states.timeline[:5] == [(0, "joining"), (0.2, "joined"), (0.3, "errored"), (1.3, "joining"), (1.4, "joined")]
    assert channel.state.value == "joined"


def test_joins_that_keep_failing_wait_longer_each_time_and_an_accepted_one_resets_the_count(world: World) -> None:
    world.answers("phx_join", "error", {"reason": "join crashed"})
    socket = world.socket()
    channel = socket.channel("room:a")
    joins, errors = world.record(channel.joined), world.record(socket.errors)
    world.at(30, lambda: world.answers("phx_join", "ok", {}))
    world.at(45, lambda: world.link.receive(None, None, "room:a", "phx_error", {}))
    world.run(50)
    instants = [instant for instant, _ in world.sent]
    assert instants == [0.1, 1.2, 3.3, 8.4, 18.5, 28.6, 38.7, 46]
    assert [(joined.rejoin, joined.attempt) for joined in joins.values] == [(False, 7), (True, 1)]
    assert [type(fault.error) for fault in errors.values] == [JoinCrashed] * 6 + [ChannelCrashed]


def test_a_join_without_an_answer_is_left_and_tried_again(world: World) -> None:
    world.ignores("phx_join")
    world.ignores("phx_leave")
    socket = world.socket(timeout=3)
    channel = socket.channel("room:a")
    errors = world.record(socket.errors)
    world.record(channel)
    world.run(5)
    assert world.sent == [
        (0.1, "1 1 room:a phx_join"),
        (3.1, "1 2 room:a phx_leave"),
        (4.1, "3 3 room:a phx_join"),
    ]
    (fault,) = errors.values
    assert isinstance(fault.error, JoinTimeout)
    assert fault.topic == "room:a"
    # the late answer to the first join is heard by nobody
    world.link.receive("1", "1", "room:a", "phx_reply", {"status": "ok", "response": {}})
    assert channel.state.value == "joining"


def test_the_clock_of_a_join_starts_anew_at_the_answer_to_an_earlier_join(world: World) -> None:
    world.ignores("phx_join")
    world.ignores("phx_leave")
    socket = world.socket(timeout=3)
    errors = world.record(socket.errors)
    for topic in ("a", "b", "c"):
        world.record(socket.channel(topic))
    ok = {"status": "ok", "response": {}}
    world.at(2.1, lambda: world.link.receive("1", "1", "a", "phx_reply", ok))
    world.at(5, lambda: world.link.receive("2", "2", "b", "phx_reply", ok))
    world.run(7.9)
    assert errors.events == []
    world.run(8.5)
    assert [(instant, fault.topic) for instant, fault in errors.timeline] == [(8, "c")]


def test_the_answer_to_a_later_join_does_not_restart_the_clock_of_an_earlier_one(world: World) -> None:
    world.ignores("phx_join")
    world.ignores("phx_leave")
    socket = world.socket(timeout=3)
    errors = world.record(socket.errors)
    for topic in ("a", "b"):
        world.record(socket.channel(topic))
    world.at(2.1, lambda: world.link.receive("2", "2", "b", "phx_reply", {"status": "ok", "response": {}}))
    world.run(4)
    assert [(instant, fault.topic) for instant, fault in errors.timeline] == [(3.1, "a")]


def test_a_lost_connection_errors_the_channel_and_the_next_one_rejoins_at_once(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    messages, states, joins = world.record(channel), world.record(channel.state), world.record(channel.joined)
    world.at(1, lambda: world.link.lose())
    world.at(1.5, lambda: world.link.receive("2", None, "room:a", "news", 1))
    world.at(1.6, lambda: world.link.receive("1", None, "room:a", "stale", 1))
    world.run(2)
    assert states.timeline == [
        (0, "joining"),
        (0.2, "joined"),
        (1, "errored"),
        (1.11, "joining"),
        (1.21, "joined"),
    ]
    assert [message.event for message in messages.values] == ["news"]
    assert [joined.rejoin for joined in joins.values] == [False, True]
    assert world.sent == [(0.1, "1 1 room:a phx_join"), (1.11, "2 2 room:a phx_join")]


def test_a_connection_that_opens_rejoins_at_once_whatever_delay_was_running(world: World) -> None:
    socket = world.socket(rejoin_after=stepped(60))
    world.record(socket.channel("room:a"))
    world.at(1, lambda: world.link.receive("1", "1", "room:a", "phx_error", {}))
    world.at(2, lambda: world.link.lose())
    world.run(100)
    assert [instant for instant, _ in world.sent] == [0.1, 2.11]


def test_a_failed_first_attempt_errors_the_channel_until_a_connection_opens(world: World) -> None:
    from rxphoenix import ConnectionRefused

    world.outcomes = [world.fails(ConnectionRefused("no"))]
    socket = world.socket()
    channel = socket.channel("room:a")
    world.record(channel)
    states = world.record(channel.state)
    world.run(1)
    assert states.timeline == [(0, "joining"), (0.1, "errored"), (0.21, "joining"), (0.31, "joined")]


def test_phx_close_of_the_current_join_completes_the_stream_and_nothing_rejoins(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    messages, named, joins = world.record(channel), world.record(channel.on("x")), world.record(channel.joined)
    socket.connect()
    world.at(1, lambda: world.link.receive("1", "1", "room:a", "phx_close", {}))
    world.run(30)
    for recorder in (messages, named, joins):
        assert recorder.timeline[-1] == (1, "|")
    assert world.sent == [(0.1, "1 1 room:a phx_join")]
    assert channel.state.value == "closed"
    assert socket.channels == ()


def test_phx_close_and_phx_error_of_another_join_are_ignored(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    messages = world.record(channel)
    world.at(1, lambda: world.link.receive("99", "99", "room:a", "phx_close", {}))
    world.at(1, lambda: world.link.receive("99", "99", "room:a", "phx_error", {}))
    world.run(2)
    assert messages.events == []
    assert channel.state.value == "joined"


def test_a_refused_join_errors_all_current_subscribers_and_the_topic_is_cold_before_they_hear_of_it(
    world: World,
) -> None:
    world.answers("phx_join", "error", {"reason": "denied"})
    socket = world.socket()
    channel = socket.channel("room:a")
    seen: list[Any] = []
    channel.subscribe(on_error=lambda error: seen.append((channel.state.value, socket.channels, error)))
    others = [world.record(channel.on("x")), world.record(channel.joined), world.record(channel.push("echo", {}))]
    errors = world.record(socket.errors)
    world.run(1)
    ((state, channels, error),) = seen
    assert (state, channels) == ("closed", ())
    assert isinstance(error, JoinRefused)
    assert (error.topic, error.response, error.rejoin, error.attempt) == ("room:a", {"reason": "denied"}, False, 1)
    assert [recorder.timeline for recorder in others] == [[(0.2, JoinRefused)]] * 3
    assert errors.events == []  # somebody received it
    assert world.sent == [(0.1, "1 1 room:a phx_join")]


def test_a_bare_retry_after_a_refusal_waits_longer_each_time(world: World) -> None:
    world.answers("phx_join", "error", {"reason": "denied"})
    socket = world.socket()
    channel = socket.channel("room:a")
    states = world.record(channel.state)
    retried = world.record(channel.pipe(ops.retry()))
    world.at(45, lambda: world.answers("phx_join", "ok", {}))
    world.run(60)
    assert [instant for instant, _ in world.sent] == [0.1, 1.2, 3.3, 8.4, 18.5, 28.6, 38.7, 48.8]
    assert retried.events == []
    assert states.timeline[:6] == [
        (0, "closed"),
        (0, "joining"),
        (0.2, "closed"),
        (0.2, "errored"),
        (1.2, "joining"),
        (1.3, "closed"),
    ]
    assert channel.state.value == "joined"
    assert world.started == [0]  # the socket was not bounced


def test_the_pause_after_a_refusal_holds_for_whoever_comes_and_nothing_is_kept_after_it(world: World) -> None:
    world.answers("phx_join", "error", {"reason": "denied"})
    socket = world.socket()
    socket.connect()
    world.record(socket.channel("room:a"))
    world.at(0.7, lambda: world.record(socket.channel("room:a", {"other": True})))
    world.run(10)
    assert [instant for instant, _ in world.sent] == [0.1, 1.2]
    assert socket._topics.find("room:a") is None


def test_retry_refused_waits_without_telling_anybody_and_later_subscribers_share_the_wait(world: World) -> None:
    world.answers("phx_join", "error", {"reason": "full"})
    socket = world.socket(retry_refused=lambda attempt, error: 4.0 if attempt < 3 else None)
    channel = socket.channel("room:a")
    first = world.record(channel)
    errors = world.record(socket.errors)
    late: list[Recorder] = []
    world.at(2, lambda: late.append(world.record(channel)))
    world.run(20)
    assert [instant for instant, _ in world.sent] == [0.1, 4.2, 8.3]
    assert first.timeline == [(8.4, JoinRefused)]
    assert late[0].timeline == [(8.4, JoinRefused)]
    assert first.error.attempt == 3  # pyright: ignore[reportAttributeAccessIssue]
    assert [type(fault.error) for fault in errors.values] == [JoinRefused, JoinRefused]


def test_retry_refused_can_be_said_for_one_channel(world: World) -> None:
    world.answers("phx_join", "error", {"reason": "full"})
    socket = world.socket()
    kept = world.record(socket.channel("room:a", retry_refused=stepped(5)))
    ended = world.record(socket.channel("room:b"))
    world.run(20)
    assert kept.events == []
    assert ended.timeline == [(0.2, JoinRefused)]
    assert [frame for frame in world.sent if "room:a" in frame[1]] == [
        (0.1, "1 1 room:a phx_join"),
        (5.2, "3 3 room:a phx_join"),
        (10.3, "4 4 room:a phx_join"),
        (15.4, "5 5 room:a phx_join"),
    ]


def test_the_wait_after_a_refusal_outlasts_a_reconnect(world: World) -> None:
    world.answers("phx_join", "error", {"reason": "full"})
    socket = world.socket(retry_refused=stepped(5))
    world.record(socket.channel("room:a"))
    world.at(1, lambda: world.link.lose())
    world.run(6)
    assert [instant for instant, _ in world.sent] == [0.1, 5.2]
    assert len(world.attempts) == 2


def test_a_refused_rejoin_says_that_the_topic_had_been_joined(world: World) -> None:
    socket = world.socket()
    messages = world.record(socket.channel("room:a"))
    world.at(1, lambda: world.answers("phx_join", "error", {"reason": "expired"}))
    world.at(2, lambda: world.link.lose())
    world.run(3)
    error = messages.error
    assert isinstance(error, JoinRefused)
    assert (error.rejoin, error.attempt) == (True, 1)


def test_rejoin_after_may_give_up_and_the_topic_pauses(world: World) -> None:
    socket = world.socket(rejoin_after=lambda attempt, error: None)
    channel = socket.channel("room:a")
    messages = world.record(channel.pipe(ops.retry(2)))
    world.at(1, lambda: world.link.receive("1", "1", "room:a", "phx_error", {"reason": "channel_crash"}))
    world.run(1.5)
    assert messages.events == []
    assert channel.state.value == "errored"
    world.run(2.5)
    assert [instant for instant, _ in world.sent] == [0.1, 2]
    world.link.receive("2", "2", "room:a", "phx_error", {})
    world.run(3)
    assert isinstance(messages.error, RejoinGivenUp)
    assert isinstance(messages.error.__cause__, ChannelCrashed)


def test_explicit_and_different_params_take_the_topic_over(world: World, caplog: pytest.LogCaptureFixture) -> None:
    socket = world.socket()
    older = world.record(socket.channel("room:a", {"v": 1}))
    pushes: list[Recorder] = []
    world.ignores("ask")
    world.at(1, lambda: pushes.append(world.record(socket.channel("room:a").push("ask", {}))))
    newer: list[Recorder] = []
    world.at(2, lambda: newer.append(world.record(socket.channel("room:a", {"v": 2}))))
    world.at(2.2, lambda: world.link.receive("1", "1", "room:a", "phx_close", {}))
    world.at(3, lambda: world.link.receive("3", None, "room:a", "news", 1))
    world.run(4)
    assert older.timeline == [(2, TakenOver)]
    assert [type(pushes[0].error).__name__, type(pushes[0].error.__cause__)] == ["PushInterrupted", TakenOver]
    assert [message.event for message in newer[0].values] == ["news"]
    assert world.sent == [(0.1, "1 1 room:a phx_join"), (1, "1 2 room:a ask"), (2, "3 3 room:a phx_join")]
    assert world.link.sent[-1][1][4] == {"v": 2}
    assert "joined anew with other params" in caplog.text


def test_equal_params_and_omitted_params_share_the_join_in_force(world: World) -> None:
    socket = world.socket()
    params = {"v": [1, 2]}
    first = world.record(socket.channel("room:a", params))
    params["v"].append(3)  # what a channel was given is what it was given
    world.run(1)
    world.record(socket.channel("room:a", {"v": [1, 2]}))
    world.record(socket.channel("room:a"))
    world.run(2)
    assert first.events == []
    assert world.sent == [(0.1, "1 1 room:a phx_join")]
    assert world.link.sent[0][1][4] == {"v": [1, 2]}


def test_join_params_are_made_anew_for_each_join_and_hear_why(world: World) -> None:
    reasons: list[Exception | None] = []

    async def params(reason: Exception | None) -> dict[str, int]:
        reasons.append(reason)
        return {"n": len(reasons)}

    socket = world.socket()
    world.record(socket.channel("room:a", params))
    world.at(1, lambda: world.link.receive("1", "1", "room:a", "phx_error", {}))
    world.at(5, lambda: world.link.lose())
    world.run(6)
    payloads = [message[4] for attempt in world.attempts for _, message in attempt.sent]
    assert payloads == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert [type(reason).__name__ for reason in reasons] == ["NoneType", "ChannelCrashed", "ConnectionLost"]


def test_join_params_that_fail_are_a_fault_that_is_mended_later(world: World) -> None:
    answers = iter([ValueError("not yet"), object(), {"ok": 1}])

    def params() -> Any:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    socket = world.socket()
    errors = world.record(socket.errors)
    channel = socket.channel("room:a", params)
    world.record(channel)
    world.run(5)
    assert [type(fault.error) for fault in errors.values] == [ProviderFailed, ProviderFailed]
    assert [instant for instant, _ in errors.timeline] == [0.1, 1.1]
    assert [instant for instant, _ in world.sent] == [3.1]
    assert channel.state.value == "joined"


def test_a_reply_unmatched_topic_to_a_joined_channel_means_that_the_server_forgot_it(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    errors = world.record(socket.errors)
    world.record(channel)
    world.replies["ask"] = lambda frame: [
        (0.1, (None, frame[1], frame[2], "phx_reply", {"status": "error", "response": {"reason": "unmatched topic"}}))
    ]
    pushes: list[Recorder] = []
    world.at(1, lambda: pushes.append(world.record(channel.push("ask", {}))))
    world.run(3)
    assert isinstance(pushes[0].error, PushRefused)
    assert [(instant, type(fault.error)) for instant, fault in errors.timeline] == [(1.1, ChannelForgotten)]
    assert [instant for instant, frame in world.sent if "phx_join" in frame] == [0.1, 2.1]


def test_leave_completes_all_subscriptions_and_emits_when_the_server_has_acknowledged(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    messages, joins = world.record(channel), world.record(channel.joined)
    states = world.record(channel.state)
    left: list[Recorder] = []
    world.at(1, lambda: left.append(world.record(channel.leave())))
    world.run(2)
    assert messages.timeline == [(1, "|")]
    assert joins.timeline[-1] == (1, "|")
    assert left[0].timeline == [(1.1, None), (1.1, "|")]
    assert states.timeline == [(0, "joining"), (0.2, "joined"), (1, "leaving"), (1.1, "closed")]
    instant, _ = world.link.asked_to_close or (None, None)
    assert instant == 1.1  # the acknowledgement was waited for


@pytest.mark.parametrize("how", ["close", "timeout", "lost"])
def test_leaving_always_succeeds(world: World, how: str) -> None:
    world.ignores("phx_leave")
    socket = world.socket(timeout=3)
    channel = socket.channel("room:a")
    world.record(channel)
    left: list[Recorder] = []
    world.at(1, lambda: left.append(world.record(channel.leave())))
    if how == "close":
        world.at(2, lambda: world.link.receive("1", "1", "room:a", "phx_close", {}))
    elif how == "lost":
        world.at(2, lambda: world.link.lose())
    world.run(10)
    instant = 4 if how == "timeout" else 2
    assert left[0].timeline == [(instant, None), (instant, "|")]
    assert channel.state.value == "closed"


def test_leaving_what_is_not_joined_succeeds_without_a_frame(world: World) -> None:
    socket = world.socket()
    left = world.record(socket.channel("room:a").leave())
    assert left.events == []
    world.run(1)
    assert left.timeline == [(0, None), (0, "|")]
    assert world.attempts == []


def test_a_second_leave_waits_for_the_same_acknowledgement(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    world.record(channel)
    left: list[Recorder] = []
    world.at(1, lambda: left.append(world.record(channel.leave())))
    world.at(1.05, lambda: left.append(world.record(channel.leave())))
    world.run(2)
    assert [recorder.timeline for recorder in left] == [[(1.1, None), (1.1, "|")]] * 2
    assert [frame for _, frame in world.sent] == ["1 1 room:a phx_join", "1 2 room:a phx_leave"]


@pytest.mark.parametrize("order", ["join close", "leave close join", "join leave close"])
def test_leave_and_join_back_to_back_in_each_legal_order(world: World, order: str) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    socket.connect()
    world.record(channel)
    world.run(1)
    world.ignores("phx_leave")
    world.ignores("phx_join")
    left: list[Recorder] = []
    again: list[Recorder] = []

    def bounce() -> None:
        left.append(world.record(channel.leave()))
        again.append(world.record(channel))

    world.at(1, bounce)
    ok = {"status": "ok", "response": {}}
    frames = {
        "join": ("3", "3", "room:a", "phx_reply", ok),
        "leave": ("1", "2", "room:a", "phx_reply", ok),
        "close": ("1", "1", "room:a", "phx_close", {}),
    }
    for index, name in enumerate(order.split()):
        world.at(1.1 + index / 10, lambda name=name: world.link.receive(*frames[name]))
    world.at(2, lambda: world.link.receive("3", None, "room:a", "news", 1))
    errors = world.record(socket.errors)
    world.run(30)
    assert channel.state.value == "joined"
    assert [message.event for message in again[0].values] == ["news"]
    assert left[0].timeline[-1][1] == "|"
    assert left[0].timeline[-1][0] < 1.5
    assert errors.events == []


def test_a_message_of_an_unknown_topic_is_reported_and_one_of_a_topic_being_left_is_not(world: World) -> None:
    socket = world.socket()
    socket.connect()
    errors = world.record(socket.errors)
    messages = world.record(socket.channel("room:a"))
    world.run(1)
    messages.dispose()
    world.at(1.05, lambda: world.link.receive(None, None, "room:a", "late", {}))
    world.at(1.06, lambda: world.link.receive("9", None, "room:z", "stale", {}))
    world.at(2, lambda: world.link.receive(None, None, "room:z", "what", {}))
    world.run(3)
    assert [(instant, fault.topic, type(fault.error)) for instant, fault in errors.timeline] == [
        (2, "room:z", MalformedFrame)
    ]


def test_a_broadcast_that_comes_before_the_join_is_answered_belongs_to_nobody(world: World) -> None:
    socket = world.socket()
    socket.connect()
    world.run(1)
    messages = world.record(socket.channel("room:a"))
    world.at(1.05, lambda: world.link.receive(None, None, "room:a", "early", {}))
    world.at(1.2, lambda: world.link.receive(None, None, "room:a", "mine", {}))
    world.run(2)
    assert [message.event for message in messages.values] == ["mine"]


def test_reserved_events_never_reach_a_channel_and_odd_ones_are_reported(world: World) -> None:
    socket = world.socket()
    errors, everything = world.record(socket.errors), world.record(socket.messages)
    messages = world.record(socket.channel("room:a"))
    world.at(1, lambda: world.link.receive("1", None, "room:a", "phx_reply", {}))
    world.at(2, lambda: world.link.receive("1", None, "room:a", "phx_join", {}))
    world.at(3, lambda: world.link.receive("1", "77", "room:a", "phx_reply", {"status": "ok", "response": 1}))
    world.run(4)
    assert messages.events == []
    assert [message.event for message in everything.values] == ["phx_reply", "phx_reply", "phx_join", "phx_reply"]
    assert [(fault.topic, fault.event) for fault in errors.values] == [("room:a", "phx_reply"), ("room:a", "phx_join")]


def test_a_join_reply_that_is_none_is_reported_and_the_join_times_out(world: World) -> None:
    world.replies["phx_join"] = lambda frame: [(0.1, (frame[0], frame[1], frame[2], "phx_reply", ["no status"]))]
    socket = world.socket(timeout=2)
    errors = world.record(socket.errors)
    world.record(socket.channel("room:a"))
    world.run(3)
    assert [(instant, type(fault.error)) for instant, fault in errors.timeline] == [
        (0.2, MalformedFrame),
        (2.1, JoinTimeout),
    ]


def test_the_socket_keeps_nothing_for_a_topic_that_is_not_live(world: World) -> None:
    socket = world.socket()
    topics = socket._topics._topics
    states = world.record(socket.channel("room:a").state)
    assert list(topics) == ["room:a"]
    states.dispose()
    assert topics == {}
    world.record(socket.channel("room:b")).dispose()
    left = [world.record(socket.channel("room:c").leave())]
    world.run(5)
    assert topics == {}
    assert left[0].timeline[-1][1] == "|"
    assert socket.channels == ()


def test_the_observers_of_a_state_survive_the_joins_of_the_topic(world: World) -> None:
    socket = world.socket()
    socket.connect()
    states = world.record(socket.channel("room:a").state)
    for instant in (1, 3):
        world.at(instant, lambda: world.after(1, world.record(socket.channel("room:a")).dispose))
    world.run(6)
    assert [value for _, value in states.timeline] == ["closed", *["joining", "joined", "closed"] * 2]


def test_closing_while_a_leave_is_unacknowledged_and_a_new_join_has_begun(world: World) -> None:
    world.ignores("phx_leave")
    socket = world.socket()
    channel = socket.channel("room:a")
    world.record(channel)
    world.run(1)
    left, again = world.record(channel.leave()), world.record(channel)
    closed = world.record(socket.wait_closed())
    socket.close()
    world.run(2)
    assert left.timeline[-1] == (1, "|")
    assert again.timeline == [(1, "|")]
    assert closed.timeline == [(1, None), (1, "|")]
    assert socket.state.value == "closed"


def test_a_join_that_is_refused_while_the_leave_before_it_is_unacknowledged(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    socket.connect()
    world.record(channel)
    world.run(1)
    world.ignores("phx_leave")
    world.answers("phx_join", "error", {"reason": "no"})
    left, again = world.record(channel.leave()), world.record(channel)
    world.at(1.2, lambda: world.link.receive("1", "1", "room:a", "phx_close", {}))
    world.run(2)
    assert again.timeline == [(1.1, JoinRefused)]
    assert left.timeline == [(1.2, None), (1.2, "|")]
    assert socket.state.value == "open"


class _OldWorld(World):
    """A server that speaks serializer 1.0.0: no ``join_ref``, and ends without refs."""

    def receive_old(self, ref: str | None, topic: str, event: str, payload: Any) -> None:
        import json

        frame = {"topic": topic, "event": event, "payload": payload, "ref": ref}
        self.link.receive_raw(json.dumps(frame).encode())

    def old_socket(self) -> Any:
        from rxphoenix import JSONSerializerV1
        from rxphoenix.transports.base import Opened

        self.outcomes = [lambda attempt: self.after(0.1, lambda: attempt.observer.on_next(Opened(lambda _: None)))]
        return self.socket(serializer=JSONSerializerV1())


@pytest.mark.parametrize("with_reply", [True, False])
def test_on_1_0_0_a_close_without_refs_that_was_expected_is_not_for_the_join_in_force(with_reply: bool) -> None:
    world = _OldWorld()
    ok = {"status": "ok", "response": {}}
    socket = world.old_socket()
    socket.connect()
    channel = socket.channel("room:a")
    world.record(channel)
    world.run(1)
    world.receive_old("1", "room:a", "phx_reply", ok)
    left, again = world.record(channel.leave()), world.record(channel)  # refs 2 and 3
    if with_reply:
        world.receive_old("2", "room:a", "phx_reply", ok)
        assert left.timeline == [(1, None), (1, "|")]
    world.receive_old("3", "room:a", "phx_reply", ok)
    world.receive_old(None, "room:a", "phx_close", {})
    assert left.timeline == [(1, None), (1, "|")]
    assert again.events == []
    assert channel.state.value == "joined"
    world.receive_old(None, "room:a", "phx_close", {})
    assert again.timeline == [(1, "|")]


def test_on_1_0_0_a_takeover_does_not_end_the_newer_stream(world: World) -> None:
    world = _OldWorld()
    ok = {"status": "ok", "response": {}}
    socket = world.old_socket()
    older = world.record(socket.channel("room:a", {"v": 1}))
    world.run(1)
    world.receive_old("1", "room:a", "phx_reply", ok)
    newer = world.record(socket.channel("room:a", {"v": 2}))
    world.receive_old("2", "room:a", "phx_reply", ok)
    world.receive_old(None, "room:a", "phx_close", {})
    assert older.timeline == [(1, TakenOver)]
    assert newer.events == []
    world.receive_old(None, "room:a", "news", 1)
    assert [message.payload for message in newer.values] == [1]


def test_nothing_is_left_of_leaves_on_a_connection_that_lives_long(world: World) -> None:
    socket = world.socket()
    socket.connect()
    world.run(1)
    for instant in range(1, 20):
        world.at(instant, lambda: world.after(0.5, world.record(socket.channel("room:a")).dispose))
        world.at(instant + 0.1, lambda: world.record(socket.channel(f"room:{world.now}")).dispose())
    world.run(30)
    connection: Any = socket._link.connection
    assert (connection._leaves, connection._closes, connection._replies) == ({}, {}, {})
    assert connection._joins == {}


@pytest.mark.parametrize(
    ("disposed_at", "frames", "states"),
    [
        (0.05, [], ["closed", "joining", "closed"]),  # connecting
        (0.15, ["1 1 room:a phx_join", "1 2 room:a phx_leave"], ["closed", "joining", "closed"]),
        (0.25, ["1 1 room:a phx_join", "1 2 room:a phx_leave"], ["closed", "joining", "joined", "closed"]),
        (1.5, ["1 1 room:a phx_join"], ["closed", "joining", "joined", "errored", "closed"]),  # crashed, waiting
        (
            2.05,  # joining again
            ["1 1 room:a phx_join", "2 2 room:a phx_join", "2 3 room:a phx_leave"],
            ["closed", "joining", "joined", "errored", "joining", "closed"],
        ),
        (
            3.005,  # the link is lost, and not back yet
            ["1 1 room:a phx_join", "2 2 room:a phx_join"],
            ["closed", "joining", "joined", "errored", "joining", "joined", "errored", "closed"],
        ),
    ],
)
def test_disposing_in_each_state_sends_what_is_due_and_nothing_after(
    world: World, disposed_at: float, frames: list[str], states: list[str]
) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    seen = world.record(channel.state)
    messages = world.record(channel)
    world.at(1, lambda: world.link.over or world.link.receive("1", "1", "room:a", "phx_error", {}))
    world.at(3, lambda: world.link.over or world.link.lose())
    world.at(disposed_at, messages.dispose)
    world.run(60)
    assert [frame for _, frame in world.sent] == frames
    assert seen.values == states
    assert messages.events == []
    assert socket.state.value == "closed"
    assert socket._link.leases == 0


@pytest.mark.parametrize("disposed_at", [0.15, 0.25, 2, 5.25])
def test_disposing_while_a_refusal_is_waited_out(world: World, disposed_at: float) -> None:
    world.answers("phx_join", "error", {"reason": "full"})
    socket = world.socket(retry_refused=stepped(5))
    messages = world.record(socket.channel("room:a"))
    world.at(disposed_at, messages.dispose)
    world.run(60)
    joins = [instant for instant, frame in world.sent if frame.endswith("phx_join")]
    assert joins == ([0.1, 5.2] if disposed_at > 5 else [0.1])
    assert messages.events == []
    assert socket.state.value == "closed"


def test_disposing_while_leaving_changes_nothing(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("room:a")
    messages = world.record(channel)
    world.run(1)
    left = world.record(channel.leave())
    left.dispose()
    messages.dispose()
    world.run(2)
    assert left.events == []
    assert [frame for _, frame in world.sent] == ["1 1 room:a phx_join", "1 2 room:a phx_leave"]
    assert channel.state.value == "closed"

"""One join of a topic: sharing, rejoining, refusals, takeover, ends; exact instants and exact frames."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import (
    ChannelCrashed,
    ChannelForgotten,
    ConnectionLost,
    Fault,
    JoinCrashed,
    Joined,
    JoinRefused,
    JoinTimeout,
    JSONSerializerV1,
    MalformedFrame,
    Message,
    ProviderFailed,
    PushInterrupted,
    PushRefused,
    RejoinGivenUp,
    Reply,
    TakenOver,
    stepped,
)
from rxphoenix.testing import VirtualPhoenix, VirtualTopic, World
from tests.legends import DONE, FRAMES, STATES, ended, join, leave, push, replied, said

pytestmark = pytest.mark.marbles(frame=0.1)

CRASHED = Fault("room:a", None, ChannelCrashed("room:a", {"reason": "channel_crash"}))
DENIED = Reply("error", {"reason": "denied"})
REFUSED = JoinRefused("room:a", {"reason": "denied"})
UNMATCHED = Reply("error", {"reason": "unmatched topic"})
OK = Reply("ok", {})


def count(joined: Joined) -> tuple[bool, int]:
    return joined.rejoin, joined.attempt


FIRST, AGAIN = (False, 1), (True, 1)


def test_subscribing_joins_and_disposing_leaves_one_turn_later(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.pushes("news", "1s m")
    room.broadcasts("news", "1.1s b")
    socket = phoenix.socket()
    channel = socket.channel("room:a", {"x": 1})
    marbles.expect(channel.state).to_be("(cg 200ms d 1.8s c)", STATES)
    marbles.expect(channel, "^ 1.9s !").to_be("1s mb", {"m": said("news", "m", join_ref=1), "b": said("news", "b")})
    marbles.expect(socket.state).to_be("no 1.8s (ac)", STATES)
    marbles.expect_frames(phoenix).to_be("-j 1.8s l", {**FRAMES, "j": join(1, {"x": 1})})


def test_all_subscriptions_of_a_topic_share_one_join_across_handles(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.broadcasts("news", "1s 7", {"7": 7})
    socket = phoenix.socket()
    marbles.expect(socket.channel("room:a"), "^ 1.9s !").to_be("1s m", {"m": said("news", 7)})
    marbles.expect(socket.channel("room:a", {}).on("news"), "^ 2.9s !").to_be("1s m", {"m": 7})
    marbles.expect(socket.channel("room:a").joined, "^ 3.9s !").to_be("--j", {"j": Joined({}, rejoin=False, attempt=1)})
    marbles.at("5s", socket.channel("room:a").hold().dispose)
    marbles.expect_frames(phoenix).to_be("-1 4.8s l", FRAMES)


def test_a_matching_lease_in_the_same_turn_neither_leaves_nor_bounces_the_socket(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.broadcasts("b", "2s 2")
    socket = phoenix.socket()
    keys = marbles.hot("-----a----b")
    marbles.expect(keys.pipe(ops.switch_map(lambda key: socket.channel("room:a").on(key)))).to_be("2s 2")
    marbles.expect(socket.state).to_be("c----no", STATES)
    marbles.expect_frames(phoenix).to_be("------1", FRAMES)


def test_linger_keeps_the_topic_and_the_connection_after_the_last_release(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket(linger=2)
    marbles.expect(socket.channel("room:a").push("say")).to_be("---(r|)", {"r": {}})
    marbles.expect(socket.channel("room:a").push("say"), "1s ^").to_be("1.1s (r|)", {"r": {}})
    marbles.expect(socket.state).to_be("no 2.9s (ac)", STATES)
    frames = {"a": push(1, 2, "say"), "b": push(1, 3, "say"), "l": leave(1, 4)}
    marbles.expect_frames(phoenix).to_be("-1a 700ms b 2s l", {**FRAMES, **frames})


def test_a_push_outlives_the_time_of_lingering_and_its_end_begins_another(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.replies("slow", "4s r", values={"r": {}})
    channel = phoenix.socket(linger=2).channel("room:a")
    marbles.expect(channel, "(^ 1s !)").to_be("")
    marbles.expect(channel.push("slow"), "2s ^").to_be("6.1s (r|)", {"r": {}})
    marbles.expect_frames(phoenix).to_be("-1 1.8s a 6s l", {**FRAMES, "a": push(1, 2, "slow"), "l": leave(1, 3)})


def test_releasing_before_the_join_was_sent_sends_nothing(marbles: World, phoenix: VirtualPhoenix):
    marbles.expect(phoenix.socket().channel("room:a"), "(^ 50ms !)").to_be("")
    marbles.expect_frames(phoenix).to_be("")


def test_releasing_while_joining_sends_a_leave_so_that_the_join_does_not_linger(
    marbles: World, phoenix: VirtualPhoenix
):
    socket = phoenix.socket()
    socket.connect()
    marbles.expect(socket.channel("room:a").state).to_be("(c 1s g 50ms c)", STATES)
    marbles.expect(socket.channel("room:a"), "1s (^ 50ms !)").to_be("")
    marbles.expect_frames(phoenix).to_be("1s (1 50ms l)", FRAMES)


def test_a_crash_rejoins_after_the_official_delays_and_the_stream_lives(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.crashes("---x 1.1s x 1.1s x 1.1s x 1.1s x")
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    marbles.expect(channel).to_be("")
    marbles.expect(channel.joined.pipe(ops.map(count))).to_be(
        "--f 1.1s a 1.1s a 1.1s a 1.1s a 1.1s a", {"f": FIRST, "a": AGAIN}
    )
    marbles.expect(channel.state).to_be("g-de 900ms gde 900ms gde 900ms gde 900ms gde 900ms gd", STATES)
    marbles.expect(socket.errors).to_be("---x 1.1s x 1.1s x 1.1s x 1.1s x", {"x": CRASHED})
    marbles.expect_frames(phoenix).to_be("-1 1.1s 2 1.1s 3 1.1s 4 1.1s 5 1.1s 6", FRAMES)


def test_joins_that_keep_failing_wait_longer_each_time_and_an_accepted_one_resets_the_count(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.joins(*"######")
    phoenix.writes("45s x", {"x": Message(None, None, "room:a", "phx_error", {})})
    socket = phoenix.socket(heartbeat_interval=None)
    channel = socket.channel("room:a")
    marbles.expect(channel.joined.pipe(ops.map(count))).to_be("38.8s f 7.2s a", {"f": (False, 7), "a": AGAIN})
    crashes = {
        "x": Fault("room:a", None, JoinCrashed("room:a", {})),
        "y": Fault("room:a", None, ChannelCrashed("room:a", {})),
    }
    marbles.expect(socket.errors).to_be("--x 1s x 2s x 5s x 10s x 10s x 16.2s y", crashes)
    marbles.expect_frames(phoenix).to_be("-1 1s 2 2s 3 5s 4 10s 5 10s 6 10s 7 7.2s 8", FRAMES)


def test_a_join_without_an_answer_is_left_and_tried_again(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    room.joins("")
    phoenix.writes("5s r", {"r": replied(1, 1, OK)})  # the late answer to the first join is heard by nobody
    socket = phoenix.socket(timeout=3)
    marbles.expect(socket.channel("room:a").state).to_be("(cg 3.1s e 1s g 1.9s c)", STATES)
    marbles.expect(socket.errors).to_be("3.1s x", {"x": Fault("room:a", None, JoinTimeout("room:a", 3))})
    marbles.expect(socket.channel("room:a"), "^ 5.9s !").to_be("")
    marbles.expect_frames(phoenix).to_be("-1 2.9s l 900ms 3 1.8s m", {**FRAMES, "m": leave(3, 4)})


def test_the_clock_of_a_join_starts_anew_at_the_answer_to_an_earlier_join(marbles: World, phoenix: VirtualPhoenix):
    phoenix.topic("a").joins("1.9s j")  # the server answers in order: at 2.1 s, at 5 s, and never
    phoenix.topic("b").joins("2.9s j")
    phoenix.topic("c").joins("")
    socket = phoenix.socket(timeout=3)
    for topic in "abc":
        socket.channel(topic).hold()
    marbles.expect(socket.errors, "^ 8.4s !").to_be("8s x", {"x": Fault("c", None, JoinTimeout("c", 3))})


def test_the_answer_to_a_later_join_does_not_restart_the_clock_of_an_earlier_one(
    marbles: World, phoenix: VirtualPhoenix
):
    phoenix.topic("a").joins("")
    phoenix.writes("2.1s r", {"r": replied(2, 2, OK, "b")})
    socket = phoenix.socket(timeout=3)
    for topic in "ab":
        socket.channel(topic).hold()
    marbles.expect(socket.errors, "^ 4s !").to_be("3.1s x", {"x": Fault("a", None, JoinTimeout("a", 3))})


def test_a_lost_connection_errors_the_channel_and_the_next_one_rejoins_at_once(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    phoenix.drops("1s x")
    room.pushes("news", "1.5s 1")
    phoenix.writes("1.6s s", {"s": said("stale", join_ref=1)})
    channel = phoenix.socket().channel("room:a")
    marbles.expect(channel).to_be("1.5s n", {"n": said("news", "1", join_ref=2)})
    marbles.expect(channel.state).to_be("(g 200ms d 800ms e 110ms g 100ms d)", STATES)
    marbles.expect(channel.joined.pipe(ops.map(count))).to_be("--(f 1.01s a)", {"f": FIRST, "a": AGAIN})
    marbles.expect_frames(phoenix).to_be("-1 910ms 2", FRAMES)


def test_a_connection_that_opens_rejoins_at_once_whatever_delay_was_running(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.crashes("1s x")
    phoenix.drops("2s x")
    marbles.expect(phoenix.socket(rejoin_after=stepped(60)).channel("room:a")).to_be("")
    marbles.expect_frames(phoenix).to_be("-1 1.91s 2", FRAMES)


def test_a_failed_first_attempt_errors_the_channel_until_a_connection_opens(marbles: World, phoenix: VirtualPhoenix):
    phoenix.connects("-#")
    channel = phoenix.socket().channel("room:a")
    marbles.expect(channel.state).to_be("(cg 100ms e 110ms g 100ms d)", STATES)
    marbles.expect(channel).to_be("")


def test_phx_close_of_the_current_join_completes_the_stream_and_nothing_rejoins(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.closes("1s x")
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    socket.connect()
    marbles.expect(channel).to_be("1s |")
    marbles.expect(channel.on("x")).to_be("1s |")
    marbles.expect(channel.joined.pipe(ops.map(count))).to_be("--f 700ms |", {"f": FIRST})
    marbles.expect(channel.state).to_be("g-d 700ms c", STATES)
    marbles.expect_frames(phoenix).to_be("-1", FRAMES)
    marbles.run(until="30s")
    assert socket.channels == ()


def test_phx_close_and_phx_error_of_another_join_are_ignored(marbles: World, phoenix: VirtualPhoenix):
    phoenix.writes("1s (ce)", {"c": ended("phx_close", 99), "e": ended("phx_error", 99)})
    channel = phoenix.socket().channel("room:a")
    marbles.expect(channel).to_be("")
    marbles.expect(channel.state).to_be("g-d", STATES)


def test_a_refused_join_errors_all_current_subscribers_and_the_topic_is_cold_before_they_hear_of_it(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.joins("r", values={"r": DENIED})
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    seen: list[Any] = []

    def note(error: Any) -> None:
        seen.append((channel.state.value, socket.channels, error.rejoin, error.attempt))

    channel.subscribe(on_error=note)
    for stream in (channel, channel.on("x"), channel.joined, channel.push("say")):
        marbles.expect(stream).to_be("--#", error=REFUSED)
    marbles.expect(socket.errors).to_be("")  # somebody received it
    marbles.expect_frames(phoenix).to_be("-1", FRAMES)
    marbles.run(until="1s")
    assert seen == [("closed", (), False, 1)]


def test_a_bare_retry_after_a_refusal_waits_longer_each_time(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.joins(*"rrrrrrr", values={"r": DENIED})
    socket = phoenix.socket(heartbeat_interval=None)
    channel = socket.channel("room:a")
    marbles.expect(channel.state, "^ 1.3s !").to_be("(cg 200ms ce 1s g 100ms ce)", STATES)
    marbles.expect(channel.state, "48.8s ^").to_be("48.8s (eg 100ms d)", STATES)
    marbles.expect(socket.state).to_be("(cn 100ms o)", STATES)  # the socket was not bounced
    marbles.expect(channel.pipe(ops.retry())).to_be("")
    marbles.expect_frames(phoenix).to_be("-1 1s 2 2s 3 5s 4 10s 5 10s 6 10s 7 10s 8", FRAMES)


def test_the_pause_after_a_refusal_holds_for_whoever_comes_and_nothing_is_kept_after_it(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.handle_join(lambda *_: DENIED)
    socket = phoenix.socket()
    socket.connect()
    marbles.expect(socket.channel("room:a")).to_be("--#", error=REFUSED)
    marbles.expect(socket.channel("room:a", {"other": True}), "-------^").to_be("1.3s #", error=REFUSED)
    marbles.expect_frames(phoenix).to_be("-1 1s 2", {**FRAMES, "2": join(2, {"other": True})})
    marbles.run(until="10s")
    assert socket._topics.find("room:a") is None


def test_retry_refused_waits_without_telling_anybody_and_later_subscribers_share_the_wait(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.handle_join(lambda *_: DENIED)
    socket = phoenix.socket(retry_refused=lambda attempt, error: 4.0 if attempt < 3 else None)
    channel = socket.channel("room:a")
    first = marbles.expect(channel).to_be("8.4s #", error=REFUSED)
    marbles.expect(channel, "2s ^").to_be("8.4s #", error=REFUSED)
    marbles.expect(socket.errors).to_be("--x 4s x", {"x": Fault("room:a", None, REFUSED)})
    marbles.expect_frames(phoenix).to_be("-1 4s 2 4s 3", FRAMES)
    marbles.run(until="9s")
    assert first.error.attempt == 3  # pyright: ignore[reportAttributeAccessIssue]


def test_retry_refused_can_be_said_for_one_channel(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    for topic in (room, phoenix.topic("room:b")):
        topic.handle_join(lambda *_: DENIED)
    socket = phoenix.socket()
    marbles.expect(socket.channel("room:a", retry_refused=stepped(5)), "^ 19.9s !").to_be("")
    marbles.expect(socket.channel("room:b")).to_be("--#", error=JoinRefused("room:b", {"reason": "denied"}))
    marbles.expect_frames(room).to_be("-1 5s 3 5s 4 5s 5", FRAMES)


def test_the_wait_after_a_refusal_outlasts_a_reconnect(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    room.joins("r", values={"r": DENIED})
    phoenix.drops("1s x")
    socket = phoenix.socket(retry_refused=stepped(5))
    marbles.expect(socket.channel("room:a")).to_be("")
    marbles.expect(socket.state).to_be("(n 100ms o 900ms c 10ms n 100ms o)", STATES)
    marbles.expect_frames(phoenix).to_be("-1 5s 2", FRAMES)


def test_a_refused_rejoin_says_that_the_topic_had_been_joined(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.joins("j", "r", values={"r": DENIED})
    phoenix.drops("2s x")
    error = JoinRefused("room:a", {"reason": "denied"}, rejoin=True)
    seen = marbles.expect(phoenix.socket().channel("room:a")).to_be("2.21s #", error=error)
    marbles.run(until="3s")
    assert seen.error.attempt == 1  # pyright: ignore[reportAttributeAccessIssue]


def test_rejoin_after_may_give_up_and_the_topic_pauses(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    room.crashes("1s x 1.4s x")
    channel = phoenix.socket(rejoin_after=lambda attempt, error: None).channel("room:a")
    seen = marbles.expect(channel.pipe(ops.retry(2))).to_be("2.5s #", error=RejoinGivenUp("room:a", 1))
    marbles.expect(channel.state, "^ 2.3s !").to_be("g-d 700ms (ece) 500ms gd", STATES)
    marbles.expect_frames(phoenix).to_be("-1 1.8s 2", FRAMES)
    marbles.run(until="3s")
    assert isinstance(seen.error.__cause__, ChannelCrashed)


def test_explicit_and_different_params_take_the_topic_over(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, caplog: pytest.LogCaptureFixture
):
    room.replies("ask", "")
    room.pushes("news", "3s n")
    socket = phoenix.socket()
    marbles.expect(socket.channel("room:a", {"v": 1})).to_be("2s #", error=TakenOver("room:a"))
    interrupted = PushInterrupted("room:a", "ask", cause=TakenOver("room:a"))
    marbles.expect(socket.channel("room:a").push("ask"), "1s ^").to_be("2s #", error=interrupted)
    marbles.expect(socket.channel("room:a", {"v": 2}), "2s ^").to_be("3s n", {"n": said("news", "n", join_ref=3)})
    frames = {"1": join(1, {"v": 1}), "a": push(1, 2, "ask"), "3": join(3, {"v": 2})}
    marbles.expect_frames(phoenix).to_be("-1 800ms a 900ms 3", frames)
    marbles.run(until="3s")
    assert "joined anew with other params" in caplog.text


def test_equal_params_and_omitted_params_share_the_join_in_force(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    params = {"v": [1, 2]}
    marbles.expect(socket.channel("room:a", params)).to_be("")
    params["v"].append(3)  # what a channel was given is what it was given
    marbles.expect(socket.channel("room:a", {"v": [1, 2]}), "1s ^").to_be("")
    marbles.expect(socket.channel("room:a"), "1s ^").to_be("")
    marbles.expect_frames(phoenix).to_be("-1", {"1": join(1, {"v": [1, 2]})})


def test_join_params_are_made_anew_for_each_join_and_hear_why(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    reasons: list[Exception | None] = []

    async def params(reason: Exception | None) -> dict[str, int]:
        reasons.append(reason)
        return {"n": len(reasons)}

    room.crashes("1s x")
    phoenix.drops("5s x")
    marbles.expect(phoenix.socket().channel("room:a", params)).to_be("")
    frames = {str(number): join(number, {"n": number}) for number in (1, 2, 3)}
    marbles.expect_frames(phoenix).to_be("-1 1.8s (2 3.11s 3)", frames)
    marbles.run(until="6s")
    assert [type(reason) for reason in reasons] == [type(None), ChannelCrashed, ConnectionLost]


def test_join_params_that_fail_are_a_fault_that_is_mended_later(marbles: World, phoenix: VirtualPhoenix):
    answers = iter([ValueError("not yet"), object(), {"ok": 1}])

    def params() -> Any:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    socket = phoenix.socket()
    channel = socket.channel("room:a", params)
    marbles.expect(socket.errors.pipe(ops.map(lambda fault: (type(fault.error), fault.topic)))).to_be(
        "-x 900ms x", {"x": (ProviderFailed, "room:a")}
    )
    marbles.expect(channel).to_be("")
    marbles.expect(channel.state).to_be("ge 900ms (ge) 1.6s gd", STATES)
    marbles.expect_frames(phoenix).to_be("3.1s 1", {"1": join(1, {"ok": 1})})


def test_a_reply_unmatched_topic_to_a_joined_channel_means_that_the_server_forgot_it(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.replies("ask", "")
    phoenix.writes("1.1s u", {"u": replied(None, 2, UNMATCHED)})
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    marbles.expect(channel).to_be("")
    refused = PushRefused("room:a", "ask", "error", {"reason": "unmatched topic"})
    marbles.expect(channel.push("ask"), "1s ^").to_be("1.1s #", error=refused)
    marbles.expect(socket.errors).to_be("1.1s x", {"x": Fault("room:a", None, ChannelForgotten("room:a"))})
    marbles.expect_frames(phoenix).to_be("-1 800ms a 1s 3", {**FRAMES, "a": push(1, 2, "ask")})


def test_leave_completes_all_subscriptions_and_emits_when_the_server_has_acknowledged(
    marbles: World, phoenix: VirtualPhoenix
):
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    marbles.expect(channel).to_be("1s |")
    marbles.expect(channel.joined.pipe(ops.map(count))).to_be("--f 700ms |", {"f": FIRST})
    marbles.expect(channel.state).to_be("g-d 700ms vc", STATES)
    marbles.expect(channel.leave(), "1s ^").to_be("1.1s (x|)", DONE)
    marbles.expect(socket.state).to_be("no 900ms (ac)", STATES)  # the acknowledgement was waited for


@pytest.mark.parametrize(("how", "instant"), [("close", "2s"), ("timeout", "4s"), ("lost", "2s")])
def test_leaving_always_succeeds(marbles: World, phoenix: VirtualPhoenix, how: str, instant: str):
    phoenix.hangs("900ms x")  # the server does not acknowledge
    channel = phoenix.socket(timeout=3).channel("room:a")
    marbles.expect(channel).to_be("1s |")
    marbles.expect(channel.state).to_be(f"g-d 700ms (v {'3s' if how == 'timeout' else '1s'} c)", STATES)
    marbles.expect(channel.leave(), "1s ^").to_be(f"{instant} (x|)", DONE)
    if how == "close":
        phoenix.writes("2s c", {"c": ended("phx_close", 1)})
    elif how == "lost":
        phoenix.drops("2s x")


def test_leaving_what_is_not_joined_succeeds_without_a_frame(marbles: World, phoenix: VirtualPhoenix):
    left: list[Any] = []
    leaving = phoenix.socket().channel("room:a").leave()
    leaving.subscribe(left.append)
    assert left == []
    marbles.expect(leaving).to_be("(x|)", DONE)
    marbles.run(until="1s")
    assert (left, phoenix.attempts) == ([None], [])


def test_a_second_leave_waits_for_the_same_acknowledgement(marbles: World, phoenix: VirtualPhoenix):
    channel = phoenix.socket().channel("room:a")
    marbles.expect(channel).to_be("1s |")
    marbles.expect(channel.leave(), "1s ^").to_be("1.1s (x|)", DONE)
    marbles.expect(channel.leave(), "1.05s ^").to_be("1.1s (x|)", DONE)
    marbles.expect_frames(phoenix).to_be("-1 800ms l", FRAMES)


@pytest.mark.parametrize(("order", "left"), [("jc", "1.2s (x|)"), ("lcj", "1.1s (x|)"), ("jlc", "1.2s (x|)")])
def test_leave_and_join_back_to_back_in_each_legal_order(
    marbles: World, phoenix: VirtualPhoenix, order: str, left: str
):
    phoenix.hangs("900ms x")
    phoenix.writes(f"1.1s {order}", {"j": replied(3, 3, OK), "l": replied(1, 2, OK), "c": ended("phx_close", 1)})
    phoenix.writes("2s n", {"n": said("news", join_ref=3)})
    socket = phoenix.socket(heartbeat_interval=None)
    channel = socket.channel("room:a")
    socket.connect()
    marbles.expect(channel).to_be("1s |")
    marbles.expect(channel.leave(), "1s ^").to_be(left, DONE)
    marbles.expect(channel, "1s ^").to_be("2s n", {"n": said("news", join_ref=3)})
    marbles.expect(socket.errors, "1s ^").to_be("")
    marbles.run(until="30s")
    assert channel.state.value == "joined"


def test_a_message_of_an_unknown_topic_is_reported_and_one_of_a_topic_being_left_is_not(
    marbles: World, phoenix: VirtualPhoenix
):
    frames = {"l": said("late"), "s": said("stale", join_ref=9, topic="room:z"), "w": said("what", topic="room:z")}
    phoenix.writes("1s ( 50ms l 10ms s 940ms w)", frames)
    socket = phoenix.socket()
    socket.connect()
    unknown = MalformedFrame("a message for topic 'room:z', which is not joined here")
    marbles.expect(socket.errors).to_be("2s w", {"w": Fault("room:z", "what", unknown)})
    marbles.expect(socket.channel("room:a"), "^ 900ms !").to_be("")


def test_a_broadcast_that_comes_before_the_join_is_answered_belongs_to_nobody(marbles: World, phoenix: VirtualPhoenix):
    phoenix.writes("1s ( 50ms e 150ms m)", {"e": said("early"), "m": said("mine")})
    socket = phoenix.socket()
    socket.connect()
    marbles.expect(socket.channel("room:a"), "1s ^").to_be("1.2s m", {"m": said("mine")})


def test_reserved_events_never_reach_a_channel_and_odd_ones_are_reported(marbles: World, phoenix: VirtualPhoenix):
    frames = {
        "a": said("phx_reply", join_ref=1),
        "b": said("phx_join", join_ref=1),
        "c": replied(1, 77, Reply("ok", 1)),
    }
    phoenix.writes("1s a 900ms b 900ms c", frames)
    socket = phoenix.socket()
    marbles.expect(socket.errors.pipe(ops.map(lambda fault: (fault.topic, fault.event)))).to_be(
        "1s a 900ms b", {"a": ("room:a", "phx_reply"), "b": ("room:a", "phx_join")}
    )
    marbles.expect(socket.messages, "^ 3.9s !").to_be("--1 700ms a 900ms b 900ms c", {**frames, "1": replied(1, 1, OK)})
    marbles.expect(socket.channel("room:a")).to_be("")


def test_a_join_reply_that_is_none_is_reported_and_the_join_times_out(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.joins("")
    phoenix.writes("200ms r", {"r": replied(1, 1, ["no status"])})
    socket = phoenix.socket(timeout=2)
    faults = {
        "m": Fault("room:a", "phx_join", MalformedFrame("a reply without a status")),
        "t": Fault("room:a", None, JoinTimeout("room:a", 2)),
    }
    marbles.expect(socket.errors, "^ 2.4s !").to_be("--m 1.8s t", faults)
    marbles.expect(socket.channel("room:a"), "^ 2.4s !").to_be("")


def test_the_socket_keeps_nothing_for_a_topic_that_is_not_live(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    topics = socket._topics._topics
    states = socket.channel("room:a").state.subscribe()
    assert list(topics) == ["room:a"]
    states.dispose()
    assert topics == {}
    socket.channel("room:b").subscribe().dispose()
    marbles.expect(socket.channel("room:c").leave()).to_be("(x|)", DONE)
    marbles.run(until="5s")
    assert (topics, socket.channels) == ({}, ())


def test_the_observers_of_a_state_survive_the_joins_of_the_topic(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    socket.connect()
    marbles.expect(socket.channel("room:a").state).to_be("c 900ms gd 800ms c 900ms gd 800ms c", STATES)
    for subscription in ("1s ^ 900ms !", "3s ^ 900ms !"):
        marbles.expect(socket.channel("room:a"), subscription).to_be("")


def test_closing_while_a_leave_is_unacknowledged_and_a_new_join_has_begun(marbles: World, phoenix: VirtualPhoenix):
    phoenix.hangs("900ms x")
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    marbles.expect(channel).to_be("1s |")
    marbles.expect(channel.leave(), "1s ^").to_be("1s (x|)", DONE)
    marbles.expect(channel, "1s ^").to_be("1s |")
    marbles.expect(socket.wait_closed()).to_be("1s (x|)", DONE)
    marbles.expect(socket.state).to_be("no 800ms (ac|)", STATES)
    marbles.at("1s", socket.close)


def test_a_join_that_is_refused_while_the_leave_before_it_is_unacknowledged(marbles: World, phoenix: VirtualPhoenix):
    phoenix.hangs("900ms x")
    phoenix.writes("1.1s rc", {"r": replied(3, 3, DENIED), "c": ended("phx_close", 1)})
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    socket.connect()
    marbles.expect(channel).to_be("1s |")
    marbles.expect(channel.leave(), "1s ^").to_be("1.2s (x|)", DONE)
    marbles.expect(channel, "1s ^").to_be("1.1s #", error=REFUSED)
    marbles.run(until="2s")
    assert socket.state.value == "open"


# -- serializer 1.0.0: no join_ref, and ends without refs --------------------------------------------------------------


@pytest.mark.parametrize("with_reply", [True, False])
def test_on_1_0_0_a_close_without_refs_that_was_expected_is_not_for_the_join_in_force(
    marbles: World, phoenix: VirtualPhoenix, with_reply: bool
):
    phoenix.hangs("900ms x")
    frames = {"l": replied(None, 2, OK), "j": replied(None, 3, OK), "c": Message(None, None, "room:a", "phx_close", {})}
    phoenix.writes(f"1.1s {'l' if with_reply else '-'}jc--c", frames)
    socket = phoenix.socket(serializer=JSONSerializerV1())
    socket.connect()
    channel = socket.channel("room:a")
    marbles.expect(channel).to_be("1s |")
    marbles.expect(channel.leave(), "1s ^").to_be("1.1s (x|)" if with_reply else "1.3s (x|)", DONE)
    marbles.expect(channel, "1s ^").to_be("1.6s |")
    marbles.expect(channel.state, "1s ^").to_be("1s g-d---c", STATES)


def test_on_1_0_0_a_takeover_does_not_end_the_newer_stream(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    room.broadcasts("news", "2s n")
    socket = phoenix.socket(serializer=JSONSerializerV1())
    marbles.expect(socket.channel("room:a", {"v": 1})).to_be("1s #", error=TakenOver("room:a"))
    marbles.expect(socket.channel("room:a", {"v": 2}), "1s ^").to_be("2s n", {"n": said("news", "n")})
    close = Message(None, None, "room:a", "phx_close", {})
    closes = socket.messages.pipe(ops.filter(lambda message: message.event == "phx_close"))
    marbles.expect(closes).to_be("1.1s c", {"c": close})


def test_nothing_is_left_of_leaves_on_a_connection_that_lives_long(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    socket.connect()
    for second in range(1, 20):
        marbles.expect(socket.channel("room:a"), f"{second}s ^ 400ms !").to_be("")
        marbles.expect(socket.channel(f"room:{second}"), f"{second}.1s (^!)").to_be("")
    marbles.run(until="30s")
    connection: Any = socket._link.connection
    assert (len(connection._departures), len(connection.replies)) == (0, 0)


@pytest.mark.parametrize(
    ("disposed", "frames", "states"),
    [
        ("(^ 50ms !)", "", "(cg 50ms c)"),  # connecting
        ("(^ 150ms !)", "-(1 50ms l)", "(cg 150ms c)"),
        ("(^ 250ms !)", "-(1 150ms l)", "(cg 200ms d 50ms c)"),
        ("(^ 1.5s !)", "-1", "(cg 200ms d 800ms e 500ms c)"),  # crashed, waiting
        ("(^ 2.05s !)", "-1 1.8s (2 50ms m)", "(cg 200ms d 800ms e 1s g 50ms c)"),  # joining again
        ("(^ 3.005s !)", "-1 1.8s 2", "(cg 200ms d 800ms e 1s g 100ms d 900ms e 5ms c)"),  # the link is not back yet
    ],
)
def test_disposing_in_each_state_sends_what_is_due_and_nothing_after(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, disposed: str, frames: str, states: str
):
    room.crashes("1s x")
    phoenix.drops("3s x")
    socket = phoenix.socket()
    marbles.expect(socket.channel("room:a").state).to_be(states, STATES)
    marbles.expect(socket.channel("room:a"), disposed).to_be("")
    marbles.expect_frames(phoenix).to_be(frames, {**FRAMES, "m": leave(2, 3)})
    marbles.run(until="60s")
    assert (socket.state.value, socket._link.leases) == ("closed", 0)


@pytest.mark.parametrize(
    ("disposed", "frames"),
    [("(^ 150ms !)", "-(1 50ms l)"), ("(^ 250ms !)", "-1"), ("2s !", "-1"), ("(^ 5.25s !)", "-1 5s (2 50ms m)")],
)
def test_disposing_while_a_refusal_is_waited_out(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, disposed: str, frames: str
):
    room.handle_join(lambda *_: DENIED)
    socket = phoenix.socket(retry_refused=stepped(5))
    marbles.expect(socket.channel("room:a"), disposed).to_be("")
    marbles.expect_frames(phoenix).to_be(frames, {**FRAMES, "m": leave(2, 3)})
    marbles.run(until="60s")
    assert socket.state.value == "closed"


def test_disposing_while_leaving_changes_nothing(marbles: World, phoenix: VirtualPhoenix):
    channel = phoenix.socket().channel("room:a")
    marbles.expect(channel.leave(), "1s (^!)").to_be("")
    marbles.expect(channel, "1s !").to_be("1s |")
    marbles.expect(channel.state).to_be("g-d 700ms vc", STATES)
    marbles.expect_frames(phoenix).to_be("-1 800ms l", FRAMES)

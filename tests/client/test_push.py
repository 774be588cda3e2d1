"""The life of a push: held, sent once, answered, timed out, interrupted; exact instants and exact frames."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import (
    Channel,
    ChannelCrashed,
    ConnectionLost,
    ConnectionRefused,
    Fault,
    Frame,
    JoinRefused,
    MalformedFrame,
    NotJoined,
    PushBufferFull,
    PushInterrupted,
    PushRefused,
    PushTimeout,
    Reply,
    Socket,
    SocketClosed,
    TopicBusy,
    UnencodablePayload,
)
from rxphoenix.testing import VirtualPhoenix, VirtualTopic, World
from tests.legends import DONE, FRAMES, STATES, join, leave, push, replied

pytestmark = [pytest.mark.marbles(frame=0.1), pytest.mark.usefixtures("room")]

ASKED = {**FRAMES, "a": push(1, 2, "ask"), "e": push(1, 2, "echo"), "m": leave(1, 3)}


@pytest.fixture
def channel(phoenix: VirtualPhoenix) -> Channel:
    return phoenix.socket().channel("room:a")


def test_a_push_alone_joins_pushes_awaits_the_reply_and_leaves(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    marbles.expect(socket.channel("room:a").push("echo", {"n": 1})).to_be("---(r|)", {"r": {"n": 1}})
    marbles.expect(socket.state).to_be("no-(ac)", STATES)
    marbles.expect_frames(phoenix).to_be("-1el", {**FRAMES, "e": push(1, 2, "echo", {"n": 1}), "l": leave(1, 3)})


def test_each_subscription_sends_once(marbles: World, phoenix: VirtualPhoenix, channel: Channel):
    marbles.expect(channel).to_be("")
    echo = channel.push("echo", 1)
    for _ in range(2):
        marbles.expect(echo, "1s ^").to_be("1.1s (r|)", {"r": 1})
    marbles.expect_frames(phoenix).to_be(
        "-1 800ms (ab)", {**FRAMES, "a": push(1, 2, "echo", 1), "b": push(1, 3, "echo", 1)}
    )


def test_pushes_are_held_in_order_until_joined_and_frames_leave_at_once(
    marbles: World, phoenix: VirtualPhoenix, channel: Channel
):
    for number in range(1, 4):
        marbles.expect(channel.push("echo", number)).to_be("---(r|)", {"r": number})
    frames = {str(number): push(1, number + 1, "echo", number) for number in range(1, 4)}
    marbles.expect_frames(phoenix).to_be("-(j 100ms 123 100ms l)", {**frames, "j": join(1), "l": leave(1, 5)})


def test_the_payload_is_encoded_at_the_call(marbles: World, channel: Channel):
    payload = {"n": [1]}
    echo = channel.push("echo", payload)
    payload["n"].append(2)
    marbles.expect(echo).to_be("---(r|)", {"r": {"n": [1]}})
    with pytest.raises(UnencodablePayload, match="cannot be written as JSON"):
        channel.push("echo", {"x": object()})
    with pytest.raises(UnencodablePayload, match="255 bytes"):
        channel.push("e" * 256, b"binary")
    with pytest.raises(UnencodablePayload, match="not valid Unicode"):
        channel.push("\ud800", {})


@pytest.mark.parametrize("event", ["", "phx_join", 7])
def test_an_event_that_cannot_be_pushed_raises_at_the_call(channel: Channel, event: Any):
    with pytest.raises((ValueError, TypeError), match="event"):
        channel.push(event, {})


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), "3", True])
def test_a_timeout_that_is_none_raises_at_the_call(channel: Channel, timeout: Any):
    with pytest.raises((ValueError, TypeError), match="timeout must be"):
        channel.push("echo", {}, timeout=timeout)


@pytest.mark.parametrize("status", ["error", "busy", None, True])
def test_any_status_but_ok_is_a_refusal_and_request_yields_it(
    marbles: World, room: VirtualTopic, channel: Channel, status: Any
):
    reply = Reply(status, {"why": 1})
    room.handle("ask", lambda *_: reply)
    refused = marbles.expect(channel.push("ask")).to_be("---#", error=PushRefused("room:a", "ask", status, {"why": 1}))
    marbles.expect(channel.request("ask")).to_be("---(r|)", {"r": reply})
    marbles.run(until="1s")
    error: Any = refused.error
    assert (error.topic, error.event, error.status, error.response) == ("room:a", "ask", status, {"why": 1})


def test_a_push_without_reply_completes_when_it_is_written(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, channel: Channel
):
    room.replies("ask", "")
    marbles.expect(channel.push("ask", reply=False)).to_be("--(x|)", DONE)
    marbles.expect_frames(phoenix).to_be("-1(am)", ASKED)


def test_no_reply_in_time(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, channel: Channel):
    room.replies("ask", "3.5s r")
    marbles.expect(channel).to_be("")
    seen = marbles.expect(channel.push("ask", timeout=2), "1s ^").to_be(
        "3s #", error=PushTimeout("room:a", "ask", 2, sent=True)
    )
    marbles.run(until="5s")
    error: Any = seen.error
    assert (error.sent, error.seconds, error.__cause__) == (True, 2, None)


def test_the_timeout_runs_from_the_subscription_and_what_timed_out_is_never_sent(
    marbles: World, phoenix: VirtualPhoenix, channel: Channel
):
    phoenix.connects("5s o")
    marbles.expect(channel.push("echo", timeout=3)).to_be("3s #", error=PushTimeout("room:a", "echo", 3, sent=False))
    marbles.expect_frames(phoenix).to_be("")


def test_the_time_spent_held_counts(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, channel: Channel):
    phoenix.connects("2s o")
    room.replies("ask", "")
    marbles.expect(channel.push("ask", timeout=3)).to_be("3s #", error=PushTimeout("room:a", "ask", 3, sent=True))
    marbles.expect_frames(phoenix).to_be("2s (1 100ms a 900ms m)", ASKED)


def test_the_timeout_of_something_never_sent_says_why_as_its_cause(
    marbles: World, phoenix: VirtualPhoenix, channel: Channel
):
    refusal = ConnectionRefused("nobody there")
    phoenix.connects(*["#"] * 100, error=refusal)
    seen = marbles.expect(channel.push("echo", timeout=3)).to_be(
        "3s #", error=PushTimeout("room:a", "echo", 3, sent=False)
    )
    marbles.run(until="4s")
    assert seen.error.__cause__ is refusal


def test_disposed_while_held_is_never_sent(marbles: World, phoenix: VirtualPhoenix, channel: Channel):
    marbles.expect(channel).to_be("")
    marbles.expect(channel.push("echo"), "(^ 150ms !)").to_be("")
    marbles.expect_frames(phoenix).to_be("-1", FRAMES)


def test_disposed_after_sending_hears_nothing_and_frees_its_place(
    marbles: World, phoenix: VirtualPhoenix, channel: Channel
):
    marbles.expect(channel.push("echo"), "(^ 250ms !)").to_be("")
    marbles.expect_frames(phoenix).to_be("-1(e 50ms m)", ASKED)


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (lambda phoenix, socket: phoenix.drop(), ConnectionLost()),
        (lambda phoenix, socket: phoenix.topic("room:a").crash(), ChannelCrashed("room:a", {})),
        (lambda phoenix, socket: phoenix.topic("room:a").close(), None),
        (lambda phoenix, socket: socket.channel("room:a").leave().subscribe(), None),
        (lambda phoenix, socket: socket.close(), None),
    ],
    ids=["lost", "phx_error", "phx_close", "leave", "close"],
)
def test_sent_and_then_the_end_is_an_interruption_at_once_and_never_sent_again(
    marbles: World,
    phoenix: VirtualPhoenix,
    room: VirtualTopic,
    end: Callable[[VirtualPhoenix, Socket], object],
    cause: Exception | None,
):
    room.replies("ask", "")
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    marbles.observe(channel)
    seen = marbles.expect(channel.push("ask", timeout=100), "1s ^").to_be(
        "2s #", error=PushInterrupted("room:a", "ask", cause=cause)
    )
    marbles.at("2s", lambda: end(phoenix, socket))
    marbles.run(until="30s")
    assert (type(seen.error.__cause__), str(seen.error.__cause__)) == (type(cause), str(cause))
    assert [frame.ref for frame in phoenix.sent if frame.event == "ask"] == ["2"]


def test_held_pushes_survive_faults_and_go_out_on_the_join_that_succeeds(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, channel: Channel
):
    room.joins("")
    phoenix.drops("1s x")
    marbles.expect(channel.push("echo", {"n": 1}, timeout=60)).to_be("( 1.31s r|)", {"r": {"n": 1}})
    frames = {**FRAMES, "e": push(2, 3, "echo", {"n": 1}), "l": leave(2, 4)}
    marbles.expect_frames(phoenix).to_be("-1 910ms 2el", frames)


def test_closing_the_socket_fails_held_pushes_with_socket_closed(marbles: World, phoenix: VirtualPhoenix):
    phoenix.connects("5s o")
    socket = phoenix.socket()
    marbles.expect(socket.channel("room:a").push("echo")).to_be("1s #", error=SocketClosed())
    marbles.expect(socket.channel("room:a").push("echo"), "2s ^").to_be("2s #", error=SocketClosed())
    marbles.at("1s", socket.close)


def test_leaving_while_pushes_are_held_interrupts_them_unsent(marbles: World, room: VirtualTopic, channel: Channel):
    room.joins("")
    marbles.expect(channel.push("echo")).to_be("1s #", error=PushInterrupted("room:a", "echo", sent=False))
    marbles.observe(channel.leave(), "1s ^")


def test_a_push_never_takes_a_topic_over(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    failed: list[Exception] = []
    marbles.expect(socket.channel("room:a", {"v": 1})).to_be("")
    marbles.expect_frames(phoenix).to_be("-j 1.8s e", {"j": join(1, {"v": 1}), "e": push(1, 2, "echo")})
    marbles.expect(socket.channel("room:a").push("echo"), "2s ^").to_be("2.1s (r|)", {"r": {}})
    marbles.run(until="1s")
    socket.channel("room:a", {"v": 2}).push("echo").subscribe(on_error=failed.append)
    assert failed == []  # not inside subscribe
    marbles.advance(0)
    assert [(type(error), str(error)) for error in failed] == [(TopicBusy, str(TopicBusy("room:a", "echo")))]


def test_without_auto_join_a_push_needs_somebody_who_has_subscribed(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    channel = socket.channel("room:a", auto_join=False)
    marbles.expect(channel.push("echo")).to_be("#", error=NotJoined("room:a", "echo"))
    marbles.expect(socket.state).to_be("c 900ms no", STATES)
    marbles.expect(socket.channel("room:a"), "1s ^").to_be("")
    marbles.expect(channel.push("echo", 2), "1s ^").to_be("1.3s (r|)", {"r": 2})


@pytest.mark.parametrize(("options", "most"), [({}, 1000), ({"max_held_pushes": 3}, 3)])
def test_the_held_pushes_of_a_topic_are_bounded_and_none_is_lost(
    marbles: World, phoenix: VirtualPhoenix, options: dict[str, Any], most: int
):
    channel = phoenix.socket(**options).channel("room:a")
    for number in range(most):
        marbles.expect(channel.push("echo", number, timeout=60)).to_be("---(r|)", {"r": number})
    marbles.advance(0)
    failed: list[Exception] = []
    channel.push("echo").subscribe(on_error=failed.append)
    assert failed == []  # not inside subscribe
    marbles.advance(0)
    assert [(type(error), str(error)) for error in failed] == [
        (PushBufferFull, str(PushBufferFull("room:a", "echo", most)))
    ]


@pytest.mark.parametrize(("most", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_a_number_of_held_pushes_that_is_none_is_refused(phoenix: VirtualPhoenix, most: Any, error: type[Exception]):
    with pytest.raises(error, match="max_held_pushes"):
        phoenix.socket(max_held_pushes=most)


def test_a_refused_join_refuses_what_was_held(marbles: World, room: VirtualTopic, channel: Channel):
    room.joins("r", values={"r": Reply("error", {"reason": "no"})})
    marbles.expect(channel.push("echo")).to_be("--#", error=JoinRefused("room:a", {"reason": "no"}))


def test_a_reply_without_the_shape_of_one_is_reported_and_the_push_times_out(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.replies("ask", "")
    phoenix.writes("---r", {"r": replied(1, 2, 7)})
    socket = phoenix.socket()
    malformed = Fault("room:a", "ask", MalformedFrame("a reply without a status"))
    marbles.expect(socket.errors).to_be("---x", {"x": malformed})
    marbles.expect(socket.channel("room:a").push("ask", timeout=2)).to_be(
        "2s #", error=PushTimeout("room:a", "ask", 2, sent=True)
    )


def test_bytes_go_as_a_binary_frame_and_binary_replies_come_as_bytes(marbles: World, phoenix: VirtualPhoenix):
    phoenix.topic("jobs").replies("upload", "")
    frames = [b"\x01\x01\x01\x04\x0212jobsok\xfe", b"\x00\x01\x04\x041jobsblob\xfd", b"\x02\x04\x04jobsblob\xfc"]
    phoenix.writes("1.1s rab", {name: Frame(data, binary=True) for name, data in zip("rab", frames, strict=True)})
    channel = phoenix.socket().channel("jobs")
    marbles.expect(channel.on("blob")).to_be("1.2s ab", {"a": b"\xfd", "b": b"\xfc"})
    marbles.expect(channel.push("upload", bytearray(b"\x00\xff")), "1s ^").to_be("1.1s (r|)", {"r": b"\xfe"})
    upload = push(1, 2, "upload", b"\x00\xff", topic="jobs")
    marbles.expect_frames(phoenix).to_be("-1 800ms u", {"1": join(1, topic="jobs"), "u": upload})


def test_a_push_that_is_collected_unused_warns_and_one_that_was_piped_or_subscribed_does_not(channel: Channel):
    with pytest.warns(RuntimeWarning, match="push 'echo' to 'room:a' was never sent"):
        _forget(channel.push("echo", {}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        channel.push("echo", {}).pipe(ops.retry(2))
        channel.push("echo", {}).subscribe()
        gc.collect()


def _forget(push: object) -> None:
    del push
    gc.collect()


def test_retry_sends_again_and_awaiting_in_a_row_keeps_the_join(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, channel: Channel
):
    room.handle("ask", lambda *_: Reply("error", {}))
    marbles.expect(channel.push("ask").pipe(ops.retry(3))).to_be(
        "-----#", error=PushRefused("room:a", "ask", "error", {})
    )
    frames = {**ASKED, "b": push(1, 3, "ask"), "c": push(1, 4, "ask"), "l": leave(1, 5)}
    marbles.expect_frames(phoenix).to_be("-1abcl", frames)


def test_a_hook_sees_the_payload_of_a_reply(marbles: World, phoenix: VirtualPhoenix):
    channel = phoenix.socket().channel("room:a", on_message=lambda event, payload: {"wrapped": (event, payload)})
    marbles.expect(channel.push("echo", 1)).to_be("---(r|)", {"r": {"wrapped": ("phx_reply", 1)}})


def test_a_hook_that_raises_on_a_reply_fails_the_push_and_is_reported(marbles: World, phoenix: VirtualPhoenix):
    def hook(event: str, payload: Any) -> Any:
        raise ZeroDivisionError

    socket = phoenix.socket()
    marbles.expect(socket.errors).to_be("---x", {"x": Fault("room:a", "echo", ZeroDivisionError())})
    marbles.expect(socket.channel("room:a", on_message=hook).push("echo", 1)).to_be("---#", error=ZeroDivisionError())

"""The life of a push: held, sent once, answered, timed out, interrupted; exact instants and exact frames."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import (
    ConnectionLost,
    ConnectionRefused,
    JoinRefused,
    MalformedFrame,
    NotJoined,
    PushBufferFull,
    PushInterrupted,
    PushRefused,
    PushTimeout,
    Reply,
    SocketClosed,
    TopicBusy,
    UnencodablePayload,
)
from tests.client.virtual import Recorder, World


def test_a_push_alone_joins_pushes_awaits_the_reply_and_leaves(world: World) -> None:
    socket = world.socket()
    push = world.record(socket.channel("jobs").push("echo", {"n": 1}))
    world.run(5)
    assert push.timeline == [(0.3, {"n": 1}), (0.3, "|")]
    assert world.sent == [(0.1, "1 1 jobs phx_join"), (0.2, "1 2 jobs echo"), (0.3, "1 3 jobs phx_leave")]
    assert socket.state.value == "closed"
    assert world.link.asked_to_close is not None


def test_each_subscription_sends_once(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("jobs")
    world.record(channel)
    world.run(1)
    push = channel.push("echo", {"n": 1})
    recorders = [world.record(push), world.record(push)]
    world.run(2)
    assert [recorder.values for recorder in recorders] == [[{"n": 1}], [{"n": 1}]]
    assert [frame for _, frame in world.sent][1:] == ["1 2 jobs echo", "1 3 jobs echo"]


def test_pushes_are_held_in_order_until_joined_and_frames_leave_at_once(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("jobs")
    for number in range(3):
        world.record(channel.push("echo", {"n": number}))
    world.run(1)
    assert [message[4] for _, message in world.link.sent[1:4]] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [instant for instant, _ in world.sent][1:4] == [0.2, 0.2, 0.2]


def test_the_payload_is_encoded_at_the_call(world: World) -> None:
    channel = world.socket().channel("jobs")
    payload = {"n": [1]}
    push = channel.push("echo", payload)
    payload["n"].append(2)
    recorder = world.record(push)
    world.run(1)
    assert recorder.values == [{"n": [1]}]
    with pytest.raises(UnencodablePayload, match="cannot be written as JSON"):
        channel.push("echo", {"x": object()})
    with pytest.raises(UnencodablePayload, match="255 bytes"):
        channel.push("e" * 256, b"binary")
    with pytest.raises(UnencodablePayload, match="not valid Unicode"):
        channel.push("\ud800", {})


@pytest.mark.parametrize("event", ["", "phx_join", 7])
def test_an_event_that_cannot_be_pushed_raises_at_the_call(world: World, event: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="event"):
        world.socket().channel("jobs").push(event, {})


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), "3", True])
def test_a_timeout_that_is_none_raises_at_the_call(world: World, timeout: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="timeout must be"):
        world.socket().channel("jobs").push("echo", {}, timeout=timeout)


@pytest.mark.parametrize("status", ["error", "busy", None, True])
def test_any_status_but_ok_is_a_refusal_and_request_yields_it(world: World, status: Any) -> None:
    world.answers("ask", status, {"why": 1})
    channel = world.socket().channel("jobs")
    push, request = world.record(channel.push("ask", {})), world.record(channel.request("ask", {}))
    world.run(1)
    assert push.timeline == [(0.3, PushRefused)]
    error: Any = push.error
    assert (error.topic, error.event, error.status, error.response) == ("jobs", "ask", status, {"why": 1})
    assert request.timeline == [(0.3, Reply(status, {"why": 1})), (0.3, "|")]


def test_a_push_without_reply_completes_when_it_is_written(world: World) -> None:
    world.ignores("tell")
    push = world.record(world.socket().channel("jobs").push("tell", {}, reply=False))
    world.run(1)
    assert push.timeline == [(0.2, None), (0.2, "|")]
    assert world.sent[1] == (0.2, "1 2 jobs tell")


def test_no_reply_in_time(world: World) -> None:
    world.ignores("ask")
    channel = world.socket().channel("jobs")
    world.record(channel)
    world.run(1)
    push = world.record(channel.push("ask", {}, timeout=2))
    world.at(3.5, lambda: world.link.receive("1", "2", "jobs", "phx_reply", {"status": "ok", "response": "late"}))
    world.run(5)
    assert push.timeline == [(3, PushTimeout)]
    error: Any = push.error
    assert (error.sent, error.seconds, error.__cause__) == (True, 2, None)


def test_the_timeout_runs_from_the_subscription_and_what_timed_out_is_never_sent(world: World) -> None:
    world.opens_after = 5
    push = world.record(world.socket().channel("jobs").push("echo", {}, timeout=3))
    keeper = world.socket()
    del keeper
    world.run(10)
    assert push.timeline == [(3, PushTimeout)]
    assert push.error.sent is False  # pyright: ignore[reportAttributeAccessIssue]
    assert world.sent == []


def test_the_time_spent_held_counts(world: World) -> None:
    world.ignores("ask")
    world.opens_after = 2
    socket = world.socket()
    push = world.record(socket.channel("jobs").push("ask", {}, timeout=3))
    world.run(10)
    assert world.sent[1] == (2.1, "1 2 jobs ask")
    assert push.timeline == [(3, PushTimeout)]
    assert push.error.sent is True  # pyright: ignore[reportAttributeAccessIssue]


def test_the_timeout_of_something_never_sent_says_why_as_its_cause(world: World) -> None:
    refusal = ConnectionRefused("nobody there")
    world.outcomes = [world.fails(refusal, after=0) for _ in range(100)]
    push = world.record(world.socket().channel("jobs").push("echo", {}, timeout=3))
    world.run(4)
    assert push.timeline == [(3, PushTimeout)]
    assert push.error.__cause__ is refusal


def test_disposed_while_held_is_never_sent(world: World) -> None:
    socket = world.socket()
    world.record(socket.channel("jobs"))
    push = world.record(socket.channel("jobs").push("echo", {}))
    world.at(0.15, push.dispose)
    world.run(1)
    assert push.events == []
    assert [frame for _, frame in world.sent] == ["1 1 jobs phx_join"]


def test_disposed_after_sending_hears_nothing_and_frees_its_place(world: World) -> None:
    socket = world.socket()
    push = world.record(socket.channel("jobs").push("echo", {}))
    world.at(0.25, push.dispose)
    world.run(1)
    assert push.events == []
    assert [frame for _, frame in world.sent] == ["1 1 jobs phx_join", "1 2 jobs echo", "1 3 jobs phx_leave"]


@pytest.mark.parametrize("how", ["lost", "phx_error", "phx_close", "leave", "close"])
def test_sent_and_then_the_end_is_an_interruption_at_once_and_never_sent_again(world: World, how: str) -> None:
    world.ignores("ask")
    socket = world.socket()
    channel = socket.channel("jobs")
    world.record(channel)
    world.run(1)
    push = world.record(channel.push("ask", {}, timeout=100))
    ends = {
        "lost": lambda: world.link.lose(),
        "phx_error": lambda: world.link.receive("1", "1", "jobs", "phx_error", {}),
        "phx_close": lambda: world.link.receive("1", "1", "jobs", "phx_close", {}),
        "leave": lambda: world.record(channel.leave()),
        "close": socket.close,
    }
    world.at(2, ends[how])
    world.run(30)
    assert push.timeline == [(2, PushInterrupted)]
    error: Any = push.error
    assert error.sent is True
    if how == "lost":
        assert isinstance(error.__cause__, ConnectionLost)
    assert [frame for _, frame in world.sent if "ask" in frame] == ["1 2 jobs ask"]


def test_held_pushes_survive_faults_and_go_out_on_the_join_that_succeeds(world: World) -> None:
    world.ignores("phx_join")
    socket = world.socket()
    push = world.record(socket.channel("jobs").push("echo", {"n": 1}, timeout=60))
    world.at(1, lambda: world.link.lose())
    world.at(1.05, lambda: world.replies.clear())
    world.run(5)
    assert push.values == [{"n": 1}]
    assert [frame for _, frame in world.sent][:3] == ["1 1 jobs phx_join", "2 2 jobs phx_join", "2 3 jobs echo"]


def test_closing_the_socket_fails_held_pushes_with_socket_closed(world: World) -> None:
    world.opens_after = 5
    socket = world.socket()
    push = world.record(socket.channel("jobs").push("echo", {}))
    world.at(1, socket.close)
    world.run(2)
    assert push.timeline == [(1, SocketClosed)]
    late = world.record(socket.channel("jobs").push("echo", {}))
    world.run(3)
    assert late.timeline == [(2, SocketClosed)]


def test_leaving_while_pushes_are_held_interrupts_them_unsent(world: World) -> None:
    world.ignores("phx_join")
    socket = world.socket()
    channel = socket.channel("jobs")
    push = world.record(channel.push("echo", {}))
    world.at(1, lambda: world.record(channel.leave()))
    world.run(2)
    assert push.timeline == [(1, PushInterrupted)]
    assert push.error.sent is False  # pyright: ignore[reportAttributeAccessIssue]


def test_a_push_never_takes_a_topic_over(world: World) -> None:
    socket = world.socket()
    messages = world.record(socket.channel("jobs", {"v": 1}))
    world.run(1)
    push = world.record(socket.channel("jobs", {"v": 2}).push("echo", {}))
    assert push.events == []  # not inside subscribe
    world.run(2)
    assert push.timeline == [(1, TopicBusy)]
    assert messages.events == []
    assert [frame for _, frame in world.sent] == ["1 1 jobs phx_join"]
    assert world.record(socket.channel("jobs").push("echo", {})).events == []


def test_without_auto_join_a_push_needs_somebody_who_has_subscribed(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("jobs", auto_join=False)
    push = world.record(channel.push("echo", {"n": 1}))
    world.run(1)
    assert push.timeline == [(0, NotJoined)]
    assert world.attempts == []
    world.record(socket.channel("jobs"))
    rides = world.record(channel.push("echo", {"n": 2}))
    world.run(2)
    assert rides.values == [{"n": 2}]


@pytest.mark.parametrize(("options", "most"), [({}, 1000), ({"max_held_pushes": 3}, 3)])
def test_the_held_pushes_of_a_topic_are_bounded_and_none_is_lost(
    world: World, options: dict[str, Any], most: int
) -> None:
    channel = world.socket(**options).channel("jobs")
    recorders = [world.record(channel.push("echo", number, timeout=60)) for number in range(most + 1)]
    assert recorders[-1].events == []  # not inside subscribe
    world.run(1)
    assert [recorder.values for recorder in recorders[:-1]] == [[number] for number in range(most)]
    assert recorders[-1].timeline == [(0, PushBufferFull)]


@pytest.mark.parametrize(("most", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_a_number_of_held_pushes_that_is_none_is_refused(world: World, most: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="max_held_pushes"):
        world.socket(max_held_pushes=most)


def test_a_refused_join_refuses_what_was_held(world: World) -> None:
    world.answers("phx_join", "error", {"reason": "no"})
    push = world.record(world.socket().channel("jobs").push("echo", {}))
    world.run(1)
    assert push.timeline == [(0.2, JoinRefused)]


def test_a_reply_without_the_shape_of_one_is_reported_and_the_push_times_out(world: World) -> None:
    world.replies["ask"] = lambda frame: [(0.1, (frame[0], frame[1], frame[2], "phx_reply", 7))]
    socket = world.socket()
    errors = world.record(socket.errors)
    push = world.record(socket.channel("jobs").push("ask", {}, timeout=2))
    world.run(3)
    assert [(fault.topic, fault.event, type(fault.error)) for fault in errors.values] == [
        ("jobs", "ask", MalformedFrame)
    ]
    assert push.timeline == [(2, PushTimeout)]


def test_bytes_go_as_a_binary_frame_and_binary_replies_come_as_bytes(world: World) -> None:
    socket = world.socket()
    push_reply: list[Recorder] = []
    channel = socket.channel("jobs")
    messages = world.record(channel.on("blob"))
    world.run(1)
    push_reply.append(world.record(channel.push("upload", bytearray(b"\x00\xff"))))
    assert world.link.sent[-1][1] == ["1", "2", "jobs", "upload", b"\x00\xff"]
    world.link.receive_raw(b"\x01\x01\x01\x04\x0212jobsok\xfe", binary=True)
    world.link.receive_raw(b"\x00\x01\x04\x041jobsblob\xfd", binary=True)
    world.link.receive_raw(b"\x02\x04\x04jobsblob\xfc", binary=True)
    world.run(2)
    assert push_reply[0].values == [b"\xfe"]
    assert messages.values == [b"\xfd", b"\xfc"]


def test_a_push_that_is_collected_unused_warns_and_one_that_was_piped_or_subscribed_does_not(world: World) -> None:
    channel = world.socket().channel("jobs")
    with pytest.warns(RuntimeWarning, match="push 'echo' to 'jobs' was never sent"):
        _forget(channel.push("echo", {}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        channel.push("echo", {}).pipe(ops.retry(2))
        world.record(channel.push("echo", {}))
        gc.collect()


def _forget(push: object) -> None:
    del push
    gc.collect()


def test_retry_sends_again_and_awaiting_in_a_row_keeps_the_join(world: World) -> None:
    world.answers("ask", "error", {})
    socket = world.socket()
    push = world.record(socket.channel("jobs").push("ask", {}).pipe(ops.retry(3)))
    world.run(2)
    assert push.timeline == [(0.5, PushRefused)]
    assert [frame for _, frame in world.sent] == [
        "1 1 jobs phx_join",
        "1 2 jobs ask",
        "1 3 jobs ask",
        "1 4 jobs ask",
        "1 5 jobs phx_leave",
    ]


def test_a_hook_sees_the_payload_of_a_reply(world: World) -> None:
    seen: list[Any] = []

    def hook(event: str, payload: Any) -> Any:
        seen.append((event, payload))
        return {"wrapped": payload}

    channel = world.socket().channel("jobs", on_message=hook)
    push = world.record(channel.push("echo", 1))
    world.run(1)
    assert push.values == [{"wrapped": 1}]
    assert seen == [("phx_reply", 1)]


def test_a_hook_that_raises_on_a_reply_fails_the_push_and_is_reported(world: World) -> None:
    def hook(event: str, payload: Any) -> Any:
        raise ZeroDivisionError

    socket = world.socket()
    errors = world.record(socket.errors)
    push = world.record(socket.channel("jobs", on_message=hook).push("echo", 1))
    world.run(1)
    assert push.timeline == [(0.3, ZeroDivisionError)]
    assert [type(fault.error) for fault in errors.values] == [ZeroDivisionError]

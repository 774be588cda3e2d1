"""Events and responses as a type: who gets what, and what a payload that does not fit does."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pydantic
import pytest
from reactivex import operators as ops

from rxphoenix import Fault, JSONSerializer, Message, PayloadMismatch, Reply
from rxphoenix.testing import VirtualPhoenix, World


class Reading(msgspec.Struct, frozen=True):
    celsius: float


@dataclasses.dataclass
class Reset:
    reason: str


class Order(pydantic.BaseModel):
    number: int = pydantic.Field(alias="no")


GOOD, BAD = {"celsius": 20.5}, {"celsius": "warm"}
NAMES = {"g": GOOD, "b": BAD, "G": Reading(20.5)}
MISMATCH = PayloadMismatch("Reading", "Expected `float`, got `str` - at `$.celsius`")
FAULT = Fault("room:a", "reading", MISMATCH)


def readings(marbles: World, drawing: str) -> VirtualPhoenix:
    phoenix = marbles.phoenix()
    phoenix.topic("room:a").pushes("reading", drawing, NAMES)
    return phoenix


def test_a_payload_that_does_not_fit_is_reported_and_stops_nobody(marbles: World) -> None:
    socket = readings(marbles, "-gbg").socket()
    room = socket.channel("room:a")
    marbles.expect(socket.errors).to_be("--x", {"x": FAULT})
    marbles.expect(room.on("reading", type=Reading)).to_be("-G-G", NAMES)
    marbles.expect(room.on("reading", type=dict[str, Any])).to_be("-gbg", NAMES)
    marbles.expect(room.on("reading")).to_be("-gbg", NAMES)
    marbles.expect(room.pipe(ops.map(lambda message: message.payload))).to_be("-gbg", NAMES)


def test_a_payload_that_does_not_fit_is_logged_if_nobody_watches_the_errors(
    marbles: World, caplog: pytest.LogCaptureFixture
) -> None:
    room = readings(marbles, "-gbg").socket().channel("room:a")
    marbles.expect(room.on("reading", type=Reading)).to_be("-G-G", NAMES)
    marbles.run(until=0.005)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            "a payload on topic 'room:a', event 'reading' is no Reading and was left out; "
            "socket.errors tells what does not fit",
        )
    ]


def test_one_that_is_strict_ends_with_the_error_and_nobody_else_does(marbles: World) -> None:
    socket = readings(marbles, "-gbg").socket()
    room = socket.channel("room:a")
    marbles.expect(room.on("reading", type=Reading, strict=True)).to_be("-G#", NAMES, error=MISMATCH)
    marbles.expect(room.on("reading", type=Reading)).to_be("-G-G", NAMES)
    marbles.expect(socket.errors).to_be("--x", {"x": FAULT})


def test_the_end_of_a_strict_stream_gives_its_lease_back(marbles: World) -> None:
    phoenix = readings(marbles, "-gb-")
    socket = phoenix.socket()
    marbles.expect(socket.errors).to_be("---")
    marbles.expect(socket.channel("room:a").on("reading", type=Reading, strict=True)).to_be(
        "-G#", NAMES, error=MISMATCH
    )
    marbles.expect_frames(phoenix).to_be("j-l", {"j": "phx_join", "l": "phx_leave"})


@pytest.mark.parametrize("strict", [False, True])
def test_a_hook_comes_before_the_type(marbles: World, strict: bool) -> None:
    socket = readings(marbles, "-gb").socket()

    def doubled(event: str, payload: Any) -> Any:
        return {"celsius": payload["celsius"] * 2}

    room = socket.channel("room:a", on_message=doubled)
    stream = room.on("reading", type=Reading, strict=strict)
    marbles.expect(stream).to_be("-D#" if strict else "-D-", {"D": Reading(41.0)}, error=MISMATCH if strict else None)
    marbles.expect(socket.errors).to_be("---" if strict else "--x", {"x": FAULT})


def test_two_that_want_the_same_share_one_reading(marbles: World) -> None:
    made: list[str] = []

    @dataclasses.dataclass
    class Counted:
        celsius: float

        def __post_init__(self) -> None:
            made.append("one")

    room = readings(marbles, "-g-g").socket().channel("room:a")
    seen: list[Any] = []
    for subscribed in ("^---!", "^-!"):
        stream = room.on("reading", type=Counted).pipe(ops.do_action(seen.append))
        marbles.expect(stream, subscribed).to_be("-C-C" if subscribed == "^---!" else "-C-", {"C": Counted(20.5)})
    made.clear()
    marbles.run(until=0.005)
    assert len(made) == 2
    assert seen[0] is seen[1]


def test_nobody_decodes_what_only_a_type_is_wanted_of(marbles: World) -> None:
    phoenix = readings(marbles, "-g")
    socket = phoenix.socket()
    undecoded: list[bool] = []
    marbles.expect(socket.channel("room:a").on("reading", type=Reading)).to_be("-G", NAMES)
    later = socket.messages.pipe(ops.filter(lambda message: message.event == "reading"), ops.take(1))
    kept: list[Message] = []
    later.subscribe(kept.append)
    marbles.run(until=0.005)
    undecoded = [message.raw is not None for message in kept]
    assert undecoded == [True]


def test_binary_payloads_are_read_as_bytes(marbles: World) -> None:
    phoenix = marbles.phoenix()
    phoenix.topic("room:a").pushes("blob", "-b", {"b": b"\x00\xff"})
    socket = phoenix.socket()
    marbles.expect(socket.channel("room:a").on("blob", type=bytes)).to_be("-b", {"b": b"\x00\xff"})
    marbles.expect(socket.channel("room:a").on("blob", type=Reading)).to_be("--")
    mismatch = PayloadMismatch("Reading", "Expected `object`, got `bytes`")
    marbles.expect(socket.errors).to_be("-x", {"x": Fault("room:a", "blob", mismatch)})


def test_a_type_that_nothing_can_be_read_as_is_refused_at_the_call(marbles: World) -> None:
    class Stranger:
        pass

    room = marbles.phoenix().socket().channel("room:a")
    with pytest.raises(TypeError, match=r"nothing can be read as .*Stranger.*dataclass"):
        room.on("reading", type=Stranger)
    with pytest.raises(TypeError, match=r"nothing can be read as .*Stranger"):
        room.push("reading", reply_type=Stranger)
    with pytest.raises(ValueError, match="strict=True needs a type"):
        room.on("reading", strict=True)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="reply_type needs a reply"):
        room.push("reading", reply=False, reply_type=Reading)  # type: ignore[call-overload]


# -- pushes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (Reading(1.5), {"celsius": 1.5}),
        (Reset("cold"), {"reason": "cold"}),
        (Order(no=3), {"no": 3}),
        ([Order(no=3), Reading(1.5)], [{"no": 3}, {"celsius": 1.5}]),
    ],
)
def test_a_push_takes_what_events_are_read_as(marbles: World, payload: Any, expected: Any) -> None:
    phoenix = marbles.phoenix()
    phoenix.topic("room:a").handle("echo", lambda channel, payload: Reply("ok", payload))
    marbles.expect(phoenix.socket().channel("room:a").push("echo", payload)).to_be("(v|)", {"v": expected})


def test_a_response_is_read_as_a_type(marbles: World) -> None:
    phoenix = marbles.phoenix()
    phoenix.topic("room:a").handle("echo", lambda channel, payload: Reply("ok", payload))
    room = phoenix.socket().channel("room:a")
    marbles.expect(room.push("echo", GOOD, reply_type=Reading)).to_be("(G|)", NAMES)
    marbles.expect(room.push("echo", {"no": 3}, reply_type=Order)).to_be("(o|)", {"o": Order(no=3)})
    marbles.expect(room.push("echo", BAD, reply_type=Reading)).to_be("#", error=MISMATCH)
    marbles.expect(room.push("echo", b"\xff", reply_type=bytes)).to_be("(b|)", {"b": b"\xff"})


def test_a_misfit_of_a_push_is_the_pushs_and_frees_its_lease(marbles: World) -> None:
    phoenix = marbles.phoenix()
    phoenix.topic("room:a").handle("echo", lambda channel, payload: Reply("ok", payload))
    socket = phoenix.socket()
    marbles.expect(socket.errors).to_be("-")
    marbles.expect(socket.channel("room:a").push("echo", BAD, reply_type=Reading), "-^").to_be("-#", error=MISMATCH)
    marbles.expect_frames(phoenix).to_be("-(jpl)", {"j": "phx_join", "p": "echo", "l": "phx_leave"})


def test_a_serializer_of_ones_own_is_asked_before_the_type(marbles: World) -> None:
    class Kelvin(JSONSerializer):
        def decode(self, frame: Any) -> Message:
            message = super().decode(frame)
            if message.event == "reading":
                return message.with_payload({"celsius": message.payload["celsius"] + 0.5})
            return message

    phoenix = readings(marbles, "-g")
    room = phoenix.socket(serializer=Kelvin()).channel("room:a")
    marbles.expect(room.on("reading", type=Reading)).to_be("-K", {"K": Reading(21.0)})

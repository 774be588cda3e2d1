"""A server that says what no server should: each time what is emitted, what is reported, and that all goes on.

What is said in bytes rather than in messages is in ``tests/transports/test_hostile_peers.py``.
"""

from __future__ import annotations

from typing import Any, Literal

import pytest
from reactivex import operators as ops

from rxphoenix import (
    ChannelCrashed,
    ConnectionLost,
    ConnectionRefused,
    Fault,
    Frame,
    JoinRefused,
    JoinTimeout,
    JSONSerializer,
    JSONSerializerV1,
    MalformedFrame,
    Message,
    PushInterrupted,
    PushRefused,
    PushTimeout,
    Reply,
)
from rxphoenix.testing import Observation, VirtualPhoenix, World
from rxphoenix.testing.drawing import Completed, Next
from tests.depth import is_too_deep_to_read
from tests.legends import STATES

pytestmark = pytest.mark.marbles(frame=0.1)

ROOM = "room:a"
JOIN, PUSH = "1", "2"
"""The refs of the join and of the push that is pending in a scene."""

OK = {"status": "ok", "response": {}}


def told(seen: Observation) -> list[Any]:
    """What was seen: values, and the end as ``"|"`` or the type of the error."""
    return [*seen.values, *("|" if isinstance(mark, Completed) else type(mark.error) for mark in seen.drawing.marks
                           if not isinstance(mark, Next))]  # fmt: skip


class Scene:
    """A client that has something to lose: a joined channel, its observers, a push that is not answered yet."""

    def __init__(self, marbles: World, vsn: Literal["1.0.0", "2.0.0"] = "2.0.0") -> None:
        self.marbles = marbles
        self.phoenix = marbles.phoenix(opens_after=0.1, latency=0.1, idle_timeout=None)
        self.phoenix.topic(ROOM).replies("ask", "")
        serializer = JSONSerializer() if vsn == "2.0.0" else JSONSerializerV1()
        self.socket = self.phoenix.socket(heartbeat_interval=None, serializer=serializer)
        self.channel = self.socket.channel(ROOM)
        self.errors = marbles.observe(self.socket.errors)
        self.news = marbles.observe(self.channel.on("news"))
        self.numbers = marbles.observe(self.channel.on("news", type=int))
        self.everything = marbles.observe(self.channel)
        self.joined = marbles.observe(self.channel.joined)
        self.presence = marbles.observe(self.channel.presence())
        marbles.run(until="1s")
        self.push = marbles.observe(self.channel.push("ask", timeout=5))

    def says(self, *frames: bytes, binary: bool = False) -> None:
        for frame in frames:
            self.phoenix.write(Frame(frame, binary=binary))

    def receive(self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any) -> None:
        self.phoenix.write(Message(join_ref, ref, topic, event, payload))

    @property
    def faults(self) -> list[tuple[str | None, str | None, type]]:
        return [(fault.topic, fault.event, type(fault.error)) for fault in self.errors.values]

    def goes_on(self, *, push: Any = "answer") -> None:
        """Everything still works, and the push ends once, as it should."""
        heard = len(self.news.values)
        self.receive(JOIN, None, ROOM, "news", 7)
        assert self.news.values[heard:] == [7]
        assert self.numbers.values[-1] == 7
        self.receive(JOIN, PUSH, ROOM, "phx_reply", {"status": "ok", "response": "answer"})
        self.receive(JOIN, None, ROOM, "presence_state", {"ann": {"metas": [{"phx_ref": "x"}]}})
        assert [entry.key for entry in self.presence.values[-1]] == ["ann"]
        self.marbles.run(until="30s")
        assert told(self.push) == ([push, "|"] if push == "answer" else [push])
        assert (len(self.phoenix.attempts), self.socket.state.value, self.channel.state.value) == (1, "open", "joined")
        assert len(self.joined.values) == 1
        assert [frame[2:6] for frame in self.phoenix.sent] == [
            (JOIN, JOIN, ROOM, "phx_join"),
            (JOIN, PUSH, ROOM, "ask"),
        ]


DEEP = 100_000
DEEP_AND_SMALL = 1500


NOT_MESSAGES = {
    "nothing": b"",
    "blank": b" \n\t",
    "null": b"null",
    "no JSON": b"<html>",
    "half": b'["1",null,"room:a","ne',
    "too few": b'["1",null,"room:a","news"]',
    "too many": b'["1",null,"room:a","news",{},{}]',
    "an object": b'{"join_ref":"1"}',
    "numbers for refs": b'[1,2,"room:a","news",{}]',
    "no topic": b'["1",null,null,"news",{}]',
    "an object for a topic": b'["1",null,{"topic":"room:a"},"news",{}]',
    "a number for an event": b'["1",null,"room:a",7,{}]',
    "no payload": b'["1",null,"room:a","news",]',
    "two": b'["1",null,"room:a","news",1]["1",null,"room:a","news",2]',
    "not UTF-8": b'["1",null,"room:\xff","news",{}]',
    "half a surrogate": b'["1",null,"room:\\ud800","news",{}]',
    "UTF-16": '["1",null,"room:a","news",{}]'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf["1",null,"room:a","news",{}]',
    "a number that is none": b'["1",null,"room:a","news",NaN]',
    "deeply nested and never closed": b"[" * DEEP,
}
if is_too_deep_to_read(DEEP_AND_SMALL):  # in a frame that is small enough to be read in one go
    brackets = b"[" * DEEP_AND_SMALL + b"]" * DEEP_AND_SMALL
    NOT_MESSAGES["deeply nested"] = b'["1",null,"room:a","news",' + brackets + b"]"


@pytest.mark.parametrize("frame", NOT_MESSAGES.values(), ids=list(NOT_MESSAGES))
def test_what_is_no_message_is_reported_and_dropped(marbles: World, frame: bytes):
    scene = Scene(marbles)
    scene.says(frame)
    assert scene.faults == [(None, None, MalformedFrame)]
    assert str(scene.news) == str(scene.everything) == str(scene.push) == ""
    scene.goes_on()


NOT_MESSAGES_OF_1_0_0 = {
    "nothing": b"",
    "an array": b'["1",null,"room:a","news",{}]',
    "no topic": b'{"event":"news","payload":{},"ref":null}',
    "no payload": b'{"topic":"room:a","event":"news","ref":null}',
    "a number for a ref": b'{"topic":"room:a","event":"phx_reply","payload":{},"ref":2}',
    "not UTF-8": b'{"topic":"room:\xff","event":"news","payload":{},"ref":null}',
    "deeply nested": b'{"topic":"room:a","event":"news","ref":null,"payload":' + b"[" * DEEP + b"]" * DEEP + b"}",
}


@pytest.mark.parametrize("frame", NOT_MESSAGES_OF_1_0_0.values(), ids=list(NOT_MESSAGES_OF_1_0_0))
def test_what_is_no_message_of_1_0_0_is_reported_and_dropped(marbles: World, frame: bytes):
    scene = Scene(marbles, "1.0.0")
    scene.says(frame)
    assert scene.faults == [(None, None, MalformedFrame)]
    assert str(scene.news) == str(scene.everything) == str(scene.push) == ""
    scene.goes_on()


BROKEN_BINARY = {
    "nothing": b"",
    "only a kind": b"\x00",
    "an unknown kind": b"\x03\x01\x06\x04",
    "the last kind": b"\xff" * 9,
    "a field that is longer than the frame": b"\x00\x01\x06\xff" + b"1room:anews",
    "a topic that is not UTF-8": b"\x02\x06\x04" + b"room:\xffnews",
    "a reply without its lengths": b"\x01\x01\x01",
}


@pytest.mark.parametrize("vsn", ["2.0.0", "1.0.0"])
@pytest.mark.parametrize("frame", BROKEN_BINARY.values(), ids=list(BROKEN_BINARY))
def test_a_broken_binary_frame_is_reported_and_dropped(marbles: World, frame: bytes, vsn: Literal["1.0.0", "2.0.0"]):
    scene = Scene(marbles, vsn)
    scene.says(frame, binary=True)
    assert scene.faults == [(None, None, MalformedFrame)]
    scene.goes_on()


NOT_PAYLOADS = {
    "not UTF-8": b'"\xff"',
    "a number out of range": b"1e400",
    "very many digits": b"9" * 100_000,
    "nested nearly as deep as can be skipped": b"[" * 900 + b"1e400" + b"]" * 900,
    # of large frames nobody knows before
    "deeply nested": b"[" * DEEP + b"]" * DEEP,
    "deeply nested objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "two": b'"%b","too many"' % (b"x" * 5000),
    "half of one": b'{"a":"%b"' % (b"x" * 5000),
}


@pytest.mark.parametrize("payload", NOT_PAYLOADS.values(), ids=list(NOT_PAYLOADS))
def test_a_payload_that_is_none_is_reported_when_it_is_looked_at(marbles: World, payload: bytes):
    scene = Scene(marbles)
    scene.says(b'["1",null,"room:a","unheard",' + payload + b"]")
    assert scene.faults == []  # nobody looked
    scene.everything.dispose()
    scene.says(b'["1",null,"room:a","news",' + payload + b"]")
    assert scene.faults == [(ROOM, "news", MalformedFrame)]
    assert str(scene.news) == str(scene.numbers) == ""
    scene.goes_on()


@pytest.mark.parametrize("depth", range(900, 1000, 3))
@pytest.mark.parametrize("event", ["news", "presence_state", "phx_reply"])
def test_a_payload_nested_as_deep_as_can_be_read_does_no_harm(marbles: World, event: str, depth: int):
    scene = Scene(marbles)
    deep = b"[" * depth + b"]" * depth
    payloads = {
        "news": deep,
        "presence_state": b'{"ann":{"metas":[{"phx_ref":"x","deep":' + deep + b"}]}}",
        "phx_reply": b'{"status":"error","response":' + deep + b"}",
    }
    ref = b'"2"' if event == "phx_reply" else b"null"
    scene.says(b'["1",' + ref + b',"room:a","' + event.encode() + b'",' + payloads[event] + b"]")
    if event == "phx_reply":
        if scene.faults == []:
            outcome: Any = PushRefused
        elif scene.faults[0] == (ROOM, "ask", MalformedFrame):  # it was a reply to the push, and said nothing
            outcome = PushTimeout
        else:
            assert scene.faults == [(None, None, MalformedFrame)]
            outcome = "answer"
        scene.goes_on(push=outcome)
    else:
        scene.goes_on()


@pytest.mark.parametrize("event", ["phx_join", "phx_leave", "phx_", "phx_nonsense"])
def test_a_reserved_event_that_no_server_sends_is_reported(marbles: World, event: str):
    scene = Scene(marbles)
    scene.receive(JOIN, None, ROOM, event, {})
    assert scene.faults == [(ROOM, event, MalformedFrame)]
    assert str(scene.everything) == ""
    scene.goes_on()


def test_a_message_for_a_topic_that_was_never_joined_is_reported(marbles: World):
    scene = Scene(marbles)
    scene.receive(None, None, "room:z", "news", {})
    assert scene.faults == [("room:z", "news", MalformedFrame)]
    scene.goes_on()


def test_messages_of_the_protocol_for_topics_that_are_not_joined_are_nothing(marbles: World):
    scene = Scene(marbles)
    for event in ("phx_reply", "phx_close", "phx_error", "phx_join", "phx_leave"):
        for join_ref in (None, JOIN, "99"):
            scene.receive(join_ref, join_ref, "room:z", event, {})
            scene.receive(join_ref, join_ref, "phoenix", event, {})
    assert scene.faults == []
    scene.goes_on()


@pytest.mark.parametrize("join_ref", ["0", "99", "", "nonsense", "1 "])
@pytest.mark.parametrize("event", ["news", "phx_reply", "phx_close", "phx_error", "phx_nonsense", "presence_state"])
def test_messages_of_other_joins_are_nothing(marbles: World, join_ref: str, event: str):
    scene = Scene(marbles)
    scene.receive(join_ref, "98", ROOM, event, {"status": "error", "response": {}})
    assert (scene.faults, str(scene.news), str(scene.presence)) == ([], "", "")
    scene.goes_on()


# -- replies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ref", ["0", "3", "999999999999999999999", "", "nonsense", "²"])
@pytest.mark.parametrize("payload", [OK, {"status": "error", "response": {}}, {}, None, 7, [], "ok"])
def test_a_reply_to_nothing_that_was_sent_is_nothing(marbles: World, ref: str, payload: Any):
    scene = Scene(marbles)
    scene.receive(JOIN, ref, ROOM, "phx_reply", payload)
    assert {kind for _topic, _event, kind in scene.faults} <= {MalformedFrame}
    assert str(scene.push) == ""
    scene.goes_on()


def test_a_reply_that_comes_twice_counts_once(marbles: World):
    scene = Scene(marbles)
    for response in ("first", "second"):
        scene.receive(JOIN, PUSH, ROOM, "phx_reply", {"status": "ok", "response": response})
    scene.receive(JOIN, PUSH, ROOM, "phx_reply", {"status": "error", "response": "third"})
    assert (str(scene.push), scene.push.values) == ("(a|)", ["first"])
    assert scene.faults == []
    scene.receive(JOIN, None, ROOM, "news", 7)
    assert scene.news.values == [7]


def test_a_join_reply_that_comes_twice_counts_once_whatever_it_says(marbles: World):
    scene = Scene(marbles)
    for payload in (OK, {"status": "error", "response": {"reason": "no"}}, {"status": "error", "response": {}}, {}):
        scene.receive(JOIN, JOIN, ROOM, "phx_reply", payload)
    assert len(scene.joined.values) == 1
    scene.goes_on()


@pytest.mark.parametrize(
    ("topic", "join_ref"), [("room:b", JOIN), ("room:b", None), ("phoenix", None), (ROOM, "99"), (ROOM, PUSH)]
)
def test_a_reply_to_something_else_than_what_was_pushed_with_its_ref_is_reported_and_answers_nothing(
    marbles: World, topic: str, join_ref: str | None
):
    scene = Scene(marbles)
    scene.receive(join_ref, PUSH, topic, "phx_reply", OK)
    assert str(scene.push) == ""
    assert scene.faults == [(topic, "phx_reply", MalformedFrame)]
    scene.goes_on()


def test_a_reply_to_the_join_of_another_topic_joins_nothing(marbles: World):
    scene = Scene(marbles)
    scene.phoenix.topic("room:b").joins("")
    channel = scene.socket.channel("room:b")
    joined = marbles.observe(channel.joined)
    scene.receive("3", "3", ROOM, "phx_reply", OK)
    scene.receive(JOIN, "3", "room:b", "phx_reply", OK)
    assert scene.faults == [(ROOM, "phx_reply", MalformedFrame), ("room:b", "phx_reply", MalformedFrame)]
    assert (str(joined), channel.state.value) == ("", "joining")
    scene.receive("3", "3", "room:b", "phx_reply", OK)
    assert (len(joined.values), channel.state.value) == (1, "joined")


NOT_REPLIES: list[Any] = [
    None, 7, "ok", [], ["ok", {}], {}, {"response": {}}, {"status": {"ok": True}}, {"status": ["ok"]}, {"status": 1},
]  # fmt: skip


@pytest.mark.parametrize("payload", NOT_REPLIES)
@pytest.mark.parametrize("vsn", ["2.0.0", "1.0.0"])
def test_a_reply_that_is_none_is_reported_and_the_push_ends_once_by_its_timeout(
    marbles: World, payload: Any, vsn: Literal["1.0.0", "2.0.0"]
):
    scene = Scene(marbles, vsn)
    scene.receive(JOIN, PUSH, ROOM, "phx_reply", payload)
    assert str(scene.push) == ""
    assert scene.faults == [(ROOM, "ask", MalformedFrame)]
    scene.goes_on(push=PushTimeout)
    assert str(scene.push) == "5s #"


@pytest.mark.parametrize("payload", NOT_REPLIES)
def test_a_join_reply_that_is_none_is_reported_and_the_join_is_mended_by_its_timeout(
    marbles: World, phoenix: VirtualPhoenix, payload: Any
):
    phoenix.topic(ROOM).joins("3s j")  # too late
    phoenix.writes("200ms r", {"r": Message(JOIN, JOIN, ROOM, "phx_reply", payload)})
    socket = phoenix.socket(timeout=2)
    kinds = socket.errors.pipe(ops.map(lambda fault: type(fault.error)))
    marbles.expect(kinds).to_be("--m 1.8s t", {"m": MalformedFrame, "t": JoinTimeout})
    marbles.expect(socket.channel(ROOM).joined.pipe(ops.map(lambda joined: joined.attempt))).to_be("3.2s 2", {"2": 2})


@pytest.mark.parametrize("status", ["", "OK", "phx_ok", None, True, False, "\x00", "ok ", "x" * 100_000])
def test_a_reply_with_any_word_but_ok_refuses(marbles: World, status: Any):
    scene = Scene(marbles)
    scene.receive(JOIN, PUSH, ROOM, "phx_reply", {"status": status, "response": {}})
    assert (str(scene.push), type(scene.push.error)) == ("#", PushRefused)
    assert len(str(scene.push.error)) < 2_000
    assert str(scene.push.error).isprintable()
    scene.goes_on(push=PushRefused)


# -- ends, at any time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [{}, None, 7, [], "x", {"reason": {"a": [1]}}])
@pytest.mark.parametrize("join_ref", [JOIN, None])
def test_an_error_of_the_channel_is_mended_and_the_push_is_interrupted_once(
    marbles: World, join_ref: str | None, payload: Any
):
    scene = Scene(marbles)
    for _ in range(3):
        scene.receive(join_ref, join_ref, ROOM, "phx_error", payload)
    assert scene.faults == [(ROOM, None, ChannelCrashed)]  # the others are of a join that is none any more
    assert (str(scene.push), type(scene.push.error)) == ("#", PushInterrupted)
    marbles.run(until=30)
    assert (scene.channel.state.value, len(scene.joined.values)) == ("joined", 2)


@pytest.mark.parametrize("moment", ["before the reply", "after the reply", "twice", "with the reply behind it"])
@pytest.mark.parametrize("vsn", ["2.0.0", "1.0.0"])
def test_a_close_at_any_time_completes_once_and_the_next_subscription_joins(
    marbles: World, phoenix: VirtualPhoenix, moment: str, vsn: Literal["1.0.0", "2.0.0"]
):
    serializer = JSONSerializer() if vsn == "2.0.0" else JSONSerializerV1()
    socket = phoenix.socket(heartbeat_interval=None, serializer=serializer)
    socket.connect()
    marbles.run(until="1s")
    channel = socket.channel(ROOM)
    joined = moment in ("after the reply", "twice")
    if not joined:
        phoenix.topic(ROOM).joins("12s j")
    first = marbles.observe(channel)
    marbles.run(until="2s")
    close = Message(*((JOIN, JOIN) if vsn == "2.0.0" else (None, None)), ROOM, "phx_close", {})
    if joined:
        phoenix.topic(ROOM).close()
    if moment != "after the reply":
        phoenix.write(close)
    if moment == "with the reply behind it":
        phoenix.write(Message(JOIN, JOIN, ROOM, "phx_reply", OK))
    assert str(first) == ("----------|" if vsn == "2.0.0" or joined else "")
    # 1.0.0 does not say which join is closed: one that is not joined yet times out and is joined again
    marbles.run(until="30s")
    second = marbles.observe(channel.joined)
    marbles.run(until="40s")
    assert len(second.values) == 1
    assert channel.state.value == "joined"
    assert len(phoenix.attempts) == 1


def test_a_refusal_and_a_close_and_an_error_of_one_join_end_it_once(marbles: World, phoenix: VirtualPhoenix):
    refusal = {"status": "error", "response": {"reason": "no"}}
    ends = {
        "r": Message(JOIN, JOIN, ROOM, "phx_reply", refusal),
        "c": Message(JOIN, JOIN, ROOM, "phx_close", {}),
        "e": Message(JOIN, JOIN, ROOM, "phx_error", {}),
        "o": Message(JOIN, JOIN, ROOM, "phx_reply", OK),
    }
    phoenix.topic(ROOM).joins("")
    phoenix.writes("1s (rceo)", ends)
    socket = phoenix.socket()
    marbles.expect(socket.errors).to_be("")
    marbles.expect(socket.channel(ROOM)).to_be("1s #", error=JoinRefused(ROOM, {"reason": "no"}))
    marbles.expect(socket.state).to_be("no 800ms (ac)", STATES)


# -- what grows ------------------------------------------------------------------------------------------------------


def test_what_a_refusal_says_is_short_whatever_the_server_has_said(marbles: World, phoenix: VirtualPhoenix):
    phoenix.topic(ROOM).joins("r", values={"r": Reply("error", {"reason": "x\n\x1b[31m" * 100_000})})
    stream = marbles.observe(phoenix.socket().channel(ROOM))
    marbles.run(until="1s")
    assert isinstance(stream.error, JoinRefused)
    assert len(str(stream.error)) < 2_000
    assert str(stream.error).isprintable()
    assert len(stream.error.response["reason"]) == 700_000


def test_leaves_that_are_never_answered_are_forgotten_at_last(marbles: World, phoenix: VirtualPhoenix):
    phoenix.hangs("500ms x")
    socket = phoenix.socket(heartbeat_interval=None)
    socket.connect()
    marbles.run(until="1s")
    for _ in range(2_500):
        socket.channel(ROOM).subscribe().dispose()
        marbles.advance("500ms")
    connection: Any = socket._link.connection
    assert (len(connection._departures), len(connection.replies)) == (1000, 1000)
    assert len(phoenix.sent) == 5_000
    stream = marbles.observe(socket.channel(ROOM))
    phoenix.write(Message("5001", "5001", ROOM, "phx_reply", OK))
    assert socket.channel(ROOM).state.value == "joined"
    phoenix.write(Message("1", "1", ROOM, "phx_close", {}))  # of one that was forgotten
    assert str(stream) == ""


@pytest.mark.parametrize("watched", ["from the beginning", "at the end", "by all"])
def test_presence_diffs_that_no_state_follows_are_dropped_at_last(marbles: World, watched: str):
    scene = Scene(marbles)
    channel = scene.channel
    if watched == "at the end":
        scene.presence.dispose()
        scene.numbers.dispose()
    if watched != "by all":
        scene.everything.dispose()
    big = "x" * 100_000
    for index in range(200):
        presence = {f"k{index}": {"metas": [{"phx_ref": str(index), "big": big}]}}
        scene.receive(JOIN, None, ROOM, "presence_diff", {"joins": presence, "leaves": {}})
        if index % 10 == 0:
            scene.receive(JOIN, None, ROOM, "presence_state", {"nonsense": index})
    if watched == "at the end":
        scene.presence = marbles.observe(channel.presence())
        scene.numbers = marbles.observe(channel.on("news", type=int))
    problems = [str(fault.error) for fault in scene.errors.values]
    assert len([problem for problem in problems if "before any state" in problem]) == 1
    (attendance,) = scene.socket._topics._topics[ROOM].join._attendances._all  # type: ignore[union-attr]
    assert (len(attendance._backlog), len(attendance._roster._held)) == (0, 0)  # type: ignore[union-attr]
    assert str(scene.presence) == ""
    scene.goes_on()
    scene.receive(JOIN, None, ROOM, "presence_diff", {"joins": {"bob": {"metas": [{"phx_ref": "b"}]}}, "leaves": {}})
    assert [entry.key for entry in scene.presence.values[-1]] == ["ann", "bob"]


def test_presence_diffs_count_anew_after_each_loss_of_the_join(marbles: World):
    scene = Scene(marbles)
    for _ in range(6):
        for part in range(20):
            presence = {f"k{part}": {"metas": [{"phx_ref": str(part), "big": "x" * 100_000}]}}
            scene.receive(None, None, ROOM, "presence_diff", {"joins": presence, "leaves": {}})
        scene.phoenix.topic(ROOM).crash()
        marbles.advance("20s")
    assert {kind for _topic, _event, kind in scene.faults} == {ChannelCrashed}


NONSENSE_OF_PRESENCE: list[Any] = [
    None, 7, "x", [], [[]], {"ann": None}, {"ann": []}, {"ann": {}}, {"ann": {"metas": {}}}, {"ann": {"metas": [7]}},
    {"ann": {"metas": [{}]}}, {"ann": {"metas": [{"phx_ref": 1}]}}, {"ann": {"metas": [{"phx_ref": None}]}},
    {"ann": {"metas": [{"phx_ref": ["x"]}]}}, {"ann": {"metas": "x"}}, {"ann": {"metas": [["phx_ref"]]}},
    {"ann": {"metas": [{"phx_ref": "a"}]}, "bob": {"metas": [{}]}},
]  # fmt: skip


@pytest.mark.parametrize("nonsense", NONSENSE_OF_PRESENCE, ids=repr)
def test_nonsense_of_presence_is_reported_and_changes_nothing(marbles: World, nonsense: Any):
    scene = Scene(marbles)
    for event, payload in [
        ("presence_state", nonsense),
        ("presence_diff", nonsense),
        ("presence_diff", {"joins": nonsense, "leaves": {}}),
        ("presence_diff", {"joins": {}, "leaves": nonsense}),
    ]:
        scene.receive(JOIN, None, ROOM, event, payload)
    assert {fault[:1] + fault[2:] for fault in scene.faults} == {(ROOM, MalformedFrame)}
    assert len(scene.faults) == 4
    assert str(scene.presence) == ""
    scene.goes_on()


def test_a_flood_of_nonsense_neither_grows_nor_logs_anything(marbles: World, caplog: pytest.LogCaptureFixture):
    scene = Scene(marbles)
    scene.errors.dispose()
    seen: list[Any] = []
    scene.socket.errors.subscribe(seen.append)
    caplog.clear()
    for index in range(20_000):
        scene.says(b"nonsense")
        scene.receive(None, None, f"room:{index}", "news", {})
        scene.receive(JOIN, str(10 + index), ROOM, "phx_reply", OK)
        scene.receive(str(10 + index), None, ROOM, "phx_close", {})
    assert len(seen) == 40_000
    assert caplog.records == []
    connection: Any = scene.socket._link.connection
    assert (len(connection.replies), len(connection._departures)) == (1, 0)
    assert list(scene.socket._topics._topics) == [ROOM]
    assert not scene.socket._context.dispatcher.queue
    scene.goes_on()


def test_a_server_that_drops_each_connection_with_other_words_does_not_fill_the_log(
    marbles: World, phoenix: VirtualPhoenix, caplog: pytest.LogCaptureFixture
):
    socket = phoenix.socket()
    socket.connect()
    for index in range(300):
        marbles.advance("200ms")
        phoenix.write(Message(None, None, "phoenix", "hello", {}))  # so that it counts as a success
        phoenix.drop(ConnectionLost(f"reason {index}\nERROR forged line", code=4000 + index))
    assert len(phoenix.attempts) > 250
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) <= 2 * 11  # of 60 s, which a window of a minute may part
    assert all("\n" not in line for line in lines)
    assert lines[0].endswith(r"closed by the server with code 4000: reason 0\nERROR forged line")
    assert lines[10].endswith("connections that failed: too many, so no more of them are logged for a minute")


def test_observers_that_raise_at_what_a_server_says_do_not_fill_the_log_and_are_all_reported(
    marbles: World,
    phoenix: VirtualPhoenix,
    caplog: pytest.LogCaptureFixture,
):
    socket = phoenix.socket()
    errors = marbles.observe(socket.errors)
    seen: list[Any] = []
    socket.channel(ROOM).on("news").subscribe(lambda news: seen.append(news["id"]))
    marbles.run(until="1s")
    for _ in range(100):
        phoenix.write(Message(JOIN, None, ROOM, "news", {}))
    assert len(errors.values) == 100
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 10 + ["WARNING"]
    marbles.run(until="62s")
    phoenix.write(Message(JOIN, None, ROOM, "news", {}))
    phoenix.write(Message(JOIN, None, ROOM, "news", {"id": 7}))
    assert len(caplog.records) == 12
    assert seen == [7]


def test_an_observer_of_errors_that_raises_does_not_fill_the_log_either(
    marbles: World, caplog: pytest.LogCaptureFixture
):
    scene = Scene(marbles)

    def fail(_fault: Fault) -> None:
        raise RuntimeError("the observer's own")

    scene.socket.errors.subscribe(fail)
    for _ in range(100):
        scene.says(b"nonsense")
    assert len(caplog.records) == 11
    scene.goes_on()


@pytest.mark.parametrize("asked", [1e9, 1e300])
def test_a_server_that_asks_for_ever_is_asked_again_in_an_hour(marbles: World, phoenix: VirtualPhoenix, asked: float):
    phoenix.connects("-x", values={"x": ConnectionRefused("", status=503, retry_after=asked)})
    socket = phoenix.socket()
    marbles.expect(socket.state).to_be("(n 100ms c 3600s n 100ms o)", STATES)
    socket.connect()

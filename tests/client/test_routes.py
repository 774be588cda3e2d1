"""The short way of an event: who is told must never depend on which way a frame has gone."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reactivex import Observable, abc
from reactivex import operators as ops
from reactivex.disposable import Disposable

from rxphoenix import Frame, JSONSerializer, MalformedFrame, Message, PayloadMismatch, PresenceEvents, Resume, Socket
from rxphoenix.client.routes import Route
from rxphoenix.testing import VirtualPhoenix, World
from rxphoenix.testing import marbles as new_world
from rxphoenix.transports.base import ConnectRequest, Opened, TransportEvent

NEWS = b'["1",null,"room:a","news",%b]'


class LongWay(JSONSerializer):
    """One that decodes in a way of its own, so that it sees every frame."""

    def __init__(self) -> None:
        self.decoded: list[bytes] = []

    def decode(self, frame: Frame) -> Message:
        self.decoded.append(frame.data)
        return super().decode(frame)


class Reading(msgspec.Struct, frozen=True):
    celsius: float


class Model(pydantic.BaseModel):
    celsius: float


class Line:
    """A socket of which a test writes every frame, and sees which of them were decoded the long way."""

    def __init__(self, marbles: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.marbles = marbles
        self.decoded: list[bytes] = []
        decode = JSONSerializer.decode

        def counted(serializer: JSONSerializer, frame: Frame) -> Message:
            self.decoded.append(frame.data)
            return decode(serializer, frame)

        monkeypatch.setattr(JSONSerializer, "decode", counted)
        self.phoenix = marbles.phoenix(idle_timeout=None)
        self.socket = self.phoenix.socket(heartbeat_interval=None)
        self.room = self.socket.channel("room:a")
        self.errors = marbles.observe(self.socket.errors)

    def write(self, *frames: bytes | Frame) -> int:
        """Have the server write frames; returns how many of them went the long way."""
        self.marbles.run(until=self.marbles.now + 0.001)
        before = len(self.decoded)
        for frame in frames:
            self.phoenix.write(frame if isinstance(frame, Frame) else Frame(frame))
        return len(self.decoded) - before


@pytest.fixture
def line(marbles: World, monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(marbles, monkeypatch)


# -- when it is taken ------------------------------------------------------------------------------------------------


def test_only_the_first_message_of_an_event_is_decoded_as_a_whole(line: Line):
    news = line.marbles.observe(line.room.on("news"))
    assert line.write(*(NEWS % b'{"id":%d}' % number for number in range(5))) == 1
    assert news.values == [{"id": number} for number in range(5)]


def test_a_broadcast_and_a_push_of_the_same_event_have_a_way_each(line: Line):
    news = line.marbles.observe(line.room.on("news"))
    broadcast = b'[null,null,"room:a","news",{"from":"all"}]'
    push = NEWS % b'{"from":"one"}'
    assert line.write(broadcast, push, broadcast, push, broadcast) == 2
    assert [payload["from"] for payload in news.values] == ["all", "one", "all", "one", "all"]


def test_every_topic_and_event_has_its_own_way(line: Line):
    seen: list[tuple[str, str, Any]] = []
    topics, events = ("room:a", "room:b", "a longer topic"), ("news", "other")
    for topic in topics:
        for event in events:
            line.socket.channel(topic).on(event).subscribe(
                lambda payload, of=(topic, event): seen.append((*of, payload))
            )
    frames = [
        b'[null,null,"%b","%b",{"n":%d}]' % (topic.encode(), event.encode(), number)
        for number in range(3) for topic in topics for event in events
    ]  # fmt: skip
    assert line.write(*frames) == 6
    assert seen == [(topic, event, {"n": number}) for number in range(3) for topic in topics for event in events]


@pytest.mark.parametrize("name", ["naïve ☃", "a,b", 'quo"te', "back\\slash", "with {brace", "", "x" * 600])
def test_names_of_any_kind_are_told_right(line: Line, name: str):
    seen: list[Any] = []
    topic = name or "room:a"
    line.socket.channel(topic).on(name or "news").subscribe(seen.append)
    frames = [msgspec.json.encode((None, None, topic, name or "news", {"n": number})) for number in range(3)]
    line.write(*frames)
    assert seen == [{"n": 0}, {"n": 1}, {"n": 2}]


@pytest.mark.parametrize("payload", [b"7", b'"text, {x}"', b"null", b"[1,{}]", b'[{"a":1}]', b" {}", b"true"])
def test_payloads_that_are_no_objects_go_the_long_way(line: Line, payload: bytes):
    news = line.marbles.observe(line.room.on("news"))
    assert line.write(NEWS % payload, NEWS % payload, NEWS % b'{"n":1}', NEWS % payload, NEWS % b'{"n":2}') == 4
    value = msgspec.json.decode(payload)
    assert news.values == [value, value, {"n": 1}, value, {"n": 2}]


def test_large_payloads_go_the_short_way_too(line: Line):
    news = line.marbles.observe(line.room.on("news"))
    body = b"x" * 10_000
    assert line.write(*(NEWS % (b'{"body":"%b"}' % body) for _ in range(3))) == 1
    assert news.values == [{"body": body.decode()}] * 3


@pytest.mark.parametrize("of", [Reading, Model, dict[str, float]])
def test_a_type_is_read_straight_from_the_frame(line: Line, of: Any):
    news = line.marbles.observe(line.room.on("news", type=of))
    assert line.write(NEWS % b'{"celsius":20.5}', NEWS % b'{"celsius":21}', NEWS % b'{"celsius":22}') == 1
    assert news.values == [msgspec.convert({"celsius": celsius}, of) if of is not Model else Model(celsius=celsius)
                           for celsius in (20.5, 21, 22)]  # fmt: skip


@pytest.mark.parametrize("of", [Reading, Model])
def test_a_type_is_read_from_a_large_frame_too_and_what_does_not_fit_is_reported(line: Line, of: Any):
    news = line.marbles.observe(line.room.on("news", type=of))
    pad = b'"' + b"x" * 10_000 + b'"'
    frames = [NEWS % (b'{"pad":%b,"celsius":%b}' % (pad, celsius)) for celsius in (b"20.5", b"21", b'"warm"', b"NaN")]
    assert line.write(*frames) == 3  # the first, and those that say what is wrong
    assert news.values == [of(celsius=20.5), of(celsius=21)]
    assert [type(fault.error) for fault in line.errors.values] == [PayloadMismatch, MalformedFrame]


def test_observers_share_a_payload_and_one_that_raises_keeps_nobody_from_it(line: Line):
    def broken(payload: Any) -> None:
        raise ValueError(payload["n"])

    first = line.marbles.observe(line.room.on("news"))
    line.room.on("news").subscribe(broken)
    second = line.marbles.observe(line.room.on("news"))
    assert line.write(NEWS % b'{"n":1}', NEWS % b'{"n":2}') == 1
    assert first.values == second.values == [{"n": 1}, {"n": 2}]
    assert first.values[1] is second.values[1]
    assert [(fault.topic, fault.event, str(fault.error)) for fault in line.errors.values] == [
        ("room:a", "news", "1"), ("room:a", "news", "2")
    ]  # fmt: skip


# -- when it is not --------------------------------------------------------------------------------------------------


def test_what_nobody_wants_is_not_decoded(line: Line):
    line.room.on("other").subscribe()
    broken = NEWS % b'{"a":' + b"\xff}"  # that is no JSON is found by decoding alone
    assert line.write(NEWS % b'{"n":1}', NEWS % b'{"n":2}') == 2
    line.write(broken)
    assert not [fault for fault in line.errors.values if fault.event == "news"]


def test_a_serializer_that_decodes_in_a_way_of_its_own_sees_every_frame(marbles: World):
    serializer = LongWay()
    phoenix = marbles.phoenix(idle_timeout=None)
    news = marbles.observe(phoenix.socket(heartbeat_interval=None, serializer=serializer).channel("room:a").on("news"))
    marbles.run(until=0.001)
    frames = [NEWS % b'{"n":%d}' % number for number in range(3)]
    for frame in frames:
        phoenix.write(Frame(frame))
    assert serializer.decoded[-3:] == frames
    assert len(news.values) == 3


def test_a_serializer_whose_decode_was_replaced_sees_every_frame(marbles: World, monkeypatch: pytest.MonkeyPatch):
    serializer, decoded = JSONSerializer(), list[bytes]()
    decode = serializer.decode
    monkeypatch.setattr(serializer, "decode", lambda frame: (decoded.append(frame.data), decode(frame))[1])
    phoenix = marbles.phoenix(idle_timeout=None)
    phoenix.socket(heartbeat_interval=None, serializer=serializer).channel("room:a").on("news").subscribe()
    marbles.run(until=0.001)
    frames = [NEWS % b'{"n":%d}' % number for number in range(3)]
    for frame in frames:
        phoenix.write(Frame(frame))
    assert decoded[-3:] == frames


def test_text_from_a_transport_that_hands_it_on_as_such_is_read_as_before(line: Line):
    news = line.marbles.observe(line.room.on("news"))
    text: Any = '["1",null,"room:a","news",{}]'
    assert line.write(Frame(text), Frame(text)) == 2
    assert news.values == [{}, {}]


def test_a_serializer_that_encodes_in_a_way_of_its_own_has_short_ways(marbles: World, monkeypatch: pytest.MonkeyPatch):
    class Upper(JSONSerializer):
        def encode_payload(self, payload: Any) -> Any:
            return super().encode_payload({key.upper(): value for key, value in payload.items()})

    line = Line(marbles, monkeypatch)
    line.phoenix = marbles.phoenix(idle_timeout=None)
    line.phoenix.socket(heartbeat_interval=None, serializer=Upper()).channel("room:a").on("news").subscribe()
    assert line.write(NEWS % b"{}", NEWS % b"{}") == 1


LATER: dict[str, Callable[[Line], abc.DisposableBase]] = {
    "all messages of the channel": lambda line: line.room.subscribe(),
    "all messages of the socket": lambda line: line.socket.messages.subscribe(),
    "the event as a type as well": lambda line: line.room.on("news", type=Reading).subscribe(),
}


@pytest.mark.parametrize("wanted", LATER)
def test_who_wants_more_than_the_payload_sends_it_the_long_way_until_it_leaves(line: Line, wanted: str):
    news = line.marbles.observe(line.room.on("news"))
    frame = NEWS % b'{"celsius":1.5}'
    assert line.write(frame, frame) == 1
    later = LATER[wanted](line)
    assert line.write(frame, frame) == 2
    later.dispose()
    assert line.write(frame, frame) <= 1
    assert line.write(frame) == 0
    assert len(news.values) == 7


def routes() -> int:
    return sum(type(each) is Route for each in gc.get_objects())


def test_what_goes_the_long_way_again_and_again_is_remembered_once(line: Line):
    line.room.on("news", type=Reading).subscribe()
    before = routes()
    assert line.write(*[NEWS % b'{"celsius":"warm"}'] * 20) == 20
    line.socket.messages.subscribe()
    assert line.write(*[NEWS % b'{"celsius":1.5}'] * 20) == 20
    assert routes() - before == 1


def test_a_cursor_sees_every_message(line: Line):
    seen: list[Message] = []
    room = line.socket.channel("room:b", resume=Resume("last", lambda message: seen.append(message)))
    room.on("news").subscribe()
    frame = b'["1",null,"room:b","news",{}]'
    assert line.write(frame, frame, frame) == 3
    assert len(seen) == 3


def test_who_comes_and_goes_is_told_what_comes_between(line: Line):
    first = line.marbles.observe(line.room.on("news"))
    line.write(NEWS % b'{"n":1}', NEWS % b'{"n":2}')
    seen: list[Any] = []
    second = line.room.on("news").subscribe(seen.append)
    line.write(NEWS % b'{"n":3}', NEWS % b'{"n":4}')
    second.dispose()
    line.write(NEWS % b'{"n":5}', NEWS % b'{"n":6}')
    assert [payload["n"] for payload in first.values] == [1, 2, 3, 4, 5, 6]
    assert [payload["n"] for payload in seen] == [3, 4]


def test_what_nobody_wants_any_more_is_not_decoded_any_more(line: Line):
    line.room.on("other").subscribe()
    news = line.room.on("news").subscribe()
    assert line.write(NEWS % b'{"n":1}', NEWS % b'{"n":2}') == 1
    news.dispose()
    assert line.write(NEWS % b'{"n":3}', NEWS % b'{"n":4}') == 2


def test_presence_under_the_names_of_events_takes_them_from_the_short_way(line: Line):
    state = b'["1",null,"room:a","who",{"ann":{"metas":[{"phx_ref":"1"}]}}]'
    who = line.marbles.observe(line.room.on("who"))
    assert line.write(state, state) == 1
    named = line.socket.channel("room:a", presence_events=PresenceEvents("who", "who_diff"))
    present = line.marbles.observe(named.presence().list_by(lambda key, entry: key))
    assert line.write(state, state) == 2
    assert present.values[-1] == ("ann",)
    assert len(who.values) == 4


@pytest.mark.parametrize("earlier", [0, 2])
def test_presence_that_is_named_while_a_message_is_told_begins_with_the_next_one(line: Line, earlier: int):
    state = b'["1",null,"room:a","who",{"%b":{"metas":[{"phx_ref":"1"}]}}]'
    present: list[Any] = []

    def look(payload: Any) -> None:
        if "ann" in payload:
            line.socket.channel("room:a", presence_events=PresenceEvents("who", "who_diff")).presence().list_by(
                lambda key, entry: key
            ).subscribe(present.append)

    line.room.on("who").subscribe(look)
    line.write(*[state % b"bob"] * earlier, state % b"ann")
    assert present == []
    line.write(state % b"cid")
    assert present == [("cid",)]


def test_an_event_with_the_name_of_a_join_is_none_of_an_application(line: Line):
    joined = line.marbles.observe(line.room.joined)
    frame = b'["1",null,"room:a","phx_join",{}]'
    assert line.write(frame, frame, frame) == 3
    assert len(joined.values) == 1
    assert [type(fault.error) for fault in line.errors.values] == [MalformedFrame] * 3


def test_a_message_with_a_ref_goes_the_long_way_because_the_next_one_will_have_another(line: Line):
    news = line.marbles.observe(line.room.on("news"))
    assert line.write(*(b'["1","%d","room:a","news",{}]' % ref for ref in (7, 8, 8))) == 3
    assert len(news.values) == 3


BROKEN = {
    "another end": b'["1",null,"room:a","news",{"n":1}}',
    "no end": b'["1",null,"room:a","news",{"n":1}',
    "more behind the payload": b'["1",null,"room:a","news",{"n":1},{"n":2}]',
    "two ends": b'["1",null,"room:a","news",{"n":1}]]',
    "something behind the end": b'["1",null,"room:a","news",{"n":1}]x',
    "a payload that is none": b'["1",null,"room:a","news",{"n":]',
    "no UTF-8": b'["1",null,"room:a","news",{"n":"\xff"}]',
    "no payload": b'["1",null,"room:a","news",{]',
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_frame_is_reported_as_on_the_long_way_and_the_next_one_is_told(line: Line, broken: str):
    news = line.marbles.observe(line.room.on("news"))
    line.write(BROKEN[broken])
    assert line.write(NEWS % b'{"n":1}', BROKEN[broken], NEWS % b'{"n":2}') == 2
    assert news.values == [{"n": 1}, {"n": 2}]
    first, second = (fault.error for fault in line.errors.values)
    assert isinstance(first, MalformedFrame)
    assert str(first) == str(second)


def test_whitespace_is_as_good_as_none(line: Line):
    news = line.marbles.observe(line.room.on("news"))
    frames = [
        NEWS % b'{"n":1}', b'["1",null,"room:a","news",{ "n" : 2 } ]', b'["1", null, "room:a", "news", {"n": 3}]',
        b' ["1",null,"room:a","news",{"n":4}] ', b'["1",null,"room:a","news", {"n":5}]\n',
    ]  # fmt: skip
    line.write(*frames)
    assert [payload["n"] for payload in news.values] == [1, 2, 3, 4, 5]


def test_a_binary_frame_with_the_bytes_of_a_text_frame_is_malformed(line: Line):
    news = line.marbles.observe(line.room.on("news"))
    assert line.write(NEWS % b"{}", Frame(NEWS % b"{}", binary=True)) == 2
    assert len(news.values) == 1
    assert [type(fault.error) for fault in line.errors.values] == [MalformedFrame]


def test_a_type_that_does_not_fit_is_reported_once_each_time(line: Line):
    news = line.marbles.observe(line.room.on("news", type=Reading))
    line.write(*(NEWS % b'{"celsius":%b}' % value for value in (b"1", b'"warm"', b"2", b'"cold"')))
    assert news.values == [Reading(1), Reading(2)]
    assert [type(fault.error) for fault in line.errors.values] == [PayloadMismatch] * 2


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_pydantic_takes_for_a_number_and_is_no_json_is_malformed_on_both_ways(line: Line, word: bytes):
    news = line.marbles.observe(line.room.on("news", type=Model))
    large = NEWS % (b'{"celsius":%b,"body":"%b"}' % (word, b"x" * 5000))
    line.write(NEWS % (b'{"celsius":%b}' % word), NEWS % b'{"celsius":1}', NEWS % (b'{"celsius":%b}' % word), large)
    assert news.values == [Model(celsius=1)]
    assert [type(fault.error) for fault in line.errors.values] == [MalformedFrame] * 3


# -- when it ends ----------------------------------------------------------------------------------------------------


def test_the_messages_of_a_join_that_has_ended_go_nowhere(line: Line):
    news = line.marbles.observe(line.room.on("news"))
    broadcast = b'[null,null,"room:a","news",{}]'
    assert line.write(NEWS % b"{}", broadcast, NEWS % b"{}", broadcast) == 2
    line.write(b'["1","1","room:a","phx_error",{}]')
    line.phoenix.write(Frame(NEWS % b"{}"))
    line.phoenix.write(Frame(broadcast))
    assert len(news.values) == 4


def test_a_new_connection_begins_without_short_ways(line: Line):
    news = line.marbles.observe(line.room.on("news"))
    broadcast = b'[null,null,"room:a","news",{}]'
    assert line.write(broadcast, broadcast) == 1
    line.socket.reconnect()
    line.marbles.run(until=line.marbles.now + 1)
    assert line.write(broadcast, broadcast, NEWS % b"{}") == 2  # the last one is of the join that was lost
    assert len(news.values) == 4


def test_an_observer_may_close_everything_in_the_middle_of_the_short_way(line: Line):
    seen: list[Any] = []

    def close(payload: Any) -> None:
        seen.append(payload["n"])
        if payload["n"] == 2:
            line.socket.disconnect()

    line.room.on("news").subscribe(close)
    second = line.marbles.observe(line.room.on("news"))
    line.write(NEWS % b'{"n":1}', NEWS % b'{"n":2}')
    assert seen == [1, 2]
    assert [payload["n"] for payload in second.values] == [1, 2]
    assert line.socket.state.value in ("closing", "closed")


def test_an_observer_may_ask_for_a_new_connection_and_hears_nothing_more_of_the_old_one(line: Line):
    line.phoenix.closes_after = 1
    seen: list[Any] = []

    def again(payload: Any) -> None:
        seen.append(payload["n"])
        line.socket.reconnect()

    line.room.on("news").subscribe(again)
    for frame in (NEWS % b'{"n":1}', NEWS % b'{"n":2}', NEWS % b'{"n":3}'):
        line.write()
        line.phoenix.attempts[0].write(frame)
        assert line.phoenix.attempts[0].is_open
    assert seen == [1]


def test_a_transport_that_goes_on_after_its_loop_was_closed_is_not_heard():
    seen: list[Any] = []
    heard: list[Callable[[Any], None]] = []

    class Rude(Observable[TransportEvent]):
        def subscribe(self, observer: Any = None, *arguments: Any, **options: Any) -> abc.DisposableBase:
            heard.append(observer.on_next)
            asyncio.get_running_loop().call_soon(observer.on_next, Opened(self.send))
            return Disposable()

        def send(self, frame: Frame) -> None:
            answer = b'["1","1","room:a","phx_reply",{"status":"ok","response":{}}]'
            asyncio.get_running_loop().call_soon(heard[0], Frame(answer))

    class Way:
        def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
            return Rude()

    async def leave_open() -> None:
        room = socket.channel("room:a")
        room.on("news").subscribe(seen.append)
        await room.joined.pipe(ops.first())
        for number in range(2):
            heard[0](Frame(NEWS % b'{"n":%d}' % number))

    socket = Socket("ws://phoenix.test/socket", transport=Way(), heartbeat_interval=None)
    asyncio.run(leave_open())
    assert (socket.state.value, socket.channels) == ("closed", ())  # looking tells it that its loop is gone
    heard[0](Frame(NEWS % b'{"n":2}'))
    assert seen == [{"n": 0}, {"n": 1}]


def test_an_observer_that_leaves_in_the_first_message_is_not_told_the_second(line: Line):
    first, second = NEWS % b'{"n":1}', NEWS % b'{"n":2}'
    seen: list[Any] = []
    other = line.marbles.observe(line.room.on("other"))

    def once(payload: Any) -> None:
        seen.append(payload["n"])
        subscription.dispose()

    subscription = line.room.on("news").subscribe(once)
    assert line.write(first, second, second) == 3
    assert seen == [1]
    assert other.values == []


# -- both ways are the same ------------------------------------------------------------------------------------------


Step: TypeAlias = tuple[str, Any]
OWN = b'"*"'
"""Stands for the ref of the last join of ``room:a``."""
RESUME = Resume("last", lambda message: message.ref)


class Play:
    """What users and a server do with one socket, and all that was seen of it."""

    def __init__(self, world: World, serializer: JSONSerializer) -> None:
        self.world = world
        self.phoenix: VirtualPhoenix = world.phoenix(idle_timeout=None)
        self.socket: Socket = self.phoenix.socket(
            heartbeat_interval=None, serializer=serializer, reconnect_after=lambda attempt, error: 0.001,
            rejoin_after=lambda attempt, error: 0.001,
        )  # fmt: skip
        self.seen: list[Any] = []
        self.subscriptions: list[abc.DisposableBase] = []
        self.socket.errors.subscribe(lambda fault: self.seen.append(("fault", repr(fault))))

    def watch(self, what: str, reaction: Step | None) -> None:
        room = self.socket.channel("room:a")
        named = self.socket.channel("room:a", presence_events=PresenceEvents("news", "other"))
        hooked = self.socket.channel("room:a", on_message=lambda event, payload: (event, payload))
        number = len(self.subscriptions)
        streams: dict[str, Callable[[], Any]] = {
            "news": lambda: room.on("news"), "other": lambda: room.on("other"), "all": lambda: room,
            "typed": lambda: room.on("news", type=Reading), "model": lambda: room.on("news", type=Model),
            "strict": lambda: room.on("news", type=Reading, strict=True), "joined": lambda: room.joined,
            "presence": lambda: room.presence(), "named": lambda: named.presence(), "hooked": lambda: hooked.on("news"),
            "messages": lambda: self.socket.messages, "left": lambda: room.leave(),
            "elsewhere": lambda: self.socket.channel("room:b").on("news"),
            "resumed": lambda: self.socket.channel("room:a", resume=RESUME).on("news"),
        }  # fmt: skip

        def on_next(value: Any) -> None:
            nonlocal reaction
            self.seen.append((number, repr(value)))
            if reaction is not None:
                step, reaction = reaction, None
                self.do(step)

        self.subscriptions.append(Disposable())
        self.subscriptions[number] = streams[what]().subscribe(
            on_next,
            lambda error: self.seen.append((number, "error", repr(error))),
            lambda: self.seen.append((number, "completed")),
        )

    def dispose(self, number: int) -> None:
        if self.subscriptions:
            self.subscriptions[number % len(self.subscriptions)].dispose()

    def do(self, step: Step) -> None:
        name, what = step
        match name:
            case "watch":
                self.watch(*what)
            case "dispose":
                self.dispose(what)
            case "reconnect":
                self.socket.reconnect()
            case "raise":
                raise ValueError(what)
            case "wait":
                self.world.run(until=self.world.now + 0.005)
            case _ if not self.phoenix.links():
                return
            case "write":
                joins = [sent.ref for sent in self.phoenix.topic("room:a").sent if sent.event == "phx_join"]
                self.phoenix.write(Frame(what.replace(OWN, msgspec.json.encode(joins[-1]))))
            case _:
                self.phoenix.drop()


def frames() -> st.SearchStrategy[bytes]:
    head = st.tuples(
        st.sampled_from([b"null", OWN, b'"1"']), st.sampled_from([b"null", b"null", b'"1"']),
        st.sampled_from([b'"room:a"', b'"room:a"', b'"room:b"', b'"room:c"']),
        st.sampled_from([b'"news"', b'"other"', b'"presence_state"', b'"phx_error"', b'"phx_close"', b'"phx_join"']),
    )  # fmt: skip
    payload = st.sampled_from(
        [b"{}", b'{"celsius":1.5}', b'{"celsius":"warm"}', b'{"ann":{"metas":[{"phx_ref":"1"}]}}', b"7", b'"{,{"',
         b"[{}]", b"{", b'{"a":"\xff"}', b"{},{}", b"{} "]
    )  # fmt: skip
    end = st.sampled_from([b"]", b"]", b"]", b"]", b"", b"]]", b"] "])
    usual = st.tuples(
        st.sampled_from([b"null", OWN]), st.sampled_from([b'"room:a"', b'"room:a"', b'"room:b"']),
        st.sampled_from([b'{"celsius":1}', b'{"celsius":2}', b'{"celsius":NaN}', b'{"celsius":"warm"}']),
    ).map(lambda parts: b'[%b,null,%b,"news",%b]' % parts)  # fmt: skip
    crash = st.just(b'[%b,null,"room:a","phx_error",{}]' % OWN)
    odd = st.builds(lambda names, body, last: b"[" + b",".join((*names, body)) + last, head, payload, end)
    return st.sampled_from([*[usual] * 9, odd, odd, crash]).flatmap(lambda kind: kind)


def steps() -> st.SearchStrategy[list[Step]]:
    streams = st.sampled_from(
        [*["news"] * 10, *["typed", "model", "all", "messages"] * 2, "other", "strict", "joined", "presence", "named",
         "hooked", "left", "elsewhere", "resumed"]
    )  # fmt: skip
    rest = st.tuples(st.just("dispose"), st.integers(0, 5)) | st.sampled_from([("drop", None), ("reconnect", None)])
    in_callbacks: st.SearchStrategy[Any] = st.none() | st.just(("raise", None)) | rest
    in_callbacks |= st.tuples(st.just("write"), frames())
    for _ in range(2):
        in_callbacks |= st.tuples(st.just("watch"), st.tuples(streams, in_callbacks))
    watch = st.tuples(st.just("watch"), st.tuples(streams, in_callbacks))
    changes = st.sampled_from([watch, watch, watch, rest]).flatmap(lambda kind: kind)
    # who has come or gone sees some frames, and those like them once or twice more: only these have a short way
    writes = st.lists(st.tuples(frames(), st.integers(1, 3)), min_size=1, max_size=3)

    def in_order(turn: tuple[Step, bool, list[tuple[bytes, int]]]) -> list[Step]:
        change, settles, written = turn
        waits: list[Step] = [("wait", None)] if settles else []
        return [change, *waits, *(("write", frame) for frame, times in written for _ in range(times))]

    turns = st.tuples(changes, st.sampled_from([True, True, True, False]), writes).map(in_order)
    return st.lists(turns, min_size=2, max_size=12).map(lambda turns: [step for turn in turns for step in turn])


@settings(max_examples=300)
@given(steps())
def test_both_ways_tell_everybody_the_same(history: list[Step]):
    seen: list[list[Any]] = []
    for serializer in (JSONSerializer(), LongWay()):
        with new_world() as world:
            play = Play(world, serializer)
            for step in [("watch", ("news", None)), ("wait", None), *history, ("wait", None)]:
                play.do(step)
            for subscription in play.subscriptions:
                subscription.dispose()
            world.run(until=world.now + 1)
        seen.append(play.seen)
    assert seen[0] == seen[1]

"""Random sequences of what users and a server do, in callbacks too, and what must hold whatever they do.

What lives here: playing one, and judging it. What does not: which ones are played (``test_sequences.py``,
``tests/fuzz``).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
import pytest
from reactivex import Observable, abc

from rxphoenix import (
    Channel,
    ConnectionLost,
    ConnectionRefused,
    Frame,
    Message,
    NotConnected,
    Payload,
    Reply,
    Socket,
    SocketClosed,
)
from rxphoenix.testing import VirtualChannel, VirtualConnection, World
from rxphoenix.testing.drawing import Instant
from rxphoenix.transports.base import ConnectRequest, TransportEvent
from tests.fuzz.source import Decisions

__all__ = ["Play"]

Source: TypeAlias = random.Random | Decisions

OK = Reply("ok", {})
TOPICS = ("a", "b", "c")
ANN = {"ann": {"metas": [{"phx_ref": "1"}]}}


class Server:
    """A server that keeps to the protocol, and is slow, silent, crashing and gone as it pleases, until it is calm."""

    def __init__(self, marbles: World, source: Source) -> None:
        self.phoenix = marbles.phoenix(opens_after=0.1, idle_timeout=None)
        self.source = source
        self.calm = False
        self.silent: list[VirtualConnection] = []
        for topic in map(self.phoenix.topic, TOPICS):
            topic.join_answer = self.join_answer  # what would be drawn, at random
            topic.push_answer = self.push_answer

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        chance = 1.0 if self.calm else self.source.random()
        if chance < 0.2:
            refusal = ConnectionRefused("no", status=self.source.choice([None, 403, 503]))
            self.phoenix.connects(self.source.choice(["10ms x", "100ms x", "1s x"]), values={"x": refusal})
        elif chance < 0.3:
            self.phoenix.connects("" if chance < 0.25 else "o")
        self.phoenix.closes_after = 0 if self.calm else self.source.choice([0, 0, 0.05, 0.9])
        self.phoenix.latency = 0.05 if self.calm else self.source.choice([0, 0.025, 0.15])
        return self.phoenix.connect(request)

    def join_answer(self, channel: VirtualChannel) -> tuple[Instant, Reply | None]:
        chance = 1.0 if self.calm else self.source.random()
        reply = Reply("error", {"reason": "no"}) if chance < 0.1 else None if chance < 0.15 else OK
        return self._delay([0, 50_000, 100_000, 300_000, 1_500_000, 4_000_000]), reply

    def push_answer(self, channel: VirtualChannel, event: Any, payload: Payload) -> tuple[Instant, Reply | None] | None:
        chance = 1.0 if self.calm else self.source.random()
        reply = Reply("error") if chance < 0.4 else OK
        return None if chance < 0.2 else (self._delay([0, 50_000, 100_000, 300_000, 1_500_000]), reply)

    def _delay(self, delays: list[Instant]) -> Instant:
        return 50_000 if self.calm else self.source.choice(delays)

    def silence(self, attempt: VirtualConnection) -> None:
        """One connection falls silent without an end, until all is calm."""
        attempt.hang()
        self.silent.append(attempt)

    def calm_down(self) -> None:
        """From now on all goes well; what is silent is lost."""
        self.calm = True
        for attempt in self.silent:
            attempt.drop()


class Observer:
    """One subscription, which checks the Rx contract and sometimes acts from inside its callbacks."""

    def __init__(self, play: Play, kind: str, observable: Observable[Any]) -> None:
        self.kind = kind
        self.ended = self.disposed = False
        self._play = play
        self._subscription: abc.DisposableBase | None = None
        self._subscription = observable.subscribe(
            lambda _value: self._heard(False), lambda _error: self._heard(True), lambda: self._heard(True)
        )
        if self.disposed:
            self._subscription.dispose()

    def _heard(self, ends: bool) -> None:
        assert not self.ended, f"{self.kind} was told something after its end"
        assert not self.disposed, f"{self.kind} was told something after it was disposed"
        self.ended = ends
        self._play.act_inside()

    def dispose(self) -> None:
        self.disposed = True
        if self._subscription is not None:
            self._subscription.dispose()


class Play:
    """One random sequence.

    Arguments:
        marbles: where it is played.
        source: decides what happens.
        hostile: whether the server says nonsense, too.
        steps: how many things happen.
    """

    def __init__(self, marbles: World, source: Source, *, hostile: bool = False, steps: int = 40) -> None:
        self.marbles = marbles
        self.source = source
        self.hostile = hostile
        self.steps = steps
        self.server = Server(marbles, source)
        self.phoenix = self.server.phoenix
        self.observers: list[Observer] = []
        self.leases: list[Any] = []
        self.budget = 0
        self.over = False
        self.raised: list[BaseException] = []
        chance, options = self.source.random(), {}
        if chance < 0.2:
            options["retry_refused"] = lambda attempt, error: 0.5 if attempt < 3 else None
        if 0.1 < chance < 0.3:
            options["rejoin_after"] = lambda attempt, error: 0.5 if attempt < 3 else None
        if chance > 0.8:
            options["reconnect_after"] = lambda attempt, error: 0.05 if attempt < 3 else None
        self.socket: Socket = self.phoenix.socket(
            transport=self.server,
            heartbeat_interval=self.source.choice([None, 3.0]),
            linger=self.source.choice([0, 0, 0.2]),
            timeout=self.source.choice([1.0, 5.0]),
            connect_timeout=2.0,
            **options,
        )
        self._watch_observers()

    def _watch_observers(self) -> None:
        """What an observer of the play raises is a failure of the play."""
        report = self.socket._context.observer_raised

        def observer_raised(error: Exception, topic: str | None, event: str | None) -> None:
            self.raised.append(error)
            report(error, topic, event)

        self.socket._context.observer_raised = observer_raised

    def channel(self) -> Channel:
        params = self.source.choice([None, None, None, {"v": 1}, {"v": 2}, lambda: {"v": 3}])
        return self.socket.channel(
            self.source.choice(TOPICS), params, auto_join=self.source.random() > 0.2, join_timeout=1.0
        )

    def observe(self, kind: str, observable: Observable[Any]) -> None:
        self.observers.append(Observer(self, kind, observable))

    def act_inside(self) -> None:
        if not self.over and self.budget > 0 and self.source.random() < 0.25:
            self.budget -= 1  # or callbacks that cause callbacks would never end
            self.act()

    def act(self) -> None:
        """A user does something."""
        source, channel = self.source, self.channel()
        actions: list[Callable[[], object]] = [
            *[lambda: self.observe("channel", channel)] * 3,
            lambda: self.observe("event", channel.on("x")),
            lambda: self.observe("joined", channel.joined),
            lambda: self.observe("presence", channel.presence()),
            lambda: self.observe("channel state", channel.state),
            *[lambda: self.observe("push", channel.push("ask", timeout=source.choice([0.05, 1, 4])))] * 3,
            lambda: self.observe("push", channel.push("tell", reply=False)),
            *[lambda: self.observe("leave", channel.leave())] * 2,
            *[lambda: self.leases.append(self.socket.connect())] * 2,
            lambda: self.leases.append(channel.hold()),
            *[self._dispose_one] * 5,
            self._release_one,
            lambda: self.observe("opened", self.socket.opened()),
            lambda: self.observe("ping", self.socket.ping()),
            lambda: self.observe("state", self.socket.state),
            lambda: self.observe("errors", self.socket.errors),
            lambda: self.observe("messages", self.socket.messages),
            self.socket.disconnect,
            self.socket.reconnect,
        ]
        try:
            source.choice(actions)()
        except NotConnected:
            return

    def _dispose_one(self) -> None:
        alive = [observer for observer in self.observers if not observer.disposed]
        if alive:
            self.source.choice(alive).dispose()

    def _release_one(self) -> None:
        if self.leases:
            self.leases.pop(self.source.randrange(len(self.leases))).dispose()

    def disturb(self) -> None:
        """The server does something, on one of its connections."""
        attempts = [each for each in self.phoenix.attempts if not each.is_over and each.asked_to_close is None]
        if not attempts:
            return
        source, topic = self.source, self.source.choice(TOPICS)
        attempt = attempts[-1] if source.random() < 0.8 else source.choice(attempts)  # mostly the newest
        join = self.socket._topics.find(topic)
        join_ref = join.join.join_ref if join is not None and join.join is not None else source.choice([None, "1"])
        if self.hostile and source.random() < 0.7:
            attempt.write(nonsense(source, topic, join_ref))
            return
        source.choice(
            [
                lambda: attempt.drop(ConnectionLost(code=source.choice([None, 1000, 1011, 1012]))),
                lambda: self.server.silence(attempt),
                lambda: attempt.write(Message(join_ref, join_ref, topic, "phx_error", {})),
                lambda: attempt.write(Message(join_ref, join_ref, topic, "phx_close", {})),
                *[lambda: attempt.write(Message(source.choice([join_ref, None]), None, topic, "x", {}))] * 5,
                lambda: attempt.write(Message(join_ref, None, topic, "presence_state", ANN)),
                lambda: attempt.write(b"nonsense"),
                self.phoenix.topic(topic).crash,
                self.phoenix.topic(topic).close,
            ]
        )()

    def run(self, *, close: bool) -> None:
        for _step in range(self.steps):
            self.budget = 10
            if self.source.random() < 0.65:
                self.act()
            else:
                self.disturb()
            self.marbles.advance(self.source.choice([0.001, 0.05, 0.1, 0.5, 1.5, 4]))
        self.over = True
        self.server.calm_down()
        (self._end_by_closing if close else self._end_by_disposing)()
        self.marbles.advance(60)
        self._nothing_is_left()

    def _end_by_closing(self) -> None:
        self.socket.close()
        self.marbles.advance(60)
        for observer in self.observers:
            assert observer.ended or observer.disposed, f"{observer.kind} did not end with the socket"
        for lease in self.leases:
            lease.dispose()
        with pytest.raises(SocketClosed):
            self.socket.connect()

    def _end_by_disposing(self) -> None:
        self.marbles.advance(10)  # a reconnect_after that gives up has given up by now
        lease = self.socket.connect()
        self.marbles.advance(80)
        assert self.socket.state.value == "open"
        for channel in self.socket.channels:
            assert channel.state.value == "joined", "a stream is dead and silent"
        for observer in self.observers:
            if observer.kind in ("push", "leave", "opened", "ping"):
                assert observer.ended or observer.disposed, f"{observer.kind} never ended"
            observer.dispose()
        for other in self.leases:
            other.dispose()
        lease.dispose()

    def _nothing_is_left(self) -> None:
        assert self.raised == []
        link, topics = self.socket._link, self.socket._topics
        assert link.leases == 0
        assert (link.connection, link._ending, link._watchers) == (None, set(), [])
        assert topics._topics == {}
        assert link.state.value == "closed"
        assert not self.socket._context.is_warm
        assert [stream.subscribers for stream in (link.state, link.messages, link.latency)] == [(), (), ()]


_PAYLOADS = [
    b"{}", b'{"status":"ok","response":{}}', b'{"status":"error","response":{"reason":"unmatched topic"}}',
    b'{"status":"error","response":{"reason":"join crashed"}}', b'{"status":"error","response":{}}', b'{"status":{}}',
    b"null", b"[]", b"7", b'"\xff"', b"1e999", b"[" * 500 + b"]" * 500, b'{"ann":{"metas":[{"phx_ref":"1"}]}}',
    b'{"joins":{"bob":{"metas":[{"phx_ref":"2"}]}},"leaves":{"ann":{"metas":[{"phx_ref":"1"}]}}}',
    b'{"ann":{"metas":[{}]}}', b'{"joins":{},"leaves":[]}',
]  # fmt: skip
_EVENTS = ["x", "phx_reply", "phx_close", "phx_error", "phx_join", "phx_leave", "phx_", "presence_state",
           "presence_diff", "heartbeat", "", None]  # fmt: skip


def nonsense(source: Source, topic: str, join_ref: str | None) -> Frame:
    """A frame that no server should send, or not now."""
    kind = source.randrange(16)
    if kind == 0 and isinstance(source, Decisions):
        return Frame(source.bytes(60), binary=source.random() < 0.5)
    if kind == 1:
        names = (join_ref or "", topic, source.choice(["x", "phx_close", "presence_diff"]))
        lengths = [len(name) + source.choice([0, 0, 0, 1, 200]) for name in names]
        return Frame(bytes([source.randrange(4), *lengths]) + "".join(names).encode() + b"data", binary=True)
    numbers = [str(source.randrange(40)), "0", "", "\u00b2", "-1"]
    fields: list[Any] = [
        source.choice([join_ref, join_ref, None, *numbers, 7]),
        source.choice([None, join_ref, *numbers, 7]),
        source.choice([topic, topic, topic, *TOPICS, "phoenix", "z", "", None]),
        source.choice(_EVENTS),
    ]
    head = msgspec.json.encode(fields[: source.choice([4, 4, 4, 4, 4, 4, 4, 3])])
    return Frame(head[:-1] + b"," + source.choice(_PAYLOADS) + b"]")

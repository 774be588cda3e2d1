"""Hours in seconds: a whole client in virtual time that loses its connection, and receives, very often.

What lives here: the runs. What does not: what must be level after them (``levels.py``).
"""

from __future__ import annotations

import tracemalloc
from typing import Any, NamedTuple

import msgspec

from rxphoenix import ConnectionLost
from rxphoenix.testing import World, marbles
from tests.soak.levels import Levels, levels

__all__ = ["Compressed", "many_messages", "many_reconnects"]

TOPICS = tuple(f"room:{number}" for number in range(5))


class Compressed(NamedTuple):
    """What came of a run.

    Arguments:
        done: how many of what was wanted.
        virtual: how many seconds it was, in virtual time.
        before: the levels after a tenth of it.
        after: the levels at its end.
    """

    done: int
    virtual: float
    before: Levels
    after: Levels


class _Life:
    """A client with some channels that are watched in all ways, and a server that remembers nothing."""

    def __init__(self, marbles: World) -> None:
        self.phoenix = marbles.phoenix(opens_after=0.1, latency=0.1)
        self.socket = self.phoenix.socket(heartbeat_interval=30.0)
        self.heard = 0
        self.replies = 0
        self.joins = 0
        self.faults = 0
        self.interrupted = 0
        for name in TOPICS:
            self.phoenix.topic(name).handle("tell", lambda _channel, _payload: None)
            channel = self.socket.channel(name)
            channel.on("news").subscribe(self._hear)
            channel.subscribe(lambda message: message.payload)
            channel.joined.subscribe(self._join)
            channel.presence().subscribe(lambda _snapshot: None)
            channel.state.subscribe(lambda state: None)
        self.socket.errors.subscribe(self._fault)
        marbles.run(until=1)

    def _hear(self, _news: Any) -> None:
        self.heard += 1

    def _join(self, _joined: Any) -> None:
        self.joins += 1

    def _fault(self, _fault: Any) -> None:
        self.faults += 1

    def _reply(self, _reply: Any) -> None:
        self.replies += 1

    def _interrupt(self, _error: Exception) -> None:
        self.interrupted += 1

    def push(self, number: int) -> None:
        """Push to one of the channels, answered or not."""
        event = "echo" if number % 3 else "tell"
        self.socket.channel(TOPICS[number % len(TOPICS)]).push(event, number).subscribe(self._reply, self._interrupt)

    def forget(self) -> None:
        """Let the harness forget what it has kept: it is not what is measured."""
        del self.phoenix.attempts[:-1]
        self.phoenix.sent.clear()

    def levels(self) -> Levels:
        """The levels, with the timers of the scheduler that time has not overtaken."""
        self.forget()
        return levels()


def many_reconnects(count: int) -> Compressed:
    """Lose the connection so often, each time in another way, with pushes and presence under way."""
    tracemalloc.start()
    with marbles() as m:
        life = _Life(m)
        phoenix = life.phoenix
        before = life.levels()
        for number in range(count):
            if number == count // 10:
                before = life.levels()
            attempts = len(phoenix.attempts)
            life.push(number)
            for topic in TOPICS:
                state = {f"user:{number % 7}": {"metas": [{"phx_ref": str(number), "device": "phone"}]}}
                phoenix.topic(topic).broadcast("presence_state", state)
                phoenix.topic(topic).broadcast("news", {"number": number})
            m.advance(0.05)
            code = [None, 1000, 1001, 1011, 1012, 4000][number % 6]
            phoenix.drop(ConnectionLost("because" * (number % 3), code=code))
            while len(phoenix.attempts) == attempts or life.socket.state.value != "open":
                m.advance(0.5)
            m.advance(12)
            life.forget()
        assert life.joins == len(TOPICS) * (count + 1)
        assert (life.faults, life.heard) == (count, len(TOPICS) * count)
        assert life.replies + life.interrupted == count
        result = Compressed(count, m.now, before, life.levels())
    tracemalloc.stop()
    return result


def many_messages(count: int) -> Compressed:
    """Receive so many messages: broadcasts and pushes, presence, replies, and some nonsense."""
    tracemalloc.start()
    with marbles() as m:
        result = _many_messages(m, count)
    tracemalloc.stop()
    return result


def _many_messages(m: World, count: int) -> Compressed:
    life = _Life(m)
    refs = [frame.ref for frame in life.phoenix.sent if frame.event == "phx_join"]
    frames = [
        msgspec.json.encode([join_ref, None, topic, "news", {"body": "hello", "list": [1, 2.5, None, {"a": "b"}]}])
        for topic, ref in zip(TOPICS, refs, strict=True)
        for join_ref in (ref, None, None, "0")
    ]
    news = 15
    diff = {"joins": {"ann": {"metas": [{"phx_ref": "x"}]}}, "leaves": {}}
    frames += [
        msgspec.json.encode([None, None, TOPICS[0], "presence_state", {"ann": {"metas": [{"phx_ref": "x"}]}}]),
        msgspec.json.encode([None, None, TOPICS[0], "presence_diff", diff]),
        msgspec.json.encode([None, "0", TOPICS[0], "phx_reply", {"status": "ok", "response": {}}]),
        b"nonsense",
    ]
    before = life.levels()
    rounds = -(-count // len(frames))
    for number in range(rounds):
        if number == rounds // 10:
            before = life.levels()
        for frame in frames:
            life.phoenix.write(frame)
        if number % 50 == 0:
            life.push(number)
            m.advance(0.5)
            life.forget()
    m.advance(30)
    assert life.heard == rounds * news
    assert life.faults == rounds
    return Compressed(rounds * len(frames), m.now, before, life.levels())

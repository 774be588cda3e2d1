"""A Phoenix in virtual time: a transport for a real ``Socket``, in front of the embedded server's own session.

What it does is drawn, or left to plain functions. What nobody has said anything about goes well, at once: attempts
open, joins are accepted with ``{}``, pushes are answered with ``{}``. Drawings of what the server does of itself begin
when they are given; drawings of its answers begin with each question, one drawing for one question, and after the last
one things go well again.

```text
phoenix.connects("--o", "---#")          each attempt:  o opened, # refused or lost, nothing: never answered
phoenix.drops("10ms x")                  the link is lost
phoenix.writes("--x", {"x": b"{"})       frames come as they are, also such as no Phoenix sends
room.joins("--j", "r", "#")              each join:     a value accepts, Reply("error", ...) refuses, # crashes
room.replies("new_msg", "---r", "-")     each push:     a value replies, # crashes the channel, nothing: no reply
room.pushes("new_msg", "--a--b", {...})  what the server says of itself
room.presence("--a--b", {...})           who comes, changes and goes: Track, Update, Untrack
room.states("--s", "")                   each join:     when its presence_state comes, nothing: never
```

What lives here: the script, and what the client sent. What does not: a single connection (``connection.py``), a topic
(``topic.py``), and how a Phoenix behaves (``rxphoenix.server.session``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, cast

from reactivex import Observable

from rxphoenix.client.checks import check_seconds
from rxphoenix.client.socket import Socket
from rxphoenix.errors import ConnectionLost
from rxphoenix.protocol.message import Frame, Message
from rxphoenix.testing.clock import VirtualScheduler
from rxphoenix.testing.connection import VirtualConnection
from rxphoenix.testing.drawing import Drawing, Instant, Next, microseconds
from rxphoenix.testing.notation import parse
from rxphoenix.testing.printing import can_stand_for_a_value
from rxphoenix.testing.topic import SentFrame, VirtualChannel, VirtualTopic
from rxphoenix.testing.way import VirtualTransport, check_fault
from rxphoenix.transports.base import ConnectRequest, TransportEvent

__all__ = ["SentFrame", "VirtualChannel", "VirtualConnection", "VirtualPhoenix", "VirtualTopic"]

ENDPOINT = "ws://phoenix.test/socket"


class _Seconds:
    """An option of a server, which may be changed at any time and is checked when it is."""

    def __init__(self, *, never: bool = False) -> None:
        self._never = never

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __set__(self, server: object, seconds: float | None) -> None:
        if seconds is not None or not self._never:
            microseconds(check_seconds(self._name, cast("float", seconds), zero=True))
        vars(server)[self._name] = seconds

    def __get__(self, server: object | None, _owner: type | None = None) -> Any:
        return self if server is None else vars(server)[self._name]


class VirtualPhoenix:
    """A server in virtual time, and the transport that leads to it; made by ``m.phoenix()``.

    What is said in seconds may be changed at any time: ``phoenix.latency = 0.2`` counts for what is sent from then on.

    Arguments:
        scheduler: the clock.
        frame: how long one character of a drawing lasts, in seconds.
        topics: the topics that it serves, exact or ending in ``*``; by default all.
        opens_after: seconds that an attempt to connect takes.
        joins_after: seconds that the answer to a join takes.
        replies_after: seconds that the reply to a push takes.
        closes_after: seconds that the close handshake takes; ``None`` for never.
        latency: seconds that whatever the client sends is on its way.
        idle_timeout: seconds of silence after which the server closes a connection; ``None`` for never.
        send_timeout: seconds for which the client may leave something unread before the server gives up on it;
            ``None`` for ever.

    Example:
        ```python
        from rxphoenix.testing import marbles

        with marbles() as m:
            phoenix = m.phoenix()
            phoenix.topic("room:lobby").pushes("new_msg", "--a--b", {"a": {"body": "hi"}, "b": {"body": "ho"}})
            messages = phoenix.socket().channel("room:lobby").on("new_msg")
            m.expect(messages).to_be("--a--b", {"a": {"body": "hi"}, "b": {"body": "ho"}})
        ```
    """

    opens_after = _Seconds()
    joins_after = _Seconds()
    replies_after = _Seconds()
    closes_after = _Seconds(never=True)
    latency = _Seconds()
    idle_timeout = _Seconds(never=True)
    send_timeout = _Seconds(never=True)

    def __init__(
        self,
        scheduler: VirtualScheduler,
        frame: float = 0.001,
        *,
        topics: Iterable[str] | None = None,
        opens_after: float = 0.0,
        joins_after: float = 0.0,
        replies_after: float = 0.0,
        closes_after: float | None = 0.0,
        latency: float = 0.0,
        idle_timeout: float | None = 60.0,
        send_timeout: float | None = 30.0,
    ) -> None:
        self.scheduler = scheduler
        self.frame = frame
        self.opens_after = opens_after
        self.joins_after = joins_after
        self.replies_after = replies_after
        self.closes_after = closes_after
        self.latency = latency
        self.idle_timeout = idle_timeout
        self.send_timeout = send_timeout
        self.sent: list[SentFrame] = []
        """What the client sent, heartbeats included, in order, over all connections."""
        self.attempts: list[VirtualConnection] = []
        """The attempts of clients to connect, and what came of them, in order."""
        self.last_drawn: Instant = 0
        """The instant of the last thing that is drawn to happen of itself."""
        self._served = None if topics is None else tuple(topics)
        self._topics: dict[str, VirtualTopic] = {}
        self._way = VirtualTransport(self, "websocket")
        self.longpoll = VirtualTransport(self, "longpoll")
        """A second way here, which a network may leave open when it blocks the first; for ``Fallback``."""

    def socket(self, **options: Any) -> Socket:
        """Make a real ``Socket`` that talks to this server.

        Arguments:
            options: those of ``Socket``.
        """
        options = {"endpoint": ENDPOINT, "transport": self, **options}
        return Socket(scheduler=self.scheduler, **options)

    def topic(self, topic: str) -> VirtualTopic:
        """The topic of that name: to say what happens on it, and to see what was sent to it."""
        return self._topics.setdefault(topic, VirtualTopic(self, topic))

    def connects(
        self, *drawings: str, values: Mapping[str, Exception | int] | None = None, error: Exception | None = None
    ) -> None:
        """Draw how the next attempts to connect go, one drawing each, from its start.

        Arguments:
            drawings: ``o`` opens; ``#`` before it refuses, after it loses the link; ``|`` after it closes with 1000;
                an empty drawing never answers.
            values: what other characters stand for: an error, an HTTP status that refuses, or after ``o`` a close
                code.
            error: what ``#`` stands for, by default a ``ConnectionRefused`` or ``ConnectionLost``.

        Raises:
            MarbleSyntaxError: there is a mistake in a drawing.
            ValueError: a character means nothing.

        Example:
            ```python
            from rxphoenix import ConnectionRefused
            from rxphoenix.testing import marbles

            with marbles() as m:
                phoenix = m.phoenix()
                phoenix.connects("--#", "-o", error=ConnectionRefused("maintenance", status=503))
                socket = phoenix.socket(reconnect_after=lambda attempt, error: 0.005)
                m.at("1ms", socket.connect)
                states = {"c": "closed", "n": "connecting", "o": "open"}
                m.expect(socket.state).to_be("cn-c----no", states)
        ```
        """
        self._way.connects(*drawings, values=values, error=error)

    def drops(self, drawing: str, values: Mapping[str, Exception | int] | None = None) -> None:
        """Draw when the link is lost, from now on: a value at each instant, by default without a close code.

        Arguments:
            drawing: a value at each instant.
            values: the close codes or errors that characters stand for.

        Raises:
            MarbleSyntaxError: there is a mistake in the drawing.
            ValueError: a value is neither a close code nor an error.
        """
        without_code = {character: ConnectionLost() for character in drawing if can_stand_for_a_value(character)}
        explained = {**without_code, **(values or {})}
        for mark in self.read(drawing, explained).marks:
            if isinstance(mark, Next):
                check_fault(mark)
        self.play(drawing, explained, self.drop)

    def hangs(self, drawing: str) -> None:
        """Draw when the link falls silent without an end, from now on: nothing passes, heartbeats included."""
        self.play(drawing, None, lambda _value: self.hang())

    def writes(self, drawing: str, values: Mapping[str, Message | Frame | bytes]) -> None:
        """Draw frames that come from now on, on every open connection, whether a Phoenix would send them or not.

        Arguments:
            drawing: a value at each instant.
            values: messages with payloads of JSON, frames as they are, or the bytes of text frames as they are.

        Example:
            ```python
            from reactivex import operators as ops
            from rxphoenix import Message
            from rxphoenix.testing import marbles

            with marbles() as m:
                phoenix = m.phoenix()
                phoenix.writes("--x-y", {"x": b"nonsense", "y": Message("99", None, "room:1", "of another join", {})})
                socket = phoenix.socket()
                m.expect(socket.channel("room:1")).to_be("-----")
                m.expect(socket.errors.pipe(ops.map(lambda fault: type(fault.error).__name__))).to_be(
                    "--m", {"m": "MalformedFrame"}
                )
            ```
        """
        self.play(drawing, values, self.write)

    def drop(self, fault: Exception | int | None = None) -> None:
        """Lose the link, now: with an error, with a close code, or by default without one."""
        for link in self.links():
            link.drop(fault)

    def hang(self) -> None:
        """Let the link fall silent, now."""
        for link in self.links():
            link.hang()

    def write(self, frame: Message | Frame | bytes) -> None:
        """Let a frame come on every open connection, now; see ``writes``."""
        for link in self.links():
            link.write(frame)

    # -- the transport seam --------------------------------------------------------------------------------------

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        """Make the cold observable of one connection."""
        return self._way.connect(request)

    # -- what the parts need -------------------------------------------------------------------------------------

    def read(self, drawing: str, values: Mapping[str, Any] | None, error: Exception | None = None) -> Drawing:
        """Read a drawing of this server's; raises ``MarbleSyntaxError``."""
        return parse(drawing, values, error, frame=self.frame, kind="cold")

    def play(self, drawing: str, values: Mapping[str, Any] | None, action: Callable[[Any], object]) -> None:
        """Do something with each value of a drawing that begins now."""
        for mark in self.read(drawing, values).marks:
            if not isinstance(mark, Next):
                raise ValueError(f"{drawing!r}: what a server does has no end: '|' and '#' mean nothing here")
            instant = self.scheduler.instant + mark.instant
            self.last_drawn = max(self.last_drawn, instant)
            self.scheduler.at(instant, partial(action, mark.value))

    def links(self) -> list[VirtualConnection]:
        """The open connections."""
        return [link for link in self.attempts if link.is_open]

    def channels_of(self, topic: str) -> list[VirtualChannel]:
        """The joined channels of a topic, over all connections."""
        return [
            channel
            for link in self.links()
            if topic in link.session.topics
            for channel in link.channels.values()
            if channel.topic == topic
        ]

    def route(self, topic: str) -> str | None:
        """What handles a topic: itself, or nothing where the server does not serve it."""
        served = self._served is None or any(
            topic.startswith(served[:-1]) if served.endswith("*") else topic == served for served in self._served
        )
        return topic if served else None

    def __repr__(self) -> str:
        return "<VirtualPhoenix>"

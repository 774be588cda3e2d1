"""A Phoenix in virtual time: a transport for a real ``Socket``, in front of the embedded server's own session.

What it does is drawn, or left to plain functions. What nobody has said anything about goes well, at once: attempts
open, joins are accepted with ``{}``, pushes are answered with ``{}``. Drawings of what the server does of itself begin
when they are given; drawings of its answers begin with each question, one drawing for one question, and after the last
one things go well again.

```text
phoenix.connects("--o", "---#")          each attempt:  o opened, # refused or lost, nothing: never answered
phoenix.drops("10ms x")                  the link is lost
room.joins("--j", "r", "#")              each join:     a value accepts, Reply("error", ...) refuses, # crashes
room.replies("new_msg", "---r", "-")     each push:     a value replies, # crashes the channel, nothing: no reply
room.pushes("new_msg", "--a--b", {...})  what the server says of itself
```

What lives here: the shell, the script, and what the client sent. What does not: how a Phoenix behaves
(``rxphoenix.server.session``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from rxphoenix.client.socket import Socket
from rxphoenix.errors import ConnectionLost, ConnectionRefused, MalformedFrame
from rxphoenix.protocol.message import Frame, Reply
from rxphoenix.server.codec import Codec, codec_for
from rxphoenix.server.effects import (
    CallHandleIn,
    CallHandleInfo,
    CallHandleOut,
    CallJoin,
    CallTerminate,
    CancelTimer,
    Close,
    Effect,
    Send,
    StartTimer,
)
from rxphoenix.server.session import Session
from rxphoenix.testing.clock import VirtualScheduler
from rxphoenix.testing.drawing import Completed, Drawing, Failed, Instant, Mark, Next, microseconds
from rxphoenix.testing.notation import parse
from rxphoenix.testing.printing import RESERVED
from rxphoenix.testing.topic import Answers, SentFrame, VirtualChannel, VirtualTopic
from rxphoenix.transports.base import CloseRequest, ConnectRequest, Opened, TransportEvent

__all__ = ["Attempt", "SentFrame", "VirtualChannel", "VirtualPhoenix", "VirtualTopic"]

ENDPOINT = "ws://phoenix.test/socket"


class Attempt(NamedTuple):
    """An attempt of the client to connect, and when.

    Arguments:
        instant: when, in microseconds from the beginning.
        params: the evaluated connect params.
        auth_token: the evaluated token.
        headers: the evaluated headers.
    """

    instant: Instant
    params: Mapping[str, Any]
    auth_token: str | None
    headers: Mapping[str, str]


class VirtualPhoenix:
    """A server in virtual time, and the transport that leads to it; made by ``m.phoenix()``.

    Arguments:
        scheduler: the clock.
        frame: how long one character of a drawing lasts, in seconds.
        topics: the topics that it serves, exact or ending in ``*``; by default all.
        opens_after: seconds that an attempt to connect takes.
        joins_after: seconds that the answer to a join takes.
        replies_after: seconds that the reply to a push takes.
        closes_after: seconds that the close handshake takes.
        idle_timeout: seconds of silence after which the server closes a connection; ``None`` for never.

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

    def __init__(
        self,
        scheduler: VirtualScheduler,
        frame: float = 0.001,
        *,
        topics: Iterable[str] | None = None,
        opens_after: float = 0.0,
        joins_after: float = 0.0,
        replies_after: float = 0.0,
        closes_after: float = 0.0,
        idle_timeout: float | None = 60.0,
    ) -> None:
        self.scheduler = scheduler
        self.frame = frame
        self.opens_after = microseconds(opens_after)
        self.joins_after = microseconds(joins_after)
        self.replies_after = microseconds(replies_after)
        self.closes_after = microseconds(closes_after)
        self.idle_timeout = idle_timeout
        self.sent: list[SentFrame] = []
        """What the client sent, heartbeats included, in order, over all connections."""
        self.attempts: list[Attempt] = []
        """The attempts of the client to connect."""
        self.last_drawn: Instant = 0
        """The instant of the last thing that is drawn to happen of itself."""
        self._served = None if topics is None else tuple(topics)
        self._topics: dict[str, VirtualTopic] = {}
        self._connects = Answers()
        self._links: list[_Link] = []

    def socket(self, **options: Any) -> Socket:
        """Make a real ``Socket`` that talks to this server.

        Arguments:
            options: those of ``Socket``.
        """
        return Socket(options.pop("endpoint", ENDPOINT), transport=self, scheduler=self.scheduler, **options)

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
        read = [self.read(drawing, values, error) for drawing in drawings]
        for drawing in read:
            for mark in drawing.marks:
                if isinstance(mark, Next) and mark.value != "o":
                    _check_fault(mark)
        self._connects.add(read)

    def drops(self, drawing: str, values: Mapping[str, Exception | int] | None = None) -> None:
        """Draw when the link is lost, from now on: a value at each instant, by default without a close code.

        Arguments:
            drawing: a value at each instant.
            values: the close codes or errors that characters stand for.

        Raises:
            MarbleSyntaxError: there is a mistake in the drawing.
            ValueError: a value is neither a close code nor an error.
        """
        without_code = {character: ConnectionLost() for character in drawing if character not in RESERVED}
        explained = {**without_code, **(values or {})}
        for mark in self.read(drawing, explained).marks:
            if isinstance(mark, Next):
                _check_fault(mark)
        self.play(drawing, explained, self.drop)

    def hangs(self, drawing: str) -> None:
        """Draw when the link falls silent without an end, from now on: nothing passes, heartbeats included."""
        self.play(drawing, None, lambda _value: self.hang())

    def drop(self, fault: Exception | int | None = None) -> None:
        """Lose the link, now: with an error, with a close code, or by default without one."""
        for link in self.links():
            link.fail(ConnectionLost() if fault is None else fault)

    def hang(self) -> None:
        """Let the link fall silent, now."""
        for link in self.links():
            link.is_silent = True

    # -- the transport seam --------------------------------------------------------------------------------------

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        """Make the cold observable of one connection."""

        def subscribe(
            observer: abc.ObserverBase[TransportEvent], _scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            self.attempts.append(
                Attempt(self.scheduler.instant, request.address.params, request.auth_token, request.headers)
            )
            link = _Link(self, len(self._links), request, observer)
            self._links.append(link)
            link.begin(self._connects.next())
            return Disposable(link.dispose)

        return Observable(subscribe)

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

    def links(self) -> list[_Link]:
        """The open connections."""
        return [link for link in self._links if link.is_open]

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


def _check_fault(mark: Next) -> None:
    if not isinstance(mark.value, (Exception, int)):
        raise ValueError(f"{mark.symbol!r} means nothing here: give an error or a number for it in values")


class _Link:
    """One attempt, and the connection that comes of it."""

    def __init__(
        self, phoenix: VirtualPhoenix, number: int, request: ConnectRequest, observer: abc.ObserverBase[TransportEvent]
    ) -> None:
        codec = codec_for(request.address.vsn)
        self.phoenix = phoenix
        self.is_open = False
        self.is_silent = False
        self.channels: dict[int, VirtualChannel] = {}
        self._number = number
        self._request = request
        self._observer = observer
        self._clock = phoenix.scheduler
        self._is_over = False
        self._has_codec = codec is not None
        self._codec: Codec = codec or _default_codec()
        self.session = Session(self._codec, phoenix.route, idle_timeout=phoenix.idle_timeout)
        self._timers: dict[int, abc.DisposableBase] = {}

    def begin(self, script: Drawing | None) -> None:
        self._request.closing.listen(self._close_asked)
        if not self._has_codec:
            refused = ConnectionRefused(f"the server does not speak vsn {self._request.address.vsn}", status=403)
            self._clock.after(self.phoenix.opens_after, lambda: self.fail(refused))
        elif script is None:
            self._clock.after(self.phoenix.opens_after, self._open)
        else:
            for mark in script.marks:
                self._clock.after(mark.instant, partial(self._take_script, mark))

    def _take_script(self, mark: Mark) -> None:
        match mark:
            case Next(value=Exception() | int() as fault):
                self.fail(fault)
            case Next():
                self._open()
            case Completed():
                self.fail(ConnectionLost(code=1000))
            case Failed(error=Exception() as error) if type(error) is not Exception:
                self.fail(error)
            case Failed():
                self.fail(ConnectionLost() if self.is_open else ConnectionRefused("the server said no"))

    def _open(self) -> None:
        if not self._is_over:
            self.is_open = True
            self._observer.on_next(Opened(self._send))
            self.apply(self.session.open())

    def _send(self, frame: Frame) -> None:
        if self._is_over:
            return
        try:
            sent = self._codec.decode(frame)
        except MalformedFrame:
            pass  # the session has its own opinion of it
        else:
            self.phoenix.sent.append(
                SentFrame(
                    self._clock.instant, self._number, sent.join_ref, sent.ref, sent.topic, sent.event, sent.payload
                )
            )
        # a server answers later, and be it at the same instant
        self._clock.after(0, lambda: None if self.is_silent else self.apply(self.session.receive(frame)))

    def apply(self, effects: list[Effect]) -> None:
        """Carry out what the session asks for."""
        for effect in effects:
            match effect:
                case Send(frame):
                    if not self._is_over and not self.is_silent:
                        self._observer.on_next(frame)
                case Close(code, reason):
                    self.fail(ConnectionLost(reason, code=code))
                case StartTimer(timer, seconds):
                    self._stop_timer(timer)
                    self._timers[timer] = self._clock.after(microseconds(seconds), partial(self._fire, timer))
                case CancelTimer(timer):
                    self._stop_timer(timer)
                case CallTerminate(channel):
                    self.channels.pop(channel, None)
                case CallJoin() | CallHandleIn() | CallHandleInfo() | CallHandleOut():
                    # as a process of its own would: not before what came with it has been carried out
                    self._clock.after(0, partial(self._call, effect))

    def _fire(self, timer: int) -> None:
        if not self.is_silent:
            self.apply(self.session.fire(timer))

    def _stop_timer(self, timer: int) -> None:
        pending = self._timers.pop(timer, None)
        if pending is not None:
            pending.dispose()

    def _call(self, call: CallJoin | CallHandleIn | CallHandleInfo | CallHandleOut) -> None:
        if self._is_over:
            return
        match call:
            case CallJoin(number, topic, params):
                channel = self.channels[number] = VirtualChannel(self, number, topic, params)
                answer = self.phoenix.topic(topic).join_answer(channel)
                if answer is not None:
                    self._clock.after(answer[0], partial(self._answer_join, channel, number, answer[1]))
            case CallHandleIn(number, event, payload, ref):
                channel = self.channels[number]
                answer = self.phoenix.topic(channel.topic).push_answer(channel, event, payload)
                # a reply that takes time is given later, by its ref, and keeps no other push waiting
                self.apply(self.session.done(number))
                if answer is not None:
                    self._clock.after(answer[0], partial(self._answer_push, number, ref, answer[1]))
            case CallHandleInfo(number) | CallHandleOut(number):  # nothing asks for these here
                self.apply(self.session.done(number))

    def _answer_join(self, channel: VirtualChannel, number: int, reply: Reply | None) -> None:
        if reply is None:
            self.channels.pop(number, None)
            self.apply(self.session.crash(number))
        elif reply.status == "ok":
            self.apply(self.session.accept(number, reply.response))
            self.phoenix.topic(channel.topic).greet(channel)
        else:
            self.channels.pop(number, None)
            self.apply(self.session.refuse(number, reply.response))

    def _answer_push(self, number: int, ref: Any, reply: Reply | None) -> None:
        if number not in self.channels:
            return  # whoever would have replied is gone
        if reply is None:
            self.apply(self.session.crash(number))
        else:
            self.apply(self.session.reply(ref, reply.status, reply.response))

    # -- ends ----------------------------------------------------------------------------------------------------

    def _close_asked(self, _request: CloseRequest) -> None:
        # what was sent is flushed first: the server gets it one turn from now
        self._clock.after(self.phoenix.closes_after, self._finish)

    def _finish(self) -> None:
        if not self._is_over:
            self._end()
            self._observer.on_completed()

    def fail(self, fault: Exception | int) -> None:
        """Let the attempt fail, or the connection be lost: an error, an HTTP status, or a close code."""
        if self._is_over:
            return
        if isinstance(fault, int):
            fault = ConnectionLost(code=fault) if self.is_open else ConnectionRefused("", status=fault)
        self._end()
        self._observer.on_error(fault)

    def dispose(self) -> None:
        """The client has let go."""
        if not self._is_over:
            self._end()

    def _end(self) -> None:
        self._is_over = True
        self.is_open = False
        self.apply(self.session.closed())
        for timer in list(self._timers):
            self._stop_timer(timer)


def _default_codec() -> Codec:
    codec = codec_for("2.0.0")
    assert codec is not None
    return codec

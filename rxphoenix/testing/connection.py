"""One connection of a client to a virtual Phoenix: the attempt, and what comes of it.

What lives here: the shell that drives a session of the embedded server for one connection. What does not: what is
drawn to happen (``phoenix.py``, ``topic.py``), and how a Phoenix behaves (``rxphoenix.server.session``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
from reactivex import abc

from rxphoenix.errors import ConnectionLost, ConnectionRefused, MalformedFrame
from rxphoenix.protocol.message import Frame, Message, Reply
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
    Reached,
    Send,
    StartTimer,
)
from rxphoenix.server.session import Session
from rxphoenix.testing.drawing import Completed, Drawing, Failed, Instant, Mark, Next, microseconds
from rxphoenix.testing.topic import SentFrame, VirtualChannel
from rxphoenix.transports.base import CloseRequest, ConnectRequest, Opened, TransportEvent

if TYPE_CHECKING:
    from rxphoenix.testing.phoenix import VirtualPhoenix

__all__ = ["AskedToClose", "VirtualConnection"]


class AskedToClose(NamedTuple):
    """The client's wish to end a connection, and when.

    Arguments:
        instant: when, in microseconds from the beginning.
        code: the close code that it gave, ``None`` for the usual one.
        reason: the reason that it gave.
    """

    instant: Instant
    code: int | None
    reason: str


class VirtualConnection:
    """An attempt of the client to connect, and the connection that comes of it: an item of ``phoenix.attempts``.

    Arguments:
        phoenix: the server.
        request: what the client asked for.
        observer: the client.
        transport: the way that it took.

    Example:
        ```python
        from rxphoenix.testing import marbles

        with marbles() as m:
            phoenix = m.phoenix()
            socket = phoenix.socket(params={"user": "ann"})
            m.at("1ms", socket.connect)
            m.at("5ms", lambda: socket.disconnect(3001, "bye"))
            m.run(until="9ms")
            [connection] = phoenix.attempts
            assert connection.instant == 1_000
            assert connection.params == {"user": "ann"}
            assert connection.asked_to_close == (5_000, 3001, "bye")
        ```
    """

    def __init__(
        self,
        phoenix: VirtualPhoenix,
        request: ConnectRequest,
        observer: abc.ObserverBase[TransportEvent],
        transport: Literal["websocket", "longpoll"] = "websocket",
    ) -> None:
        codec = codec_for(request.address.vsn)
        self.phoenix = phoenix
        self.request = request
        """What the client asked for, as a transport gets it."""
        self.transport: Literal["websocket", "longpoll"] = transport
        """The way that it took."""
        self.instant: Instant = phoenix.scheduler.instant
        """When the attempt began, in microseconds from the beginning."""
        self.asked_to_close: AskedToClose | None = None
        """When and how the client asked for the end, ``None`` if it did not."""
        self.ended: Instant | None = None
        """When it was over for the client, in microseconds from the beginning; ``None`` if it is not."""
        self.is_open = False
        """Whether the handshake is done and the end has not come."""
        self.channels: dict[int, VirtualChannel] = {}
        self._number = len(phoenix.attempts)
        self._observer = observer
        self._clock = phoenix.scheduler
        self._is_silent = False
        self._is_shut = False
        self._held = False
        self._unread: deque[Frame | Exception] = deque()
        self._giving_up: abc.DisposableBase | None = None
        self._codec = codec
        idle_timeout = phoenix.idle_timeout if transport == "websocket" else None
        self.session = Session(codec or _newest_codec(), phoenix.route, idle_timeout=idle_timeout)
        self._timers: dict[int, abc.DisposableBase] = {}
        request.closing.listen(self._close_asked)

    @property
    def params(self) -> Mapping[str, Any]:
        """The evaluated connect params."""
        return self.request.address.params

    @property
    def auth_token(self) -> str | None:
        """The evaluated token."""
        return self.request.auth_token

    @property
    def headers(self) -> Mapping[str, str]:
        """The evaluated headers."""
        return self.request.headers

    @property
    def is_over(self) -> bool:
        """Whether the end has come, by whichever side."""
        return self.ended is not None

    # -- what a test does to it ----------------------------------------------------------------------------------

    def drop(self, fault: Exception | int | None = None) -> None:
        """Let the attempt fail, or the connection be lost, now: with an error, an HTTP status, or a close code.

        A client that holds its reading back hears of it when it has read what came before.
        """
        if self.is_over or self._is_shut:
            return
        if fault is None:
            fault = ConnectionLost() if self.is_open else ConnectionRefused("the server said no")
        elif isinstance(fault, int):
            fault = ConnectionLost(code=fault) if self.is_open else ConnectionRefused("", status=fault)
        self._shut()
        self._arrive(fault)

    def hang(self) -> None:
        """Let it fall silent, now: nothing of the server's passes any more, and nothing of the client's."""
        self._is_silent = True

    def write(self, frame: Message | Frame | bytes) -> None:
        """Let a frame come, now, whether a Phoenix would send it or not.

        Arguments:
            frame: a message with a payload of JSON; a frame as it is; or the bytes of a text frame as they are.
        """
        if self.is_open and not self._is_shut:
            self._arrive(self._frame(frame))

    def _frame(self, given: Message | Frame | bytes) -> Frame:
        match given:
            case Frame():
                return given
            case Message(join_ref=join_ref, ref=ref, topic=topic, event=event, payload=payload):
                array = [join_ref, ref, topic, event, payload]
                names = {"topic": topic, "event": event, "payload": payload, "ref": ref}
                return Frame(msgspec.json.encode(names if self.request.address.vsn.startswith("1.") else array))
            case _:
                return Frame(given)

    # -- its life ------------------------------------------------------------------------------------------------

    def begin(self, script: Drawing | None) -> None:
        """Let the attempt go as drawn, or well where nothing is."""
        if self._codec is None:
            refused = ConnectionRefused(f"the server does not speak vsn {self.request.address.vsn}", status=403)
            self._clock.after(microseconds(self.phoenix.opens_after), lambda: self.drop(refused))
        elif script is None:
            self._clock.after(microseconds(self.phoenix.opens_after), self._open)
        else:
            for mark in script.marks:
                self._clock.after(mark.instant, partial(self._take_script, mark))

    def _take_script(self, mark: Mark) -> None:
        match mark:
            case Next(value=Exception() | int() as fault):
                self.drop(fault)
            case Next():
                self._open()
            case Completed():
                self.drop(1000)
            case Failed(error=Exception() as error) if type(error) is not Exception:
                self.drop(error)
            case Failed():
                self.drop()

    def _open(self) -> None:
        if not self.is_over:
            self.is_open = True
            needs_heartbeat = self.transport == "websocket"
            self._observer.on_next(Opened(self._send, needs_heartbeat, self._hold_back))
            self.apply(self.session.open())

    # -- what the client reads -----------------------------------------------------------------------------------

    def _arrive(self, event: Frame | Exception) -> None:
        """A frame comes, or the end of the connection: behind what the client has not read yet."""
        if self._unread or (self._held and isinstance(event, Frame)):
            self._unread.append(event)
            if self._giving_up is None:
                self._block()
        else:
            self._tell(event)

    def _tell(self, event: Frame | Exception) -> None:
        if isinstance(event, Frame):
            self._observer.on_next(event)
        else:
            self._end()
            self._observer.on_error(event)

    def _hold_back(self, held: bool) -> None:
        self._held = held
        if not held and self._unread:
            self._clock.after(0, self._read_on)

    def _read_on(self) -> None:
        while self._unread and not self._held and not self.is_over:
            self._tell(self._unread.popleft())
        self._unblock()
        if self._unread:
            self._block()

    def _block(self) -> None:
        """The server cannot send what the client does not read: nothing in between takes any of it."""
        timeout = self.phoenix.send_timeout
        if timeout is not None and self.transport == "websocket" and not self._is_shut:
            self._giving_up = self._clock.after(microseconds(timeout), self._give_up)

    def _give_up(self) -> None:
        self._unread.clear()  # it was never sent
        self.drop()

    def _unblock(self) -> None:
        giving_up, self._giving_up = self._giving_up, None
        if giving_up is not None:
            giving_up.dispose()

    # -- what the client sends -----------------------------------------------------------------------------------

    def _send(self, frame: Frame) -> None:
        if self.is_over or self._codec is None:
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
        self._clock.after(microseconds(self.phoenix.latency), partial(self._receive, frame))

    def _receive(self, frame: Frame) -> None:
        if not self._is_silent:
            self.apply(self.session.receive(frame))

    def apply(self, effects: list[Effect]) -> None:
        """Carry out what the session asks for."""
        for effect in effects:
            match effect:
                case Send(frame):
                    if not self.is_over and not self._is_silent:
                        self._arrive(frame)
                case Close(code, reason):
                    self.drop(ConnectionLost(reason, code=code))
                case StartTimer(timer, seconds):
                    self._stop_timer(timer)
                    self._timers[timer] = self._clock.after(microseconds(seconds), partial(self._fire, timer))
                case CancelTimer(timer):
                    self._stop_timer(timer)
                case Reached():
                    pass  # only requests of long polling ask for it
                case CallTerminate(channel):
                    self.channels.pop(channel, None)
                case CallJoin() | CallHandleIn() | CallHandleInfo() | CallHandleOut():
                    # as a process of its own would: not before what came with it has been carried out
                    self._clock.after(0, partial(self._call, effect))

    def _fire(self, timer: int) -> None:
        if not self._is_silent:
            self.apply(self.session.fire(timer))

    def _stop_timer(self, timer: int) -> None:
        pending = self._timers.pop(timer, None)
        if pending is not None:
            pending.dispose()

    def _call(self, call: CallJoin | CallHandleIn | CallHandleInfo | CallHandleOut) -> None:
        if self._is_shut:
            return
        match call:
            case CallJoin(number, topic, params):
                channel = self.channels[number] = VirtualChannel(self, number, topic, params)
                answer = self.phoenix.topic(topic).join_answer(channel)
                if answer is not None:
                    self._clock.after(answer[0], partial(self._answer_join, channel, number, answer[1]))
            case CallHandleIn(number, event, payload, ref):
                channel = self.channels.get(number)
                if channel is None:
                    return  # ended at the instant of the push, by a takeover
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

    def _close_asked(self, request: CloseRequest) -> None:
        self.asked_to_close = AskedToClose(self._clock.instant, request.code, request.reason)
        if self.phoenix.closes_after is not None:
            self._clock.after(microseconds(self.phoenix.closes_after), self._finish)

    def _finish(self) -> None:
        if not self.is_over:
            self._end()
            self._observer.on_completed()
            # what was sent before the close gets to the server before it
            self._clock.after(microseconds(self.phoenix.latency), self._shut)

    def dispose(self) -> None:
        """The client has let go."""
        if not self.is_over:
            self._end()
            self._shut()

    def _end(self) -> None:
        self._unblock()
        self.ended = self._clock.instant
        self.is_open = False

    def _shut(self) -> None:
        if self._is_shut:
            return
        self._is_shut = True
        self.apply(self.session.closed())
        for timer in list(self._timers):
            self._stop_timer(timer)


def _newest_codec() -> Codec:
    codec = codec_for("2.0.0")
    assert codec is not None
    return codec

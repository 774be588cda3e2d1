"""One connection on asyncio: the effects of its session carried out, its channels' handlers run as tasks.

What lives here: tasks and timers, each owned by its connection and gone when that is. What does not: what happens
when (``session.py``), and the network (a ``Wire``; ``web`` has those for WebSocket and long polling).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Protocol

from rxphoenix import tasks
from rxphoenix.protocol.message import Frame, Payload, Reply
from rxphoenix.server.app import Refused, ServerChannel, ServerSocket
from rxphoenix.server.codec import Codec
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
    ReplyRef,
    Send,
    StartTimer,
)
from rxphoenix.server.endpoint import Endpoint, Mount
from rxphoenix.server.session import Session
from rxphoenix.server.timers import LoopTimers

__all__ = ["Connection", "Wire"]

_logger = logging.getLogger("rxphoenix.server")


class Wire(Protocol):
    """The way to one client; what it is given goes out in order."""

    def send(self, frame: Frame) -> None:
        """Send a frame."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close with this code, after what was sent before."""
        ...

    def drop(self) -> None:
        """Let the connection die now, without a word."""
        ...


class Connection:
    """Drives one session on the running event loop, from the open connection to the last handler's end.

    Arguments:
        endpoint: the application.
        mount: the kind of socket.
        socket: the client's socket, which has let it in.
        codec: the client's dialect.
        wire: the way to the client.
        idle_timeout: close it when the client has sent nothing for so many seconds; ``None`` for never.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        mount: Mount,
        socket: ServerSocket,
        codec: Codec,
        wire: Wire,
        *,
        idle_timeout: float | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.session = Session(codec, mount.route, max_channels=mount.max_channels, idle_timeout=idle_timeout)
        self._socket = socket
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._channels: dict[int, ServerChannel[Any]] = {}
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self._monitors: dict[int, list[Callable[[], None]]] = {}
        self._timers = LoopTimers(self._loop, lambda timer: self.apply(self.session.fire(timer)))
        self._awaited: dict[int, Callable[[], None]] = {}
        self._last_mark = 0
        socket.port = self

    # What the transport says.

    def open(self) -> None:
        """The connection is up; broadcasts arrive from now on."""
        self.endpoint.subscribe(self)
        self.apply(self.session.open())

    def receive(self, frame: Frame) -> None:
        """The client sent a frame."""
        self.apply(self.session.receive(frame))

    def in_turn(self, action: Callable[[], None]) -> None:
        """Do something when the connection comes to it, behind what waits already; once it has ended, never."""
        self._last_mark += 1
        self._awaited[self._last_mark] = action
        self.apply(self.session.reach(self._last_mark))

    def frame_too_big(self) -> None:
        """The client sent a frame above the limit."""
        self.apply(self.session.frame_too_big())

    def closed(self) -> None:
        """The connection is gone; handlers that run may finish."""
        self.endpoint.unsubscribe(self)
        self.apply(self.session.closed())

    def shutdown(self) -> None:
        """The server goes away: close the connection and cancel what runs for it."""
        self.apply(self.session.shutdown())
        for call in self._calls.values():
            call.cancel()

    async def finished(self) -> None:
        """Wait until no handler and no ``terminate`` runs any more."""
        while running := {*self._calls.values(), *self._endings}:
            await asyncio.wait(running)

    async def abandon(self) -> None:
        """Cancel whatever still runs, ``terminate`` included, and all timers."""
        self._timers.clear()
        while running := {*self._calls.values(), *self._endings}:
            for task in running:
                task.cancel()
            await asyncio.wait(running)

    # What the endpoint and the socket say.

    @property
    def socket_id(self) -> str | None:
        """The socket's id."""
        return self._socket.id()

    def receive_broadcast(self, topic: str, event: str, payload: Payload) -> None:
        """Deliver a broadcast, if the topic is joined."""
        self.apply(self.session.broadcast(topic, event, payload))

    def disconnect(self) -> None:
        """Close the connection with 1001."""
        self.apply(self.session.disconnect())

    def drop(self) -> None:
        """Let the connection die without a close frame."""
        self._wire.drop()

    # Carrying out effects.

    def apply(self, effects: Iterable[Effect]) -> None:
        """Carry out what the session asks for."""
        for effect in effects:
            match effect:
                case Send(frame):
                    self._wire.send(frame)
                case Close(code, reason):
                    self._wire.close(code, reason)
                case StartTimer(timer, seconds):
                    self._timers.start(timer, seconds)
                case CancelTimer(timer):
                    self._timers.cancel(timer)
                case Reached(mark):
                    self._awaited.pop(mark)()
                case CallJoin(number, topic, params, route):
                    self._monitors[number] = []
                    self._call(number, partial(self._join, number, route, topic, params))
                case CallTerminate(number, reason):
                    self._tell_monitors(number)
                    ending = tasks.begin(self._loop, self._terminate(number, reason), "rxphoenix server terminate")
                    self._endings.add(ending)
                    ending.add_done_callback(self._endings.discard)
                case CallHandleIn() | CallHandleInfo() | CallHandleOut():
                    self._call(effect.channel, partial(self._handle, effect))

    def monitor(self, number: int, ended: Callable[[], None]) -> None:
        """Have a function called when a channel has ended; raises ``RuntimeError`` if it has."""
        if number not in self._monitors:
            raise RuntimeError("the channel has ended; only one that lives can be present")
        self._monitors[number].append(ended)

    def _tell_monitors(self, number: int) -> None:
        for ended in self._monitors.pop(number, ()):
            ended()

    def _call(self, number: int, work: Callable[[], Awaitable[list[Effect]]]) -> None:
        call = self._calls[number] = tasks.begin(self._loop, self._run(number, work), "rxphoenix server call")
        call.add_done_callback(partial(self._returned, number))

    async def _run(self, number: int, work: Callable[[], Awaitable[list[Effect]]]) -> None:
        """Run a call to the application; whatever it raises is the end of its channel and of nothing else."""
        try:
            effects = await work()
        except Exception:
            _logger.exception("a call to channel %d of %r crashed", number, self.socket_id)
            effects = self.session.crash(number)
        del self._calls[number]  # before the effects, which may hold the channel's next call
        self.apply(effects)

    def _returned(self, number: int, call: asyncio.Task[None]) -> None:
        """A call that was cancelled, perhaps before its first step, is the end of its channel too."""
        if call.cancelled():
            self._cancelled(number, call)
        if number not in self._channels:
            self._tell_monitors(number)  # a join that was not accepted has no other end

    def _cancelled(self, number: int, call: asyncio.Task[None]) -> None:
        if self._calls.get(number) is call:
            del self._calls[number]
        if not self.session.is_open:
            self.apply(self.session.done(number))  # a shutdown cancelled it: its channel ends with the connection
        crash = self.session.crash(number)
        if crash and not call.cancelling():  # it did so itself: else its loop is ending
            _logger.error("a call to channel %d of %r was cancelled", number, self.socket_id)
        self.apply(crash)

    async def _join(
        self, number: int, make_channel: Callable[[], ServerChannel[Any]], topic: str, params: Payload
    ) -> list[Effect]:
        channel = make_channel()
        channel.topic, channel.socket, channel.port = topic, self._socket, _Port(self, number, topic)
        response = await channel.join(topic, params)
        if isinstance(response, Refused):
            return self.session.refuse(number, response.response)
        effects = self.session.accept(number, {} if response is None else response, channel.intercept)
        self._channels[number] = channel
        return effects

    async def _handle(self, call: CallHandleIn | CallHandleInfo | CallHandleOut) -> list[Effect]:
        channel = self._channels[call.channel]
        reply: Reply | None = None
        match call:
            case CallHandleIn(number, event, payload, ref):
                channel.port = _Port(self, number, channel.topic, ref)
                reply = await channel.handle_in(event, payload)
                if reply is not None and not isinstance(reply, Reply):  # pyright: ignore[reportUnnecessaryIsInstance]
                    raise TypeError(f'handle_in must return Reply("ok", response) or None, not {reply!r}')
            case CallHandleInfo(number, message):
                channel.port = _Port(self, number, channel.topic)
                await channel.handle_info(message)
            case CallHandleOut(number, event, payload):
                channel.port = _Port(self, number, channel.topic)
                await channel.handle_out(event, payload)
        return self.session.done(number, reply)

    async def _terminate(self, number: int, reason: str) -> None:
        running = self._calls.get(number)
        if running is not None:
            running.cancel()
            await asyncio.wait([running])
        channel = self._channels.pop(number)
        try:
            await channel.terminate(reason)
        except Exception:
            _logger.exception("terminate of the channel %r crashed", channel.topic)


class _Port:
    """What a channel reaches its connection through; made anew for each call, so that no ref outlives its push."""

    def __init__(self, connection: Connection, number: int, topic: str, ref: ReplyRef | None = None) -> None:
        self._connection = connection
        self._number = number
        self._topic = topic
        self._ref = ref

    @property
    def ref(self) -> ReplyRef:
        if self._ref is None:
            raise RuntimeError("no push is being handled, so there is no ref to reply to; keep it in handle_in")
        return self._ref

    def push(self, event: str, payload: Payload) -> None:
        self._connection.apply(self._connection.session.push(self._number, event, payload))

    def broadcast(self, event: str, payload: Payload, *, to_sender: bool) -> None:
        excluded = None if to_sender else self._connection
        self._connection.endpoint.broadcast(self._topic, event, payload, exclude=excluded)

    def reply(self, ref: ReplyRef, reply: Reply) -> None:
        self._connection.apply(self._connection.session.reply(ref, reply.status, reply.response))

    def send_after(self, seconds: float, message: Any) -> None:
        self._connection.apply(self._connection.session.inform_after(self._number, seconds, message))

    def stop(self, reason: str, *, abnormal: bool) -> None:
        self._connection.apply(self._connection.session.stop(self._number, reason, abnormal=abnormal))

    def monitor(self, ended: Callable[[], None]) -> None:
        self._connection.monitor(self._number, ended)

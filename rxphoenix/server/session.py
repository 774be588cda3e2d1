"""One client's connection to a Phoenix, as a state machine without a clock, a network or an application.

What lives here: the order in which a real Phoenix does things. What does not: bytes on a network
(``web``), calling the application (``connection.py``), fan-out to other connections (``app.py``).

Theory of operation. A real Phoenix runs one process for the connection and one for each joined channel, and each
reads its own mailbox in order. So does a session:

- the *connection* takes one step at a time: a frame of the client, a frame of a channel, a broadcast, the end of a
  channel. While a join is in progress it takes none at all: they wait in order until the join has been answered.
- a *channel* handles one call at a time. While a handler runs, what comes for its channel waits, and nothing else.

Whatever goes in (a frame, a timer that fired, the outcome of a call) returns a list of effects, to be carried out in
order. Nothing in here waits, so whoever drives the session decides how long a join takes, or that it is never answered.

Source: the protocol page and the recorded traffic of Phoenix 1.8.12, sections "Slow join", "Leave", "Duplicate join",
"Channel crash", "Server-side stop" and "Broadcasts".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import Any

from rxphoenix.errors import MalformedFrame, UnencodablePayload
from rxphoenix.protocol.message import CLOSE, ERROR, HEARTBEAT, JOIN, LEAVE, PHOENIX, Frame, Payload, Reply
from rxphoenix.server.channel_process import ChannelProcess, Ending, Leave, Phase, Work
from rxphoenix.server.codec import Codec, Incoming
from rxphoenix.server.effects import (
    IDLE,
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

__all__ = ["Session"]


class Session:
    """The state of one connection; each method returns the effects to carry out, in order.

    Arguments:
        codec: the client's dialect.
        route: what handles a topic, handed back in ``CallJoin``; ``None`` for a topic that nothing handles.
        max_channels: how many channels one connection may have, ``None`` for any number.
        idle_timeout: close a connection whose client has sent nothing for so many seconds; ``None`` for never.

    Example:
        ```python
        from rxphoenix.protocol.message import Frame
        from rxphoenix.server.codec import CodecV2
        from rxphoenix.server.effects import CallJoin, Send
        from rxphoenix.server.session import Session

        session = Session(CodecV2(), lambda topic: "a room" if topic.startswith("room:") else None, idle_timeout=None)
        [join] = session.receive(Frame(b'["1","1","room:lobby","phx_join",{"name":"ann"}]'))
        assert join == CallJoin(channel=1, topic="room:lobby", params={"name": "ann"}, route="a room")
        assert session.receive(Frame(b'[null,"2","phoenix","heartbeat",{}]')) == []  # a join blocks the connection

        welcome, heartbeat = session.accept(1, {"motd": "hi"})
        assert welcome == Send(
            Frame(b'["1","1","room:lobby","phx_reply",{"status":"ok","response":{"motd":"hi"}}]')
        )
        ```
    """

    def __init__(
        self,
        codec: Codec,
        route: Callable[[str], Any],
        *,
        max_channels: int | None = 100,
        idle_timeout: float | None = 60.0,
    ) -> None:
        self._codec = codec
        self._route = route
        self._max_channels = max_channels
        self._idle_timeout = idle_timeout
        self._open = True
        self._channels: dict[str, ChannelProcess] = {}
        self._numbered: dict[int, ChannelProcess] = {}
        self._joining: ChannelProcess | None = None
        self._steps: deque[Callable[[], None]] = deque()
        self._stepping = False
        self._timers: dict[int, tuple[ChannelProcess, Any]] = {}
        self._last_channel = 0
        self._last_timer = IDLE
        self._effects: list[Effect] = []

    @property
    def is_open(self) -> bool:
        """Whether the connection still carries frames."""
        return self._open

    @property
    def topics(self) -> frozenset[str]:
        """The topics that are joined."""
        return frozenset(topic for topic, channel in self._channels.items() if channel.phase is Phase.JOINED)

    # What the transport says.

    def open(self) -> list[Effect]:
        """The connection is up."""
        self._restart_idle_timer()
        return self._take()

    def receive(self, frame: Frame) -> list[Effect]:
        """The client sent a frame."""
        self._restart_idle_timer()
        self._step(lambda: self._read(frame))
        return self._take()

    def reach(self, mark: int) -> list[Effect]:
        """Ask for ``Reached(mark)`` when the connection comes to it, behind what waits; one that ended never does."""
        self._step(lambda: self._reach(mark))
        return self._take()

    def frame_too_big(self) -> list[Effect]:
        """The client sent a frame above the transport's limit."""
        self._step(lambda: self._close(1009))
        return self._take()

    def closed(self) -> list[Effect]:
        """The connection is gone; the client closed it, or it died."""
        self._step(self._shut)
        return self._take()

    def fire(self, timer: int) -> list[Effect]:
        """A timer that was asked for has fired; one that was cancelled meanwhile is ignored."""
        if timer == IDLE:
            if self._joining is None:
                self._step(lambda: self._close(1002))
            else:
                self._restart_idle_timer()
        elif timer in self._timers:
            channel, message = self._timers.pop(timer)
            self._post(channel, CallHandleInfo(channel.number, message))
        return self._take()

    # What the server says.

    def disconnect(self) -> list[Effect]:
        """Somebody disconnected this connection's socket id."""
        self._step(lambda: self._close(1001))
        return self._take()

    def shutdown(self) -> list[Effect]:
        """The server goes away: 1012 with a channel joined, 1000 without, a join in progress or not."""
        self._close(1012 if self.topics else 1000)
        return self._take()

    def broadcast(self, topic: str, event: str, payload: Payload, *, sender: int | None = None) -> list[Effect]:
        """Something was broadcast to a topic, joined here or not.

        Arguments:
            topic: the topic.
            event: the name of the event.
            payload: a JSON value or bytes.
            sender: the number of the channel of this session that is not to receive it.

        Raises:
            UnencodablePayload: it cannot be written for this client.
        """
        channel = self._channels.get(topic)
        if channel is None or channel.phase is not Phase.JOINED or channel.number == sender:
            return []
        if event in channel.intercepted:
            self._post(channel, CallHandleOut(channel.number, event, payload))
        else:
            self._send(self._codec.broadcast(topic, event, payload))
        return self._take()

    # What the application says: the outcomes of calls.

    def accept(self, channel: int, response: Payload, intercepted: Collection[str] = ()) -> list[Effect]:
        """A join was accepted.

        Arguments:
            channel: the number that the call came with.
            response: a JSON value or bytes, for the reply.
            intercepted: the events whose broadcasts the channel wants to handle itself.

        Raises:
            UnencodablePayload: the response cannot be written.
        """
        joining = self._joining
        if joining is None or joining.number != channel:
            return []
        welcome = self._codec.reply(joining.join_ref, joining.ref, joining.topic, "ok", response)
        self._joining = None
        joining.phase = Phase.JOINED
        joining.intercepted = frozenset(intercepted)
        self._channels[joining.topic] = joining
        if self._open:
            self._effects.append(Send(welcome))
        else:
            joining.ending = Ending("closed", abnormal=False)
        # as a step: what the channel does first must not overtake, nor be overtaken halfway by, what waited for it
        self._steps.appendleft(lambda: self._resume(joining))
        self._drain()
        return self._take()

    def refuse(self, channel: int, response: Payload) -> list[Effect]:
        """A join was refused with a response; raises ``UnencodablePayload`` if that cannot be written."""
        joining = self._joining
        if joining is None or joining.number != channel:
            return []
        refusal = self._codec.reply(joining.join_ref, joining.ref, joining.topic, "error", response)
        self._joining = None
        self._forget(joining)
        if self._open:
            self._effects.append(Send(refusal))
        self._drain()
        return self._take()

    def done(self, channel: int, reply: Reply | None = None) -> list[Effect]:
        """A handler has returned; raises ``UnencodablePayload`` if its reply cannot be written.

        Arguments:
            channel: the number that the call came with.
            reply: the answer to the push that was handled, ``None`` for no answer now.
        """
        busy = self._numbered.get(channel)
        if busy is None or busy.call is None:
            return []
        if reply is not None and isinstance(busy.call, CallHandleIn):
            ref = busy.call.ref
            self._send(self._codec.reply(ref.join_ref, ref.ref, ref.topic, reply.status, reply.response))
        busy.call = None
        self._resume(busy)
        return self._take()

    def crash(self, channel: int) -> list[Effect]:
        """A join or a handler has crashed; a handler's channel dies of it, the connection does not."""
        if self._joining is not None and self._joining.number == channel:
            return self.refuse(channel, {"reason": "join crashed"})
        crashed = self._numbered.get(channel)
        if crashed is not None:
            crashed.call = None
            self._end(crashed, Ending("crashed", abnormal=True))
        return self._take()

    # What the application asks for, at any time.

    def push(self, channel: int, event: str, payload: Payload) -> list[Effect]:
        """Push to this client, unless the channel has ended or not yet joined; raises ``UnencodablePayload``."""
        sender = self._numbered.get(channel)
        if sender is not None and sender.phase is Phase.JOINED:
            self._send(self._codec.push(sender.join_ref, sender.topic, event, payload))
        return self._take()

    def reply(self, ref: ReplyRef, status: str | bool | None, response: Payload) -> list[Effect]:
        """Answer a push whose ref was kept; raises ``UnencodablePayload``."""
        self._send(self._codec.reply(ref.join_ref, ref.ref, ref.topic, status, response))
        return self._take()

    def inform(self, channel: int, message: Any) -> list[Effect]:
        """Put a message of the application into a channel's mailbox."""
        informed = self._numbered.get(channel)
        if informed is not None:
            self._post(informed, CallHandleInfo(channel, message))
        return self._take()

    def inform_after(self, channel: int, seconds: float, message: Any) -> list[Effect]:
        """Put a message into a channel's mailbox in so many seconds, if the channel still lives then."""
        informed = self._numbered.get(channel)
        if informed is not None:
            self._last_timer += 1
            self._timers[self._last_timer] = (informed, message)
            self._effects.append(StartTimer(self._last_timer, seconds))
        return self._take()

    def stop(self, channel: int, reason: str = "normal", *, abnormal: bool = False) -> list[Effect]:
        """End a channel: now, or if it is busy, when its call has returned.

        Arguments:
            channel: its number.
            reason: handed to the channel's ``terminate``.
            abnormal: whether the client is told ``phx_error`` (and rejoins) or ``phx_close`` (and does not).
        """
        stopped = self._numbered.get(channel)
        if stopped is not None:
            stopped.ending = stopped.ending or Ending(reason, abnormal)
            if stopped.phase is Phase.JOINED:
                self._resume(stopped)
        return self._take()

    # The connection process.

    def _step(self, step: Callable[[], None]) -> None:
        self._steps.append(step)
        self._drain()

    def _drain(self) -> None:
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._steps and self._joining is None:
                self._steps.popleft()()
        finally:
            self._stepping = False

    def _send(self, frame: Frame) -> None:
        self._step(lambda: self._write(frame))

    def _write(self, frame: Frame) -> None:
        if self._open:
            self._effects.append(Send(frame))

    def _reach(self, mark: int) -> None:
        if self._open:
            self._effects.append(Reached(mark))

    def _read(self, frame: Frame) -> None:
        if not self._open:
            return
        try:
            self._dispatch(self._codec.decode(frame))
        except (MalformedFrame, UnencodablePayload):
            self._close(1011)

    def _dispatch(self, incoming: Incoming) -> None:
        topic = incoming.topic
        channel = self._channels.get(topic) if isinstance(topic, str) else None
        if topic == PHOENIX and incoming.event == HEARTBEAT:
            self._answer(None, incoming, "ok", {})
        elif incoming.event == JOIN:
            self._join(incoming, channel)
        elif channel is None and incoming.event == LEAVE:
            self._answer(incoming.join_ref, incoming, "ok", {})
        elif channel is None:
            self._answer(None, incoming, "error", {"reason": "unmatched topic"})
        elif incoming.join_ref is not None and incoming.join_ref != channel.join_ref:
            return  # of an earlier join: a client that raced the end of its channel, no answer
        elif incoming.event == LEAVE:
            self._post(channel, Leave(incoming.ref))
        else:
            ref = ReplyRef(channel.join_ref, incoming.ref, channel.topic)
            self._post(channel, CallHandleIn(channel.number, incoming.event, incoming.payload, ref))

    def _answer(self, join_ref: Any, incoming: Incoming, status: str, response: Payload) -> None:
        self._write(self._codec.reply(join_ref, incoming.ref, incoming.topic, status, response))

    def _join(self, incoming: Incoming, duplicate: ChannelProcess | None) -> None:
        topic = incoming.topic
        route = self._route(topic) if isinstance(topic, str) else None
        if route is None:
            self._answer(None, incoming, "error", {"reason": "unmatched topic"})
            return
        if duplicate is not None:
            self._replace(duplicate)
        if self._max_channels is not None and len(self._channels) >= self._max_channels:
            self._answer(incoming.join_ref, incoming, "error", {"reason": "too many channels joined"})
            return
        self._last_channel += 1
        channel = ChannelProcess(self._last_channel, topic, incoming.join_ref, incoming.ref)
        self._numbered[channel.number] = channel
        self._joining = channel
        self._effects.append(CallJoin(channel.number, topic, incoming.payload, route))

    def _replace(self, old: ChannelProcess) -> None:
        """Kill the channel that holds a topic; its close is a step behind the answer to the join that replaces it."""
        del self._channels[old.topic]
        old.farewell_due = False
        if old.phase is not Phase.ENDED:
            old.call = None
            self._bury(old, "duplicate join")
        self._steps.append(lambda: self._write(self._codec.ending(old.join_ref, old.topic, CLOSE, {})))

    def _close(self, code: int) -> None:
        if self._open:
            self._effects.append(Close(code))
            self._shut()

    def _shut(self) -> None:
        if not self._open:
            return
        self._open = False
        if self._idle_timeout is not None:
            self._effects.append(CancelTimer(IDLE))
        for channel in list(self._channels.values()):
            if channel.phase is Phase.JOINED:
                channel.ending = Ending("closed", abnormal=False)
                self._resume(channel)

    def _restart_idle_timer(self) -> None:
        if self._open and self._idle_timeout is not None:
            self._effects.append(StartTimer(IDLE, self._idle_timeout))

    # The channel processes.

    def _post(self, channel: ChannelProcess, work: Work) -> None:
        if channel.phase is not Phase.ENDED:
            channel.mailbox.append(work)
            self._resume(channel)

    def _resume(self, channel: ChannelProcess) -> None:
        """Give a channel that is free what comes next: its end, or the next piece of its mailbox."""
        if channel.phase is not Phase.JOINED or channel.call is not None:
            return
        if channel.ending is not None:
            self._end(channel, channel.ending)
        elif channel.mailbox:
            work = channel.mailbox.popleft()
            if isinstance(work, Leave):
                self._send(self._codec.reply(channel.join_ref, work.ref, channel.topic, "ok", {}))
                self._end(channel, Ending("left", abnormal=False))
            else:
                channel.call = work
                self._effects.append(work)

    def _end(self, channel: ChannelProcess, ending: Ending) -> None:
        event, payload = (ERROR, {"reason": "channel_crash"}) if ending.abnormal else (CLOSE, {})
        frame = self._codec.ending(channel.join_ref, channel.topic, event, payload)
        self._step(lambda: self._farewell(channel, frame))
        self._bury(channel, ending.reason)

    def _farewell(self, channel: ChannelProcess, frame: Frame) -> None:
        """The connection learns that a channel has ended, unless a newer join of the topic has told it already."""
        if channel.farewell_due:
            del self._channels[channel.topic]
            self._write(frame)

    def _bury(self, channel: ChannelProcess, reason: str) -> None:
        self._forget(channel)
        self._effects.append(CallTerminate(channel.number, reason))

    def _forget(self, channel: ChannelProcess) -> None:
        channel.phase = Phase.ENDED
        channel.mailbox.clear()
        del self._numbered[channel.number]
        for timer in [timer for timer, (owner, _) in self._timers.items() if owner is channel]:
            del self._timers[timer]
            self._effects.append(CancelTimer(timer))

    def _take(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

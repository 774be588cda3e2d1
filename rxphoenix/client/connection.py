"""One connection: one subscription to a transport, and everything that dies with it.

It owns its handshake, its send function, its heartbeat, the replies it awaits and the joins it carries. Once it is
over, nothing of it is heard again; so a replaced connection cannot disturb its successor.

What lives here: a single attempt and the connection that comes of it. What does not: when to try again (``link.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import msgspec
from reactivex import abc
from reactivex.disposable import CompositeDisposable, SerialDisposable

from rxphoenix.client.context import Context
from rxphoenix.client.departures import Departures
from rxphoenix.client.heartbeat import Heartbeat
from rxphoenix.client.provider import Provider
from rxphoenix.client.replies import Awaited, Replies, ReplyHandler
from rxphoenix.client.routes import Routed, Routes
from rxphoenix.client.subjects import HotStream
from rxphoenix.client.timer import Timer
from rxphoenix.errors import (
    ConnectionLost,
    ConnectionRefused,
    ConnectTimeout,
    HeartbeatTimeout,
    MalformedFrame,
    PhoenixError,
)
from rxphoenix.protocol.address import Address, Endpoint, Params
from rxphoenix.protocol.message import CLOSE, HEARTBEAT, LEAVE, PHOENIX, REPLY, Frame, Message, decode_json
from rxphoenix.protocol.serializer import EncodedPayload, Serializer
from rxphoenix.transports.base import (
    Callbacks,
    CloseRequest,
    Closing,
    ConnectRequest,
    Opened,
    Ping,
    Transport,
    TransportEvent,
)

__all__ = ["Connection", "ConnectionOptions", "Owner"]

_MARGIN = 0.5
"""Seconds that a transport may be late with ending."""


class Owner(Protocol):
    """Who hears of a connection; it hears nothing more once the connection is over."""

    def opened(self, connection: Connection) -> None:
        """The handshake is done."""
        ...

    @property
    def received(self) -> Callable[[Message], Routed | None]:
        """Called with each message other than a reply that somebody awaits.

        Returns who may know a short way of the next one like it.
        """
        ...

    def proven(self) -> None:
        """The first message has come: the connection works."""
        ...

    def over(self, connection: Connection, error: PhoenixError) -> None:
        """The attempt failed, or the open connection was lost."""
        ...

    def finished(self, connection: Connection) -> None:
        """The transport is done, after a close that was asked for or an end that we declared."""
        ...


class ConnectionOptions(msgspec.Struct, frozen=True):
    """What every connection of one socket is made with."""

    endpoint: Endpoint
    params: Provider[Params]
    auth_token: Provider[str | None]
    headers: Provider[Mapping[str, str]]
    transport: Transport
    serializer: Serializer
    session: object | None
    connect_timeout: float
    heartbeat_interval: float | None
    heartbeat_timeout: float | None
    memory: dict[object, object]


class Connection:
    """One attempt to connect, and the connection that it becomes.

    Arguments:
        context: the surroundings of the socket.
        options: what it is made with.
        owner: who hears of it.
        on_latency: receives the round trips of its heartbeats, in seconds.
        messages: tells who watches what has come, before anybody else sees it.
        sent: tells who watches what was written.
    """

    def __init__(
        self,
        context: Context,
        options: ConnectionOptions,
        owner: Owner,
        on_latency: Callable[[float], None],
        messages: HotStream[Message],
        sent: HotStream[Message],
    ) -> None:
        self._context = context
        self._options = options
        self._owner: Owner | None = owner
        self._finishing: Owner | None = owner
        self._on_latency = on_latency
        self._messages = messages
        self._sent = sent
        self._received = owner.received
        self._decode = options.serializer.decode
        self._encode = options.serializer.encode
        self._routes = Routes(options.serializer, messages, self._on_event)
        self._is_proven = False
        self._subscription = SerialDisposable()
        self._evaluations = CompositeDisposable()
        self._timer = Timer(context)
        self._closing = Closing()
        self._send: Callable[[Frame], None] | None = None
        self._heartbeat: Heartbeat | None = None
        self._hold_back: Callable[[bool], None] | None = None
        self.replies = Replies(context)
        self._departures = Departures()
        self._subscribed = False
        self._now = context.clock.monotonic
        self._answered_join = ("0", 0.0)
        self.is_open = False
        self.counts_before: tuple[int, int] = (0, 0)

    @property
    def is_finished(self) -> bool:
        """Whether the transport is done."""
        return self._finishing is None

    # -- connecting ----------------------------------------------------------------------------------------------

    def start(self, reason: Exception | None) -> None:
        """Evaluate params, token and headers, and connect.

        Arguments:
            reason: why the last attempt failed, for the functions that want to know.
        """
        if self._owner is None:
            return
        options = self._options
        self._timer.limit(options.connect_timeout, self._took_too_long)

        def with_params(params: Params) -> None:
            self._provide(options.auth_token, reason, lambda token: with_token(params, token))

        def with_token(params: Params, token: str | None) -> None:
            self._provide(options.headers, reason, lambda headers: self._connect(params, token, headers))

        self._provide(options.params, reason, with_params)

    def _provide(self, provider: Provider[Any], reason: Exception | None, then: Callable[[Any], None]) -> None:
        if self._owner is not None:
            self._evaluations.add(provider.evaluate(self._context, reason, then, self._end_soon))

    def _connect(self, params: Params, token: str | None, headers: Mapping[str, str]) -> None:
        if self._owner is None:
            return
        options = self._options
        request = ConnectRequest(
            Address(options.endpoint, params, options.serializer.vsn),
            self._context.scheduler,
            self._closing,
            self._make_ping,
            token,
            headers,
            options.session,
            options.memory,
            options.connect_timeout,
        )
        self._subscribed = True
        dispatcher = self._context.dispatcher
        take, take_text = self._routes.entrance(dispatcher)
        at_once = True

        def over(error: Exception | None) -> None:
            if at_once:  # what would error inside somebody's subscribe() comes through the scheduler
                self._context.soon(lambda: self._on_transport_over(error))
            else:
                dispatcher.post(self._on_transport_over, error)

        try:
            observable = options.transport.connect(request)
            observer = cast("abc.ObserverBase[TransportEvent]", Callbacks(take, over, lambda: over(None), take_text))
            self._subscription.disposable = observable.subscribe(observer, scheduler=self._context.scheduler)
        except Exception as error:  # a transport of a user's own may raise anything
            over(error)
        at_once = False

    def _end_soon(self, error: PhoenixError) -> None:
        self._context.soon(lambda: self._end(error))

    def _took_too_long(self) -> None:
        self._end(ConnectTimeout(self._options.connect_timeout))

    def _open(self, event: Opened) -> None:
        self._timer.stop()
        self._send = event.send
        self._hold_back = event.hold_back
        self.is_open = True
        interval = self._options.heartbeat_interval if event.needs_heartbeat else None
        if interval is not None:
            timeout = self._options.heartbeat_timeout or interval
            self._heartbeat = Heartbeat(self._context, self, interval, timeout, self._on_latency)
            self._heartbeat.start()
        assert self._owner is not None
        self._owner.opened(self)

    # -- sending -------------------------------------------------------------------------------------------------

    def send(self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: EncodedPayload) -> None:
        """Write one message; raises ``UnencodablePayload`` for a name that does not fit the format."""
        if self._send is not None:
            self._send(self._encode(join_ref, ref, topic, event, payload))
            if self._sent.subscribers:
                self._sent.emit(_as_sent(join_ref, ref, topic, event, payload))

    def send_encoded(self, frame: Frame, message: Message) -> None:
        """Write one message that is a frame already."""
        if self._send is not None:
            self._send(frame)
            self._sent.emit(message)

    def ping(self, answered: Callable[[float], None], failed: Callable[[PhoenixError], None] | None = None) -> str:
        """Send a heartbeat of its own; ``answered`` receives the round trip in seconds. Returns its ref."""
        ref, answer = self._context.next_ref(), self._timed(answered)
        self.replies.expect(ref, Awaited(PHOENIX, None, answer, failed))
        self._send_heartbeat(ref)
        return ref

    def _timed(self, answered: Callable[[float], None]) -> ReplyHandler:
        sent = self._context.clock.monotonic()
        return lambda _reply: answered(self._context.clock.elapsed(sent))

    def _send_heartbeat(self, ref: str) -> None:
        self.send(None, ref, PHOENIX, HEARTBEAT, self._options.serializer.encode_payload({}))

    def _make_ping(self) -> Ping:
        ref = self._context.next_ref()
        serializer = self._options.serializer

        def is_answer(frame: Frame) -> bool:
            try:
                message = serializer.decode(frame)
            except Exception:  # a serializer of a user's own may raise anything
                return False
            return message.event == REPLY and message.ref == ref

        return Ping(serializer.encode(None, ref, PHOENIX, HEARTBEAT, serializer.encode_payload({})), is_answer)

    # -- joins in flight -----------------------------------------------------------------------------------------

    def join_answered(self, ref: str) -> None:
        """Note the answer: the server now works on the next join, whose clock begins anew."""
        self._answered_join = (ref, self._now())

    def clock_start(self, ref: str, sent: float) -> float:
        """When the clock of a join began: when it was sent, or when an earlier join was answered."""
        answered, instant = self._answered_join
        return instant if int(answered) < int(ref) and instant > sent else sent

    # -- joins that the server is to end -------------------------------------------------------------------------

    def leave(self, join_ref: str, topic: str, acknowledged: Callable[[], object] | None = None) -> str:
        """Send ``phx_leave`` for a join, and call ``acknowledged`` when it is answered or the connection ends.

        It is answered by its reply, or by the ``phx_close`` of the join alone if another join follows at once.
        Returns the ref of the leave.
        """
        ref = self._context.next_ref()

        def over(reply: Message | None) -> None:
            if reply is not None and reply.join_ref is not None:  # without it a close is still to come
                self._departures.ended(join_ref)
            if acknowledged is not None:
                acknowledged()

        self.expect_close(join_ref, topic, ref)
        self.replies.expect(ref, Awaited(topic, join_ref, over, lambda _error: over(None)))
        self.send(join_ref, ref, topic, LEAVE, self._options.serializer.encode_payload({}))
        return ref

    def expect_close(self, join_ref: str, topic: str, leave_ref: str | None = None) -> None:
        """Note that the server will send ``phx_close`` for a join that is none of ours any more."""
        forgotten = self._departures.expect(join_ref, topic, leave_ref)
        if forgotten is not None:
            self.replies.forget(forgotten)

    def is_leaving(self, topic: str) -> bool:
        """Whether the server is still to end a join of the topic; stray messages are expected until then."""
        return self._departures.is_expected(topic)

    def _close_came(self, message: Message) -> bool:
        """Whether a ``phx_close`` is for a join that was none of ours any more."""
        join_ref = self._departures.find(message.topic, message.join_ref)
        if join_ref is None:
            return False
        ref = self._departures.ended(join_ref)
        if ref is not None:
            self.replies.settle(ref, message)
        return True

    # -- flow control's view -------------------------------------------------------------------------------------

    @property
    def can_be_held(self) -> bool:
        """Whether its transport can stop reading."""
        return self._hold_back is not None

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for an answer of the server's; the heartbeat can wait."""
        return self.replies.are_urgent

    def hold_back(self, held: bool) -> None:
        """Stop reading, or read on."""
        if self._hold_back is not None:
            self._hold_back(held)

    # -- the heartbeat's view ------------------------------------------------------------------------------------

    def beat(self, answered: Callable[[float], None]) -> None:
        """Send a heartbeat."""
        ref = self._context.next_ref()
        self.replies.expect_patiently(ref, PHOENIX, self._timed(answered))
        self._send_heartbeat(ref)

    def held_seconds(self) -> float:
        """For how many seconds reading was held back, in all."""
        return self._context.flow.held_seconds()

    def joins_pending_until(self) -> float | None:
        """The monotonic instant at which the last outstanding join will have timed out, if there is one."""
        return self.replies.last_deadline()

    def dead(self, error: HeartbeatTimeout) -> None:
        """The link is dead: it is closed at once."""
        self._end(error)

    # -- receiving -----------------------------------------------------------------------------------------------

    def _on_event(self, event: TransportEvent) -> None:
        owner = self._owner
        if owner is None:
            return
        if type(event) is not Frame:
            if not self.is_open:
                self._open(event)
            return
        try:
            message = self._decode(event)
        except Exception as error:  # a serializer of a user's own may raise anything
            if not isinstance(error, MalformedFrame):
                cause, error = error, MalformedFrame("the serializer could not read it", size=len(event.data))
                error.__cause__ = cause
            self._context.report(error)
            return
        if not self._is_proven:
            self._is_proven = True
            owner.proven()
        if self._messages.subscribers:
            self._messages.emit_now(message)
            if self._owner is None:  # an observer of the messages closed or replaced us
                return
        name = message.event
        if not (name == REPLY and self.replies.came(message)) and not (name == CLOSE and self._close_came(message)):
            taken_by = self._received(message)
            if taken_by is not None and self._owner is not None:
                self._routes.remember(taken_by, message, event)

    # -- ending --------------------------------------------------------------------------------------------------

    def close(self, request: CloseRequest) -> None:
        """End it as asked: nothing of it is heard any more but that it has finished."""
        self._silence()
        if not self._subscribed:
            self._finish()
            return
        # a transport should be done by then; one that is not must not keep us
        self._timer.start(request.grace + _MARGIN, self._let_go)
        self._closing.request(request)

    def _let_go(self) -> None:
        self._subscription.dispose()
        self._finish()

    def _end(self, error: PhoenixError) -> None:
        """It failed or died, as we see it: close what is left of it, and say so."""
        owner = self._owner
        if owner is None:
            return
        self.close(CloseRequest(1000, "heartbeat timeout" if isinstance(error, HeartbeatTimeout) else ""))
        owner.over(self, error)

    def _on_transport_over(self, error: Exception | None) -> None:
        owner = self._owner
        if owner is not None:
            was_open = self.is_open
            self._silence()
            self._finish()
            owner.over(self, _fault(error, was_open))
        else:
            self._finish()

    def _silence(self) -> None:
        self._owner = None
        self.is_open = False
        self._context.flow.over(self)
        self._evaluations.dispose()
        self._routes.clear()
        self._timer.stop()
        if self._heartbeat is not None:
            self._heartbeat.stop()

    def _finish(self) -> None:
        finishing, self._finishing = self._finishing, None
        self._send = None
        self._timer.stop()
        if finishing is not None:
            finishing.finished(self)

    def drop(self) -> None:
        """Abandon it without a word, for when its loop is gone."""
        self._hold_back = None
        self._silence()
        self._finishing = None
        self._send = None
        self._subscription.dispose()


def _fault(error: Exception | None, was_open: bool) -> PhoenixError:
    if isinstance(error, PhoenixError):
        return error
    if error is None:
        return ConnectionLost("the transport ended") if was_open else ConnectionRefused("the transport ended")
    words = f"the transport failed with {type(error).__name__}"
    fault = ConnectionLost(words) if was_open else ConnectionRefused(words)
    fault.__cause__ = error
    return fault


def _as_sent(join_ref: str | None, ref: str | None, topic: str, event: str, payload: EncodedPayload) -> Message:
    if isinstance(payload, msgspec.Raw):
        return Message.lazy(join_ref, ref, topic, event, payload, decode_json)
    return Message(join_ref, ref, topic, event, payload)

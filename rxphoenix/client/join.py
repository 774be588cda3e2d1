"""One join of a topic: from its first lease to its end, over as many connections as it takes.

All subscriptions and pushes to a topic share it, by counting leases. It survives what can be mended and ends with
what cannot; after the end the topic is cold again, and whoever subscribes begins another.

```text
leases:    a------b-------a'----b'      a', b': disposed
frames:    j------------------------l   j: phx_join, l: phx_leave, one turn of the scheduler after the last lease
```

What lives here: joining, rejoining, routing messages to observers, ending. What does not: what outlives a join
(``topic.py``), and the fate of a single push (``push.py``).

Source: the "Reserved topic and events" and "Timers and states" parts of the protocol page.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec
from reactivex import abc

from rxphoenix.client.connection import Connection
from rxphoenix.client.context import logger
from rxphoenix.client.provider import Provider
from rxphoenix.client.subjects import Subscriber, deliver
from rxphoenix.client.timer import TOLERANCE, Timer
from rxphoenix.errors import (
    ChannelCrashed,
    ChannelFault,
    ChannelForgotten,
    JoinCrashed,
    JoinRefused,
    JoinTimeout,
    MalformedFrame,
    PhoenixError,
    RejoinGivenUp,
    TakenOver,
)
from rxphoenix.protocol.backoff import REJOIN_DELAY, Delay, spread
from rxphoenix.protocol.lifecycle import ChannelEvent, ChannelState
from rxphoenix.protocol.message import CLOSE, ERROR, JOIN, Message, Payload, Reply, is_reserved
from rxphoenix.protocol.serializer import EncodedPayload

if TYPE_CHECKING:
    from rxphoenix.client.topic import Topic

__all__ = ["Join", "JoinOptions", "Joined", "Passenger", "read_reply"]

HELD_PUSHES = 1000
"""How many pushes one join holds at most until it is joined."""


class Joined(msgspec.Struct, frozen=True):
    """A join that the server has accepted: what ``channel.joined`` emits.

    Arguments:
        reply: what the server's join function replied.
        rejoin: whether the topic had been joined before, by the same subscriptions.
        attempt: which attempt it was since the last accepted join, from 1.
    """

    reply: Payload
    rejoin: bool
    attempt: int


class JoinOptions(msgspec.Struct, frozen=True):
    """What a join is made with.

    Arguments:
        params: the join params; they compare by what the user gave.
        explicit: whether the user gave any.
        timeout: seconds that the server may take to answer.
        retry_refused: the user's delay after a refusal, ``None`` for giving up.
    """

    params: Provider[EncodedPayload]
    explicit: bool
    timeout: float
    retry_refused: Delay | None

    def differs_from(self, other: JoinOptions) -> bool:
        """Whether it asks, explicitly, for other params."""
        return self.explicit and self.params.given is not other.params.given and self.params.given != other.params.given


class Passenger(Protocol):
    """A push that rides on a join."""

    def sendable(self, connection: Connection, join_ref: str) -> None:
        """The channel is joined: go."""
        ...

    def interrupted(self, error: PhoenixError | None) -> None:
        """The join or its connection has ended."""
        ...

    def refused(self, error: PhoenixError) -> None:
        """It was held, and now the join is not coming."""
        ...


def read_reply(message: Message) -> Reply:
    """The reply in a message; raises ``MalformedFrame`` if it has not the shape of one."""
    payload = message.payload
    if not isinstance(payload, dict) or "status" not in payload:
        raise MalformedFrame("a reply without a status")
    fields = cast("dict[str, Any]", payload)
    return Reply(fields["status"], fields.get("response"))


class Join:
    """One join of one topic.

    Arguments:
        topic: the record of the topic.
        options: what it is made with.
    """

    def __init__(self, topic: Topic, options: JoinOptions) -> None:
        self.topic = topic
        self.options = options
        self.connection: Connection | None = None
        self.join_ref: str | None = None
        self.joined: Joined | None = None
        self.last_error: PhoenixError | None = None
        self._context = topic.context
        self._timer = Timer(topic.context)
        self._release = Timer(topic.context)
        self._evaluation: abc.DisposableBase | None = None
        self._faults = 0
        self._tries = 0
        self._generation = 0
        self._sent = 0.0
        self._refusal_wait = False
        self._joined_before = False
        self._leases = 0
        self._ended = False
        self._observers: dict[str | None, tuple[Subscriber[Any], ...]] = {}
        self._joined_observers: tuple[Subscriber[Joined], ...] = ()
        self._held: deque[Passenger] = deque()
        self._sent_pushes: dict[Passenger, None] = {}

    @property
    def is_joined(self) -> bool:
        """Whether the server has accepted it, on the current connection."""
        return self.joined is not None

    # -- leases --------------------------------------------------------------------------------------------------

    def observe(self, event: str | None, subscriber: Subscriber[Any]) -> None:
        """Attach an observer of the payloads of one event, or with ``None`` of all messages."""
        self._observers[event] = (*self._observers.get(event, ()), subscriber)
        self._hold(subscriber, lambda: self._unobserve(event, subscriber))

    def _unobserve(self, event: str | None, subscriber: Subscriber[Any]) -> None:
        rest = tuple(other for other in self._observers.get(event, ()) if other is not subscriber)
        if rest:
            self._observers[event] = rest
        else:
            self._observers.pop(event, None)

    def observe_joined(self, subscriber: Subscriber[Joined]) -> None:
        """Attach an observer of accepted joins; the one in force comes first."""
        self._joined_observers = (*self._joined_observers, subscriber)
        self._hold(subscriber, lambda: self._unobserve_joined(subscriber))
        if self.joined is not None:
            self._context.dispatcher.emit(subscriber.next, self.joined)

    def _unobserve_joined(self, subscriber: Subscriber[Joined]) -> None:
        self._joined_observers = tuple(other for other in self._joined_observers if other is not subscriber)

    def _hold(self, subscriber: Subscriber[Any], detach: Callable[[], None]) -> None:
        def dispose() -> None:
            detach()
            self.release()

        self.acquire()
        subscriber.on_dispose = dispose

    def acquire(self) -> None:
        """Take a lease."""
        self._leases += 1
        self._release.stop()

    def release(self) -> None:
        """Give a lease back; the last one leaves, once the current dispatch has drained."""
        self._leases -= 1
        if self._leases == 0 and not self._ended:
            self._context.dispatcher.afterwards(self._release_soon)

    def _release_soon(self) -> None:
        if self._leases or self._ended:
            return
        linger = self.topic.link.linger
        if linger:
            self._release.start(linger, self.leave)
        else:
            self._release.start_soon(self.leave)

    # -- joining -------------------------------------------------------------------------------------------------

    def begin(self, *, paused: bool) -> None:
        """Join when there is a connection, unless an earlier refusal has to be waited out."""
        self.topic.link.acquire()
        if paused:
            self._refusal_wait = True
            self.topic.happened(ChannelEvent.WAIT)
        else:
            self._start()

    def pause_over(self) -> None:
        """The pause after an earlier refusal is over."""
        self._refusal_wait = False
        self._rejoin()

    def connected(self, connection: Connection) -> None:
        """A connection is open: join on it."""
        if self._refusal_wait:
            return
        self._timer.stop()
        if self.topic.state.value is ChannelState.ERRORED:
            self.topic.happened(ChannelEvent.JOIN)
        self._send(connection)

    def _start(self) -> None:
        self.topic.happened(ChannelEvent.JOIN)
        connection = self.topic.link.connection
        if connection is not None and connection.is_open:
            self._send(connection)

    def _rejoin(self) -> None:
        self._refusal_wait = False
        connection = self.topic.link.connection
        if connection is not None and connection.is_open:
            self._start()

    def _send(self, connection: Connection) -> None:
        self._generation += 1
        self._tries += 1
        generation = self._generation
        self._sent = self._context.clock.monotonic()
        self._timer.start(self.options.timeout, self._timed_out)

        def write(payload: EncodedPayload) -> None:
            if self._generation == generation:
                self._write(connection, payload)

        def failed(error: PhoenixError) -> None:
            self._context.soon(lambda: self._generation == generation and self._fault(error))

        self._evaluation = self.options.params.evaluate(self._context, self.last_error, write, failed)

    def _write(self, connection: Connection, payload: EncodedPayload) -> None:
        ref = self._context.next_ref()
        self.connection = connection
        self.join_ref = ref
        self._sent = self._context.clock.monotonic()
        self._timer.start(self.options.timeout, self._timed_out)
        connection.expect_reply(ref, self._replied)
        connection.carry(ref, self)
        connection.send(ref, ref, self.topic.name, JOIN, payload)

    def deadline(self) -> float:
        """The monotonic instant at which this join times out."""
        start = self._sent
        if self.connection is not None and self.join_ref is not None:
            start = self.connection.clock_start(self.join_ref, start)
        return start + self.options.timeout

    def _timed_out(self) -> None:
        remaining = self.deadline() - self._context.clock.monotonic()
        if remaining > TOLERANCE:
            self._timer.start(remaining, self._timed_out)
            return
        self._say_goodbye()
        self._fault(JoinTimeout(self.topic.name, self.options.timeout))

    def _replied(self, message: Message) -> None:
        assert self.connection is not None and self.join_ref is not None
        self.connection.join_answered(self.join_ref)
        try:
            reply = read_reply(message)
        except MalformedFrame as error:
            self._context.report(error, topic=self.topic.name, event=JOIN)
            return
        if reply.status == "ok":
            self._accepted(reply.response)
        elif reply.response == {"reason": "join crashed"}:
            self._fault(JoinCrashed(self.topic.name, reply.response))
        else:
            self._refused(reply.response)

    def _accepted(self, response: Payload) -> None:
        assert self.connection is not None and self.join_ref is not None
        self._timer.stop()
        self.joined = Joined(response, self._joined_before, self._tries)
        self._joined_before = True
        self._faults = self._tries = 0
        self.topic.accepted()
        self.topic.happened(ChannelEvent.ACCEPTED)
        self._context.dispatcher.emit(self._announce, self.joined)
        held, self._held = self._held, deque()
        for push in held:
            self._sent_pushes[push] = None
            push.sendable(self.connection, self.join_ref)

    def _announce(self, joined: Joined) -> None:
        deliver(self._joined_observers, joined)

    # -- what goes wrong -----------------------------------------------------------------------------------------

    def _fault(self, error: PhoenixError) -> None:
        """Something that can be mended: join again after a delay."""
        self._let_go(error)
        self.topic.happened(ChannelEvent.FAULT)
        self._faults += 1
        if isinstance(error, (JoinTimeout, JoinCrashed)):
            error.attempt = self._tries
        self._context.report(error, topic=self.topic.name)
        delay = self._ask(self.topic.options.rejoin_after, error, REJOIN_DELAY)
        if delay is None:
            final = RejoinGivenUp(self.topic.name, self._faults)
            final.__cause__ = error
            self.topic.pause(error)
            self.end(final)
        else:
            self._timer.start(spread(delay, self.topic.options.random), self._rejoin)

    def _refused(self, response: Payload) -> None:
        self._faults += 1
        error = JoinRefused(self.topic.name, response, rejoin=self._joined_before, attempt=self._tries)
        retry = self.options.retry_refused
        delay = None if retry is None else self._ask(retry, error, retry)
        if delay is None:
            self.topic.pause(error)
            self.end(error)
            return
        self._let_go(error)
        self.topic.happened(ChannelEvent.FAULT)
        self._context.report(error, topic=self.topic.name)
        self._refusal_wait = True
        self._timer.start(spread(delay, self.topic.options.random), self._rejoin)

    def _ask(self, delay: Delay, error: PhoenixError, otherwise: Delay) -> float | None:
        try:
            return delay(self._faults, error)
        except Exception as raised:
            logger.error("the delay function for %r raised; the usual delay is used", self.topic.name, exc_info=raised)
            self._context.report(raised, topic=self.topic.name)
            return REJOIN_DELAY(self._faults, error)

    def interrupted(self, error: PhoenixError) -> None:
        """The connection was lost, or an attempt to connect failed: wait for the next one."""
        self._let_go(error)
        if self.topic.state.value is not ChannelState.ERRORED:
            self.topic.happened(ChannelEvent.FAULT)
        if not self._refusal_wait:
            self._timer.stop()

    def forgotten(self) -> None:
        """The server has answered that it does not know this join."""
        if self.is_joined:
            self._fault(ChannelForgotten(self.topic.name))

    def _let_go(self, error: PhoenixError | None) -> None:
        """The current attempt or join is over: nothing of it is heard any more, its pushes are interrupted."""
        self._generation += 1
        if error is not None:
            self.last_error = error
        if self._evaluation is not None:
            self._evaluation.dispose()
            self._evaluation = None
        if self.connection is not None and self.join_ref is not None:
            self.connection.forget_reply(self.join_ref)
        self.connection = self.join_ref = self.joined = None
        pushes, self._sent_pushes = self._sent_pushes, {}
        for push in pushes:
            push.interrupted(error)

    # -- ending --------------------------------------------------------------------------------------------------

    def end(self, error: PhoenixError | None, event: ChannelEvent = ChannelEvent.END) -> None:
        """End for everybody: with an error, or by completing. The topic is cold before anybody hears of it."""
        if self._ended:
            return
        self._ended = True
        self.topic.join = None
        self._timer.stop()
        self._release.stop()
        self.topic.happened(event)
        held, self._held = self._held, deque()
        self._let_go(error)
        for push in held:
            if error is None or isinstance(error, TakenOver):
                push.interrupted(error)
            else:
                push.refused(error)
        emit = self._context.dispatcher.emit
        observers = [subscriber for group in self._observers.values() for subscriber in group]
        self._observers = {}
        joined_observers, self._joined_observers = self._joined_observers, ()
        for subscriber in (*joined_observers, *observers):
            # nothing is left to be released
            subscriber.on_dispose = None
            if error is None:
                emit(subscriber.complete)
            else:
                emit(subscriber.error, error)
        self.topic.link.release(lingered=True)
        if event is ChannelEvent.END:
            self.topic.forget_if_idle()

    def leave(self, error: PhoenixError | None = None) -> None:
        """Leave the topic, without waiting for an answer; held pushes get ``error``, streams complete."""
        if self._ended:
            return
        self._say_goodbye()
        held, self._held = self._held, deque()
        for push in held:
            if error is not None:
                push.refused(error)
        self.end(None)

    def _say_goodbye(self) -> None:
        if self.connection is not None and self.join_ref is not None and self.connection.is_open:
            self.connection.leave(self.join_ref, self.topic.name)

    def taken_over(self) -> None:
        """Another join of the topic replaces this one; the server ends it by itself."""
        if self.connection is not None and self.join_ref is not None:
            self.connection.expect_close(self.join_ref, self.topic.name)
        self.end(TakenOver(self.topic.name))

    def abandon(self) -> None:
        """Forget everything; the loop was closed under us."""
        self._ended = True
        self._timer.stop()
        self._release.stop()

    # -- pushes --------------------------------------------------------------------------------------------------

    def take(self, push: Passenger) -> bool:
        """Send a push, or hold it until joined; returns whether there was room."""
        if self.connection is not None and self.join_ref is not None and self.is_joined:
            self._sent_pushes[push] = None
            push.sendable(self.connection, self.join_ref)
        elif len(self._held) < HELD_PUSHES:
            self._held.append(push)
        else:
            return False
        return True

    def drop(self, push: Passenger) -> None:
        """Forget a push that is answered, timed out or disposed."""
        if push in self._sent_pushes:
            del self._sent_pushes[push]
        elif push in self._held:
            self._held.remove(push)

    # -- receiving -----------------------------------------------------------------------------------------------

    def received(self, message: Message) -> None:
        """A message of this topic has come: route it, unless it belongs to another join."""
        join_ref = message.join_ref
        if join_ref is not None and join_ref != self.join_ref:
            return
        event = message.event
        if is_reserved(event):
            self._received_reserved(message)
        elif join_ref is not None or self.is_joined:
            everything = self._observers.get(None)
            if everything is not None:
                deliver(everything, message)
            observers = self._observers.get(event)
            if observers is not None:
                try:
                    payload = message.payload
                except MalformedFrame as error:
                    self._context.report(error, topic=self.topic.name, event=event)
                    return
                deliver(observers, payload)

    def _received_reserved(self, message: Message) -> None:
        if message.join_ref is None and not self.is_joined:
            return
        if message.event == CLOSE:
            self.end(None)
        elif message.event == ERROR:
            self._fault(self._crash(message))
        else:
            problem = f"an event {message.event!r} that no server sends by itself"
            self._context.report(MalformedFrame(problem), topic=self.topic.name, event=message.event)

    def _crash(self, message: Message) -> ChannelFault:
        try:
            return ChannelCrashed(self.topic.name, message.payload)
        except MalformedFrame:
            return ChannelCrashed(self.topic.name, None)

"""One join of a topic: from its first lease to its end, over as many connections as it takes.

All subscriptions and pushes to a topic share it, by counting leases. It survives what can be mended and ends with
what cannot; after the end the topic is cold again, and whoever subscribes begins another.

```text
phoenix room:a     --n---n--n--
                   first = channel("room:a").on("news")
                   second = channel("room:a").on("news")
subscribed first   ^------!
subscribed second  ----^------!
observed first     --p---p
observed second    ------p--p
sent               j----------l
n = event("news", 7)   p = 7   j = "phx_join"   l = "phx_leave"
```
Marbles: `marbles/shared-join.marble`

What lives here: joining, rejoining, routing messages to observers, ending. What does not: what outlives a join
(``topic.py``), and the fate of a single push (``push.py``).

Source: the "Reserved topic and events" and "Timers and states" parts of the protocol page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reactivex import abc

from rxphoenix.client.attendance import Attendances
from rxphoenix.client.audience import JOINED, Audience, Typing
from rxphoenix.client.connection import Connection
from rxphoenix.client.join_options import JoinOptions, PresenceEvents
from rxphoenix.client.joined import Joined, Loss
from rxphoenix.client.leasable import Leasable
from rxphoenix.client.limits import Limit
from rxphoenix.client.patience import seconds_to_wait
from rxphoenix.client.presence_view import Look
from rxphoenix.client.pushes import Pushes
from rxphoenix.client.reply import is_unmatched, read_reply
from rxphoenix.client.resume import Cursor
from rxphoenix.client.subjects import Subscriber
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
    ProviderFailed,
    RejoinGivenUp,
    TakenOver,
)
from rxphoenix.protocol.backoff import REJOIN_DELAY, Delay, spread
from rxphoenix.protocol.lifecycle import ChannelEvent, ChannelState
from rxphoenix.protocol.message import CLOSE, ERROR, JOIN, REPLY, RESERVED_PREFIX, Message, Payload
from rxphoenix.protocol.serializer import EncodedPayload

if TYPE_CHECKING:
    from rxphoenix.client.topic import Topic

__all__ = ["Join", "SentJoin"]


class SentJoin(NamedTuple):
    """A join that was sent: the server has its channel, or will."""

    connection: Connection
    join_ref: str


class Join(Leasable):
    """One join of one topic.

    Arguments:
        topic: the record of the topic.
        options: what it is made with.
        predecessor: the join of the same topic that it takes over, which the server ends when this one comes.
    """

    __slots__ = ("_attendances", "_audience", "_cursor", "_evaluation", "_faults", "_generation", "_joined_before",
                 "_limit", "_loss", "_record", "_sent", "_timer", "_tries", "_waits", "connection", "join_ref",
                 "joined", "last_error", "options", "predecessor", "topic")  # fmt: skip

    def __init__(self, topic: Topic, options: JoinOptions, predecessor: SentJoin | None = None) -> None:
        super().__init__(topic.context, topic.link.linger)
        self._record = topic
        self.topic = topic.name
        self.predecessor = predecessor
        self.options = options
        self.connection: Connection | None = None
        self.join_ref: str | None = None
        self.joined: Joined | None = None
        self.last_error: PhoenixError | None = None
        self._timer: Timer | None = None
        self._limit: Limit | None = None
        """The time limit of the attempt that is under way."""
        self._evaluation: abc.DisposableBase | None = None
        self._faults = 0
        self._tries = 0
        self._generation = 0
        self._sent = 0.0
        self._waits = False
        self._joined_before = False
        self._loss: Loss | None = None
        self._cursor = None if options.resume is None else Cursor(options.resume, topic.context)
        self._audience = Audience(topic.context)
        self._attendances = Attendances(topic.context, topic.name, options.presence)

    @property
    def is_joined(self) -> bool:
        """Whether the server has accepted it, on the current connection."""
        return self.joined is not None

    # -- leases --------------------------------------------------------------------------------------------------

    def observe(self, event: str | None, subscriber: Subscriber[Any]) -> None:
        """Attach an observer of the payloads of one event, or with ``None`` of all messages."""
        self.acquire()
        self._audience.add(event, subscriber)
        subscriber.on_dispose = self._observer_left

    def observe_as(self, event: str, typing: Typing, subscriber: Subscriber[Any]) -> None:
        """Attach an observer that wants the payloads of one event as a type."""
        self.acquire()
        self._audience.add_reader(event, typing, subscriber)
        subscriber.on_dispose = self._observer_left

    def _observer_left(self, subscriber: Subscriber[Any]) -> None:
        self._audience.remove(subscriber)
        self.release()

    def observe_joined(self, subscriber: Subscriber[Joined]) -> None:
        """Attach an observer of accepted joins; the one in force comes first."""
        self.observe(JOINED, subscriber)
        if self.joined is not None:
            self._context.dispatcher.emit(subscriber.next, self.joined)

    def observe_presence(self, events: PresenceEvents, look: Look, subscriber: Subscriber[Any]) -> None:
        """Attach an observer of the presence that the server tells under these names."""
        self.acquire()
        self._audience.forget_routes()  # it may want events that nobody has wanted as presence before
        self._attendances.of(events, is_joined=self.is_joined).observe(look, subscriber, self.release)

    def begin_pushes(self) -> Pushes:
        """Let pushes ride on it, from now on."""
        pushes = self.pushes = Pushes(self._record.options.max_held_pushes)
        if self.joined is not None and self.connection is not None and self.join_ref is not None:
            pushes.joined(self.connection, self.join_ref)
        return pushes

    # -- joining -------------------------------------------------------------------------------------------------

    def begin(self, wait: float) -> None:
        """Join when there is a connection.

        Arguments:
            wait: seconds of an earlier refusal that have to be waited out first.
        """
        if wait > 0:
            self._waits = True
            self._record.happened(ChannelEvent.WAIT)
            self._record.link.acquire()
            self._rejoin_after(wait)
        else:
            self._record.happened(ChannelEvent.JOIN)
            self._record.link.acquire()
            connection = self._record.link.connection
            if connection is not None and connection.is_open:
                self._send(connection)

    def connected(self, connection: Connection) -> None:
        """A connection is open: join on it."""
        if self._waits:
            return
        if self._timer is not None:
            self._timer.stop()
        if self._record.state is ChannelState.ERRORED:
            self._record.happened(ChannelEvent.JOIN)
        self._send(connection)

    def _rejoin_after(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = Timer(self._context)
        self._timer.start(seconds, self._rejoin)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.stop()

    def _rejoin(self) -> None:
        self._waits = False
        connection = self._record.link.connection
        if connection is not None and connection.is_open:
            self.connected(connection)

    def _send(self, connection: Connection) -> None:
        self._generation += 1
        self._tries += 1
        params = self.options.params
        if params.is_plain:
            self._write(connection, params.value)
            return
        self._begin_limit(self.options.timeout)
        # as an event of its own: a function of the user's may call anything
        self._context.dispatcher.post(self._evaluate, connection, self._generation)

    def _evaluate(self, connection: Connection, generation: int) -> None:
        if self._generation != generation:
            return

        def write(params: Any) -> None:
            if self._generation == generation:
                self._write(connection, params)

        evaluation = self.options.params.evaluate(
            self._context, self.last_error, write, lambda error: self._fault_soon(error, generation)
        )
        if self._generation == generation:
            self._evaluation = evaluation
        else:
            evaluation.dispose()

    def _fault_soon(self, error: PhoenixError, generation: int) -> None:
        self._context.soon(lambda: self._generation == generation and self._fault(error))

    def _write(self, connection: Connection, params: Any) -> None:
        payload: EncodedPayload = params
        if self._cursor is not None:
            try:
                payload = self._cursor.added_to(params, self._record.options.serializer)
            except ProviderFailed as error:
                self._fault_soon(error, self._generation)
                return
        self.connection = connection
        self.join_ref = ref = self._context.next_ref()
        self._begin_limit(self.options.timeout)
        connection.replies.expect(ref, self)
        if self.predecessor is not None and self.predecessor.connection is connection:
            connection.expect_close(self.predecessor.join_ref, self.topic)
        self.predecessor = None
        try:
            connection.send(ref, ref, self.topic, JOIN, payload)
        except Exception as raised:  # a serializer of a user's own may raise anything
            error = ProviderFailed("serializer")
            error.__cause__ = raised
            self._fault_soon(error, self._generation)

    def _begin_limit(self, seconds: float) -> None:
        if self._limit is not None:
            self._stop_limit()
        self._limit = limit = self._context.limits.begin(self, seconds)
        self._sent = limit.now()

    def _stop_limit(self) -> None:
        if self._limit is not None:
            self._limit.waiting.pop(self, None)
            self._limit = None

    def deadline(self) -> float:
        """The monotonic instant at which this join times out."""
        start = self._sent
        if self.connection is not None and self.join_ref is not None:
            start = self.connection.clock_start(self.join_ref, start)
        return start + self.options.timeout

    def reached(self) -> None:
        """The time is up, unless the server was at work on an earlier join."""
        remaining = self.deadline() - self._context.clock.monotonic()
        if remaining > TOLERANCE:
            self._limit = self._context.limits.begin(self, remaining)
            return
        self._say_goodbye()
        self._fault(JoinTimeout(self.topic, self.options.timeout))

    def failed(self, error: PhoenixError) -> None:
        """The connection has ended: the topics are told already."""

    def replied(self, message: Message) -> None:
        """The server has answered."""
        connection, join_ref = self.connection, self.join_ref
        assert connection is not None and join_ref is not None
        connection.join_answered(join_ref)
        try:
            reply = read_reply(message)
        except MalformedFrame as error:
            self._context.report(error, topic=self.topic, event=JOIN)
            return
        if reply.status == "ok":
            self._accepted(connection, join_ref, reply.response)
        elif reply.response == {"reason": "join crashed"}:
            self._fault(JoinCrashed(self.topic, reply.response))
        else:
            self._refused(reply.response)

    def _accepted(self, connection: Connection, join_ref: str, response: Payload) -> None:
        self._stop_limit()
        gap = None if self._loss is None else self._loss.made_good(self._cursor)
        self.joined = Joined(response, self._joined_before, self._tries, gap)
        self._loss = None
        self._joined_before = True
        self._faults = self._tries = 0
        self.last_error = None
        self._record.refusals = 0
        self._record.happened(ChannelEvent.ACCEPTED)
        self._audience.announce(self.joined)
        if self.pushes is not None:
            self.pushes.joined(connection, join_ref)

    # -- what goes wrong -----------------------------------------------------------------------------------------

    def _fault(self, error: PhoenixError) -> None:
        """Something that can be mended: join again after a delay."""
        self._let_go(error)
        self._record.happened(ChannelEvent.FAULT)
        self._faults += 1
        if isinstance(error, (JoinTimeout, JoinCrashed)):
            error.attempt = self._tries
        self._context.report(error, topic=self.topic)
        self._wait(self._record.options.rejoin_after, error)

    def _refused(self, response: Payload) -> None:
        self._faults += 1
        error = JoinRefused(self.topic, response, rejoin=self._joined_before, attempt=self._tries)
        retry = self.options.retry_refused
        if retry is None:
            self._record.pause(error)
            self.end(error)
            return
        self._let_go(error)
        self._record.happened(ChannelEvent.FAULT)
        self._waits = True
        self._wait(retry, error)

    def _wait(self, delay: Delay, error: PhoenixError) -> None:
        """Join again when the user's function says so, or end."""
        generation = self._generation
        seconds = seconds_to_wait(self._context, delay, self._faults, error, REJOIN_DELAY, self.topic)
        moved = self._generation != generation and not self._waits  # a refusal is waited out whatever else happens
        if self._ended or moved:  # by the function itself
            return
        if seconds is not None:
            if self._waits:
                self._context.report(error, topic=self.topic)
            self._rejoin_after(spread(seconds, self._record.options.random))
            return
        self._record.pause(error)
        if isinstance(error, JoinRefused):
            self.end(error)
        else:
            final = RejoinGivenUp(self.topic, self._faults)
            final.__cause__ = error
            self.end(final)

    def interrupted(self, loss: Loss) -> None:
        """The connection was lost, or an attempt to connect failed: wait for the next one."""
        self._let_go(loss.error, loss)
        self._record.happened(ChannelEvent.FAULT)
        if self._timer is not None and not self._waits:
            self._timer.stop()

    def forgotten(self) -> None:
        """The server has answered that it does not know this join."""
        if self.is_joined:
            self._fault(ChannelForgotten(self.topic))

    def _let_go(self, error: PhoenixError | None, loss: Loss | None = None) -> None:
        """The current attempt or join is over: nothing of it is heard any more, its pushes are interrupted."""
        self._generation += 1
        if error is not None:
            self.last_error = error
            if self.joined is not None:
                self._loss = loss or Loss(self._context, error)
        if self._evaluation is not None:
            self._evaluation.dispose()
            self._evaluation = None
        if self._limit is not None:
            self._stop_limit()
        if self.joined is None and self.connection is not None and self.join_ref is not None:
            self.connection.replies.forget(self.join_ref)
        self.connection = self.join_ref = self.joined = None
        self._audience.forget_routes()
        if self.pushes is not None:
            self.pushes.interrupted(error)
        self._attendances.lost()

    # -- ending --------------------------------------------------------------------------------------------------

    def end(self, error: PhoenixError | None, event: ChannelEvent = ChannelEvent.END) -> None:
        """End for everybody: with an error, or by completing. The topic is cold before anybody hears of it."""
        if self._ended:
            return
        self._ended = True
        self._record.join = None
        self._stop_waiting()
        self._stop_lingering()
        self._record.happened(event)
        self._let_go(error)
        if self.pushes is not None:
            self.pushes.unsendable(error)
        self._audience.dismiss(error)
        self._attendances.dismiss(error)
        self._record.link.release(lingered=True)
        if event is ChannelEvent.END:
            self._record.forget_if_idle()

    def leave(self, error: PhoenixError | None = None) -> None:
        """Leave the topic, without waiting for an answer; held pushes get ``error``, streams complete."""
        if self._ended:
            return
        self._say_goodbye()
        if error is not None and self.pushes is not None:
            self.pushes.unsendable(error)
        self.end(None)

    def _say_goodbye(self) -> None:
        sent = self.sent_join
        if sent is not None and sent.connection.is_open:
            sent.connection.leave(sent.join_ref, self.topic)

    def taken_over(self) -> SentJoin | None:
        """Another join of the topic replaces this one; returns what the server will end when that one comes."""
        sent = self.sent_join
        self.end(TakenOver(self.topic))
        return sent

    @property
    def sent_join(self) -> SentJoin | None:
        """The join that the server holds or works on: ours, or the one before until ours is written."""
        if self.connection is not None and self.join_ref is not None:
            return SentJoin(self.connection, self.join_ref)
        return self.predecessor

    def abandon(self) -> None:
        """Forget everything; the loop was closed under us."""
        self._ended = True
        self._stop_limit()
        self._stop_waiting()
        self._stop_lingering()

    # -- receiving -----------------------------------------------------------------------------------------------

    def received(self, message: Message) -> Audience | None:
        """A message of this topic has come: route it, unless it belongs to another join.

        Returns who may know a short way of the next one like it.
        """
        join_ref, event = message.join_ref, message.event
        if join_ref is not None and join_ref != self.join_ref:
            return None
        if event[:4] == RESERVED_PREFIX:
            self._received_reserved(message)
        elif join_ref is not None or self.joined is not None:
            if self._cursor is not None:
                self._cursor.see(message)
            attendances = self._attendances
            is_kept = event in attendances.by_event  # before: who is told may come with names of presence
            is_routable = self._audience.tell(message)
            if is_kept:
                attendances.received(message)
            elif is_routable and self._cursor is None and event not in attendances.by_event:
                return self._audience
        return None

    def _received_reserved(self, message: Message) -> None:
        if message.event == REPLY and message.ref is not None:
            self._received_stray_reply(message)
        elif message.join_ref is None and not self.is_joined:
            return
        elif message.event == CLOSE:
            self.end(None)
        elif message.event == ERROR:
            self._fault(self._crash(message))
        else:
            problem = f"an event {message.event!r} that no server sends by itself"
            self._context.report(MalformedFrame(problem), topic=self.topic, event=message.event)

    def _received_stray_reply(self, message: Message) -> None:
        """A reply that nobody awaits is nothing, unless it says that the server does not know this join."""
        ref, join_ref = message.ref, self.join_ref
        newer = ref is not None and join_ref is not None and ref.isdecimal() and int(ref) > int(join_ref)
        try:
            if newer and is_unmatched(read_reply(message)):
                self.forgotten()
        except MalformedFrame as error:
            self._context.report(error, topic=self.topic, event=REPLY)

    def _crash(self, message: Message) -> ChannelFault:
        try:
            return ChannelCrashed(self.topic, message.payload)
        except MalformedFrame:
            return ChannelCrashed(self.topic, None)

"""Everything that a socket keeps about a topic while something lives there, and nothing after.

What lives there may be a join, a leave that is not acknowledged yet, the pause after a refusal, or an observer of
the channel's state.

What lives here: the records and their table. What does not: joining (``join.py``).
"""

from __future__ import annotations

import random as random_module
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from rxphoenix.client.connection import Connection
from rxphoenix.client.context import Context, logger
from rxphoenix.client.join import Join, SentJoin
from rxphoenix.client.join_options import JoinOptions
from rxphoenix.client.joined import Loss
from rxphoenix.client.link import Link
from rxphoenix.client.routes import Routed
from rxphoenix.client.subjects import StateStream, Subscriber
from rxphoenix.client.timer import Timer
from rxphoenix.errors import MalformedFrame, PhoenixError, SocketClosed
from rxphoenix.protocol.backoff import REJOIN_DELAY, Delay, spread
from rxphoenix.protocol.lifecycle import CHANNEL, ChannelEvent, ChannelState
from rxphoenix.protocol.message import Message, is_reserved
from rxphoenix.protocol.serializer import Serializer

if TYPE_CHECKING:
    from rxphoenix.client.socket import Socket

__all__ = ["Topic", "TopicOptions", "Topics"]


class TopicOptions(msgspec.Struct, frozen=True):
    """What all topics of one socket share."""

    serializer: Serializer
    rejoin_after: Delay
    max_held_pushes: int
    random: random_module.Random | None


class Topic:
    """One topic: its state, its join if there is one, and what outlives a join.

    Arguments:
        topics: the table that it is in.
        name: the topic.
    """

    __slots__ = ("_leavings", "_not_before", "_pause", "_watched", "context", "join", "link", "name",
                 "options", "refusals", "state", "topics")  # fmt: skip

    def __init__(self, topics: Topics, name: str) -> None:
        self.topics = topics
        self.context = topics.context
        self.link = topics.link
        self.options = topics.options
        self.name = name
        self.join: Join | None = None
        self.state = ChannelState.CLOSED
        self._watched: StateStream[ChannelState] | None = None
        """The state as a stream, once somebody watches it."""
        self._not_before = 0.0
        self._pause: Timer | None = None
        self.refusals = 0
        """How many there were since the last join that was accepted."""
        self._leavings: tuple[Leaving, ...] = ()

    def happened(self, event: ChannelEvent) -> None:
        """Let the lifecycle take its course."""
        self._become(CHANNEL[self.state, event])

    def _become(self, state: ChannelState) -> None:
        self.state = state
        if self._watched is not None:
            self._watched.set(state)

    def watch(self, subscriber: Subscriber[ChannelState]) -> None:
        """Attach an observer of the state."""
        if self._watched is None:
            self._watched = StateStream(self.context, self.state, self.name)
            self._watched.on_idle = self.forget_if_idle
        self._watched.attach(subscriber)

    def lease(self, options: JoinOptions, attach: Callable[[Join], object], *, take_over: bool) -> bool:
        """Attach something to the join in force, or to a new one.

        Arguments:
            options: what a new join is made with; explicit params that differ from those in force need a new join.
            attach: receives the join.
            take_over: whether a join with other params may be replaced.

        Returns:
            Whether it was attached; not if the topic is joined with other params and must not be taken over.
        """
        join = self.join
        if join is not None and options.differs_from(join.options):
            if not take_over:
                return False
            logger.warning("topic %r is joined anew with other params; its older subscribers end", self.name)
            self._begin(options, attach, join.taken_over())
        elif join is not None:
            attach(join)
        else:
            self._begin(options, attach)
        return True

    def _begin(
        self, options: JoinOptions, attach: Callable[[Join], object], predecessor: SentJoin | None = None
    ) -> None:
        wait = self._not_before - self.context.clock.monotonic()
        if wait > 0:
            logger.info("topic %r: the next join waits %.1f s, because the last one was refused", self.name, wait)
        join = self.join = Join(self, options, predecessor)
        self.topics.remember(self)
        attach(join)
        join.begin(wait)

    def pause(self, error: PhoenixError) -> None:
        """After a refusal nobody joins for a while, whoever asks, so that a bare ``retry()`` does no harm."""
        self.refusals += 1
        seconds = spread(REJOIN_DELAY(self.refusals, error) or 0.0, self.options.random)
        self._not_before = self.context.clock.monotonic() + seconds
        if self._pause is None:
            self._pause = Timer(self.context)
        self._pause.start(seconds, self.forget_if_idle)

    def leave(self, on_left: Callable[[], object], timeout: float) -> None:
        """End the join for everybody, and call ``on_left`` when the server has acknowledged, or will not.

        Arguments:
            on_left: called once, also if there is nothing to leave.
            timeout: seconds to wait for the acknowledgement.
        """
        join = self.join
        if join is not None:
            connection, join_ref = join.connection, join.join_ref
            join.end(None, ChannelEvent.LEAVE)
            self._leavings += (Leaving(self, connection, join_ref, timeout),)
        if self._leavings:
            self._leavings[-1].wait(on_left)
        else:
            self.context.deliver_soon(on_left)
            self.forget_if_idle()

    def left(self, leaving: Leaving) -> None:
        """A leave is over."""
        self._leavings = tuple(other for other in self._leavings if other is not leaving)
        if self.state is ChannelState.LEAVING and not self._leavings:
            self.happened(ChannelEvent.END)
        self.forget_if_idle()

    def forget_if_idle(self) -> None:
        """Leave the table if nothing lives here any more."""
        if self.join is None and not self._leavings:
            is_paused = self._pause is not None and self._pause.is_running
            is_watched = self._watched is not None and self._watched.is_observed
            if not is_paused and not is_watched:
                self.topics.forget(self)

    def close(self) -> None:
        """End everything here for good."""
        self._stop_pause()
        if self.join is not None:
            self.join.leave(SocketClosed())
        for leaving in self._leavings:
            leaving.done()
        if self._watched is not None:
            self._watched.complete()

    def _stop_pause(self) -> None:
        if self._pause is not None:
            self._pause.stop()

    def abandon(self) -> None:
        """Forget what belonged to a loop that was closed under us."""
        self._stop_pause()
        if self.join is not None:
            self.join.abandon()
        self.join = None
        self._leavings = ()
        self._become(ChannelState.CLOSED)
        self.forget_if_idle()


class Leaving:
    """A ``phx_leave`` that waits for its acknowledgement; it holds a lease of the link for so long.

    Acknowledged by its reply, by ``phx_close``, by the end of the connection, or by time: leaving always succeeds.
    """

    def __init__(self, topic: Topic, connection: Connection | None, join_ref: str | None, timeout: float) -> None:
        self._topic = topic
        self._waiters: list[Callable[[], object]] = []
        self._timer = Timer(topic.context)
        self._connection = connection
        self._ref: str | None = None
        self._is_over = False
        self._lease = topic.link.lease()
        if connection is None or join_ref is None:
            self._timer.start(0, self.done)
        else:
            self._timer.limit(timeout, self.done)
            self._ref = connection.leave(join_ref, topic.name, self.done)

    def wait(self, on_left: Callable[[], object]) -> None:
        """Call ``on_left`` when it is over."""
        self._waiters.append(on_left)

    def done(self) -> None:
        """It is over, one way or another."""
        if self._is_over:
            return
        self._is_over = True
        self._timer.stop()
        if self._connection is not None and self._ref is not None:
            self._connection.replies.forget(self._ref)
        self._topic.left(self)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            self._topic.context.dispatcher.emit(waiter)
        self._lease.dispose()


class Topics:
    """The table of the topics of one socket where something lives.

    Arguments:
        context: the surroundings of the socket.
        link: the connection of the socket.
        options: what all topics share.
    """

    def __init__(self, context: Context, link: Link, options: TopicOptions) -> None:
        self.context = context
        self.link = link
        self.options = options
        self.socket: Socket
        self._topics: dict[str, Topic] = {}

    def find(self, name: str) -> Topic | None:
        """The record of a topic, if something lives there."""
        return self._topics.get(name)

    def get(self, name: str) -> Topic:
        """The record of a topic, made if need be; who asks gives it something to live for."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = Topic(self, name)
        return topic

    def remember(self, topic: Topic) -> None:
        """Keep a record in which something lives."""
        self._topics[topic.name] = topic

    def forget(self, topic: Topic) -> None:
        """Drop a record."""
        if self._topics.get(topic.name) is topic:
            del self._topics[topic.name]

    def live(self) -> Iterator[str]:
        """The names of the topics that have a join."""
        return (name for name, topic in self._topics.copy().items() if topic.join is not None)  # others may look on

    def _joins(self) -> list[Join]:
        return [topic.join for topic in self._topics.values() if topic.join is not None]

    # -- what the link tells its tenant --------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """A connection is open: everybody joins."""
        for join in self._joins():
            join.connected(connection)

    def received(self, message: Message) -> Routed | None:
        """A message has come, other than an awaited reply; returns who may know a short way of the next one like it."""
        topic = self._topics.get(message.topic)
        join = None if topic is None else topic.join
        if join is not None:
            return join.received(message)
        if message.join_ref is None and not is_reserved(message.event) and not self._is_leaving(message.topic):
            problem = f"a message for topic {message.topic!r}, which is not joined here"
            self.context.report(MalformedFrame(problem), topic=message.topic, event=message.event)
        return None

    def _is_leaving(self, name: str) -> bool:
        return self.link.connection is not None and self.link.connection.is_leaving(name)

    def interrupted(self, error: PhoenixError) -> None:
        """There is no connection any more, or an attempt failed."""
        joins = self._joins()
        if joins:
            loss = Loss(self.context, error)
            for join in joins:
                join.interrupted(loss)

    def given_up(self, error: PhoenixError) -> None:
        """The link has stopped trying: everybody's stream ends."""
        for join in self._joins():
            join.end(error)

    def close(self) -> None:
        """End everything for good."""
        for topic in tuple(self._topics.values()):
            topic.close()
        self._topics.clear()

    def abandon(self) -> None:
        """Forget what belonged to a loop that was closed under us."""
        for topic in tuple(self._topics.values()):
            topic.abandon()

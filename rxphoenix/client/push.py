"""One push: held until joined, sent once, answered, timed out or interrupted.

```text
joins room:a  --#
joins room:a  -a
drops         ----x
              channel("room:a").push("run")
options       {"timeout": 20}
observed      15ms (v|)
sent          j 13ms j(pl)
errors        --c-x
x = lost()   a = {}   v = {}   c = error("JoinCrashed", "room:a", {"reason": "join crashed"})
j = "phx_join"   p = "run"   l = "phx_leave"
```
Marbles: `marbles/push-held-through-faults.marble`

What lives here: the life of a push. What does not: the join that it rides on (``join.py``).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec

from rxphoenix.client.connection import Connection
from rxphoenix.client.context import Context
from rxphoenix.client.join import Join
from rxphoenix.client.leased import ChannelOptions
from rxphoenix.client.limits import Limit
from rxphoenix.client.reply import is_unmatched, read_reply
from rxphoenix.client.single import Single
from rxphoenix.client.subjects import Stream, Subscriber
from rxphoenix.client.topic import Topics
from rxphoenix.errors import (
    MalformedFrame,
    NotJoined,
    PayloadMismatch,
    PhoenixError,
    PushBufferFull,
    PushInterrupted,
    PushRefused,
    PushTimeout,
    SocketClosed,
    TopicBusy,
)
from rxphoenix.protocol.message import REPLY, Message, Payload, Reply
from rxphoenix.protocol.serializer import EncodedPayload
from rxphoenix.protocol.typed import PayloadType

__all__ = ["PendingPush", "Push", "PushOptions", "expect_nothing", "reply_of", "response_as", "response_of"]

_T = TypeVar("_T")


class PushOptions(msgspec.Struct, frozen=True):
    """What a push is made of.

    Arguments:
        channel: what the channel was made with that it is pushed to.
        event: the name of the event.
        payload: what it carries, encoded.
        timeout: seconds from the subscription to the reply.
        outcome: turns the reply into the value, or raises.
        await_reply: whether there is a reply to wait for.
    """

    channel: ChannelOptions
    event: str
    payload: EncodedPayload
    timeout: float
    outcome: Callable[[PushOptions, Reply], Any]
    await_reply: bool

    @property
    def topic(self) -> str:
        """The topic."""
        return self.channel.topic


def response_of(options: PushOptions, reply: Reply) -> Payload:
    """The response of a reply "ok"; raises ``PushRefused`` for every other status."""
    if reply.status != "ok":
        raise PushRefused(options.topic, options.event, reply.status, reply.response)
    return reply.response


def response_as(wanted: PayloadType[_T]) -> Callable[[PushOptions, Reply], _T]:
    """The response of a reply "ok" as a type; it raises ``PushRefused``, or ``PayloadMismatch`` if it does not fit."""
    return lambda options, reply: wanted.from_value(response_of(options, reply))


def reply_of(options: PushOptions, reply: Reply) -> Reply:
    """The reply, whatever its status."""
    return reply


def expect_nothing(options: PushOptions, reply: Reply) -> None:
    """For pushes that await no reply."""


class PendingPush(Subscriber[Any]):
    """One subscription to a push, from its start to its outcome."""

    __slots__ = ("_connection", "_join", "_limit", "_options", "_ref", "_topics", "join_ref")

    def start(self, topics: Topics, options: PushOptions) -> None:
        """Send it, or have it held.

        Arguments:
            topics: where the joins are.
            options: what is pushed.
        """
        self._topics = topics
        self._options = options
        self._limit: Limit | None = None
        self._join: Join | None = None
        self._connection: Connection | None = None
        self._ref: str | None = None
        self.join_ref: str | None = None
        if self.stopped:  # by another thread, before we got to it
            return
        channel = options.channel
        topic = topics.find(channel.topic)
        join = None if topic is None else topic.join
        if join is not None and join.options is channel.join:
            self._board(join)
        elif topics.link.closed:
            self._refuse_soon(SocketClosed())
        elif join is None and not channel.auto_join:
            self._refuse_soon(NotJoined(channel.topic, options.event))
        else:
            self.context.warm_up()
            if not topics.get(channel.topic).lease(channel.join, self._board, take_over=False):
                self._refuse_soon(TopicBusy(channel.topic, options.event))
        if self._join is not None:  # not before, so that what can be sent is on its way by now
            self._limit = self.context.limits.begin(self, options.timeout)

    def _refuse_soon(self, error: PhoenixError) -> None:
        self.context.deliver_soon(partial(self.error, error))

    def _board(self, join: Join) -> None:
        self._join = join
        pushes = join.pushes or join.begin_pushes()
        if not pushes.take(self):
            full = PushBufferFull(self._options.topic, self._options.event, pushes.most)
            self.context.deliver_soon(partial(self._fail, full))

    # -- what the join tells us ----------------------------------------------------------------------------------

    def sendable(self, connection: Connection, join_ref: str) -> None:
        """The channel is joined: go."""
        options = self._options
        self._connection = connection
        self._ref = ref = self.context.next_ref()
        self.join_ref = join_ref
        if options.await_reply:
            connection.replies.expect(ref, self)
        try:
            connection.send(join_ref, ref, options.channel.topic, options.event, options.payload)
        except Exception as error:  # a serializer of a user's own may raise anything
            self._settle()
            self.context.soon(partial(self.error, error))
            return
        if not options.await_reply:
            # a turn later, so that whoever awaits one push after the other lets the frames be written
            self.context.soon(self._written)

    def _written(self) -> None:
        self._settle()
        self.succeed(None)

    def interrupted(self, error: PhoenixError | None) -> None:
        """The join or its connection has ended."""
        options, sent = self._options, self._ref is not None
        self._emit_failure(PushInterrupted(options.topic, options.event, sent=sent, cause=error))

    def refused(self, error: PhoenixError) -> None:
        """It was held, and now the join is not coming."""
        self._emit_failure(error)

    # -- outcomes ------------------------------------------------------------------------------------------------

    def deadline(self) -> None:
        """It is no join."""

    def replied(self, message: Message) -> None:
        """The server has answered."""
        options, join = self._options, self._join
        hook = options.channel.on_message
        self._connection = None  # of which nothing is awaited any more
        try:
            reply = read_reply(message)
            if hook is not None:
                reply = Reply(reply.status, hook(REPLY, reply.response))
        except MalformedFrame as error:
            self.context.report(error, topic=options.topic, event=options.event)
            return
        except Exception as error:  # the hook is the user's
            self.context.observer_raised(error, options.topic, options.event)
            self._fail(error)
            return
        try:
            value = options.outcome(options, reply)
        except (PushRefused, PayloadMismatch) as error:
            self._fail(error)
        else:
            self._settle()
            self.succeed(value)
        if reply.status != "ok" and join is not None and is_unmatched(reply):
            join.forgotten()

    def failed(self, error: PhoenixError) -> None:
        """The connection has ended: the join has told already."""

    def reached(self) -> None:
        """The time is up."""
        options, sent = self._options, self._ref is not None
        error = PushTimeout(options.topic, options.event, options.timeout, sent=sent)
        if not sent and self._join is not None:
            error.__cause__ = self._join.last_error or self._topics.link.last_error
        self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._settle()
        self.error(error)

    def _emit_failure(self, error: PhoenixError) -> None:
        self._settle()
        self.context.dispatcher.emit(self.error, error)

    def _release(self) -> None:
        if hasattr(self, "_join"):  # else its loop has never got to it
            self._settle()

    def _settle(self) -> None:
        """Nothing more will come of it: no place, no timer, no reply."""
        join, self._join = self._join, None
        if join is None:
            return
        if self._limit is not None:
            self._limit.waiting.pop(self, None)
        if self._connection is not None and self._ref is not None:
            self._connection.replies.forget(self._ref)
            self._connection = None
        if join.pushes is not None:
            join.pushes.riding.pop(self, None)
        if not join.leases:
            join.release_soon()


class Push(Single[_T]):
    """A push as a ``Single``: each subscription, or ``await``, sends once.

    One that is collected without having been subscribed, awaited or piped warns, as a coroutine that was never
    awaited does.

    ```text
    replies run@room:a  --r
    replies run@room:a  ---s
                        stream = channel("room:a")
                        pushed = channel("room:a").push("run", {"n": 1}).pipe(ops.repeat(2))
    subscribed stream   ^--------------!
    subscribed pushed   -----^
    observed stream     -
    observed pushed     -------x--(y|)
    sent                j----p-p-------l
    r = {"done": 1}   s = {"done": 2}   x = {"done": 1}   y = {"done": 2}   j = "phx_join"
    p = ("run", {"n": 1})   l = "phx_leave"
    ```
    Marbles: `marbles/push.marble`
    """

    _subscriber_type = PendingPush
    _used = True
    """Whether it was used; one that could not be made warns nobody."""

    def __init__(self, context: Context, topics: Topics, options: PushOptions) -> None:
        # not Single's, because it begins in a way of its own
        Stream.__init__(self, context, options.channel.topic, options.event)  # pyright: ignore[reportUnknownMemberType]
        self._topics = topics
        self._options = options
        self._used = False

    def _begin(self, subscriber: PendingPush) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._used = True
        subscriber.start(self._topics, self._options)

    def pipe(self, *operators: Callable[[Any], Any]) -> Any:
        """Compose operators, as ``Observable.pipe`` does."""
        self._used = True
        return super().pipe(*operators)

    def __del__(self) -> None:
        if not self._used:
            warnings.warn(
                f"push {self._event!r} to {self._topic!r} was never sent: await it, run() it or subscribe to it",
                RuntimeWarning,
                stacklevel=2,
                source=self,
            )

"""The cold streams of a channel: subscribing takes a lease of the join.

What lives here: what a channel handle is made with, and how its streams attach to the join. What does not: the join
(``join.py``), and the handle itself (``channel.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from rxphoenix.client.audience import Typing, tell_mismatch
from rxphoenix.client.context import Context
from rxphoenix.client.join import Join
from rxphoenix.client.join_options import JoinOptions
from rxphoenix.client.joined import Joined
from rxphoenix.client.subjects import Stream, Subscriber
from rxphoenix.client.topic import Topics
from rxphoenix.errors import PayloadMismatch, SocketClosed
from rxphoenix.protocol.message import Message, Payload

__all__ = ["ChannelOptions", "Events", "Hook", "Joins", "Leased", "Messages"]

_T = TypeVar("_T")

Hook = Callable[[str, Payload], Payload]
"""``on_message(event, payload)``: sees each payload before it is dispatched, and returns it, modified or not."""


class ChannelOptions(msgspec.Struct, frozen=True):
    """What a channel handle is made with."""

    topic: str
    join: JoinOptions
    timeout: float
    auto_join: bool
    on_message: Hook | None


class Leased(Stream[_T]):
    """A cold stream of a channel: subscribing takes a lease of its join."""

    def __init__(self, context: Context, topics: Topics, options: ChannelOptions, event: str | None = None) -> None:
        super().__init__(context, options.topic, event)
        self._topics = topics
        self._options = options

    def _attach(self, subscriber: Subscriber[_T]) -> None:
        if self._topics.link.closed:
            self._context.deliver_soon(lambda: subscriber.error(SocketClosed()))
            return
        self._context.warm_up()
        topic = self._topics.get(self._options.topic)
        topic.lease(self._options.join, lambda join: self._observe(join, subscriber), take_over=True)

    def _observe(self, join: Join, subscriber: Subscriber[_T]) -> None:
        raise NotImplementedError


class Events(Leased[Payload]):
    """The payloads of one event."""

    def __init__(
        self, context: Context, topics: Topics, options: ChannelOptions, event: str, typing: Typing | None = None
    ) -> None:
        super().__init__(context, topics, options, event)
        self._name = event
        self._typing = typing

    def _observe(self, join: Join, subscriber: Subscriber[Payload]) -> None:
        hook, name, typing = self._options.on_message, self._name, self._typing
        if typing is not None and hook is None:
            join.observe_as(name, typing, subscriber)
            return
        if hook is not None:
            receive = subscriber.on_next if typing is None else self._reader(typing, subscriber)
            subscriber.on_next = lambda payload: receive(hook(name, payload))
        join.observe(name, subscriber)

    def _reader(self, typing: Typing, subscriber: Subscriber[Payload]) -> Callable[[Payload], object]:
        """Hand on as the type what a hook has returned."""
        receive = subscriber.on_next

        def read(payload: Payload) -> None:
            try:
                value = typing.type.from_value(payload)
            except PayloadMismatch as error:
                if typing.strict:
                    tell_mismatch(subscriber, error)
                else:
                    self._context.report(error, topic=self._topic, event=self._name)
            else:
                receive(value)

        return read


class Joins(Leased[Joined]):
    """The accepted joins."""

    def _observe(self, join: Join, subscriber: Subscriber[Joined]) -> None:
        join.observe_joined(subscriber)


class Messages(Leased[Message]):
    """All messages of the application."""

    def _observe(self, join: Join, subscriber: Subscriber[Message]) -> None:
        hook = self._options.on_message
        if hook is not None:
            receive = subscriber.on_next
            subscriber.on_next = lambda message: receive(message.with_payload(hook(message.event, message.payload)))
        join.observe(None, subscriber)

"""Who listens to a join: observers of all messages, of single events, and of accepted joins.

What lives here: keeping observers and telling them. What does not: what a message means for the join (``join.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rxphoenix.client.context import Context
from rxphoenix.client.subjects import Subscriber, deliver
from rxphoenix.errors import MalformedFrame, PhoenixError
from rxphoenix.protocol.message import Message

__all__ = ["JOINED", "Audience"]

JOINED = "phx_join"
"""The name under which accepted joins are observed; no application's event can have it."""


class Audience:
    """The observers of one join, by event; ``None`` stands for all messages.

    Arguments:
        context: where they are told.
    """

    __slots__ = ("_context", "_observers")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._observers: dict[str | None, tuple[Subscriber[Any], ...]] = {}

    def add(self, event: str | None, subscriber: Subscriber[Any], released: Callable[[], None]) -> None:
        """Take an observer in; ``released`` is called when it disposes."""

        def dispose() -> None:
            rest = tuple(other for other in self._observers.get(event, ()) if other is not subscriber)
            if rest:
                self._observers[event] = rest
            else:
                self._observers.pop(event, None)
            released()

        self._observers[event] = (*self._observers.get(event, ()), subscriber)
        subscriber.on_dispose = dispose

    def tell(self, message: Message) -> None:
        """Hand a message to the observers of all messages, then its payload to those of its event."""
        observers = self._observers
        everything, some = observers.get(None), observers.get(message.event)
        if everything is not None:
            deliver(everything, message)
        if some is not None:
            try:
                payload = message.payload
            except MalformedFrame as error:
                self._context.report(error, topic=message.topic, event=message.event)
                return
            deliver(some, payload)

    def announce(self, joined: object) -> None:
        """Hand an accepted join to those who observe it now; whoever comes before they are told is told of it apart."""
        self._context.dispatcher.emit(deliver, self._observers.get(JOINED, ()), joined)

    def dismiss(self, error: PhoenixError | None) -> None:
        """End all streams, with an error or by completing; nothing is left to be released."""
        observers, self._observers = self._observers, {}
        emit = self._context.dispatcher.emit
        for subscriber in (*observers.pop(JOINED, ()), *(other for group in observers.values() for other in group)):
            subscriber.on_dispose = None
            if error is None:
                emit(subscriber.complete)
            else:
                emit(subscriber.error, error)

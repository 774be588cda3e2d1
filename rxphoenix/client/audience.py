"""Who listens to a join: observers of all messages, of single events, as they are or as a type, and of accepted joins.

What lives here: keeping observers and telling them. What does not: what a message means for the join (``join.py``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from rxphoenix.client.context import Context
from rxphoenix.client.routes import Route
from rxphoenix.client.subjects import Subscriber, deliver
from rxphoenix.errors import MalformedFrame, PayloadMismatch, PhoenixError
from rxphoenix.protocol.message import Message, read_json
from rxphoenix.protocol.typed import PayloadType

__all__ = ["JOINED", "Audience", "Typing", "tell_mismatch"]

JOINED = "phx_join"
"""The name under which accepted joins are observed; no application's event can have it."""


class Typing(NamedTuple):
    """As what an observer wants the payloads of an event.

    Arguments:
        type: the type.
        strict: whether a payload that does not fit ends the observer's stream, instead of being reported.
    """

    type: PayloadType[Any]
    strict: bool


def tell_mismatch(subscriber: Subscriber[Any], error: PayloadMismatch) -> None:
    """End the stream of a strict observer, and give back what it leased."""
    released, subscriber.on_dispose = subscriber.on_dispose, None
    subscriber.error(error)
    if released is not None:
        released(subscriber)


class _Readers:
    """The observers of one event that want its payloads alike, so that each is read once."""

    __slots__ = ("subscribers", "typing")

    def __init__(self, typing: Typing) -> None:
        self.typing = typing
        self.subscribers: tuple[Subscriber[Any], ...] = ()

    def tell(self, message: Message, context: Context) -> None:
        try:
            value = self.typing.type.from_message(message)
        except PayloadMismatch as error:
            if not self.typing.strict:
                context.report(error, topic=message.topic, event=message.event)
                return
            for subscriber in self.subscribers:
                tell_mismatch(subscriber, error)
        else:
            deliver(self.subscribers, value)


class Audience:
    """The observers of one join, by event; ``None`` stands for all messages.

    Arguments:
        context: where they are told.
    """

    __slots__ = ("_context", "_observers", "_readers", "_routes")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._observers: dict[str | None, tuple[Subscriber[Any], ...]] = {}
        self._readers: dict[str, tuple[_Readers, ...]] | None = None
        self._routes: tuple[Route, ...] = ()

    def add(self, event: str | None, subscriber: Subscriber[Any]) -> None:
        """Take an observer in, of the event that it names itself or of ``JOINED``."""
        self.forget_routes()
        self._observers[event] = (*self._observers.get(event, ()), subscriber)

    def add_reader(self, event: str, typing: Typing, subscriber: Subscriber[Any]) -> None:
        """Take in an observer that wants the payloads of an event as a type."""
        self.forget_routes()
        if self._readers is None:
            self._readers = {}
        groups = self._readers.get(event, ())
        readers = next((group for group in groups if group.typing == typing), None)
        if readers is None:
            readers = _Readers(typing)
            self._readers[event] = (*groups, readers)
        readers.subscribers = (*readers.subscribers, subscriber)

    def remove(self, subscriber: Subscriber[Any]) -> None:
        """Let an observer go."""
        self.forget_routes()
        event = subscriber.event
        for name in (event, JOINED):
            some = self._observers.get(name, ())
            if subscriber in some:
                rest = tuple(other for other in some if other is not subscriber)
                if rest:
                    self._observers[name] = rest
                else:
                    del self._observers[name]
        if self._readers is not None and event in self._readers:
            groups = self._readers[event]
            for readers in groups:
                readers.subscribers = tuple(other for other in readers.subscribers if other is not subscriber)
            groups = tuple(readers for readers in groups if readers.subscribers)
            if groups:
                self._readers[event] = groups
            else:
                del self._readers[event]

    def route(self, event: str, head: bytes, by_head: dict[bytes, Route]) -> None:
        """Lead from a head to the observers of an event, if they all want its payload alike and nobody the message."""
        some = self._observers.get(event)
        groups = () if self._readers is None else self._readers.get(event, ())
        if None in self._observers or (some is not None) + len(groups) != 1:
            return
        if some is not None:
            self._routes += (Route(head, by_head, read_json, some),)
        for group in groups:
            self._routes += (Route(head, by_head, group.typing.type.read_json, group.subscribers),)

    def forget_routes(self) -> None:
        """Let the next messages go the long way: who is to be told, or whether, is another question now."""
        if self._routes:
            routes, self._routes = self._routes, ()
            for route in routes:
                route.forget()

    def tell(self, message: Message) -> bool:
        """Hand a message to the observers of all messages, then its payload to those of its event.

        Returns whether there may be a short way of the next one like it.
        """
        event, observers = message.event, self._observers
        # before any of them, because who is told may come or go
        some = observers.get(event)
        readers = None if self._readers is None else self._readers.get(event)
        if None in observers:
            deliver(observers[None], message)
        try:
            if readers is not None:  # straight from the wire first, because afterwards it is decoded
                for group in readers:
                    group.tell(message, self._context)
            if some is None:
                return readers is not None and len(readers) == 1 and None not in observers
            payload = message.payload
        except MalformedFrame as error:
            self._context.report(error, topic=message.topic, event=event)
            return False
        deliver(some, payload)
        return readers is None and None not in observers

    def announce(self, joined: object) -> None:
        """Hand an accepted join to those who observe it now; whoever comes before they are told is told of it apart."""
        observers = self._observers.get(JOINED)
        if observers is not None:
            self._context.dispatcher.emit(deliver, observers, joined)

    def dismiss(self, error: PhoenixError | None) -> None:
        """End all streams, with an error or by completing; nothing is left to be released."""
        observers, self._observers = self._observers, {}
        readers, self._readers = self._readers, None
        everybody = [*observers.pop(JOINED, ()), *(other for group in observers.values() for other in group)]
        if readers is not None:
            everybody += (other for groups in readers.values() for group in groups for other in group.subscribers)
        emit = self._context.dispatcher.emit
        for subscriber in everybody:
            subscriber.on_dispose = None
            if error is None:
                emit(subscriber.complete)
            else:
                emit(subscriber.error, error)

"""The short way of an event: from the first bytes of its frame straight to who observes it.

A server begins all that it sends of one event on one topic alike: ``["3",null,"room:lobby","new_msg",``. When such a
message has gone the long way (decoded, then by topic, join and event to its observers), these bytes are remembered with
those who were told. Of the next frame that begins with them nothing but the payload is decoded, once and as what is
wanted. Whatever changes who is to be told, or whether, forgets them, and the next message goes the long way again. So
does a frame of which anything is unusual, because the long way says what is wrong.

What lives here: what is remembered. What does not: the long way (``connection.py``, ``topic.py``, ``join.py``), and
when something is forgotten (``audience.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from rxphoenix.client.dispatch import Dispatcher
from rxphoenix.client.subjects import HotStream, Subscriber
from rxphoenix.protocol.message import Frame, Message
from rxphoenix.protocol.serializer import LARGE, Serializer, has_heads, head_of
from rxphoenix.transports.base import TransportEvent

__all__ = ["Route", "Routed", "Routes"]

_LONGEST_HEAD = 512
"""Bytes in which the beginning of a payload is looked for."""

_BEFORE_PAYLOAD, _END = b",]"
_UNREAD: Any = object()


class Route:
    """Where frames lead that begin with one head, from now on until it is forgotten.

    Arguments:
        head: all before the payload.
        by_head: the table that it is an entry of.
        read: reads the payload; whatever it raises, the message goes the long way.
        subscribers: who is told.
    """

    __slots__ = ("_by_head", "_head", "read", "subscribers")

    def __init__(
        self,
        head: bytes,
        by_head: dict[bytes, Route],
        read: Callable[[Any], Any],
        subscribers: tuple[Subscriber[Any], ...],
    ) -> None:
        self._head = head
        self._by_head = by_head
        self.read = read
        self.subscribers = subscribers
        by_head[head] = self

    def forget(self) -> None:
        """Lead nowhere any more."""
        self._by_head.pop(self._head, None)


class Routed(Protocol):
    """Who took a message, and knows whether the next one needs the long way."""

    def route(self, event: str, head: bytes, by_head: dict[bytes, Route], /) -> None:
        """Lead from a head straight to who is told of an event, if nobody needs more of it than the payload."""
        ...


class Routes:
    """The short ways of one connection.

    Arguments:
        serializer: what the messages are read by.
        messages: tells who watches all messages; they have no short way then.
        long_way: takes what has none.
    """

    __slots__ = ("_by_head", "_is_usable", "_long_way", "_messages")

    def __init__(
        self, serializer: Serializer, messages: HotStream[Message], long_way: Callable[[TransportEvent], None]
    ) -> None:
        self._messages = messages
        self._long_way = long_way
        self._is_usable = has_heads(serializer)
        self._by_head: dict[bytes, Route] = {}

    def entrance(self, dispatcher: Dispatcher) -> tuple[Callable[[TransportEvent], None], Callable[[bytes], None]]:
        """Make the functions that take what comes, and the bytes of a text frame, as an event of its own each.

        The second is one function, because nearly every frame comes in that way: a call more is what a twentieth of a
        message costs.

        Arguments:
            dispatcher: the order of events.
        """
        by_head, messages, long_way = self._by_head, self._messages, self._long_way
        queue, last = dispatcher.queue, dispatcher.last
        size = 0  # bytes of the last head that was found: the next one is likely to have as many

        def take_text(data: bytes) -> None:
            nonlocal size
            if dispatcher.running:
                queue.append((long_way, (Frame(data),)))
                return
            dispatcher.running = True
            try:
                payload: Any = _UNREAD
                subscribers: tuple[Subscriber[Any], ...] = ()
                if by_head and not messages.subscribers:
                    route = by_head.get(data[:size])
                    if route is None:
                        end = data.find(b"{", 0, _LONGEST_HEAD)
                        route = by_head.get(data[:end]) if end > 0 else None
                        size = size if route is None else end
                    if route is not None and data[-1] == _END:
                        read, subscribers = route.read, route.subscribers
                        try:
                            payload = read(data[size:-1] if len(data) < LARGE else memoryview(data)[size:-1])
                        except Exception:
                            payload = _UNREAD
                if payload is _UNREAD:
                    long_way(Frame(data))
                    return
                for subscriber in subscribers:
                    if not subscriber.stopped:  # what deliver() does, without the price of a call
                        on_next = subscriber.on_next
                        try:
                            on_next(payload)
                        except Exception as error:
                            subscriber.context.observer_raised(error, subscriber.topic, subscriber.event)
            finally:
                if queue or last:
                    dispatcher.finish()
                else:
                    dispatcher.running = False

        def take(event: TransportEvent) -> None:
            # a transport of a user's own may hand on text, which can be decoded as well
            if type(event) is Frame and not event.binary and type(event.data) is bytes:
                take_text(event.data)
            else:
                dispatcher.post(long_way, event)

        return take, take_text

    def remember(self, taken_by: Routed, message: Message, frame: Frame) -> None:
        """Let the next messages that begin like one that has gone the long way go the short way, if they can."""
        if not self._is_usable or self._messages.subscribers or frame.binary:
            return
        if message.ref is not None:  # the next one will have another
            return
        data = frame.data
        if type(data) is not bytes:  # a transport of a user's own may hand on text, which can be decoded as well
            return
        size = data.find(b"{", 0, _LONGEST_HEAD)
        if size > 0 and data[size - 1] == _BEFORE_PAYLOAD:
            head = data[:size]
            if head not in self._by_head and head == head_of(message):
                taken_by.route(message.event, head, self._by_head)

    def clear(self) -> None:
        """Send all the long way."""
        self._by_head.clear()

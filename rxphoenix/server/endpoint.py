"""The endpoint: sockets mounted at paths, their limits, plain HTTP routes, and who hears a broadcast.

What lives here: what an application is made of, and fan-out to all its connections. What does not: what a socket and
a channel do (``app.py``), and the network (``web``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar, final

import msgspec

from rxphoenix.protocol.message import Payload
from rxphoenix.server.app import ServerChannel, ServerSocket
from rxphoenix.server.polling_session import Polling

__all__ = ["Endpoint", "HTTPHandler", "Mount", "Subscriber"]


_USUAL_POLLING = Polling()


@final
class Mount(msgspec.Struct, frozen=True):
    """A kind of socket at a path, with its topics and limits; made by ``Endpoint.socket``."""

    make_socket: Callable[[], ServerSocket]
    channels: Mapping[str, Callable[[], ServerChannel[Any]]]
    auth_token: bool
    max_channels: int | None
    max_frame_size: int | None
    timeout: float | None
    send_timeout: float | None
    compress: bool
    websocket: bool
    longpoll: Polling | None

    def route(self, topic: str) -> Callable[[], ServerChannel[Any]] | None:
        """What makes the channel for a topic; an exact pattern wins over a wildcard, an earlier one over a later."""
        return self.channels.get(topic) or _matching(self.channels, topic)


HTTPHandler: TypeAlias = Callable[[tuple[str, ...], dict[str, Any]], Awaitable[str]]
"""Answers a plain GET with text: called with the path's decoded segments and the query's params."""


class Subscriber(Protocol):
    """A connection, as the endpoint sees it."""

    @property
    def socket_id(self) -> str | None:
        """The socket's id."""
        ...

    def receive_broadcast(self, topic: str, event: str, payload: Payload) -> None:
        """Deliver a broadcast to the channel of that topic, if there is one."""
        ...

    def disconnect(self) -> None:
        """Close the connection with 1001."""
        ...


class Endpoint:
    """An application: sockets mounted at paths, plain HTTP routes, and broadcasts to whoever is connected.

    Example:
        ```python
        from rxphoenix.server import Endpoint, PhoenixServer, ServerChannel, ServerSocket

        class Room(ServerChannel[ServerSocket]):
            async def join(self, topic, params):
                return {"welcome": topic}

        endpoint = Endpoint()
        endpoint.socket("/socket", ServerSocket, channels={"room:*": Room})

        async with PhoenixServer(endpoint) as server:
            endpoint.broadcast("room:lobby", "news", {"url": server.url})
        ```
    """

    def __init__(self) -> None:
        self._mounts: dict[str, Mount] = {}
        self._pages: dict[str, HTTPHandler] = {}
        self._subscribers: dict[Subscriber, None] = {}

    def socket(
        self,
        path: str,
        make_socket: Callable[[], ServerSocket],
        *,
        channels: Mapping[str, Callable[[], ServerChannel[Any]]],
        auth_token: bool = False,
        max_channels: int | None = 100,
        max_frame_size: int | None = None,
        timeout: float | None = 60.0,
        send_timeout: float | None = 30.0,
        compress: bool = False,
        websocket: bool = True,
        longpoll: Polling | None = _USUAL_POLLING,
    ) -> None:
        """Mount a kind of socket.

        Arguments:
            path: for example ``"/socket"``; clients connect to ``/socket/websocket`` and ``/socket/longpoll``.
            make_socket: a ``ServerSocket`` class, or a function that makes one.
            channels: topic patterns, exact or ending in ``*``, and the channel class (or maker) for each.
            auth_token: whether the handshake may carry an auth token; if not, one that comes is ignored.
            max_channels: how many channels one connection may have, ``None`` for any number.
            max_frame_size: the largest frame a client may send by WebSocket, in bytes, ``None`` for any size.
            timeout: close a WebSocket whose client has sent nothing for so many seconds, ``None`` for never.
            send_timeout: drop a WebSocket whose client reads so little that one frame cannot be sent for so many
                seconds, ``None`` for never.
            compress: whether to agree to permessage-deflate.
            websocket: whether clients may connect by WebSocket.
            longpoll: how patient long polling is, ``None`` for no long polling.

        Raises:
            ValueError: the path does not begin with a slash, or is taken.
        """
        if not path.startswith("/") or path in self._mounts:
            raise ValueError(f"the path {path!r} must begin with a slash and be used once")
        self._mounts[path] = Mount(
            make_socket,
            dict(channels),
            auth_token,
            max_channels,
            max_frame_size,
            timeout,
            send_timeout,
            compress,
            websocket,
            longpoll,
        )

    def get(self, path: str, handler: HTTPHandler) -> None:
        """Answer plain GET requests with text.

        Arguments:
            path: exact, or ending in ``*``.
            handler: an async function of the path's decoded segments and the query's params.
        """
        self._pages[path] = handler

    def broadcast(self, topic: str, event: str, payload: Payload, *, exclude: Subscriber | None = None) -> None:
        """Push to all who joined a topic, on whatever connection.

        Arguments:
            topic: the topic.
            event: the name of the event.
            payload: a JSON value or ``bytes``.
            exclude: a connection that is left out.

        Raises:
            UnencodablePayload: it cannot be written for one of them.
        """
        for subscriber in list(self._subscribers):
            if subscriber is not exclude:
                subscriber.receive_broadcast(topic, event, payload)

    def disconnect(self, id: str) -> None:
        """Close every connection with this socket id, as Phoenix does on a ``"disconnect"`` broadcast."""
        for subscriber in list(self._subscribers):
            if subscriber.socket_id == id:
                subscriber.disconnect()

    def mount_at(self, path: str) -> Mount | None:
        """The mount at exactly this path, ``None`` if there is none."""
        return self._mounts.get(path)

    def page_at(self, path: str) -> HTTPHandler | None:
        """What answers a plain GET of this path, ``None`` if nothing does."""
        return self._pages.get(path) or _matching(self._pages, path)

    def subscribe(self, subscriber: Subscriber) -> None:
        """Have a connection receive broadcasts and disconnects."""
        self._subscribers[subscriber] = None

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Forget a connection."""
        self._subscribers.pop(subscriber, None)


Found = TypeVar("Found")


def _matching(patterns: Mapping[str, Found], name: str) -> Found | None:
    for pattern, found in patterns.items():
        if pattern.endswith("*") and name.startswith(pattern[:-1]):
            return found
    return None

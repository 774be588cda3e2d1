"""The API for applications: sockets and their channels, in Phoenix's words.

What lives here: the classes that an application subclasses. What does not: where they are mounted and how a broadcast
reaches all connections (``endpoint.py``), and the order in which things happen (``session.py``, driven by
``connection.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, final

import msgspec

from rxphoenix.protocol.message import Payload, Reply
from rxphoenix.server.effects import ReplyRef

if TYPE_CHECKING:
    from rxphoenix.server.endpoint import Endpoint

__all__ = [
    "ChannelPort",
    "ConnectInfo",
    "Refused",
    "ServerChannel",
    "ServerSocket",
    "SocketPort",
    "UnknownEvent",
]


@final
class Refused(msgspec.Struct, frozen=True):
    """What a channel's ``join`` returns to say no.

    Arguments:
        response: what the client is told, usually a dict with a ``reason``.
    """

    response: Payload = msgspec.field(default_factory=dict[str, Any])


class UnknownEvent(Exception):
    """A channel got an event that it does not handle; it crashes, as a Phoenix channel without a clause for it."""


@final
class ConnectInfo(msgspec.Struct, frozen=True):
    """What a socket's ``connect`` learns beside the params.

    Arguments:
        transport: ``"websocket"`` or ``"longpoll"``.
        auth_token: the token that came in the handshake, ``None`` without one or where the mount takes none.
        x_headers: the request's headers that begin with ``x-``, their names in lower case.
        user_agent: the request's ``User-Agent``, ``None`` without one.
    """

    transport: str
    auth_token: str | None = None
    x_headers: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    user_agent: str | None = None


class SocketPort(Protocol):
    """What carries out the wishes of a socket."""

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint that the connection belongs to."""
        ...

    def drop(self) -> None:
        """Let the connection die without a close frame."""
        ...


class ChannelPort(Protocol):
    """What carries out the wishes of one channel."""

    @property
    def ref(self) -> ReplyRef:
        """Where a reply to the push that is being handled goes."""
        ...

    def push(self, event: str, payload: Payload) -> None:
        """Push to the channel's client."""
        ...

    def broadcast(self, event: str, payload: Payload, *, to_sender: bool) -> None:
        """Broadcast to the channel's topic."""
        ...

    def reply(self, ref: ReplyRef, reply: Reply) -> None:
        """Answer an earlier push."""
        ...

    def send_after(self, seconds: float, message: Any) -> None:
        """Have ``handle_info`` called later."""
        ...

    def stop(self, reason: str, *, abnormal: bool) -> None:
        """End the channel."""
        ...

    def monitor(self, ended: Callable[[], None]) -> None:
        """Have a function called at once when the channel has ended, its join refused included.

        Raises:
            RuntimeError: it has ended.
        """
        ...


class ServerSocket:
    """One client's connection, as the application sees it; keep what ``connect`` learnt in attributes.

    Example:
        ```python
        from http import HTTPStatus

        from rxphoenix.server import ConnectInfo, ServerSocket

        class UserSocket(ServerSocket):
            user: str

            async def connect(self, params: dict[str, object], info: ConnectInfo) -> HTTPStatus | None:
                if info.auth_token != "sesame":
                    return HTTPStatus.UNAUTHORIZED
                self.user = str(params["user"])
                return None

            def id(self) -> str | None:
                return f"user:{self.user}"
        ```
    """

    port: SocketPort

    async def connect(self, params: dict[str, Any], info: ConnectInfo) -> HTTPStatus | None:
        """Let a client in by returning ``None``, or refuse it with an HTTP status; raising answers 500.

        Arguments:
            params: the connect params, nested as Phoenix reads them, with ``vsn`` among them.
            info: what else is known of the request.
        """
        return None

    def id(self) -> str | None:
        """The name by which ``Endpoint.disconnect`` finds this connection, ``None`` for none."""
        return None

    def drop(self) -> None:
        """Let the connection die without a close frame, as if its process had been killed."""
        self.port.drop()


Socket = TypeVar("Socket", bound=ServerSocket)


class ServerChannel(Generic[Socket]):
    """One client's channel; its handlers run one at a time, and one that raises crashes it.

    Example:
        ```python
        from rxphoenix.server import Refused, Reply, ServerChannel, ServerSocket

        class Room(ServerChannel[ServerSocket]):
            async def join(self, topic, params):
                if topic == "room:secret":
                    return Refused({"reason": "members only"})
                return {"motd": "welcome"}

            async def handle_in(self, event, payload):
                match event:
                    case "new_msg":
                        self.broadcast("new_msg", payload)
                        return Reply("ok", {})
                    case _:
                        return await super().handle_in(event, payload)
        ```
    """

    intercept: ClassVar[Collection[str]] = ()
    """The events whose broadcasts go through ``handle_out`` instead of straight to the client."""

    topic: str
    socket: Socket
    port: ChannelPort

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint that the channel belongs to."""
        return self.socket.port.endpoint

    @property
    def ref(self) -> ReplyRef:
        """Where a reply to the push that is being handled goes; keep it, and ``reply`` to it later.

        Raises:
            RuntimeError: no push is being handled.
        """
        return self.port.ref

    async def join(self, topic: str, params: Payload) -> Payload | Refused:
        """Accept the client by returning what its reply holds (``None``: ``{}``), or return ``Refused``.

        Pushes and broadcasts are for later: ``self.send_after(0, message)`` has ``handle_info`` called after the reply.
        """
        return None

    async def handle_in(self, event: Any, payload: Payload) -> Reply | None:
        """Handle a push of the client; return its ``Reply``, or ``None`` to answer later or never.

        Arguments:
            event: the name of the event; a client may send any JSON value for it.
            payload: a JSON value, or ``bytes`` from a binary frame.

        Raises:
            UnknownEvent: always, unless overridden.
        """
        raise UnknownEvent(f"no handler for {event!r} on {self.topic!r}")

    async def handle_info(self, message: Any) -> None:
        """Handle a message that the application sent to this channel with ``send_after``."""

    async def handle_out(self, event: str, payload: Payload) -> None:
        """Handle a broadcast of an event named in ``intercept``; unless overridden, push it on."""
        self.push(event, payload)

    async def terminate(self, reason: str) -> None:
        """Clean up; the channel has ended.

        Arguments:
            reason: ``"left"``, ``"closed"`` (the connection ended), ``"duplicate join"``, ``"crashed"``, or what
                ``stop`` was given.
        """

    def push(self, event: str, payload: Payload) -> None:
        """Push to this channel's client; ``bytes`` make a binary frame; raises ``UnencodablePayload``."""
        self.port.push(event, payload)

    def broadcast(self, event: str, payload: Payload) -> None:
        """Push to all who joined the topic, this client included; raises ``UnencodablePayload``."""
        self.port.broadcast(event, payload, to_sender=True)

    def broadcast_from(self, event: str, payload: Payload) -> None:
        """Push to all others who joined the topic; raises ``UnencodablePayload``."""
        self.port.broadcast(event, payload, to_sender=False)

    def reply(self, ref: ReplyRef, status: str | bool | None, response: Payload) -> None:
        """Answer a push whose ``ref`` was kept; raises ``UnencodablePayload``."""
        self.port.reply(ref, Reply(status, response))

    def send_after(self, seconds: float, message: Any) -> None:
        """Have ``handle_info(message)`` called in so many seconds, unless the channel has ended by then."""
        self.port.send_after(seconds, message)

    def stop(self, reason: str = "normal", *, abnormal: bool = False) -> None:
        """End the channel when the handler that runs has returned, and replied; at once if none runs.

        Arguments:
            reason: handed to ``terminate``.
            abnormal: ``False`` tells the client ``phx_close``; ``True``, as a crash does, ``phx_error``: it rejoins.
        """
        self.port.stop(reason, abnormal=abnormal)

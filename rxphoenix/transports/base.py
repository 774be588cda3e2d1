"""The seam between the client and whatever carries its frames.

A transport turns one request into a cold observable of one connection: ``Opened`` first, then ``Frame``s.

```text
connect:  --O--f-f---f--|      O = Opened(send), f = Frame; completes once a close that was asked for is done
          --O--f-#             ConnectionLost: the connection ended by itself (close code, reason)
          --#                  ConnectionRefused: it never opened (HTTP status)
```

Most of what comes is text. Where the observer is a ``Callbacks``, a transport may hand on the bytes of a text frame by
``on_text``: that spares a ``Frame`` for each.

What lives here: the types both sides share. What does not: anything that reads or writes bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec
from reactivex import Observable, abc

from rxphoenix.protocol.address import Address
from rxphoenix.protocol.message import Frame

__all__ = [
    "Callbacks",
    "CloseRequest",
    "Closing",
    "ConnectRequest",
    "Opened",
    "Ping",
    "Transport",
    "TransportEvent",
    "check_transport",
]


class Opened(msgspec.Struct, frozen=True):
    """The connection is open.

    Arguments:
        send: takes a frame at once and in order; it never blocks, and ignores frames once the connection is over.
        needs_heartbeat: whether the client must send heartbeats to tell a dead link from a silent one; a transport
            that notices by itself says no.
        hold_back: with ``True`` it stops reading, so that the network pushes back on the server, and emits no frame;
            with ``False`` it reads on, not before the call has returned. It never blocks, may be told the same twice
            and when the connection is over, and ends by itself when a close is asked for. ``None`` for a transport
            that cannot.
    """

    send: Callable[[Frame], None]
    needs_heartbeat: bool = True
    hold_back: Callable[[bool], None] | None = None


TransportEvent: TypeAlias = Opened | Frame


class Callbacks(NamedTuple):
    """Callbacks in the place of an observer of a transport.

    Arguments:
        on_next: takes what is emitted.
        on_error: is told of the fault that ended the connection.
        on_completed: is told that the close that was asked for is done.
        on_text: takes the bytes of a text frame, in the place of ``on_next`` and its ``Frame``.
    """

    on_next: abc.OnNext[TransportEvent]
    on_error: abc.OnError
    on_completed: abc.OnCompleted
    on_text: Callable[[bytes], object]


class CloseRequest(msgspec.Struct, frozen=True):
    """The wish to end a connection.

    Arguments:
        code: the close code to send, ``None`` for the usual one (1000).
        reason: the reason to send.
        grace: how long flushing and the close handshake may take, in seconds; then the connection is dropped.
    """

    code: int | None = None
    reason: str = ""
    grace: float = 1.0


class Closing:
    """How the client asks a transport to end a connection, whether it is open yet or not.

    The transport listens; once asked it flushes what was sent, closes, and completes its observable. Disposing the
    subscription instead abandons the connection: what waits to be written is not, and nothing more is emitted.
    """

    __slots__ = ("_listener", "requested")

    def __init__(self) -> None:
        self.requested: CloseRequest | None = None
        self._listener: Callable[[CloseRequest], None] | None = None

    def request(self, close: CloseRequest) -> None:
        """Ask for the end; only the first request counts."""
        if self.requested is None:
            self.requested = close
            if self._listener is not None:
                self._listener(close)

    def listen(self, listener: Callable[[CloseRequest], None]) -> None:
        """Be told of the request; at once, if it was made already."""
        self._listener = listener
        if self.requested is not None:
            listener(self.requested)


class Ping(msgspec.Struct, frozen=True):
    """One heartbeat of a transport's own, for a transport that wants to know whether frames really pass.

    Arguments:
        frame: what to send.
        is_answer: tells whether a frame from the server is the answer to it.
    """

    frame: Frame
    is_answer: Callable[[Frame], bool]


class ConnectRequest(msgspec.Struct, frozen=True):
    """One attempt to connect, everything evaluated. Its repr shows no secrets.

    Arguments:
        address: where to, with the connect params.
        scheduler: where timers of the transport belong.
        closing: how the client will ask for the end.
        ping: makes a heartbeat of the transport's own, of which the client needs to know nothing.
        auth_token: the evaluated token, if there is one.
        headers: additional HTTP headers.
        session: what the user gave as ``session``, for the transports that can use it.
        memory: what a transport keeps from one attempt of the same socket to the next, by its own key.
        timeout: seconds that the client gives the attempt; then it drops it.
    """

    address: Address
    scheduler: abc.SchedulerBase
    closing: Closing
    ping: Callable[[], Ping]
    auth_token: str | None = None
    headers: Mapping[str, str] = {}
    session: object | None = None
    memory: dict[object, object] = {}
    timeout: float = math.inf

    def __repr__(self) -> str:
        return f"ConnectRequest({self.address!r})"


class Transport(Protocol):
    """What carries frames; give your own to ``Socket(transport=...)``.

    Example:
        ```python
        import reactivex
        from rxphoenix import Socket
        from rxphoenix.transports.base import Transport

        class Nowhere:
            def connect(self, request):
                return reactivex.never()

        socket = Socket("ws://localhost:4000/socket", transport=Nowhere())
        ```
    """

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        """Make the cold observable of one connection; nothing happens before it is subscribed."""
        ...


def check_transport(name: str, transport: Any) -> Transport:
    """Return a transport; raises ``TypeError`` for what cannot be one, such as a class."""
    if isinstance(transport, type):
        raise TypeError(f"{name} must be a transport, not the class {transport.__name__}; write {transport.__name__}()")
    if not callable(getattr(transport, "connect", None)):
        raise TypeError(f"{name} must be a transport, for example LongPoll(), not {transport!r}")
    return transport

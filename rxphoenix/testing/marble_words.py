"""The words of marble files: the names that an expression may use, and what each is.

Under ``when``: ``socket`` (its streams, and ``connect`` for ``rx.using``), ``channel``, ``scheduler``, ``ops`` and
``rx`` (RxPY's operators and creation functions), ``reply``, ``message``, ``resume`` and ``presence_events``, ``int``,
``str`` and ``dict`` (as types of payloads), the observables of ``hot`` and ``cold`` lanes, and the words about bridges
(``marble_bridges.py``).

In ``options`` of the socket: ``stepped``, ``exponential``, ``give_up_on``, and ``fallback(after)`` for its transport.

Under ``where``:

```text
event(name, payload)  crash  close      phoenix lanes: what the server does on a topic
reply(status, response)                 joins and replies lanes: an answer of another status than "ok"
refused(status, reason, retry_after=)   connects lanes: how an attempt is refused; the status alone does, too
lost(code, reason)                      drops lanes: how the link is lost; the close code alone does, too
frame(join_ref, ref, topic, event, payload)   writes lanes: a frame as it is, or its bytes as b"..."; sent lanes
suspend(seconds)  block(seconds)        the machine lane: it sleeps, or something holds the thread
connect()  disconnect(code, reason)  reconnect()  close_socket()      the calls lane
message(event, payload)                 what a channel emits, but for the refs
joined(reply, rejoin=, attempt=, gap=)  what channel.joined emits; gap(since, seconds, error, cursor), in seconds
attempt(params, auth_token=, transport=)      the attempts lane; transport="longpoll" on that way
error(name, ...)                        an error of the tree: for #, and as a value of the errors lane
```

What lives here: the words. What does not: the lanes that they are used in (``marble_run.py``), and what an expression
may do with them (``expression.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import reactivex
from reactivex import operators
from reactivex.internal.constants import UTC_ZERO

from rxphoenix import errors
from rxphoenix.client.context import Fault
from rxphoenix.client.join_options import PresenceEvents
from rxphoenix.client.joined import Gap, Joined
from rxphoenix.client.resume import Resume
from rxphoenix.client.socket import Socket
from rxphoenix.errors import ConnectionLost, ConnectionRefused, PhoenixError
from rxphoenix.protocol.backoff import exponential, give_up_on, stepped
from rxphoenix.protocol.message import Message, Payload, Reply
from rxphoenix.testing.seen import Attempt
from rxphoenix.testing.world import World

__all__ = [
    "CLOSE",
    "CRASH",
    "OPTIONS",
    "STREAMS",
    "VALUES",
    "Act",
    "Call",
    "Event",
    "Pause",
    "SocketFace",
    "comparable",
]


@dataclass(frozen=True, slots=True)
class Event:
    """What a server does on a topic: broadcast an event."""

    name: str
    payload: Payload

    def __repr__(self) -> str:
        return f"event({self.name!r}, {self.payload!r})"


class Act:
    """What a server does to a channel: crash it, or close it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


CRASH, CLOSE = Act("crash"), Act("close")


class Call:
    """Something that a user does to a socket by hand.

    Arguments:
        name: how it is written.
        method: the method of the socket.
        arguments: what it is given.
    """

    def __init__(self, name: str, method: Callable[..., object], *arguments: Any) -> None:
        self._name = name
        self._method = method
        self._arguments = arguments

    def perform(self, socket: Socket) -> None:
        """Do it."""
        self._method(socket, *self._arguments)

    def __repr__(self) -> str:
        return f"{self._name}({', '.join(map(repr, self._arguments))})"


class Pause:
    """What happens to the machine: it sleeps, or something holds the thread.

    Arguments:
        name: how it is written.
        method: the method of the world.
        seconds: for how long.
    """

    def __init__(self, name: str, method: Callable[[World, float], object], seconds: float) -> None:
        self._name = name
        self._method = method
        self._seconds = seconds

    def perform(self, world: World) -> None:
        """Let it happen."""
        self._method(world, self._seconds)

    def __repr__(self) -> str:
        return f"{self._name}({self._seconds!r})"


@dataclass(frozen=True, slots=True)
class _AnyMessage:
    """A message as a drawing compares it: without the refs, which are the client's business."""

    event: str
    payload: Payload = None

    def __repr__(self) -> str:
        return f"message({self.event!r}, {self.payload!r})"


def comparable(value: Any) -> Any:
    """A value as a drawing compares it: messages without refs, faults as their errors."""
    match value:
        case Message(event=event, payload=payload):
            return _AnyMessage(event, payload)
        case Fault(error=error):
            return error
        case _:
            return value


def _error(name: str, *arguments: Any, **options: Any) -> PhoenixError:
    kind = getattr(errors, name, None)
    if name not in errors.__all__ or not isinstance(kind, type):
        raise ValueError(f"there is no error {name!r} in the tree of rxphoenix")
    return cast("Callable[..., PhoenixError]", kind)(*arguments, **options)


def _event(name: str, payload: Payload = None) -> Event:
    return Event(name, {} if payload is None else payload)


def _lost(code: int | None = None, reason: str = "") -> ConnectionLost:
    return ConnectionLost(reason, code=code)


def _refused(status: int | None = None, reason: str = "", *, retry_after: float | None = None) -> ConnectionRefused:
    return ConnectionRefused(reason, status=status, retry_after=retry_after)


def _joined(reply: Payload, *, rejoin: bool = False, attempt: int = 1, gap: Gap | None = None) -> Joined:
    return Joined(reply, rejoin, attempt, gap)


def _gap(since: float, seconds: float, error: PhoenixError, cursor: Any = None) -> Gap:
    return Gap(UTC_ZERO + timedelta(seconds=since), seconds, error, cursor)


def _connect() -> Call:
    return Call("connect", Socket.connect)


def _disconnect(code: int | None = None, reason: str = "") -> Call:
    return Call("disconnect", Socket.disconnect, *(() if code is None else (code, reason) if reason else (code,)))


def _reconnect() -> Call:
    return Call("reconnect", Socket.reconnect)


def _close_socket() -> Call:
    return Call("close_socket", Socket.close)


def _suspend(seconds: float) -> Pause:
    return Pause("suspend", World.suspend, seconds)


def _block(seconds: float) -> Pause:
    return Pause("block", World.block, seconds)


VALUES: Mapping[str, Any] = {
    "attempt": Attempt,
    "block": _block,
    "close": CLOSE,
    "close_socket": _close_socket,
    "connect": _connect,
    "crash": CRASH,
    "disconnect": _disconnect,
    "error": _error,
    "event": _event,
    "frame": Message,
    "gap": _gap,
    "joined": _joined,
    "lost": _lost,
    "message": _AnyMessage,
    "reconnect": _reconnect,
    "refused": _refused,
    "reply": Reply,
    "suspend": _suspend,
}
"""The names under ``where``."""

OPTIONS: Mapping[str, Any] = {"exponential": exponential, "give_up_on": give_up_on, "stepped": stepped}
"""The names in the options of the socket."""


def _public(module: Any, names: list[str]) -> SimpleNamespace:
    """Only what a module says is its own, so that no expression reaches what it imported."""
    return SimpleNamespace(**{name: getattr(module, name) for name in names if not name.startswith("_")})


STREAMS: Mapping[str, Any] = {
    "dict": dict,
    "int": int,
    "message": _AnyMessage,
    "ops": _public(operators, list(operators.__all__)),
    "presence_events": PresenceEvents,
    "reply": Reply,
    "resume": Resume,
    "str": str,
    "rx": _public(
        reactivex,
        ["combine_latest", "concat", "defer", "empty", "interval", "merge", "never", "of", "return_value", "throw",
         "timer", "using", "zip"],
    ),
}  # fmt: skip
"""The names under ``when`` that are the same for every file."""


class SocketFace:
    """A socket as an expression may see it: its streams, and what it can be asked for, but not what writes."""

    def __init__(self, socket: Socket) -> None:
        self.state, self.messages, self.sent, self.errors, self.latency = (
            socket.state, socket.messages, socket.sent, socket.errors, socket.latency,
        )  # fmt: skip
        self.opened, self.ping, self.channel, self.wait_closed, self.connect = (
            socket.opened, socket.ping, socket.channel, socket.wait_closed, socket.connect,
        )  # fmt: skip

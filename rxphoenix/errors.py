"""Everything that rxphoenix raises, emits through ``on_error`` or reports on ``socket.errors``.

```text
PhoenixError
├── ConnectionFault            something about the link to the server
│   ├── ConnectionRefused      an attempt was answered with no, or found nobody (HTTP status, DNS, TCP, TLS)
│   ├── ConnectTimeout         an attempt was not open within connect_timeout
│   ├── ConnectionLost         an open connection ended without us asking (close code, reason, HTTP status)
│   │   └── HeartbeatTimeout   the server stopped answering heartbeats
│   ├── EventLoopEnding        the event loop cancelled the connection, as it does with all of its tasks at its end
│   ├── ReconnectGivenUp       reconnect_after returned None
│   ├── NotConnected           ping() or send() without an open connection
│   └── Disconnected           disconnect() took the socket offline
├── ProviderFailed             a function given as params, auth_token or headers raised or returned nonsense
├── ChannelFault               something that happened to one topic
│   ├── JoinRefused            the server answered a join with no
│   ├── JoinTimeout            the server did not answer a join in time
│   ├── JoinCrashed            the server's join crashed
│   ├── ChannelCrashed         phx_error: the channel process died
│   ├── ChannelForgotten       the server does not know of a join that we hold for joined
│   ├── RejoinGivenUp          rejoin_after returned None
│   ├── ChannelClosed          the join ended before hold() saw it accepted
│   └── TakenOver              another subscription joined the topic with other params
├── PushFault                  something that happened to one push
│   ├── PushRefused            the reply had another status than "ok"
│   ├── PushTimeout            no reply in time, or never sent in time
│   ├── PushInterrupted        sent, and then the join or the link ended: outcome unknown
│   ├── PushBufferFull         too many pushes are held for the join
│   ├── TopicBusy              the topic is joined with other params
│   └── NotJoined              auto_join=False and nobody has joined
├── BufferOverflow             values came faster than iterate() or map_async() could work them off
├── BlockedTooLong             Overflow.BLOCK could hold a socket back no longer: values were dropped
├── MalformedFrame             a frame from the server that cannot be read
├── PayloadMismatch            a payload that does not fit the type that was asked for
├── RecordingError             a recording that cannot be read, or be appended to
├── UnencodablePayload         a payload or a name that cannot be written (also a ValueError)
├── SocketClosed               the socket was closed for good
├── WrongThread                called from a thread that cannot use the socket so (also a RuntimeError)
└── NoEventLoop                no event loop runs here and no scheduler was given, or it ended (also a RuntimeError)
```

What lives here: the tree, and the words of each error. What does not: deciding when one happens.
No error text holds a URL, a token or params.
"""

from __future__ import annotations

import reprlib
from typing import Any, TypeVar

__all__ = [
    "BlockedTooLong", "BufferOverflow", "ChannelClosed", "ChannelCrashed", "ChannelFault", "ChannelForgotten",
    "ConnectTimeout", "ConnectionFault", "ConnectionLost", "ConnectionRefused", "Disconnected",
    "EventLoopEnding", "HeartbeatTimeout",
    "JoinCrashed", "JoinRefused", "JoinTimeout", "MalformedFrame", "NoEventLoop", "NotConnected", "NotJoined",
    "PayloadMismatch", "PhoenixError", "ProviderFailed", "PushBufferFull", "PushFault", "PushInterrupted",
    "PushRefused", "PushTimeout", "ReconnectGivenUp", "RecordingError", "RejoinGivenUp", "SocketClosed",
    "TakenOver", "TopicBusy", "UnencodablePayload", "WrongThread",
]  # fmt: skip

_E = TypeVar("_E", bound="PhoenixError")

_LONGEST = 500
_repr = reprlib.Repr()
_repr.maxlevel = _repr.maxtuple = _repr.maxlist = _repr.maxdict = 8
_repr.maxstring = _repr.maxother = _repr.maxlong = 200


def _shown(value: Any) -> str:
    """What a server has said, in one line of no great length, however big or deep it is."""
    return _words(_repr.repr(value))


def _words(text: str) -> str:
    """A text that may be a server's, in one line of no great length."""
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return text if text.isprintable() else repr(text)[1:-1]


def _rebuild(kind: type[_E], arguments: tuple[Any, ...]) -> _E:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    return error


class PhoenixError(Exception):
    """The root of all errors of rxphoenix; each can be copied and pickled, as other processes expect of errors."""

    def __reduce__(self) -> tuple[Any, ...]:
        # not by calling the class: its arguments are not those of Exception
        return _rebuild, (type(self), self.args), self.__dict__


class ConnectionFault(PhoenixError):
    """Something about the link to the server.

    ``attempt`` tells how many attempts have failed since the last success, this one included; 0 where it is not
    about an attempt.
    """

    attempt: int = 0


class ConnectionRefused(ConnectionFault):
    """An attempt to connect was answered with no, or found nobody.

    Arguments:
        reason: what happened, in words without addresses.
        status: the HTTP status of the answer, ``None`` where there was none.
        retry_after: what the server's ``Retry-After`` asked for, in seconds, ``None`` if it asked nothing.
    """

    def __init__(self, reason: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        words = _words(reason)
        super().__init__(words if status is None else f"HTTP {status}: {words}" if words else f"HTTP {status}")
        self.reason = reason
        self.status = status
        self.retry_after = retry_after


class ConnectTimeout(ConnectionFault):
    """An attempt was not open within ``connect_timeout`` seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not open within {seconds:g} s")
        self.seconds = seconds


class ConnectionLost(ConnectionFault):
    """An open connection ended without us asking.

    Arguments:
        code: the WebSocket close code, ``None`` where the transport died without one.
        reason: the reason that came with it, or words of ours.
        status: the HTTP status that ended a long polling session, ``None`` where there was none.
    """

    def __init__(self, reason: str = "", *, code: int | None = None, status: int | None = None) -> None:
        words = "connection lost" if code is None else f"connection closed by the server with code {code}"
        if status is not None:
            words = f"{words} (HTTP {status})"
        super().__init__(f"{words}: {_words(reason)}" if reason else words)
        self.code = code
        self.reason = reason
        self.status = status


class HeartbeatTimeout(ConnectionLost):
    """The server did not answer a heartbeat in time, so the link is taken for dead."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer to a heartbeat within {seconds:g} s")
        self.seconds = seconds


class EventLoopEnding(ConnectionFault):
    """The event loop cancelled the connection, as it does at its end; if it runs on, there is another in a second."""

    def __init__(self) -> None:
        super().__init__("the event loop is ending")


class ReconnectGivenUp(ConnectionFault):
    """``reconnect_after`` returned ``None``; ``__cause__`` is the last failure.

    Arguments:
        attempt: how many attempts had failed.
    """

    def __init__(self, attempt: int) -> None:
        super().__init__(f"gave up reconnecting after {attempt} failed attempt{'s' if attempt != 1 else ''}")
        self.attempt = attempt


class NotConnected(ConnectionFault):
    """``ping()`` or ``send()`` was used without an open connection."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} needs an open connection; wait for it with socket.opened()")


class Disconnected(ConnectionFault):
    """``disconnect()`` took the socket offline; ``connect()`` brings it back."""

    def __init__(self) -> None:
        super().__init__("the socket was disconnected; connect() brings it back")


class ProviderFailed(PhoenixError):
    """A function given as params, auth token or headers raised, or returned what cannot be used.

    ``__cause__`` is what it raised.

    Arguments:
        what: which one, for example ``"auth_token"``.
    """

    def __init__(self, what: str, problem: str = "raised") -> None:
        super().__init__(f"the {what} function {problem}")
        self.what = what


class ChannelFault(PhoenixError):
    """Something that happened to one topic.

    ``attempt`` tells which attempt to join failed, counted from the last accepted one; 0 where it is not about one.

    Arguments:
        topic: the topic.
    """

    attempt: int = 0

    def __init__(self, topic: str, words: str) -> None:
        super().__init__(f"{topic!r}: {words}")
        self.topic = topic


class JoinRefused(ChannelFault):
    """The server answered a join with no.

    Arguments:
        topic: the topic.
        response: what the server said, usually a dict with a ``reason``.
        rejoin: whether the topic had been joined before by the same subscription.
        attempt: the number of this attempt, counted from the last accepted join, from 1.
    """

    def __init__(self, topic: str, response: Any, *, rejoin: bool = False, attempt: int = 1) -> None:
        super().__init__(topic, f"{'rejoin' if rejoin else 'join'} refused: {_shown(response)}")
        self.response = response
        self.rejoin = rejoin
        self.attempt = attempt


class JoinTimeout(ChannelFault):
    """The server did not answer a join within ``join_timeout`` seconds."""

    def __init__(self, topic: str, seconds: float) -> None:
        super().__init__(topic, f"no answer to the join within {seconds:g} s")
        self.seconds = seconds


class JoinCrashed(ChannelFault):
    """The server's join function crashed."""

    def __init__(self, topic: str, response: Any) -> None:
        super().__init__(topic, "the join crashed on the server")
        self.response = response


class ChannelCrashed(ChannelFault):
    """``phx_error``: the channel process on the server died.

    Arguments:
        payload: what the server said, for example ``{"reason": "channel_crash"}``.
    """

    def __init__(self, topic: str, payload: Any) -> None:
        super().__init__(topic, "the channel crashed on the server")
        self.payload = payload


class ChannelForgotten(ChannelFault):
    """The server answered "unmatched topic" for a topic that we hold for joined."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic, "the server does not know this join any more")


class RejoinGivenUp(ChannelFault):
    """``rejoin_after`` returned ``None``; ``__cause__`` is the last fault.

    Arguments:
        attempt: how many attempts had failed.
    """

    def __init__(self, topic: str, attempt: int) -> None:
        super().__init__(topic, f"gave up rejoining after {attempt} failed attempt{'s' if attempt != 1 else ''}")
        self.attempt = attempt


class ChannelClosed(ChannelFault):
    """The join ended, by the server or by ``leave()`` or ``close()``, before ``hold()`` saw it accepted."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic, "closed before the join was accepted")


class TakenOver(ChannelFault):
    """Another subscription joined the topic with other params; Phoenix allows one join a topic."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic, "another subscription joined this topic with other params")


class PushFault(PhoenixError):
    """Something that happened to one push.

    Arguments:
        topic: the topic it was for.
        event: the name of its event.
    """

    def __init__(self, topic: str, event: str, words: str) -> None:
        super().__init__(f"push {event!r} to {topic!r}: {words}")
        self.topic = topic
        self.event = event


class PushRefused(PushFault):
    """The reply had another status than ``"ok"``.

    Arguments:
        status: the status.
        response: what came with it.
    """

    def __init__(self, topic: str, event: str, status: str | bool | None, response: Any) -> None:
        super().__init__(topic, event, f"replied {_shown(status)}: {_shown(response)}")
        self.status = status
        self.response = response


class PushTimeout(PushFault):
    """No reply in time, or never sent in time.

    Where it was never sent, ``__cause__`` is the last connection or join error, if there was one.

    Arguments:
        seconds: the timeout, in seconds.
        sent: whether the push had been sent.
    """

    def __init__(self, topic: str, event: str, seconds: float, *, sent: bool) -> None:
        words = "no reply" if sent else "never sent, the channel was not joined"
        super().__init__(topic, event, f"{words} within {seconds:g} s")
        self.seconds = seconds
        self.sent = sent


class PushInterrupted(PushFault):
    """The join or the link ended while the reply was awaited: the outcome is unknown.

    It is never sent again. ``__cause__`` is what ended it.

    Arguments:
        sent: whether the push had been sent; if not, it surely did not happen.
        cause: what ended the join or the link.
    """

    def __init__(self, topic: str, event: str, *, sent: bool = True, cause: Exception | None = None) -> None:
        by = "" if cause is None else f" by {type(cause).__name__}"
        words = f"interrupted{by}, outcome unknown" if sent else f"interrupted{by} before it was sent"
        super().__init__(topic, event, words)
        self.sent = sent
        self.__cause__ = cause


class PushBufferFull(PushFault):
    """Too many pushes are held for the join; this one was not taken.

    Arguments:
        limit: how many are held at most.
    """

    def __init__(self, topic: str, event: str, limit: int) -> None:
        super().__init__(topic, event, f"{limit} pushes are already held until the channel is joined")
        self.limit = limit


class TopicBusy(PushFault):
    """The topic is joined with other params; a push does not take a topic over."""

    def __init__(self, topic: str, event: str) -> None:
        super().__init__(
            topic, event, "the topic is joined with other params; push through a channel made without params"
        )


class NotJoined(PushFault):
    """The channel was made with ``auto_join=False`` and nobody has subscribed to the topic."""

    def __init__(self, topic: str, event: str) -> None:
        super().__init__(topic, event, "nobody has subscribed to the topic and auto_join is off")


class BufferOverflow(PhoenixError):
    """Values came faster than they were worked off, and ``Overflow.ERROR`` is in force, or ``BLOCK`` cannot be.

    Arguments:
        limit: how many values wait at most.
        problem: why they cannot be held back, where they were to be.
    """

    def __init__(self, limit: int, problem: str = "") -> None:
        waiting = "1 value waits" if limit == 1 else f"{limit} values wait"
        words = f"{waiting} already{f', and {problem}' if problem else ''}"
        super().__init__(f"{words}: work them off faster, or give a bigger buffer= or another overflow=")
        self.limit = limit


class BlockedTooLong(PhoenixError):
    """With ``Overflow.BLOCK`` nothing was taken for as long as a socket is held back: values were dropped.

    Reported when the first one is; ``Iteration.gap`` tells of all of them.

    Arguments:
        seconds: for how long the socket was held back.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"nothing was taken for {seconds:g} s: values are dropped until something is")
        self.seconds = seconds


class MalformedFrame(PhoenixError):
    """A frame from the server that cannot be read; it is reported and dropped.

    Arguments:
        problem: what is wrong with it.
        size: the size of the frame in bytes.
    """

    def __init__(self, problem: str, *, size: int = 0) -> None:
        words = _words(problem)
        super().__init__(f"{words} (frame of {size} bytes)" if size else words)
        self.problem = problem
        self.size = size


class PayloadMismatch(PhoenixError):
    """A payload that does not fit the type that was asked for; it is reported, or the outcome of who asked.

    Arguments:
        type: the name of the type.
        problem: what does not fit, and where in the payload.
    """

    def __init__(self, type: str, problem: str) -> None:
        super().__init__(f"the payload is no {type}: {_words(problem)}")
        self.type = type
        self.problem = problem


class RecordingError(PhoenixError):
    """A recording that cannot be read, or be appended to.

    Arguments:
        problem: what is wrong.
        line: the number of the line, from 1; 0 where it is about no line.
    """

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem)
        self.problem = problem
        self.line = line


class UnencodablePayload(PhoenixError, ValueError):
    """A payload or a name that cannot be written to the wire; raised at the call that was given it."""


class SocketClosed(PhoenixError):
    """The socket was closed for good; make a new one."""

    def __init__(self) -> None:
        super().__init__("the socket is closed; make a new Socket")


class WrongThread(PhoenixError, RuntimeError):
    """Called from a thread that the socket cannot be used from in this way."""

    def __init__(self, what: str, problem: str = "") -> None:
        super().__init__(
            f"{what} was called {problem}"
            if problem
            else f"{what} was called from another thread than the socket's; hand it over with "
            "loop.call_soon_threadsafe(...), or make the socket with rxphoenix.background(), for use from any thread"
        )


class NoEventLoop(PhoenixError, RuntimeError):
    """There is no event loop for it: no scheduler was given and none runs in this thread, or it has ended."""

    def __init__(self, problem: str = "") -> None:
        super().__init__(
            problem
            or "no event loop runs here: use the socket inside `async def main()` with asyncio.run(main()), in a "
            "program without one make it with rxphoenix.background(), or give it Socket(..., scheduler=...)"
        )

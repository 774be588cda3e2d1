"""The lifecycles of a socket and of a channel, as tables that the client executes.

Theory of operation
-------------------
**A socket** is *closed* until somebody needs it. A lease (a subscription, a pending push, ``connect()``) begins an
attempt: *connecting*. The attempt opens (*open*) or fails (*closed* again, and after a delay the next attempt).
An open connection is lost (*closed*, then reconnect) or we end it: *closing* while what was sent is flushed and the
close handshake runs, then *closed*. A new need that arrives while the old connection is closing does not wait for
it: the socket is *connecting* at once, and the old connection finishes unheard. This is safe because every event
carries the connection it came from, and events of a connection that is not the current one are ignored.

**A channel** is *closed* until somebody subscribes: *joining*, from the first lease until the server answers the
join. Accepted: *joined*. What can be mended (link lost, channel crashed, no answer, join crashed) makes it
*errored*, and it joins again: after a delay while the connection is open, at once when a connection opens. What
cannot be mended ends it: refused by the server, closed by the server (``phx_close``), taken over by another join of
the topic, or nobody subscribes any more: *closed*. ``leave()`` passes through *leaving* until the server has
acknowledged, whatever the acknowledgement: leaving always succeeds.

The tables below are all the transitions there are; an event that a state does not list cannot happen to it, and
asking for it is a bug of ours that raises ``KeyError``.

What lives here: states, events and tables. What does not: who causes the events and what follows from them.

Source: the "Timers and states" part of the protocol page.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

__all__ = ["CHANNEL", "SOCKET", "ChannelEvent", "ChannelState", "SocketEvent", "SocketState"]


class SocketState(StrEnum):
    """The state of a socket's connection; equal to the plain string of its value.

    Example:
        ```python
        from rxphoenix import SocketState

        assert SocketState.OPEN == "open"
        ```
    """

    CLOSED = "closed"
    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"


class SocketEvent(StrEnum):
    """What can happen to a socket's connection."""

    CONNECT = "connect"
    OPENED = "opened"
    LOST = "lost"
    END = "end"
    ENDED = "ended"


class ChannelState(StrEnum):
    """The state of a channel; equal to the plain string of its value.

    Example:
        ```python
        from rxphoenix import ChannelState

        assert ChannelState.JOINED == "joined"
        ```
    """

    CLOSED = "closed"
    JOINING = "joining"
    JOINED = "joined"
    ERRORED = "errored"
    LEAVING = "leaving"


class ChannelEvent(StrEnum):
    """What can happen to a channel."""

    JOIN = "join"
    WAIT = "wait"
    ACCEPTED = "accepted"
    FAULT = "fault"
    END = "end"
    LEAVE = "leave"


SocketTable: TypeAlias = Mapping[tuple[SocketState, SocketEvent], SocketState]
ChannelTable: TypeAlias = Mapping[tuple[ChannelState, ChannelEvent], ChannelState]

_S, _SE = SocketState, SocketEvent

SOCKET: SocketTable = MappingProxyType(
    {
        (_S.CLOSED, _SE.CONNECT): _S.CONNECTING,
        (_S.CONNECTING, _SE.OPENED): _S.OPEN,
        (_S.CONNECTING, _SE.LOST): _S.CLOSED,
        (_S.CONNECTING, _SE.END): _S.CLOSING,
        (_S.OPEN, _SE.LOST): _S.CLOSED,
        (_S.OPEN, _SE.END): _S.CLOSING,
        (_S.CLOSING, _SE.ENDED): _S.CLOSED,
        (_S.CLOSING, _SE.CONNECT): _S.CONNECTING,
    }
)
"""What each event makes of a socket's state."""

_C, _CE = ChannelState, ChannelEvent

CHANNEL: ChannelTable = MappingProxyType(
    {
        # the first lease, or the next join after a fault
        (_C.CLOSED, _CE.JOIN): _C.JOINING,
        (_C.LEAVING, _CE.JOIN): _C.JOINING,
        (_C.ERRORED, _CE.JOIN): _C.JOINING,
        # a lease that has to wait out an earlier refusal
        (_C.CLOSED, _CE.WAIT): _C.ERRORED,
        (_C.LEAVING, _CE.WAIT): _C.ERRORED,
        (_C.JOINING, _CE.ACCEPTED): _C.JOINED,
        (_C.JOINING, _CE.FAULT): _C.ERRORED,
        (_C.JOINED, _CE.FAULT): _C.ERRORED,
        (_C.ERRORED, _CE.FAULT): _C.ERRORED,
        # refused, closed by the server, released by the last subscriber, given up
        (_C.JOINING, _CE.END): _C.CLOSED,
        (_C.JOINED, _CE.END): _C.CLOSED,
        (_C.ERRORED, _CE.END): _C.CLOSED,
        (_C.LEAVING, _CE.END): _C.CLOSED,
        (_C.JOINING, _CE.LEAVE): _C.LEAVING,
        (_C.JOINED, _CE.LEAVE): _C.LEAVING,
        (_C.ERRORED, _CE.LEAVE): _C.LEAVING,
    }
)
"""What each event makes of a channel's state."""

"""When the connection was in which state, and what went wrong.

What lives here: keeping it. What does not: the picture.
"""

from __future__ import annotations

from collections import deque

import msgspec

from rxphoenix import Fault, Socket, SocketState
from rxphoenix.dashboard.instruments.instrument import Instrument, reason

__all__ = ["SPAN", "FaultLook", "SpanLook", "StateHistory", "StateHistoryLook"]

SPAN = 300.0
"""How many seconds back it goes."""

_SPANS = 500
_FAULTS = 20


class SpanLook(msgspec.Struct):
    """A time in one state.

    Arguments:
        state: the state.
        since: when it began, in milliseconds since the epoch.
        until: when it ended; for the last one, now.
    """

    state: SocketState
    since: float
    until: float


class FaultLook(msgspec.Struct, frozen=True):
    """Something that went wrong with the connection.

    Arguments:
        at: when, in milliseconds since the epoch.
        text: what.
    """

    at: float
    text: str


class StateHistoryLook(msgspec.Struct, frozen=True):
    """The states of the last minutes.

    Arguments:
        endpoint: the address of the socket.
        spans: the times, oldest first; the last one is the state now.
        faults: what went wrong, oldest first.
        now: milliseconds since the epoch.
        span: how many milliseconds back it goes.
    """

    endpoint: str
    spans: list[SpanLook]
    faults: list[FaultLook]
    now: float
    span: float = SPAN * 1000


class StateHistory(Instrument):
    """Watches the state of a socket; passive.

    Arguments:
        socket: the socket.
    """

    moves = True

    def __init__(self, socket: Socket) -> None:
        super().__init__(socket)
        self._socket = socket
        self._spans: deque[SpanLook] = deque(maxlen=_SPANS)
        self._faults: deque[FaultLook] = deque(maxlen=_FAULTS)

    def _watch(self) -> None:
        self._follow(self._socket.state, self._enter)
        self._follow(self._socket.errors, self._note)

    def _enter(self, state: SocketState) -> None:
        now = self.now * 1000
        if self._spans:
            self._spans[-1].until = now
        self._spans.append(SpanLook(state, now, now))

    def _note(self, fault: Fault) -> None:
        if fault.topic is None:
            self._faults.append(FaultLook(self.now * 1000, reason(fault.error)))

    def _look(self) -> StateHistoryLook:
        now = self.now * 1000
        self._spans[-1].until = now
        oldest = now - SPAN * 1000
        while self._spans[0].until < oldest:
            self._spans.popleft()
        while self._faults and self._faults[0].at < oldest:
            self._faults.popleft()
        return StateHistoryLook(self._socket.endpoint, list(self._spans), list(self._faults), now)

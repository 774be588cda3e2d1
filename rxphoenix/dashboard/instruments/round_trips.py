"""How long a message to the server and back takes, asked every two seconds while somebody looks.

What lives here: asking, and the summary. What does not: the round trip itself (``Socket.ping``).
"""

from __future__ import annotations

from collections import deque
from statistics import median

import msgspec
import reactivex
from reactivex import operators as ops

from rxphoenix import Socket
from rxphoenix.dashboard.instruments.instrument import Instrument

__all__ = ["PAUSE", "SPAN", "RoundTrips", "RoundTripsLook"]

PAUSE = 2.0
"""Seconds before each question."""

SPAN = 120.0
"""How many seconds back it goes."""


class RoundTripsLook(msgspec.Struct, frozen=True):
    """The round trips of the last minutes.

    Arguments:
        points: when an answer came, in milliseconds since the epoch, and how many milliseconds it took; oldest first.
        shortest: milliseconds, ``None`` where there was no answer.
        median: milliseconds.
        longest: milliseconds.
        now: milliseconds since the epoch.
        span: how many milliseconds back it goes.
    """

    points: list[tuple[float, float]]
    shortest: float | None
    median: float | None
    longest: float | None
    now: float
    span: float = SPAN * 1000


class RoundTrips(Instrument):
    """Measures round trips on an open connection; passive, it opens none.

    Arguments:
        socket: the socket.
    """

    moves = True

    def __init__(self, socket: Socket) -> None:
        super().__init__(socket)
        self._socket = socket
        self._points: deque[tuple[float, float]] = deque(maxlen=2 * round(SPAN / PAUSE))

    def _watch(self) -> None:
        # where there is no answer, its state and errors tell what is wrong with the connection
        answer = reactivex.defer(lambda _scheduler: self._socket.ping()).pipe(ops.catch(reactivex.empty()))
        pause = reactivex.timer(PAUSE, scheduler=self.scheduler).pipe(ops.ignore_elements())
        # a pause first: while a page is made, it is this program that is slow
        self._follow(reactivex.concat(pause, answer).pipe(ops.repeat()), self._note)

    def _note(self, seconds: float) -> None:
        self._points.append((self.now * 1000, seconds * 1000))

    def _look(self) -> RoundTripsLook:
        now = self.now * 1000
        while self._points and self._points[0][0] < now - SPAN * 1000:
            self._points.popleft()
        times = [milliseconds for _, milliseconds in self._points]
        return RoundTripsLook(
            list(self._points),
            min(times, default=None),
            median(times) if times else None,
            max(times, default=None),
            now,
        )

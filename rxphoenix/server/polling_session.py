"""Long polling in front of one session, as a state machine without a clock or a network: windows, buffer and expiry.

What lives here: what becomes of each request of a session, and when. What does not: tokens, and who may open a
session (``web/longpoll.py``), and what the frames mean (``session.py``).

Theory of operation. A real Phoenix runs one process for a session of long polling, which is the connection, and one
for each HTTP request. A request *knocks* first, and is heard when the connection comes to it: while a join is in
progress it comes to nothing. A knock that nobody hears in time tells of a session that is gone, though it may only be
busy. A *poll* that was heard takes what is in the buffer, or listens until something comes or its window has passed;
of two that listen the later one is told. A *post* that was heard hands over its frames one by one, and each has a
window of its own to be read in.

A session that ended hears no knock, and its polls and posts wait as if it were silent: nobody tells them.

Times are seconds. A poll is answered in the turn after its first message, so that what comes together goes together.

Source: the "Long polling" part of the protocol page and the recorded traffic of Phoenix 1.8.12 about long polling.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from enum import Enum
from typing import ClassVar, TypeAlias, final

import msgspec

from rxphoenix.protocol.message import Frame
from rxphoenix.protocol.polling import MOST_FRAMES
from rxphoenix.server.effects import CancelTimer, StartTimer

__all__ = [
    "Answer",
    "End",
    "Fail",
    "Gone",
    "PollEffect",
    "Polling",
    "PollingSession",
    "Reach",
    "Receive",
]

_OK, _NO_CONTENT, _BAD_REQUEST, _REQUEST_TIMEOUT, _INTERNAL_SERVER_ERROR = 200, 204, 400, 408, 500

_INSPECT, _STALE = 0, -1
"""The timers of the session itself: when to see whether it is stale, and when it is."""

_NOBODY = 0


@final
class Polling(msgspec.Struct, frozen=True):
    """How patient long polling is; for ``Endpoint.socket``.

    Arguments:
        window: how long a poll waits for a message, and a POST for each of its frames to be read, in seconds. A
            session lives one and a half to three windows after the start of its last poll.
        patience: how long a request waits for its session to hear it, in seconds, before the session counts as gone.
    """

    window: float = 10.0
    patience: float = 2.0


@final
class Answer(msgspec.Struct, frozen=True):
    """Answer a request: HTTP 200, and the real status in its body, with the messages if it was a poll."""

    request: int
    status: int
    messages: tuple[str, ...] = ()


@final
class Fail(msgspec.Struct, frozen=True):
    """Answer a request with this HTTP status."""

    request: int
    status: int


@final
class Gone(msgspec.Struct, frozen=True):
    """No session has heard the request: a poll opens a new one, a POST is told 410."""

    request: int


@final
class Receive(msgspec.Struct, frozen=True):
    """Hand the session a frame of its client."""

    frame: Frame


@final
class Reach(msgspec.Struct, frozen=True):
    """Put this in the way of the connection (``session.reach``), and call ``reached(mark)`` when it comes to it."""

    mark: int


@final
class End(msgspec.Struct, frozen=True):
    """End the session: its client has not polled for too long."""


PollEffect: TypeAlias = Answer | Fail | Gone | Receive | Reach | End | StartTimer | CancelTimer


class _Phase(Enum):
    """How far a request has come."""

    KNOCKS = "knocks"
    ASKS = "asks"  # of a poll: for what is in the buffer
    LISTENS = "listens"  # of a poll
    DELIVERS = "delivers"  # of a post: one frame
    WAKES = "wakes"  # it was told something, and goes on in the next turn


class _Poll:
    expired: ClassVar[int] = _NO_CONTENT

    def __init__(self) -> None:
        self.phase = _Phase.KNOCKS


class _Post:
    expired: ClassVar[int] = _REQUEST_TIMEOUT

    def __init__(self, frames: Iterator[Frame] | None) -> None:
        self.phase = _Phase.KNOCKS
        self.frames = frames


class PollingSession:
    """One session and its requests; each method returns the effects to carry out, in order.

    A request is named by a number above zero, which is used once; the timers of a request have its name.

    Arguments:
        polling: the times.

    Example:
        ```python
        from rxphoenix.protocol.message import Frame
        from rxphoenix.server.effects import CancelTimer, StartTimer
        from rxphoenix.server.polling_session import Answer, Polling, PollingSession, Reach

        session = PollingSession(Polling(window=10, patience=2))
        session.open()
        assert session.poll(1) == [StartTimer(1, 2), Reach(1)]
        assert session.reached(1) == [StartTimer(1, 0)]  # it was heard, and goes on in the next turn
        assert session.fire(1) == [StartTimer(1, 10), Reach(1)]  # it asks for messages
        session.reached(1)  # there are none: it listens
        assert session.send(Frame(b'[null,"1","phoenix","phx_reply",{}]')) == [StartTimer(1, 0)]
        session.fire(1)
        *_, answer = session.reached(1)
        assert answer == Answer(1, 200, ('[null,"1","phoenix","phx_reply",{}]',))
        ```
    """

    def __init__(self, polling: Polling) -> None:
        self._window = polling.window
        self._patience = polling.patience
        self._lifetime = 1.5 * polling.window
        self._is_open = False
        self._is_stale = False
        self._requests: dict[int, _Poll | _Post] = {}
        self._listener = _NOBODY
        self._buffer: list[Frame] = []
        self._effects: list[PollEffect] = []

    @property
    def unsent(self) -> int:
        """How many frames wait for the next poll."""
        return len(self._buffer)

    # What the session says.

    def open(self) -> list[PollEffect]:
        """The session is up; until then, and after its end, nobody hears a request."""
        self._is_open = True
        self._do(StartTimer(_STALE, self._lifetime), StartTimer(_INSPECT, self._lifetime))
        return self._take()

    def send(self, frame: Frame) -> list[PollEffect]:
        """The session has a frame for its client."""
        if self._is_open:
            self._buffer.append(frame)
            listener = self._requests.get(self._listener)
            if listener is not None and listener.phase is _Phase.LISTENS:
                self._wake(self._listener, listener)
        return self._take()

    def close(self) -> list[PollEffect]:
        """The session has ended; what is in the buffer is lost, and requests wait until their time is over."""
        if self._is_open:
            self._is_open = False
            self._listener = _NOBODY
            self._buffer.clear()
            self._do(CancelTimer(_STALE), CancelTimer(_INSPECT))
        return self._take()

    def shutdown(self) -> list[PollEffect]:
        """The server goes away: the session has ended, and the time of all requests is over."""
        effects = self.close()
        for request in list(self._requests):
            self._do(CancelTimer(request))
            self._expire(request)
        return effects + self._take()

    # What its client asks for.

    def poll(self, request: int) -> list[PollEffect]:
        """A GET with the session's token."""
        return self._knock(request, _Poll())

    def post(self, request: int, body: bytes | None, *, batch: bool) -> list[PollEffect]:
        """A POST with the session's token.

        Arguments:
            request: its number.
            body: what it carries, ``None`` for too much.
            batch: whether that is many frames, one on a line, or one.
        """
        if body is None:
            return self._knock(request, _Post(None))
        return self._knock(request, _Post(_lines(body) if batch else iter((Frame(body),))))

    # How things go on.

    def reached(self, mark: int) -> list[PollEffect]:
        """The connection has come to what it was asked to reach."""
        request = self._requests.get(mark)
        if not self._is_open:
            pass  # it came to an end in between
        elif mark == _INSPECT:
            self._inspect()
        elif isinstance(request, _Poll) and request.phase is _Phase.ASKS:
            self._flush(mark, request)
        elif request is not None:
            self._wake(mark, request)
        return self._take()

    def fire(self, timer: int) -> list[PollEffect]:
        """A timer that was asked for has fired."""
        if timer == _STALE:
            self._is_stale = True
        elif timer == _INSPECT:
            self._do(Reach(_INSPECT))
        elif timer in self._requests:
            request = self._requests[timer]
            if request.phase is not _Phase.WAKES:
                self._expire(timer)
            elif isinstance(request, _Poll):
                self._ask(timer, request)
            else:
                self._deliver(timer, request)
        return self._take()

    def _knock(self, number: int, request: _Poll | _Post) -> list[PollEffect]:
        self._requests[number] = request
        self._do(StartTimer(number, self._patience))
        if self._is_open:
            self._do(Reach(number))
        return self._take()

    def _wake(self, number: int, request: _Poll | _Post) -> None:
        request.phase = _Phase.WAKES
        self._do(StartTimer(number, 0))

    def _ask(self, number: int, poll: _Poll) -> None:
        poll.phase = _Phase.ASKS
        self._do(StartTimer(number, self._window), Reach(number))

    def _flush(self, number: int, poll: _Poll) -> None:
        self._is_stale = False
        self._do(StartTimer(_STALE, self._lifetime))
        if not self._buffer:
            poll.phase = _Phase.LISTENS
            self._listener = number
            return
        self._listener = _NOBODY
        frames, self._buffer = self._buffer, []
        try:
            # bytes of a binary frame go into the string as they are, which they may not be fit for
            messages = tuple(frame.data.decode() for frame in frames)
        except UnicodeDecodeError:
            self._finish(number, Fail(number, _INTERNAL_SERVER_ERROR))
        else:
            self._finish(number, Answer(number, _OK, messages))

    def _deliver(self, number: int, post: _Post) -> None:
        post.phase = _Phase.DELIVERS
        if post.frames is None:
            self._finish(number, Fail(number, _BAD_REQUEST))
            return
        try:
            frame = next(post.frames, None)
        except binascii.Error:
            self._finish(number, Fail(number, _INTERNAL_SERVER_ERROR))
            return
        if frame is None:
            self._finish(number, Answer(number, _OK))
        else:
            self._do(Receive(frame), StartTimer(number, self._window), Reach(number))

    def _inspect(self) -> None:
        if self._is_stale:
            self._do(End())
        else:
            self._do(StartTimer(_INSPECT, self._lifetime))

    def _expire(self, number: int) -> None:
        request = self._requests.pop(number)
        if self._listener == number:
            self._listener = _NOBODY
        self._do(Gone(number) if request.phase is _Phase.KNOCKS else Answer(number, request.expired))

    def _finish(self, number: int, outcome: Answer | Fail) -> None:
        del self._requests[number]
        self._do(CancelTimer(number), outcome)

    def _do(self, *effects: PollEffect) -> None:
        self._effects += effects

    def _take(self) -> list[PollEffect]:
        effects, self._effects = self._effects, []
        return effects


def _lines(body: bytes) -> Iterator[Frame]:
    """The first hundred frames of a batch, each read when it is its turn, so that those before a bad one count."""
    for line in re.split(rb"\r?\n", body, maxsplit=MOST_FRAMES)[:MOST_FRAMES]:
        yield Frame(line) if line.startswith(b"[") else Frame(base64.b64decode(line, validate=True), binary=True)

"""Long polling in virtual time: the pure sessions, and as much of HTTP as the transcript has."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import Any, NamedTuple

from rxphoenix.protocol.message import Frame
from rxphoenix.server.codec import codec_for
from rxphoenix.server.effects import CancelTimer, StartTimer
from rxphoenix.server.params import parse_query
from rxphoenix.server.polling_session import (
    Answer,
    End,
    Fail,
    Gone,
    PollEffect,
    Polling,
    PollingSession,
    Reach,
    Receive,
)
from tests.server.virtual import VirtualConnection, VirtualServer

POLLING = {"/short": Polling(window=0.5, patience=0.3)}


class Request:
    """A request, and in the end its answer."""

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.answer: Response | None = None


class Response(NamedTuple):
    """What came back, and when."""

    at: float
    http_status: int
    status: int | None
    token: str | None = None
    messages: tuple[str, ...] = ()


class VirtualRequests:
    """The requests to one session, on the server's clock."""

    def __init__(self, server: VirtualServer, polling: Polling) -> None:
        self.session = PollingSession(polling)
        self.outcomes: dict[int, Answer | Fail | Gone] = {}
        self.server = server
        self._timers: dict[int, int] = {}
        self._started = count()

    def apply(self, effects: list[PollEffect]) -> None:
        for effect in effects:
            match effect:
                case Answer(request) | Fail(request) | Gone(request):
                    assert request not in self.outcomes
                    self.outcomes[request] = effect
                case StartTimer(timer, seconds):
                    started = self._timers[timer] = next(self._started)
                    self.server.clock.after(seconds, partial(self._fire, timer, started))
                case CancelTimer(timer):
                    self._timers.pop(timer, None)
                case Receive() | Reach() | End():
                    self.perform(effect)

    @property
    def pending_timers(self) -> set[int]:
        return set(self._timers)

    def perform(self, effect: Receive | Reach | End) -> None:
        raise AssertionError(f"a session that is gone does nothing: {effect}")

    def _fire(self, timer: int, started: int) -> None:
        if self._timers.get(timer) == started:
            del self._timers[timer]
            self.apply(self.session.fire(timer))


class VirtualPolled(VirtualConnection):
    """A session of long polling whose channels are the contract's."""

    transport = "longpoll"

    def __init__(self, server: VirtualServer, path: str, query: str, auth_token: str | None = None) -> None:
        self.auth_token = auth_token
        self.requests = VirtualRequests(server, POLLING.get(path, Polling()))
        self.requests.perform = self.perform
        super().__init__(server, path, query)
        self.requests.apply(self.requests.session.open())

    def limits(self, path: str) -> dict[str, Any]:
        return {"max_channels": 3 if path == "/short" else 100, "idle_timeout": None}

    def send(self, frame: Frame) -> None:
        self.requests.apply(self.requests.session.send(frame))

    def close(self, code: int) -> None:
        super().close(code)
        self.end()

    def cut_off(self) -> None:
        super().cut_off()
        self.end()

    def end(self) -> None:
        self.requests.apply(self.requests.session.close())

    def reached(self, mark: int) -> None:
        self.requests.apply(self.requests.session.reached(mark))

    def perform(self, effect: Receive | Reach | End) -> None:
        match effect:
            case Receive(frame):
                self.apply(self.session.receive(frame))
            case Reach(mark):
                self.apply(self.session.reach(mark))
            case End():
                self.end()
                self.apply(self.session.closed())


class VirtualLongPolling:
    """A server's long polling: tokens and sessions."""

    def __init__(self, server: VirtualServer) -> None:
        self.server = server
        self.sessions: dict[str, VirtualPolled] = {}
        self._waiting: list[tuple[Request, VirtualRequests, int, str, str, str, dict[str, str]]] = []
        self._last_request = 0

    def ask(
        self, method: str, path: str, query: str, token: str | None, headers: dict[str, str], body: bytes | None
    ) -> Request:
        request = Request(self.server.clock.now)
        session = self.sessions.get(token or "")
        if session is None:
            request.answer = self._answer(410) if method == "POST" else self._open(path, query, headers)
            return request
        self._last_request += 1
        number = self._last_request
        if method == "GET":
            session.requests.apply(session.requests.session.poll(number))
        else:
            assert body is not None
            batch = headers["Content-Type"] == "application/x-ndjson"
            session.requests.apply(session.requests.session.post(number, body, batch=batch))
        self._waiting.append((request, session.requests, number, method, path, query, headers))
        self.settle()
        return request

    def settle(self) -> None:
        """Turn the outcomes that there are into answers."""
        for waiting in list(self._waiting):
            request, requests, number, method, path, query, headers = waiting
            outcome = requests.outcomes.get(number)
            if outcome is None:
                continue
            self._waiting.remove(waiting)
            token = next(token for token, session in self.sessions.items() if session.requests is requests)
            match outcome:
                case Answer(_, status, messages):
                    is_poll = method == "GET"
                    request.answer = self._answer(status, token if is_poll else None, messages)
                case Fail(_, status):
                    request.answer = Response(self.server.clock.now, status, None)
                case Gone():
                    request.answer = self._answer(410) if method == "POST" else self._open(path, query, headers)

    def _open(self, path: str, query: str, headers: dict[str, str]) -> Response:
        params = parse_query(query)
        auth_token = headers.get("x-phoenix-authtoken") if path == "/auth" else None
        who = auth_token or params.get("token")
        if who == "crash":
            return Response(self.server.clock.now, 500, None)
        if who in ("bad", "unauthorized", "rate") or codec_for(params.get("vsn", "1.0.0")) is None:
            return self._answer(403)
        token = f"token {len(self.sessions)}"
        self.sessions[token] = VirtualPolled(self.server, path, query, auth_token)
        self.server.connections.append(self.sessions[token])
        return self._answer(410, token)

    def _answer(self, status: int, token: str | None = None, messages: tuple[str, ...] = ()) -> Response:
        return Response(self.server.clock.now, 200, status, token, messages)

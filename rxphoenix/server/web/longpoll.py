"""Clients over long polling, on aiohttp: HTTP as a real Phoenix answers it.

What lives here: tokens, what a request asks for, and the wire of a session. What does not: when a request is answered
(``polling_session.py``, which is pure), the listening server (``phoenix_server.py``), and what the frames mean
(``session.py``).

Source: the "Long polling" part of the protocol page; the recorded traffic's sections about long polling. The status is
in the body; HTTP says 200 unless something crashed.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeAlias

import msgspec
from aiohttp import web

from rxphoenix import tasks
from rxphoenix.protocol.address import AUTH_TOKEN_HEADER, SESSION_TOKEN_HEADER
from rxphoenix.protocol.message import Frame
from rxphoenix.server.connection import Connection
from rxphoenix.server.effects import CancelTimer, StartTimer
from rxphoenix.server.endpoint import Endpoint, Mount
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
from rxphoenix.server.timers import LoopTimers
from rxphoenix.server.web.faults import Faults
from rxphoenix.server.web.handshake import Admitted, ConnectCrashed, admit, connect_info, read_params

__all__ = ["LongPolling"]

_BATCH_TYPE = "application/x-ndjson"
_LARGEST_BODY = 8_000_000

_Outcome: TypeAlias = Answer | Fail | Gone


class LongPolling:
    """All sessions of a server.

    Arguments:
        endpoint: the application.
        faults: how the server misbehaves.
    """

    def __init__(self, endpoint: Endpoint, faults: Faults) -> None:
        self._endpoint = endpoint
        self._faults = faults
        self._secret = secrets.token_bytes(32)
        self._sessions: dict[str, _OpenSession] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: dict[_Requests, None] = {}
        self._is_closing = False

    @property
    def session_count(self) -> int:
        """How many sessions are open."""
        return sum(not session.is_over for session in self._sessions.values())

    @property
    def unsent(self) -> int:
        """How many frames wait for polls."""
        return sum(session.unsent for session in self._sessions.values())

    async def answer(self, request: web.BaseRequest, mount: Mount, polling: Polling) -> web.Response:
        """Answer a request, when it is time."""
        response = await self._answer(request, mount, polling)
        await self._faults.flowing.wait()
        return response

    def start(self) -> None:
        """Open sessions from now on; those from before a ``shutdown`` are gone."""
        self._is_closing = False

    def shutdown(self) -> None:
        """End all sessions, and have all requests answered."""
        self._is_closing = True
        for session in list(self._sessions.values()):
            session.connection.shutdown()
        for requests in list(self._waiting):
            requests.shutdown()

    async def abandon(self) -> None:
        """Cancel whatever still runs for a session."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def _answer(self, request: web.BaseRequest, mount: Mount, polling: Polling) -> web.Response:
        match request.method:
            case "OPTIONS":
                return _preflight(request)
            case "GET" | "POST":
                pass
            case _:
                return _plain(HTTPStatus.BAD_REQUEST)
        try:
            params = read_params(request)
        except UnicodeDecodeError:
            return _crashed(request, HTTPStatus.BAD_REQUEST)
        token = request.headers.get(SESSION_TOKEN_HEADER, params.get("token"))
        identity = self._verify(token) if isinstance(token, str) else None
        if request.method == "POST":
            return await self._post(request, identity, polling)
        if identity is None or token is None:
            return await self._open(request, mount, polling, params)
        outcome = await self._ask(identity, polling, lambda session, number: session.poll(number))
        if isinstance(outcome, Gone):
            return await self._open(request, mount, polling, params)
        if isinstance(outcome, Fail):
            return _crashed(request, outcome.status)
        return _told(request, outcome.status, token, outcome.messages)

    async def _post(self, request: web.BaseRequest, identity: str | None, polling: Polling) -> web.Response:
        if identity is None:
            return _json(request, {"status": HTTPStatus.GONE})
        body = await _read_body(request)
        batch = request.headers.getall("Content-Type", []) == [_BATCH_TYPE]
        outcome = await self._ask(identity, polling, lambda session, number: session.post(number, body, batch=batch))
        if isinstance(outcome, Fail):
            return _crashed(request, outcome.status)
        return _json(request, {"status": HTTPStatus.GONE if isinstance(outcome, Gone) else outcome.status})

    async def _open(
        self, request: web.BaseRequest, mount: Mount, polling: Polling, params: dict[str, Any]
    ) -> web.Response:
        auth_token = request.headers.get(AUTH_TOKEN_HEADER) if mount.auth_token else None
        try:
            admitted = await admit(mount, params, connect_info(request, "longpoll", auth_token))
        except ConnectCrashed:
            return _crashed(request, HTTPStatus.INTERNAL_SERVER_ERROR)
        if isinstance(admitted, HTTPStatus):
            return _json(request, {"status": HTTPStatus.FORBIDDEN})
        identity = secrets.token_urlsafe(16)
        if not self._is_closing:  # else the session is gone already, as the next request will find
            session = self._sessions[identity] = _OpenSession(self._endpoint, mount, admitted, polling, self._faults)
            loop = asyncio.get_running_loop()
            task = tasks.begin(loop, self._run(identity, session), "rxphoenix server longpoll session")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return _told(request, HTTPStatus.GONE, self._sign(identity), ())

    async def _run(self, identity: str, session: _OpenSession) -> None:
        try:
            await session.run()
        finally:
            del self._sessions[identity]

    async def _ask(
        self, identity: str, polling: Polling, begin: Callable[[PollingSession, int], list[PollEffect]]
    ) -> _Outcome:
        """Have a session answer, or wait for one that is gone as for one that is silent."""
        session = self._sessions.get(identity)
        requests = _Requests(PollingSession(polling), _nobody) if session is None else session.requests
        self._waiting[requests] = None
        try:
            return await requests.ask(begin)
        finally:
            if not requests.count:
                self._waiting.pop(requests, None)

    def _sign(self, identity: str) -> str:
        return f"{identity}.{hmac.new(self._secret, identity.encode(), hashlib.sha256).hexdigest()}"

    def _verify(self, token: str) -> str | None:
        """Whose token this is, open or gone; ``None`` if it is not one of ours."""
        identity = token.rpartition(".")[0]
        return identity if hmac.compare_digest(self._sign(identity).encode(), token.encode()) else None


class _Requests:
    """The requests to one session that wait for their answers, on asyncio.

    Arguments:
        session: decides about them.
        perform: does what the session has to do for them.
    """

    def __init__(self, session: PollingSession, perform: Callable[[Receive | Reach | End], None]) -> None:
        self._session = session
        self._perform = perform
        self._loop = asyncio.get_running_loop()
        self._timers = LoopTimers(self._loop, lambda timer: self.apply(session.fire(timer)))
        self._outcomes: dict[int, asyncio.Future[_Outcome]] = {}
        self._last = 0

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._outcomes)

    async def ask(self, begin: Callable[[PollingSession, int], list[PollEffect]]) -> _Outcome:
        """Begin a request, and wait for its outcome."""
        self._last += 1
        number = self._last
        outcome = self._outcomes[number] = self._loop.create_future()
        try:
            self.apply(begin(self._session, number))
            return await outcome
        finally:
            del self._outcomes[number]
            self._timers.cancel(number)

    def shutdown(self) -> None:
        """Have all of them answered now."""
        self.apply(self._session.shutdown())

    def apply(self, effects: list[PollEffect]) -> None:
        """Carry out what the session asks for."""
        for effect in effects:
            match effect:
                case Answer(request) | Fail(request) | Gone(request):
                    outcome = self._outcomes.get(request)
                    if outcome is not None and not outcome.done():  # else the server has dropped it
                        outcome.set_result(effect)
                case StartTimer(timer, seconds):
                    self._timers.start(timer, seconds)
                case CancelTimer(timer):
                    self._timers.cancel(timer)
                case Receive() | Reach() | End():
                    self._perform(effect)


def _nobody(effect: Receive | Reach | End) -> None:
    """What a session that is gone does for its requests."""


class _OpenSession:
    """A session, and the wire of its connection; ``run`` lasts until its last handler has ended."""

    def __init__(self, endpoint: Endpoint, mount: Mount, admitted: Admitted, polling: Polling, faults: Faults) -> None:
        self._session = PollingSession(polling)
        self.requests = _Requests(self._session, self._perform)
        self.connection = Connection(endpoint, mount, admitted.socket, admitted.codec, self)
        self._faults = faults
        self._over = asyncio.Event()
        self.connection.open()
        self.requests.apply(self._session.open())

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._over.is_set()

    @property
    def unsent(self) -> int:
        """How many frames wait for the next poll."""
        return self._session.unsent

    def send(self, frame: Frame) -> None:
        """Keep a frame for the next poll."""
        if not self._faults.swallowing:
            self.requests.apply(self._session.send(frame))

    def close(self, code: int, reason: str) -> None:
        """End; long polling has no way to tell the code, nor that it has ended."""
        self.drop()

    def drop(self) -> None:
        """End."""
        self.requests.apply(self._session.close())
        self.connection.closed()
        self._over.set()

    async def run(self) -> None:
        """Wait for the end, then for the handlers that still run; cancel to hurry."""
        try:
            await self._over.wait()
            await self.connection.finished()
        finally:
            self.drop()
            await self.connection.abandon()

    def _perform(self, effect: Receive | Reach | End) -> None:
        match effect:
            case Receive(frame):
                self.connection.receive(frame)
            case Reach(mark):
                self.connection.in_turn(lambda: self.requests.apply(self._session.reached(mark)))
            case End():
                self.drop()


async def _read_body(request: web.BaseRequest) -> bytes | None:
    """The body, ``None`` if it is larger than Phoenix reads."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > _LARGEST_BODY:
            return None
    return bytes(body)


# Responses. Any page may ask, as Phoenix leaves it to the check of origins to say no.

_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
_NOT_CACHED = {"Cache-Control": "no-store"}
_REVALIDATED = {"Cache-Control": "max-age=0, private, must-revalidate"}


def _told(request: web.BaseRequest, status: int, token: str, messages: tuple[str, ...]) -> web.Response:
    return _json(request, {"status": status, "token": token, "messages": messages})


def _json(request: web.BaseRequest, content: Any) -> web.Response:
    return _response(request, HTTPStatus.OK, content, _NOT_CACHED)


def _crashed(request: web.BaseRequest, status: int) -> web.Response:
    return _response(request, status, {"error": f"{int(status)}.json"}, _REVALIDATED)


def _response(request: web.BaseRequest, status: int, content: Any, headers: dict[str, str]) -> web.Response:
    body = msgspec.json.encode(content)
    headers = {**_ANY_ORIGIN, **headers, "Vary": "accept-encoding", "Content-Type": "application/json; charset=utf-8"}
    if "gzip" in request.headers.get("Accept-Encoding", "").lower():
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, mtime=0)
    return web.Response(status=status, body=body, headers=headers)


def _preflight(request: web.BaseRequest) -> web.Response:
    asked = ", ".join(request.headers.getall("Access-Control-Request-Headers", []))
    return _plain(
        HTTPStatus.OK,
        {
            "Access-Control-Allow-Headers": asked,
            "Access-Control-Allow-Methods": "get, post, options",
            "Access-Control-Max-Age": "3600",
        },
    )


def _plain(status: HTTPStatus, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, headers={**_ANY_ORIGIN, **_REVALIDATED, **(headers or {})})

"""Long polling as the scripted server does it: requests come, and are answered when the time has come.

What lives here: sessions, polls and posts. What does not: what the frames are answered with (``server.py``).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from itertools import count
from typing import Any, Protocol
from urllib.parse import parse_qsl

from tests.official.scenario import Open, PollAnswer, Refuse
from tests.official.server import Data, ScriptedServer, milliseconds

__all__ = ["PollingServer", "Request"]

WINDOW = 10_000
"""Milliseconds that a poll waits for messages."""

_SESSION = "session-"
_AUTH, _TOKEN = "x-phoenix-authtoken", "x-phoenix-longpoll-token"


class Request(Protocol):
    """A request as its server sees it."""

    @property
    def method(self) -> str:
        """``GET`` or ``POST``."""
        ...

    @property
    def query(self) -> str:
        """The query of the URL, without the question mark."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, with names in lower case."""
        ...

    @property
    def body(self) -> str:
        """The body."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether it was given up."""
        ...

    def answer(self, http: int, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> None:
        """Answer it; without a body there is an error page."""
        ...


class PollingServer:
    """The requests of one client.

    Arguments:
        server: what answers the frames.
    """

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server
        self._posts = iter(server.script.posts)
        self._polls = iter(server.script.polls)
        self._sessions: dict[str, _Session] = {}
        self._numbers = count(1)

    def end_session(self) -> None:
        """Forget the session that was opened last."""
        del self._sessions[list(self._sessions)[-1]]

    def take(self, request: Request) -> None:
        """A request has come."""
        pairs = dict(parse_qsl(request.query, keep_blank_values=True))
        in_query, in_header = pairs.pop("token", ""), request.headers.get(_TOKEN)
        token = in_header or in_query
        at = milliseconds(self._server.scheduler)
        if not token.startswith(_SESSION):  # an application may have a param of that name
            query = "&".join(f"{name}={value}" for name, value in parse_qsl(request.query))
            self._server.trace.connect(at, "longpoll", query, request.headers.get(_AUTH))
            self._open(request)
            return
        query = "&".join(f"{name}={value}" for name, value in pairs.items())
        carried = f"{query} session in {'header' if in_header else 'query'}"
        self._server.trace.request(
            at, request.method, carried + (" with auth token" if _AUTH in request.headers else "")
        )
        if request.method == "POST":
            self._post(request, self._sessions.get(token))
        else:
            self._poll(request, self._sessions.get(token))

    def _reply(self, request: Request, after: float, answer: PollAnswer | Mapping[str, Any]) -> None:
        headers = {"cache-control": "no-store" if self._server.script.reads_header else "max-age=0, private"}
        body = ({"status": answer.status} if answer.http == 200 else None) if isinstance(answer, PollAnswer) else answer
        http = answer.http if isinstance(answer, PollAnswer) else 200

        def reply() -> None:
            if not request.is_over:
                request.answer(http, body, headers)

        self._server.after(after, reply)

    def _open(self, request: Request) -> None:
        outcome = self._server.next_attempt()
        if isinstance(outcome, Open):
            token = f"{_SESSION}{next(self._numbers)}"
            session = self._sessions[token] = _Session(self._server, self, token)
            self._server.line = session
            self._reply(request, outcome.after, {"status": 410, "token": token, "messages": []})
        elif isinstance(outcome, Refuse):
            self._reply(request, outcome.after, {"status": outcome.status or 403})

    def _poll(self, request: Request, session: _Session | None) -> None:
        scripted = next(self._polls, None)
        if scripted is not None:
            if scripted.status is not None:
                self._reply(request, scripted.after, scripted)
        elif session is None:
            self._reply(request, 50, {"status": 410, "token": f"{_SESSION}0", "messages": []})
        else:
            session.poll(request)

    def deliver(self, request: Request, session: _Session, messages: list[str]) -> None:
        """Answer a poll, with messages or because there were none for so long."""
        self._reply(request, 0, {"status": 200 if messages else 204, "token": session.token, "messages": messages})

    def _post(self, request: Request, session: _Session | None) -> None:
        frames = [_frame(line) for line in request.body.split("\n")]
        answer = next(self._posts, PollAnswer(200 if session is not None else 410))
        taken = frames if answer.status == 200 else frames[:1] if answer.status == 408 else []
        for frame in frames:
            if session is not None and frame in taken:
                self._server.took(session, frame)
            else:
                self._server.saw(frame)
        if answer.status is not None:
            self._reply(request, answer.after, answer)


def _frame(line: str) -> Data:
    return line if line.startswith("[") else base64.b64decode(line)


class _Session:
    """A session, which is a connection for the server."""

    def __init__(self, server: ScriptedServer, polling: PollingServer, token: str) -> None:
        self.token = token
        self._server = server
        self._polling = polling
        self._waiting: list[str] = []
        self._request: Request | None = None

    def poll(self, request: Request) -> None:
        """A poll has come."""
        self._request = request
        if self._waiting:
            self._flush()
        else:
            self._server.after(WINDOW, lambda: self._flush() if self._request is request else None)

    def _flush(self) -> None:
        request, self._request = self._request, None
        if request is not None and not request.is_over:
            messages, self._waiting = self._waiting, []
            self._polling.deliver(request, self, messages)

    def received(self, data: Data) -> None:
        """A message is for the client."""
        assert isinstance(data, str)
        self._waiting.append(data)
        if self._request is not None:
            # what is said at one instant goes together
            request = self._request
            self._server.after(0, lambda: self._flush() if self._request is request else None)

    def opened(self) -> None:
        """Its first request was answered."""

    def refused(self, refusal: Refuse) -> None:
        """Not here: a session that is there was opened."""
        raise AssertionError(refusal)

    def lost(self, code: int, reason: str) -> None:
        """A session cannot say so."""
        raise AssertionError("say EndSession()")

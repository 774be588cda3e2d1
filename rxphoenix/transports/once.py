"""Requests that go out once and to one host, whatever becomes of their connections.

aiohttp sends a GET again, without a word, when a connection breaks: what was perhaps heard must not be repeated here.
And it follows redirects of an upgrade, with the token, to any host.

What lives here: an eye on the requests of one attempt. What does not: the requests (``websocket.py``, ``longpoll.py``).
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import SimpleNamespace

import aiohttp

from rxphoenix.errors import ConnectionRefused

__all__ = ["HttpAttempt", "OneRequest"]


class OneRequest:
    """One request of an attempt, which is made inside its ``with`` block.

    Arguments:
        attempt: whose it is.
    """

    def __init__(self, attempt: HttpAttempt) -> None:
        self.attempt = attempt
        self.reused = False
        """Whether it went out on a connection that had carried others before."""
        self._begun = False
        self._mark: Token[OneRequest | None] | None = None

    def __enter__(self) -> OneRequest:
        self._mark = _current.set(self)
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._mark is not None
        _current.reset(self._mark)  # what observers do in this context is their own business

    def begin(self, *, reused: bool) -> None:
        """It goes out; raises what aiohttp lets through where it does so a second time."""
        if self._begun:
            raise aiohttp.ServerDisconnectedError  # which is what happened
        self._begun, self.reused = True, reused


_current: ContextVar[OneRequest | None] = ContextVar("_current", default=None)


class HttpAttempt:
    """The session of one attempt, and an eye on its requests; others may use the same session.

    Arguments:
        session: the session.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self._tracing = tracing = aiohttp.TraceConfig()
        tracing.on_connection_create_start.append(self._create)
        tracing.on_connection_reuseconn.append(self._reuse)
        tracing.on_request_redirect.append(self._redirect)
        tracing.freeze()

    def __enter__(self) -> HttpAttempt:
        self.session.trace_configs.append(self._tracing)
        return self

    def __exit__(self, *exception: object) -> None:
        self.session.trace_configs.remove(self._tracing)

    def one_request(self) -> OneRequest:
        """What surrounds each request."""
        return OneRequest(self)

    def _request(self) -> OneRequest | None:
        request = _current.get()
        return request if request is not None and request.attempt is self else None

    async def _create(self, _session: aiohttp.ClientSession, _context: SimpleNamespace, _params: object) -> None:
        self._begin(reused=False)

    async def _reuse(self, _session: aiohttp.ClientSession, _context: SimpleNamespace, _params: object) -> None:
        self._begin(reused=True)

    def _begin(self, *, reused: bool) -> None:
        request = self._request()
        if request is not None:
            request.begin(reused=reused)

    async def _redirect(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
    ) -> None:
        if self._request() is not None:
            status = params.response.status
            params.response.close()
            raise ConnectionRefused("redirects are not followed; give the final address", status=status)

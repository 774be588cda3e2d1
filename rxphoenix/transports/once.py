"""Requests that go out once, whatever becomes of their connections.

aiohttp sends a GET again, without a word, when a connection that it had kept breaks: what was perhaps heard must not be
repeated here.

What lives here: letting a request go out once. What does not: the requests (``longpoll.py``).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import aiohttp

__all__ = ["Outgoing", "going_once", "refuse_repeats"]


class Outgoing:
    """One request as the connections see it that carry it."""

    def __init__(self) -> None:
        self.begun = False
        """Whether it has been given a connection."""
        self.reused = False
        """Whether that had carried another request before."""


_current: ContextVar[Outgoing | None] = ContextVar("_current", default=None)


@contextmanager
def going_once() -> Generator[Outgoing]:
    """Let the one request that is made inside go out once, in a session that has ``refuse_repeats()``."""
    outgoing = Outgoing()
    mark = _current.set(outgoing)
    try:
        yield outgoing
    finally:
        _current.reset(mark)  # what observers do in this context is their own business


def refuse_repeats() -> aiohttp.TraceConfig:
    """Make what a session needs for it, frozen; other requests of the session are left alone."""
    tracing = aiohttp.TraceConfig()

    async def create(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: Any) -> None:
        begin(reused=False)

    async def reuse(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: Any) -> None:
        begin(reused=True)

    def begin(*, reused: bool) -> None:
        outgoing = _current.get()
        if outgoing is not None:
            if outgoing.begun:
                raise aiohttp.ServerDisconnectedError  # which is what happened, and which aiohttp lets through now
            outgoing.begun, outgoing.reused = True, reused

    tracing.on_connection_create_start.append(create)
    tracing.on_connection_reuseconn.append(reuse)
    tracing.freeze()
    return tracing

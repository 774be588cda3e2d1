"""What is the same of HTTP for every transport: sessions, refusals, and words that hold no address.

What lives here: what surrounds a request. What does not: the requests themselves (``websocket.py``, ``longpoll.py``).
"""

from __future__ import annotations

import email.utils
import math
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp

from rxphoenix.errors import ConnectionRefused
from rxphoenix.transports.base import ConnectRequest
from rxphoenix.transports.once import HttpAttempt

__all__ = ["http_attempt", "read_much_at_once", "refusal", "retry_after_seconds", "without_address"]


_AT_ONCE = 1024 * 1024
"""Bytes that are read at once from a connection that brings much."""

_BLOCK = 2 * _AT_ONCE
"""Bytes, and more than there is room made for whenever something is read.

glibc gets so much from the kernel for each read, and gives it back for each, until the program has let go of a block of
that size once; then it keeps one at hand. To get, shrink and return it takes longer than to read a short frame.
"""


def _have_room_kept_for_reading() -> None:
    bytes(_BLOCK)


def read_much_at_once(transport: Any) -> None:
    """Read more than asyncio's 256 KiB at once, where it lets one say so.

    A server that is faster than its client has to be woken up for each piece that was read.

    Arguments:
        transport: that of a connection.
    """
    if hasattr(transport, "max_size"):
        transport.max_size = _AT_ONCE


@asynccontextmanager
async def http_attempt(
    request: ConnectRequest, *, trust_env: bool, keep_alive: float | None
) -> AsyncGenerator[HttpAttempt]:
    """The session of one attempt: the user's, or one whose addresses are resolved anew; cookies stay.

    Arguments:
        request: the attempt.
        trust_env: whether a session of ours takes proxies from the environment.
        keep_alive: how long a session of ours keeps a connection that is idle, in seconds; ``None`` for not at all.

    Raises:
        ConnectionRefused: what the user gave is not a session that can be used.
    """
    _have_room_kept_for_reading()
    given = request.session
    if given is not None:
        if not isinstance(given, aiohttp.ClientSession):
            raise ConnectionRefused(f"the session must be an aiohttp.ClientSession, not {type(given).__name__}")
        if given.closed:
            raise ConnectionRefused("the session that was given to the socket is closed")
        with HttpAttempt(given) as attempt:
            yield attempt
        return
    if keep_alive is None:
        connector = aiohttp.TCPConnector(use_dns_cache=False, force_close=True)
    else:
        connector = aiohttp.TCPConnector(use_dns_cache=False, keepalive_timeout=keep_alive)
    jar = request.memory.setdefault(aiohttp.CookieJar, aiohttp.CookieJar())
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=cast("aiohttp.CookieJar", jar),
        trust_env=trust_env,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
    ) as session:
        with HttpAttempt(session) as attempt:
            yield attempt


def refusal(status: int, headers: Mapping[str, str] | None) -> ConnectionRefused:
    """The error for a server that answered an attempt with a status."""
    given = headers or {}
    retry_after = retry_after_seconds(given.get("Retry-After"), given.get("Date"))
    return ConnectionRefused(_STATUS_WORDS.get(status, ""), status=status, retry_after=retry_after)


_STATUS_WORDS = {
    401: "not authorised",
    403: "the server refused the connection",
    404: "no socket at this path",
    429: "too many requests",
    500: "the server crashed while connecting",
    503: "the server is not available",
}


def retry_after_seconds(header: str | None, now: str | None) -> float | None:
    """What a ``Retry-After`` header says, in seconds; ``None`` for what cannot be understood.

    Arguments:
        header: the header, a number of seconds or a date.
        now: the ``Date`` of the answer: the server's clock is the one that its dates go by.
    """
    if header is None:
        return None
    number = header.strip()
    if number.isascii() and number.isdigit():
        seconds = float(number)
        return seconds if math.isfinite(seconds) else None
    later, sooner = _moment(header), _moment(now or "")
    return None if later is None or sooner is None else max(0.0, later - sooner)


def _moment(date: str) -> int | None:
    """A date of HTTP as a number of seconds; without a time zone it is one of Greenwich."""
    parsed = email.utils.parsedate_tz(date)
    try:
        return None if parsed is None else email.utils.mktime_tz((*parsed[:9], parsed[9] or 0))
    except (ValueError, OverflowError):
        return None


def without_address(error: Exception) -> str:
    """What happened to a request, in words that hold no address."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "TLS failed: the server's certificate could not be verified, or its TLS could not be spoken"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host name could not be resolved"
    if isinstance(error, aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError):
        return "the proxy refused or could not be reached"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno  # the error's own words name the address
        return f"could not connect ({type(error.os_error).__name__ if number is None else os.strerror(number)})"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server hung up without an answer"
    if isinstance(error, aiohttp.ClientOSError) and error.errno is not None:
        return f"the connection broke ({os.strerror(error.errno)})"
    return f"the request failed ({type(error).__name__})"

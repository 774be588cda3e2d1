"""A socket as the options of a command say, and what its faults mean for whoever has called the command.

What lives here: making a socket, waiting for its first connection, explaining faults. What does not: what is done
with it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum

from rxphoenix import (
    ChannelFault,
    ConnectionFault,
    ConnectionRefused,
    Fallback,
    JoinRefused,
    JoinTimeout,
    LongPoll,
    PushFault,
    PushInterrupted,
    PushRefused,
    PushTimeout,
    Socket,
    Transport,
    WebSocket,
)
from rxphoenix.cli.statuses import FAILED, NOT_CONNECTED, REFUSED, TIMED_OUT

__all__ = ["TransportName", "connected", "explanation", "make_socket", "status_of"]

_FALLBACK_AFTER = 2.5


class TransportName(StrEnum):
    """The transports, by name."""

    websocket = "websocket"
    longpoll = "longpoll"
    fallback = "fallback"


def make_socket(
    url: str,
    params: Mapping[str, str],
    token: str | None,
    transport: TransportName,
    timeout: float = 10.0,
) -> Socket:
    """The socket of a command.

    Arguments:
        url: the mount point.
        params: connect params.
        token: the auth token, ``None`` for none.
        transport: what carries the frames.
        timeout: seconds that connecting and an answer may take.

    Raises:
        ValueError: the URL is not usable.
    """
    return Socket(
        url,
        params=dict(params),
        auth_token=token,
        transport=_transport(transport),
        timeout=timeout,
        connect_timeout=timeout,
    )


def _transport(name: TransportName) -> Transport:
    match name:
        case TransportName.websocket:
            return WebSocket()
        case TransportName.longpoll:
            return LongPoll()
        case TransportName.fallback:
            return Fallback(WebSocket(), LongPoll(), after=_FALLBACK_AFTER)


@asynccontextmanager
async def connected(socket: Socket) -> AsyncGenerator[None]:
    """Be connected: the first attempt must succeed, and what is lost later is mended; closes the socket at the end.

    Raises:
        ConnectionFault: the first attempt has failed.
    """
    async with socket:
        with socket.connect():
            await socket.opened()
            yield


def status_of(error: Exception) -> int:
    """The exit status of a command that has failed in this way."""
    match error:
        case PushRefused() | JoinRefused():
            return REFUSED
        case PushTimeout() | JoinTimeout():
            return TIMED_OUT
        case ConnectionFault() | PushInterrupted():
            return NOT_CONNECTED
        case _:
            return FAILED


def explanation(error: Exception, where: str) -> str:
    """What went wrong, in one line, and what may help.

    Arguments:
        error: what went wrong.
        where: the address of the socket, without what may be secret.
    """
    match error:
        case OSError() if error.filename:
            return f"{os.fsdecode(error.filename)}: {error.strerror}"
        case ConnectionRefused(status=404):
            return f"no socket at {where}: {error}; give its mount point, such as ws://localhost:4000/socket"
        case ConnectionRefused(status=401 | 403):
            return f"{where} has refused the connection: {error}; does it want --token, or a --param?"
        case ConnectionFault():
            return f"cannot connect to {where}: {error}; is the server running, and is the address right?"
        case JoinRefused():
            return f"{error}; does it want a --join-param, or a --token?"
        case PushTimeout():
            return f"{error}; --timeout waits longer"
        case ChannelFault() | PushFault():
            return str(error)
        case _:
            return str(error) or type(error).__name__

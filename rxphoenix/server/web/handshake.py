"""Letting a client in, whatever it connects by.

What lives here: the params, the choice of a dialect, and asking the application's ``connect``. What does not: how a
refusal is told, which is not the same by WebSocket (``websocket.py``) and by long polling (``longpoll.py``).

Source: the "Connecting" part of the protocol page.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from rxphoenix.server.app import ConnectInfo, ServerSocket
from rxphoenix.server.codec import Codec, codec_for
from rxphoenix.server.endpoint import Mount
from rxphoenix.server.params import parse_query

__all__ = ["Admitted", "ConnectCrashed", "admit", "connect_info", "read_params"]

_logger = logging.getLogger("rxphoenix.server")


class ConnectCrashed(Exception):
    """The application's ``connect`` raised; what it raised has been logged."""


class Admitted(msgspec.Struct, frozen=True):
    """A client that was let in: its socket and its dialect."""

    socket: ServerSocket
    codec: Codec


def read_params(request: web.BaseRequest) -> dict[str, Any]:
    """The params in the URL's query; raises ``UnicodeDecodeError`` if they are not UTF-8."""
    return parse_query(request.raw_path.partition("?")[2])


def connect_info(request: web.BaseRequest, transport: str, auth_token: str | None) -> ConnectInfo:
    """What the application learns about a request."""
    return ConnectInfo(
        transport=transport,
        auth_token=auth_token,
        x_headers={name.lower(): value for name, value in request.headers.items() if name.lower().startswith("x-")},
        user_agent=request.headers.get("User-Agent"),
    )


async def admit(mount: Mount, params: dict[str, Any], info: ConnectInfo) -> Admitted | HTTPStatus:
    """Ask the application; returns the status of a refusal.

    Raises:
        ConnectCrashed: it has no answer.
    """
    vsn = params.get("vsn", "1.0.0")
    codec = codec_for(vsn) if isinstance(vsn, str) else None
    if codec is None:
        return HTTPStatus.FORBIDDEN
    try:
        socket = mount.make_socket()
        refusal = await socket.connect(params, info)
    except Exception as error:
        _logger.exception("connect crashed")
        raise ConnectCrashed from error
    return Admitted(socket, codec) if refusal is None else HTTPStatus(refusal)

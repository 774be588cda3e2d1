"""One client over WebSocket, on aiohttp: the handshake as a real Phoenix answers it, then frames both ways.

What lives here: the upgrade, the auth token in it, and the wire of an open connection. What does not: the listening
server (``phoenix_server.py``), and what the frames mean (``session.py``).

Source: the "Connecting" part of the protocol page; the recorded traffic's sections "Upgrade and refusals" and
"auth_token over Sec-WebSocket-Protocol".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from http import HTTPStatus

from aiohttp import ClientConnectionResetError, WebSocketError, WSMsgType, web

from rxphoenix import tasks
from rxphoenix.protocol.message import Frame
from rxphoenix.server.connection import Connection
from rxphoenix.server.effects import Close
from rxphoenix.server.endpoint import Endpoint, Mount
from rxphoenix.server.web.faults import Faults
from rxphoenix.server.web.handshake import Admitted, ConnectCrashed, admit, connect_info, read_params

__all__ = ["OpenWebSocket", "upgrade"]

_TOKEN_PREFIX = "base64url.bearer.phx."
_CLOSING_SECONDS = 1.0
_FRAME_TOO_BIG = 1009


async def upgrade(
    request: web.BaseRequest, endpoint: Endpoint, mount: Mount, faults: Faults
) -> web.Response | OpenWebSocket:
    """Answer a request for a WebSocket: an open one, or the response that refuses it."""
    if request.method != "GET" or "upgrade" not in request.headers.get("Connection", "").lower():
        return web.Response(status=HTTPStatus.BAD_REQUEST, text="this path wants a WebSocket upgrade\n")
    try:
        token = _auth_token(request) if mount.auth_token else None
        admitted = await admit(mount, read_params(request), connect_info(request, "websocket", token))
    except UnicodeDecodeError:
        return web.Response(status=HTTPStatus.BAD_REQUEST, text="the query is not UTF-8\n")
    except (ConnectCrashed, _UnreadableToken):
        return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text="Internal Server Error\n")
    if isinstance(admitted, HTTPStatus):
        text = "" if admitted is HTTPStatus.FORBIDDEN else admitted.phrase
        return web.Response(status=admitted, text=text)
    protocols = ("phoenix",) if mount.auth_token and "phoenix" in _subprotocols(request) else ()
    if not protocols:
        # aiohttp would log the protocols that it does not know, and a token may be among them.
        headers = request.headers.copy()
        headers.popall("Sec-WebSocket-Protocol", None)
        request = request.clone(headers=headers)
    response = web.WebSocketResponse(
        timeout=_CLOSING_SECONDS,
        protocols=protocols,
        compress=mount.compress,
        max_msg_size=mount.max_frame_size or 0,
        decode_text=False,
    )
    await response.prepare(request)
    return OpenWebSocket(request, response, endpoint, mount, admitted, faults)


def _subprotocols(request: web.BaseRequest) -> list[str]:
    offered = ",".join(request.headers.getall("Sec-WebSocket-Protocol", []))
    return [name.strip() for name in offered.split(",") if name.strip()]


class _UnreadableToken(Exception):
    """An auth token that is not standard base64 of UTF-8."""


def _auth_token(request: web.BaseRequest) -> str | None:
    """Read the token as Phoenix does: the standard alphabet, padded or not, whatever the prefix says."""
    tokens = [name for name in _subprotocols(request) if name.startswith(_TOKEN_PREFIX)]
    if len(tokens) != 1:
        return None
    encoded = tokens[0].removeprefix(_TOKEN_PREFIX).rstrip("=")
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _UnreadableToken from None


class OpenWebSocket:
    """An open connection; ``run`` reads and writes until it ends."""

    def __init__(
        self,
        request: web.BaseRequest,
        response: web.WebSocketResponse,
        endpoint: Endpoint,
        mount: Mount,
        admitted: Admitted,
        faults: Faults,
    ) -> None:
        self.response = response
        self.connection = Connection(endpoint, mount, admitted.socket, admitted.codec, self, idle_timeout=mount.timeout)
        self._transport = request.transport
        self._faults = faults
        self._send_timeout = mount.send_timeout
        self._sending_since: float | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._outgoing: asyncio.Queue[Frame | Close | None] = asyncio.Queue()

    def send(self, frame: Frame) -> None:
        """Send a frame after those before it."""
        self._outgoing.put_nowait(frame)

    def close(self, code: int, reason: str = "") -> None:
        """Close after the frames before it."""
        self._outgoing.put_nowait(Close(code, reason))

    @property
    def unsent(self) -> int:
        """How many frames wait to be sent."""
        return self._outgoing.qsize()

    def drop(self) -> None:
        """Cut the TCP connection, without a close frame."""
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()

    def pause_reading(self) -> None:
        """Leave what the client sends unread, pings included."""
        if isinstance(self._transport, asyncio.ReadTransport) and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if isinstance(self._transport, asyncio.ReadTransport) and not self._transport.is_closing():
            self._transport.resume_reading()

    async def run(self) -> None:
        """Carry frames until the connection ends, then wait for the handlers that still run; cancel to hurry."""
        writer = tasks.begin(asyncio.get_running_loop(), self._write(), "rxphoenix server websocket writer")
        self._look_after(self._send_timeout)
        try:
            self.connection.open()
            await self._read()
            self.connection.closed()
            self._outgoing.put_nowait(None)
            await writer
            await self.connection.finished()
        finally:
            self.connection.closed()
            if self._watch is not None:
                self._watch.cancel()
            writer.cancel()
            await asyncio.wait([writer])
            await self.connection.abandon()

    async def _read(self) -> None:
        while True:
            message = await self.response.receive()
            await self._faults.flowing.wait()
            if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
                self.connection.receive(Frame(message.data, binary=message.type is WSMsgType.BINARY))
            else:
                if isinstance(message.data, WebSocketError) and message.data.code == _FRAME_TOO_BIG:
                    self.connection.frame_too_big()
                return

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while (item := await self._outgoing.get()) is not None:
            await self._faults.flowing.wait()
            try:
                if isinstance(item, Close):
                    await self.response.close(code=item.code, message=item.reason.encode())
                    return
                if not self._faults.swallowing:
                    self._sending_since = loop.time()
                    await self.response.send_frame(item.data, WSMsgType.BINARY if item.binary else WSMsgType.TEXT)
                    self._sending_since = None
            except (ClientConnectionResetError, ConnectionError):
                return

    def _look_after(self, seconds: float | None) -> None:
        if seconds is not None:
            self._watch = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Give up on a client that does not read, as web servers under Phoenix do; the frames that wait are lost."""
        assert self._send_timeout is not None
        now = asyncio.get_running_loop().time()
        since = now if self._sending_since is None else self._sending_since
        remaining = since + self._send_timeout - now
        if remaining > 0:
            self._look_after(remaining)
        else:
            self.drop()

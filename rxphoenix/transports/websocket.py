"""WebSocket connections, by aiohttp.

What lives here: one connection at a time: handshake, frames both ways, closing. What does not: when to connect again,
and what frames mean.

Source of what is offered and refused: the "Connecting" part of the protocol page.
"""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from collections.abc import Mapping, Sized
from contextlib import suppress
from typing import Any, cast

import aiohttp
from reactivex import Observable

from rxphoenix import tasks
from rxphoenix.errors import ConnectionFault, ConnectionLost, ConnectionRefused
from rxphoenix.protocol.address import auth_subprotocols
from rxphoenix.protocol.message import Frame
from rxphoenix.transports.base import Callbacks, CloseRequest, ConnectRequest, Opened, TransportEvent
from rxphoenix.transports.carrier import MAX_UNSENT_SIZE, Carrier, carried, check_size
from rxphoenix.transports.http import http_attempt, read_much_at_once, refusal, without_address
from rxphoenix.transports.once import HttpAttempt
from rxphoenix.transports.writer import Writer, transport_of

__all__ = ["WebSocket"]

_CLOSING_SECONDS = 1.0

_IN_A_ROW = 1000
"""Messages that are told before whatever else runs on the loop has its turn."""


class WebSocket:
    """Connect by WebSocket; what ``Socket`` does by default.

    Arguments:
        compress: whether to offer permessage-deflate to the server.
        max_message_size: bytes that a message from the server may have; a bigger one ends the connection.
        max_unsent_size: bytes of frames that may wait for a server that does not read; more end the connection.
        ssl: an ``ssl.SSLContext``, for example with a certificate authority of your own; ``False`` verifies nothing.
        proxy: the URL of an HTTP proxy.
        trust_env: whether to take proxies from the environment (``HTTPS_PROXY`` and its like).

    With ``Socket(session=...)`` proxies, cookies and TLS are the session's business, where they are not said here.

    Example:
        ```python
        from rxphoenix import Socket, WebSocket

        socket = Socket("wss://example.com/socket", transport=WebSocket(compress=True, max_message_size=1024 * 1024))
        ```
    """

    def __init__(
        self,
        *,
        compress: bool = False,
        max_message_size: int = 64 * 1024 * 1024,
        max_unsent_size: int = MAX_UNSENT_SIZE,
        ssl: ssl_module.SSLContext | bool = True,
        proxy: str | None = None,
        trust_env: bool = False,
    ) -> None:
        self.max_unsent_size = check_size("max_unsent_size", max_unsent_size)
        self._compress = compress
        self._max_message_size = check_size("max_message_size", max_message_size)
        self._ssl = ssl
        self._proxy = proxy
        self.trust_env = trust_env

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        """Make the cold observable of one connection."""
        return carried(lambda observer: _Connection(self, request, observer), "rxphoenix websocket")

    async def open(self, http: HttpAttempt, request: ConnectRequest) -> aiohttp.ClientWebSocketResponse[bool]:
        """Do the handshake; raises ``ConnectionRefused`` without any address in its words."""
        try:
            protocols = auth_subprotocols(request.auth_token) if request.auth_token is not None else ()
            with http.one_request():
                return await http.session.ws_connect(
                    request.address.url("websocket"),
                    protocols=protocols,
                    headers=request.headers,
                    autoclose=True,
                    autoping=False,
                    compress=15 if self._compress else 0,
                    max_msg_size=self._max_message_size + 1,  # aiohttp wants one that is not compressed to be smaller
                    decode_text=False,
                    ssl=self._ssl,
                    proxy=self._proxy,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSING_SECONDS),  # pyright: ignore[reportCallIssue]
                )
        except ConnectionFault as error:
            fault = error
        except aiohttp.WSServerHandshakeError as error:
            fault = _refusal(error)
        except Exception as error:  # whatever it is, its words may hold an address
            fault = ConnectionRefused(without_address(error))
        raise fault  # here, so that no __context__ leads to an error that shows the address


class _Connection(Carrier):
    """One connection, run by one task; a second one writes while the first one reads."""

    def __init__(self, transport: WebSocket, request: ConnectRequest, observer: Callbacks) -> None:
        super().__init__(request, observer, transport.max_unsent_size)
        self._transport = transport
        self._writer: Writer | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def _begun(self, size: int) -> None:
        self._unsent_size -= size

    def _flush_and_close(self, close: CloseRequest) -> None:
        assert self._writer is not None
        self._writer.close(close)
        self._allow(close.grace)

    def _allow(self, seconds: float) -> None:
        assert self._task is not None
        if self._deadline is not None:
            self._deadline.cancel()
        # not the running loop: whoever closes may do so between two runs of it
        self._deadline = self._task.get_loop().call_later(seconds, self._stop_closing)

    def _ended(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    async def run(self) -> ConnectionFault:
        """Connect and carry frames; returns why it ended."""
        transport = self._transport
        try:
            async with http_attempt(self._request, trust_env=transport.trust_env, keep_alive=None) as http:
                ws = await transport.open(http, self._request)
                self._open = True
                return await self._carry(ws)
        except ConnectionFault as error:
            return error

    async def _carry(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> ConnectionFault:
        read_much_at_once(transport_of(ws))
        self._writer = Writer(ws, self._has_room, self._begun)
        writer = tasks.begin(asyncio.get_running_loop(), self._writer.run(), "rxphoenix websocket writer")
        try:
            self._observer.on_next(Opened(self._writer.send, hold_back=self.hold_back))
            fault = await self._read(ws)
            if self._asked:
                await writer  # it flushes, and closes as it was asked to
            return fault
        finally:
            self._over = True
            self._writer.stop()
            writer.cancel()
            with suppress(asyncio.CancelledError):
                await writer
            # a peer that reads nothing holds up the close frame too
            self._allow(0 if self._cancels else _CLOSING_SECONDS)
            with suppress(asyncio.CancelledError):
                await ws.close()

    async def _read(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> ConnectionFault:
        observer = self._observer
        on_text, receive = observer.on_text, ws.receive
        # What has arrived already is taken from where aiohttp keeps it: receive() costs half as much again. The session
        # of a user's own may have a receive() that sees to each message.
        queue = cast("Any", getattr(ws, "_reader", None))
        is_plain = type(ws).receive is aiohttp.ClientWebSocketResponse.receive
        arrived: Sized = getattr(queue, "_buffer", ()) if is_plain else ()
        kinds = aiohttp.WSMsgType
        text, binary = kinds.TEXT, kinds.BINARY
        left = _IN_A_ROW
        while self._observer is observer:  # whoever is told may drop the connection
            left -= 1
            if not left:
                left = _IN_A_ROW
                await asyncio.sleep(0)
            # receive() knows whether our close has been sent: what is left then is for whoever awaits the answer
            message: Any = await (queue.read() if arrived and not self._asked else receive())
            kind, data = message[0], message[1]
            while self._held and (kind is text or kind is binary):  # what follows stays in the network
                await self._flowing.wait()
            if kind is text:
                on_text(data)
            elif kind is binary:
                observer.on_next(Frame(data, binary=True))
            elif kind is kinds.CLOSE:
                if not ws.closed:  # receive() would have done so
                    queue.feed_data(message, 0)
                    await ws.close()
                return ConnectionLost(message[2] or "", code=data or None)  # 0: it has none
            elif kind is kinds.ERROR:
                return _broken(data)
            elif kind is kinds.PING:
                with suppress(ConnectionError, RuntimeError, aiohttp.ClientError):  # reading on tells why
                    await ws.pong(data)
            elif kind is not kinds.PONG:
                break
        return ConnectionLost("the connection dropped without a close frame")


def _broken(error: object) -> ConnectionLost:
    if isinstance(error, aiohttp.WebSocketError):
        words = "the message is too big" if error.code == 1009 else "the server broke the WebSocket protocol"
        return ConnectionLost(words, code=error.code)
    return ConnectionLost("reading failed")


def _refusal(error: aiohttp.WSServerHandshakeError) -> ConnectionRefused:
    if error.status == 101:
        return ConnectionRefused(f"the answer to the upgrade is not a WebSocket handshake: {error.message}")
    return refusal(error.status, cast("Mapping[str, str] | None", error.headers))

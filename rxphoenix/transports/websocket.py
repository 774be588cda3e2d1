"""WebSocket connections, by aiohttp.

What lives here: one connection at a time: handshake, frames both ways, closing. What does not: when to connect again,
and what frames mean.

Source of what is offered and refused: the "Connecting" part of the protocol page.
"""

from __future__ import annotations

import asyncio
import email.utils
import math
import os
import ssl as ssl_module
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from types import SimpleNamespace
from typing import cast

import aiohttp
from multidict import CIMultiDict
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from rxphoenix.errors import ConnectionFault, ConnectionLost, ConnectionRefused
from rxphoenix.protocol.address import auth_subprotocols
from rxphoenix.protocol.message import Frame
from rxphoenix.transports.base import CloseRequest, ConnectRequest, Opened, TransportEvent

__all__ = ["WebSocket"]

_CLOSING_SECONDS = 1.0
_refuse_redirects: ContextVar[bool] = ContextVar("_refuse_redirects", default=False)


class WebSocket:
    """Connect by WebSocket; what ``Socket`` does by default.

    Arguments:
        compress: whether to offer permessage-deflate to the server.
        max_message_size: bytes that a message from the server may have; a bigger one ends the connection.
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
        ssl: ssl_module.SSLContext | bool = True,
        proxy: str | None = None,
        trust_env: bool = False,
    ) -> None:
        if max_message_size < 1:
            raise ValueError(f"max_message_size must be a positive number of bytes, not {max_message_size!r}")
        self._compress = compress
        self._max_message_size = max_message_size
        self._ssl = ssl
        self._proxy = proxy
        self._trust_env = trust_env

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        """Make the cold observable of one connection."""

        def subscribe(
            observer: abc.ObserverBase[TransportEvent], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            connection = _Connection(self, request, observer)
            task = asyncio.get_running_loop().create_task(connection.run(), name="rxphoenix websocket")
            connection.owned_by(task)
            return Disposable(connection.drop)

        return Observable(subscribe)

    @asynccontextmanager
    async def session(self, request: ConnectRequest) -> AsyncGenerator[aiohttp.ClientSession]:
        """The session of one attempt: the user's, or one whose addresses are resolved anew; cookies stay."""
        given = request.session
        if given is not None:
            if not isinstance(given, aiohttp.ClientSession):
                raise ConnectionRefused(f"the session must be an aiohttp.ClientSession, not {type(given).__name__}")
            if given.closed:
                raise ConnectionRefused("the session that was given to the socket is closed")
            session = given
            tracing = _tracing()
            session.trace_configs.append(tracing)
            try:
                yield session
            finally:
                session.trace_configs.remove(tracing)
            return
        jar = request.memory.setdefault(aiohttp.CookieJar, aiohttp.CookieJar())
        connector = aiohttp.TCPConnector(use_dns_cache=False, force_close=True)
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=cast("aiohttp.CookieJar", jar),
            trust_env=self._trust_env,
            trace_configs=[_tracing()],
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        ) as session:
            yield session

    async def open(
        self, session: aiohttp.ClientSession, request: ConnectRequest
    ) -> aiohttp.ClientWebSocketResponse[bool]:
        """Do the handshake; raises ``ConnectionRefused`` without any address in its words."""
        refusing = _refuse_redirects.set(True)
        try:
            protocols = auth_subprotocols(request.auth_token) if request.auth_token is not None else ()
            return await session.ws_connect(
                request.address.url("websocket"),
                protocols=protocols,
                headers=request.headers,
                autoclose=True,
                autoping=True,
                compress=15 if self._compress else 0,
                max_msg_size=self._max_message_size + 1,  # aiohttp wants a message that is not compressed to be smaller
                decode_text=False,
                ssl=self._ssl,
                proxy=self._proxy,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSING_SECONDS),  # pyright: ignore[reportCallIssue]
            )
        except ConnectionFault as error:
            fault = error
        except aiohttp.WSServerHandshakeError as error:
            fault = _refusal(error.status, error.message, error.headers)
        except Exception as error:  # whatever it is, its words may hold an address
            fault = ConnectionRefused(_words(error))
        finally:
            _refuse_redirects.reset(refusing)  # what observers do in this context is their own business
        raise fault  # here, so that no __context__ leads to an error that shows the address


class _Connection:
    """One connection, run by one task; a second one writes while the first one reads."""

    def __init__(
        self, transport: WebSocket, request: ConnectRequest, observer: abc.ObserverBase[TransportEvent]
    ) -> None:
        self._transport = transport
        self._request = request
        self._observer = observer
        self._outgoing: asyncio.Queue[Frame | CloseRequest] = asyncio.Queue()
        self._task: asyncio.Task[ConnectionFault] | None = None
        self._asked = False
        self._open = False
        self._over = False
        self._late = False
        self._deadline: asyncio.TimerHandle | None = None

    def owned_by(self, task: asyncio.Task[ConnectionFault]) -> None:
        """Say which task runs this; from now on the client may ask for the end."""
        self._task = task
        task.add_done_callback(self._end)  # not in run(), which a task cancelled early never enters
        self._request.closing.listen(self._close)

    def _send(self, frame: Frame) -> None:
        if not self._over:
            self._outgoing.put_nowait(frame)

    def _close(self, close: CloseRequest) -> None:
        assert self._task is not None
        if self._task.done():
            return
        self._asked = True
        if not self._open:
            self._task.cancel()
            return
        self._outgoing.put_nowait(close)
        self._cancel_after(close.grace)

    def _cancel_after(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._cancel)

    def _cancel(self) -> None:
        assert self._task is not None
        self._late = True
        self._task.cancel()

    def drop(self) -> None:
        """Abandon it: what waits to be written is not, and nothing more is emitted."""
        self._asked = True
        if self._task is not None and not self._task.done() and not self._task.get_loop().is_closed():
            self._task.cancel()

    async def run(self) -> ConnectionFault:
        """Connect and carry frames; returns why it ended."""
        try:
            async with self._transport.session(self._request) as session:
                ws = await self._transport.open(session, self._request)
                self._open = True
                return await self._carry(ws)
        except ConnectionFault as error:
            return error

    def _end(self, task: asyncio.Task[ConnectionFault]) -> None:
        self._over = True
        if self._deadline is not None:
            self._deadline.cancel()
        raised = None if task.cancelled() else task.exception()
        if raised is not None:
            fault: ConnectionFault = ConnectionLost("reading ended with an exception that was not ours to catch")
        elif task.cancelled():
            fault = ConnectionLost("the event loop cancelled it")
        else:
            fault = task.result()
        if self._asked:
            self._observer.on_completed()
        else:
            self._observer.on_error(fault)
        if raised is not None:
            raise raised  # to the loop's exception handler: it must not disappear

    async def _carry(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> ConnectionFault:
        writer = asyncio.get_running_loop().create_task(self._write(ws), name="rxphoenix websocket writer")
        try:
            self._observer.on_next(Opened(self._send))
            fault = await self._read(ws)
            if self._asked:
                await writer  # it flushes, and closes as it was asked to
            return fault
        finally:
            self._over = True
            writer.cancel()
            with suppress(asyncio.CancelledError):
                await writer
            # a peer that reads nothing holds up the close frame too
            self._cancel_after(0 if self._late else _CLOSING_SECONDS)
            with suppress(asyncio.CancelledError):
                await ws.close()

    async def _read(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> ConnectionFault:
        on_next = self._observer.on_next
        receive = ws.receive
        text, binary = aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY
        while True:
            message = await receive()
            kind = message.type
            if kind is text:
                on_next(Frame(cast("bytes", message.data)))
            elif kind is binary:
                on_next(Frame(cast("bytes", message.data), binary=True))
            elif kind is aiohttp.WSMsgType.CLOSE:
                return ConnectionLost(message.extra or "", code=cast("int", message.data) or None)  # 0: it has none
            elif kind is aiohttp.WSMsgType.ERROR:
                return _broken(message.data)
            else:
                return ConnectionLost("the connection dropped without a close frame")

    async def _write(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> None:
        while True:
            outgoing = await self._outgoing.get()
            try:
                if isinstance(outgoing, CloseRequest):
                    await ws.close(code=outgoing.code or 1000, message=outgoing.reason.encode())
                    return
                kind = aiohttp.WSMsgType.BINARY if outgoing.binary else aiohttp.WSMsgType.TEXT
                await ws.send_frame(outgoing.data, kind)
            except (ConnectionError, RuntimeError, aiohttp.ClientError):
                return  # the reader hears of it, with the reason


def _broken(error: object) -> ConnectionLost:
    if isinstance(error, aiohttp.WebSocketError):
        words = "the message is too big" if error.code == 1009 else "the server broke the WebSocket protocol"
        return ConnectionLost(words, code=error.code)
    return ConnectionLost("reading failed")


def _refusal(status: int, message: str, headers: object) -> ConnectionRefused:
    if status == 101:
        return ConnectionRefused(f"the answer to the upgrade is not a WebSocket handshake: {message}")
    retry_after = None
    if isinstance(headers, CIMultiDict) or hasattr(headers, "get"):
        given = cast("CIMultiDict[str]", headers)
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


def _words(error: Exception) -> str:
    """What happened, in words that hold no address."""
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
        return "the server hung up during the handshake"
    return f"connecting failed ({type(error).__name__})"


def _tracing() -> aiohttp.TraceConfig:
    """Refuse redirects of our own requests: a token must not follow one to another host."""
    tracing = aiohttp.TraceConfig()

    async def refuse(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
    ) -> None:
        if _refuse_redirects.get():
            status = params.response.status
            params.response.close()
            raise ConnectionRefused("redirects are not followed; give the final address", status=status)

    tracing.on_request_redirect.append(refuse)
    tracing.freeze()
    return tracing

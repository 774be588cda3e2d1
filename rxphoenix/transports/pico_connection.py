"""One WebSocket connection by picows: what ``websocket.py`` does with aiohttp.

What lives here: handshake, frames both ways, closing. What does not: what a user says of them (``picows.py``), what all
transports share (``carrier.py``, ``http.py``), and what frames mean.

Source of what is offered and refused: the "Connecting" part of the protocol page.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket as socket_module
import ssl as ssl_module
import urllib.request
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, cast

import aiohappyeyeballs
import aiohttp
import msgspec
import picows
from yarl import URL

from rxphoenix import tasks
from rxphoenix.errors import ConnectionFault, ConnectionLost, ConnectionRefused
from rxphoenix.protocol.address import auth_subprotocols
from rxphoenix.protocol.message import Frame
from rxphoenix.transports.base import Callbacks, CloseRequest, ConnectRequest, Opened
from rxphoenix.transports.carrier import Carrier
from rxphoenix.transports.http import refusal

__all__ = ["PicoConnection", "PicoOptions"]

_CLOSING_SECONDS = 1.0
_TOO_BIG = "the message is too big"
_CORK: int | None = getattr(socket_module, "TCP_CORK", None)
_TEXT, _BINARY = picows.WSMsgType.TEXT, picows.WSMsgType.BINARY

# Headers and addresses may be secret, and picows shows them to its logger.
_silent = logging.Logger("rxphoenix.transports.picows", logging.CRITICAL + 1)


class PicoOptions(msgspec.Struct, frozen=True):
    """What a connection is made with; see ``PicoWebSocket``."""

    max_message_size: int
    max_unsent_size: int
    ssl: ssl_module.SSLContext | bool
    proxy: str | None
    trust_env: bool

    def proxy_for(self, url: URL) -> str | None:
        """The proxy to use for an address, if any."""
        if self.proxy is not None or not self.trust_env:
            return self.proxy
        if url.host is None or urllib.request.proxy_bypass(url.host):
            return None
        proxies = urllib.request.getproxies()
        return proxies.get(url.scheme) or proxies.get("https" if url.scheme == "wss" else "http")

    def tls(self) -> ssl_module.SSLContext:
        """How to trust a server."""
        if isinstance(self.ssl, ssl_module.SSLContext):
            return self.ssl
        context = ssl_module.create_default_context()
        if not self.ssl:
            context.check_hostname = False
            context.verify_mode = ssl_module.CERT_NONE
        return context


class PicoConnection(Carrier, picows.WSListener):
    """One connection: picows calls it for each frame; its task sees to beginning and end."""

    def __init__(self, options: PicoOptions, request: ConnectRequest, observer: Callbacks) -> None:
        super().__init__(request, observer, options.max_unsent_size)
        self._options = options
        self._max_size = options.max_message_size
        self._loop = asyncio.get_running_loop()
        self._ws: picows.WSTransport | None = None
        self._raw_socket: socket_module.socket | None = None
        self._ending: asyncio.Future[ConnectionFault | None] = self._loop.create_future()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._deadline: asyncio.TimerHandle | None = None
        self._hurry = False
        self._parts: list[bytes] = []
        self._parts_size = 0
        self._parts_are_binary = False
        self._in_parts = False
        self._heard_all = False
        """Whether nothing counts that comes now."""
        self._unread: deque[Frame | ConnectionFault | None] = deque()
        self._straight: Callable[[bytes], object] | None = None
        """Where a text frame that is a whole message goes, unless something else has to be seen to first."""
        self._waiting: deque[Frame] = deque()
        self._idle = True
        self._is_full = False
        self._is_closing = False
        self._farewell: CloseRequest | None = None

    # -- connecting ----------------------------------------------------------------------------------------------

    async def run(self) -> ConnectionFault:
        """Connect and carry frames; returns why it ended."""
        try:
            await self._connect()
            fault = await self._ending
            return await self._why() if fault is None else fault
        except ConnectionFault as error:
            return error
        except asyncio.CancelledError:
            self._hurry = True
            raise
        finally:
            self._over = True
            self._idle = False
            await self._hang_up()

    async def _connect(self) -> None:
        connecting = tasks.begin(self._loop, self._handshake(), "rxphoenix picows handshake")
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # picows leaves its connection behind when it is cancelled in the middle of the handshake; what it waits for
            # ends when the connection is cut
            if self._raw_socket is None:
                connecting.cancel()
            else:
                with suppress(OSError):
                    self._raw_socket.shutdown(socket_module.SHUT_RDWR)
            await asyncio.wait({connecting})
            if not connecting.cancelled():
                connecting.exception()
            raise

    async def _handshake(self) -> None:
        request, options = self._request, self._options
        if request.session is not None:
            raise ConnectionRefused(
                "PicoWebSocket cannot use a session of aiohttp: leave session out, or use WebSocket"
            )
        proxy: str | None = None
        try:
            url = URL(request.address.url("websocket"), encoded=True)
            proxy = options.proxy_for(url)
            jar = cast("aiohttp.CookieJar", request.memory.setdefault(aiohttp.CookieJar, aiohttp.CookieJar()))
            page = url.with_scheme("https" if url.scheme == "wss" else "http")
            connect: Callable[..., Awaitable[tuple[Any, Any]]] = cast("Any", picows).ws_connect
            ws, _ = await connect(
                lambda: self,
                str(url.with_user(None)),
                ssl_context=options.tls() if url.scheme == "wss" else None,
                disconnect_on_exception=True,
                websocket_handshake_timeout=None,
                logger_name=_silent,
                max_frame_size=options.max_message_size,
                extra_headers=self._headers(url, jar.filter_cookies(page).output(header="", sep=";").strip()),
                max_redirects=0,
                proxy=proxy,
                socket_factory=self._open_socket,
            )
        except picows.WSHandshakeError as error:
            fault = _refusal(error)
        except Exception as error:  # whatever it is, its words may hold an address
            fault = ConnectionRefused(_without_address(error, proxy is not None))
        else:
            if self._ws is not None:
                jar.update_cookies_from_headers(ws.response.headers.getall("Set-Cookie", []), page)
                return
            fault = ConnectionRefused("the server hung up without an answer")
        raise fault  # here, so that no __context__ leads to an error that shows the address

    def _headers(self, url: URL, cookies: str) -> list[tuple[str, str]]:
        headers = list(self._request.headers.items())
        if url.user is not None:
            credentials = aiohttp.encode_basic_auth(url.user, url.password or "")
            headers.append(("Authorization", credentials))
        if cookies:
            headers.append(("Cookie", cookies))
        if self._request.auth_token is not None:
            headers.append(("Sec-WebSocket-Protocol", ",".join(auth_subprotocols(self._request.auth_token))))
        return headers

    async def _open_socket(self, url: Any) -> socket_module.socket:
        infos = await self._loop.getaddrinfo(url.host, url.port, type=socket_module.SOCK_STREAM)
        start: Callable[..., Awaitable[socket_module.socket]] = cast("Any", aiohappyeyeballs).start_connection
        opened = await start(infos, happy_eyeballs_delay=0.25, interleave=1)
        self._raw_socket = opened
        return opened

    # -- receiving: what picows calls ------------------------------------------------------------------------------

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """The handshake is done."""
        self._ws = transport
        if self._ending.done() or self._asked:
            return
        self._open = True
        self._go_straight()
        self._observer.on_next(Opened(self._send, hold_back=self.hold_back))

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """A frame has come, whole."""
        straight = self._straight
        if (
            straight is not None
            and frame.msg_type is _TEXT
            and frame.fin
            and frame.payload_size <= self._max_size
            and not (frame.rsv1 or frame.rsv2 or frame.rsv3)
        ):
            straight(frame.get_payload_as_bytes())
        else:
            self._take(transport, frame)

    def _go_straight(self) -> None:
        is_plain = not (self._in_parts or self._held or self._unread or self._heard_all)
        self._straight = self._observer.on_text if is_plain else None

    def _take(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if self._heard_all:  # picows goes on with what came together with a close, or with what broke a rule
            return
        try:
            self._take_valid(transport, frame)
        except Exception:
            self._heard_all = True
            raise
        finally:
            self._go_straight()

    def _take_valid(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise _protocol_error("reserved bits that nobody has asked for")
        if kind == picows.WSMsgType.CLOSE:
            self._heard_all = True
            if transport.is_close_frame_sent and not self._is_closing:
                self._emit(None)  # the answer to a close of picows's own: the server broke a rule
            else:
                code = int(cast("int", frame.get_close_code()))
                self._emit(ConnectionLost(frame.get_close_reason() or "", code=code or None))
            return
        if kind == picows.WSMsgType.PONG:
            return
        # picows looks at the size of each frame, but hands a frame that is too big on after all if more follows
        self._parts_size += frame.payload_size
        if self._parts_size > self._max_size:
            raise picows.WSProtocolError(picows.WSCloseCode.MESSAGE_TOO_BIG, _TOO_BIG)
        if (kind == picows.WSMsgType.CONTINUATION) != self._in_parts:
            raise _protocol_error("parts of a message in a wrong order")
        data = frame.get_payload_as_bytes()
        if kind != picows.WSMsgType.CONTINUATION:
            self._parts_are_binary = kind == picows.WSMsgType.BINARY
        if data:
            self._parts.append(data)
        self._in_parts = not frame.fin
        if frame.fin:
            parts, self._parts, self._parts_size = self._parts, [], 0
            self._emit(Frame(b"".join(parts), binary=self._parts_are_binary))

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        """The connection is gone."""
        self._emit(None)
        if not self._gone.done():
            self._gone.set_result(None)

    def _emit(self, event: Frame | ConnectionFault | None) -> None:
        """Emit a frame, or end with a fault, or with ``None`` for a connection that is gone; in order, when read."""
        if self._unread or (self._held and isinstance(event, Frame)):
            self._unread.append(event)
            if self._held and self._ws is not None and not self._gone.done():  # what follows stays in the network
                cast("asyncio.ReadTransport", self._ws.underlying_transport).pause_reading()
        elif isinstance(event, Frame):
            self._observer.on_next(event)
        elif not self._ending.done():
            self._ending.set_result(event)

    def hold_back(self, held: bool) -> None:
        """Emit no frame and read nothing, or read on."""
        super().hold_back(held)
        self._go_straight()
        if not self._held:
            self._loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        while self._unread and not self._held:
            unread, self._unread = self._unread, deque[Frame | ConnectionFault | None]()
            while unread and not self._held:
                self._emit(unread.popleft())
            self._unread.extendleft(reversed(unread))
        self._go_straight()
        if not self._held and self._ws is not None and not self._gone.done():
            cast("asyncio.ReadTransport", self._ws.underlying_transport).resume_reading()

    # -- sending -------------------------------------------------------------------------------------------------

    def _send(self, frame: Frame) -> None:
        if self._idle:
            self._idle = False
            self._write(frame)
            self._loop.call_soon(self._next_turn)
        elif not self._over and not self._is_closing and self._has_room(frame):
            self._waiting.append(frame)

    def _write(self, frame: Frame) -> None:
        assert self._ws is not None
        self._ws.send(_BINARY if frame.binary else _TEXT, frame.data)

    def _next_turn(self) -> None:
        waiting = self._waiting
        if waiting and not self._is_full:
            with _kept_together(self._raw_socket, len(waiting)):
                while waiting and not self._is_full:
                    frame = waiting.popleft()
                    self._unsent_size -= len(frame.data)
                    self._write(frame)
        self._idle = not (waiting or self._is_full or self._is_closing or self._over)
        if not waiting and self._farewell is not None:
            self._say_farewell(self._farewell)

    def pause_writing(self) -> None:
        """The network takes no more at present."""
        self._is_full = True
        self._idle = False

    def resume_writing(self) -> None:
        """The network takes more."""
        self._is_full = False
        self._next_turn()

    # -- ending --------------------------------------------------------------------------------------------------

    def drop(self) -> None:
        """Abandon it: what waits to be written is not, and nothing more is emitted."""
        super().drop()
        self._straight = None

    def _flush_and_close(self, close: CloseRequest) -> None:
        self._allow(close.grace)
        self._is_closing = True
        self._idle = False
        self._farewell = close
        if not self._waiting:
            self._say_farewell(close)

    def _say_farewell(self, close: CloseRequest) -> None:
        self._farewell = None
        if self._ws is not None:
            self._ws.send_close(cast("picows.WSCloseCode", close.code or 1000), close.reason.encode())

    def _allow(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self._stop_closing)

    def _ended(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    async def _why(self) -> ConnectionFault:
        """Why a connection is gone that no close frame has ended."""
        assert self._ws is not None
        try:
            await self._ws.wait_disconnected()
        except picows.WSProtocolError as error:
            code = int(error.code)
            words = _TOO_BIG if code == 1009 else "the server broke the WebSocket protocol"
            return ConnectionLost(words, code=code)
        except Exception:
            return ConnectionLost("reading failed")
        return ConnectionLost("the connection dropped without a close frame")

    async def _hang_up(self) -> None:
        """End the connection, within a second; whatever is left of it then is cut off."""
        ws = self._ws
        if ws is None:
            return
        if not self._gone.done():
            ws.send_close(picows.WSCloseCode.OK)  # nothing, if one was sent
            if not self._hurry:
                ws.disconnect()
                self._allow(_CLOSING_SECONDS)
                with suppress(asyncio.CancelledError):
                    await self._gone
        if not self._gone.done():
            ws.disconnect(graceful=False)
        with suppress(asyncio.CancelledError, Exception):
            await ws.wait_disconnected()  # in the next turn; what it raises was told by then


@contextmanager
def _kept_together(sock: socket_module.socket | None, writes: int) -> Generator[None]:
    """Have the kernel keep so many writes together, where it can; ``sock`` is ``None`` for one that is none of TCP."""
    if sock is None or _CORK is None or writes < 2:
        yield
        return
    with suppress(OSError):
        sock.setsockopt(socket_module.IPPROTO_TCP, _CORK, 1)
    try:
        yield
    finally:
        with suppress(OSError):
            sock.setsockopt(socket_module.IPPROTO_TCP, _CORK, 0)


def _protocol_error(words: str) -> picows.WSProtocolError:
    return picows.WSProtocolError(picows.WSCloseCode.PROTOCOL_ERROR, words)


def _refusal(error: picows.WSHandshakeError) -> ConnectionRefused:
    response, status = error.response, None
    if response is not None:
        status = int(response.status)
    elif error.raw_header is not None:
        words = error.raw_header.split(b"\r\n", 1)[0].split(b" ", 2)
        if len(words) > 1 and words[0].startswith(b"HTTP/1.") and words[1].isdigit() and len(words[1]) == 3:
            status = int(words[1])  # one that the standard library has no name for
    if status is None or status == 101:
        if isinstance(error, picows.WSInvalidMessageError):
            return ConnectionRefused("the request failed (its answer is no HTTP, or has no end)")
        return ConnectionRefused("the answer to the upgrade is not a WebSocket handshake")
    if 300 <= status < 400:
        return ConnectionRefused("redirects are not followed; give the final address", status=status)
    return refusal(status, None if response is None else response.headers)


def _without_address(error: Exception, through_proxy: bool) -> str:
    if isinstance(error, ssl_module.SSLError | ssl_module.CertificateError):
        return "TLS failed: the server's certificate could not be verified, or its TLS could not be spoken"
    if through_proxy and (isinstance(error, OSError) or type(error).__name__ == "ProxyError"):
        return "the proxy refused or could not be reached"
    if isinstance(error, socket_module.gaierror):
        return "the host name could not be resolved"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "the server hung up without an answer"
    if isinstance(error, OSError):
        return f"could not connect ({type(error).__name__ if error.errno is None else os.strerror(error.errno)})"
    return f"the request failed ({type(error).__name__})"

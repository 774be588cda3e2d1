"""WebSocket connections, by picows: quicker than aiohttp's, and without compression. The extra ``rxphoenix[fast]``.

What lives here: what a user says of them. What does not: the connection (``pico_connection.py``), which is loaded when
one is made.
"""

from __future__ import annotations

import importlib.util
import ssl as ssl_module

from reactivex import Observable

from rxphoenix.transports.base import Callbacks, ConnectRequest, TransportEvent
from rxphoenix.transports.carrier import MAX_UNSENT_SIZE, Carrier, carried, check_size

__all__ = ["PicoWebSocket"]


class PicoWebSocket:
    """Connect by WebSocket over picows, which costs less for each frame; needs the extra ``rxphoenix[fast]``.

    It does what ``WebSocket`` does, but for compression and ``Socket(session=...)``, which it refuses.

    Arguments:
        max_message_size: bytes that a message from the server may have; a bigger one ends the connection.
        max_unsent_size: bytes of frames that may wait for a server that does not read; more end the connection.
        ssl: an ``ssl.SSLContext``, for example with a certificate authority of your own; ``False`` verifies nothing.
        proxy: the URL of a proxy: ``http:``, ``https:``, ``socks4:`` or ``socks5:``.
        trust_env: whether to take proxies from the environment (``HTTPS_PROXY`` and its like).

    Raises:
        ImportError: picows is not installed.

    Example:
        ```python
        from rxphoenix import PicoWebSocket, Socket

        socket = Socket("wss://example.com/socket", transport=PicoWebSocket(max_message_size=1024 * 1024))
        ```
    """

    def __init__(
        self,
        *,
        max_message_size: int = 64 * 1024 * 1024,
        max_unsent_size: int = MAX_UNSENT_SIZE,
        ssl: ssl_module.SSLContext | bool = True,
        proxy: str | None = None,
        trust_env: bool = False,
    ) -> None:
        if importlib.util.find_spec("picows") is None:
            raise ImportError("PicoWebSocket needs picows; install it with: pip install 'rxphoenix[fast]'")
        from rxphoenix.transports.pico_connection import PicoConnection, PicoOptions

        options = PicoOptions(
            check_size("max_message_size", max_message_size),
            check_size("max_unsent_size", max_unsent_size),
            ssl,
            proxy,
            trust_env,
        )

        def carry(request: ConnectRequest, observer: Callbacks) -> Carrier:
            return PicoConnection(options, request, observer)

        self._carry = carry

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        """Make the cold observable of one connection."""
        return carried(lambda observer: self._carry(request, observer), "rxphoenix picows")

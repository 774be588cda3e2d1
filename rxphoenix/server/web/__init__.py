"""The server on a network: the only part of it that knows aiohttp.

What lives here: listening, HTTP, WebSocket, and misbehaving on demand. What does not: the application and the order
in which things happen, which know no transport.
"""

from rxphoenix.server.web.phoenix_server import PhoenixServer

__all__ = ["PhoenixServer"]

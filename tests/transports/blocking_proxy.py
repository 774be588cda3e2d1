"""A network that does not let WebSockets through, in each of the ways in which networks do that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.transports.peers import for_ever, read_head, tcp_server


class BlockingProxy:
    """A proxy in front of a server; plain HTTP passes.

    Arguments:
        server_port: where the server listens.
        mode: what becomes of an upgrade: ``"pass"``; ``"strip"``, as a proxy does that does not know of upgrades: it
            passes the request on without those headers; ``"refuse"`` with 403; ``"stall"``: it is never answered;
            ``"deaf"``: it is passed on, and nothing after it is.
    """

    def __init__(self, server_port: int, mode: str) -> None:
        self.mode = mode
        self.upgrades = 0
        self.port = 0
        self._server_port = server_port

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, headers = await read_head(reader)
        upgrades = "upgrade" in headers
        mode = self.mode if upgrades else "pass"
        self.upgrades += upgrades
        if mode == "stall":
            await for_ever()
        if mode == "refuse":
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nblocked")
            await writer.drain()
            return
        if mode == "strip":
            headers = {name: value for name, value in headers.items() if name not in ("upgrade", "connection")}
        upstream, upward = await asyncio.open_connection("127.0.0.1", self._server_port)
        try:
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            upward.write(f"{first}\r\n{lines}\r\n".encode())
            if mode == "deaf":
                writer.write(await upstream.readuntil(b"\r\n\r\n"))
                await for_ever()
            relays = [
                asyncio.ensure_future(self._relay(reader, upward)),
                asyncio.ensure_future(self._relay(upstream, writer)),
            ]
            try:
                await asyncio.wait(relays, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for relay in relays:
                    relay.cancel()
                await asyncio.wait(relays)
        finally:
            upward.transport.abort()

    async def _relay(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass  # the other relay ends with this one


@asynccontextmanager
async def blocking_proxy(server_port: int, mode: str) -> AsyncGenerator[BlockingProxy]:
    """Such a proxy, listening."""
    proxy = BlockingProxy(server_port, mode)
    async with tcp_server(proxy.serve) as proxy.port:
        yield proxy

"""A network that goes wrong exactly where it is told to, between a client and a server.

What lives here: passing on, and the ways of going wrong. What does not: knowing what passes (``wire.py``).
"""

from __future__ import annotations

import asyncio
import socket as sockets
import struct
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.faults.wire import Exchange, Names, Unit

__all__ = ["DELAY", "OUTAGE", "Fault", "Proxy", "proxy_before"]

DELAY = 3.0
"""Seconds for which a delayed unit is held up, and all behind it."""

TOGETHER = 0.5
"""Seconds for which a unit waits for another to go with."""

OUTAGE = 25.0
"""Seconds that an outage lasts."""


class Fault(NamedTuple):
    """What goes wrong, and where.

    Arguments:
        kind: ``"cut"`` (FIN both ways) or ``"reset"`` (RST both ways) before the unit, ``"cut inside"`` and ``"reset
            inside"`` after half of it; ``"stall"``: nothing passes on this connection any more, ``"deaf up"`` and
            ``"deaf down"``: in one direction only, ``"outage"``: on no connection, for a while; ``"delay"``,
            ``"split"`` into single bytes, ``"merge"`` with what follows; ``"corrupt head"``, ``"corrupt body"``.
        stage: the name of the unit that it strikes, or ``"connect"``: a new connection.
    """

    kind: str
    stage: str


class Proxy:
    """Passes on what it gets, until the fault strikes, which it does once.

    Arguments:
        server_port: where the server listens.
        fault: what is to go wrong, ``None`` for nothing.
    """

    def __init__(self, server_port: int, fault: Fault | None = None) -> None:
        self.fault = fault
        self.struck = asyncio.Event()
        self.port = 0
        self.connections = 0
        self.is_out = False
        self.names = Names()
        self.pairs: set[_Pair] = set()
        self.merged = 0
        """How many units went in one segment with another."""
        self._server_port = server_port
        self._later: list[asyncio.TimerHandle] = []

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def strikes(self, names: frozenset[str]) -> str | None:
        """Which way of going wrong begins with a unit of these names, if one does."""
        fault = self.fault
        if fault is None or fault.stage not in names:
            return None
        self.fault = None
        self.struck.set()
        return fault.kind

    def strike(self, kind: str) -> None:
        """Let all open connections go wrong now, with nothing on its way."""
        self.struck.set()
        if kind == "outage":
            self.go_out()
        for pair in tuple(self.pairs):
            pair.begin(kind)

    def go_out(self) -> None:
        """Let nothing pass, on old connections and new ones; those that are new after a while work."""
        self.is_out = True
        for pair in self.pairs:
            pair.stall()
        self.later(OUTAGE, self._come_back)

    def _come_back(self) -> None:
        self.is_out = False

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something after a time, unless the test is over by then."""
        self._later.append(asyncio.get_running_loop().call_later(seconds, action))

    async def connect(self, pair: _Pair) -> None:
        """Find the server for a client that has connected."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: pair.server, "127.0.0.1", self._server_port)
        except OSError:
            pair.cut()

    async def close(self) -> None:
        """Forget all connections that were forgotten by neither end."""
        for timer in self._later:
            timer.cancel()
        for pair in tuple(self.pairs):
            pair.abort()
        while self.pairs:  # noqa: ASYNC110
            await asyncio.sleep(0)


class _Pair:
    """A connection from the client, and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.exchange = Exchange(proxy.names)
        self.client = _End(self, "up")
        self.server = _End(self, "down")
        self.client.other, self.server.other = self.server, self.client
        self.connecting: asyncio.Task[None] | None = None

    def begin(self, kind: str) -> None:
        """Go wrong with nothing on its way."""
        match kind:
            case "cut":
                self.cut()
            case "reset":
                self.reset()
            case "stall":
                self.stall()
            case "deaf up":
                self.client.is_deaf = True
            case "deaf down":
                self.server.is_deaf = True
            case _:
                assert kind == "outage"

    def stall(self) -> None:
        self.client.is_deaf = self.server.is_deaf = True

    def cut(self) -> None:
        for end in (self.client, self.server):
            end.is_deaf = True
            if end.transport is not None:
                end.transport.close()
        self.forget_server()

    def reset(self) -> None:
        for end in (self.client, self.server):
            end.is_deaf = True
            if end.transport is not None:
                socket = end.transport.get_extra_info("socket")
                socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
                end.transport.abort()
        self.forget_server()

    def abort(self) -> None:
        for end in (self.client, self.server):
            if end.transport is not None:
                end.transport.abort()
        self.forget_server()

    def forget_server(self) -> None:
        if self.connecting is not None:
            self.connecting.cancel()


class _End(asyncio.Protocol):
    """One of the two; what it gets goes out at the other."""

    def __init__(self, pair: _Pair, direction: str) -> None:
        self.pair = pair
        self.other: _End = self
        self.transport: asyncio.Transport | None = None
        self.is_deaf = False
        """Whether what it gets is lost."""
        self._is_up = direction == "up"
        self._waiting: deque[bytes] = deque()
        self._is_holding = False
        self._merging: list[bytes] | None = None
        self._ends = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        proxy = self.pair.proxy
        if not self._is_up:
            self.other._go_on()
            return
        proxy.connections += 1
        proxy.pairs.add(self.pair)
        kind = proxy.strikes(frozenset({"connect"}))
        if proxy.is_out:
            self.pair.stall()
        if kind is not None:
            self.pair.begin(kind)
        if not transport.is_closing():
            self.pair.connecting = asyncio.get_running_loop().create_task(proxy.connect(self.pair))

    def data_received(self, data: bytes) -> None:
        exchange = self.pair.exchange
        for unit in exchange.from_client(data) if self._is_up else exchange.from_server(data):
            if not self.is_deaf:
                self._take(unit)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport, self._ends = None, True
        if not self.is_deaf:
            self._go_on()
        if self.other.transport is None:
            self.pair.forget_server()
            self.pair.proxy.pairs.discard(self.pair)

    def _take(self, unit: Unit) -> None:
        pair, data = self.pair, unit.data
        kind = pair.proxy.strikes(unit.names)
        match kind:
            case "cut" | "reset" | "stall":
                pair.begin(kind)
                return
            case "outage":
                pair.proxy.go_out()
                return
            case "deaf up" | "deaf down":
                pair.begin(kind)
                if self.is_deaf:
                    return
            case "cut inside" | "reset inside":
                self._pass(data[: len(data) // 2])
                pair.begin(kind.partition(" ")[0])
                return
            case "delay":
                self._is_holding = True
                pair.proxy.later(DELAY, self._stop_holding)
            case "split":
                self._waiting.extend(data[index : index + 1] for index in range(len(data)))
                self._go_on()
                return
            case "merge":
                self._merging = []
                pair.proxy.later(TOGETHER, self._stop_merging)
            case "corrupt head":
                data = bytes([data[0] ^ 0x70]) + data[1:]
            case "corrupt body":
                middle = (unit.body + len(data)) // 2
                data = data[:middle] + bytes([data[middle] ^ 0x80]) + data[middle + 1 :]
            case _:
                assert kind is None
        self._pass(data)

    def _pass(self, data: bytes) -> None:
        if self._merging is not None:
            self._merging.append(data)
            if len(self._merging) > 1:
                self.pair.proxy.merged += 1
                self._stop_merging()
        else:
            self._waiting.append(data)
            self._go_on()

    def _stop_merging(self) -> None:
        merged, self._merging = self._merging, None
        if merged:
            self._pass(b"".join(merged))

    def _stop_holding(self) -> None:
        self._is_holding = False
        self._go_on()

    def _go_on(self) -> None:
        """Pass on what waits; single bytes one turn after the other."""
        sink = self.other.transport
        if self._is_holding or sink is None or sink.is_closing():
            return
        while self._waiting:
            data = self._waiting.popleft()
            sink.write(data)
            if len(data) == 1 and self._waiting:
                asyncio.get_running_loop().call_soon(self._go_on)
                return
        if self._ends and self._merging is None:
            sink.close()


@asynccontextmanager
async def proxy_before(server_port: int, fault: Fault | None = None) -> AsyncGenerator[Proxy]:
    """Such a network, with a server behind it."""
    proxy = Proxy(server_port, fault)
    listener = await asyncio.get_running_loop().create_server(lambda: _Pair(proxy).client, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.close()
        await listener.wait_closed()

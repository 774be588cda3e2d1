"""One life of a client on a network that goes wrong once: it joins, waits, pushes, leaves and closes.

What lives here: what happens, and what is kept of it. What does not: where it goes wrong, and what is to come of it
(``test_cells.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from reactivex import Observable
from reactivex import operators as ops

from rxphoenix import ChannelState, Fallback, LongPoll, PicoWebSocket, Reply, Socket, SocketState, Transport, WebSocket
from rxphoenix.server import Endpoint, PhoenixServer, ServerChannel, ServerSocket
from tests.faults.leaping import LeapingLoop, LeapingScheduler
from tests.faults.proxy import Fault, Proxy, proxy_before

__all__ = ["TRANSPORTS", "Life", "live"]

TRANSPORTS: dict[str, Callable[[], Transport]] = {
    "websocket": WebSocket,
    "picows": PicoWebSocket,
    "longpoll": LongPoll,
    "fallback": lambda: Fallback(WebSocket(), LongPoll()),
}

_FOR_EVER = 1000.0
"""Seconds after which a step has failed, whatever it may take."""


class Counting(ServerChannel[ServerSocket]):
    """Counts the joins, and the pushes that arrive; replies, and tells everybody."""

    def __init__(self, life: Life) -> None:
        self._life = life

    async def join(self, topic: str, params: Any) -> Any:
        self._life.joins += 1
        return {}

    async def handle_in(self, event: Any, payload: Any) -> Reply:
        self._life.arrived.append(payload["n"])
        self.broadcast("news", payload)
        return Reply("ok", payload)

    async def terminate(self, reason: str) -> None:
        self._life.ends += 1


class Life:
    """What happened in it. Seconds are those of the client."""

    def __init__(self) -> None:
        self.states: list[SocketState] = []
        self.channel_states: list[ChannelState] = []
        self.errors: list[Exception] = []
        self.news: list[Any] = []
        """What the stream of the channel emitted, and how it ended: ``"completed"`` or the error."""
        self.joined: list[bool] = []
        """For each accepted join whether it was a rejoin."""
        self.outcomes: dict[int, list[Any]] = {}
        """For each push all that its observer heard: values, errors, ``"completed"``."""
        self.seconds: dict[str, float] = {}
        """How long each step took."""
        self.struck = False
        self.connections = self.merged = 0
        self.joins = self.ends = 0
        self.arrived: list[int] = []
        """The pushes that the server got."""

    def watch(self, socket: Socket) -> None:
        """Keep what the socket shows, and what its channel does."""
        room = socket.channel("room:a")
        socket.state.subscribe(self.states.append)
        socket.errors.subscribe(lambda fault: self.errors.append(fault.error))
        room.state.subscribe(self.channel_states.append)

    def subscribe(self, socket: Socket) -> None:
        """Join, and keep what comes."""
        room = socket.channel("room:a")
        room.on("news").subscribe(
            lambda news: self.news.append(news["n"]), self.news.append, lambda: self.news.append("completed")
        )
        room.joined.subscribe(lambda joined: self.joined.append(joined.rejoin))

    async def push(self, socket: Socket, number: int) -> None:
        """Push, and wait for whatever comes of it."""
        heard = self.outcomes[number] = []
        over = asyncio.Event()

        def end(what: Any) -> None:
            heard.append(what)
            over.set()

        pushed = socket.channel("room:a").push("count", {"n": number})
        pushed.subscribe(lambda value: heard.append(value["n"]), end, lambda: end("completed"))
        await over.wait()


async def becomes(stream: Observable[Any], wanted: Any) -> None:
    """Wait until a state is what it should be."""
    await stream.pipe(ops.first(lambda value: value == wanted))


async def live(transport: str, fault: Fault | None, *, idle_for: float = 0.0, pushes_early: bool = False) -> Life:
    """Live a life.

    Arguments:
        transport: what carries the frames.
        fault: what goes wrong; at the stage ``"idle"`` with nothing on its way.
        idle_for: seconds that it waits between joining and pushing.
        pushes_early: whether it pushes while it joins; else it waits for that first.
    """
    life = Life()
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"room:*": lambda: Counting(life)})
    idle_fault = fault.kind if fault is not None and fault.stage == "idle" else None
    async with (
        PhoenixServer(endpoint) as server,
        proxy_before(server.port, None if idle_fault else fault) as proxy,
    ):
        await _live(life, transport, proxy, idle_fault, idle_for, pushes_early)
        life.struck = proxy.struck.is_set()
        life.connections, life.merged = proxy.connections, proxy.merged
    return life


async def _live(
    life: Life, transport: str, proxy: Proxy, idle_fault: str | None, idle_for: float, pushes_early: bool
) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LeapingLoop)
    socket = Socket(
        proxy.url + "/socket",
        transport=TRANSPORTS[transport](),
        scheduler=LeapingScheduler(loop),
        random=Random(2),  # each time the same: a pause of 1 s becomes one of 1.23 s
    )
    room = socket.channel("room:a")
    life.watch(socket)
    began = 0.0

    async def step(name: str) -> None:
        life.seconds[name] = loop.time() - began

    async with asyncio.timeout(_FOR_EVER):
        socket.connect()
        began = loop.time()
        life.subscribe(socket)
        early = asyncio.ensure_future(life.push(socket, 1)) if pushes_early else None
        await becomes(room.state, ChannelState.JOINED)
        await step("join")

        began = loop.time()
        await asyncio.sleep(idle_for)
        if idle_fault is not None:
            proxy.strike(idle_fault)
            await becomes(socket.state, SocketState.CLOSED)
        await becomes(room.state, ChannelState.JOINED)
        await step("idle")

        began = loop.time()
        await (early or life.push(socket, 1))
        await step("push")

        began = loop.time()
        number, replied = 1, False
        while not replied:
            number += 1
            await life.push(socket, number)
            replied = life.outcomes[number] == [number, "completed"]
        await becomes(room.state, ChannelState.JOINED)
        await step("recover")

        began = loop.time()
        await room.leave()
        await step("leave")
        await becomes(socket.state, SocketState.OPEN)

        began = loop.time()
        socket.close()
        await socket.wait_closed()
        await step("close")

"""Clocks that jump and loops that are blocked: what has come meanwhile counts, and what is dead is found.

The server runs on a thread of its own and goes on while the client's loop is blocked, as it does when it is elsewhere.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from rxphoenix import ChannelState, HeartbeatTimeout, Reply, Socket, SocketState
from rxphoenix.server import ConnectInfo, Endpoint, PhoenixServer, ServerChannel, ServerSocket
from tests.faults.leaping import BlockableLoop, LeapingLoop, LeapingScheduler, on_a
from tests.faults.proxy import proxy_before
from tests.faults.scene import TRANSPORTS, Counting, Life, becomes
from tests.house.leaks import FIXTURE_THREAD

MINUTE = 60.0


class Gate:
    """A server that answers what it is told to hold up only when it may."""

    def __init__(self) -> None:
        self.held = ""
        """What it holds up: ``"connect"``, ``"join"`` or ``"push"``."""
        self.arrived = threading.Event()
        """Set when that has come."""
        self.url = ""
        self._may = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()

    def open(self) -> None:
        """Let it answer, from any thread."""
        self._loop.call_soon_threadsafe(self._may.set)

    async def passes(self, what: str) -> None:
        if what == self.held:
            self.arrived.set()
            await self._may.wait()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve, on a thread of its own."""
        endpoint = Endpoint()
        endpoint.socket("/socket", lambda: GatedSocket(self), channels={"*": lambda: GatedChannel(self)})
        started = threading.Event()

        async def serve() -> None:
            async with PhoenixServer(endpoint) as server:
                self.url = server.url + "/socket"
                started.set()
                await self._end.wait()

        def run() -> None:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(serve())

        thread = threading.Thread(target=run, name=f"{FIXTURE_THREAD} a server that goes on")
        thread.start()
        started.wait()
        try:
            yield
        finally:
            self.open()
            self._loop.call_soon_threadsafe(self._end.set)
            thread.join()


class GatedSocket(ServerSocket):
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def connect(self, params: dict[str, Any], info: ConnectInfo) -> None:
        await self._gate.passes("connect")


class GatedChannel(ServerChannel[ServerSocket]):
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def join(self, topic: str, params: Any) -> Any:
        await self._gate.passes("join")
        return {}

    async def handle_in(self, event: Any, payload: Any) -> Reply:
        await self._gate.passes("push")
        return Reply("ok", payload)


async def comes(event: threading.Event) -> None:
    """Wait for what another thread does, without letting time pass."""
    while not event.is_set():  # noqa: ASYNC110
        await asyncio.sleep(0)


def blockable() -> tuple[BlockableLoop, LeapingScheduler]:
    """The loop that runs, and a scheduler on it."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, BlockableLoop)
    return loop, LeapingScheduler(loop)


@pytest.mark.parametrize("transport", ["websocket", "picows", "longpoll"])
@pytest.mark.parametrize("held", ["connect", "join", "push"])
@on_a(BlockableLoop)
async def test_what_was_answered_while_the_loop_was_blocked_for_a_minute_is_read_before_it_is_late(
    held: str, transport: str
):
    gate, life = Gate(), Life()
    loop, scheduler = blockable()
    with gate.serving():
        async with Socket(gate.url, transport=TRANSPORTS[transport](), scheduler=scheduler) as socket:
            life.watch(socket)
            room = socket.channel("room:a")
            with room.subscribe():
                if held == "push":
                    await becomes(room.state, ChannelState.JOINED)
                gate.held = held
                pushing = asyncio.ensure_future(life.push(socket, 1))
                await comes(gate.arrived)
                gate.open()
                # a post is answered with the join in it; one with a push may have been answered before
                loop.block(MINUTE, unread=2 if (transport, held) == ("longpoll", "join") else 1)
                await pushing
    assert life.outcomes == {1: [1, "completed"]}
    assert life.errors == []


@pytest.mark.parametrize("transport", ["websocket", "picows", "longpoll"])
@on_a(BlockableLoop)
async def test_a_loop_that_was_blocked_for_a_minute_loses_no_connection(transport: str):
    gate, life = Gate(), Life()
    loop, scheduler = blockable()
    with gate.serving():
        async with Socket(gate.url, transport=TRANSPORTS[transport](), scheduler=scheduler) as socket:
            life.watch(socket)
            room = socket.channel("room:a")
            with room.subscribe():
                await becomes(room.state, ChannelState.JOINED)
                for number in range(3):
                    beaten = asyncio.Event()
                    with socket.latency.subscribe(lambda _, beaten=beaten: beaten.set()):
                        loop.block(MINUTE)
                        await life.push(socket, number)
                        if transport != "longpoll":
                            await beaten.wait()  # it was due meanwhile
    assert life.outcomes == {number: [number, "completed"] for number in range(3)}
    assert life.errors == []


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)], ids=["slept", "set back"])
@pytest.mark.parametrize("stage", ["join", "push", "idle"])
@on_a(LeapingLoop)
async def test_a_wall_clock_that_jumps_while_all_is_well_changes_nothing(jump: timedelta, stage: str):
    loop = asyncio.get_running_loop()
    scheduler, life = LeapingScheduler(loop), Life()
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"*": lambda: Counting(life)})

    def passes(at: str) -> None:
        if at == stage:
            scheduler.asleep += jump

    async with PhoenixServer(endpoint) as server:
        async with Socket(server.url + "/socket", scheduler=scheduler) as socket:
            life.watch(socket)
            room = socket.channel("room:a")
            with room.subscribe():
                await becomes(socket.state, SocketState.OPEN)
                passes("join")
                await becomes(room.state, ChannelState.JOINED)
                await asyncio.sleep(10)
                passes("idle")
                pushing = asyncio.ensure_future(life.push(socket, 1))
                await asyncio.sleep(0)
                passes("push")
                await pushing
                await asyncio.sleep(200)  # some beats
        assert life.outcomes == {1: [1, "completed"]}
        assert life.errors == []


@on_a(LeapingLoop)
async def test_a_machine_that_slept_finds_a_dead_connection_within_five_seconds_of_its_next_beat():
    loop = asyncio.get_running_loop()
    scheduler, life = LeapingScheduler(loop), Life()
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"*": lambda: Counting(life)})
    async with PhoenixServer(endpoint) as server, proxy_before(server.port) as proxy:
        async with Socket(proxy.url + "/socket", scheduler=scheduler) as socket:
            life.watch(socket)
            room = socket.channel("room:a")
            with room.subscribe():
                await becomes(room.state, ChannelState.JOINED)
                proxy.strike("stall")
                scheduler.asleep += timedelta(hours=8)
                awake = loop.time()
                await becomes(socket.state, SocketState.CLOSED)
                assert loop.time() - awake == pytest.approx(35)
                await life.push(socket, 1)
        assert life.outcomes == {1: [1, "completed"]}
        assert [type(error) for error in life.errors] == [HeartbeatTimeout]

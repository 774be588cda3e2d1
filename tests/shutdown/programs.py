"""Programs that end, each in a process of its own: what a user might write, well or badly.

Started as ``python -m tests.shutdown.programs`` it reads orders, a line of JSON each, and forks for each of them, so
that a program costs its own end and no imports. The fork runs the program down to the last line of this file, and
Python ends as it always does. Both tell what happens as lines of JSON on the standard output.

What lives here: the programs. What does not: what is to come of them (``test_ends.py``).
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from reactivex import operators as ops

from rxphoenix import ChannelState, LongPoll, PicoWebSocket, Reply, Socket, SocketState, WebSocket
from rxphoenix.server import Endpoint, PhoenixServer, ServerChannel, ServerSocket

TRANSPORTS = {"websocket": WebSocket, "picows": PicoWebSocket, "longpoll": LongPoll}
FAR = 60.0

told: dict[str, Any] = {"states": [], "channel": [], "push": None}
"""What the streams of the program have said."""

held: list[Any] = []
"""Where a program leaves what it does not tidy up: reachable until the very end."""


class Order:
    """What a program is to do.

    Arguments:
        url: where to connect.
        transport: by what.
        phase: how far it is to get.
        ending: how it is to end, a name in ``ENDINGS``.
        errors: the file for what it writes to the standard error.
    """

    def __init__(self, url: str, transport: str, phase: str, ending: str, errors: str) -> None:
        self.url = url
        self.transport = transport
        self.phase = phase
        self.ending = ending
        self.errors = errors


def tell(**what: Any) -> None:
    """Write a line."""
    os.write(1, json.dumps(what).encode() + b"\n")


# Phases.


def make_socket(order: Order) -> Socket:
    """A socket whose streams are watched."""
    socket = Socket(
        order.url + "/socket", transport=TRANSPORTS[order.transport](), reconnect_after=lambda attempt, error: FAR
    )
    socket.state.subscribe(lambda state: told["states"].append(str(state)))
    socket.channel("room:a").state.subscribe(lambda state: told["channel"].append(str(state)))
    return socket


async def enter(socket: Socket, phase: str) -> None:
    """Get as far as this, and no further; the network of ``connecting`` and ``closing`` is one that stalls."""
    asyncio.get_running_loop().slow_callback_duration = FAR  # how fast this machine is, is no matter here
    room = socket.channel("room:a", {"slow": phase == "joining"})
    room.subscribe()
    if phase == "connecting":
        await becomes(socket.state, SocketState.CONNECTING)
        return
    if phase == "backoff":
        await socket.errors.pipe(ops.first())
        return
    if phase == "joining":
        await becomes(socket.state, SocketState.OPEN)
        return
    await becomes(room.state, ChannelState.JOINED)
    if phase == "pushing":
        room.push("noreply", {}).subscribe(
            lambda value: told.update(push="replied"), lambda error: told.update(push=type(error).__name__)
        )
        await room.push("echo", {})
    elif phase == "closing":
        socket.close()


async def becomes(stream: Any, wanted: Any) -> None:
    """Wait for a state."""
    await stream.pipe(ops.first(lambda value: value == wanted))


async def told_to_go() -> None:
    """Say that the phase is reached, and wait for the word to go on; a signal may come instead."""
    go = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(0, go.set)
    tell(ready=True)
    try:
        await go.wait()
    finally:
        loop.remove_reader(0)
    os.read(0, 100)


# Endings.


async def tidy(order: Order) -> None:
    """As the documentation has it."""
    async with make_socket(order) as socket:
        held.append(socket)
        await enter(socket, order.phase)
        await told_to_go()


async def careless(order: Order) -> None:
    """Nothing is closed, and nobody listens to errors."""
    socket = make_socket(order)
    held.append(socket)
    await enter(socket, order.phase)
    if order.phase == "pushing" and order.ending != "forever":
        socket.channel("room:a").push("noreply", {}).subscribe()
    await told_to_go()


def run(main: Callable[[Order], Coroutine[Any, Any, None]]) -> Callable[[Order], None]:
    """By ``asyncio.run``, with the usual answer to Ctrl-C."""

    def ending(order: Order) -> None:
        try:
            asyncio.run(main(order))
        except KeyboardInterrupt:
            sys.exit(130)

    return ending


async def exiting(order: Order) -> None:
    """A callback of the loop ends the program."""
    await careless(order)
    asyncio.get_running_loop().call_soon(sys.exit, 3)
    await asyncio.Event().wait()


async def exiting_in_an_observer(order: Order) -> None:
    """An observer of a frame ends the program."""
    await careless(order)
    socket: Socket = held[0]
    socket.messages.subscribe(lambda message: sys.exit(3))
    socket.channel("room:a").push("echo", {}).subscribe()
    await asyncio.Event().wait()


def closed(order: Order) -> None:
    """The loop is closed under the socket."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(careless(order))
    loop.close()
    tell(looked=str(held[0].state.value))


def closed_and_forgotten(order: Order) -> None:
    """The loop is closed, and nobody holds the socket."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(careless(order))
    loop.close()
    del loop
    held.clear()
    gc.collect()


def left(order: Order) -> None:
    """The loop is not even closed."""
    loop = asyncio.new_event_loop()
    held.append(loop)
    loop.run_until_complete(careless(order))
    held.reverse()


def again(order: Order) -> None:
    """The loop is closed under the socket, and another one takes it over."""
    closed(order)

    async def push() -> None:
        async with held[0] as socket:
            tell(again=await socket.channel("room:a", {"slow": False}).push("echo", {"n": 1}))

    asyncio.run(push())


def forever(order: Order) -> None:
    """Ctrl-C flies out of the loop itself, and the program closes the socket then."""
    loop = asyncio.new_event_loop()
    main = loop.create_task(careless(order))
    try:
        loop.run_forever()
    except KeyboardInterrupt:
        main.cancel()
        socket: Socket = held[0]
        socket.close()
        loop.run_until_complete(socket.wait_closed())
        loop.close()
        sys.exit(130)


# With a server in the same loop.


class Room(ServerChannel[ServerSocket]):
    """Answers ``echo``; takes long for a join that asks for it."""

    joining = asyncio.Event()

    async def join(self, topic: str, params: Any) -> Any:
        self.joining.set()
        if params.get("slow"):
            await asyncio.Event().wait()
        return {}

    async def handle_in(self, event: Any, payload: Any) -> Reply | None:
        return Reply("ok", payload) if event == "echo" else None


def application() -> Endpoint:
    """What the programs connect to."""
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"room:*": Room})
    return endpoint


async def serving(order: Order) -> None:
    """A server that nobody stops, and its client."""
    server = PhoenixServer(application())
    await server.start()
    held.append(server)
    order.url = server.url
    socket = make_socket(order)
    held.insert(0, socket)
    await enter(socket, order.phase)
    await Room.joining.wait()
    await told_to_go()


def serving_closed(order: Order) -> None:
    """The loop is closed under a server and its client."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(serving(order))
    loop.close()


def serving_left(order: Order) -> None:
    """The loop of a server and its client is not even closed."""
    loop = asyncio.new_event_loop()
    held.append(loop)
    loop.run_until_complete(serving(order))


ENDINGS: dict[str, Callable[[Order], None]] = {
    "tidy": run(tidy),
    "careless": run(careless),
    "exiting": run(exiting),
    "exiting in an observer": run(exiting_in_an_observer),
    "closed": closed,
    "closed and forgotten": closed_and_forgotten,
    "left": left,
    "again": again,
    "forever": forever,
    "serving": run(serving),
    "serving, closed": serving_closed,
    "serving, left": serving_left,
}


def next_order() -> Order | None:
    """In the fork: what it is to do. In the one that forks: ``None``, when there are no more orders."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            order = Order(**json.loads(line))
            errors = os.open(order.errors, os.O_WRONLY | os.O_CREAT)
            os.dup2(errors, 2)
            return order
        tell(pid=pid)
        _, status = os.waitpid(pid, 0)
        tell(status=os.waitstatus_to_exitcode(status))
    return None


if __name__ == "__main__":
    gc.collect()
    gc.freeze()
    order = next_order()
    if order is not None:
        try:
            ENDINGS[order.ending](order)
        finally:
            tell(told=told)

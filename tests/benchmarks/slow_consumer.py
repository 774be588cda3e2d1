"""What a consumer that is slower than its server costs in memory: held back by ``Overflow.BLOCK``, and not.

    python -m tests.benchmarks.slow_consumer

The embedded server sends 100,000 messages of 1,000 bytes; its source pauses while 2,000 frames wait to be sent. A loop
works on each for a turn of its event loop, and every 10,000th for a second. Once it blocks, with a buffer of 100; once
it has a buffer for all of them. Server and client are processes of their own, each anew for each way: what is told is
by how much the most memory that a process ever had grew, from before the first message on.

What lives here: measuring. What does not: judging; ``test_slow_consumer.py`` only sees to it that this runs.
"""

from __future__ import annotations

import asyncio
import json
import platform
import resource
import subprocess
import sys
from time import perf_counter
from typing import Any, NamedTuple

from rxphoenix import Overflow, Socket, iterate
from rxphoenix.server import Endpoint, PhoenixServer, ServerChannel, ServerSocket
from tests.house.architecture import ROOT

__all__ = ["Way", "main", "measured"]

_UNSENT = 2_000
_BLOCKING = 100


class Way(NamedTuple):
    """What one way took.

    Arguments:
        seconds: from the first message to the last.
        client: by how much the client's memory grew, in MB.
        server: the same of the server.
        unsent: how many frames waited in the server at most.
        exceeded: how many values the loop's buffer took in over its limit.
    """

    seconds: float
    client: float
    server: float
    unsent: int
    exceeded: int


def _peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# -- the server's process --------------------------------------------------------------------------------------------


async def _serve(messages: int, size: int) -> None:
    endpoint = Endpoint()
    begin = asyncio.Event()

    class Numbers(ServerChannel[ServerSocket]):
        async def handle_in(self, event: str, payload: Any) -> None:
            begin.set()

    endpoint.socket("/socket", ServerSocket, channels={"numbers": Numbers})
    async with PhoenixServer(endpoint) as server:
        _say(server.url)
        await begin.wait()
        before, most, padding = _peak(), 0, "x" * size
        for number in range(messages):
            endpoint.broadcast("numbers", "n", {"i": number, "padding": padding})
            if number % 100 == 0:
                most = max(most, server.unsent)
                while server.unsent >= _UNSENT:  # noqa: ASYNC110 - nobody tells when it has sent something
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0)
        while server.connection_count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        _say({"memory": _peak() - before, "unsent": most})


# -- the client's process --------------------------------------------------------------------------------------------


async def _consume(url: str, messages: int, pause: float, *, block: bool) -> None:
    async with Socket(url + "/socket") as socket:
        channel = socket.channel("numbers")
        overflow = Overflow.BLOCK if block else Overflow.ERROR
        async with (
            channel.hold(),
            iterate(channel.on("n"), buffer=_BLOCKING if block else messages, overflow=overflow) as items,
        ):
            before, expected = _peak(), 0
            await channel.push("begin", reply=False)
            begun = perf_counter()
            async for payload in items:
                assert payload["i"] == expected
                expected += 1
                if expected == messages:
                    break
                await asyncio.sleep(pause if expected % 10_000 == 1 else 0)
            _say({"seconds": perf_counter() - begun, "memory": _peak() - before, "exceeded": items.exceeded})


# -- both ------------------------------------------------------------------------------------------------------------


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201


def _process(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.benchmarks.slow_consumer", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _heard(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def measured(way: str, messages: int, size: int, pause: float) -> Way:
    """Run a server and a client, ``"block"`` or ``"buffer"``."""
    with _process("serve", messages, size) as server, _process(way, _heard(server), messages, pause) as client:
        told, served = _heard(client), _heard(server)
    return Way(told["seconds"], told["memory"], served["memory"], served["unsent"], told["exceeded"])


def main(messages: int = 100_000, size: int = 1_000, pause: float = 1.0) -> str:
    """Measure, and tell it as a table."""
    rows = []
    for way, words in (("block", f"`Overflow.BLOCK`, buffer of {_BLOCKING}"), ("buffer", "a buffer for all")):
        took = measured(way, messages, size, pause)
        rows.append(
            f"| {words} | {took.client:.0f} MB | {took.server:.0f} MB | {took.unsent:,} | {took.seconds:.0f} s |"
        )
    return "\n".join(
        [
            f"{messages:,} messages of {size:,} bytes, {platform.processor() or platform.machine()}, "
            f"Python {platform.python_version()}",
            "",
            "| the loop has | the client grew by | the server grew by | unsent at most | it took |",
            "| --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", messages, size]:
            asyncio.run(_serve(int(messages), int(size)))
        case [("block" | "buffer") as way, url, messages, pause]:
            asyncio.run(_consume(url, int(messages), float(pause), block=way == "block"))
        case _:
            print(main())  # noqa: T201

"""However a program ends, it ends soon, says nothing, and its streams have told the truth."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rxphoenix.server import PhoenixServer
from tests.cli.conftest import ENVIRONMENT
from tests.faults.proxy import Fault, proxy_before
from tests.house.architecture import ROOT
from tests.shutdown.programs import TRANSPORTS, application

PHASES = ("connecting", "joining", "idle", "pushing", "closing", "backoff")
REFUSED = "ws://127.0.0.1:1"

SOON = 5.0
"""Seconds that an end may take; what a close may wait for is 1 s."""

HANGS = 20.0
AT_ONCE = 4
"""How many programs run at once."""


class Cell(NamedTuple):
    """One end of one program.

    Arguments:
        ending: the program.
        phase: how far it has got by then.
        transport: what carries its frames.
        signal: what it is sent, ``None`` if it ends by itself.
        status: the exit status that is right.
        strict: whether to make all warnings errors, and to have asyncio look twice.
    """

    ending: str
    phase: str
    transport: str
    signal: int | None
    status: int
    strict: bool = True

    def __str__(self) -> str:
        by = "" if self.signal is None else f"-{signal.Signals(self.signal).name}"
        return f"{self.ending}{by}-{self.phase}-{self.transport}"


def cells() -> list[Cell]:
    """All of them."""
    made: list[Cell] = []
    for transport in TRANSPORTS:
        for phase in PHASES:
            made += [
                Cell("tidy", phase, transport, None, 0),
                Cell("tidy", phase, transport, signal.SIGINT, 130),
                Cell("careless", phase, transport, None, 0),
                Cell("careless", phase, transport, signal.SIGINT, 130),
                Cell("exiting", phase, transport, None, 3),
                Cell("forever", phase, transport, signal.SIGINT, 130),
                # what was never closed is what Python warns of in its development mode, and rightly so
                Cell("closed", phase, transport, None, 0, strict=False),
                Cell("closed and forgotten", phase, transport, None, 0, strict=False),
                Cell("left", phase, transport, None, 0, strict=False),
            ]
        made += [
            Cell("exiting in an observer", "idle", transport, None, 3),
            Cell("again", "idle", transport, None, 0, strict=False),
            Cell("careless", "pushing", transport, signal.SIGTERM, -signal.SIGTERM),
        ]
        for phase in ("joining", "idle", "pushing"):
            made += [
                Cell("serving", phase, transport, None, 0, strict=False),
                Cell("serving", phase, transport, signal.SIGINT, 130, strict=False),
                Cell("serving, closed", phase, transport, None, 0, strict=False),
                Cell("serving, left", phase, transport, None, 0, strict=False),
            ]
    return made


class End(NamedTuple):
    """How it came.

    Arguments:
        status: the exit status.
        seconds: how long it took.
        errors: what it wrote to the standard error.
        said: what it told otherwise, by kind.
    """

    status: int
    seconds: float
    errors: str
    said: dict[str, Any]


class Runner:
    """A process that forks into programs, one after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._input = process.stdin
        self._output = process.stdout

    async def run(self, cell: Cell, errors: Path) -> End:
        """Run one program to its end."""
        async with AsyncExitStack() as stack:
            url, struck = await _network(stack, cell.phase)
            order = {"url": url, "transport": cell.transport, "phase": cell.phase, "ending": cell.ending}
            self._write(json.dumps({**order, "errors": str(errors)}))
            said = await self._read("pid")
            said |= await self._read("ready")
            if struck is not None:
                await struck.wait()
            await _asleep(said["pid"])
            began = time.monotonic()
            if cell.signal is None:
                self._write("go")
            else:
                os.kill(said["pid"], cell.signal)
            said |= await self._read("status")
            seconds = time.monotonic() - began
            return End(said["status"], seconds, errors.read_text(), said)  # noqa: ASYNC240

    def _write(self, line: str) -> None:
        self._input.write(line.encode() + b"\n")

    async def _read(self, last: str) -> dict[str, Any]:
        said: dict[str, Any] = {}
        while last not in said:
            line = await self._output.readline()
            assert line, f"it ended before it told {last!r}: {said}"
            said |= json.loads(line)
        return said


async def _asleep(pid: int) -> None:
    """Wait until a process waits, so that a signal finds it in its loop and not in the midst of something."""
    status = Path(f"/proc/{pid}/stat")
    while status.read_text().rpartition(")")[2].split()[0] != "S":  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.001)


async def _network(stack: AsyncExitStack, phase: str) -> tuple[str, asyncio.Event | None]:
    """Where to connect for a phase, and what is set when it goes wrong there."""
    if phase == "backoff":
        return REFUSED, None
    server = await stack.enter_async_context(PhoenixServer(application()))
    stage = {"connecting": "handshake", "closing": "leave"}.get(phase)
    if stage is None:
        return server.url, None
    proxy = await stack.enter_async_context(proxy_before(server.port, Fault("stall", stage)))
    return proxy.url, proxy.struck


@asynccontextmanager
async def runner(*, strict: bool) -> AsyncGenerator[Runner]:
    options = ("-X", "dev", "-W", "error") if strict else ()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *options, "-m", "tests.shutdown.programs", cwd=ROOT, env=ENVIRONMENT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Runner(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def run_all(wanted: list[Cell], folder: Path) -> dict[Cell, End | Exception]:
    """Run programs, several at once."""
    ends: dict[Cell, End | Exception] = {}
    waiting = {strict: [cell for cell in wanted if cell.strict == strict] for strict in (True, False)}

    async def work(strict: bool) -> None:
        while waiting[strict]:
            async with runner(strict=strict) as programs:
                while waiting[strict]:
                    cell = waiting[strict].pop()
                    try:
                        async with asyncio.timeout(HANGS):
                            ends[cell] = await programs.run(cell, folder / str(cell))
                    except Exception as error:
                        ends[cell] = error
                        break

    async with asyncio.TaskGroup() as group:
        for index in range(AT_ONCE):
            group.create_task(work(index % 2 == 0))
    return ends


@pytest.fixture(scope="module")
def ends(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[Cell, End | Exception]:
    """The ends of all programs that are asked for."""
    items = [item for item in request.session.items if getattr(item, "module", None) is request.module]
    wanted = [item.callspec.params["cell"] for item in items if hasattr(item, "callspec")]  # type: ignore[attr-defined]
    return asyncio.run(run_all(wanted, tmp_path_factory.mktemp("ends")))


ENDED_BY_CLOSE = ("tidy", "forever")
ENDED_BY_THE_LOOP = ("careless", "exiting", "exiting in an observer", "serving")


def check_told(cell: Cell, told: dict[str, Any]) -> None:
    """See to it that the streams have told the truth, as far as there was a loop to tell it on."""
    assert told["states"][-1] == "closed"
    closed = cell.ending in ENDED_BY_CLOSE or cell.phase == "closing"
    assert told["channel"][-1] == ("closed" if closed else "errored")
    assert told["push"] == ("PushInterrupted" if cell.phase == "pushing" else None)


@pytest.mark.parametrize("cell", cells(), ids=str)
def test_a_program_ends_soon_and_says_nothing(cell: Cell, ends: dict[Cell, End | Exception]):
    end = ends[cell]
    assert isinstance(end, End), repr(end)
    refused = f"{REFUSED}/socket: could not connect (Connection refused)\n"
    assert end.errors == (refused if cell.phase == "backoff" else "")
    assert end.status == cell.status
    assert end.seconds < SOON
    if cell.ending in (*ENDED_BY_CLOSE, *ENDED_BY_THE_LOOP) and end.status >= 0:
        check_told(cell, end.said["told"])
    elif cell.ending in ("closed", "again"):
        assert end.said["looked"] == "closed"
    if cell.ending == "again":
        assert end.said["again"] == {"n": 1}

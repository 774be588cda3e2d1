"""The command as its user runs it: a process, whose lines are awaited."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import pytest

from tests.house.architecture import ROOT

# What hangs fails; nothing is timed by it.
PATIENCE = 40.0

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "RXPHOENIX_TOKEN")},
    # the package may run from its sources, without being installed
    "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
}


class Command:
    """A running command."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def line(self, text: str) -> str:
        """Wait for the next line that contains a text."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while line := (await self.process.stdout.readline()).decode():
                self.lines.append(line.rstrip("\n"))
                if text in line:
                    return self.lines[-1]
        raise AssertionError(f"it ended without {text!r}: {self.lines}, {await self.end()}")

    async def end(self) -> tuple[int, str]:
        """Wait for the end: the exit status, and what it wrote to standard error."""
        async with asyncio.timeout(PATIENCE):
            output, errors = await self.process.communicate()
        self.lines.extend((output or b"").decode().splitlines())
        assert self.process.returncode is not None
        return self.process.returncode, (errors or b"").decode()

    async def interrupt(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Send a signal, and wait for the end."""
        self.process.send_signal(number)
        return await self.end()


Start: TypeAlias = Callable[..., Awaitable[Command]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a command, with warnings as errors; one that still runs after the test fails it."""
    commands: list[Command] = []

    async def start_one(
        *arguments: str,
        python: tuple[str, ...] = ("-m", "rxphoenix"),
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Command:
        pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE, **options}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", *python, *arguments, env={**ENVIRONMENT, **(environment or {})}, **pipes
        )
        commands.append(Command(process))
        return commands[-1]

    yield start_one
    running = [command for command in commands if command.process.returncode is None]
    for command in running:
        command.process.kill()
        await command.process.communicate()
    assert [command.lines for command in running] == []

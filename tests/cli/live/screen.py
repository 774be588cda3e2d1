"""A pseudo-terminal, for what a command shows to a person."""

from __future__ import annotations

import asyncio
import os
import pty
import re
from types import TracebackType

from tests.cli.conftest import PATIENCE, Command


class Screen:
    """What is written to ``terminal`` is seen here, and what is typed here is read from it."""

    def __init__(self) -> None:
        self._master, self.terminal = pty.openpty()
        self.seen = b""

    async def until(self, pattern: bytes) -> re.Match[bytes]:
        """Wait until what was seen matches a pattern somewhere."""
        async with asyncio.timeout(PATIENCE):
            while (found := re.search(pattern, self.seen)) is None:
                self.seen += await asyncio.to_thread(os.read, self._master, 4096)
        return found

    def type(self, text: bytes) -> None:
        """Type."""
        os.write(self._master, text)

    async def end(self, command: Command) -> int:
        """Wait for the end of a command, and see all that it says until then; the exit status."""
        os.close(self.terminal)  # so that reading ends when the command does
        self.terminal = -1
        async with asyncio.timeout(PATIENCE):
            while part := await asyncio.to_thread(self._rest):
                self.seen += part
        return (await command.end())[0]

    def _rest(self) -> bytes:
        try:
            return os.read(self._master, 4096)
        except OSError:  # nobody writes any more
            return b""

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in (self._master, self.terminal):
            if end >= 0:
                os.close(end)

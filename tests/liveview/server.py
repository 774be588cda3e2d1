"""The counter in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.house.architecture import ROOT

__all__ = ["counter_server"]

_SECRET = "the tokens of a page outlive the server"


@asynccontextmanager
async def counter_server(port: int = 0) -> AsyncGenerator[str]:
    """Serve the counter on a port, by default any; yields the address of its page, and kills it at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.liveview.counter", str(port)),
        cwd=ROOT,
        env={**os.environ, "PYVIEW_SECRET": _SECRET},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}/counter"
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()

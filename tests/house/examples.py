"""Finds the examples in the documentation, and runs one as its reader would.

An example is a block fenced as ``python`` in a Markdown page or in a docstring. What it says:

- It is complete: it imports what it uses, and ends by itself.
- It runs inside an event loop, so ``await`` may stand at its top level. One that calls ``asyncio.run`` or
  ``background`` runs as a plain program instead.
- ``localhost:4000`` is where a reader has started ``rxphoenix serve``; here it is an embedded server.
- ``<!-- raises: JoinRefused -->`` on a line before the block: it ends with that error, and must.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

SERVER = "localhost:4000"
LANGUAGES = frozenset({
    "console", "diff", "elixir", "html", "ini", "javascript", "js", "json", "make", "mermaid", "python", "sh", "text",
    "toml", "yaml", "{eval-rst}",
})  # fmt: skip
"""What a fence may say. One that says nothing is refused, since nobody could tell whether its block should run."""

TIMEOUT = 20.0

_FENCE = re.compile(
    r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[^\s`]*)[^\n]*\n"
    r"(?P<body>.*?)"
    r"^(?P=indent)(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_RAISES = re.compile(r"<!--\s*raises:\s*(?P<error>\w+)\s*-->\s*\Z")


class Block(NamedTuple):
    """One fenced block, and where it stands."""

    path: Path
    line: int
    language: str
    source: str
    raises: str | None


def blocks_in_text(text: str, path: Path, first_line: int = 1) -> Iterator[Block]:
    """Find the fenced blocks of a text that begins at a line of a file."""
    for match in _FENCE.finditer(text):
        raises = _RAISES.search(text, 0, match.start())
        indent = match["indent"]
        yield Block(
            path=path,
            line=first_line + text.count("\n", 0, match.start()),
            language=match["language"],
            source="".join(line.removeprefix(indent) for line in match["body"].splitlines(keepends=True)),
            raises=raises["error"] if raises else None,
        )


def blocks_in_docstrings(source: str, path: Path) -> Iterator[Block]:
    """Find the fenced blocks of every string that stands as a statement, those that describe a name included."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield from blocks_in_text(text, path, node.lineno)
            case _:
                pass


def compiled(block: Block, address: str | None) -> CodeType:
    """Compile an example so that a traceback shows its real lines."""
    source = block.source if address is None else block.source.replace(SERVER, address)
    return compile(
        "\n" * block.line + source, str(block.path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
    )


def run(block: Block, address: str | None = None, timeout: float = TIMEOUT) -> None:
    """Run an example to its end; what it raises, this raises, and ``TimeoutError`` if it does not end."""
    code = compiled(block, address)
    module = ModuleType("__main__")
    previous = sys.modules["__main__"]
    # Types that are named in annotations are looked up in the module that a class says it is from.
    sys.modules["__main__"] = module
    try:
        with _alarm(timeout):
            if "asyncio.run(" in block.source or "background(" in block.source:
                exec(code, vars(module))
            else:
                asyncio.run(_in_loop(code, vars(module), timeout), debug=True)
    finally:
        sys.modules["__main__"] = previous
        # The names of an example die with it, and what they held is destroyed while the test can still be blamed.
        vars(module).clear()


async def _in_loop(code: CodeType, namespace: dict[str, Any], timeout: float) -> None:
    async with asyncio.timeout(timeout):
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, namespace)
        else:
            exec(code, namespace)
        # A release takes effect when what runs now has ended; a reader's program would live on for that long.
        for _ in range(3):
            await asyncio.sleep(0)


@contextmanager
def _alarm(timeout: float) -> Iterator[None]:
    """Interrupt an example that blocks its thread, where the system can; its loop has a timeout of its own."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise TimeoutError(f"the example did not end within {timeout} s")

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, timeout + 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)

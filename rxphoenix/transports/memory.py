"""What a fallback remembers of where its second transport was needed, for as long as somebody keeps it.

What lives here: the protocol, a memory that lives with its object, and one in a file. What does not: deciding what
follows from it (``fallback.py``).
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

__all__ = ["FallbackMemory", "FileMemory", "InProcessMemory", "check_memory"]

_logger = logging.getLogger("rxphoenix")

_MOST_BYTES = 64 * 1024
"""How long a file may grow before what is outdated in it is dropped."""


class FallbackMemory(Protocol):
    """What ``Fallback(memory=...)`` needs; make your own to keep it elsewhere.

    Endpoints are given without query and credentials. What a memory raises is logged and otherwise ignored.

    Example:
        ```python
        from rxphoenix import Fallback, LongPoll, WebSocket

        class InSettings:
            def __init__(self, settings):
                self.settings = settings

            def needed_at(self, endpoint):
                return self.settings.get(endpoint)

            def remember(self, endpoint, instant):
                self.settings[endpoint] = instant

            def forget(self, endpoint):
                self.settings.pop(endpoint, None)

        transport = Fallback(WebSocket(), LongPoll(), memory=InSettings({}))
        ```
    """

    def needed_at(self, endpoint: str) -> float | None:
        """When the second transport was last found to be needed, in seconds since the epoch; ``None`` for never."""
        ...

    def remember(self, endpoint: str, instant: float) -> None:
        """Note that it was needed at an instant, in seconds since the epoch."""
        ...

    def forget(self, endpoint: str) -> None:
        """Note that it is not needed."""
        ...


def check_memory(memory: Any) -> FallbackMemory:
    """Return a memory; raises ``TypeError`` for what lacks one of its methods, or is a class."""
    methods = ("needed_at", "remember", "forget")
    if isinstance(memory, type) or not all(callable(getattr(memory, method, None)) for method in methods):
        remedy = f"an object with {', '.join(methods)}, for example FileMemory('phoenix.jsonl')"
        raise TypeError(f"memory must be {remedy}, not {memory!r}")
    return memory


class InProcessMemory:
    """Remembers for as long as it exists itself: what a ``Fallback`` has if it is given no other.

    Example:
        ```python
        from rxphoenix import InProcessMemory

        memory = InProcessMemory()
        memory.remember("wss://example.com/socket", 1_800_000_000.0)
        assert memory.needed_at("wss://example.com/socket") == 1_800_000_000.0
        ```
    """

    def __init__(self) -> None:
        self._instants: dict[str, float] = {}

    def needed_at(self, endpoint: str) -> float | None:
        """When the second transport was last found to be needed."""
        return self._instants.get(endpoint)

    def remember(self, endpoint: str, instant: float) -> None:
        """Note that it was needed."""
        self._instants[endpoint] = instant

    def forget(self, endpoint: str) -> None:
        """Note that it is not needed."""
        self._instants.pop(endpoint, None)


class _Note(msgspec.Struct, frozen=True):
    """One line of a file."""

    endpoint: str
    needed_at: float | None


_decoder = msgspec.json.Decoder(_Note)


class FileMemory:
    """Remembers in a file, so that the next run of a program knows too.

    Each note is a line added at the end, so that programs may share a file, and one that dies in the middle of a line
    spoils that line only. A file that cannot be read or written is logged once as a warning, and does without.

    Arguments:
        path: the file; it and its folder are made when they are needed.

    Example:
        ```python
        import tempfile
        from rxphoenix import Fallback, FileMemory, LongPoll, Socket, WebSocket

        with tempfile.TemporaryDirectory() as folder:
            transport = Fallback(WebSocket(), LongPoll(), memory=FileMemory(folder + "/phoenix.jsonl"))
            socket = Socket("wss://example.com/socket", transport=transport)
        ```
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._complained = False

    def needed_at(self, endpoint: str) -> float | None:
        """When the second transport was last found to be needed."""
        found: float | None = None
        try:
            for note in self._notes():
                if note.endpoint == endpoint:
                    found = note.needed_at
        except OSError as error:
            self._complain("read", error)
        return found

    def remember(self, endpoint: str, instant: float) -> None:
        """Note that it was needed."""
        self._add(_Note(endpoint, instant))

    def forget(self, endpoint: str) -> None:
        """Note that it is not needed; without a note that it was, nothing is written."""
        if self.needed_at(endpoint) is not None:
            self._add(_Note(endpoint, None))

    def _notes(self) -> Iterator[_Note]:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return
        for line in content.splitlines():
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # somebody died while writing it
                yield _decoder.decode(line)

    def _add(self, note: _Note) -> None:
        # a line of its own whatever the file ends with, and in one write: lines of several writers do not mix
        line = b"\n" + msgspec.json.encode(note) + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line)
                size = os.fstat(file).st_size
            finally:
                os.close(file)
            if size > _MOST_BYTES:
                self._tidy()
        except OSError as error:
            self._complain("written", error)

    def _tidy(self) -> None:
        """Keep the last note of each endpoint; what somebody adds meanwhile may be lost, and costs them seconds."""
        last = {note.endpoint: note for note in self._notes()}
        lines = [msgspec.json.encode(note) + b"\n" for note in last.values() if note.needed_at is not None]
        file, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        try:
            with os.fdopen(file, "wb") as kept:
                kept.writelines(lines)
            os.replace(name, self._path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def _complain(self, what: str, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            reason = error.strerror or type(error).__name__
            _logger.warning("the memory of a fallback, %s, cannot be %s: %s", self._path, what, reason)

"""Recordings on disk: appended to, compressed where the name ends in ``.gz``, cut short where a program crashed.

A crash costs at most what was not flushed and the line that was being written. Whoever appends to such a file drops
that line first, so that nothing after it is lost.

What lives here: opening, appending, reading. What does not: what a line says (``lines.py``).
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, cast

from rxphoenix.errors import RecordingError
from rxphoenix.recording.events import Began, Event
from rxphoenix.recording.lines import read_line, write_line

__all__ = ["RecordingFile", "read"]

_GZIP = 31  # zlib's number for its format
_PART = 1 << 16


class RecordingFile:
    """A recording that is written.

    Arguments:
        path: where; a file that is there already is appended to.

    Raises:
        RecordingError: what is there is no recording.
        OSError: it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.exists():
            _mend(self.path)
        opened = gzip.open if _is_compressed(self.path) else open
        self._file = cast("IO[bytes]", opened(self.path, "ab"))

    def write(self, event: Event) -> None:
        """Append one event; it is on disk after the next ``flush``."""
        self._file.write(write_line(event))

    def flush(self) -> None:
        """Hand all that was written to the system, so that a crash of this program does not lose it."""
        self._file.flush()

    def close(self) -> None:
        """Flush, and write no more; idempotent."""
        self._file.close()


def read(path: str | os.PathLike[str]) -> Iterator[Event]:
    """The events of a recording, as they were written; one that breaks off ends with the last whole line.

    Raises:
        RecordingError: it is no recording, or a line in it is damaged.
        OSError: it cannot be opened.

    Example:
        ```python
        from pathlib import Path
        from tempfile import TemporaryDirectory

        from rxphoenix.recording.events import Began, StateChanged
        from rxphoenix.recording.file import RecordingFile, read

        with TemporaryDirectory() as folder:
            file = RecordingFile(Path(folder) / "session.jsonl.gz")
            file.write(Began("2026-11-25T09:30:00.000000Z", "ws://localhost:4000/socket"))
            file.write(StateChanged(0.01, "open"))
            file.close()
            assert [type(event).__name__ for event in read(file.path)] == ["Began", "StateChanged"]
        ```
    """
    at = 0
    for at, line in enumerate(_lines(Path(path)), start=1):
        if not line.endswith(b"\n"):
            break  # written when the program ended
        try:
            event = read_line(line)
        except RecordingError as error:
            raise RecordingError(error.problem, at) from error
        if at == 1 and not isinstance(event, Began):
            raise RecordingError("a recording begins with a line that says `recording`", at)
        yield event


def _is_compressed(path: Path) -> bool:
    return path.suffix == ".gz"


def _lines(path: Path) -> Iterator[bytes]:
    """The lines with their ends; the last one may have none."""
    if not _is_compressed(path):
        with path.open("rb") as file:
            yield from file
        return
    begun = b""
    for part in _decompressed(path):
        *lines, begun = (begun + part).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if begun:
        yield begun


def _decompressed(path: Path) -> Generator[bytes, None, bool]:
    """What can be decompressed, of a file that may break off anywhere.

    Returns:
        Whether it did not.

    Raises:
        RecordingError: it is not compressed, or damaged.
    """
    expander = zlib.decompressobj(_GZIP)
    with path.open("rb") as file:
        while part := file.read(_PART):
            while part:
                if expander.eof:  # what follows was appended
                    expander = zlib.decompressobj(_GZIP)
                try:
                    yield expander.decompress(part)
                except zlib.error as error:
                    raise RecordingError(f"not compressed by gzip, or damaged: {error}") from error
                part = expander.unused_data
    return expander.eof


def _mend(path: Path) -> None:
    """Drop what a crash has left of a last line, and make sure that what is there is a recording."""
    size = path.stat().st_size
    if not size:
        return
    whole = 0
    for number, line in enumerate(_lines(path), start=1):
        if number == 1 and line.endswith(b"\n"):
            try:
                began = isinstance(read_line(line), Began)
            except RecordingError:
                began = False
            if not began:
                raise RecordingError(f"{path.name} is no recording, so nothing is appended to it; name another file")
        if not line.endswith(b"\n"):
            break
        whole += len(line)
    if not _is_compressed(path):
        if whole < size:
            with path.open("r+b") as file:
                file.truncate(whole)
        return
    if _is_whole(path):
        return
    mended = path.with_name(f"{path.name}.mended")
    with gzip.open(mended, "wb") as file:
        for line in _lines(path):
            if line.endswith(b"\n"):
                file.write(line)
    mended.replace(path)


def _is_whole(path: Path) -> bool:
    """Whether a compressed file breaks off neither between its parts nor within a line."""
    last = b"\n"
    parts = _decompressed(path)
    while True:
        try:
            last = next(parts) or last
        except StopIteration as end:
            return bool(end.value) and last.endswith(b"\n")

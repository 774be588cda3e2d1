"""Marble files as tests: pytest collects ``*.marble`` wherever it looks for tests.

What lives here: one test for each file, and how its failure is shown. What does not: running one (``marble_run.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["MarbleFileTest", "MarbleTest", "pytest_collect_file"]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> MarbleFileTest | None:
    """Collect a marble file."""
    if file_path.suffix != ".marble":
        return None
    return MarbleFileTest.from_parent(parent, path=file_path)  # pyright: ignore[reportUnknownMemberType]


class MarbleFileTest(pytest.File):
    """A marble file, as pytest sees it."""

    def collect(self) -> Iterator[MarbleTest]:
        """Make its one test."""
        yield MarbleTest.from_parent(self, name=self.path.stem)  # pyright: ignore[reportUnknownMemberType]


class MarbleTest(pytest.Item):
    """The test that a marble file is."""

    def runtest(self) -> None:
        """Run the file."""
        from rxphoenix.testing.marble_file import read
        from rxphoenix.testing.marble_run import run

        run(read(self.path.read_text("utf-8"), self.path.name))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the drawings, or the place of a mistake; our own stack only with ``--full-trace``."""
        from rxphoenix.testing.expectations import MarbleFailure
        from rxphoenix.testing.marble_file import MarbleFileError

        if self.config.getoption("fulltrace"):
            return super().repr_failure(excinfo, style)
        if isinstance(excinfo.value, (MarbleFailure, MarbleFileError)):
            return str(excinfo.value)
        return f"{self.path.name}: {excinfo.typename}: {excinfo.value}"

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, 0, f"marbles: {self.name}"

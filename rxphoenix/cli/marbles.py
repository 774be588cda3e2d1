"""The commands ``rxphoenix marbles check`` and ``rxphoenix marbles render``.

What lives here: finding files, and saying what became of them. What does not: reading, running and drawing them
(``rxphoenix.testing``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from rxphoenix.cli.quiet import quiet_log
from rxphoenix.testing.expectations import MarbleFailure
from rxphoenix.testing.marble_figure import figure, figure_text
from rxphoenix.testing.marble_file import MarbleFileError, read
from rxphoenix.testing.marble_run import run

__all__ = ["check", "render"]


def check(paths: Iterable[str]) -> bool:
    """Run marble files, and print what became of each.

    Arguments:
        paths: files, or folders in which all ``*.marble`` files are run.

    Returns:
        Whether there were files, and all did what they draw.
    """
    failed = count = 0
    for path in _files(paths):
        count += 1
        try:
            with quiet_log():
                run(read(path.read_text("utf-8"), str(path)))
        except (MarbleFailure, MarbleFileError, OSError, UnicodeDecodeError) as error:
            failed += 1
            print(f"{path}: failed\n{error}\n")
        except Exception as error:  # what runs is the author's: it may raise anything
            failed += 1
            print(f"{path}: failed\n{type(error).__name__}: {error}\n")
        else:
            print(f"{path}: ok")
    print(f"{count - failed} ok, {failed} failed" if count else "no marble files here")
    return count > 0 and failed == 0


def _files(paths: Iterable[str]) -> Iterator[Path]:
    for given in paths:
        path = Path(given)
        if path.is_dir():
            yield from sorted(path.rglob("*.marble"))
        else:
            yield path


def render(source: str, target: str | None) -> bool:
    """Draw one marble file: as SVG, or printed as the text that docstrings show.

    Arguments:
        source: the marble file.
        target: where the SVG goes, and what is there is replaced; ``None`` prints text.

    Returns:
        Whether it was drawn; if not, the reason is on standard error.
    """
    try:
        file = read(Path(source).read_text("utf-8"), source)
        if target is None:
            print(figure_text(file))
        else:
            Path(target).write_text(figure(file), "utf-8")
    except (MarbleFileError, OSError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return False
    return True

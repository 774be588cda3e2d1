"""Keeps what shows a marble file as the file is: ``make figures`` writes it, ``test_figures.py`` compares.

What shows a marble file:

- A figure in a docstring or a page: a block fenced as ``text``, and right below it the line
  ``Marbles: `marbles/NAME.marble```. Write an empty block and that line, and ``make figures`` fills it.
- A copy of the file, in the same way with ``File:``.
- A picture in a page: ``![...](docs/figures/NAME.svg)``, from ``docs/`` without its first folder.
- The titles in ``marbles/README.md``, and what its table of lifecycles says that each state becomes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from rxphoenix.protocol.lifecycle import CHANNEL, SOCKET, ChannelEvent, ChannelState, SocketEvent, SocketState
from rxphoenix.testing.marble_figure import figure, figure_text
from rxphoenix.testing.marble_file import MarbleFile, read
from tests.house.architecture import PACKAGE, ROOT

MARBLES = ROOT / "marbles"
PICTURES = ROOT / "docs" / "figures"
SPECIFICATION = MARBLES / "README.md"

BLOCK = re.compile(
    r"^(?P<indent>[ \t]*)```text\n"
    r"(?P<body>(?:(?![ \t]*```).*\n)*)"
    r"(?P=indent)```\n"
    r"(?P=indent)(?P<kind>Marbles|File): `marbles/(?P<name>[\w-]+)\.marble`$",
    re.MULTILINE,
)
"""A figure, or a copy of a file."""

PICTURE = re.compile(r"!\[[^\]]*\]\((?:docs/)?figures/(?P<name>[\w-]+)\.svg\)")
"""A picture in a page."""

TITLE = re.compile(r"^- \[(?P<title>.*)\]\((?P<name>[\w-]+)\.marble\)$", re.MULTILINE)
"""A file in the list of the specification."""

TRANSITION = re.compile(
    r"^\| (?P<machine>socket|channel) \| `(?P<state>\w+)` \| (?P<event>\w+) \| `(?P<target>\w+)` "
    r"\| \[[\w-]+\]\((?P<name>[\w-]+)\.marble\) \|$",
    re.MULTILINE,
)
"""A row in the table of lifecycles."""


def marble_files() -> dict[str, MarbleFile]:
    """The specification, by name."""
    paths = sorted(MARBLES.glob("*.marble"))
    return {path.stem: read(path.read_text("utf-8"), path.name) for path in paths}


def pages() -> Iterator[Path]:
    """The pages that may show something."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").rglob("*.md"))


def sources() -> Iterator[Path]:
    """Every file that may hold a figure or a title."""
    yield from pages()
    yield SPECIFICATION
    yield from sorted(PACKAGE.rglob("*.py"))


def renewed(text: str, files: Mapping[str, MarbleFile]) -> str:
    """The same text with every figure, copy and title as it should be.

    Raises:
        KeyError: it names a file that there is not.
    """

    def block(found: re.Match[str]) -> str:
        file, indent = files[found["name"]], found["indent"]
        lines = figure_text(file).splitlines() if found["kind"] == "Marbles" else file.lines
        body = "".join(f"{indent}{line}\n" if line else "\n" for line in lines)
        if "\\" in body or '"""' in body:
            raise ValueError(f"{found['name']} cannot stand in a docstring as it is")
        below = f"{indent}{found['kind']}: `marbles/{found['name']}.marble`"
        return f"{indent}```text\n{body}{indent}```\n{below}"

    def title(found: re.Match[str]) -> str:
        return f"- [{files[found['name']].title}]({found['name']}.marble)"

    def transition(found: re.Match[str]) -> str:
        machine, state, event, name = found.group("machine", "state", "event", "name")
        target = target_of(machine, state, event)
        return f"| {machine} | `{state}` | {event} | `{target}` | [{name}]({name}.marble) |"

    return TRANSITION.sub(transition, TITLE.sub(title, BLOCK.sub(block, text)))


def target_of(machine: str, state: str, event: str) -> str:
    """What an event makes of a state; raises ``KeyError`` or ``ValueError`` for what cannot be."""
    if machine == "socket":
        return SOCKET[SocketState(state), SocketEvent(event)]
    return CHANNEL[ChannelState(state), ChannelEvent(event)]


def pictures(files: Mapping[str, MarbleFile]) -> dict[Path, str]:
    """The pictures that pages show, as they should be."""
    names = {found["name"] for page in pages() for found in PICTURE.finditer(page.read_text("utf-8"))}
    return {PICTURES / f"{name}.svg": figure(files[name]) for name in sorted(names)}


def main() -> None:
    """Write everything as it should be, and remove pictures that no page shows."""
    files = marble_files()
    for path in sources():
        text = path.read_text("utf-8")
        new = renewed(text, files)
        if new != text:
            path.write_text(new, "utf-8")
            print(path.relative_to(ROOT))  # noqa: T201
    wanted = pictures(files)
    PICTURES.mkdir(exist_ok=True)
    for path in sorted({*PICTURES.glob("*.svg"), *wanted}):
        if path not in wanted:
            path.unlink()
        elif not path.is_file() or path.read_text("utf-8") != wanted[path]:
            path.write_text(wanted[path], "utf-8")
        else:
            continue
        print(path.relative_to(ROOT))  # noqa: T201


if __name__ == "__main__":
    main()

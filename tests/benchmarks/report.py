"""The page that a run writes.

What dominates where a target is missed is nothing that a run could say: somebody looks at a profile, and keeps what it
shows in ``notes/MEASURE.md``, with its date. The page has it below what was missed.

What lives here: how figures are shown, and on what they were taken. What does not: taking them.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.measures import Section
from tests.benchmarks.peers import OFFICIAL, PYTHON_PEERS
from tests.official.client import node_version

__all__ = ["NOTES", "page", "shown"]

NOTES = Path(__file__).parent / "notes"
"""Where it is kept what dominates."""

_INTRO = """\
# Performance

<!-- written by `make bench`; do not edit -->

How fast rxphoenix is, beside aiohttp alone, the official client and the clients on PyPI: figures of one run, in which
all took turns for {rounds} rounds. Server and client have a core each. A figure is the median, with the least and the
greatest in brackets. Costs are processor time of the client's process; the server is never what is waited for, as the
share of the time in which it was busy shows. Each target is judged by the median of the ratios within the rounds. Each
measure (Receive, Push and so on) has processes of its own, which have warmed up on it once.

`make bench` takes some minutes and writes this page; `make bench ARGS=receive` measures one thing and only prints it.
"""


def shown(section: Section) -> list[str]:
    """One section, as lines of Markdown."""
    return [
        f"## {section.title}",
        "",
        section.intro,
        "",
        *section.table,
        "",
        "| target | | here | met |",
        "| --- | --- | ---: | --- |",
        *(target.row() for target in section.targets),
        "",
    ]


def page(measured: Mapping[str, Sequence[Section]], rounds: int) -> str:
    """The whole page.

    Arguments:
        measured: by the name of the measure, what it came to.
        rounds: how many rounds were measured.
    """
    sections = [section for some in measured.values() for section in some]
    targets = [target for section in sections for target in section.targets]
    met = sum(target.is_met for target in targets)
    lines = _INTRO.format(rounds=rounds).splitlines()
    lines += ["", f"{met} of {len(targets)} targets are met.", "", *_surroundings(), ""]
    for section in sections:
        lines += shown(section)
    if met < len(targets):
        lines += ["## What was missed, by how much, and why", ""]
        for name, some in measured.items():
            lines += _missed(name, some)
    return "\n".join(lines).rstrip() + "\n"


def _missed(name: str, sections: Sequence[Section]) -> Iterable[str]:
    missed = [target.missed_by() for section in sections for target in section.targets if not target.is_met]
    if missed:
        note = NOTES / f"{name}.md"
        yield f"### {name.capitalize()}"
        yield ""
        yield from (f"- {how_much}" for how_much in missed)
        yield ""
        yield note.read_text().strip() if note.exists() else "Nobody has looked yet at what dominates here."
        yield ""


def _surroundings() -> Iterable[str]:
    yield "| measured with | |"
    yield "| --- | --- |"
    yield f"| date | {datetime.now(UTC):%Y-%m-%d} |"
    yield f"| machine | {_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()} |"
    yield f"| Python | {platform.python_version()} |"
    yield f"| Node.js | {node_version()} |"
    for package in ("rxphoenix", "aiohttp", "picows", "msgspec", "reactivex"):
        yield f"| {package} | {version(package)} |"
    for peer in (OFFICIAL, *PYTHON_PEERS):
        yield f"| {peer.name} | {peer.version}; serializer {peer.dialect} |"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(": ")[2]
    return platform.processor() or "unknown"

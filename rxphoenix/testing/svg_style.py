"""How pictures of marbles look: one style sheet, with colours for light and dark.

What lives here: shapes, fonts and colours. What does not: where anything stands (``svg.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["COLOURS", "STYLE"]

_SHAPES = """
.marbles{font:13px system-ui,sans-serif}
.marbles .mono{font:12px ui-monospace,monospace;white-space:pre}
.marbles .heading{font-weight:600;font-size:15px}
.marbles .tick{font-size:11px}
.marbles .small{font-size:10px}
.marbles .line{stroke-width:1.5;fill:none}
.marbles .idle{stroke-dasharray:2 4}
.marbles .gap{stroke-width:6}
.marbles .end{stroke-width:3}
.marbles .error{stroke-width:3;fill:none}
.marbles circle{stroke-width:1.5}
"""
_COLOURED = (
    "text{fill:INK}", ".tick,.note{fill:FAINT}", ".reason{fill:BAD}", ".page{fill:PAGE}", ".box{fill:BOX;stroke:FAINT}",
    ".guide{stroke:GUIDE}", ".axis,.idle{stroke:FAINT}", ".line,.end{stroke:INK}", ".gap{stroke:PAGE}",
    ".error{stroke:BAD}", ".on{stroke:GOOD;fill:GOOD}", ".off{stroke:BAD;fill:BAD}",
)  # fmt: skip
_LIGHT = {
    "PAGE": "#fff", "INK": "#1f2328", "FAINT": "#656d76", "GUIDE": "#e7eaee", "BOX": "#f3f5f8", "BAD": "#cf222e",
    "GOOD": "#1a7f37",
}  # fmt: skip
_DARK = {
    "PAGE": "#0d1117", "INK": "#e6edf3", "FAINT": "#9198a1", "GUIDE": "#21262d", "BOX": "#161b22", "BAD": "#ff7b72",
    "GOOD": "#3fb950",
}  # fmt: skip
_CIRCLES_LIGHT = (
    ("#dbeafe", "#2563eb"), ("#fde7c8", "#b45f06"), ("#d6f2dd", "#1a7f37"), ("#f3dcf5", "#9a3fa5"),
    ("#d3f1f4", "#0b7285"), ("#fbdcdc", "#c2373d"),
)  # fmt: skip
_CIRCLES_DARK = (
    ("#16315c", "#6cb0ff"), ("#4a3010", "#e3a857"), ("#123d22", "#56d364"), ("#45214a", "#d89be0"),
    ("#0c3f47", "#5fc9d8"), ("#541f22", "#ff9492"),
)  # fmt: skip


def _coloured(colours: Mapping[str, str], circles: Sequence[tuple[str, str]]) -> str:
    # Plain colours rather than variables, which converters to other formats don't know.
    def rule(text: str) -> str:
        selectors, _, body = text.partition("{")
        body = re.sub("[A-Z]+", lambda name: colours[name[0]], body)
        return ",".join(f".marbles {selector}" for selector in selectors.split(",")) + "{" + body

    filled = [f".marbles .v{number}{{fill:{fill};stroke:{edge}}}" for number, (fill, edge) in enumerate(circles)]
    return "\n".join([*map(rule, _COLOURED), *filled])


STYLE = (
    f"{_SHAPES}{_coloured(_LIGHT, _CIRCLES_LIGHT)}\n"
    f"@media (prefers-color-scheme:dark){{\n{_coloured(_DARK, _CIRCLES_DARK)}\n}}\n"
)
"""The style sheet of a picture."""

COLOURS = len(_CIRCLES_LIGHT)
"""How many colours there are for values."""

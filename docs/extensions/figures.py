"""Marble files as pictures on the site: drawn when it is built, in the colours of its light or dark look.

A page shows one as an image from ``figures/``, as it does where the repository is read; a docstring by the directive
``marbles``. Both become part of the page, so that they follow its switch between light and dark.

What lives here: placing pictures. What does not: drawing them (``rxphoenix.testing.svg``).
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path, PurePosixPath

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from rxphoenix.testing.marble_figure import figure
from rxphoenix.testing.marble_file import read
from rxphoenix.testing.svg_style import STYLE

MARBLES = Path(__file__).parents[2] / "marbles"

_STYLE = re.compile(r"<style>.*?</style>\s*", re.DOTALL)
_DARK = "@media (prefers-color-scheme:dark){"


def picture(name: str) -> nodes.raw:
    """The picture of a marble file as a part of a page.

    Raises:
        OSError, MarbleFileError: there is no such file, or it cannot be read.
    """
    path = MARBLES / f"{name}.marble"
    drawn = _STYLE.sub("", figure(read(path.read_text("utf-8"), path.name)))
    return nodes.raw("", f'<div class="marble-figure">{drawn}</div>', format="html")


class Marbles(SphinxDirective):
    """``.. marbles:: NAME`` shows ``marbles/NAME.marble``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Draw it, and draw it again when the file has changed."""
        name: str = self.arguments[0]
        self.env.note_dependency(str(MARBLES / f"{name}.marble"))
        return [picture(name)]


class Marble(SphinxDirective):
    """``:::{marble} NAME`` shows the picture of a marble file below its title, when that is opened."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Draw it, and draw it again when the file has changed."""
        name: str = self.arguments[0]
        self.env.note_dependency(str(MARBLES / f"{name}.marble"))
        title = escape(" ".join(self.content))
        opened = f'<details class="marble" id="marble-{name}"><summary>{title}</summary>'
        return [nodes.raw("", opened, format="html"), picture(name), nodes.raw("", "</details>", format="html")]


def _replace_images(app: Sphinx, document: nodes.document) -> None:
    for image in list(document.findall(nodes.image)):
        path = PurePosixPath(str(image["uri"]))
        if path.suffix == ".svg" and path.parent.name == "figures":
            app.env.note_dependency(str(MARBLES / f"{path.stem}.marble"))
            shown = picture(path.stem)
            image.replace_self(shown)


def _write_style(app: Sphinx, _error: Exception | None) -> None:
    if _error is not None or app.builder.format != "html":
        return
    light, _, dark = STYLE.partition(_DARK)
    dark = dark.rstrip().removesuffix("}")
    by_switch = f'body[data-theme="dark"]{{\n{dark}}}\n'
    by_system = f'@media (prefers-color-scheme:dark){{\nbody:not([data-theme="light"]){{\n{dark}}}}}\n'
    target = Path(app.outdir) / "_static" / "marbles.css"
    target.write_text(light + by_switch + by_system, "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive, and let images of marble files become pictures."""
    app.add_directive("marbles", Marbles)
    app.add_directive("marble", Marble)
    app.connect("doctree-read", _replace_images, priority=100)
    app.connect("build-finished", _write_style)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

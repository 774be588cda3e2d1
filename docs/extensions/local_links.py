"""Files of the repository that the site shows as pages: the changelog, how to contribute, the specification.

Each has a page in ``docs/`` whose text is taken from the file when the site is built. Links are written for who reads
the repository; here they become links from page to page, and a title of a marble file becomes a picture that opens.

What lives here: those pages, and links to them. What does not: whether a link leads somewhere, which MyST checks.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]

SHOWN = {
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "specification": "marbles/README.md",
}
"""Pages, and the files that they show."""

_PAGES = {file: page for page, file in SHOWN.items()}
_LINK = re.compile(r"\]\((?P<path>(?![a-z]+:|#)[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")
_MARBLE = re.compile(r"^- \[(?P<title>.*)\]\((?P<name>[\w-]+)\.marble\)$", re.MULTILINE)


def rewritten(text: str, file: Path, page: Path) -> str:
    """The text of a file with its links as the page that shows it needs them."""

    def link(found: re.Match[str]) -> str:
        target = (file.parent / found["path"]).resolve()
        if target.is_relative_to(ROOT):
            name = target.relative_to(ROOT).as_posix()
            if name in _PAGES:
                target = ROOT / "docs" / f"{_PAGES[name]}.md"
        return f"]({os.path.relpath(target, page.parent)}{found['anchor'] or ''})"

    return _LINK.sub(link, text)


def _read(app: Sphinx, docname: str, source: list[str]) -> None:
    page = Path(app.env.doc2path(docname))
    if page.suffix != ".md":
        return
    file = page
    if docname in SHOWN:
        file = ROOT / SHOWN[docname]
        source[0] = _MARBLE.sub(r":::{marble} \g<name>\n\g<title>\n:::\n", file.read_text("utf-8"))
        app.env.note_dependency(str(file))
    source[0] = rewritten(source[0], file, page)


def setup(app: Sphinx) -> dict[str, bool]:
    """Take and mend texts when pages are read."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""A table of what can be configured: each argument of a class or function, its default and its meaning.

``.. options:: rxphoenix.Socket`` makes one of the signature and the docstring, so that it cannot differ from them.

What lives here: the table. What does not: the words in it.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_ENTRY = re.compile(r"^ {4}(?P<name>\w+): (?P<meaning>.*(?:\n {8}.*)*)", re.MULTILINE)


def meanings(docstring: str) -> dict[str, str]:
    """What the section "Arguments:" of a docstring says of each."""
    _, _, section = inspect.cleandoc(docstring).partition("Arguments:\n")
    section = section.partition("\n\n")[0]
    return {found["name"]: " ".join(found["meaning"].split()) for found in _ENTRY.finditer(section)}


def rows(path: str) -> list[tuple[str, str, str]]:
    """Name, default and meaning of each argument that has a default.

    Raises:
        LookupError: one is not explained.
    """
    module, *names = path.split(".")
    configured: Any = import_module(module)
    for name in names:
        configured = getattr(configured, name)
    meant = meanings(configured.__doc__ or "")
    result: list[tuple[str, str, str]] = []
    for parameter in inspect.signature(configured).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.name not in meant:
            raise LookupError(f"{path} does not say what {parameter.name} means")
        default = parameter.default
        if default is inspect.Parameter.empty:
            shown = "required"
        elif isinstance(default, (bool, int, float, str, type(None))):
            shown = f"``{default!r}``"
        else:
            shown = "see there"
        result.append((f"``{parameter.name}``", shown, meant[parameter.name]))
    return result


class Options(SphinxDirective):
    """``.. options:: PATH`` shows the arguments of what that path names."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the table from reStructuredText, which ``eval-rst`` parses, so that its cells may be marked up."""
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 20 14 66", ""]
        for name, default, meaning in [
            ("argument", "default", "meaning"),
            *rows(self.arguments[0]),
        ]:
            lines += [f"   * - {name}", f"     - {default}", f"     - {meaning}"]
        holder = nodes.container(classes=["wide-table"])
        self.state.nested_parse(StringList(lines, self.arguments[0]), self.content_offset, holder)
        return [holder]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("options", Options)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

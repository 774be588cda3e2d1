"""Docstrings as the reference shows them: their fenced blocks, which are Markdown, as reStructuredText.

Our docstrings fence examples, and show a marble file as text right above a line that names it. On the site the example
is a code block, and the marble file its picture.

What lives here: that translation. What does not: sections such as "Arguments:", which napoleon reads.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

from sphinx.application import Sphinx

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w+)$")
_NAMED = re.compile(r"^ *Marbles: `marbles/(?P<name>[\w-]+)\.marble`$")
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)(?!_)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def translated(lines: list[str]) -> list[str]:
    """The same docstring in reStructuredText.

    Raises:
        ValueError: a block is not closed.
    """
    result: list[str] = []
    rest = iter(range(len(lines)))
    for at in rest:
        opened = _FENCE.match(lines[at])
        if opened is None:
            result.append(_LINK.sub(r"\1", _CODE.sub(r"``\1``", lines[at])))
            continue
        indent = opened["indent"]
        closed = next((number for number in range(at + 1, len(lines)) if lines[number].strip() == "```"), None)
        if closed is None:
            raise ValueError(f"a block is not closed: {lines[at]!r}")
        named = _NAMED.match(lines[closed + 1]) if closed + 1 < len(lines) else None
        if named is not None:
            block = [f"{indent}.. marbles:: {named['name']}"]
        else:
            body = [f"   {line}" if line.strip() else "" for line in lines[at + 1 : closed]]
            block = [f"{indent}.. code-block:: {opened['language']}", "", *body]
        result += ["", *block, ""]
        last = closed if named is None else closed + 1
        while at < last:
            at = next(rest)
    return result


def _process(_app: Sphinx, what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    lines[:] = translated(lines)
    if what in ("attribute", "property", "data"):
        lines[:0] = ["..", ""]  # else napoleon takes what stands before a colon in the first line for a type


def written(signature: inspect.Signature) -> tuple[str, str | None]:
    """A signature as the source has it, with the names of types that it uses there, and what it returns."""
    returned = signature.return_annotation if isinstance(signature.return_annotation, str) else None
    bare = signature.replace(return_annotation=inspect.Signature.empty)
    # what is an annotation in a string already is shown with quotes otherwise
    return re.sub(r"(: )'([^']*)'", r"\1\2", str(bare)), returned


def _sign(
    _app: Sphinx, what: str, _name: str, documented: Any, _options: object, signature: str | None, returned: str | None
) -> tuple[str, str | None] | None:
    if signature is None or what not in ("class", "exception", "function", "method"):
        return None
    if signature.startswith("(context: "):
        return "", None  # what nobody makes by hand begins with an argument of our own
    function = documented.__init__ if what in ("class", "exception") else documented
    if not inspect.isfunction(function) or isinstance(inspect.unwrap(function), type):
        return None
    own = inspect.signature(function)
    first = next(iter(own.parameters), None)
    if first in ("self", "cls"):
        own = own.replace(parameters=[*own.parameters.values()][1:])
    shown, returns = written(own)
    return shown, returns if returns != "None" or what in ("function", "method") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Translate before napoleon reads the sections."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-process-signature", _sign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

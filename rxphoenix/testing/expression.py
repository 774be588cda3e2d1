"""The Python of a marble file: expressions over a few given names, and nothing else.

An expression may call, index, compare and combine what it was given, and write literals and ``lambda``. It may not
import, assign, look behind an underscore, or reach a name that it was not given; one that tries is refused before
anything is run. What it asks of the objects that it meets is checked when it does, by who runs the file.

What lives here: checking and evaluating one expression. What does not: which names there are (``marble_words.py``).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["ForbiddenExpression", "evaluate"]

_ALLOWED: tuple[type[ast.AST], ...] = (
    ast.Expression, ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Load, ast.Constant, ast.Starred,
    ast.List, ast.Tuple, ast.Dict, ast.Set, ast.Subscript, ast.Slice, ast.Lambda, ast.arguments, ast.arg,
    ast.IfExp, ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.cmpop, ast.boolop, ast.operator, ast.unaryop,
    ast.JoinedStr, ast.FormattedValue,
)  # fmt: skip
_BY_NAME = frozenset({"format", "format_map", "pluck_attr"})
"""Methods that reach attributes by names which only they see."""

_WAITING = frozenset({"run"})
"""Methods of observables that would wait, in real time, for what only virtual time brings."""

_LOOK = "<look>"
"""The name of the function that looks at attributes; no source can write it."""


class ForbiddenExpression(ValueError):
    """An expression that is not Python, or that tries more than an expression of a marble file may.

    Arguments:
        problem: what is wrong.
        column: where in the expression, counted from 0; its beginning, for what stands in a later line of it.
    """

    def __init__(self, problem: str, column: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.column = column


def evaluate(source: str, names: Mapping[str, Any], look: Callable[[Any, str], Any] = getattr) -> Any:
    """Evaluate one expression.

    Arguments:
        source: the expression.
        names: all the names that it may use; there are no builtins.
        look: what looks at an attribute of an object, also later, when a ``lambda`` is called; it may refuse.

    Returns:
        Its value.

    Raises:
        ForbiddenExpression: it is not an expression, or it uses what it may not.

    Example:
        ```python
        from rxphoenix.testing.expression import evaluate

        assert evaluate("[upper(word), 1 + 1]", {"upper": str.upper, "word": "a"}) == ["A", 2]
        ```
    """
    text = source.strip()
    indent = len(source) - len(source.lstrip())
    if "\n" in text:  # as in parentheses, where the lines of a chain of calls may begin with a dot
        text, indent = f"({text}\n)", indent - 1
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        column = indent + (error.offset or 1) - 1 if error.lineno == 1 else 0
        raise ForbiddenExpression(f"this is no Python expression: {error.msg}", max(0, column)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ForbiddenExpression(f"this is no Python expression: {error}", max(0, indent)) from None
    _check(tree, frozenset(names), indent)
    guarded = ast.fix_missing_locations(_Guarded().visit(tree))
    return eval(compile(guarded, "<marble file>", "eval"), {"__builtins__": {}, _LOOK: look, **names})


class _Guarded(ast.NodeTransformer):
    """Lets each look at an attribute go through a function."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Replace ``value.name`` by a call."""
        self.generic_visit(node)
        look = ast.Name(_LOOK, ast.Load())
        return ast.copy_location(ast.Call(look, [node.value, ast.Constant(node.attr)], []), node)


def _check(node: ast.AST, names: frozenset[str], indent: int) -> None:
    first = getattr(node, "lineno", 0) == 1
    column = max(0, indent + getattr(node, "col_offset", 0)) if first else 0
    if not isinstance(node, _ALLOWED):
        raise ForbiddenExpression(f"{_name_of(node)} is not allowed here", column)
    if isinstance(node, ast.Attribute) and (node.attr.startswith("_") or node.attr in _BY_NAME | _WAITING):
        raise ForbiddenExpression(f"the attribute {node.attr!r} is not allowed here", column)
    if isinstance(node, ast.Name) and (node.id not in names or node.id.startswith("_")):
        known = ", ".join(sorted(name for name in names if not name.startswith("_")))
        raise ForbiddenExpression(f"there is no name {node.id!r} here, only {known}", column)
    inner = names
    if isinstance(node, ast.Lambda):
        arguments = node.args
        own = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        own += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
        for argument in own:
            if argument.arg.startswith("__"):
                raise ForbiddenExpression(f"the parameter {argument.arg!r} is not allowed here", column)
        inner = names | {argument.arg for argument in own}
    for child in ast.iter_child_nodes(node):
        _check(child, inner, indent)


def _name_of(node: ast.AST) -> str:
    names: dict[type[ast.AST], str] = {
        ast.ListComp: "a comprehension",
        ast.DictComp: "a comprehension",
        ast.SetComp: "a comprehension",
        ast.GeneratorExp: "a generator",
        ast.NamedExpr: "an assignment",
        ast.Await: "await",
        ast.Yield: "yield",
    }
    return names.get(type(node), type(node).__name__)

"""The Python of a marble file: what it may, and that it may nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rxphoenix.testing.expression import ForbiddenExpression, evaluate

NAMES: dict[str, Any] = {
    "x": 3,
    "word": "abc",
    "box": SimpleNamespace(value=7, call=lambda *a, **k: (a, k)),
    "len": len,
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + x", 4),
        (' {"a": [x, (1, 2), {3}], "b": None}', {"a": [3, (1, 2), {3}], "b": None}),
        ("box.value", 7),
        ("box.call(1, *[2], key=x)", ((1, 2), {"key": 3})),
        ("(lambda y, *rest, z=1: y + z + x)(2)", 6),
        ("word[0:2].upper()", "AB"),
        ("x if x > 2 and not x == 4 else -x", 3),
        ("f'{x}!'", "3!"),
        ("len(word)", 3),
        ("word\n  .upper()\n  .lower()", "abc"),
    ],
)
def test_an_expression_over_the_given_names(source: str, value: Any) -> None:
    assert evaluate(source, NAMES) == value


@pytest.mark.parametrize(
    "source",
    [
        "__import__('os')",
        "open('x')",
        "().__class__",
        "box.__dict__",
        "box._hidden",
        "(lambda: x.__class__)()",
        "'{0.__class__}'.format(x)",
        "'{x.__class__}'.format_map({})",
        "[y for y in word]",
        "(y for y in word)",
        "(y := 1)",
        "import os",
        "x = 1",
        "x; x",
        "await x",
        "yield x",
        "(lambda __builtins__: 1)(1)",
        "__builtins__",
        "box.pluck_attr('__class__')",
        "box.run()",
        "(lambda box: box.__class__)(x)",
        "(lambda y=x.__class__: y)()",
        "f'{x.__class__}'",
        "f'{x:{x.__class__}}'",
        "x[(lambda: __import__('os'))()]",
        "{**box.__dict__}",
        "box.call(*[y for y in word])",
        "word\n.__class__",
        "word\nword",
        "lambda: (yield)",
        "",
        "x +",
        "a" * 3,
        "\0",
    ],
)
def test_anything_else_is_refused_before_it_is_run(source: str) -> None:
    with pytest.raises(ForbiddenExpression):
        evaluate(source, NAMES)


def test_a_refusal_says_where_and_what_there_is() -> None:
    with pytest.raises(ForbiddenExpression, match="there is no name 'y' here, only box, len, word, x") as caught:
        evaluate("  x + y", NAMES)
    assert caught.value.column == 6


def test_each_look_at_an_attribute_can_be_refused_also_in_a_function_that_is_called_later() -> None:
    seen: list[tuple[Any, str]] = []

    def look(value: Any, name: str) -> Any:
        seen.append((value, name))
        if name == "secret":
            raise ForbiddenExpression("no")
        return getattr(value, name)

    box = SimpleNamespace(value=7, secret=8, inner=SimpleNamespace(value=9))
    assert evaluate("f'{box.inner.value}' + word.upper()", {"box": box, "word": "a"}, look) == "9A"
    assert seen == [(box, "inner"), (box.inner, "value"), ("a", "upper")]
    later = evaluate("lambda box: box.inner.secret", {}, look)
    with pytest.raises(ForbiddenExpression):
        later(box)


@pytest.mark.parametrize("name", ["<look>", "look"])
def test_the_function_that_looks_cannot_be_named(name: str) -> None:
    with pytest.raises(ForbiddenExpression):
        evaluate(f"{name}(x, 'real')", NAMES)


def test_what_is_wrong_in_a_later_line_is_told_at_the_beginning() -> None:
    with pytest.raises(ForbiddenExpression, match="there is no name 'y'") as caught:
        evaluate("word.replace(\n      y, x)", NAMES)
    assert caught.value.column == 0
    with pytest.raises(ForbiddenExpression, match="there is no name 'y'") as caught:
        evaluate("word.replace(y,\n      x)", NAMES)
    assert caught.value.column == len("word.replace(")


def test_deep_nesting_is_refused_and_does_not_end_the_program() -> None:
    with pytest.raises((ForbiddenExpression, RecursionError)):
        evaluate("(" * 5000 + "x" + ")" * 5000, NAMES)

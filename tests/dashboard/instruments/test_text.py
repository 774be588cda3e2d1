"""Whatever is carried can be shown."""

from __future__ import annotations

from fractions import Fraction

import pytest

from rxphoenix.dashboard.instruments.text import as_text
from tests.depth import too_deep_to_show


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (Fraction(1, 2), "Fraction(1, 2)"),
        ("\ud83d", r"'\ud83d'"),
        ({1j: 2}, "{1j: 2}"),
    ],
)
def test_a_value_is_json_or_what_python_shows(value: object, text: str) -> None:
    assert as_text(value) == text


def test_a_value_nested_too_deeply_says_so() -> None:
    assert as_text(too_deep_to_show()) == "(nested too deeply to show)"

"""What hypothesis makes of the protocol: names, refs, JSON."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

texts = st.text(st.characters(exclude_categories=["Cs"]))
"""Any text that UTF-8 can carry."""

names = texts.filter(bool)
refs = st.none() | texts

_whole = st.integers(-(2**63), 2**63 - 1)
_scalars = st.none() | st.booleans() | _whole | st.floats(allow_nan=False, allow_infinity=False) | texts
json_values: st.SearchStrategy[Any] = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


def fitting(limit: int = 255) -> st.SearchStrategy[str]:
    """Texts of at most so many bytes in UTF-8, the limit itself among the likely ones."""
    ascii_only = st.integers(0, limit).map(lambda length: "x" * length)
    return (texts | ascii_only | st.just("ü" * (limit // 2) + "x" * (limit % 2))).filter(
        lambda text: len(text.encode()) <= limit
    )

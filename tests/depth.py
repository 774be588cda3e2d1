"""What is nested more deeply than a Python can take; each version has limits of its own.

What lives here: that. What does not: what becomes of it.
"""

from __future__ import annotations

import msgspec

__all__ = ["is_too_deep_to_read", "too_deep_to_show"]


def too_deep_to_show() -> list[object]:
    """A list that no Python can show."""
    deep: list[object] = []
    for _ in range(200_000):
        deep = [deep]
    return deep


def is_too_deep_to_read(levels: int) -> bool:
    """Whether this Python cannot read JSON of so many levels."""
    try:
        msgspec.json.decode(b"[" * levels + b"]" * levels)
    except RecursionError:
        return True
    return False

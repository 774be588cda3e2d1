"""Marble files of a few lines, for the tests of what is made of them."""

from __future__ import annotations

__all__ = ["small"]


def small(*, given: str = "", when: str = 'channel("a").on("x")', then: str = "observed -", where: str = "") -> str:
    """A marble file of single lines."""
    sections = [("given", given), ("when", when), ("then", then), ("where", where)]
    return "Small.\n" + "".join(f"{name}\n  {text}\n" for name, text in sections if text)

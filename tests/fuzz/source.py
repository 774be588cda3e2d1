"""Bytes that decide, in the place of a random source: so a fuzzer can steer what happens.

What lives here: reading decisions out of bytes. What does not: what is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Decisions"]

_T = TypeVar("_T")


class Decisions:
    """The part of ``random.Random`` that plays use; when the bytes are used up, all decisions are the last possible.

    Arguments:
        data: the bytes, taken from the front.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._next = 0

    @property
    def are_over(self) -> bool:
        """Whether the bytes are used up."""
        return self._next >= len(self._data)

    def _byte(self) -> int:
        if self.are_over:
            return 255
        self._next += 1
        return self._data[self._next - 1]

    def randrange(self, stop: int) -> int:
        """A number from 0 to less than ``stop``."""
        value, size = self._byte(), 256
        while size < stop:
            value, size = value * 256 + self._byte(), size * 256
        return value * stop // size

    def random(self) -> float:
        """A number from 0 to less than 1."""
        return self._byte() / 256

    def choice(self, options: Sequence[_T]) -> _T:
        """One of them."""
        return options[self.randrange(len(options))]

    def bytes(self, most: int) -> bytes:
        """Some bytes as they are, at most so many."""
        length = self.randrange(most + 1)
        start, self._next = self._next, min(self._next + length, len(self._data))
        return self._data[start : self._next]

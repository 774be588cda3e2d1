"""Values that wait for a consumer slower than their source: a bounded buffer, and what happens when it is full.

What lives here: keeping, dropping and counting. What does not: holding back a socket (``blocking.py``), and who waits
for the values (``intake.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Generic, TypeVar

from reactivex import abc

from rxphoenix.client.joined import Gap
from rxphoenix.errors import BufferOverflow

__all__ = ["Buffer", "Overflow"]

_T = TypeVar("_T")


class Overflow(Enum):
    """What happens to a value that comes when the buffer is full.

    ```text
    hot s            -abcdef|
                     error = loop(s, 0.01, buffer=2)
                     oldest = loop(s, 0.01, buffer=2, overflow=overflow.DROP_OLDEST)
                     newest = loop(s, 0.01, buffer=2, overflow=overflow.DROP_NEWEST)
                     latest = loop(s, 0.01, buffer=2, overflow=overflow.LATEST)
    observed error   -a 9ms b 9ms c 9ms #
    observed oldest  -a 9ms e 9ms f 9ms |
    observed newest  -a 9ms b 9ms c 9ms |
    observed latest  -a 9ms f 9ms |
    # = error("BufferOverflow", 2)
    ```
    Marbles: `marbles/overflow.marble`
    """

    ERROR = "error"
    """End with ``BufferOverflow``, after what was buffered: nothing is lost without a word. The default."""

    DROP_OLDEST = "drop_oldest"
    """Drop the oldest value of the buffer, and take the new one in."""

    DROP_NEWEST = "drop_newest"
    """Drop the value that came."""

    LATEST = "latest"
    """Keep the newest value only; for readings of which only the last one counts."""

    BLOCK = "block"
    """Hold back the socket that the values come from, until there is room: nothing is lost, and other streams of the
    socket wait, too. Not for longer than the server puts up with: see ``iterate``."""


class Buffer(Generic[_T]):
    """At most so many values, oldest first, and a count of those that were dropped.

    Arguments:
        limit: how many values wait at most.
        overflow: what happens to one more.

    Raises:
        TypeError, ValueError: an argument is not usable.
    """

    __slots__ = ("_overflow", "_values", "dropped", "exceeded", "gap", "limit")

    def __init__(self, limit: int, overflow: Overflow) -> None:
        if not isinstance(limit, int) or isinstance(limit, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"buffer must be a number of values, not {limit!r}")
        if limit < 1:
            raise ValueError(f"buffer must be at least 1, not {limit!r}")
        if not isinstance(overflow, Overflow):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"overflow must be one of Overflow, for example Overflow.DROP_OLDEST, not {overflow!r}")
        self.limit = 1 if overflow is Overflow.LATEST else limit
        self.dropped: int = 0
        self.exceeded = 0
        """How many values were taken in over the limit."""
        self.gap: Gap | None = None
        """What was lost right before the value that was taken last."""
        self._overflow = overflow
        self._values: deque[_T] = deque()

    def fill_by(self, subscribe: Callable[[], abc.DisposableBase]) -> abc.DisposableBase:
        """Subscribe to what fills it; raises ``ValueError`` if the buffer cannot do with that what it is to do."""
        return subscribe()

    def put(self, value: _T) -> None:
        """Take a value in; raises ``BufferOverflow`` if it is full and that is an error."""
        if len(self._values) >= self.limit:
            if self._overflow is Overflow.ERROR:
                raise BufferOverflow(self.limit)
            self.dropped += 1
            if self._overflow is Overflow.DROP_NEWEST:
                return
            self._values.popleft()
        self._values.append(value)

    def take(self) -> _T:
        """Take the oldest value out; raises ``IndexError`` if there is none."""
        return self._values.popleft()

    def finish(self) -> None:
        """No value comes any more."""

    def clear(self) -> None:
        """Forget all values."""
        self._values.clear()

    def __len__(self) -> int:
        return len(self._values)

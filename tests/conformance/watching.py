"""Waiting for what happens, never for a duration.

What lives here: what a stream has emitted so far, and waiting for more of it. What does not: what is worth waiting
for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from reactivex import Observable

T = TypeVar("T")

PATIENCE = 20.0
"""Seconds that anything may take before it counts as not happening: more than a window of long polling."""


class Seen(Generic[T]):
    """What a stream has emitted since this was made, and how it ended.

    Arguments:
        stream: it is subscribed at once, and until ``stop()`` or its own end.
    """

    def __init__(self, stream: Observable[T]) -> None:
        self.values: list[T] = []
        self.error: Exception | None = None
        self.has_ended = False
        self._changed = asyncio.Event()
        self._subscription = stream.subscribe(self._on_next, self._on_error, self._on_completed)

    def _on_next(self, value: T) -> None:
        self.values.append(value)
        self._changed.set()

    def _on_error(self, error: Exception) -> None:
        self.error = error
        self._on_completed()

    def _on_completed(self) -> None:
        self.has_ended = True
        self._changed.set()

    def stop(self) -> None:
        """Watch no longer; gives back the lease, if the stream held one."""
        self._subscription.dispose()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until a condition holds that depends on what this stream emits."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not happened():
                    assert not self.has_ended, f"the stream ended with {self.error!r} after {self.values}"
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"waited in vain; all that came was {self.values}") from None

    async def first(self, number: int) -> list[T]:
        """Wait for so many values; returns the first ones, though more may have come."""
        await self.until(lambda: len(self.values) >= number)
        return self.values[:number]

    async def one(self, wanted: Callable[[T], bool]) -> T:
        """Wait for a value of a kind, whatever comes before it."""
        await self.until(lambda: any(wanted(value) for value in self.values))
        return next(value for value in self.values if wanted(value))

    async def end(self) -> Exception | None:
        """Wait for the end; returns the error, or ``None`` if the stream completed."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not self.has_ended:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"the stream did not end; all that came was {self.values}") from None
        return self.error

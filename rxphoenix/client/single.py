"""An observable of exactly one value: it emits it and completes, or it errors.

What lives here: the type, and awaiting it. What does not: pushes and pings, which are made of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from rxphoenix.client.context import Context
from rxphoenix.client.subjects import Stream, Subscriber

__all__ = ["Single", "succeed"]

_T = TypeVar("_T")


def succeed(subscriber: Subscriber[_T], value: _T) -> None:
    """Emit the one value and complete."""
    subscriber.next(value)
    subscriber.complete()


class Single(Stream[_T]):
    """A cold observable of exactly one value.

    Each subscription starts the work once; so does each ``await``. Disposing, or cancelling what awaits, abandons it.

    ```text
    subscribed:   ^
    observed:     -----(v|)      or     -----#
    ```

    Example:
        ```python
        from rxphoenix import Socket

        async with Socket("ws://localhost:4000/socket") as socket:
            await socket.opened()
        ```
    """

    def __init__(
        self,
        context: Context,
        start: Callable[[Subscriber[_T]], None],
        topic: str | None = None,
        event: str | None = None,
    ) -> None:
        super().__init__(context, topic, event)
        self._start = start

    def _attach(self, subscriber: Subscriber[_T]) -> None:
        self._start(subscriber)

    def __await__(self) -> Generator[Any, None, _T]:  # pyright: ignore[reportIncompatibleMethodOverride]
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()

        def on_next(value: _T) -> None:
            if not future.done():
                future.set_result(value)

        def on_error(error: Exception) -> None:
            if not future.done():
                # a future cannot hold a StopIteration
                future.set_exception(RuntimeError(repr(error)) if isinstance(error, StopIteration) else error)

        subscription = self.subscribe(on_next, on_error)
        try:
            return (yield from future.__await__())
        finally:
            subscription.dispose()

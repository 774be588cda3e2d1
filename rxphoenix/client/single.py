"""An observable of exactly one value: it emits it and completes, or it errors.

What lives here: the type, and awaiting it. What does not: pushes and pings, which are made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from rxphoenix.client.context import Context
from rxphoenix.client.subjects import Stream, Subscriber
from rxphoenix.client.waiting import Waiter

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
    connects    --o
                socket.opened()
    subscribed  -^
    observed    ---(v|)
    state       cn-(oac)
    v = None   c = "closed"   n = "connecting"   o = "open"   a = "closing"
    ```
    Marbles: `marbles/opened.marble`

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
        waiter: Waiter[_T] = Waiter()
        subscription = self.subscribe(waiter.settle, waiter.fail)
        try:
            return (yield from waiter.__await__())
        finally:
            subscription.dispose()

"""An observable of exactly one value: it emits it and completes, or it errors.

What lives here: the type, and waiting for it. What does not: pushes and pings, which are made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from rxphoenix.client.checks import check_optional_seconds
from rxphoenix.client.context import Context
from rxphoenix.client.subjects import Stream, Subscriber
from rxphoenix.client.waiting import ThreadWaiter, Waiter

__all__ = ["Single"]

_T = TypeVar("_T")


class Single(Stream[_T]):
    """A cold observable of exactly one value.

    Each subscription starts the work once; so does each ``await``, and each ``run()`` in a program without a loop.
    Disposing, cancelling what awaits, and a timeout of what runs, abandon it.

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
        start: Callable[[Subscriber[_T]], None] | None = None,
        topic: str | None = None,
        event: str | None = None,
    ) -> None:
        super().__init__(context, topic, event)
        self._start = start

    def _attach(self, subscriber: Subscriber[_T]) -> None:
        assert self._start is not None
        self._start(subscriber)

    def __await__(self) -> Generator[Any, None, _T]:  # pyright: ignore[reportIncompatibleMethodOverride]
        waiter: Waiter[_T] = Waiter()
        subscriber: Subscriber[_T] = self._subscriber_type(
            self._context, waiter.settle, waiter.fail, None, self._topic, self._event
        )
        self._context.perform("subscribe", self._begin, subscriber)
        try:
            return (yield from waiter.__await__())
        finally:
            if not subscriber.stopped:
                subscriber.dispose()

    def run(self, timeout: float | None = None) -> _T:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Wait for the value by blocking this thread, for programs without an event loop; Ctrl-C interrupts it.

        Arguments:
            timeout: seconds to wait; ``None`` waits for as long as it takes.

        Returns:
            The value.

        Raises:
            TimeoutError: it did not come in time; the work is abandoned.
            WrongThread: this thread would have to do the work itself; in a coroutine, ``await`` the Single.
            NoEventLoop: nobody would do the work; make the socket with ``rxphoenix.background()``.
            Exception: what the Single ended with.

        Example:
            ```python
            import rxphoenix

            with rxphoenix.background() as bg:
                socket = bg.socket("ws://localhost:4000/socket")
                response = socket.channel("room:lobby").push("new_msg", {"body": "hello"}).run(timeout=5)
                print(response["id"])
            ```
        """
        check_optional_seconds("timeout", timeout)
        self._context.check_blocking("run()")
        waiter: ThreadWaiter[_T] = ThreadWaiter()
        with self.subscribe(waiter.settle, waiter.fail):
            return waiter.wait(timeout)

"""The end of a socket, and who waits for it.

What lives here: the wait. What does not: ending (``socket.py``, ``link.py``).
"""

from __future__ import annotations

from collections.abc import Callable

from rxphoenix.client.context import Context
from rxphoenix.client.single import Single
from rxphoenix.client.subjects import Subscriber

__all__ = ["Ending"]


class Ending:
    """The end of a socket: it comes once, and all who wait for it are told.

    Arguments:
        context: the surroundings of the socket.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._has_come = False
        self._waiters: list[Callable[[], object]] = []

    def come(self) -> None:
        """The socket is closed and nothing of it is left."""
        self._has_come = True
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            self._context.dispatcher.emit(waiter)

    def awaited(self) -> Single[None]:
        """A Single that emits ``None`` when it has come."""
        return Single(self._context, self._wait)

    def _wait(self, subscriber: Subscriber[None]) -> None:
        def done() -> None:
            subscriber.succeed(None)

        def forget(_subscriber: Subscriber[None]) -> None:
            if done in self._waiters:
                self._waiters.remove(done)

        if self._has_come:
            self._context.deliver_soon(done)
        else:
            self._waiters.append(done)
            subscriber.on_dispose = forget

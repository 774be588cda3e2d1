"""Waiting for the connection: what ``socket.opened()`` is.

What lives here: the wait. What does not: connecting (``link.py``).
"""

from __future__ import annotations

from rxphoenix.client.context import Context
from rxphoenix.client.link import Link
from rxphoenix.client.single import Single
from rxphoenix.client.subjects import Subscriber
from rxphoenix.errors import Disconnected, PhoenixError, SocketClosed

__all__ = ["Opening"]


class Opening(Single[None]):
    """Emits when the link is open, or errors with the failure of its next attempt; a lease while it waits."""

    def __init__(self, context: Context, link: Link) -> None:
        super().__init__(context, self._wait)
        self._link = link

    def _wait(self, subscriber: Subscriber[None]) -> None:
        link, context = self._link, self._context
        if link.closed or link.is_offline:
            error: PhoenixError = SocketClosed() if link.closed else Disconnected()
            context.deliver_soon(lambda: subscriber.error(error))
            return
        lease = link.lease()

        def told(failure: PhoenixError | None) -> None:
            subscriber.on_dispose = None
            lease.dispose()
            if failure is None:
                context.dispatcher.emit(subscriber.succeed, None)
            else:
                context.dispatcher.emit(subscriber.error, failure)

        def dispose(_subscriber: Subscriber[None]) -> None:
            forget()
            lease.dispose()

        forget = link.watch_attempt(told)
        subscriber.on_dispose = dispose

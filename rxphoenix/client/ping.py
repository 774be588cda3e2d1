"""One round trip to the server: what ``socket.ping()`` is.

What lives here: asking and waiting. What does not: the heartbeats that a connection sends by itself (``heartbeat.py``).
"""

from __future__ import annotations

from rxphoenix.client.context import Context
from rxphoenix.client.link import Link
from rxphoenix.client.single import Single
from rxphoenix.client.subjects import Subscriber
from rxphoenix.client.timer import Timer
from rxphoenix.errors import HeartbeatTimeout, NotConnected, PhoenixError, SocketClosed

__all__ = ["Ping"]


class Ping(Single[float]):
    """Emits the seconds of a round trip on the open connection, or errors if there is none or no answer in time."""

    def __init__(self, context: Context, link: Link, timeout: float) -> None:
        super().__init__(context, self._ask)
        self._link = link
        self._timeout = timeout

    def _ask(self, subscriber: Subscriber[float]) -> None:
        connection = self._link.connection
        if connection is None or not connection.is_open:
            error = SocketClosed() if self._link.closed else NotConnected("ping()")
            self._context.deliver_soon(lambda: subscriber.error(error))
            return
        emit = self._context.dispatcher.emit
        timer = Timer(self._context)

        def answered(seconds: float) -> None:
            timer.stop()
            subscriber.succeed(seconds)

        def failed(failure: PhoenixError) -> None:
            timer.stop()
            emit(subscriber.error, failure)

        def give_up(_subscriber: Subscriber[float]) -> None:
            timer.stop()
            connection.replies.forget(ref)

        def expired() -> None:
            give_up(subscriber)
            subscriber.error(HeartbeatTimeout(self._timeout))

        ref = connection.ping(answered, failed)
        timer.limit(self._timeout, expired)
        subscriber.on_dispose = give_up

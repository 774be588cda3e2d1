"""The lease of a channel that is held by hand, and waiting for its join.

What lives here: holding. What does not: joining (``join.py``).
"""

from __future__ import annotations

import asyncio

from reactivex import abc

from rxphoenix.client.context import Context
from rxphoenix.client.joined import Joined
from rxphoenix.client.subjects import Stream
from rxphoenix.errors import ChannelClosed
from rxphoenix.protocol.message import Payload

__all__ = ["Hold"]


class Hold(abc.DisposableBase):
    """A lease of a channel; see ``Channel.hold``.

    ```text
    replies one@room:a  --r
    replies two@room:a  --r
                        rx.using(channel("room:a").hold, lambda hold: rx.concat(
                            channel("room:a").push("one"), channel("room:a").push("two")))
    observed            --r-(r|)
    sent                (jp 2ms q)-l
    r = {}   j = "phx_join"   p = "one"   q = "two"   l = "phx_leave"
    ```
    Marbles: `marbles/hold.marble`
    """

    def __init__(self, context: Context, joined: Stream[Joined], topic: str) -> None:
        self._context = context
        self._topic = topic
        self._outcome: Joined | Exception | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._subscription = joined.subscribe(self._settle, self._fail, lambda: self._settle(ChannelClosed(topic)))

    def _settle(self, outcome: Joined | Exception) -> None:
        self._outcome = outcome
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self._waiters:
            self._context.nobody_listened(error, self._topic, None)
        self._settle(error)

    def dispose(self) -> None:
        """Give the lease back; the last one leaves the topic."""
        self._subscription.dispose()
        if self._outcome is None:
            self._context.marshal(lambda: self._settle(ChannelClosed(self._topic)))

    async def __aenter__(self) -> Payload:
        if self._outcome is None:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except BaseException:
                self.dispose()
                raise
        if isinstance(self._outcome, Joined):
            return self._outcome.reply
        assert self._outcome is not None
        raise self._outcome

    async def __aexit__(self, *exception: object) -> None:
        self.dispose()

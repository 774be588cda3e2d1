"""The lease of a channel that is held by hand, and waiting for its join.

What lives here: holding. What does not: joining (``join.py``).
"""

from __future__ import annotations

from reactivex import abc

from rxphoenix.client.context import Context
from rxphoenix.client.joined import Joined
from rxphoenix.client.single import Single
from rxphoenix.client.subjects import Stream, Subscriber
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
        self._waiting: tuple[Subscriber[None], ...] = ()
        self._answered: Single[None] = Single(context, self._wait, topic)
        self._subscription = joined.subscribe(self._settle, self._fail, lambda: self._settle(ChannelClosed(topic)))

    def _wait(self, subscriber: Subscriber[None]) -> None:
        if self._outcome is not None:
            self._context.deliver_soon(lambda: subscriber.succeed(None))
            return
        self._waiting = (*self._waiting, subscriber)
        subscriber.on_dispose = self._stop_waiting

    def _stop_waiting(self, subscriber: Subscriber[None]) -> None:
        self._waiting = tuple(other for other in self._waiting if other is not subscriber)

    def _settle(self, outcome: Joined | Exception) -> None:
        self._outcome = outcome
        waiting, self._waiting = self._waiting, ()
        for subscriber in waiting:
            subscriber.succeed(None)

    def _fail(self, error: Exception) -> None:
        if not self._waiting:
            self._context.nobody_listened(error, self._topic, None)
        self._settle(error)

    def dispose(self) -> None:
        """Give the lease back; the last one leaves the topic."""
        self._subscription.dispose()
        if self._outcome is None:
            self._context.marshal(self._abandon)

    def _abandon(self) -> None:
        if self._outcome is None:
            self._settle(ChannelClosed(self._topic))

    def _reply(self) -> Payload:
        if isinstance(self._outcome, Joined):
            return self._outcome.reply
        assert self._outcome is not None
        raise self._outcome

    async def __aenter__(self) -> Payload:
        if self._outcome is None:
            try:
                await self._answered
            except BaseException:
                self.dispose()
                raise
        return self._reply()

    async def __aexit__(self, *exception: object) -> None:
        self.dispose()

    def __enter__(self) -> Payload:
        try:
            self._context.check_blocking("`with hold()`")
            self._answered.run()
        except BaseException:
            self.dispose()
            raise
        return self._reply()

    def __exit__(self, *exception: object) -> None:
        self.dispose()

    def __repr__(self) -> str:
        return f"<Hold of {self._topic!r}>"

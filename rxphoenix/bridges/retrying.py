"""Subscribing again after an error, with a delay that grows.

What lives here: the operator. What does not: the delays (``rxphoenix.protocol.backoff``), and what the socket mends by
itself (``rxphoenix.client``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, SerialDisposable
from reactivex.scheduler.eventloop import AsyncIOScheduler

from rxphoenix.bridges.tasks import loop_here, no_loop
from rxphoenix.client.checks import check_delay, check_seconds
from rxphoenix.client.context import Context
from rxphoenix.client.origins import Origin, origins
from rxphoenix.errors import NoEventLoop, SocketClosed, WrongThread
from rxphoenix.protocol.backoff import REJOIN_DELAY, Delay

__all__ = ["retry_backoff"]

_T = TypeVar("_T")

_FATAL = (SocketClosed, WrongThread, NoEventLoop)


def retry_backoff(
    delay: Delay = REJOIN_DELAY, *, scheduler: abc.SchedulerBase | None = None
) -> Callable[[Observable[_T]], Observable[_T]]:
    """Subscribe again after an error, as RxPY's ``retry`` does, but after a delay.

    The delay is asked with the number of errors since the last value, from 1, and with the error. What a socket mends
    by itself is no error of its streams; this is for what is: a refused join, say, or an error of an operator before.

    Arguments:
        delay: ``(attempt, error) -> seconds`` to the next subscription, ``None`` to give up; for example
            ``stepped(1, 5)``. By default 1, 2, 5 and then always 10 s. It is kept to exactly.
        scheduler: where the delays are waited out; by default that of the socket that the source belongs to, else the
            one that was given to ``subscribe``, else the running event loop.

    Returns:
        An operator for ``pipe``. Its stream errors with the last error when the delay gives up, and at once with
        ``SocketClosed``, ``WrongThread`` and ``NoEventLoop``, which no time mends. What ``delay`` itself raises ends
        it, too, and so does one that is no number of seconds.

    Raises:
        TypeError: ``delay`` cannot be called.

    ```text
    joins room:a, 2 times  r
    joins room:a           a
    phoenix room:a         5s -n
                           channel("room:a").on("news").pipe(retry_backoff(stepped(1, 2)))
    subscribed             ^ 5.5s !
    observed               5s -p
    sent                   j 999ms j 1999ms j 2.5s l
    r = reply("error", {"reason": "no"})   a = {}   n = event("news", 7)   p = 7   j = "phx_join"
    l = "phx_leave"
    ```
    Marbles: `marbles/retry-backoff.marble`

    Example:
        ```python
        from rxphoenix import Socket, exponential, retry_backoff

        socket = Socket("ws://localhost:4000/socket")
        secret = socket.channel("room:secret", {"password": "guess"}).pipe(
            retry_backoff(exponential(0.5, longest=60, jitter=0.5))
        )
        ```
    """
    if check_delay("delay", delay) is None:
        raise TypeError("delay must be a function of (attempt, error), for example stepped(1, 2, 5), not None")

    def retried(source: Observable[_T]) -> Observable[_T]:
        def subscribe(
            observer: abc.ObserverBase[_T], subscribed_on: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            retrying = _Retrying(source, delay, scheduler, subscribed_on, observer)
            retrying.subscribe()
            return retrying.disposable

        return Observable(subscribe)

    return retried


class _Retrying(Generic[_T]):
    """One subscription, over as many of the source as it takes."""

    def __init__(
        self,
        source: Observable[_T],
        delay: Delay,
        given: abc.SchedulerBase | None,
        subscribed_on: abc.SchedulerBase | None,
        observer: abc.ObserverBase[_T],
    ) -> None:
        self._source = source
        self._delay = delay
        self._given = given
        self._subscribed_on = subscribed_on
        self._observer = observer
        self._attempt = 0
        self._subscription = SerialDisposable()
        self._timer = SerialDisposable()
        self._origins: dict[Origin, None] = {}
        self.disposable = CompositeDisposable(self._subscription, self._timer)

    def subscribe(self, *_scheduled: object) -> None:
        """Subscribe to the source, for the first time or again."""
        with origins() as self._origins:
            self._subscription.disposable = self._source.subscribe(
                self._on_next, self._on_error, self._observer.on_completed, scheduler=self._subscribed_on
            )

    def _on_next(self, value: _T) -> None:
        self._attempt = 0
        self._observer.on_next(value)

    def _on_error(self, error: Exception) -> None:
        self._attempt += 1
        try:
            seconds = None if isinstance(error, _FATAL) else self._delay(self._attempt, error)
            if seconds is not None:
                self._timer.disposable = self._scheduler().schedule_relative(
                    check_seconds("a delay", seconds, zero=True), self.subscribe
                )
                return
        except Exception as raised:
            error = raised
        self._observer.on_error(error)

    def _scheduler(self) -> abc.SchedulerBase:
        if self._given is not None:
            return self._given
        context = next((origin for origin in self._origins if isinstance(origin, Context)), None)
        if context is not None:
            return context.scheduler
        if self._subscribed_on is not None:
            return self._subscribed_on
        loop = loop_here()
        if loop is None:
            raise no_loop("retry_backoff()", "or give it a scheduler=")
        return AsyncIOScheduler(loop)

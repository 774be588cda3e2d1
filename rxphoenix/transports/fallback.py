"""Two transports as one: the second is used where the first does not work.

```text
first:   --O--r                     O open, r its first heartbeat is answered: it works, and is the connection
         --#                        refused, ...
         ---------! after           ... stalled, ...
         --O---------! after        ... or open and dead: it is dropped, and the second one tried at once
second:           --O--             open: it is the connection
                  --#               not either: the attempt has failed
```

Each attempt begins with the first transport. Where that has ever passed its health check, the second is not tried any
more, and a refused attempt is only that: a server that restarts must not cost a socket its WebSocket. A socket that
runs on the second transport tries the first again whenever it reconnects.

Where the second transport was needed is remembered for a day, so that the first attempt of the next socket begins with
it and does not wait.

What lives here: the choice. What does not: either transport, and what is remembered (``memory.py``).

Source: the "Long polling" part of the protocol page, for what the official client does and why this is not the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

import msgspec
from reactivex import Observable, abc
from reactivex.disposable import Disposable, SerialDisposable

from rxphoenix.errors import ConnectionRefused, ConnectTimeout
from rxphoenix.transports.base import (
    CloseRequest,
    Closing,
    ConnectRequest,
    Opened,
    Ping,
    Transport,
    TransportEvent,
    check_transport,
)
from rxphoenix.transports.memory import FallbackMemory, InProcessMemory, check_memory
from rxphoenix.transports.waiting import check_seconds, deadline

__all__ = ["Fallback"]

_logger = logging.getLogger("rxphoenix")

_REMEMBERED = 24 * 60 * 60.0
"""Seconds for which it is believed that the second transport is needed."""

_MOST_HELD = 1024 * 1024
"""Bytes that the first transport may bring before it is known to work: nobody has joined, so nobody waits for any."""


class Fallback:
    """Connect by one transport, and where it does not work by another.

    The first transport works if it opens within ``after`` seconds and answers a heartbeat within ``after`` seconds
    more; a socket is not open before. It is tried first at every attempt, and once it has worked for a socket the
    other one is not tried for that socket any more.

    Arguments:
        first: the transport to prefer, usually ``WebSocket()``.
        second: the transport for where that does not work, usually ``LongPoll()``.
        after: how long to wait for the first one, in seconds; twice that, and the time that the second one takes,
            must fit into the socket's ``connect_timeout``.
        memory: where to keep that the second one was needed, by default for as long as this object exists.

    An attempt that fails on both errors with what the first one said, or if it said nothing, with what the second one
    did; the other error is the ``__cause__``.

    Raises:
        TypeError: a transport or the memory is none.
        ValueError: ``after`` is not a positive number.

    ```text
    phoenix room:a  --------m
    connects        --r
    longpoll        ---o
                    channel("room:a").on("news")
    options         {"transport": fallback(0.01)}
    subscribed      ^-----------!
    observed        --------p
    attempts        w-g
    sent            -----j------l
    state           (cn)-o------(ac)
    errors          -
    r = refused(400, "no upgrades here")   m = event("news", {"body": "hello"})   p = {"body": "hello"}
    w = attempt({})   g = attempt({}, transport="longpoll")   j = "phx_join"   l = "phx_leave"
    c = "closed"   n = "connecting"   o = "open"   a = "closing"
    ```
    Marbles: `marbles/fallback.marble`

    Example:
        ```python
        from rxphoenix import Fallback, LongPoll, Socket, WebSocket

        socket = Socket("wss://example.com/socket", transport=Fallback(WebSocket(), LongPoll()))
        ```
    """

    def __init__(
        self, first: Transport, second: Transport, *, after: float = 2.5, memory: FallbackMemory | None = None
    ) -> None:
        self.first = check_transport("the first transport", first)
        self.second = check_transport("the second transport", second)
        self.after = check_seconds("after", after)
        self._memory = InProcessMemory() if memory is None else check_memory(memory)

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        """Make the cold observable of one connection, by whichever transport works."""

        def subscribe(
            observer: abc.ObserverBase[TransportEvent], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            attempt = _Attempt(self, request, observer)
            attempt.begin()
            return Disposable(attempt.drop)

        return Observable(subscribe)

    def remembers(self, request: ConnectRequest) -> bool:
        """Whether the second transport was needed at this endpoint not long ago."""
        endpoint = str(request.address.endpoint)
        try:
            needed_at = self._memory.needed_at(endpoint)
            # a time to come is of a clock that was wrong
            return needed_at is not None and 0 <= _now(request) - needed_at < _REMEMBERED
        except Exception as error:
            return self._memory_failed(error)

    def remember(self, request: ConnectRequest, *, needed: bool) -> None:
        """Note whether the second transport is needed at this endpoint."""
        endpoint = str(request.address.endpoint)
        try:
            if needed:
                self._memory.remember(endpoint, _now(request))
            else:
                self._memory.forget(endpoint)
        except Exception as error:
            self._memory_failed(error)

    def _memory_failed(self, error: Exception) -> bool:
        _logger.warning("the memory of a fallback raised", exc_info=error)
        return False


def _now(request: ConnectRequest) -> float:
    return request.scheduler.now.timestamp()


class _Progress:
    """What one socket has found out."""

    def __init__(self) -> None:
        self.has_begun = False
        self.first_works = False


class _Leg:
    """One subscription to one of the transports."""

    def __init__(self) -> None:
        self.closing = Closing()
        self.subscription = SerialDisposable()


class _Attempt:
    """One attempt, and the connection that comes of it."""

    def __init__(self, fallback: Fallback, request: ConnectRequest, observer: abc.ObserverBase[TransportEvent]) -> None:
        self._fallback = fallback
        self._request = request
        self._observer = observer
        self._progress = cast("_Progress", request.memory.setdefault(fallback, _Progress()))
        self._leg: _Leg | None = None
        self._timer: abc.DisposableBase | None = None
        self._settled = False
        """Whether it is known which transport is the connection: its errors are the client's."""
        self._ping: Ping | None = None
        self._held: list[TransportEvent] = []
        self._held_size = 0
        self._first_error: Exception | None = None
        self._over = False

    # -- beginning and end ---------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Decide how to begin, and do."""
        self._request.closing.listen(self._close)
        if self._over:
            return
        progress, fallback = self._progress, self._fallback
        is_first, progress.has_begun = not progress.has_begun, True
        if is_first and 2 * fallback.after >= self._request.timeout:
            _logger.warning(
                "%s: a fallback after %g s may wait for twice as long, and of %g s that leaves no time to connect; "
                "give it a smaller after=, or the socket a longer connect_timeout=",
                self._request.address.endpoint,
                fallback.after,
                self._request.timeout,
            )
        if progress.first_works:
            self._settled = True
            self._connect(fallback.first, self._observer.on_next, self._fail)
        elif is_first and fallback.remembers(self._request):
            self._settled = True
            self._connect(fallback.second, self._observer.on_next, self._fail)
        else:
            self._wait()
            self._connect(fallback.first, self._examine, self._first_failed)

    def _close(self, close: CloseRequest) -> None:
        if self._leg is None:
            self._complete()
        else:
            self._leg.closing.request(close)

    def _complete(self) -> None:
        if not self._over:
            self.drop()
            self._observer.on_completed()

    def _fail(self, error: Exception) -> None:
        self.drop()
        self._observer.on_error(error)

    def drop(self) -> None:
        """Abandon it."""
        self._over = True
        self._stop_waiting()
        self._leave()

    # -- either transport ----------------------------------------------------------------------------------------

    def _connect(
        self, transport: Transport, take: Callable[[TransportEvent], None], fail: Callable[[Exception], None]
    ) -> None:
        """Subscribe to a transport."""
        leg = self._leg = _Leg()

        def on_error(error: Exception) -> None:
            if self._leg is leg:
                fail(error)

        def on_completed() -> None:
            if self._settled or self._request.closing.requested is not None:
                self._complete()
            else:
                fail(ConnectionRefused("the transport ended"))

        try:
            observable = transport.connect(msgspec.structs.replace(self._request, closing=leg.closing))
            leg.subscription.disposable = observable.subscribe(
                take, on_error, on_completed, scheduler=self._request.scheduler
            )
        except Exception as error:  # a transport of a user's own may raise anything, at any time
            on_error(error)

    def _leave(self) -> None:
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.subscription.dispose()

    # -- the first, while it is not known to work ----------------------------------------------------------------

    def _wait(self) -> None:
        self._stop_waiting()
        self._timer = deadline(self._request.scheduler, self._fallback.after, self._fall_back)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.dispose()

    def _examine(self, event: TransportEvent) -> None:
        """See whether frames pass: until then the client hears nothing."""
        if self._settled:
            self._observer.on_next(event)
        elif isinstance(event, Opened):
            self._wait()
            self._held.append(event)
            self._ping = self._request.ping()
            event.send(self._ping.frame)
        elif self._ping is not None and self._ping.is_answer(event):
            self._stop_waiting()
            self._settled = self._progress.first_works = True
            self._fallback.remember(self._request, needed=False)
            held, self._held = self._held, []
            for each in held:
                self._observer.on_next(each)
        else:
            self._held.append(event)
            self._held_size += len(event.data)
            if self._held_size > _MOST_HELD:
                self._first_failed(ConnectionRefused("it sent too much before it had answered a heartbeat"))

    # -- the second ----------------------------------------------------------------------------------------------

    def _first_failed(self, error: Exception) -> None:
        if self._settled:
            self._fail(error)
        else:
            self._first_error = error
            self._fall_back()

    def _fall_back(self) -> None:
        """Drop the first transport, which failed or said nothing in time, and try the second one."""
        if self._request.closing.requested is not None:
            self._complete()
            return
        self._stop_waiting()
        self._leave()
        self._connect(self._fallback.second, self._take_second, self._second_failed)

    def _take_second(self, event: TransportEvent) -> None:
        if isinstance(event, Opened):
            self._settled = True
            self._fallback.remember(self._request, needed=True)
            names = (type(each).__name__ for each in (self._fallback.second, self._fallback.first))
            _logger.info("%s: connected by %s, where %s did not work", self._request.address.endpoint, *names)
        self._observer.on_next(event)

    def _second_failed(self, error: Exception) -> None:
        if self._settled:
            self._fail(error)
        elif self._first_error is None:
            error.__cause__ = error.__cause__ or ConnectTimeout(self._fallback.after)
            self._fail(error)
        else:
            self._first_error.__cause__ = self._first_error.__cause__ or error
            self._fail(self._first_error)

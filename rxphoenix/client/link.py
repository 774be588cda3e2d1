"""Keeping one connection alive while somebody needs it.

The first lease connects; what fails is tried again after a delay, as long as leases are held; the last release ends
the connection one turn of the scheduler later. The delays belong to the socket: whoever comes during an outage waits
with the others.

```text
phoenix room:a  --m------ 20ms m--
drops           ----x
                channel("room:a").on("news")
subscribed      ^ 40ms !
observed        --p 26ms p
sent            j 13ms j 26ms l
channel room:a  (cgd 4ms e)---------(gd) 23ms c
m = event("news", 7)   p = 7   c = "closed"   g = "joining"   d = "joined"   e = "errored"
j = "phx_join"   l = "phx_leave"
```
Marbles: `marbles/reconnect.marble`

What lives here: leases, backoff, offline, the state of the socket. What does not: the connection itself
(``connection.py``), and what channels make of it (``topic.py``, ``join.py``).
"""

from __future__ import annotations

import random as random_module
from collections.abc import Callable
from typing import Protocol

from reactivex import abc

from rxphoenix.client.complaints import Complaints
from rxphoenix.client.connection import Connection, ConnectionOptions
from rxphoenix.client.context import Context, logger
from rxphoenix.client.patience import seconds_to_wait
from rxphoenix.client.routes import Routed
from rxphoenix.client.subjects import HotStream, StateStream
from rxphoenix.client.timer import Timer
from rxphoenix.errors import (
    ConnectionFault,
    ConnectionLost,
    Disconnected,
    EventLoopEnding,
    PhoenixError,
    ReconnectGivenUp,
    SocketClosed,
)
from rxphoenix.protocol.backoff import RECONNECT_DELAY, Delay, after_refusal, asked_for, spread
from rxphoenix.protocol.lifecycle import SOCKET, SocketEvent, SocketState
from rxphoenix.protocol.message import Message
from rxphoenix.transports.base import CloseRequest

__all__ = ["Lease", "Link", "Tenant"]

_PROVEN_AFTER = 10.0
"""Seconds after which an open connection counts as a success even if the server has said nothing."""

_LOOP_LIVES_AFTER = 1.0
"""Seconds after which a loop that cancelled its tasks is seen not to be ending; until then no task is begun on it."""

_TOO_BIG = 1009
_RESTARTING = 1012


class Tenant(Protocol):
    """Who lives on the link: the topics."""

    def opened(self, connection: Connection) -> None:
        """A connection is open."""
        ...

    def received(self, message: Message) -> Routed | None:
        """A message has come, other than an awaited reply; returns who may know a short way of the next one like it."""
        ...

    def interrupted(self, error: PhoenixError) -> None:
        """There is no connection any more, or an attempt failed; the link will see to it."""
        ...

    def given_up(self, error: PhoenixError) -> None:
        """The link has stopped trying."""
        ...


class Lease(abc.DisposableBase):
    """Somebody's need of a socket, until it is disposed; usable in a ``with`` statement.

    ```text
    connects    --o
                rx.using(socket.connect, lambda lease: socket.state)
    subscribed  -^------!
    observed    -n-o-----
    state       cn-o----(ac)
    c = "closed"   n = "connecting"   o = "open"   a = "closing"
    ```
    Marbles: `marbles/connect-is-a-lease.marble`
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._release: Callable[[], None] | None = None
        self.is_disposed = False

    def grant(self, release: Callable[[], None]) -> None:
        """Say how it is given back, once it is taken."""
        self._release = release

    def dispose(self) -> None:
        """Give it back; legal from any thread, any number of times."""
        if not self.is_disposed:
            self.is_disposed = True
            self._context.marshal(self._give_back)

    def _give_back(self) -> None:
        if self._release is not None:
            self._release()

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *exception: object) -> None:
        self.dispose()


class Link:
    """The one connection of a socket, now or soon.

    Arguments:
        context: the surroundings of the socket.
        options: what connections are made with.
        reconnect_after: the user's delay.
        linger: seconds that the connection outlives the last lease.
        random: the source of randomness for spreading delays, ``None`` for none.
    """

    def __init__(
        self,
        context: Context,
        options: ConnectionOptions,
        reconnect_after: Delay,
        linger: float,
        random: random_module.Random | None,
    ) -> None:
        self._context = context
        self._options = options
        self._reconnect_after = reconnect_after
        self.linger = linger
        self._random = random
        self._tenant: Tenant | None = None
        self.received: Callable[[Message], Routed | None]
        self._leases = 0
        self._incarnation = 0
        self._asking: object | None = None
        self._release = Timer(context)
        self._waiting = Timer(context)
        self._proving = Timer(context)
        self._not_before = 0.0
        self._attempts = 0
        self._failures = 0
        self._ending: set[Connection] = set()
        self._closing: Connection | None = None
        self._offline = False
        self._watchers: list[Callable[[PhoenixError | None], None]] = []
        self._end_listeners: list[Callable[[], None]] = []
        self._complaint: tuple[str, int] = ("", 0)
        self._complaints = Complaints(f"{options.endpoint}: connections that failed")
        self.connection: Connection | None = None
        self.last_error: PhoenixError | None = None
        self.closed = False
        self.state: StateStream[SocketState] = StateStream(context, SocketState.CLOSED)
        self.messages: HotStream[Message] = HotStream(context)
        self.latency: HotStream[float] = HotStream(context)
        self.sent: HotStream[Message] = HotStream(context)
        self.endpoint = str(options.endpoint)

    def serve(self, tenant: Tenant) -> None:
        """Say who lives on the link."""
        self._tenant = tenant
        self.received = tenant.received

    @property
    def tenant(self) -> Tenant:
        """Who lives on the link."""
        assert self._tenant is not None
        return self._tenant

    # -- leases --------------------------------------------------------------------------------------------------

    @property
    def is_offline(self) -> bool:
        """Whether ``disconnect()`` is in force."""
        return self._offline

    @property
    def leases(self) -> int:
        """How many leases are held."""
        return self._leases

    def lease(self) -> Lease:
        """Take a lease that can be disposed, also after a loop was closed under us: then it is none any more."""
        lease = Lease(self._context)
        self.take(lease)
        return lease

    def take(self, lease: Lease) -> None:
        """Take a lease that was made before; not if it has been disposed meanwhile."""
        if lease.is_disposed:
            return
        self.acquire()
        incarnation = self._incarnation
        lease.grant(lambda: self.release() if self._incarnation == incarnation else None)

    def acquire(self) -> None:
        """Take a lease; the first one connects, unless the socket is offline or waits out a delay."""
        self._context.warm_up()
        self._leases += 1
        self._release.stop()
        self._connect_if_needed()

    def release(self, *, lingered: bool = False) -> None:
        """Give a lease back; the last one disconnects, once the current dispatch has drained.

        Arguments:
            lingered: whether who gives it back has lingered already.
        """
        self._leases -= 1
        if self._leases == 0 and not self.closed:
            linger = 0.0 if lingered else self.linger
            self._context.dispatcher.afterwards(lambda: self._release_soon(linger))

    def _release_soon(self, linger: float) -> None:
        if self._leases or self.closed:
            return
        self._release.start(linger, self.settle)

    def settle(self) -> None:
        """Let go of a connection that nobody needs."""
        if self._leases:
            return
        self._waiting.stop()
        if self.connection is not None:
            self._end_connection(CloseRequest(), ConnectionLost("nobody needs it any more"))
        self._cool_down_if_idle()

    def _cool_down_if_idle(self) -> None:
        needed = self._release.is_running or (self._leases > 0 and not self.closed)
        if not needed and self._asking is None and self.connection is None and not self._ending:
            listeners, self._end_listeners = self._end_listeners, []
            for listener in listeners:
                listener()
            if self.connection is None:
                self._context.cool_down()

    def when_ended(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when no connection is left, open or closing."""
        self._end_listeners.append(listener)
        if self.connection is None and not self._ending:
            self._context.deliver_soon(self._cool_down_if_idle)

    def watch_attempt(self, watcher: Callable[[PhoenixError | None], None]) -> Callable[[], None]:
        """Call ``watcher`` once: with ``None`` when the link is open, or with the error of the next failed attempt.

        Returns what stops watching.
        """
        if self.connection is not None and self.connection.is_open:
            pending = self._context.soon(lambda: watcher(None))
            return pending.dispose
        self._watchers.append(watcher)

        def forget() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return forget

    def _tell_watchers(self, error: PhoenixError | None) -> None:
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher(error)

    # -- connecting ----------------------------------------------------------------------------------------------

    def _connect_if_needed(self) -> None:
        busy = self.connection is not None or self._waiting.is_running or self._asking is not None
        if busy or self.closed or self._offline or self._leases == 0:
            return
        remaining = self._not_before - self._context.clock.monotonic()
        if remaining > 0:
            self._waiting.start(remaining, self._waited)
        else:
            self._attempt()

    def _waited(self) -> None:
        if self._leases:  # else who comes while it lingers connects
            self._attempt()

    def _attempt(self) -> None:
        self._waiting.stop()
        self._closing = None
        self._become(SocketEvent.CONNECT)
        self.connection = Connection(self._context, self._options, self, self.latency.emit, self.messages, self.sent)
        self.connection.counts_before = (self._attempts, self._failures)
        # as an event of its own: functions of the user's may call anything
        self._context.dispatcher.post(self.connection.start, self.last_error)

    def _become(self, event: SocketEvent) -> None:
        self.state.set(SOCKET[self.state.value, event])

    # -- what a connection tells us ------------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """The handshake is done."""
        self._become(SocketEvent.OPENED)
        if self._failures:
            self._proving.start(_PROVEN_AFTER, self.proven)
        self._tell_watchers(None)
        self.tenant.opened(connection)
        self._context.flow.opened(connection)

    def proven(self) -> None:
        """It works: its first message has come, or it was open for long enough."""
        self._proving.stop()
        self._attempts = self._failures = 0
        self._complaint = ("", 0)
        self.last_error = None

    def over(self, connection: Connection, error: PhoenixError) -> None:
        """The attempt failed, or the open connection was lost: tell everybody, and try again after a delay."""
        self._proving.stop()
        self.connection = None
        if not connection.is_finished:
            self._ending.add(connection)
        self.last_error = error
        self._become(SocketEvent.LOST)
        if isinstance(error, ConnectionLost) and error.code == _TOO_BIG:
            self._attempts, self._failures = connection.counts_before  # frames before it prove nothing
        self._failures += 1
        self._attempts += 1
        if isinstance(error, ConnectionFault):
            error.attempt = self._attempts
        if not isinstance(error, EventLoopEnding):
            self._complain(error)
        self._context.report(error)
        self._asking = asking = object()
        self._tell_watchers(error)
        self.tenant.interrupted(error)
        connection.replies.fail(error)
        self._context.dispatcher.post(self._wait, error, asking)

    def _wait(self, error: PhoenixError, asking: object) -> None:
        """Decide when to try again; asked as an event of its own, because the user's function may call anything."""
        if self._asking is not asking:
            return
        delay = self._delay(error)
        if self._asking is not asking:  # the function itself reconnected, or closed
            return
        self._asking = None
        if delay is None:
            self._give_up(error)
        else:
            self._not_before = self._context.clock.monotonic() + delay
            self._connect_if_needed()
        self._cool_down_if_idle()

    def finished(self, connection: Connection) -> None:
        """The transport is done."""
        self._ending.discard(connection)
        if self._closing is connection:
            self._closing = None
            self._become(SocketEvent.ENDED)
        self._cool_down_if_idle()

    def _delay(self, error: PhoenixError) -> float | None:
        if isinstance(error, EventLoopEnding):
            return _LOOP_LIVES_AFTER
        seconds = seconds_to_wait(self._context, self._reconnect_after, self._attempts, error, RECONNECT_DELAY)
        if seconds is None:
            return None
        if isinstance(error, ConnectionLost) and error.code == _RESTARTING and self._attempts == 1 and self._random:
            return max(seconds, self._random.uniform(0, 1))
        return max(spread(after_refusal(seconds, error), self._random), asked_for(error))

    def _give_up(self, error: PhoenixError) -> None:
        final = ReconnectGivenUp(self._attempts)
        final.__cause__ = error
        self._attempts = 0
        # a bare retry() resubscribes at once, so even a new start waits a little
        pause = RECONNECT_DELAY(self._failures, error) or 0.0
        self._not_before = self._context.clock.monotonic() + spread(pause, self._random)
        self.tenant.given_up(final)

    def _complain(self, error: PhoenixError) -> None:
        """Log a failure once for each cause, and then at growing intervals; not too many, however many causes."""
        cause = f"{type(error).__name__}: {error}"
        last, count = self._complaint
        count = count + 1 if cause == last else 1
        self._complaint = (cause, count)
        if count & (count - 1) == 0 and self._complaints.may_be_said(self._context.clock.monotonic()):
            times = "" if count == 1 else f" ({count} times)"
            logger.warning("%s: %s%s", self._options.endpoint, error, times)

    # -- what a user asks for ------------------------------------------------------------------------------------

    def bring_online(self) -> None:
        """Undo ``disconnect()``."""
        self._offline = False

    def disconnect(self, code: int | None, reason: str) -> None:
        """Go offline over all leases, until ``bring_online()``."""
        if self.closed:
            return
        self._offline = True
        self._forget_failures()
        error = Disconnected()
        if self.connection is not None:
            self._end_connection(CloseRequest(code, reason), error)
        self._tell_watchers(error)
        self.tenant.interrupted(error)

    def _forget_failures(self) -> None:
        """What the user asks for is a new beginning: nothing is waited out, and the delays begin anew."""
        self._waiting.stop()
        self._asking = None
        self._not_before = 0.0
        self._attempts = self._failures = 0

    def reconnect(self) -> None:
        """Drop the connection and try again now, without waiting for a delay."""
        self._offline = False
        if self.closed or self._leases == 0:
            return
        self._forget_failures()
        if self.connection is not None:
            error = ConnectionLost("reconnect() was called")
            self._detach(self.connection, CloseRequest(), error)
            self._become(SocketEvent.LOST)
            self.tenant.interrupted(error)
        self._connect_if_needed()

    def close(self) -> None:
        """End for good."""
        self.closed = True
        self._release.stop()
        self._waiting.stop()
        self._asking = None
        error = SocketClosed()
        if self.connection is not None:
            self._end_connection(CloseRequest(), error)
        self._tell_watchers(error)

    def _end_connection(self, request: CloseRequest, error: PhoenixError) -> None:
        connection = self.connection
        assert connection is not None
        self._become(SocketEvent.END)
        self._closing = connection
        self._detach(connection, request, error)

    def _detach(self, connection: Connection, request: CloseRequest, error: PhoenixError) -> None:
        self._proving.stop()
        self.connection = None
        self._ending.add(connection)
        connection.close(request)
        connection.replies.fail(error)

    def abandon(self) -> None:
        """Forget everything of a loop that was closed under us."""
        for connection in (self.connection, *self._ending):
            if connection is not None:
                connection.drop()
        self.connection = self._closing = None
        for timer in (self._release, self._waiting, self._proving):
            timer.stop()
        self._context.flow.abandon()
        self._ending.clear()
        self._watchers.clear()
        self._asking = None
        self._leases = 0
        self._incarnation += 1
        self._not_before = 0.0
        if self.state.value is not SocketState.CLOSED:
            self.state.set(SocketState.CLOSED)
        self._context.cool_down()

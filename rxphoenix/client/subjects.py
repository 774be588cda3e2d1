"""Hot streams and states: observers in a tuple, told in order, kept apart from each other.

They replace RxPY's ``Subject`` and ``BehaviorSubject``, in which an observer that raises hides the event from those
after it and re-entrant calls reorder it.

What lives here: the base of all our observables, subscribers, hot streams, states. What does not: when something
is emitted.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Generator
from typing import Any, Generic, NoReturn, TypeVar, cast

from reactivex import Observable, abc

from rxphoenix.client.context import Context, Fault
from rxphoenix.client.origins import notice

__all__ = ["FaultStream", "HotStream", "StateStream", "Stream", "Subscriber", "deliver"]

_T = TypeVar("_T")


def _ignore(_value: Any = None) -> None:
    return None


class Subscriber(abc.DisposableBase, Generic[_T]):
    """One observer of one stream, and the disposable of its subscription.

    What an observer raises is logged and reported, and the subscription goes on. After ``dispose`` it hears nothing.
    """

    __slots__ = ("_on_completed", "_on_error", "context", "event", "on_dispose", "on_next", "stopped", "topic")

    def __init__(
        self,
        context: Context,
        on_next: Callable[[_T], object] | None,
        on_error: Callable[[Exception], object] | None,
        on_completed: Callable[[], object] | None,
        topic: str | None = None,
        event: str | None = None,
    ) -> None:
        self.context = context
        self.on_next: Callable[[_T], object] = on_next or _ignore
        self._on_error = on_error
        self._on_completed = on_completed
        self.topic = topic
        self.event = event
        self.stopped = False
        self.on_dispose: Callable[[Subscriber[Any]], object] | None = None
        """Called with it when it disposes, to give back what it has of its stream."""

    def next(self, value: _T) -> None:
        """Hand over a value."""
        if self.stopped:
            return
        try:
            self.on_next(value)
        except Exception as error:
            self.context.observer_raised(error, self.topic, self.event)

    def succeed(self, value: _T) -> None:
        """Hand over the only value, and end."""
        self.next(value)
        self.complete()

    def error(self, error: Exception) -> None:
        """End with an error; without a handler it is reported."""
        handler = self._on_error  # before the look at `stopped`: another thread may dispose in between
        if self.stopped:
            return
        self._stop()
        if handler is None:
            self.context.nobody_listened(error, self.topic, self.event)
            return
        try:
            handler(error)
        except Exception as raised:
            if raised is error:  # a stock operator without a handler of its own raises what it was given
                self.context.nobody_listened(error, self.topic, self.event)
            else:
                self.context.observer_raised(raised, self.topic, self.event)

    def complete(self) -> None:
        """End."""
        handler = self._on_completed
        if self.stopped:
            return
        self._stop()
        if handler is not None:
            try:
                handler()
            except Exception as error:
                self.context.observer_raised(error, self.topic, self.event)

    def dispose(self) -> None:
        """Hear nothing more, from now on; legal from any thread, any number of times.

        On another thread than the socket's, a call that has begun there may still be under way afterwards.
        """
        if self.stopped:
            return
        self._silence()
        self.context.marshal(self._release)

    def _release(self) -> None:
        # not before: on another thread than the socket's, it may only now be known what is to be released
        released, self.on_dispose = self.on_dispose, None
        if released is not None:
            released(self)

    def _stop(self) -> None:
        self.stopped = True
        self.on_next = _ignore
        self._on_error = self._on_completed = self.on_dispose = None

    def _silence(self) -> None:
        self.stopped = True
        self.on_next = _ignore
        self._on_error = self._on_completed = None


def deliver(subscribers: tuple[Subscriber[_T], ...], value: _T) -> None:
    """Hand one value to each of them, in order."""
    for subscriber in subscribers:
        if not subscriber.stopped:
            try:
                subscriber.on_next(value)
            except Exception as error:
                subscriber.context.observer_raised(error, subscriber.topic, subscriber.event)


def _is_coroutine_function(function: object) -> bool:
    code = getattr(function, "__code__", None)  # of a function or a method: sooner seen than by inspect
    return inspect.iscoroutinefunction(function) if code is None else bool(code.co_flags & inspect.CO_COROUTINE)


class _Lock:
    """The lock that operators of RxPY expect of an observable: made when one asks for it, which few do."""

    def __get__(self, stream: Any, _kind: type) -> Any:
        return stream.__dict__.setdefault("lock", threading.RLock())


class Stream(Observable[_T]):
    """The base of our observables: subscribes without a trampoline, refuses misuse at the call.

    Awaiting one raises ``TypeError``, because most never end; ``Single`` can be awaited.

    ```text
    phoenix room:a  --m--n--o
                    channel("room:a").on("news")
                      .pipe(ops.take(2), ops.flat_map(lambda first: channel("room:a").on("news")))
    subscribed      ^---------!
    observed        -----y--(zz)
    sent            j---------l
    m = event("news", 1)   n = event("news", 2)   o = event("news", 3)   y = 2   z = 3   j = "phx_join"
    l = "phx_leave"
    ```
    Marbles: `marbles/subscribed-in-a-dispatch.marble`
    """

    lock = _Lock()
    _subscribe = None
    _subscriber_type: type[Subscriber[Any]] = Subscriber

    def __init__(self, context: Context, topic: str | None = None, event: str | None = None) -> None:
        # not Observable's, which makes a lock
        self._context = context
        self._topic = topic
        self._event = event

    def subscribe(
        self,
        on_next: abc.ObserverBase[_T] | abc.OnNext[_T] | None = None,
        on_error: abc.OnError | None = None,
        on_completed: abc.OnCompleted | None = None,
        *,
        scheduler: abc.SchedulerBase | None = None,
    ) -> abc.DisposableBase:
        """Subscribe an observer, or callbacks.

        Arguments:
            on_next: an observer, or a function that receives each value.
            on_error: a function that receives the error that ends the stream.
            on_completed: a function that is called when the stream ends.
            scheduler: accepted for RxPY's sake and not used; time comes from the socket's scheduler.

        Returns:
            The subscription; dispose it to stop.

        Raises:
            TypeError: ``on_next`` is an ``async def`` function.
            WrongThread: the socket lives on another thread, and its scheduler takes no calls from this one.
            NoEventLoop: the socket has no scheduler, and no event loop runs here.
        """
        receive = on_next
        if on_next is not None and hasattr(on_next, "on_next"):
            observer = cast("abc.ObserverBase[_T]", on_next)
            receive, on_error, on_completed = observer.on_next, observer.on_error, observer.on_completed
        if _is_coroutine_function(receive):
            raise TypeError(
                f"on_next must not be an `async def` function ({receive!r} would never run); "
                "give a plain function that starts a task, or map each value with the operator map_async"
            )
        notice(self._context)
        subscriber: Subscriber[_T] = self._subscriber_type(
            self._context, cast("abc.OnNext[_T] | None", receive), on_error, on_completed, self._topic, self._event
        )
        self._context.perform("subscribe", self._begin, subscriber)
        return subscriber

    def _begin(self, subscriber: Subscriber[_T]) -> None:
        if not subscriber.stopped:  # by another thread, before we got to it
            self._attach(subscriber)

    def _attach(self, subscriber: Subscriber[_T]) -> None:
        raise NotImplementedError

    def __await__(self) -> Generator[Any, None, NoReturn]:
        raise TypeError(
            f"{self!r} has no single value to wait for; say which one you want, "
            "for example `await stream.pipe(ops.first())`"
        )

    def run(self, scheduler: abc.SchedulerBase | None = None) -> NoReturn:
        """Refused with ``TypeError``, because most streams never end; ``Single`` can be waited for."""
        raise TypeError(
            f"{self!r} has no single value to wait for; say which one you want, "
            "for example `stream.pipe(ops.first()).run()`"
        )

    def __iter__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} cannot be iterated over by itself; use `async for value in rxphoenix.iterate(stream)`, "
            "or without an event loop `for value in rxphoenix.iterate(stream)`"
        )

    def __repr__(self) -> str:
        of = "" if self._topic is None else f" of {self._topic!r}"
        return f"<{type(self).__name__}{of}{'' if self._event is None else f', event {self._event!r}'}>"


class HotStream(Stream[_T]):
    """A stream that emits whether somebody listens or not, and completes when its socket closes.

    ```text
    phoenix room:a    --m---n
                      lease = channel("room:a")
                      late = socket.messages
    subscribed lease  ^-------!
    subscribed late   ----^---!
    observed lease    --x---y
    observed late     ------y
    m = event("news", 1)   n = event("news", 2)   x = message("news", 1)   y = message("news", 2)
    ```
    Marbles: `marbles/hot-streams.marble`
    """

    def __init__(self, context: Context, topic: str | None = None, event: str | None = None) -> None:
        super().__init__(context, topic, event)
        self.subscribers: tuple[Subscriber[_T], ...] = ()
        self._completed = False

    def emit(self, value: _T) -> None:
        """Tell all observers, in turn with everything else that is emitted."""
        if self.subscribers:
            self._context.dispatcher.emit(self._deliver, value)

    def emit_now(self, value: _T) -> None:
        """Tell all observers as part of the event that is being dispatched."""
        deliver(self.subscribers, value)

    def complete(self) -> None:
        """End the stream, for later subscribers too."""
        self._completed = True
        self._context.dispatcher.emit(self._finish)

    def _deliver(self, value: _T) -> None:
        deliver(self.subscribers, value)

    def _finish(self) -> None:
        subscribers, self.subscribers = self.subscribers, ()
        for subscriber in subscribers:
            subscriber.complete()

    def _attach(self, subscriber: Subscriber[_T]) -> None:
        if self._completed:
            self._context.deliver_soon(subscriber.complete)
            return
        self.subscribers = (*self.subscribers, subscriber)
        subscriber.on_dispose = self._detach

    def _detach(self, subscriber: Subscriber[_T]) -> None:
        self.subscribers = tuple(other for other in self.subscribers if other is not subscriber)


class StateStream(HotStream[_T]):
    """A value that changes: replays the current one to each subscriber, then emits the changes.

    Equal values are dropped. It never errors; it completes when its socket closes.

    ```text
    connects          --o
                      lease = channel("room:a")
                      later = socket.state
    subscribed lease  ^-------!
    subscribed later  ---^
    observed lease    -
    observed later    ---o----(xc)
    state             (cn 2ms o)-----(xc)
    c = "closed"   n = "connecting"   o = "open"   x = "closing"
    ```
    Marbles: `marbles/state.marble`
    """

    def __init__(self, context: Context, value: _T, topic: str | None = None) -> None:
        super().__init__(context, topic)
        self._value = value
        self.on_idle: Callable[[], object] | None = None
        self._replaying = 0

    @property
    def is_observed(self) -> bool:
        """Whether somebody watches, or is about to."""
        return bool(self.subscribers or self._replaying)

    @property
    def value(self) -> _T:
        """The current value."""
        self._context.notice_the_end()
        return self._value

    def set(self, value: _T) -> None:
        """Change the value, if it is another one."""
        if value != self._value:
            self._value = value
            # also without observers: one may be waiting for its replay
            self._context.dispatcher.emit(self._deliver, value)

    def attach(self, subscriber: Subscriber[_T]) -> None:
        """Attach a subscriber that was made elsewhere."""
        self._attach(subscriber)

    def _attach(self, subscriber: Subscriber[_T]) -> None:
        # behind what is already on its way, so that nobody sees an older value after a newer one
        self._replaying += 1
        self._context.dispatcher.emit(self._replay, subscriber, self._value)

    def _replay(self, subscriber: Subscriber[_T], value: _T) -> None:
        self._replaying -= 1
        if not subscriber.stopped:
            super()._attach(subscriber)
            subscriber.next(value)
        elif self.on_idle is not None:
            self.on_idle()

    def _detach(self, subscriber: Subscriber[_T]) -> None:
        super()._detach(subscriber)
        if self.on_idle is not None:
            self.on_idle()


class FaultStream(HotStream[Fault]):
    """What ``socket.errors`` is: an observer of it that raises is only logged, or it would hear of itself for ever.

    A payload that does not fit is logged if nobody watches: else a stream would be silent, and nobody knew why.

    ```text
    drops         --y
    joins room:a  ----a
    joins room:a  -#
                  channel("room:a")
    subscribed    ^------------------------!
    observed      -
    errors        --l----------k
    a = {}   y = 1006   l = lost(1006)   k = error("JoinCrashed", "room:a", {"reason": "join crashed"})
    ```
    Marbles: `marbles/errors.marble`
    """

    def emit(self, value: Fault) -> None:
        """Tell all observers, in turn with everything else that is emitted."""
        if self.subscribers:
            super().emit(value)
        else:
            self._context.unseen(value)

    def _deliver(self, value: Fault) -> None:
        for subscriber in self.subscribers:
            if not subscriber.stopped:
                try:
                    subscriber.on_next(value)
                except Exception as error:
                    self._context.complain("an observer of socket.errors raised", error=error)

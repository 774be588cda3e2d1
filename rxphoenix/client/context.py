"""What all parts of one socket share: scheduler, thread, order of dispatch, faults.

What lives here: the surroundings of a socket. What does not: anything about connections or channels.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage] - in its __all__
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import msgspec
from reactivex import abc
from reactivex.disposable import Disposable
from reactivex.scheduler import VirtualTimeScheduler
from reactivex.scheduler.eventloop import AsyncIOScheduler, AsyncIOThreadSafeScheduler

from rxphoenix.client.complaints import Complaints
from rxphoenix.client.dispatch import Dispatcher
from rxphoenix.client.flow import Block, Flow
from rxphoenix.client.limits import Limits
from rxphoenix.errors import EventLoopEnding, NoEventLoop, PayloadMismatch, WrongThread

__all__ = ["Clock", "Context", "Fault", "logger"]

logger = logging.getLogger("rxphoenix")


class Fault(msgspec.Struct, frozen=True):
    """Something that went wrong and that no subscriber received: what ``socket.errors`` emits.

    Arguments:
        topic: the topic that it belongs to, ``None`` for the socket.
        event: the name of the event, if one was being dispatched.
        error: what happened.
    """

    topic: str | None
    event: str | None
    error: Exception


class Clock:
    """The two clocks of a scheduler, in seconds: one that only runs on, and the one on the wall.

    They drift apart when the machine sleeps or its clock is set. A scheduler without a clock of its own that never
    jumps has one for both.
    """

    __slots__ = ("_scheduler", "monotonic")

    def __init__(self, scheduler: abc.SchedulerBase, loop: asyncio.AbstractEventLoop | None) -> None:
        self._scheduler = scheduler
        self.monotonic: Callable[[], float] = self.wall if loop is None else loop.time
        """Seconds that never jump."""

    def elapsed(self, since: float) -> float:
        """Seconds since an instant of ``monotonic()``, to the microsecond, so that virtual time gives round numbers."""
        return round((self.monotonic() - since) * 1e6) / 1e6  # sooner than round(..., 6), and the same but for halves

    def wall(self) -> float:
        """Seconds since the epoch, as the scheduler sees it."""
        return self._scheduler.now.timestamp()


class Context:
    """The surroundings of one socket.

    Arguments:
        scheduler: the scheduler that the user gave, or ``None`` for one on the loop that runs when it is needed.
    """

    def __init__(self, scheduler: abc.SchedulerBase | None) -> None:
        self._given = scheduler
        self._scheduler: abc.SchedulerBase | None = None
        self._clock: Clock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: int | None = None
        # the loop of a scheduler that takes calls from any thread: then the socket does, too
        self._home = _own_loop(scheduler) if isinstance(scheduler, AsyncIOThreadSafeScheduler) else None
        self._orphaned = threading.RLock()
        self._report: Callable[[Fault], None] | None = None
        self.next_ref: Callable[[], str] = map(str, count(1)).__next__
        """Makes a ref that this socket has not used."""
        self._complaints = Complaints("what observers and functions of this program raised")
        self.dispatcher = Dispatcher(self._resume)
        self.flow = Flow(self)
        self.limits = Limits(self)
        self.when_loop_is_gone: Callable[[], object] = self.cool_down
        self.is_virtual = isinstance(scheduler, VirtualTimeScheduler)

    # -- where we live -------------------------------------------------------------------------------------------

    @property
    def scheduler(self) -> abc.SchedulerBase:
        """The scheduler of every timer; raises ``NoEventLoop`` if none was given and no loop runs."""
        return self._given or self._scheduler or AsyncIOScheduler(_running_loop())

    @property
    def clock(self) -> Clock:
        """The clocks of the scheduler; only while the socket is warm."""
        assert self._clock is not None
        return self._clock

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop of the scheduler, else the one that runs here; ``None`` where there is neither."""
        own = None if self._given is None else _own_loop(self._given)
        return own or _loop_if_running()

    @property
    def is_warm(self) -> bool:
        """Whether the socket is bound to a scheduler and a thread."""
        return self._thread is not None

    @property
    def loop_is_gone(self) -> bool:
        """Whether the loop that the socket lived on has been closed under it."""
        return self._loop is not None and self._loop.is_closed()

    def warm_up(self) -> None:
        """Bind to the scheduler and thread of the caller; raises ``NoEventLoop`` where there is none."""
        if self._thread is None:
            self._loop = _running_loop() if self._given is None else self.loop
            self._scheduler = self._given or AsyncIOScheduler(_running_loop())
            self._clock = Clock(self._scheduler, _own_loop(self._scheduler))
            self._thread = threading.get_ident()

    def cool_down(self) -> None:
        """Let go of scheduler and thread, so that another loop may take the socket over."""
        self.limits.stop()
        self._scheduler = self._clock = self._loop = self._thread = None

    @property
    def is_elsewhere(self) -> bool:
        """Whether the socket lives on another thread than the caller's and takes calls from this one."""
        return self._home is not None and self._home is not _loop_if_running()

    def perform(self, what: str, action: Callable[..., object], *arguments: Any) -> None:
        """Do what a user asks for: now if this is the socket's thread, else as soon as its loop gets to it.

        Raises ``WrongThread`` on another thread than the socket's, unless its scheduler takes calls from any.
        """
        if self._home is None:
            if self._loop is None or _get_running_loop() is not self._loop:  # which is open, and here, if it runs
                self.check_thread(what)
        elif self.is_elsewhere:
            self._hand_over(action, arguments)
            return
        self.dispatcher.run(action, *arguments)

    def _hand_over(self, action: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        def arrive(_scheduler: abc.SchedulerBase, _state: object = None) -> None:
            self.dispatcher.run(action, *arguments)

        try:
            self.scheduler.schedule(arrive)
        except WrongThread:
            raise
        except RuntimeError:  # the loop has ended
            is_orphan = True
        else:
            is_orphan = False
        if is_orphan:  # nobody is at work here any more, but others may call at the same time
            with self._orphaned:
                self.notice_the_end()
                self.dispatcher.run(action, *arguments)

    def check_thread(self, what: str) -> None:
        """Raise ``WrongThread`` if the socket lives on another thread than the caller's."""
        loop = self._loop
        if loop is not None and loop.is_closed():
            self.notice_the_end()
        if self._thread is not None and self._thread != threading.get_ident():
            raise WrongThread(what)

    def check_blocking(self, what: str) -> None:
        """Raise if to block this thread would be to wait for ever: for this thread itself, or for no loop at all."""
        if self.is_elsewhere:
            return
        if self.is_virtual:
            raise WrongThread(what, "in virtual time, which does not pass while a thread is blocked: subscribe instead")
        if self._home is None:
            self.check_thread(what)
            if self._given is None and _loop_if_running() is None:
                raise NoEventLoop
        raise WrongThread(
            what, "on the thread of the socket's loop, and would wait for itself for ever: use `await` or `async with`"
        )

    def notice_the_end(self) -> None:
        """Let the socket know if the loop that it lived on has been closed under it."""
        if self.loop_is_gone:
            with self._orphaned:  # others may look at the same time
                if self.loop_is_gone:
                    self._loop = None  # it is told once
                    self.when_loop_is_gone()

    def marshal(self, action: Callable[[], object]) -> None:
        """Give something back on the socket's thread, from any thread; never raises."""
        if self._home is not None:
            with suppress(WrongThread):
                self.perform("dispose", action)
            return
        if self.loop_is_gone:
            return
        if self._thread is None or self._thread == threading.get_ident():
            self.dispatcher.run(action)
            return
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self.dispatcher.run, action)
        except RuntimeError:  # the loop was closed a moment ago: nothing is left to be done there
            return

    def brake(
        self, seconds: float, on_expired: Callable[[Context], object], on_impossible: Callable[[], object]
    ) -> Block:
        """Make the means of one consumer to hold the socket back."""
        return Block(self, seconds, on_expired, on_impossible)

    # -- time ----------------------------------------------------------------------------------------------------

    def later(self, seconds: float, action: Callable[[], object]) -> abc.DisposableBase:
        """Do something after a time, as an event of its own; dispose to prevent it."""

        def run(_scheduler: abc.SchedulerBase, _state: object = None) -> abc.DisposableBase | None:
            self.dispatcher.post(action)
            return None

        return self.scheduler.schedule_relative(seconds, run)

    def soon(self, action: Callable[[], object]) -> abc.DisposableBase:
        """Do something by the scheduler, at once but not now."""
        return self.later(0, action)

    def deliver_soon(self, action: Callable[[], object]) -> None:
        """Deliver what would otherwise be told inside ``subscribe``; where no loop runs, deliver it there."""
        try:
            self.soon(action)
        except RuntimeError:  # no loop, or one that has ended
            self.dispatcher.post(action)

    def _resume(self) -> None:
        if self.is_warm and not self.loop_is_gone:
            self.soon(Disposable)

    # -- faults -------------------------------------------------------------------------------------------------

    def report_to(self, report: Callable[[Fault], None]) -> None:
        """Say where faults go."""
        self._report = report

    def report(self, error: Exception, *, topic: str | None = None, event: str | None = None) -> None:
        """Tell the observers of ``socket.errors`` of something that no subscriber received."""
        if self._report is not None:
            self._report(Fault(topic, event, error))

    def complain(
        self, words: str, *arguments: object, error: Exception | None = None, level: int = logging.ERROR
    ) -> None:
        """Log something that this program should know of; not too much of it, because a server may be the cause."""
        if self._clock is None or self._complaints.may_be_said(self._clock.monotonic()):
            logger.log(level, words, *arguments, exc_info=error)

    def unseen(self, fault: Fault) -> None:
        """Nobody watches ``socket.errors``: log what has left a stream silent, if nothing else tells of it."""
        if isinstance(fault.error, PayloadMismatch):
            words = "a payload %s is no %s and was left out; socket.errors tells what does not fit"
            self.complain(words, _of(fault.topic, fault.event), fault.error.type, level=logging.WARNING)

    def observer_raised(self, error: Exception, topic: str | None, event: str | None) -> None:
        """An observer raised: log it with its traceback and report it."""
        self.complain("an observer raised %s", _of(topic, event), error=error)
        self.report(error, topic=topic, event=event)

    def nobody_listened(self, error: Exception, topic: str | None, event: str | None) -> None:
        """A stream ended with an error and its subscriber had no handler for it."""
        if isinstance(error, EventLoopEnding) or isinstance(error.__cause__, EventLoopEnding):
            logger.debug("a stream ended with its loop %s: %r", _of(topic, event), error)
        else:
            self.complain("a stream ended without an on_error handler %s: %r", _of(topic, event), error)
        self.report(error, topic=topic, event=event)


def _of(topic: str | None, event: str | None) -> str:
    if topic is None:
        return "on the socket"
    return f"on topic {topic!r}" if event is None else f"on topic {topic!r}, event {event!r}"


def _own_loop(scheduler: abc.SchedulerBase) -> asyncio.AbstractEventLoop | None:
    loop = getattr(scheduler, "_loop", None)  # where an AsyncIOScheduler keeps it
    return loop if isinstance(loop, asyncio.AbstractEventLoop) else None


def _loop_if_running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _running_loop() -> asyncio.AbstractEventLoop:
    loop = _loop_if_running()
    if loop is None:
        raise NoEventLoop
    return loop

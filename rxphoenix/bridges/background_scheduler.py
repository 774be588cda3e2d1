"""The scheduler of an event loop on a thread of its own: anybody may call it, from any thread.

RxPY's ``AsyncIOThreadSafeScheduler`` is nearly that. But it may block a thread that disposes until the loop gets to it,
which is for ever if the loop waits for that thread; and what it has taken is lost when the loop ends.

What lives here: handing over to the loop. What does not: the loop and its thread (``background.py``).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from reactivex import abc, typing
from reactivex.disposable import CompositeDisposable, Disposable, SingleAssignmentDisposable
from reactivex.scheduler.eventloop import AsyncIOScheduler, AsyncIOThreadSafeScheduler

from rxphoenix.errors import NoEventLoop, WrongThread

__all__ = ["BackgroundScheduler"]

_State = TypeVar("_State")


class BackgroundScheduler(AsyncIOThreadSafeScheduler):
    """Runs everything on its loop, in the order in which it was given; no call waits for the loop.

    Every action that it takes without a delay is run, or it raises ``NoEventLoop`` because the loop has ended.

    Arguments:
        loop: the loop, which runs on another thread, now or soon.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._process = os.getpid()
        self._lock = threading.RLock()  # a collection may dispose of something in the middle of anything
        self._taken: deque[Callable[[], None]] = deque()
        self._ended = False

    def schedule(self, action: typing.ScheduledAction[_State], state: _State | None = None) -> abc.DisposableBase:
        """Run an action on the loop, after what was given before it."""
        scheduled = SingleAssignmentDisposable()

        def run() -> None:
            if not scheduled.is_disposed:
                scheduled.disposable = self.invoke_action(action, state=state)

        self._take(run)
        return scheduled

    def schedule_relative(
        self, duetime: typing.RelativeTime, action: typing.ScheduledAction[_State], state: _State | None = None
    ) -> abc.DisposableBase:
        """Run an action on the loop after a time."""
        seconds = self.to_seconds(duetime)
        if seconds <= 0:
            return self.schedule(action, state)
        if self._is_here:
            return AsyncIOScheduler.schedule_relative(self, seconds, action, state)
        timer = SingleAssignmentDisposable()
        guard = Disposable(lambda: self._dispose_there(timer))

        def run(scheduler: abc.SchedulerBase, state: _State | None = None) -> abc.DisposableBase | None:
            return None if guard.is_disposed else action(scheduler, state)

        def start(_scheduler: abc.SchedulerBase, _state: object = None) -> None:
            timer.disposable = AsyncIOScheduler.schedule_relative(self, seconds, run, state)

        return CompositeDisposable(self.schedule(start), guard)

    def _dispose_there(self, timer: abc.DisposableBase) -> None:
        with suppress(NoEventLoop, WrongThread):
            self.schedule(lambda _scheduler, _state: timer.dispose())

    @property
    def _is_here(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def _take(self, run: Callable[[], None]) -> None:
        if os.getpid() != self._process:
            raise WrongThread("it", "in a process that was forked after background(); call background() in this one")
        with self._lock:
            if self._ended:
                raise NoEventLoop("the background is closed, and its event loop has ended")
            self._taken.append(run)
            call = self._loop.call_soon if self._is_here else self._loop.call_soon_threadsafe
            call(self._run_next)

    def _run_next(self) -> None:
        self._taken.popleft()()

    def end(self) -> bool:
        """Take nothing more, if all that was taken is done; returns whether it is."""
        with self._lock:
            self._ended = not self._taken
            return self._ended

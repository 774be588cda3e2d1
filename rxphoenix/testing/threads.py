"""Finding out what would run on a real thread or a real clock, while a test is in virtual time.

RxPY's timed operators fall back to a thread when nobody gives them a scheduler; so a test would wait, or worse, pass or
fail by luck. Inside ``no_real_time()`` they raise, and name who fell back. So do ``time.sleep``, the start of a thread
or of a ``threading.Timer``, and whatever waits for one (an event, a queue, a future of ``concurrent.futures``).

Not seen: a ``sleep`` that was taken out of its module by ``from time import sleep`` before the world began, blocking
calls of the operating system (a file, a socket, a subprocess), and what an event loop of the test's own runs.

What lives here: the guard. What does not: the virtual clock (``clock.py``) and its event loop (``loop.py``).
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, cast

from reactivex.scheduler import EventLoopScheduler, NewThreadScheduler, TimeoutScheduler
from reactivex.scheduler.eventloop import AsyncIOScheduler, AsyncIOThreadSafeScheduler
from reactivex.scheduler.scheduler import Scheduler
from reactivex.scheduler.trampolinescheduler import TrampolineScheduler

__all__ = ["RealTimeUsed", "no_real_time"]

_REAL: tuple[type, ...] = (
    TimeoutScheduler,
    NewThreadScheduler,  # and its subclass ThreadPoolScheduler
    EventLoopScheduler,
    AsyncIOScheduler,
    AsyncIOThreadSafeScheduler,
)
_NOT_SOURCES = ("observable", "connectableobservable", "groupedobservable", "marbles")
_OF_THREADS = ("threading", "queue", "concurrent")
_METHODS = ("schedule", "schedule_relative", "schedule_absolute", "schedule_periodic")


_SCHEDULER = "pass scheduler=m.scheduler (in the app: scheduler=socket.scheduler)"
_SLEEP = "let an operator wait, with scheduler=m.scheduler, or a coroutine by asyncio.sleep()"
_THREAD = "nothing else runs while virtual time stands still; let the test do by m.at() what the thread is for"


class RealTimeUsed(AssertionError):
    """Something under test fell back to a real thread or a real clock.

    Arguments:
        operator: who did, for example ``"delay"``; ``None`` where no operator of RxPY was at work.
        scheduler: the name of the class of the scheduler that it fell back to, or of what else was used.
        through: the operators that subscribed to it, nearest first.
        remedy: what to do about it.
    """

    def __init__(
        self, operator: str | None, scheduler: str, through: tuple[str, ...] = (), *, remedy: str = _SCHEDULER
    ) -> None:
        if operator is None:
            words = f"{scheduler} was used while a marbles() world is active, and it runs in real time"
        else:
            way = f" (subscribed by {', by '.join(through)})" if through else ""
            words = f"{operator!r}{way} runs in real time, on {scheduler}, while a marbles() world is active"
        super().__init__(f"{words}: {remedy}")
        self.operator = operator
        self.scheduler = scheduler


@contextmanager
def no_real_time() -> Generator[list[RealTimeUsed], None, None]:
    """Let real schedulers raise ``RealTimeUsed`` on this thread, until the end of the ``with`` block.

    Operators turn what is raised inside ``subscribe`` into an error of the stream, so each is kept, too.

    Yields:
        The list of what was found, which grows.

    Example:
        ```python
        from reactivex import interval
        from rxphoenix.testing.threads import no_real_time

        with no_real_time() as found:
            interval(1.0).subscribe(on_error=print)
        assert [error.operator for error in found] == ["timer"]
        ```
    """
    found: list[RealTimeUsed] = []
    thread = threading.get_ident()
    patched: list[tuple[object, str, object]] = []

    def raise_it(scheduler: str) -> None:
        operators = _operators_at_work(sys._getframe(2))  # pyright: ignore[reportPrivateUsage]
        through = operators[1:2] if operators[:1] == ("timer",) else ()  # sample and others are built upon it
        error = RealTimeUsed(operators[0] if operators else None, scheduler, through)
        found.append(error)
        raise error

    def refused(original: Callable[..., Any], name: str, remedy: str) -> Callable[..., Any]:
        def refuse(*arguments: Any, **named: Any) -> Any:
            if threading.get_ident() == thread and not _tells_somebody(sys._getframe(1)):  # pyright: ignore[reportPrivateUsage]
                found.append(RealTimeUsed(None, f"{name}, called at {_caller(sys._getframe(1))},", remedy=remedy))  # pyright: ignore[reportPrivateUsage]
                raise found[-1]
            return original(*arguments, **named)

        return refuse

    def patch(owner: object, name: str, replacement: object) -> None:
        patched.append((owner, name, vars(owner)[name]))
        setattr(owner, name, replacement)

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(scheduler: object, *arguments: Any, **named: Any) -> Any:
            if threading.get_ident() == thread:
                raise_it(type(scheduler).__name__)
            return original(scheduler, *arguments, **named)

        return refuse

    singleton: Callable[..., Any] = vars(TimeoutScheduler)["singleton"].__func__

    def guarded_singleton(cls: type) -> Any:
        if threading.get_ident() == thread:
            raise_it(cls.__name__)
        return singleton(cls)

    now: Callable[[object], datetime] = vars(Scheduler)["now"].fget

    def guarded_now(scheduler: object) -> datetime:
        # RxPY's own schedulers need it; an operator that asks has fallen back to one of them
        if threading.get_ident() == thread and _operator_of(sys._getframe(1)) is not None:  # pyright: ignore[reportPrivateUsage]
            raise_it(type(scheduler).__name__)
        return now(scheduler)

    schedule_absolute: Callable[..., Any] = vars(TrampolineScheduler)["schedule_absolute"]

    def guarded_trampoline(scheduler: Any, duetime: Any, action: Any, state: Any = None) -> Any:
        # what is due now runs at once; what is due later would sleep on this thread
        if threading.get_ident() == thread and _is_later(scheduler, duetime):
            raise_it(type(scheduler).__name__)
        return schedule_absolute(scheduler, duetime, action, state)

    try:
        for scheduler in _REAL:
            for name in _METHODS:
                if name in vars(scheduler):
                    patch(scheduler, name, guarded(vars(scheduler)[name]))
        patch(TimeoutScheduler, "singleton", cast("object", classmethod(guarded_singleton)))
        patch(Scheduler, "now", property(guarded_now))
        patch(TrampolineScheduler, "schedule_absolute", guarded_trampoline)
        patch(time, "sleep", refused(time.sleep, "time.sleep()", _SLEEP))
        patch(threading.Thread, "start", refused(threading.Thread.start, "a thread", _THREAD))
        patch(threading.Condition, "wait", refused(threading.Condition.wait, "a wait for a thread", _THREAD))
        yield found
    finally:
        for owner, name, original in reversed(patched):
            setattr(owner, name, original)


def _caller(frame: FrameType | None) -> str:
    """The nearest place outside of the standard library's ``threading``, ``queue`` and ``concurrent``."""
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OF_THREADS:
        frame = frame.f_back
    return "nowhere" if frame is None else f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def _tells_somebody(frame: FrameType | None) -> bool:
    """Whether something is being logged or printed: how long that takes is no business of what is tested.

    In a notebook, to flush the output is to wait for a thread.
    """
    streams = (sys.stdout, sys.stderr)
    while frame is not None:
        if frame.f_globals.get("__name__") == "logging" or any(frame.f_locals.get("self") is each for each in streams):
            return True
        frame = frame.f_back
    return False


def _is_later(scheduler: Any, duetime: datetime | timedelta | float) -> bool:
    return scheduler.to_datetime(duetime) > scheduler.now


def _operators_at_work(frame: FrameType | None) -> tuple[str, ...]:
    """The operators and sources of RxPY on the stack, innermost first, by the names under which users know them."""
    names: dict[str, None] = {}
    while frame is not None:
        name = _operator_of(frame)
        if name is not None:
            names[name] = None
        frame = frame.f_back
    return tuple(names)


def _operator_of(frame: FrameType) -> str | None:
    module: str = frame.f_globals.get("__name__", "")
    file = module.rpartition(".")[2]
    if module in ("reactivex.observer.observeonobserver", "reactivex.observer.scheduledobserver"):
        return "observe_on"
    if module.startswith("reactivex.operators._"):
        function = frame.f_code.co_qualname.partition(".")[0]
        is_its_name = function.endswith("_") and not function.startswith(("_", "observable_"))
        return function.rstrip("_") if is_its_name else file.strip("_")
    if module.startswith("reactivex.observable.") and file not in _NOT_SOURCES:
        return file
    return None

"""Finding out what would run on a real thread or a real clock, while a test is in virtual time.

RxPY's timed operators fall back to a thread when nobody gives them a scheduler; so a test would wait, or worse, pass or
fail by luck. Inside ``no_real_time()`` they raise, and name who fell back; and so does what blocks (``blocking.py``).

What lives here: the guard, and real schedulers. What does not: calls that block (``blocking.py``), the virtual clock
(``clock.py``) and its event loop (``loop.py``).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import FrameType
from typing import Any, NoReturn, cast

from reactivex.scheduler import EventLoopScheduler, NewThreadScheduler, TimeoutScheduler
from reactivex.scheduler.eventloop import AsyncIOScheduler, AsyncIOThreadSafeScheduler
from reactivex.scheduler.scheduler import Scheduler
from reactivex.scheduler.trampolinescheduler import TrampolineScheduler

from rxphoenix.testing.blocking import refusals
from rxphoenix.testing.real_time import RealTimeUsed

__all__ = ["no_real_time"]

_REAL: tuple[type, ...] = (
    TimeoutScheduler,
    NewThreadScheduler,  # and its subclass ThreadPoolScheduler
    EventLoopScheduler,
    AsyncIOScheduler,
    AsyncIOThreadSafeScheduler,
)
_NOT_SOURCES = ("observable", "connectableobservable", "groupedobservable", "marbles")
_INHERITED = object()
_METHODS = ("schedule", "schedule_relative", "schedule_absolute", "schedule_periodic")


@contextmanager
def no_real_time(count: Callable[[], None] = lambda: None) -> Generator[list[RealTimeUsed], None, None]:
    """Let real schedulers raise ``RealTimeUsed`` on this thread, until the end of the ``with`` block.

    Operators turn what is raised inside ``subscribe`` into an error of the stream, so each is kept, too.

    Arguments:
        count: called for each action that RxPY runs at once on this thread; what it raises ends a loop of such.

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
    patched: list[tuple[Any, str, object]] = []

    def raise_it(scheduler: str) -> None:
        operators = _operators_at_work(sys._getframe(2))  # pyright: ignore[reportPrivateUsage]
        through = operators[1:2] if operators[:1] == ("timer",) else ()  # sample and others are built upon it
        error = RealTimeUsed(operators[0] if operators else None, scheduler, through)
        found.append(error)
        raise error

    def refuse(what: str, remedy: str) -> NoReturn:
        found.append(RealTimeUsed(None, what, remedy=remedy))
        raise found[-1]

    def patch(owner: object, name: str, replacement: object) -> None:
        patched.append((owner, name, vars(owner).get(name, _INHERITED)))
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
        if threading.get_ident() == thread:
            if _is_later(scheduler, duetime):
                raise_it(type(scheduler).__name__)
            count()
        return schedule_absolute(scheduler, duetime, action, state)

    try:
        for scheduler in _REAL:
            for name in _METHODS:
                if name in vars(scheduler):
                    patch(scheduler, name, guarded(vars(scheduler)[name]))
        patch(TimeoutScheduler, "singleton", cast("object", classmethod(guarded_singleton)))
        patch(Scheduler, "now", property(guarded_now))
        patch(TrampolineScheduler, "schedule_absolute", guarded_trampoline)
        for owner, name, replacement in refusals(thread, refuse):
            patch(owner, name, replacement)
        yield found
    finally:
        for owner, name, original in reversed(patched):
            if original is _INHERITED:
                delattr(owner, name)
            else:
                setattr(owner, name, original)


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

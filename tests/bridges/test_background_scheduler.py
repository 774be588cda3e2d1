"""The scheduler of a loop on another thread: order, timers, the end."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import reactivex as rx
from reactivex import operators as ops

from rxphoenix import NoEventLoop, WrongThread
from rxphoenix.bridges.background_scheduler import BackgroundScheduler
from tests.bridges.pause import LONG, Pause


class LoopThread:
    """A loop that runs on a thread, until it is ended."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.scheduler = BackgroundScheduler(self.loop)
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def end(self) -> None:
        """End loop and thread."""
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()

    def do(self) -> None:
        """Wait until all that it was given has been done."""
        done = threading.Event()
        self.scheduler.schedule(lambda *_: done.set())
        assert done.wait(LONG)


@pytest.fixture
def there() -> Iterator[LoopThread]:
    """A loop on a thread."""
    made = LoopThread()
    yield made
    made.end()
    made.loop.close()


def test_actions_are_run_there_in_order_wherever_they_come_from(there: LoopThread) -> None:
    seen: list[tuple[int, bool]] = []
    scheduler = there.scheduler

    def note(number: int) -> None:
        seen.append((number, threading.current_thread() is there.thread))

    def from_there(*_: object) -> None:
        scheduler.schedule(lambda *_: note(2))
        scheduler.schedule_relative(0, lambda *_: note(3))
        scheduler.schedule_absolute(scheduler.now, lambda *_: note(4))
        note(1)

    scheduler.schedule(lambda _scheduler, state: note(state or -1), 7)
    scheduler.schedule(from_there)
    there.do()
    there.do()
    assert seen == [(7, True), (1, True), (2, True), (3, True), (4, True)]


def test_what_is_disposed_is_not_run(there: LoopThread) -> None:
    seen: list[str] = []
    hold_up = Pause()
    there.scheduler.schedule(hold_up)
    assert hold_up.begun.wait(LONG)
    there.scheduler.schedule(lambda *_: soon.dispose())
    soon = there.scheduler.schedule(lambda *_: seen.append("soon"))
    there.scheduler.schedule(lambda *_: seen.append("from here")).dispose()
    there.scheduler.schedule_relative(0.001, lambda *_: seen.append("later")).dispose()
    hold_up.go_on.set()
    there.do()
    assert seen == []


def test_timers_run_there_and_can_be_disposed_from_anywhere(there: LoopThread) -> None:
    seen: list[bool] = []
    done = threading.Event()

    def note(*_: object) -> None:
        seen.append(threading.current_thread() is there.thread)
        done.set()

    never = [
        there.scheduler.schedule_relative(60, note),
        there.scheduler.schedule_relative(timedelta(seconds=60), note),
        rx.timer(60, scheduler=there.scheduler).subscribe(note),
        rx.interval(60, scheduler=there.scheduler).subscribe(note),
    ]
    there.do()
    for timer in never:
        timer.dispose()
    there.scheduler.schedule_relative(0.001, note)
    assert done.wait(LONG)
    there.do()
    assert seen == [True]
    pending = [handle for handle in getattr(there.loop, "_scheduled") if not handle.cancelled()]  # noqa: B009
    assert pending == []


def test_a_timer_that_is_due_already_does_not_fire_once_it_is_disposed(there: LoopThread) -> None:
    seen: list[str] = []
    first, second = Pause(), Pause()
    there.scheduler.schedule(first)
    assert first.begun.wait(LONG)
    there.scheduler.schedule_relative(0.001, second)
    timer = there.scheduler.schedule_relative(0.002, lambda *_: seen.append("fired"))
    there.scheduler.schedule(lambda *_: time.sleep(0.01))  # so that the loop finds both due in one turn
    first.go_on.set()
    assert second.begun.wait(LONG)
    timer.dispose()
    second.go_on.set()
    there.do()
    assert seen == []


def test_operators_can_be_given_it(there: LoopThread) -> None:
    seen = rx.of(1, 2, 3).pipe(
        ops.observe_on(there.scheduler),
        ops.map(lambda n: (n, threading.current_thread() is there.thread)),
        ops.delay(0.001, scheduler=there.scheduler),
        ops.to_list(),
    )
    assert seen.run() == [(1, True), (2, True), (3, True)]


def test_it_ends_when_all_is_done_and_takes_nothing_more(there: LoopThread) -> None:
    timer = there.scheduler.schedule_relative(60, lambda *_: None)
    there.do()
    there.end()
    done: list[int] = []
    there.scheduler.schedule(lambda *_: done.append(1))
    assert not there.scheduler.end()
    there.loop.run_until_complete(asyncio.sleep(0))
    assert done == [1]
    assert there.scheduler.end()
    for late in (there.scheduler.schedule, lambda action: there.scheduler.schedule_relative(1, action)):
        with pytest.raises(NoEventLoop, match="closed"):
            late(lambda *_: None)
    timer.dispose()


def test_what_an_action_raises_is_for_the_loop_to_report(there: LoopThread) -> None:
    reported: list[object] = []
    there.loop.set_exception_handler(lambda _loop, context: reported.append(context["exception"]))
    error = ValueError("bad")

    def fail(*_: object) -> None:
        raise error

    there.scheduler.schedule(fail)
    there.do()
    assert reported == [error]


def test_a_forked_process_is_told(there: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    with pytest.raises(WrongThread, match="forked"):
        there.scheduler.schedule(lambda *_: None)
    monkeypatch.undo()

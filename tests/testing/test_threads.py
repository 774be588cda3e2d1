"""Nothing under test runs on a real thread or a real clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from reactivex import Observable
from reactivex import operators as ops
from reactivex.scheduler import (
    CurrentThreadScheduler,
    EventLoopScheduler,
    NewThreadScheduler,
    ThreadPoolScheduler,
    TimeoutScheduler,
)
from reactivex.scheduler.eventloop import AsyncIOScheduler

from rxphoenix.testing import RealTimeUsed, World, marbles
from rxphoenix.testing.threads import no_real_time

OPERATORS: list[tuple[str, Callable[[], Any]]] = [
    ("delay", lambda: ops.delay(1.0)),
    ("debounce", lambda: ops.debounce(1.0)),
    ("debounce", lambda: ops.throttle_with_timeout(1.0)),
    ("throttle_first", lambda: ops.throttle_first(1.0)),
    ("timeout", lambda: ops.timeout(1.0)),
    ("timer", lambda: ops.sample(1.0)),
    ("timestamp", lambda: ops.timestamp()),
    ("time_interval", lambda: ops.time_interval()),
    ("take_with_time", lambda: ops.take_with_time(1.0)),
    ("window_with_time", lambda: ops.buffer_with_time(1.0)),
    ("observe_on", lambda: ops.observe_on(NewThreadScheduler())),
    ("subscribe_on", lambda: ops.subscribe_on(EventLoopScheduler())),
]


@pytest.mark.parametrize(("name", "operator"), OPERATORS)
def test_an_operator_that_falls_back_to_a_thread_is_named(name: str, operator: Callable[[], Any]):
    threads = threading.active_count()
    with pytest.raises(RealTimeUsed, match=r"pass scheduler=m\.scheduler") as caught, marbles() as m:
        m.expect(m.cold("-a-b|").pipe(ops.map(str), operator())).to_be("-")
    assert caught.value.operator == name
    assert repr(name) in str(caught.value)
    assert threading.active_count() == threads


def test_an_operator_that_is_built_upon_another_is_told_along():
    with pytest.raises(RealTimeUsed, match=r"'timer' \(subscribed by sample\)"), marbles() as m:
        m.expect(m.cold("-a").pipe(ops.sample(1.0))).to_be("-")


@pytest.mark.parametrize(
    ("scheduler", "source"),
    [
        ("TimeoutScheduler", lambda: reactivex.interval(1.0)),
        ("NewThreadScheduler", lambda: reactivex.timer(1.0, scheduler=NewThreadScheduler())),
        ("CurrentThreadScheduler", lambda: reactivex.timer(1.0, scheduler=CurrentThreadScheduler())),
    ],
)
def test_a_source_in_real_time_is_named(scheduler: str, source: Callable[[], Observable[int]]):
    with pytest.raises(RealTimeUsed) as caught, marbles() as m:
        m.expect(source()).to_be("-")
    assert caught.value.operator == "timer"
    assert caught.value.scheduler == scheduler


def test_a_thread_pool_is_refused_by_its_name():
    pool = ThreadPoolScheduler(1)
    with pytest.raises(RealTimeUsed, match="ThreadPoolScheduler was used"), marbles():
        pool.schedule(lambda *_: None)
    pool.executor.shutdown()


async def test_an_event_loop_is_a_real_clock_too():
    import asyncio

    scheduler = AsyncIOScheduler(asyncio.get_running_loop())
    with pytest.raises(RealTimeUsed, match="AsyncIOScheduler"), marbles():
        scheduler.schedule_relative(1.0, lambda *_: None)


def test_it_is_told_where_the_app_swallowed_it():
    with pytest.raises(RealTimeUsed, match="'delay'"), marbles() as m:
        m.expect(m.cold("-a|").pipe(ops.delay(1.0), ops.catch(reactivex.empty()))).to_be("|")


def test_it_is_told_as_soon_as_time_has_passed():
    def program(m: World) -> None:
        reactivex.timer(1.0).subscribe(on_error=lambda _error: None)
        m.advance("1ms")
        pytest.fail("not reached")

    with pytest.raises(RealTimeUsed), marbles() as m:
        program(m)


def test_a_test_that_failed_for_it_is_told_of_it():
    def program() -> None:
        reactivex.timer(1.0).subscribe(on_error=lambda _error: None)
        _ = 1 / 0

    with pytest.raises(ZeroDivisionError) as caught, marbles():
        program()
    assert "'timer' runs in real time" in caught.value.__notes__[0]


def test_the_trampoline_is_no_clock():
    with marbles() as m:
        m.expect(reactivex.concat(reactivex.of(1, 2), reactivex.just(3))).to_be("(abc|)", {"a": 1, "b": 2, "c": 3})


def test_other_threads_may_do_as_they_like():
    go, ran = threading.Event(), threading.Event()

    def work() -> None:
        go.wait()
        CurrentThreadScheduler().schedule_relative(0.001, lambda *_: ran.set())

    thread = threading.Thread(target=work)
    thread.start()
    with no_real_time() as found:
        go.set()
        thread.join()
    assert ran.is_set()
    assert found == []


def test_all_is_as_before_afterwards():
    before = {owner: dict(vars(owner)) for owner in (TimeoutScheduler, NewThreadScheduler, EventLoopScheduler)}
    with pytest.raises(ZeroDivisionError), no_real_time():
        _ = 1 / 0
    assert {owner: dict(vars(owner)) for owner in before} == before
    ran = threading.Event()
    TimeoutScheduler().schedule(lambda *_: ran.set())
    assert ran.wait(5)

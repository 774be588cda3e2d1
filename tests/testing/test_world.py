"""Time, drawn observables, and expectations of them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
import reactivex
from reactivex import operators as ops
from reactivex.scheduler import VirtualTimeScheduler
from reactivex.subject import Subject

from rxphoenix.testing import MarbleFailure, MarbleSyntaxError, TimeStandsStill, VirtualScheduler, World, marbles


def test_a_cold_observable_begins_with_each_subscription():
    with marbles() as m:
        cold = m.cold("--a--b|")
        m.expect(cold).to_be("--a--b|")
        m.expect(cold, "---^").to_be("-----a--b|")
        m.expect(cold, "-^--!").to_be("---a")
        m.expect_subscriptions(cold).to_be("^-----!", "-^--!", "---^-----!")


def test_a_hot_observable_goes_on_without_anybody():
    with marbles() as m:
        hot = m.hot("-a-^-b--c-|")
        m.expect(hot).to_be("--b--c-|")
        m.expect(hot, "---^-!").to_be("-----")
        m.expect_subscriptions(hot).to_be("^------!", "---^-!")


def test_a_subscription_sees_what_a_hot_observable_does_at_its_instant_and_not_at_that_of_its_disposal():
    with marbles() as m:
        m.expect(m.hot("a-b-c"), "^---!").to_be("a-b")


def test_a_hot_observable_that_has_ended_says_so_to_later_subscribers():
    with marbles() as m:
        m.expect(m.hot("a|"), "---^").to_be("---|")
        m.expect(m.hot("a#"), "---^").to_be("---#")


def test_errors_are_compared_by_type_and_arguments():
    with marbles() as m:
        m.expect(m.cold("-#", error=ValueError("a", 1))).to_be("-#", error=ValueError("a", 1))
    for other in (ValueError("b", 1), KeyError("a", 1)):
        with pytest.raises(MarbleFailure, match=r"ValueError\('a', 1\)"), marbles() as m:
            m.expect(m.cold("-#", error=ValueError("a", 1))).to_be("-#", error=other)


def test_time_operators_run_on_the_clock_of_the_world():
    with marbles() as m:
        m.expect(m.cold("-a-b|").pipe(ops.delay(0.003, scheduler=m.scheduler))).to_be("----a-b|")
        m.expect(reactivex.timer(3600.0, scheduler=m.scheduler)).to_be("60m (a|)", {"a": 0})


def test_frames_last_as_long_as_one_says():
    with marbles(frame=0.1) as m:
        m.expect(reactivex.timer(0.3, scheduler=m.scheduler)).to_be("---(a|)", {"a": 0})
        m.expect(m.cold("--a")).to_be("200ms a")


def test_time_passes_by_hand():
    with marbles() as m:
        seen: list[object] = []
        m.at("10ms", lambda: seen.append(m.now))
        m.at(0.02, lambda: seen.append(m.now))
        m.run(until="10ms")
        assert seen == [0.01]
        m.advance("9.999ms")
        assert m.now == 0.019999
        m.advance(0.000001)
        assert seen == [0.01, 0.02]


def test_drawings_begin_when_they_are_given():
    with marbles() as m:
        m.run(until="1s")
        m.expect(m.hot("--a")).to_be("--a")
        cold = m.cold("-a|")
        m.expect(cold).to_be("-a|")
        m.expect_subscriptions(cold).to_be("1s ^-!")


@pytest.mark.parametrize("wrong", ["10", "ten ms", "1h", ""])
def test_an_instant_that_cannot_be_read(wrong: str):
    with marbles() as m, pytest.raises(ValueError, match="'10ms'"):
        m.advance(wrong)


def test_what_is_past_is_past():
    with marbles() as m:
        m.run(until="10ms")
        with pytest.raises(ValueError, match="is past"):
            m.at("9ms", print)
        with pytest.raises(ValueError, match="is past"):
            m.run(until=0.009)


def test_what_is_scheduled_cannot_let_time_pass():
    with pytest.raises(RuntimeError, match="time passes already"), marbles() as m:
        m.at("1ms", lambda: m.advance("1ms"))


def test_what_is_scheduled_may_raise_and_the_world_goes_on():
    with marbles() as m:
        seen: list[float] = []
        m.at("1ms", lambda: 1 / 0)
        m.at("2ms", lambda: seen.append(m.now))
        with pytest.raises(ZeroDivisionError):
            m.run(until="3ms")
        m.run(until="3ms")
        assert seen == [0.002]


def test_a_timer_without_end_ends_with_the_world():
    began = time.perf_counter()
    with marbles(horizon=3600.0) as m:
        ticks: list[int] = []
        reactivex.interval(1.0, scheduler=m.scheduler).subscribe(ticks.append)
        m.at("100s", lambda: None)
    assert len(ticks) == 3700
    assert time.perf_counter() - began < 5


def test_the_end_comes_long_after_the_last_drawing():
    with pytest.raises(MarbleFailure), marbles() as m:
        m.expect(reactivex.timer(61.0, scheduler=m.scheduler)).to_be("1s -")
    with marbles() as m:
        m.expect(reactivex.timer(62.0, scheduler=m.scheduler)).to_be("1s -")


def test_time_that_stands_still_is_noticed():
    def again(*_: object) -> None:
        m.scheduler.schedule(again)

    with pytest.raises(TimeStandsStill, match="at 2 ms"), marbles() as m:
        m.at("2ms", again)


def test_the_machine_may_sleep():
    with marbles() as m:
        m.at("10s", lambda: m.suspend("1m"))
        stamps = m.cold("- 20s a").pipe(ops.timestamp(scheduler=m.scheduler), ops.map(lambda it: it.timestamp))
        m.expect(stamps).to_be("- 20s a", {"a": datetime.fromtimestamp(80.001, UTC)})
        absolute = reactivex.timer(datetime.fromtimestamp(90, UTC), scheduler=m.scheduler)
        m.expect(absolute, "15s ^").to_be("30s (a|)", {"a": 0})
        m.run(until="30s")
        assert (m.now, m.scheduler.monotonic()) == (30, 30)


def test_something_may_hold_the_thread():
    with marbles() as m:
        m.at("2ms", lambda: m.block("5ms"))
        m.expect(m.hot("-a-b--c---d")).to_be("-a-----(bc 3ms d)")
        m.run(until="4ms")
        assert m.now == 0.007


def test_a_subject_can_be_driven_by_hand():
    with marbles() as m:
        subject: Subject[str] = Subject()
        m.at("1ms", lambda: subject.on_next("a"))
        m.at("3ms", subject.on_completed)
        m.expect(subject).to_be("-a-|")


def test_an_expectation_without_a_drawing_is_a_failure():
    with pytest.raises(MarbleFailure, match=r"never told what to expect: add .to_be"), marbles() as m:
        m.expect(m.cold("a"))


def test_a_test_that_fails_by_itself_is_not_judged_by_its_drawings():
    def program(m: World) -> None:
        m.expect(m.cold("a")).to_be("b")
        _ = 1 / 0

    with pytest.raises(ZeroDivisionError), marbles() as m:
        program(m)


def test_mistakes_in_drawings_are_told_where_they_are_made():
    with marbles() as m:
        with pytest.raises(MarbleSyntaxError, match="column 3"):
            m.cold("--(a")
        with pytest.raises(MarbleSyntaxError):
            m.expect(m.cold("a"), "^--a")
        with pytest.raises(MarbleSyntaxError):
            m.cold("^-a")


def test_a_frame_lasts_at_least_a_microsecond():
    with pytest.raises(ValueError, match="a frame lasts"):
        World(0.00000001)
    with pytest.raises(ValueError, match="frame must be a positive number of seconds, not 0"):
        World(0)
    with pytest.raises(TypeError, match="frame must be a number of seconds, not '10ms'"):
        World("10ms")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="horizon must be a number of seconds, not None"):
        World(horizon=None)  # pyright: ignore[reportArgumentType]


def test_what_would_not_be_called_is_refused_at_the_call(marbles: World):
    async def later() -> None:
        raise AssertionError("never run")

    with pytest.raises(TypeError, match=r"such as lambda: socket.connect\(\), not 7"):
        marbles.at("1ms", 7)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"a coroutine function .* would never run; start a task"):
        marbles.at("1ms", later)
    ran: list[str] = []

    async def in_a_task() -> None:
        await asyncio.sleep(0.002)
        ran.append(f"{marbles.now:g}")

    marbles.at("1ms", lambda: asyncio.ensure_future(in_a_task()))
    marbles.run(until="5ms")
    assert ran == ["0.003"]


def test_a_world_that_is_called_says_that_it_is_one(marbles: World):
    with pytest.raises(TypeError, match=r"is a world already: .* @pytest.mark.marbles\(frame="):
        marbles()


def test_who_looks_before_time_has_passed_is_told():
    def look(m: World) -> None:
        seen = m.observe(m.cold("-a"))
        assert seen.values == ["a"]

    def look_later(m: World) -> None:
        seen = m.observe(m.cold("-a"))
        m.run(until="1ms")
        assert seen.values == ["b"]

    with pytest.raises(AssertionError) as caught, marbles() as m:
        look(m)
    (note,) = caught.value.__notes__
    assert note.startswith("no time has passed in this marbles() world so far")
    with pytest.raises(AssertionError) as caught, marbles() as m:
        look_later(m)
    assert not hasattr(caught.value, "__notes__")


def test_the_clock_is_a_virtual_time_scheduler_of_rxpy_and_exact():
    scheduler = VirtualScheduler()
    assert isinstance(scheduler, VirtualTimeScheduler)
    seen: list[int] = []
    scheduler.schedule(lambda *_: seen.append(scheduler.instant))
    scheduler.advance_to(0.0)  # what is due now is run
    assert seen == [0]
    for _ in range(300):  # and the clock is not moved by a crowd
        scheduler.schedule(lambda *_: seen.append(scheduler.instant))
    scheduler.schedule_absolute(0.3, lambda *_: seen.append(scheduler.instant))
    cancelled = scheduler.schedule_relative(99.0, lambda *_: seen.append(scheduler.instant))
    cancelled.dispose()
    scheduler.start()
    assert seen == [0] * 301 + [300_000]
    assert scheduler.now.timestamp() == 0.3
    scheduler.advance_by(0.1)
    scheduler.sleep(0.1)
    assert scheduler.instant == 500_000


def test_an_endless_loop_at_one_instant_is_ended_also_where_no_scheduler_of_ours_runs_it():
    with pytest.raises(TimeStandsStill, match="100000 actions at 2 ms and no end"), marbles() as m:
        m.expect(reactivex.throw(ValueError("at once")).pipe(ops.retry()), "--^").to_be("-")

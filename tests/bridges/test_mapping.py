"""Coroutines as an operator."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import Subject

from rxphoenix import BufferOverflow, NoEventLoop, Overflow, Reply, Socket, from_async_iterable, map_async
from rxphoenix.client.socket_streams import context_of
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from rxphoenix.testing import World
from tests.bridges.slow_loop import SlowLoop
from tests.legends import DONE


class Work:
    """A coroutine function that takes as many milliseconds as ``takes`` says, and what has become of its calls."""

    def __init__(self, takes: Callable[[Any], float]) -> None:
        self._takes = takes
        self.running = 0
        self.most_running = 0
        self.begun: list[Any] = []
        self.cancelled: list[Any] = []

    async def __call__(self, value: Any) -> Any:
        self.begun.append(value)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            await asyncio.sleep(self._takes(value) / 1000)
        except asyncio.CancelledError:
            self.cancelled.append(value)
            raise
        finally:
            self.running -= 1
        if value == "wrong":
            raise LookupError("it went wrong")
        return value.upper()


SLOW_A = Work(lambda value: 0)


# -- order and number ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "drawn", "most"),
    [
        ({}, "------A--B--(C|)", 1),
        ({"concurrency": 2}, "------(AB 3ms C|)", 2),
        ({"concurrency": 3}, "------(ABC|)", 3),
        ({"concurrency": 2, "ordered": False}, "-----BA-(C|)", 2),
        ({"concurrency": 9, "ordered": False}, "-----B(AC|)", 3),
    ],
)
def test_so_many_are_worked_on_at_a_time_and_results_come_in_order_or_not(
    marbles: World, options: dict[str, Any], drawn: str, most: int
):
    work = Work(lambda value: {"a": 5, "b": 3, "c": 3}[value])
    marbles.expect(marbles.cold("-abc|").pipe(map_async(work, **options))).to_be(drawn)
    marbles.finish()
    assert work.most_running == most
    assert work.begun == ["a", "b", "c"]


def test_of_results_that_wait_for_their_turn_there_are_no_more_than_may_be_worked_on(marbles: World):
    work = Work(lambda value: 20 if value == "a" else 1)
    marbles.expect(marbles.cold("abcdefg|").pipe(map_async(work, concurrency=3))).to_be("20ms (ABC 1ms DEF)(G|)")
    marbles.run(until="19ms")
    assert work.begun == ["a", "b", "c"]


def test_what_may_be_awaited_will_do(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:a").handle("double", lambda _channel, payload: Reply("ok", {"n": payload["n"] * 2}))
    phoenix.topic("room:a").broadcasts("n", "--1-2", {"1": {"n": 1}, "2": {"n": 2}})
    channel = phoenix.socket().channel("room:a")
    doubled = channel.on("n").pipe(map_async(functools.partial(channel.push, "double")))
    marbles.expect(doubled, "^----!").to_be("--x-y", {"x": {"n": 2}, "y": {"n": 4}})


# -- ends ------------------------------------------------------------------------------------------------------------


def test_it_completes_when_all_is_worked_off(marbles: World):
    work = Work(lambda _value: 3)
    marbles.expect(marbles.cold("(ab|)").pipe(map_async(work, concurrency=2))).to_be("---(AB|)")
    marbles.expect(marbles.cold("--|").pipe(map_async(work))).to_be("--|")


@pytest.mark.parametrize(
    ("ordered", "drawn", "let_go", "cancelled"),
    [(True, "-----(AB#)", "^----!", ["d"]), (False, "---(B#)", "^--!", ["a", "d"])],
)
def test_what_a_coroutine_raises_comes_when_it_would_be_its_turn(
    marbles: World, ordered: bool, drawn: str, let_go: str, cancelled: list[str]
):
    work = Work(lambda value: {"a": 5, "b": 3, "wrong": 3, "d": 8}[value])
    source = marbles.cold("(abxd)", {"x": "wrong"})
    mapped = source.pipe(map_async(work, concurrency=4, ordered=ordered))
    marbles.expect(mapped).to_be(drawn, error=LookupError("it went wrong"))
    marbles.expect_subscriptions(source).to_be(let_go)
    marbles.finish()
    assert work.cancelled == cancelled


def test_an_error_of_the_source_comes_at_once_and_cancels_what_runs(marbles: World):
    work = Work(lambda _value: 5)
    marbles.expect(marbles.cold("ab-#").pipe(map_async(work))).to_be("---#")
    marbles.finish()
    assert (work.begun, work.cancelled) == (["a"], ["a"])


def test_disposing_cancels_what_runs_and_forgets_what_waits(marbles: World):
    work = Work(lambda _value: 5)
    source = marbles.cold("abcd")
    marbles.expect(source.pipe(map_async(work, concurrency=2)), "^--!").to_be("---")
    marbles.expect_subscriptions(source).to_be("^--!")
    marbles.finish()
    assert (work.begun, work.cancelled, work.running) == (["a", "b"], ["a", "b"], 0)


def test_one_that_is_disposed_before_it_has_begun_never_does(marbles: World):
    work = Work(lambda _value: 5)
    marbles.expect(marbles.hot("a").pipe(map_async(work)), "(^!)").to_be("")
    marbles.finish()
    assert work.begun == []


def test_an_observer_may_dispose_in_the_middle(marbles: World):
    work = Work(lambda _value: 1)
    marbles.expect(marbles.cold("(abc)").pipe(map_async(work, concurrency=3), ops.take(2))).to_be("-(AB|)")
    marbles.finish()


def test_each_subscription_works_for_itself(marbles: World):
    work = Work(lambda _value: 2)
    mapped = marbles.cold("a-|").pipe(map_async(work))
    marbles.expect(mapped).to_be("--(A|)")
    marbles.expect(mapped, "-^").to_be("---(A|)")


def test_a_function_that_raises_before_it_awaits_errs_too(marbles: World):
    def broken(_value: str) -> Awaitable[str]:
        raise LookupError("at the call")

    marbles.expect(marbles.cold("-a").pipe(map_async(broken))).to_be("-#", error=LookupError("at the call"))


def test_a_function_that_is_no_coroutine_function_is_named(marbles: World):
    plain: Any = str.upper
    with_error: list[Exception] = []
    marbles.cold("-a").pipe(map_async(plain)).subscribe(on_error=with_error.append)
    marbles.finish()
    [error] = with_error
    assert isinstance(error, TypeError)
    assert "an `async def` function; <method 'upper' of 'str' objects> returned 'A'" in str(error)


async def test_a_coroutine_that_is_cancelled_from_outside_is_an_error():
    source: Subject[asyncio.Event] = Subject()
    errors: list[Exception] = []
    source.pipe(map_async(asyncio.Event.wait)).subscribe(on_error=errors.append)
    source.on_next(asyncio.Event())
    [task] = [task for task in asyncio.all_tasks() if task.get_name() == "rxphoenix map_async"]
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert [str(error) for error in errors] == ["a coroutine of map_async() was cancelled from outside"]
    assert source.observers == []


@pytest.mark.may_leave("errors", reason="an observer raises: the loop's exception handler has it")
async def test_an_observer_that_raises_is_heard_of_and_the_rest_goes_on():
    seen: list[int] = []
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["exception"]))

    async def same(value: int) -> int:
        return value

    def take(value: int) -> None:
        seen.append(value)
        if value == 2:
            raise LookupError("no twos")

    done = asyncio.Event()
    rx.of(1, 2, 3).pipe(map_async(same)).subscribe(take, on_completed=done.set)
    await asyncio.wait_for(done.wait(), 5)
    assert seen == [1, 2, 3]
    assert [type(error) for error in told] == [LookupError]


# -- what waits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        ({"overflow": Overflow.DROP_OLDEST}, "-----A----E----(F|)"),
        ({"overflow": Overflow.DROP_NEWEST}, "-----A----B----(C|)"),
        ({"overflow": Overflow.LATEST, "buffer": 9}, "-----A----(F|)"),
    ],
)
def test_a_value_that_is_one_too_many_is_what_the_policy_says(marbles: World, options: dict[str, Any], drawn: str):
    work = Work(lambda _value: 5)
    marbles.expect(marbles.cold("(abcdef|)").pipe(map_async(work, **{"buffer": 2, **options}))).to_be(drawn)


def test_by_default_it_is_an_error_at_once_and_lets_the_source_go(marbles: World):
    work = Work(lambda _value: 5)
    source = marbles.cold("abcd|")
    marbles.expect(source.pipe(map_async(work, buffer=2))).to_be("---#", error=BufferOverflow(2))
    marbles.expect_subscriptions(source).to_be("^--!")
    marbles.finish()
    assert work.cancelled == ["a"]


def test_a_thousand_wait_unless_told_otherwise(marbles: World):
    work = Work(lambda _value: 5)
    source: Subject[str] = Subject()
    marbles.expect(source.pipe(map_async(work))).to_be("--#", error=BufferOverflow(1000))
    marbles.at("1ms", lambda: [source.on_next("a") for _ in range(1001)])
    marbles.at("2ms", lambda: source.on_next("a"))


def test_block_holds_the_socket_back_and_nothing_is_lost(marbles: World):
    phoenix = marbles.phoenix(idle_timeout=None)
    phoenix.topic("room:a").broadcasts("n", "-abcdefgh")
    socket = phoenix.socket(heartbeat_interval=None)
    work = Work(lambda _value: 3)
    mapped = socket.channel("room:a").on("n").pipe(map_async(work, concurrency=2, buffer=2, overflow=Overflow.BLOCK))
    marbles.expect(mapped, "^ 15ms !").to_be("----AB-CD-EF-GH")
    marbles.run(until="6ms")  # c and d are worked on, e and f wait, and with them the socket
    assert context_of(socket).flow.is_held
    marbles.finish()
    assert not context_of(socket).flow.is_held


def test_behind_a_loop_that_blocks_too_as_many_wait_as_both_buffers_hold(marbles: World):
    phoenix = marbles.phoenix(idle_timeout=None)
    phoenix.topic("room:a").broadcasts("n", "-abcdefghijkl")
    work = Work(lambda _value: 0)
    socket = phoenix.socket(heartbeat_interval=None)
    mapped = socket.channel("room:a").on("n").pipe(map_async(work, buffer=2, overflow=Overflow.BLOCK))
    loop = SlowLoop(marbles, mapped, 0.005, buffer=3)
    marbles.run(until="100ms")
    assert loop.values == list("ABCDEFGHIJKL")
    assert loop.items.dropped == 0
    assert loop.most_waiting <= 3 + 2 + 1


def test_an_iterable_is_asked_for_no_more_than_there_is_room_for(marbles: World):
    asked: list[int] = []

    async def numbers():
        for number in range(10):
            asked.append(number)
            yield str(number)

    work = Work(lambda _value: 2)
    mapped = from_async_iterable(numbers).pipe(map_async(work, buffer=3, overflow=Overflow.BLOCK))
    marbles.expect(mapped.pipe(ops.count())).to_be("20ms (x|)", {"x": 10})
    marbles.run(until="1ms")
    assert asked == [0, 1, 2, 3]
    marbles.run(until="3ms")
    assert asked == [0, 1, 2, 3, 4]


# -- where it runs ---------------------------------------------------------------------------------------------------


def test_without_a_loop_it_says_so():
    errors: list[Exception] = []

    async def same(value: int) -> int:
        return value

    rx.of(1).pipe(map_async(same)).subscribe(on_error=errors.append)
    assert [type(error) for error in errors] == [NoEventLoop]
    assert str(errors[0]).endswith("use map_async() inside `async def main()` with asyncio.run(main())")


async def test_values_of_another_thread_are_worked_on_by_the_loop_that_subscribed():
    source: Subject[int] = Subject()
    loop, seen, done = asyncio.get_running_loop(), list[tuple[int, bool]](), asyncio.Event()

    async def same(value: int) -> tuple[int, bool]:
        await asyncio.sleep(0)
        return value, asyncio.get_running_loop() is loop

    source.pipe(map_async(same, concurrency=3)).subscribe(seen.append, on_completed=done.set)

    def emit() -> None:
        for number in range(200):
            source.on_next(number)
        source.on_completed()

    await asyncio.to_thread(emit)
    await asyncio.wait_for(done.wait(), 5)
    assert seen == [(number, True) for number in range(200)]


async def test_it_can_be_disposed_from_another_thread():
    source: Subject[asyncio.Event] = Subject()
    subscription = source.pipe(map_async(asyncio.Event.wait)).subscribe()
    source.on_next(asyncio.Event())
    await asyncio.sleep(0)
    await asyncio.to_thread(subscription.dispose)
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task.get_name() == "rxphoenix map_async"] == []
    assert source.observers == []


async def test_a_channel_is_worked_off_over_a_real_socket():
    async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
        channel = socket.channel("room:a", {"push_after_join": 5})

        async def echo(payload: Any) -> Any:
            return (await channel.push("echo", payload))["i"]

        numbers: Observable[int] = channel.on("tick").pipe(map_async(echo, concurrency=2), ops.take(5))
        assert await numbers.pipe(ops.to_list()) == [0, 1, 2, 3, 4]


# -- misuse ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "options", "error", "words"),
    [
        ("upper", {}, TypeError, "takes a coroutine function, not 'upper'"),
        (SLOW_A, {"concurrency": 0}, ValueError, "concurrency must be at least 1, not 0"),
        (SLOW_A, {"concurrency": 1.5}, TypeError, "concurrency must be a number of values, not 1.5"),
        (SLOW_A, {"buffer": 0}, ValueError, "buffer must be at least 1"),
        (SLOW_A, {"overflow": "block"}, TypeError, "overflow must be one of Overflow"),
        (SLOW_A, {"block_for": -1}, ValueError, "block_for must be a positive number of seconds"),
    ],
)
def test_what_cannot_be_used_is_refused_at_the_call(
    function: Any, options: dict[str, Any], error: type[Exception], words: str
):
    with pytest.raises(error, match=words):
        map_async(function, **options)


def test_an_async_function_as_on_next_is_told_of_it(marbles: World):
    stream: Any = marbles.phoenix().socket().state
    with pytest.raises(TypeError, match="with the operator map_async"):
        stream.subscribe(SLOW_A.__call__)
    marbles.expect(stream.pipe(map_async(Work(lambda _value: 0)), ops.map(lambda _state: None), ops.take(1))).to_be(
        "(x|)", DONE
    )

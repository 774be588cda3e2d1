"""Asynchronous iterables as observables."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import NoEventLoop, Overflow, Socket, from_async_iterable, iterate, map_async
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from rxphoenix.testing import World
from tests.bridges.slow_loop import SlowLoop


class Letters:
    """An async generator function that yields a letter each two milliseconds, and what has become of its generators."""

    def __init__(self, letters: str = "abc", error: Exception | None = None) -> None:
        self._letters = letters
        self._error = error
        self.begun = 0
        self.asked: list[str] = []
        self.closed: list[str] = []

    async def __call__(self) -> AsyncIterator[str]:
        self.begun += 1
        try:
            for letter in self._letters:
                await asyncio.sleep(0.002)
                self.asked.append(letter)
                yield letter
            if self._error is not None:
                raise self._error
        except BaseException as error:
            self.closed.append(type(error).__name__)
            raise
        else:
            self.closed.append("completed")


def tasks() -> list[Any]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "rxphoenix from_async_iterable"]


# -- items and ends --------------------------------------------------------------------------------------------------


def test_it_emits_each_item_and_completes(marbles: World):
    letters = Letters()
    marbles.expect(from_async_iterable(letters)).to_be("--a-b-(c|)")
    marbles.finish()
    assert letters.closed == ["completed"]


def test_it_is_cold_and_each_subscription_iterates_anew(marbles: World):
    letters = Letters("ab")
    observable = from_async_iterable(letters)
    assert letters.begun == 0
    marbles.expect(observable).to_be("--a-(b|)")
    marbles.expect(observable, "-^").to_be("---a-(b|)")
    marbles.expect(observable.pipe(ops.repeat(2))).to_be("--a-b-a-(b|)")
    marbles.finish()
    assert letters.begun == 4


def test_what_the_iterable_raises_is_an_error_after_its_items(marbles: World):
    letters = Letters("ab", LookupError("gone"))
    marbles.expect(from_async_iterable(letters)).to_be("--a-(b#)", error=LookupError("gone"))


def test_what_the_factory_raises_is_an_error(marbles: World):
    def broken() -> AsyncIterator[int]:
        raise LookupError("no")

    marbles.expect(from_async_iterable(broken)).to_be("#", error=LookupError("no"))


def test_disposing_cancels_it_where_it_waits(marbles: World):
    letters = Letters()
    marbles.expect(from_async_iterable(letters), "^--!").to_be("--a-")
    marbles.finish()
    assert letters.closed == ["CancelledError"]


def test_disposing_at_an_item_closes_it_there(marbles: World):
    letters = Letters()
    marbles.expect(from_async_iterable(letters).pipe(ops.take(2))).to_be("--a-(b|)")
    marbles.finish()
    assert letters.closed == ["GeneratorExit"]
    assert letters.asked == ["a", "b"]


def test_disposing_before_it_has_begun_asks_nobody(marbles: World):
    letters = Letters()
    marbles.expect(from_async_iterable(letters), "(^!)").to_be("")
    marbles.finish()
    assert letters.begun == 0


def test_a_generator_may_await_while_it_is_closed(marbles: World):
    tidied: list[float] = []

    async def tidy() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await asyncio.sleep(0.001)
        finally:
            await asyncio.sleep(0.003)
            tidied.append(marbles.now)

    marbles.expect(from_async_iterable(tidy).pipe(ops.take(2))).to_be("1(1|)", {"1": 1})
    marbles.expect(from_async_iterable(tidy), "---------^!").to_be("---------1-", {"1": 1})
    marbles.finish()
    assert tidied == [0.004, 0.013]


def test_an_iterator_without_aclose_will_do(marbles: World):
    class Countdown:
        def __init__(self) -> None:
            self.left = 3

        def __aiter__(self) -> Countdown:
            return self

        async def __anext__(self) -> int:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            await asyncio.sleep(0.001)
            return self.left

    marbles.expect(from_async_iterable(Countdown)).to_be("-21(0|)", {"2": 2, "1": 1, "0": 0})


def test_there_and_back_again(marbles: World):
    letters = Letters()
    there = from_async_iterable(lambda: iterate(from_async_iterable(letters)))
    marbles.expect(there).to_be("--a-b-(c|)")
    marbles.expect(there, "^---!").to_be("--a--")
    marbles.finish()
    assert letters.closed == ["CancelledError", "completed"]


async def test_a_task_that_is_cancelled_from_outside_is_an_error():
    errors: list[Exception] = []

    async def forever() -> AsyncIterator[int]:
        yield await asyncio.Event().wait()

    from_async_iterable(forever).subscribe(on_error=errors.append)
    [task] = tasks()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert [str(error) for error in errors] == ["the task of from_async_iterable() was cancelled from outside"]


@pytest.mark.may_leave("errors", reason="an observer and a generator raise: the loop's exception handler has it")
async def test_what_nobody_else_can_be_told_goes_to_the_loop():
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(str(context["exception"])))
    seen: list[int] = []
    completed = asyncio.Event()

    async def three() -> AsyncIterator[int]:
        try:
            for number in range(3):
                yield number
        except GeneratorExit:
            raise LookupError("while closing") from None

    def take(number: int) -> None:
        seen.append(number)
        raise LookupError(f"in the observer of {number}")

    from_async_iterable(three).subscribe(take, on_completed=completed.set)
    await asyncio.wait_for(completed.wait(), 5)
    assert seen == [0, 1, 2]
    await from_async_iterable(three).pipe(ops.first())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert told == ["in the observer of 0", "in the observer of 1", "in the observer of 2", "while closing"]


# -- holding it back -------------------------------------------------------------------------------------------------


def test_it_is_asked_for_an_item_when_a_loop_that_blocks_has_room(marbles: World):
    letters = Letters("abcdefgh")
    loop = SlowLoop(marbles, from_async_iterable(letters), 0.01, buffer=2)
    marbles.run(until="9ms")
    assert letters.asked == ["a", "b", "c"]  # one is worked on, two wait
    marbles.run(until="1s")
    assert "".join(loop.values) == "abcdefgh"
    assert (loop.items.exceeded, loop.items.dropped) == (0, 0)
    assert loop.task.done()


def test_it_waits_for_as_long_as_it_takes(marbles: World):
    loop = SlowLoop(marbles, from_async_iterable(Letters("abcd")), 100, 0, buffer=1)
    marbles.run(until="200s")
    assert loop.values == list("abcd")
    assert (loop.items.dropped, loop.gaps) == (0, [])


def test_a_loop_that_ends_while_it_is_held_back_ends_it(marbles: World):
    letters = Letters()
    loop = SlowLoop(marbles, from_async_iterable(letters), 100, buffer=1)
    marbles.run(until="1s")
    assert letters.asked == ["a", "b"]
    loop.task.cancel()
    marbles.run(until="2s")
    assert letters.closed == ["GeneratorExit"]


def test_it_waits_for_all_who_have_no_room(marbles: World):
    async def slowly(letter: str) -> str:
        await asyncio.sleep(0.02)
        return letter

    letters = Letters("abcdef")
    mapped = from_async_iterable(letters).pipe(map_async(slowly, buffer=1, overflow=Overflow.BLOCK))
    slower = SlowLoop(marbles, mapped, 0.05, buffer=1)
    marbles.run(until="65ms")
    # the operator has room again at 42 ms, but the loop has none: it has a since 22 ms, and b waits for it
    assert letters.asked == ["a", "b", "c"]
    marbles.run(until="1s")
    assert slower.values == list("abcdef")
    assert slower.items.dropped == 0


# -- where it runs ---------------------------------------------------------------------------------------------------


def test_without_a_loop_it_says_so():
    errors: list[Exception] = []
    from_async_iterable(Letters()).subscribe(on_error=errors.append)
    assert [type(error) for error in errors] == [NoEventLoop]
    assert "use from_async_iterable() inside `async def main()`" in str(errors[0])


async def test_it_can_be_disposed_from_another_thread():
    async def forever() -> AsyncIterator[int]:
        yield await asyncio.Event().wait()

    subscription = from_async_iterable(forever).subscribe()
    await asyncio.sleep(0)
    await asyncio.to_thread(subscription.dispose)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert tasks() == []


async def test_one_that_is_never_subscribed_leaves_nothing():
    observable = from_async_iterable(Letters())
    del observable
    gc.collect()
    assert tasks() == []


async def test_pages_of_a_channel_are_a_stream():
    async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
        channel = socket.channel("room:a")

        async def pages() -> AsyncIterator[int]:
            async with channel.hold():
                for page in range(3):
                    yield (await channel.push("echo", {"page": page}))["page"]

        assert await from_async_iterable(pages).pipe(ops.to_list()) == [0, 1, 2]


# -- misuse ----------------------------------------------------------------------------------------------------------


async def test_an_iterable_instead_of_a_function_that_makes_one_is_refused():
    async def numbers() -> AsyncIterator[int]:
        yield 1

    made: Any = numbers()
    with pytest.raises(TypeError, match="takes a function that makes an asynchronous iterable, not <async_generator"):
        from_async_iterable(made)
    await made.aclose()


@pytest.mark.parametrize("made", ["a list", "a coroutine"])
async def test_a_factory_that_makes_something_else_is_named(made: str):
    async def coroutine() -> list[int]:
        return [1]

    factory: Callable[[], Any] = coroutine if made == "a coroutine" else lambda: [1]
    with pytest.raises(TypeError, match=r"which `async for` cannot iterate over; give an async generator function"):
        await from_async_iterable(factory)
    gc.collect()


async def test_drop_policies_are_those_of_the_consumer():
    async def numbers() -> AsyncIterator[int]:
        for number in range(10):
            yield number

    async with iterate(from_async_iterable(numbers), overflow=Overflow.LATEST) as items:
        assert [number async for number in items] == [9]

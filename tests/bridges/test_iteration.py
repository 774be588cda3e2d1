"""Observables as iterators, asynchronous and not."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing, closing, suppress
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable, abc
from reactivex import operators as ops
from reactivex.disposable import Disposable
from reactivex.subject import Subject

from rxphoenix import (
    BufferOverflow,
    Iteration,
    JoinRefused,
    NoEventLoop,
    Overflow,
    Socket,
    WrongThread,
    background,
    iterate,
)
from rxphoenix.client.waiting import ThreadWaiter
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from tests.house.background import in_background


class Source(Subject[int]):
    """A subject that counts its observers."""

    @property
    def watched(self) -> int:
        """How many observe it now."""
        return len(self.observers)

    def emit(self, *values: int) -> None:
        """Emit at once, without letting any loop run."""
        for value in values:
            self.on_next(value)


async def turn() -> None:
    """Let everything run that can."""
    for _ in range(3):
        await asyncio.sleep(0)


async def drain(items: Iteration[int], seen: list[int]) -> None:
    """Iterate to the end."""
    async for value in items:
        seen.append(value)


# -- values and ends -------------------------------------------------------------------------------------------------


async def test_values_come_in_order_and_completion_ends_the_loop() -> None:
    source = Source()
    seen: list[int] = []

    async def consume() -> None:
        async with iterate(source) as items:
            async for value in items:
                seen.append(value)
                await asyncio.sleep(0)

    task = asyncio.create_task(consume())
    await turn()
    source.emit(1, 2, 3)
    await turn()
    source.emit(4)
    source.on_completed()
    await task
    assert seen == [1, 2, 3, 4]
    assert source.watched == 0


async def test_an_error_is_raised_after_what_was_buffered() -> None:
    source, seen = Source(), []
    async with iterate(source) as items:
        source.emit(1, 2)
        source.on_error(LookupError("gone"))
        with pytest.raises(LookupError, match="gone"):
            await drain(items, seen)
        assert seen == [1, 2]
        assert [value async for value in items] == []


@pytest.mark.parametrize("error", [StopIteration(1), StopAsyncIteration()])
async def test_an_error_that_would_end_the_loop_without_a_word_is_raised_as_another(error: Exception) -> None:
    with pytest.raises(RuntimeError, match="the observable ended with Stop") as raised:
        async for _ in iterate(rx.throw(error)):
            pass
    assert raised.value.__cause__ is error


async def test_what_a_source_emits_while_it_is_subscribed_is_not_lost() -> None:
    assert [value async for value in iterate(rx.of(1, 2, 3))] == [1, 2, 3]


# -- overflow --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overflow", "expected", "dropped"),
    [
        (Overflow.DROP_OLDEST, [0, 7, 8, 9], 6),
        (Overflow.DROP_NEWEST, [0, 1, 2, 3], 6),
        (Overflow.LATEST, [0, 9], 8),
    ],
)
async def test_a_busy_loop_finds_what_the_policy_left(overflow: Overflow, expected: list[int], dropped: int) -> None:
    source, seen = Source(), []
    async with iterate(source, buffer=3, overflow=overflow) as items:
        source.emit(0)
        async for value in items:
            seen.append(value)
            if value == 0:  # nine values come while the loop is busy with the first
                source.emit(*range(1, 10))
                assert (items.waiting, items.dropped) == (len(expected) - 1, dropped)
                source.on_completed()
    assert seen == expected
    assert items.dropped == dropped


async def test_by_default_an_overflow_is_an_error_after_what_was_buffered_and_lets_the_source_go() -> None:
    source, seen = Source(), []
    async with iterate(source, buffer=3) as items:
        source.emit(0, 1, 2, 3, 4)
        assert source.watched == 0
        with pytest.raises(BufferOverflow):
            await drain(items, seen)
        assert (seen, items.dropped) == ([0, 1, 2], 0)


async def test_the_buffer_is_a_thousand_unless_told_otherwise() -> None:
    source = Source()
    async with iterate(source) as items:
        source.emit(*range(1000))
        assert (items.waiting, source.watched) == (1000, 1)
        source.emit(1000)
        assert source.watched == 0


async def test_an_overflow_while_subscribing_disposes_too() -> None:
    disposed: list[bool] = []

    def subscribe(observer: abc.ObserverBase[int], _scheduler: abc.SchedulerBase | None = None) -> Disposable:
        observer.on_next(1)
        observer.on_next(2)
        return Disposable(lambda: disposed.append(True))

    async with iterate(Observable(subscribe), buffer=1):
        assert disposed == [True]


# -- leaving ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["break", "exception", "cancellation"])
@pytest.mark.parametrize("form", ["async with", "aclosing", "alone"])
async def test_leaving_the_loop_disposes_at_once(form: str, how: str) -> None:
    source = Source()

    async def loop(items: Any) -> None:
        async for _ in items:
            if how == "break":
                break
            if how == "exception":
                raise LookupError

    async def consume() -> None:
        if form == "alone":
            async for _ in iterate(source):
                if how == "break":
                    break
                if how == "exception":
                    raise LookupError
        else:
            async with iterate(source) if form == "async with" else aclosing(iterate(source)) as items:
                await loop(items)
        assert source.watched == 0

    task = asyncio.create_task(consume())
    await turn()
    assert source.watched == 1
    if how == "cancellation":
        task.cancel()
    else:
        source.emit(1)
    with suppress(LookupError, asyncio.CancelledError):
        await task
    assert source.watched == 0


@pytest.mark.parametrize("step", range(8))
@pytest.mark.parametrize("form", ["async with", "alone"])
async def test_cancelled_after_any_step_it_leaves_nothing(form: str, step: int) -> None:
    source = Source()

    async def consume() -> None:
        if form == "alone":
            async for _ in iterate(source):
                await asyncio.sleep(0)
        else:
            async with iterate(source) as items:
                async for _ in items:
                    await asyncio.sleep(0)

    task = asyncio.create_task(consume())
    for number in range(step):
        await asyncio.sleep(0)
        source.emit(number)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert source.watched == 0


async def test_a_wait_that_is_cancelled_inside_async_with_loses_nothing() -> None:
    source = Source()
    async with iterate(source) as items:
        waiting = asyncio.ensure_future(anext(items))
        await turn()
        source.emit(1)  # it has come, but the task that waits for it is cancelled before it can take it
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        source.emit(2)
        assert [await anext(items), await anext(items)] == [1, 2]


async def test_alone_a_wait_that_is_cancelled_ends_it() -> None:
    source = Source()
    items = iterate(source)
    waiting = asyncio.ensure_future(anext(items))
    await turn()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    assert source.watched == 0
    with pytest.raises(StopAsyncIteration):
        await anext(items)


async def test_closing_ends_a_wait_and_drops_what_is_buffered() -> None:
    source = Source()
    async with iterate(source) as items:
        waiting = asyncio.ensure_future(anext(items, "end"))
        await turn()
        await items.aclose()
        assert await waiting == "end"
        assert source.watched == 0
    async with iterate(source) as items:
        source.emit(1)
        await items.aclose()
        assert [value async for value in items] == []
    never_begun = iterate(source)
    await never_begun.aclose()
    assert [value async for value in never_begun] == []


async def test_nothing_happens_before_the_loop_begins() -> None:
    source = Source()
    items = iterate(source)
    assert source.watched == 0
    del items


# -- misuse ----------------------------------------------------------------------------------------------------------


async def test_two_tasks_cannot_wait_for_the_same_iterator() -> None:
    async with iterate(Source()) as items:
        waiting = asyncio.ensure_future(anext(items))
        await turn()
        with pytest.raises(RuntimeError, match=r"give each task or thread an iterate\(\) of its own"):
            await anext(items)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting


def test_what_is_no_observable_is_refused() -> None:
    values: Any = [1, 2]
    with pytest.raises(TypeError, match=r"takes an observable, not \[1, 2\]"):
        iterate(values)


# -- threads ---------------------------------------------------------------------------------------------------------


async def test_values_may_come_from_another_thread() -> None:
    source: Source = Source()

    def emit() -> None:
        for value in range(10_000):
            source.on_next(value)
        source.on_completed()

    async with iterate(source, buffer=20_000) as items:
        thread = threading.Thread(target=emit)
        thread.start()
        assert [value async for value in items] == list(range(10_000))
        thread.join()


async def test_a_socket_of_another_thread_is_refused_at_the_loop() -> None:
    async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
        with socket.connect():
            await socket.opened()
            channel = socket.channel("room:a")

            async def elsewhere() -> None:
                async for _ in iterate(channel):
                    pass

            with pytest.raises(WrongThread):
                await asyncio.to_thread(asyncio.run, elsewhere())


# -- channels --------------------------------------------------------------------------------------------------------


async def test_a_channel_is_joined_for_as_long_as_the_loop_runs() -> None:
    async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
        channel, said = socket.channel("room:a", {"push_after_join": 2}), []
        async for message in iterate(channel):
            said.append((message.event, message.payload))
            if len(said) == 3:
                break
            assert channel.state.value == "joined"
            await channel.push("broadcast", len(said))
        assert said == [("tick", {"i": 0}), ("tick", {"i": 1}), ("broadcast", 1)]
        await channel.state.pipe(ops.filter(lambda state: state == "closed"), ops.first())


async def test_a_refused_join_is_raised_in_the_loop() -> None:
    async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
        with pytest.raises(JoinRefused):
            async for _ in iterate(socket.channel("room:a", {"deny": True})):
                pass


# -- without a loop --------------------------------------------------------------------------------------------------


LONG = 20.0


def from_a_thread(*values: int, error: Exception | None = None) -> Observable[int]:
    """Values that another thread emits."""

    def subscribe(observer: abc.ObserverBase[int], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        def emit() -> None:
            for value in values:
                observer.on_next(value)
            if error is None:
                observer.on_completed()
            else:
                observer.on_error(error)

        threading.Thread(target=emit).start()
        return Disposable()

    return Observable(subscribe)


def test_a_thread_can_iterate_and_is_blocked_until_values_come() -> None:
    assert list(iterate(from_a_thread(1, 2, 3))) == [1, 2, 3]
    with iterate(from_a_thread(1, 2, 3)) as items:
        assert list(items) == [1, 2, 3]
        assert list(items) == []


def test_a_thread_gets_the_error_after_what_was_buffered() -> None:
    items = iterate(from_a_thread(1, 2, error=OSError("gone")))
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="gone"):
        next(items)
    assert list(items) == []


def test_a_thread_that_leaves_the_loop_disposes_at_once() -> None:
    source = Source()
    source.on_next(0)
    for form in ("with", "alone"):
        items = iterate(source.pipe(ops.start_with(1)))
        if form == "with":
            with items:
                assert next(items) == 1
                assert source.watched == 1
        else:
            for _value in items:
                assert source.watched == 1
                break
            del items
        assert source.watched == 0
    with closing(iterate(source.pipe(ops.start_with(1)))) as closed:
        assert next(closed) == 1
    assert source.watched == 0
    assert list(closed) == []


@pytest.mark.parametrize("form", ["with", "alone"])
def test_an_interrupt_of_a_thread_that_waits(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    source = Source()
    items = iterate(source)
    if form == "with":
        items.__enter__()
    monkeypatch.setattr(ThreadWaiter, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        next(items)
    assert source.watched == (form == "with")  # as a wait that is cancelled
    items.close()


def test_two_threads_cannot_wait_for_the_same_iterator(monkeypatch: pytest.MonkeyPatch) -> None:
    waits, wait = threading.Event(), ThreadWaiter[None].wait

    def tell(waiter: ThreadWaiter[None]) -> None:
        waits.set()
        wait(waiter)

    monkeypatch.setattr(ThreadWaiter, "wait", tell)
    source = Source()
    items = iterate(source)
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.append(next(items)))
    thread.start()
    assert waits.wait(LONG)
    with pytest.raises(RuntimeError, match="give each task or thread"):
        next(items)
    source.on_next(1)
    thread.join()
    assert got == [1]
    items.close()


async def test_a_coroutine_must_not_block_its_loop() -> None:
    source = Source()
    items = iterate(source)
    for block in (items.__iter__, items.__next__, items.__enter__):
        with pytest.raises(WrongThread, match="async for"):
            block()
    assert source.watched == 0


def test_a_socket_without_a_loop_names_the_remedy() -> None:
    with pytest.raises(NoEventLoop, match="background"):
        next(iterate(Socket("ws://h/socket").channel("room:a")))


@pytest.mark.parametrize("overflow", [Overflow.ERROR, Overflow.BLOCK])
def test_a_script_iterates_over_a_channel_and_pushes_for_each_message(overflow: Overflow) -> None:
    with in_background("server", lambda: PhoenixServer(conformance_application())) as server, background() as bg:
        room = bg.socket(server.url + "/socket").channel("room:a")
        seen: list[int] = []
        with room.hold():
            room.push("push_later", {"n": 5, "ms": 1}).run(timeout=LONG)
            with iterate(room.on("tick"), buffer=2 if overflow is Overflow.BLOCK else 5, overflow=overflow) as ticks:
                for tick in ticks:
                    seen.append(room.push("echo", tick["i"]).run(timeout=LONG))
                    if len(seen) == 5:
                        break
                assert ticks.dropped == 0
        assert seen == [0, 1, 2, 3, 4]

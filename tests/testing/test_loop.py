"""Coroutines of the code under test, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from reactivex import operators as ops

from rxphoenix import Channel, ProviderFailed, Reply, Socket
from rxphoenix.testing import RealTimeUsed, World
from rxphoenix.testing import marbles as new_world

OPENED = {"o": None}


def token_of(marbles: World, make: Callable[[], Awaitable[str]], **options: Any) -> Socket:
    return marbles.phoenix().socket(auth_token=make, reconnect_after=lambda attempt, error: 0.002, **options)


def test_sleep_takes_virtual_time(marbles: World):
    async def token() -> str:
        await asyncio.sleep(0.003)
        await asyncio.sleep(0)
        return "sesame"

    marbles.expect(token_of(marbles, token).opened()).to_be("---(o|)", OPENED)


@pytest.mark.parametrize("kind", ["a plain test", "a coroutine"])
def test_it_is_the_same_wherever_one_connects(kind: str):
    async def token() -> str:
        await asyncio.sleep(0.003)
        return "sesame"

    def program() -> list[float]:
        with new_world() as m:
            phoenix = m.phoenix()
            phoenix.socket(auth_token=token).connect()  # before time passes
            m.run(until="9ms")
        return [attempt.instant for attempt in phoenix.attempts]

    async def coroutine() -> list[float]:
        return program()

    assert (program() if kind == "a plain test" else asyncio.run(coroutine())) == [3_000]


def test_tasks_timeouts_events_and_queues_are_those_of_asyncio(marbles: World):
    async def token() -> str:
        event, queue = asyncio.Event(), asyncio.Queue[str]()

        async def later(seconds: float, word: str) -> str:
            await asyncio.sleep(seconds)
            event.set()
            return word

        asyncio.get_running_loop().call_later(0.001, queue.put_nowait, "ses")
        task = asyncio.create_task(later(0.002, "never"))
        first = await queue.get()
        await event.wait()
        words = await asyncio.gather(later(0.001, "a"), later(0.002, "me"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)
        task.cancel()
        return first + "".join(words)

    phoenix = marbles.phoenix()
    marbles.expect(phoenix.socket(auth_token=token).opened()).to_be("-----(o|)", OPENED)
    marbles.run(until="5ms")
    assert [attempt.auth_token for attempt in phoenix.attempts] == ["sesame"]


def test_pushes_can_be_awaited(marbles: World):
    phoenix = marbles.phoenix(replies_after=0.002)
    phoenix.topic("auth").handle("token", lambda channel, payload: Reply("ok", {"token": payload}))
    auth = phoenix.socket().channel("auth")

    async def params() -> Any:
        return await auth.push("token", "sesame")

    def params_of(channel: Channel) -> Any:
        return channel.joined.pipe(ops.map(lambda joined: joined.reply))

    phoenix.topic("room").handle_join(lambda channel, given: Reply("ok", given))
    marbles.expect(params_of(phoenix.socket().channel("room", params))).to_be("--p", {"p": {"token": "sesame"}})


def test_what_is_abandoned_is_cancelled(marbles: World):
    cancelled: list[float] = []

    async def token() -> str:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.append(marbles.now)
        return "never"

    socket = token_of(marbles, token, connect_timeout=0.005)
    marbles.expect(socket.state, "^-----!").to_be("n----c", {"n": "connecting", "c": "closed"})
    lease = socket.connect()
    marbles.at("6ms", lease.dispose)
    marbles.run(until="9ms")
    assert cancelled == [0.005]


def test_the_end_of_the_world_cancels_what_still_runs():
    ended: list[str] = []

    async def token() -> str:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            ended.append("tidied up")
        return "never"

    with new_world() as m:
        token_of(m, token, connect_timeout=1000).connect()
    assert ended == ["tidied up"]


async def look_up() -> str:
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    return "never"


async def in_a_thread() -> str:
    return await asyncio.to_thread(str)


async def over_http() -> str:
    async with aiohttp.ClientSession() as session, session.get("http://127.0.0.1:1/") as answer:
        return await answer.text()


@pytest.mark.parametrize(
    ("token", "words"), [(look_up, "getaddrinfo"), (in_a_thread, "run_in_executor"), (over_http, r"\w+")]
)
def test_what_would_leave_the_world_is_named(token: Callable[[], Awaitable[str]], words: str):
    words = rf"^{words}\(\) of the event loop was used .*: a coroutine under test can wait for time"
    with pytest.raises(RealTimeUsed, match=words), new_world() as m:
        m.expect(token_of(m, token).opened()).to_be("-")


def test_who_looks_sees_the_failure_too(marbles: World):
    async def token() -> str:
        raise KeyError("nobody")

    marbles.expect(token_of(marbles, token).opened()).to_be("#", error=ProviderFailed("auth_token", "raised KeyError"))


def test_what_a_callback_raises_the_test_raises():
    with pytest.raises(ZeroDivisionError), new_world() as m:
        m.scheduler.loop.call_later(0.001, lambda: 1 / 0)


def test_what_was_cancelled_leaves_the_clock(marbles: World):
    marbles.scheduler.loop.call_later(0.001, pytest.fail).cancel()
    assert marbles.scheduler.next_instant() is None


def test_a_task_whose_error_nobody_retrieved_is_logged(marbles: World, caplog: pytest.LogCaptureFixture):
    async def broken() -> None:
        raise KeyError("nobody")

    marbles.at("1ms", lambda: asyncio.ensure_future(broken()) and None)
    marbles.run(until="2ms")
    assert "Task exception was never retrieved" in caplog.text


test_a_task_whose_error_nobody_retrieved_is_logged = pytest.mark.may_leave(
    "errors", reason="that it is logged is what is shown"
)(test_a_task_whose_error_nobody_retrieved_is_logged)


def test_it_says_what_it_is(marbles: World):
    loop = marbles.scheduler.loop
    states: list[bool] = []
    marbles.at("1ms", lambda: states.append(loop.is_running()))
    marbles.run(until="2ms")
    assert (states, loop.is_running(), loop.is_closed(), loop.get_debug()) == ([True], False, False, False)
    loop.close()
    assert loop.is_closed()

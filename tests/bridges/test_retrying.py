"""Subscribing again after an error, with a delay that grows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops
from reactivex.scheduler.eventloop import AsyncIOScheduler
from reactivex.subject import Subject

from rxphoenix import (
    JoinRefused,
    NoEventLoop,
    Reply,
    Socket,
    SocketClosed,
    TakenOver,
    WrongThread,
    exponential,
    retry_backoff,
    stepped,
)
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from rxphoenix.testing import World

REFUSED = Reply("error", {"reason": "no"})


# -- delays ----------------------------------------------------------------------------------------------------------


def test_it_subscribes_again_after_the_delay(marbles: World):
    source = marbles.cold("-a#")
    retried = source.pipe(retry_backoff(stepped(0.003), scheduler=marbles.scheduler))
    marbles.expect(retried, "^ 13ms !").to_be("-a----a----a---")
    marbles.expect_subscriptions(source).to_be("^-!", "-----^-!", "----------^-!")


def test_the_delay_is_asked_with_the_number_of_errors_since_the_last_value(marbles: World):
    asked: list[tuple[int, str]] = []

    def delay(attempt: int, error: Exception) -> float:
        asked.append((attempt, str(error)))
        return attempt / 1000

    errors = [marbles.cold("--#", error=LookupError(str(number))) for number in range(3)]
    value = marbles.cold("-a#", error=LookupError("after a value"))
    sources = iter([errors[0], errors[1], value, errors[2], marbles.cold("-b|")])
    source: Observable[Any] = rx.defer(lambda _scheduler: next(sources))
    # errors at 2 and 5 ms, a at 8, errors at 9 and 12, b at 15
    marbles.expect(source.pipe(retry_backoff(delay, scheduler=marbles.scheduler))).to_be("--------a------b|")
    marbles.finish()
    assert asked == [(1, "0"), (2, "1"), (1, "after a value"), (2, "2")]


def test_by_default_it_is_the_official_clients_for_joins(marbles: World):
    subscribed: list[float] = []

    def note(_scheduler: Any) -> Observable[Any]:
        subscribed.append(marbles.now)
        return rx.throw(LookupError())

    marbles.expect(rx.defer(note).pipe(retry_backoff(scheduler=marbles.scheduler)), "^ 40s !").to_be("")
    marbles.finish()
    assert subscribed == [0, 1, 3, 8, 18, 28, 38]


def test_none_gives_up_with_the_last_error(marbles: World):
    def three_times(attempt: int, _error: Exception) -> float | None:
        return 0.002 if attempt < 3 else None

    source = marbles.cold("-#", error=LookupError("gone"))
    retried = source.pipe(retry_backoff(three_times, scheduler=marbles.scheduler))
    marbles.expect(retried).to_be("-------#", error=LookupError("gone"))


def test_it_can_choose_by_the_error(marbles: World):
    def not_taken_over(_attempt: int, error: Exception) -> float | None:
        return None if isinstance(error, TakenOver) else 0.001

    errors = iter([LookupError(), TakenOver("room:a")])
    source: Observable[Any] = rx.defer(lambda _scheduler: rx.throw(next(errors)))
    retried = source.pipe(retry_backoff(not_taken_over, scheduler=marbles.scheduler))
    marbles.expect(retried).to_be("-#", error=TakenOver("room:a"))


@pytest.mark.parametrize("error", [SocketClosed(), WrongThread("subscribe"), NoEventLoop()])
def test_what_no_time_mends_is_not_tried_again(marbles: World, error: Exception):
    source = marbles.cold("-#", error=error)
    marbles.expect(source.pipe(retry_backoff(scheduler=marbles.scheduler))).to_be("-#", error=error)
    marbles.expect_subscriptions(source).to_be("^!")


def test_no_delay_is_no_recursion(marbles: World):
    left = iter(range(5_000))

    def until_none_is_left(_attempt: int, _error: Exception) -> float | None:
        return None if next(left, None) is None else 0

    retried = rx.throw(LookupError("gone")).pipe(retry_backoff(until_none_is_left, scheduler=marbles.scheduler))
    marbles.expect(retried).to_be("#", error=LookupError("gone"))


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (-1, ValueError("a delay must be a number of seconds, not -1")),
        (float("nan"), ValueError("a delay must be a number of seconds, not nan")),
        ("1", TypeError("a delay must be a number of seconds, not '1'")),
    ],
)
def test_a_delay_that_is_none_ends_it(marbles: World, said: Any, error: Exception):
    retried = marbles.cold("-#").pipe(retry_backoff(lambda _attempt, _error: said, scheduler=marbles.scheduler))
    marbles.expect(retried).to_be("-#", error=error)


def test_a_delay_that_raises_ends_it(marbles: World):
    def broken(_attempt: int, _error: Exception) -> float:
        raise LookupError("in the delay")

    marbles.expect(marbles.cold("-#").pipe(retry_backoff(broken))).to_be("-#", error=LookupError("in the delay"))


# -- ends ------------------------------------------------------------------------------------------------------------


def test_completion_is_the_end(marbles: World):
    source = marbles.cold("-a|")
    marbles.expect(source.pipe(retry_backoff(scheduler=marbles.scheduler))).to_be("-a|")
    marbles.expect_subscriptions(source).to_be("^-!")


@pytest.mark.parametrize("when", ["while subscribed", "while waiting"])
def test_disposing_ends_it(marbles: World, when: str):
    source = marbles.cold("--#")
    retried = source.pipe(retry_backoff(stepped(0.005), scheduler=marbles.scheduler))
    marbles.expect(retried, "^!" if when == "while subscribed" else "^---!").to_be("")
    marbles.expect_subscriptions(source).to_be("^!" if when == "while subscribed" else "^-!")
    marbles.finish()
    assert len(source.subscriptions) == 1


def test_each_subscription_counts_for_itself(marbles: World):
    retried = marbles.cold("-#").pipe(
        retry_backoff(lambda attempt, _error: 0.002 if attempt == 1 else None, scheduler=marbles.scheduler)
    )
    marbles.expect(retried).to_be("----#")
    marbles.expect(retried, "--^").to_be("------#")


# -- sockets ---------------------------------------------------------------------------------------------------------


def test_a_refused_join_is_tried_again_by_the_clock_of_its_socket(marbles: World):
    phoenix = marbles.phoenix()
    room = phoenix.topic("room:a")
    room.joins("-r", "-r", "-j", values={"r": REFUSED, "j": {}})
    room.broadcasts("news", "8s n")
    news = phoenix.socket(heartbeat_interval=None).channel("room:a").on("news")
    marbles.expect(news.pipe(ops.map(lambda _payload: "n"), retry_backoff(stepped(1.5))), "^ 9s !").to_be("8s n")
    joins = {"j": "phx_join", "l": "phx_leave"}
    marbles.expect_frames(phoenix).to_be("j 1500ms j 1500ms j 5998ms l", joins)


async def test_by_default_the_running_loop_waits():
    errors: list[int] = []

    def soon(attempt: int, _error: Exception) -> float | None:
        errors.append(attempt)
        return 0.001 if attempt < 3 else None

    with pytest.raises(LookupError):
        await rx.throw(LookupError()).pipe(retry_backoff(soon))
    assert errors == [1, 2, 3]


async def test_what_was_given_to_subscribe_will_do():
    subscribed_on = AsyncIOScheduler(asyncio.get_running_loop())
    seen: list[Any] = []
    done = asyncio.Event()
    sources: Any = iter([rx.throw(LookupError()), rx.of(1)])
    rx.defer(lambda _scheduler: next(sources)).pipe(retry_backoff(stepped(0.001))).subscribe(
        seen.append, on_completed=done.set, scheduler=subscribed_on
    )
    await asyncio.wait_for(done.wait(), 5)
    assert seen == [1]


def test_without_a_loop_it_says_so():
    errors: list[Exception] = []
    source: Subject[int] = Subject()
    source.pipe(retry_backoff()).subscribe(on_error=errors.append)
    source.on_error(LookupError())
    assert [type(error) for error in errors] == [NoEventLoop]
    assert "use retry_backoff() inside `async def main()`" in str(errors[0])
    assert "give it a scheduler=" in str(errors[0])


async def test_over_a_real_socket_until_the_server_lets_it_in():
    async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
        params: Any = {"deny": True}
        attempts: list[int] = []

        def less_strict(attempt: int, error: Exception) -> float:
            assert isinstance(error, JoinRefused)
            attempts.append(attempt)
            params.pop("deny", None)
            return 0

        channel = socket.channel("room:a", lambda: {**params, "push_after_join": 1})
        assert await channel.pipe(retry_backoff(less_strict), ops.first(), ops.map(lambda each: each.event)) == "tick"
        assert attempts == [1]
        closed = socket.channel("room:b").pipe(retry_backoff(exponential(0.01)))
        socket.close()
        with pytest.raises(SocketClosed):
            await closed


# -- misuse ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [None, 3])
def test_a_delay_that_cannot_be_called_is_refused_at_the_call(delay: Any):
    with pytest.raises(TypeError, match=r"delay must be a function of \(attempt, error\)"):
        retry_backoff(delay)

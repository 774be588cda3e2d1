"""Values that may be functions or coroutine functions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from reactivex.testing import TestScheduler

from rxphoenix import PhoenixError, ProviderFailed
from rxphoenix.client.context import Context
from rxphoenix.client.provider import Provider


def check(value: Any) -> Any:
    """Accept everything but ``"bad"``."""
    if value == "bad":
        raise ValueError("it is bad")
    return value


class Outcome:
    """What an evaluation came to."""

    def __init__(self, given: Any, reason: Exception | None = None, context: Context | None = None) -> None:
        self.values: list[Any] = []
        self.errors: list[PhoenixError] = []
        provider: Provider[Any] = Provider("token", given, check)
        self.evaluation = provider.evaluate(
            context or Context(TestScheduler()), reason, self.values.append, self.errors.append
        )

    @property
    def error(self) -> PhoenixError:
        """The one failure."""
        (error,) = self.errors
        return error


REASON = ZeroDivisionError("why")


class Callable_:
    """An object that can be called."""

    def __call__(self, reason: Exception) -> Any:
        return reason


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("plain", "plain"),
        (lambda: "made", "made"),
        (lambda reason: reason, REASON),
        (lambda reason=None: reason, None),
        (lambda *args: args, ()),
        (lambda *, keyword=1: keyword, 1),
        (Callable_(), REASON),
        (dict, {}),
    ],
)
def test_a_required_positional_parameter_receives_the_reason_and_nothing_else_does(given: Any, value: Any) -> None:
    assert Outcome(given, REASON).values == [value]


def test_a_plain_value_is_checked_when_it_is_given() -> None:
    with pytest.raises(ValueError, match="it is bad"):
        Provider("token", "bad", check)


def test_what_a_function_returns_is_checked_when_it_is_made() -> None:
    outcome = Outcome(lambda: "bad")
    assert isinstance(outcome.error, ProviderFailed)
    assert str(outcome.error) == "the token function returned what cannot be used: it is bad"


async def test_a_coroutine_function_that_raises_fails_with_its_error_as_the_cause() -> None:
    async def given() -> Any:
        raise REASON

    outcome = Outcome(given)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert outcome.error.__cause__ is REASON


async def test_an_abandoned_evaluation_is_cancelled_and_says_nothing() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def given() -> Any:
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cancelled.set()

    outcome = Outcome(given)
    await started.wait()
    outcome.evaluation.dispose()
    await cancelled.wait()
    await asyncio.sleep(0)
    assert (outcome.values, outcome.errors) == ([], [])


async def test_one_that_cancels_itself_has_failed() -> None:
    async def given() -> Any:
        raise asyncio.CancelledError

    outcome = Outcome(given)
    for _ in range(3):
        await asyncio.sleep(0)
    assert isinstance(outcome.error.__cause__, asyncio.CancelledError)


def test_without_a_loop_a_coroutine_runs_as_long_as_it_waits_for_nothing_real() -> None:
    async def fine() -> str:
        return "made"

    async def raises() -> str:
        raise REASON

    assert Outcome(fine).values == ["made"]
    assert Outcome(raises).error.__cause__ is REASON


def test_without_a_loop_a_coroutine_that_waits_for_something_real_says_so() -> None:
    async def sleeps() -> str:
        await asyncio.sleep(1)
        return "never"

    async def broken() -> str:
        raise RuntimeError("of its own")

    outcome = Outcome(sleeps)
    outcome.evaluation.dispose()
    assert str(outcome.error) == "the token function waits for something real, and no event loop runs here"
    assert str(Outcome(broken).error) == "the token function raised RuntimeError"


def test_its_repr_shows_no_value() -> None:
    assert repr(Provider("token", "s3cr3t", check)) == "Provider('token')"

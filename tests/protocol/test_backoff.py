"""Delays: their steps, their bounds, and when they give up."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rxphoenix.errors import ConnectionLost, ConnectionRefused, ConnectTimeout
from rxphoenix.protocol.backoff import (
    RECONNECT_DELAY,
    REJOIN_DELAY,
    Delay,
    after_refusal,
    exponential,
    give_up_on,
    spread,
    stepped,
)

LOST = ConnectionLost()
seconds = st.floats(0, 1e6)
attempts = st.integers(1, 10_000)


def first(delay: Delay, count: int) -> list[float | None]:
    return [delay(attempt, LOST) for attempt in range(1, count + 1)]


def test_the_default_delays_are_those_of_the_official_client():
    assert first(RECONNECT_DELAY, 12) == [0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1, 2, 5, 5, 5]
    assert first(REJOIN_DELAY, 6) == [1, 2, 5, 10, 10, 10]


@given(st.lists(seconds, min_size=1, max_size=8), attempts)
def test_steps_are_taken_in_order_and_the_last_one_repeats(steps: list[float], attempt: int):
    assert stepped(*steps)(attempt, LOST) == (steps[attempt - 1] if attempt <= len(steps) else steps[-1])


@given(
    seconds,
    st.floats(1, 1e6),
    seconds,
    st.floats(0, 1),
    attempts,
    st.randoms(use_true_random=False),
)
@example(0.1, 2.0, 30.0, 1.0, 10_000, random.Random(1))
@example(0.0, 1e6, 30.0, 0.0, 10_000, random.Random(1))
def test_an_exponential_delay_is_never_negative_and_never_longer_than_the_longest(
    start: float, factor: float, longest: float, jitter: float, attempt: int, source: random.Random
):
    delay = exponential(start, factor=factor, longest=longest, jitter=jitter, random=source)(attempt, LOST)
    assert delay is not None
    assert 0 <= delay <= longest


@given(st.floats(0.001, 10), st.floats(1, 10), st.floats(0.001, 100), st.floats(0, 1), st.integers(1, 50))
def test_jitter_takes_at_most_its_share_of_a_delay(
    start: float, factor: float, longest: float, jitter: float, attempt: int
):
    full = exponential(start, factor=factor, longest=longest)(attempt, LOST)
    some = exponential(start, factor=factor, longest=longest, jitter=jitter)(attempt, LOST)
    assert full is not None
    assert some is not None
    assert full * (1 - jitter) * (1 - 1e-9) <= some <= full


def test_an_exponential_delay_doubles_by_default_up_to_half_a_minute():
    expected = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30]
    assert first(exponential(), 11) == pytest.approx(expected)


@given(st.integers(0, 2**32))
def test_the_same_random_source_makes_the_same_delays(seed: int):
    delays = [first(exponential(jitter=1, random=random.Random(seed)), 5) for _ in range(2)]
    assert delays[0] == delays[1]


def test_full_jitter_does_spread():
    assert len(set(first(exponential(1, factor=1, jitter=1, random=random.Random(1)), 20))) == 20


@pytest.mark.parametrize("value", [-1, -0.001, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(
    "make",
    [
        lambda value: stepped(1, value),
        lambda value: exponential(value),
        lambda value: exponential(longest=value),
        lambda value: exponential(factor=value),
        lambda value: exponential(jitter=value),
    ],
    ids=["stepped", "first", "longest", "factor", "jitter"],
)
def test_an_argument_out_of_its_range_is_refused_with_its_value(make: Callable[[float], Delay], value: float):
    with pytest.raises(ValueError, match=f"not {value!r}"):
        make(value)


@pytest.mark.parametrize("arguments", [{"factor": 0.99}, {"jitter": 1.01}])
def test_a_factor_below_one_and_a_jitter_above_one_are_refused(arguments: dict[str, float]):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} must be"):
        exponential(**arguments)  # pyright: ignore[reportArgumentType]


def test_steps_and_statuses_must_be_named():
    with pytest.raises(ValueError, match="at least one delay"):
        stepped()
    with pytest.raises(ValueError, match="at least one HTTP status"):
        give_up_on()


@given(st.sets(st.integers(300, 599), min_size=1), st.none() | st.integers(300, 599), attempts)
def test_giving_up_depends_on_the_status_of_a_refusal_alone(statuses: set[int], status: int | None, attempt: int):
    delay = give_up_on(*statuses, otherwise=stepped(7))(attempt, ConnectionRefused("no", status=status))
    assert delay == (None if status in statuses else 7)


@pytest.mark.parametrize("error", [LOST, ConnectTimeout(1), ConnectionLost(code=1012), ValueError("403")])
def test_nothing_else_than_a_refusal_makes_it_give_up(error: Exception):
    assert give_up_on(401, 403, 404)(2, error) == RECONNECT_DELAY(2, error)


@given(seconds, st.integers(100, 599), st.none() | seconds)
def test_a_refusal_waits_at_least_what_was_asked_and_a_second_for_4xx(
    delay: float, status: int, retry_after: float | None
):
    waited = after_refusal(delay, ConnectionRefused("no", status=status, retry_after=retry_after))
    least = max(delay, 1.0 if 400 <= status < 500 else 0.0, min(retry_after or 0.0, 3600.0))
    assert waited == least


@given(seconds)
def test_what_is_no_refusal_waits_as_it_would(delay: float):
    assert after_refusal(delay, LOST) == delay
    assert after_refusal(delay, ConnectionRefused("nobody there")) == delay


@given(seconds, st.randoms(use_true_random=False))
def test_only_delays_of_a_second_and_more_are_spread_and_by_a_quarter_at_most(delay: float, source: random.Random):
    moved = spread(delay, source)
    if delay < 1:
        assert moved == delay
    else:
        assert 0.75 * delay <= moved <= 1.25 * delay
    assert spread(delay, None) == delay


def test_spreading_reaches_both_sides():
    source = random.Random(1)
    moved = [spread(4.0, source) for _ in range(200)]
    assert min(moved) < 3.1
    assert max(moved) > 4.9

"""The bounded buffer: what is kept, dropped and counted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix import BufferOverflow, Overflow
from rxphoenix.bridges.buffer import Buffer

DROPPING = [Overflow.DROP_OLDEST, Overflow.DROP_NEWEST, Overflow.LATEST]


def taken(buffer: Buffer[int]) -> list[int]:
    """Empty a buffer."""
    return [buffer.take() for _ in range(len(buffer))]


@pytest.mark.parametrize(
    ("overflow", "kept", "dropped"),
    [
        (Overflow.DROP_OLDEST, [7, 8, 9], 7),
        (Overflow.DROP_NEWEST, [0, 1, 2], 7),
        (Overflow.LATEST, [9], 9),
    ],
)
def test_what_is_dropped_is_counted(overflow: Overflow, kept: list[int], dropped: int) -> None:
    buffer: Buffer[int] = Buffer(3, overflow)
    for value in range(10):
        buffer.put(value)
    assert (taken(buffer), buffer.dropped) == (kept, dropped)


def test_a_full_buffer_that_must_not_drop_says_so() -> None:
    buffer: Buffer[int] = Buffer(2, Overflow.ERROR)
    buffer.put(0)
    buffer.put(1)
    with pytest.raises(BufferOverflow, match=r"2 values wait already.*bigger buffer=.*another overflow=") as raised:
        buffer.put(2)
    assert raised.value.limit == 2
    assert (taken(buffer), buffer.dropped) == ([0, 1], 0)


@given(st.sampled_from(DROPPING), st.integers(1, 4), st.lists(st.booleans(), max_size=40))
def test_every_value_is_taken_in_order_or_counted_as_dropped(overflow: Overflow, limit: int, puts: list[bool]) -> None:
    buffer: Buffer[int] = Buffer(limit, overflow)
    put, out = 0, []
    for is_put in puts:
        if is_put:
            buffer.put(put)
            put += 1
        elif len(buffer):
            out.append(buffer.take())
        assert len(buffer) <= buffer.limit
    out += taken(buffer)
    assert out == sorted(set(out))
    assert len(out) + buffer.dropped == put


@pytest.mark.parametrize(
    ("limit", "overflow", "error", "words"),
    [
        (0, Overflow.ERROR, ValueError, "buffer must be at least 1, not 0"),
        (1.5, Overflow.ERROR, TypeError, "buffer must be a number of values, not 1.5"),
        (True, Overflow.ERROR, TypeError, "buffer must be a number of values, not True"),
        (1, "latest", TypeError, "overflow must be one of Overflow.*'latest'"),
    ],
)
def test_what_cannot_be_used_is_refused(limit: Any, overflow: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Buffer(limit, overflow)

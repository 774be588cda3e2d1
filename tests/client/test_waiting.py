"""One wait: what is told first counts, and whoever waits no longer is not told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rxphoenix.client.waiting import ThreadWaiter, Waiter


class Interrupted(asyncio.Future[Any]):
    """A future that a handler of signals cancels at the worst moment: when somebody has just looked at it."""

    def done(self) -> bool:
        was_done = super().done()
        self.cancel()
        return was_done


async def test_a_handler_of_signals_may_cancel_at_any_moment():
    waiter = Waiter[int]()
    waiter._future = Interrupted()
    waiter.settle(1)
    assert await waiter == 1  # nobody has looked, so it was not cancelled
    cancelled = Waiter[int]()
    cancelled._future.cancel()
    cancelled.settle(1)
    with pytest.raises(asyncio.CancelledError):
        await cancelled


async def test_what_is_told_first_counts():
    settled, failed = Waiter[int](), Waiter[int]()
    settled.settle(1)
    settled.settle(2)
    settled.fail(ValueError("late"))
    failed.fail(ValueError("first"))
    failed.settle(3)
    assert await settled == 1
    with pytest.raises(ValueError, match="first"):
        await failed


def test_what_a_thread_is_told_first_counts():
    settled, failed = ThreadWaiter[int](), ThreadWaiter[int]()
    settled.settle(1)
    settled.settle(2)
    settled.fail(ValueError("late"))
    failed.fail(ValueError("first"))
    failed.settle(3)
    assert settled.wait(1) == 1
    with pytest.raises(ValueError, match="first"):
        failed.wait(1)

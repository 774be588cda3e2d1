"""Waiting by the clock of a scheduler, in coroutines."""

from __future__ import annotations

import asyncio

import pytest

from rxphoenix.testing.clock import VirtualScheduler
from rxphoenix.transports.waiting import deadline, pause, time_limit

SECOND = 1_000_000


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_pause_is_as_long_as_it_was_said_to_be():
    scheduler = VirtualScheduler()
    task = asyncio.create_task(pause(scheduler, 2))
    await turns()
    scheduler.pass_until(2 * SECOND - 1)
    await turns()
    assert not task.done()
    scheduler.pass_until(2 * SECOND)
    await task


async def test_a_pause_that_is_cancelled_leaves_no_timer():
    scheduler = VirtualScheduler()
    task = asyncio.create_task(pause(scheduler, 2))
    await turns()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert scheduler.next_instant() is None


async def limited(scheduler: VirtualScheduler, event: asyncio.Event) -> str:
    try:
        async with time_limit(scheduler, 2):
            await event.wait()
    except TimeoutError:
        return "too late"
    return "in time"


async def test_what_is_done_in_time_is_not_disturbed():
    scheduler, event = VirtualScheduler(), asyncio.Event()
    task = asyncio.create_task(limited(scheduler, event))
    await turns()
    scheduler.pass_until(2 * SECOND - 1)
    event.set()
    assert await task == "in time"
    assert scheduler.next_instant() is None


async def test_what_takes_too_long_is_a_timeout_and_the_task_goes_on():
    scheduler = VirtualScheduler()
    task = asyncio.create_task(limited(scheduler, asyncio.Event()))
    await turns()
    scheduler.pass_until(2 * SECOND)
    assert await task == "too late"
    assert task.cancelling() == 0


@pytest.mark.parametrize("expired", [False, True])
async def test_who_else_cancels_is_obeyed_also_at_the_same_instant(expired: bool):
    scheduler = VirtualScheduler()
    task = asyncio.create_task(limited(scheduler, asyncio.Event()))
    await turns()
    task.cancel()
    if expired:
        scheduler.pass_until(2 * SECOND)
    await asyncio.wait([task])
    assert task.cancelled()
    assert scheduler.next_instant() is None


async def test_a_limit_that_fires_late_waits_for_what_has_not_been_read_yet():
    """The thread was held for ten seconds; what had come meanwhile is read in the second after."""
    for read_at, outcome in ((10.5, "in time"), (None, "too late")):
        scheduler, event = VirtualScheduler(), asyncio.Event()
        task = asyncio.create_task(limited(scheduler, event))
        await turns()
        scheduler.block(10 * SECOND)
        scheduler.pass_until(11 * SECOND - 1)
        await turns()
        assert not task.done()
        if read_at is not None:
            event.set()
            await turns()
        scheduler.pass_until(11 * SECOND)
        assert await task == outcome
        assert scheduler.next_instant() is None


@pytest.mark.parametrize("moment", ["in time", "late"])
def test_a_deadline_can_be_called_off(moment: str):
    scheduler, called = VirtualScheduler(), list[int]()
    timer = deadline(scheduler, 2, lambda: called.append(scheduler.instant))
    if moment == "late":
        scheduler.block(10 * SECOND)
    scheduler.pass_until(scheduler.instant + SECOND - 1)
    timer.dispose()
    scheduler.start()
    assert called == []


def test_a_deadline_after_a_sleep_is_put_off_once():
    scheduler, called = VirtualScheduler(), list[int]()
    deadline(scheduler, 2, lambda: called.append(scheduler.instant))
    scheduler.suspend(3600 * SECOND)
    scheduler.start()
    assert called == [3 * SECOND]

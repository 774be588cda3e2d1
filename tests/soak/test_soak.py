"""A short run of everything that ``python -m tests.soak`` runs for long, and the looking at levels itself."""

from __future__ import annotations

import asyncio
import logging
import os
import tracemalloc
from collections import Counter
from collections.abc import Iterator

import pytest

from rxphoenix import PresenceSnapshot
from tests.soak.churn import churn
from tests.soak.compressed import many_messages, many_reconnects
from tests.soak.levels import Levels, growth, levels


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What goes wrong is the point of it."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_hundreds_of_reconnects_leave_nothing_behind():
    result = many_reconnects(300)
    assert growth(result.before, result.after, slack=0, memory=64 * 1024) == []
    assert result.virtual > 3600


def test_tens_of_thousands_of_messages_leave_nothing_behind():
    result = many_messages(30_000)
    assert result.done >= 30_000
    assert growth(result.before, result.after, slack=0, memory=64 * 1024) == []


async def test_churn_leaves_nothing_behind():
    report = await churn(things=30)
    assert report.between >= 30
    assert report.ended["well"] > 5
    assert growth(report.before, report.after, slack=5, memory=1024 * 1024) == []


async def test_what_is_not_level_is_found():
    loop = asyncio.get_running_loop()
    tracemalloc.start()
    before = levels(loop)
    assert growth(before, levels(loop), slack=0, memory=64 * 1024) == []
    task = loop.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)  # so that it has its timer
    ends = os.pipe()
    kept = [PresenceSnapshot(()), b"x" * 200_000]
    found = growth(before, levels(loop), slack=0, memory=64 * 1024)
    tracemalloc.stop()
    assert [line.partition(":")[0] for line in found] == [
        "files", "memory", "rxphoenix.protocol.snapshot.PresenceSnapshot", "tasks", "timers",
    ]  # fmt: skip
    task.cancel()
    for end in ends:
        os.close(end)
    assert kept


def test_a_slack_is_what_a_number_may_differ_by():
    level = Levels(1, 1, 1, 1, Counter({"a": 1}), 0, 0)
    other = level._replace(tasks=6, objects=Counter({"a": 6, "b": 5}), allocated=100)
    assert growth(level, other, slack=5, memory=100) == []
    assert len(growth(level, other, slack=4, memory=99)) == 4

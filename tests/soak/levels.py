"""How much of everything there is: what must be level after a long run.

A leak grows with what is done. So levels are taken in the same state, once after a warm-up, when caches are filled and
pools have their size, and once at the end; between the two as much was done as fits into the time. A slack that is
small beside that number tells a leak from the noise of a moment: what leaks once in a hundred rounds exceeds it.

What lives here: taking levels and comparing them. What does not: what is done between them.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import os
import threading
import tracemalloc
from collections import Counter
from typing import Any, NamedTuple

__all__ = ["Levels", "growth", "levels", "table"]

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Levels(NamedTuple):
    """How much there is at one moment.

    Arguments:
        tasks: asyncio tasks that are not done.
        timers: calls that the loop has scheduled and nobody has cancelled.
        files: open file descriptors, sockets among them.
        threads: threads.
        objects: living objects of the classes of rxphoenix, by class.
        allocated: bytes of living objects, as ``tracemalloc`` sees them; 0 if it does not run.
        resident: bytes of the process in memory.
    """

    tasks: int
    timers: int
    files: int
    threads: int
    objects: Counter[str]
    allocated: int
    resident: int


def levels(loop: asyncio.AbstractEventLoop | None = None) -> Levels:
    """Take the levels.

    Arguments:
        loop: the loop whose tasks and timers count, ``None`` for none.
    """
    scheduled = [] if loop is None else _without_cancelled(loop)
    for _ in range(3):  # what a finalizer lets go of is collected by the next one
        gc.collect()
    names = Counter(
        f"{type(each).__module__}.{type(each).__qualname__}"
        for each in gc.get_objects()
        if str(type(each).__module__).partition(".")[0] == "rxphoenix"
    )
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * _PAGE
    return Levels(
        tasks=0 if loop is None else len(asyncio.all_tasks(loop)),
        timers=len(scheduled),
        files=len(os.listdir("/proc/self/fd")),
        threads=threading.active_count(),
        objects=names,
        allocated=tracemalloc.get_traced_memory()[0],
        resident=resident,
    )


def _without_cancelled(loop: Any) -> list[asyncio.TimerHandle]:
    """The timers of a loop, which keeps the cancelled ones, and all that they know, until they are many or due."""
    scheduled: list[asyncio.TimerHandle] = loop._scheduled
    scheduled[:] = [handle for handle in scheduled if not handle.cancelled()]
    heapq.heapify(scheduled)
    loop._timer_cancelled_count = 0
    return scheduled


def growth(before: Levels, after: Levels, *, slack: int, memory: int) -> list[str]:
    """What is not level, in words.

    Arguments:
        before: the levels after the warm-up.
        after: the levels at the end, in the same state.
        slack: by how much a number may differ.
        memory: by how many bytes the memory may have grown.
    """
    found: list[str] = []
    pairs: list[tuple[str, int, int]] = [
        (name, getattr(before, name), getattr(after, name)) for name in ("tasks", "timers", "files", "threads")
    ]
    pairs += [(name, before.objects[name], after.objects[name]) for name in {*before.objects, *after.objects}]
    found += [f"{name}: {old} before, {new} after" for name, old, new in pairs if new - old > slack]
    if after.allocated - before.allocated > memory:
        found.append(f"memory: {before.allocated:,} bytes before, {after.allocated:,} after")
    return sorted(found)


def table(before: Levels, after: Levels) -> list[str]:
    """The levels, a line each."""
    rows: list[tuple[str, Any, Any]] = [
        (name, getattr(before, name), getattr(after, name)) for name in ("tasks", "timers", "files", "threads")
    ]
    rows.append(("objects of rxphoenix", before.objects.total(), after.objects.total()))
    for name in ("allocated", "resident"):
        rows.append((f"{name} KiB", getattr(before, name) // 1024, getattr(after, name) // 1024))
    return [f"  {name:22} {old:>10,} -> {new:>10,}" for name, old, new in rows]

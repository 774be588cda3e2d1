"""A client program: it reads what to measure, a line of JSON each, and answers with what it took.

What lives here: the loop, and measuring a stretch of time. What does not: any client.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Awaitable, Callable
from time import perf_counter, process_time
from typing import Any

__all__ = ["Took", "answer", "half_of_them_took", "only", "took"]

Took = dict[str, float]
"""What something took: seconds on the wall as ``wall``, seconds of processor time as ``cpu``."""


def took() -> Callable[[], Took]:
    """Begin to measure; what is returned ends it."""
    gc.collect()
    wall, cpu = perf_counter(), process_time()
    return lambda: {"wall": perf_counter() - wall, "cpu": process_time() - cpu}


def half_of_them_took(durations: list[float], total: Took) -> Took:
    """The median on the wall, the mean of the processor time, and the time of all of them."""
    return {
        "wall": sorted(durations)[len(durations) // 2], "cpu": total["cpu"] / len(durations), "total": total["wall"]
    }  # fmt: skip


def only(count: int) -> tuple[Callable[[Any], None], asyncio.Future[None]]:
    """A function to be called so many times, and a future that is done then."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    left = count

    def called(_value: Any = None) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            done.set_result(None)

    return called, done


def answer(**measures: Callable[..., Awaitable[Took]]) -> None:
    """Measure what is asked for until nobody asks any more."""
    for line in sys.stdin:
        request = json.loads(line)
        measured = asyncio.run(_measured(measures[request.pop("measure")], request))
        print(json.dumps(measured), flush=True)  # noqa: T201 - for who started it


async def _measured(measure: Callable[..., Awaitable[Took]], request: dict[str, Any]) -> Took:
    return await measure(**request)

"""The words of marble files about bridges: loops, coroutines and async generators, which no expression can write.

```text
loop(observable, body, ...)       what an async for over iterate(observable, ...) gets; its body takes so many seconds
                                  for each value, or as many as a list says, or awaits what a function of it returns
work(seconds, result)             something to await, for map_async: it takes so many seconds
items(seconds, ...)               an async generator function, for from_async_iterable: so many seconds to each item
map_async  from_async_iterable  retry_backoff  stepped  exponential  give_up_on      as in rxphoenix
overflow.BLOCK, ...               those of Overflow
```

What lives here: these words. What does not: the others (``marble_words.py``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from itertools import chain, repeat
from types import SimpleNamespace
from typing import Any, TypeAlias

import reactivex
from reactivex import Observable, abc
from reactivex import operators as ops

from rxphoenix.bridges.buffer import Overflow
from rxphoenix.bridges.iterable import from_async_iterable
from rxphoenix.bridges.iteration import iterate
from rxphoenix.bridges.mapping import map_async
from rxphoenix.bridges.retrying import retry_backoff
from rxphoenix.protocol.backoff import exponential, give_up_on, stepped

__all__ = ["bridge_words"]

_Body: TypeAlias = float | Sequence[float] | Callable[[Any], Awaitable[object]]


def bridge_words(scheduler: abc.SchedulerBase) -> Mapping[str, Any]:
    """The words, for a world with this clock."""

    def work(seconds: float, result: Any) -> Observable[Any]:
        return reactivex.timer(seconds, scheduler=scheduler).pipe(ops.map(lambda _count: result))

    def items(seconds: float, *values: Any) -> Callable[[], AsyncIterator[Any]]:
        async def generate() -> AsyncIterator[Any]:
            for value in values:
                yield await work(seconds, value)

        return generate

    def loop(observable: Observable[Any], body: _Body, **options: Any) -> Observable[Any]:
        async def iterating() -> AsyncIterator[Any]:
            pauses = [body] if isinstance(body, (int, float)) else [] if callable(body) else list(body)
            seconds = chain(pauses, repeat(pauses[-1] if pauses else 0))
            async with iterate(observable, **options) as values:
                async for value in values:
                    yield value
                    await (body(value) if callable(body) else work(next(seconds), None))

        return from_async_iterable(iterating)

    return {
        "exponential": exponential,
        "from_async_iterable": from_async_iterable,
        "give_up_on": give_up_on,
        "items": items,
        "loop": loop,
        "map_async": map_async,
        "overflow": SimpleNamespace(**{overflow.name: overflow for overflow in Overflow}),
        "retry_backoff": retry_backoff,
        "stepped": stepped,
        "work": work,
    }

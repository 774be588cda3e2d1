"""An ``async for`` in virtual time whose body takes its time, and what it saw."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain, repeat
from typing import Any

from reactivex import Observable

from rxphoenix import Gap, Iteration, Overflow, iterate
from rxphoenix.testing.world import World

__all__ = ["SlowLoop"]


class SlowLoop:
    """A loop over an observable that begins now; ``seen`` has (instant, value) in seconds.

    Arguments:
        world: where it runs.
        observable: what it iterates over.
        pauses: how long the body takes for each value, in seconds; the last one repeats.
        body: what the body does before it takes that long.
        options: those of ``iterate``; ``BLOCK`` unless told otherwise.
    """

    def __init__(
        self,
        world: World,
        observable: Observable[Any],
        *pauses: float,
        body: Callable[[Any], Awaitable[object]] | None = None,
        **options: Any,
    ) -> None:
        self.seen: list[tuple[float, Any]] = []
        self.gaps: list[tuple[Any, Gap]] = []
        self.most_waiting = 0
        self._world = world
        self._body = body
        self.items: Iteration[Any] = iterate(observable, **{"overflow": Overflow.BLOCK, **options})
        self.task = world.scheduler.loop.create_task(self._run(pauses))

    async def _run(self, pauses: Sequence[float]) -> None:
        endless = chain(pauses, repeat(pauses[-1]))
        async with self.items as items:
            async for value in items:
                self.seen.append((self._world.now, value))
                self.most_waiting = max(self.most_waiting, items.waiting)
                if items.gap is not None:
                    self.gaps.append((value, items.gap))
                if self._body is not None:
                    await self._body(value)
                await asyncio.sleep(next(endless))

    @property
    def values(self) -> list[Any]:
        """The values, without instants."""
        return [value for _instant, value in self.seen]

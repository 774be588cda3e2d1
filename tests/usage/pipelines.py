"""Coroutines in streams, and what they cost no type: operators, generators, retries, a loop that loses nothing."""

# pyright: strict

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any, assert_type

from reactivex import Observable
from reactivex import operators as ops

from rxphoenix import (
    Gap,
    Iteration,
    JoinRefused,
    Overflow,
    Socket,
    TakenOver,
    exponential,
    from_async_iterable,
    iterate,
    map_async,
    retry_backoff,
)


@dataclass
class Reading:
    celsius: float


@dataclass
class Alert:
    text: str


async def judged(reading: Reading) -> Alert:
    return Alert("hot" if reading.celsius > 30 else "fine")


def text_of(alert: Alert) -> str:
    return alert.text


async def numbers() -> AsyncIterator[int]:
    for number in range(3):
        yield number


async def doubled(number: int) -> int:
    return number * 2


def patience(attempt: int, error: Exception) -> float | None:
    if isinstance(error, TakenOver):
        return None
    return exponential(0.001)(attempt, error)


async def main(url: str) -> list[str]:
    said: list[str] = []
    async with Socket(url, params={"user": "ann"}) as socket:
        readings = socket.channel("sensor:kitchen").on("reading", type=Reading)
        alerts = readings.pipe(map_async(judged, concurrency=2, ordered=False))
        assert_type(alerts, Observable[Alert])
        texts = readings.pipe(map_async(judged), ops.map(text_of), retry_backoff(patience), ops.take(2))
        assert_type(texts, Observable[str])
        said.append(f"{len(await texts.pipe(ops.to_list()))} alerts")

        counted = from_async_iterable(numbers)
        assert_type(counted, Observable[int])
        said.append(str(await counted.pipe(map_async(doubled, overflow=Overflow.BLOCK), ops.to_list())))

        room = socket.channel("room:tea")
        echoes = counted.pipe(map_async(partial(room.push, "echo")))
        assert_type(echoes, Observable[Any])
        said.append(str(await echoes.pipe(ops.to_list())))

        async with iterate(alerts, buffer=10, overflow=Overflow.BLOCK, block_for=5, socket=socket) as items:
            assert_type(items, Iteration[Alert])
            async for alert in items:
                assert_type(alert, Alert)
                assert_type(items.gap, Gap | None)
                said.append(f"{items.dropped} dropped, {items.exceeded} over")
                break

        secret: Observable[Any] = socket.channel("room:secret").pipe(retry_backoff(lambda attempt, _error: None))
        try:
            await secret
        except JoinRefused as refused:
            said.append(f"refused at attempt {refused.attempt}")
    return said

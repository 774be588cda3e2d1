"""rxphoenix, as a user would write it.

python -m tests.benchmarks.clients.ours
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from time import perf_counter
from typing import Any

from reactivex import abc

import rxphoenix
from rxphoenix import Socket
from tests.benchmarks.clients.answering import Took, answer, half_of_them_took, only, took


def _socket(endpoint: str, **options: Any) -> Socket:
    return Socket(endpoint, transport=getattr(rxphoenix, sys.argv[1])(), **options)


def _subscribe(socket: Socket, topics: list[str], on_next: abc.OnNext[Any]) -> None:
    for topic in topics:
        socket.channel(topic).on("broadcast").subscribe(on_next)


async def receive(endpoint: str, topics: list[str], frames: int, payload: Any) -> Took:
    """Be told so many events."""
    async with _socket(endpoint) as socket:
        told, all_told = only(frames)
        _subscribe(socket, topics, told)
        await socket.channel(topics[-1]).push("ping")
        flood = socket.channel(topics[0]).push(
            "flood", {"frames": frames, "event": "broadcast", "payload": payload}, reply=False
        )
        end = took()
        flood.subscribe()
        await all_told
        return end()


async def push(endpoint: str, topics: list[str], pushes: int) -> Took:
    """Push so often, one after the other; what half of them took at most."""
    async with _socket(endpoint) as socket:
        channel = socket.channel(topics[0])
        durations: list[float] = []
        async with channel.hold():
            end = took()
            for number in range(pushes):
                start = perf_counter()
                await channel.push("ping", {"number": number})
                durations.append(perf_counter() - start)
            return half_of_them_took(durations, end())


async def burst(endpoint: str, topics: list[str], pushes: int, times: int) -> Took:
    """Push so often at once, and wait for all replies; so many times."""
    async with _socket(endpoint) as socket:
        channel = socket.channel(topics[0])
        async with channel.hold():
            end = took()
            for _ in range(times):
                replied, all_replied = only(pushes)
                for number in range(pushes):
                    channel.push("ping", {"number": number}).subscribe(replied)
                await all_replied
            return end()


async def rejoin(endpoint: str, topics: list[str]) -> Took:
    """Lose the connection, and join all topics again."""
    async with _socket(endpoint, reconnect_after=lambda attempt, error: 0, timeout=60) as socket:
        _subscribe(socket, topics, lambda payload: None)
        await socket.channel(topics[-1]).push("ping")
        joined, all_joined = only(len(topics))
        socket.messages.subscribe(joined)
        drop = socket.channel(topics[0]).push("drop", reply=False)
        end = took()
        drop.subscribe()
        await all_joined
        return end()


async def memory(endpoint: str, topics: list[str]) -> Took:
    """The bytes that channels hold which are joined and have a subscriber each, for each of them."""
    async with _socket(endpoint, timeout=60) as socket:
        await socket.channel("warm").push("ping")
        lease = socket.connect()
        end = took()
        tracemalloc.start()
        _subscribe(socket, topics, lambda payload: None)
        await socket.channel(topics[-1]).push("ping")
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        lease.dispose()
        return {**end(), "bytes": held / len(topics)}


if __name__ == "__main__":
    answer(receive=receive, push=push, burst=burst, rejoin=rejoin, memory=memory)

"""phxsocket, from PyPI: a client on a thread of its own, which speaks serializer 1.0.0.

python -m tests.benchmarks.clients.phxsocket
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable
from typing import Any

from tests.benchmarks.clients.answering import Took, answer, took

_phxsocket: Any = importlib.import_module("phxsocket")


def _only(count: int) -> tuple[Callable[[Any], None], threading.Event]:
    done = threading.Event()
    left = count

    def called(_value: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            done.set()

    return called, done


def _joined(endpoint: str, topics: list[str]) -> tuple[Any, list[Any]]:
    client = _phxsocket.Client(f"{endpoint}/websocket")
    client.connect()
    channels = [client.channel(topic) for topic in topics]
    for channel in channels:
        channel.join()
    return client, channels


async def receive(endpoint: str, topics: list[str], frames: int, payload: Any) -> Took:
    """Be told so many events."""
    client, channels = _joined(endpoint, topics)
    told, all_told = _only(frames)
    for channel in channels:
        channel.on("broadcast", told)
    end = took()
    channels[0].push("flood", {"frames": frames, "event": "broadcast", "payload": payload})
    await asyncio.to_thread(all_told.wait)
    result = end()
    client.close()
    return result


async def burst(endpoint: str, topics: list[str], pushes: int, times: int) -> Took:
    """Push so often at once, and wait for all replies; so many times."""
    client, [channel] = _joined(endpoint, topics)
    end = took()
    for _ in range(times):
        replied, all_replied = _only(pushes)
        for number in range(pushes):
            channel.push("ping", {"number": number}, cb=replied)
        await asyncio.to_thread(all_replied.wait)
    result = end()
    client.close()
    return result


if __name__ == "__main__":
    answer(receive=receive, burst=burst)

"""realtime, from PyPI: Supabase's client, which speaks serializer 1.0.0 and knows only the events of its own server.

    python -m tests.benchmarks.clients.realtime

So what it is told is wrapped in the form of such an event, within the same number of bytes.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from tests.benchmarks.clients.answering import Took, answer, only, took

_realtime: Any = importlib.import_module("realtime")


@asynccontextmanager
async def _joined(endpoint: str, topics: list[str]) -> AsyncGenerator[tuple[Any, list[Any]]]:
    client = _realtime.AsyncRealtimeClient(endpoint, "token", timeout=60)
    await client.connect()
    channels = [client.channel(topic) for topic in topics]
    for channel in channels:
        await channel.subscribe()
    yield client, channels
    await client.close()


def _wrapped(payload: Any) -> Any:
    size = len(json.dumps(payload, separators=(",", ":")))
    wrapped = {"event": "news", "payload": {"body": ""}}
    body = str(payload["body"])
    wrapped["payload"] = {"body": body[: max(0, size - len(json.dumps(wrapped, separators=(",", ":"))))]}
    return wrapped


async def receive(endpoint: str, topics: list[str], frames: int, payload: Any) -> Took:
    """Be told so many events."""
    async with _joined(endpoint, topics) as (_, channels):
        told, all_told = only(frames)
        for channel in channels:
            channel.on_broadcast("news", told)
        end = took()
        await channels[0].push("flood", {"frames": frames, "event": "broadcast", "payload": _wrapped(payload)})
        await all_told
        return end()


async def rejoin(endpoint: str, topics: list[str]) -> Took:
    """Lose the connection, and join all topics again."""
    async with _joined(endpoint, topics) as (_, channels):
        joined, all_joined = only(len(topics))
        for channel in channels:
            channel.join_push.ok_callbacks.append(joined)  # receive() would tell of the join in force only
        end = took()
        await channels[0].push("drop", {})
        await all_joined
        return end()


if __name__ == "__main__":
    answer(receive=receive, rejoin=rejoin)

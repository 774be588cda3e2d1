"""The floor: aiohttp alone, which reads text frames and counts them, and writes frames that were made beforehand.

    python -m tests.benchmarks.clients.floor

``receive`` is the loop of aiohttp's documentation; ``receive_fast`` is the fastest way to read that aiohttp has.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import aiohttp

from tests.benchmarks.clients.answering import Took, answer, half_of_them_took, took

_VSN = "/websocket?vsn=2.0.0"


def _frame(ref: int, topic: str, event: str, payload: Any) -> str:
    return json.dumps(["1", str(ref), topic, event, payload], separators=(",", ":"))


@asynccontextmanager
async def _joined(
    endpoint: str, topics: list[str], *, decode_text: bool = True
) -> AsyncGenerator[aiohttp.ClientWebSocketResponse[bool]]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(endpoint + _VSN, max_msg_size=64 * 1024 * 1024, decode_text=decode_text) as websocket,
    ):
        for number, topic in enumerate(topics):
            await websocket.send_str(_frame(number, topic, "phx_join", {}))
            await websocket.receive()
        yield websocket


async def receive(endpoint: str, topics: list[str], frames: int, payload: Any) -> Took:
    """Read so many frames."""
    async with _joined(endpoint, topics) as websocket:
        flood = _frame(0, topics[0], "flood", {"frames": frames, "event": "broadcast", "payload": payload})
        left = frames + 1  # and the reply to what asks for them
        end = took()
        await websocket.send_str(flood)
        async for message in websocket:
            assert message.data
            left -= 1
            if left == 0:
                break
        return end()


async def receive_fast(endpoint: str, topics: list[str], frames: int, payload: Any) -> Took:
    """Read so many frames, undecoded, without an iterator."""
    async with _joined(endpoint, topics, decode_text=False) as websocket:
        flood = _frame(0, topics[0], "flood", {"frames": frames, "event": "broadcast", "payload": payload})
        next_message = websocket.receive
        end = took()
        await websocket.send_str(flood)
        for _ in range(frames + 1):
            message = await next_message()
            assert message.data
        return end()


async def push(endpoint: str, topics: list[str], pushes: int) -> Took:
    """Push so often, one after the other; what half of them took at most."""
    async with _joined(endpoint, topics) as websocket:
        frames = [_frame(number, topics[0], "ping", {"number": number}) for number in range(pushes)]
        durations: list[float] = []
        end = took()
        for frame in frames:
            start = perf_counter()
            await websocket.send_str(frame)
            await websocket.receive()
            durations.append(perf_counter() - start)
        return half_of_them_took(durations, end())


async def burst(endpoint: str, topics: list[str], pushes: int, times: int) -> Took:
    """Push so often at once, and read all replies; so many times."""
    async with _joined(endpoint, topics) as websocket:
        frames = [_frame(number, topics[0], "ping", {"number": number}) for number in range(pushes)]
        end = took()
        for _ in range(times):
            for frame in frames:
                await websocket.send_str(frame)
            for _ in range(pushes):
                await websocket.receive()
        return end()


async def rejoin(endpoint: str, topics: list[str]) -> Took:
    """Connect again, and join all topics by a write each."""
    frames = [_frame(number, topic, "phx_join", {}) for number, topic in enumerate(topics)]
    end = took()
    async with _joined(endpoint, []) as websocket:
        for frame in frames:
            await websocket.send_str(frame)
        for _ in frames:
            await websocket.receive()
        return end()


if __name__ == "__main__":
    answer(receive=receive, receive_fast=receive_fast, push=push, burst=burst, rejoin=rejoin)

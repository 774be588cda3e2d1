"""phoenix-channels-python-client, from PyPI.

    python -m tests.benchmarks.clients.phoenix_channels

It speaks 1.0.0 here: under 2.0.0 it drops broadcasts, which have no ``join_ref``. Its queues drop what does not fit, so
they are made long enough. It has no public way to push; what asks for a flood is sent by its own means.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from tests.benchmarks.clients.answering import Took, answer, only, took

_package: Any = importlib.import_module("phoenix_channels_python_client")
_client: Any = importlib.import_module("phoenix_channels_python_client.client")
_types: Any = importlib.import_module("phoenix_channels_python_client.client_types")
_utils: Any = importlib.import_module("phoenix_channels_python_client.utils")


@asynccontextmanager
async def _joined(endpoint: str, topics: list[str], handler: Any, **options: Any) -> AsyncGenerator[Any]:
    client = _client.PHXChannelsClient(
        f"{endpoint}/websocket", "key", protocol_version="1.0", max_topic_queue_size=10_000_000, **options
    )
    async with client:
        for topic in topics:
            await client.subscribe_to_topic(topic, handler)
        yield client


async def _push(client: Any, topic: str, event: str, payload: Any) -> None:
    message = _utils.make_message(topic=topic, event=event, payload=payload, ref="0", join_ref=None)
    await client.get_protocol_handler().send_message(client.connection, message)


async def receive(endpoint: str, topics: list[str], frames: int, payload: Any) -> Took:
    """Be told so many events."""
    told, all_told = only(frames)

    async def handle(message: Any) -> None:
        if message.event == "broadcast":
            told(None)

    async with _joined(endpoint, topics, handle) as client:
        end = took()
        await _push(client, topics[0], "flood", {"frames": frames, "event": "broadcast", "payload": payload})
        await all_told
        return end()


async def rejoin(endpoint: str, topics: list[str]) -> Took:
    """Lose the connection, and join all topics again."""
    reconnected, all_reconnected = only(1)

    async def on_reconnect() -> None:
        reconnected(None)

    async def handle(message: Any) -> None:
        pass

    policy = _types.ReconnectPolicy(base_delay_s=0, rapid_first_min_delay_s=0)
    async with _joined(
        endpoint, topics, handle, reconnect_policy=policy, on_reconnect=on_reconnect, join_timeout_s=60
    ) as client:
        end = took()
        await _push(client, topics[0], "drop", {})
        await all_reconnected
        return end()


if __name__ == "__main__":
    answer(receive=receive, rejoin=rejoin)

"""A network that blocks WebSockets: long polling takes over, and what was needed is kept in a place of one's own."""

# pyright: strict

from __future__ import annotations

import reactivex
from reactivex import Observable

from rxphoenix import ConnectionRefused, Fallback, FallbackMemory, LongPoll, Socket, Transport, WebSocket
from rxphoenix.transports.base import ConnectRequest, TransportEvent


class Blocked:
    """What a WebSocket looks like on such a network."""

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        return reactivex.throw(ConnectionRefused("no upgrades here", status=400))


class InSettings:
    """Keeps the memory of a fallback among an app's settings."""

    def __init__(self) -> None:
        self.settings: dict[str, float] = {}

    def needed_at(self, endpoint: str) -> float | None:
        return self.settings.get(endpoint)

    def remember(self, endpoint: str, instant: float) -> None:
        self.settings[endpoint] = instant

    def forget(self, endpoint: str) -> None:
        self.settings.pop(endpoint, None)


async def main(url: str) -> list[str]:
    seen: list[str] = []
    memory = InSettings()
    same: FallbackMemory = memory
    polling: Transport = LongPoll(timeout=30)
    for first in (WebSocket(), Blocked()):
        async with Socket(url, transport=Fallback(first, polling, after=5, memory=same)) as socket:
            response = await socket.channel("room:tea").push("echo", {"over": "anything"})
            seen.append(f"{response}, {len(memory.settings)} remembered")
    return seen

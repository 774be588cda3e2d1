"""A server in this process for commands in others, which tells what they have done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import pytest

from rxphoenix.server import (
    ConnectInfo,
    Endpoint,
    PhoenixServer,
    Refused,
    Reply,
    ServerChannel,
    ServerPresence,
    ServerSocket,
)
from tests.cli.conftest import PATIENCE


class House:
    """An application, and what its clients have done.

    Arguments:
        endpoint: the endpoint.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.presence = ServerPresence(endpoint)
        self.server = PhoenixServer(endpoint)
        self.connects: list[tuple[dict[str, Any], ConnectInfo]] = []
        self.joins: list[tuple[str, Any]] = []
        self.joined: asyncio.Queue[Room] = asyncio.Queue()
        """The channels that are joined, each after its client was told."""

    @property
    def url(self) -> str:
        """The socket's mount point."""
        return self.server.url + "/socket"

    async def next_join(self) -> Room:
        """Wait for the next join."""
        async with asyncio.timeout(PATIENCE):
            return await self.joined.get()


class Visitor(ServerSocket):
    """Lets everybody in who does not say ``user=mallory``."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def connect(self, params: dict[str, Any], info: ConnectInfo) -> HTTPStatus | None:
        self.house.connects.append((params, info))
        return HTTPStatus.FORBIDDEN if params.get("user") == "mallory" else None


class Room(ServerChannel[Visitor]):
    """Answers some pushes; the one called secret wants a password."""

    async def join(self, topic: str, params: Any) -> Any:
        self.socket.house.joins.append((topic, params))
        if topic == "room:secret" and params.get("password") != "sesame":
            return Refused({"reason": "wrong password"})
        self.send_after(0, "joined")
        return {}

    async def handle_info(self, message: Any) -> None:
        self.push("presence_state", self.socket.house.presence.list(self.topic))
        self.socket.house.joined.put_nowait(self)

    async def handle_in(self, event: Any, payload: Any) -> Reply | None:
        match event:
            case "echo":
                return Reply("ok", payload)
            case "drop":
                self.socket.drop()
                return None
            case "ignore":
                return None
            case _:
                return Reply("error", {"reason": f"no {event} here"})


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A server that runs."""
    endpoint = Endpoint()
    house = House(endpoint)
    endpoint.socket("/socket", lambda: Visitor(house), channels={"room:*": Room}, auth_token=True)
    async with house.server:
        yield house

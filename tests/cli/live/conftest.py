"""A server in this process for commands, in others or here, which tells what they have done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from typing import Any, TypeAlias

import pytest

from rxphoenix.cli import main
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
from tests.house.background import in_background


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


def new_house() -> House:
    """A server that does not run yet."""
    endpoint = Endpoint()
    house = House(endpoint)
    endpoint.socket("/socket", lambda: Visitor(house), channels={"room:*": Room}, auth_token=True)
    return house


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A server that runs on the loop of the test, for commands in other processes."""
    house = new_house()
    async with house.server:
        yield house


@pytest.fixture
def far_house() -> Iterator[House]:
    """A server that runs on a thread of its own, for commands in this process."""
    house = new_house()
    with in_background("house", lambda: house.server):
        yield house


Ran: TypeAlias = tuple[int, list[str], str]
Run: TypeAlias = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: its exit status, what it printed, line by line, and what standard error got."""

    def run_one(*arguments: str) -> Ran:
        status = main(arguments)
        output = capsys.readouterr()
        return status, output.out.splitlines(), output.err

    return run_one

"""Presence of channels on asyncio: who is told what and when, and what becomes of those whose channel ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

import msgspec
import pytest

from rxphoenix.protocol.message import Frame
from rxphoenix.server import Endpoint, Refused, Reply, ServerChannel, ServerPresence, ServerSocket
from rxphoenix.server.codec import CodecV2
from rxphoenix.server.connection import Connection
from rxphoenix.server.presence_tracker import Presences
from tests.server.paper import PaperWire


class Room(ServerChannel[ServerSocket]):
    """Does to the presence what its client says."""

    def __init__(self, presence: ServerPresence) -> None:
        self.presence = presence

    async def join(self, topic: str, params: Any) -> Any:
        self.user = params["user"]
        if params.get("early"):
            self.presence.track(self, self.user, {"early": True})
            if params["early"] == "refuse":
                return Refused({})
            if params["early"] == "crash":
                raise RuntimeError("a crash of the test")
            if params["early"] == "hang":
                await asyncio.Event().wait()
        return None

    async def handle_in(self, event: Any, payload: Any) -> Reply | None:
        match event:
            case "track":
                return Reply("ok", {"ref": self.presence.track(self, self.user, payload)})
            case "update":
                return Reply("ok", {"ref": self.presence.update(self, self.user, payload)})
            case "untrack":
                self.presence.untrack(self, self.user)
                return None
            case "state":
                self.presence.track(self, self.user)
                self.push("presence_state", self.presence.list(self.topic))
                return None
            case "as":
                self.presence.track(self, payload)
                return None
            case _:
                raise RuntimeError("a crash of the test")


class Client:
    def __init__(self, connection: Connection, wire: PaperWire) -> None:
        self.connection = connection
        self.wire = wire
        self._last_ref = 0

    def send(self, event: str, payload: Any = None, topic: str = "room:a") -> None:
        self._last_ref += 1
        ref = "join" if event == "phx_join" else str(self._last_ref)
        self.connection.receive(Frame(msgspec.json.encode(["join", ref, topic, event, payload])))

    async def receive(self) -> Any:
        async with asyncio.timeout(5):
            return await self.wire.frames.get()

    async def diff(self) -> tuple[Any, Any]:
        """The next frame, which must be a diff."""
        message = await self.receive()
        assert message[:4] == [None, None, "room:a", "presence_diff"]
        return message[4]["joins"], message[4]["leaves"]

    async def join(self, user: str, **params: Any) -> Any:
        self.send("phx_join", {"user": user, **params})
        return (await self.receive())[4]

    def assert_nothing_more(self) -> None:
        assert self.wire.frames.empty()


class House:
    """An endpoint with a presence, and clients of it."""

    def __init__(self, make_presence: type[ServerPresence] = ServerPresence) -> None:
        self.endpoint = Endpoint()
        self.presence = make_presence(self.endpoint)
        self.endpoint.socket("/socket", ServerSocket, channels={"room:*": partial(Room, self.presence)})
        self.connections: list[Connection] = []

    def client(self) -> Client:
        mount = self.endpoint.mount_at("/socket")
        assert mount is not None
        wire = PaperWire()
        connection = Connection(self.endpoint, mount, ServerSocket(), CodecV2(), wire)
        connection.open()
        self.connections.append(connection)
        return Client(connection, wire)

    async def end(self) -> None:
        for connection in self.connections:
            connection.closed()
            await connection.abandon()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.end()


async def test_everybody_is_told_the_one_who_joined_included(house: House):
    ann, bob = house.client(), house.client()
    await ann.join("ann")
    await bob.join("bob")
    ann.send("track", {"status": "online"})
    reply = await ann.receive()
    meta = {"status": "online", "phx_ref": reply[4]["response"]["ref"]}
    assert await ann.diff() == await bob.diff() == ({"ann": {"metas": [meta]}}, {})
    assert house.presence.list("room:a") == {"ann": {"metas": [meta]}}
    assert house.presence.list("room:b") == {}


async def test_the_reply_is_ahead_of_the_diff_and_the_diff_ahead_of_the_state(house: House):
    ann = house.client()
    await ann.join("ann")
    ann.send("state")
    joins, _ = await ann.diff()
    assert await ann.receive() == ["join", None, "room:a", "presence_state", joins]
    ann.send("update", {"status": "away"})
    reply = await ann.receive()
    assert reply[3:] == ["phx_reply", {"status": "ok", "response": {"ref": reply[4]["response"]["ref"]}}]
    new_joins, leaves = await ann.diff()
    assert leaves == joins
    [meta] = new_joins["ann"]["metas"]
    assert meta == {
        "status": "away",
        "phx_ref": reply[4]["response"]["ref"],
        "phx_ref_prev": joins["ann"]["metas"][0]["phx_ref"],
    }
    ann.assert_nothing_more()


async def test_each_change_is_a_diff_of_its_own(house: House):
    ann = house.client()
    await ann.join("ann")
    for event in ("track", "update", "untrack", "untrack", "track"):
        ann.send(event, {"by": event})
    diffs = [message[4] for message in [await ann.receive() for _ in range(7)] if message[3] == "presence_diff"]
    assert [(len(diff["joins"]), len(diff["leaves"])) for diff in diffs] == [(1, 0), (1, 1), (0, 1), (1, 0)]


async def test_a_channel_under_several_keys_leaves_with_all_of_them_at_once(house: House):
    ann, bob = house.client(), house.client()
    await ann.join("ann")
    await bob.join("bob")
    for key in ("ann", "ann's guest", "ann"):  # the third is a mistake, and her channel's end
        ann.send("as", key)
    assert list((await bob.diff())[0]) == ["ann"]
    assert list((await bob.diff())[0]) == ["ann's guest"]
    joins, leaves = await bob.diff()
    assert joins == {}
    assert list(leaves) == ["ann", "ann's guest"]
    bob.assert_nothing_more()


@pytest.mark.parametrize("ending", ["leave", "crash", "connection", "stop", "duplicate"])
async def test_a_channel_that_ends_is_untracked(house: House, ending: str):
    ann, bob = house.client(), house.client()
    await ann.join("ann")
    await bob.join("bob")
    ann.send("track", {})
    joins, _ = await bob.diff()
    match ending:
        case "leave":
            ann.send("phx_leave", {})
        case "crash":
            ann.send("crash")
        case "connection":
            ann.connection.closed()
        case "stop":
            ann.connection.shutdown()
        case _:
            ann.send("phx_join", {"user": "ann"})
    assert await bob.diff() == ({}, joins)
    assert house.presence.list("room:a") == {}


@pytest.mark.parametrize("ending", ["refuse", "crash", "hang"])
async def test_a_channel_that_was_tracked_before_its_join_failed_is_untracked_too(house: House, ending: str):
    ann, bob = house.client(), house.client()
    await bob.join("bob")
    ann.send("phx_join", {"user": "ann", "early": ending})
    joins, _ = await bob.diff()
    ann.connection.shutdown()
    assert await bob.diff() == ({}, joins)


async def test_a_channel_may_be_tracked_before_its_join_is_answered(house: House):
    ann, bob = house.client(), house.client()
    await bob.join("bob")
    await ann.join("ann", early=True)
    joins, _ = await bob.diff()
    ann.send("phx_leave", {})
    assert await bob.diff() == ({}, joins)


async def test_a_channel_that_has_ended_cannot_be_present():
    errors: list[Exception] = []

    class Ghost(Room):
        async def terminate(self, reason: str) -> None:
            try:
                self.presence.track(self, "ghost")
            except RuntimeError as error:
                errors.append(error)

    house = House()
    house.endpoint.socket("/haunted", ServerSocket, channels={"room:*": partial(Ghost, house.presence)})
    mount = house.endpoint.mount_at("/haunted")
    assert mount is not None
    wire = PaperWire()
    connection = Connection(house.endpoint, mount, ServerSocket(), CodecV2(), wire)
    connection.open()
    await Client(connection, wire).join("ann")
    connection.closed()
    await connection.finished()
    assert [str(error) for error in errors] == ["the channel has ended; only one that lives can be present"]
    assert house.presence.list("room:a") == {}


async def test_two_devices_share_a_key(house: House):
    laptop, phone = house.client(), house.client()
    await laptop.join("ann")
    await phone.join("ann")
    laptop.send("track", {"on": "laptop"})
    assert (await phone.diff())[0]["ann"]["metas"][0]["on"] == "laptop"
    phone.send("track", {"on": "phone"})
    assert (await phone.receive())[3] == "phx_reply"
    assert (await phone.diff())[0]["ann"]["metas"][0]["on"] == "phone"
    assert [meta["on"] for meta in house.presence.list("room:a")["ann"]["metas"]] == ["laptop", "phone"]
    laptop.connection.closed()
    assert (await phone.diff())[1]["ann"]["metas"][0]["on"] == "laptop"
    assert [meta["on"] for meta in house.presence.list("room:a")["ann"]["metas"]] == ["phone"]


class NamedPresence(ServerPresence):
    """Adds a name to each presence, and does not know everybody."""

    def fetch(self, topic: str, presences: Presences) -> Mapping[str, Mapping[str, Any]]:
        if "nobody" in presences:
            raise LookupError("a stranger of the test")
        return {key: {**presence, "name": f"{key} of {topic}"} for key, presence in presences.items()}


async def test_what_is_fetched_is_told_beside_the_metas():
    house = House(NamedPresence)
    ann = house.client()
    await ann.join("ann")
    ann.send("state")
    joins, leaves = await ann.diff()
    assert (joins["ann"]["name"], leaves) == ("ann of room:a", {})
    assert (await ann.receive())[4] == joins == house.presence.list("room:a")
    ann.send("untrack")
    assert await ann.diff() == ({}, joins)
    await house.end()


async def test_a_fetch_that_raises_costs_its_diff_and_nothing_else(caplog: pytest.LogCaptureFixture):
    house = House(NamedPresence)
    ann = house.client()
    await ann.join("ann")
    ann.send("as", "nobody")
    ann.send("as", "ann")
    assert list((await ann.diff())[0]) == ["ann"]
    [record] = caplog.records
    assert record.name == "rxphoenix.server"
    assert record.getMessage() == "a presence_diff of 'room:a' was lost"
    with pytest.raises(LookupError, match="a stranger of the test"):
        house.presence.list("room:a")
    await house.end()


def test_a_presence_outlives_its_event_loop():
    house = House()

    async def visit() -> None:
        ann = house.client()
        await ann.join("ann")
        ann.send("track", {})
        assert (await ann.receive())[3] == "phx_reply"
        assert list((await ann.diff())[0]) == ["ann"]
        await house.end()
        house.connections.clear()

    for _ in range(2):
        asyncio.run(visit())
    assert house.presence.list("room:a") == {}

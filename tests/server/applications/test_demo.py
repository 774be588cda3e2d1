"""The demo application, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.demo import demo_application
from tests.server.conftest import Connect, RawClient

PATH = "/socket/websocket?vsn=2.0.0"


@pytest.fixture
async def server() -> AsyncIterator[PhoenixServer]:
    async with PhoenixServer(demo_application()) as server:
        yield server


async def about(client: RawClient, *events: str) -> Any:
    """The next message with one of these events, whatever else is told meanwhile."""
    while True:
        message = await client.receive()
        if message[3] in events:
            return message


async def test_messages_are_numbered_and_reach_the_room(server: PhoenixServer, connect: Connect):
    ann, nobody = await connect(server.url + PATH + "&user=ann"), await connect(server.url + PATH)
    assert await ann.join("room:a") == {"topic": "room:a", "user": "ann"}
    assert await nobody.join("room:a") == {"topic": "room:a", "user": "anonymous"}
    said = [None, None, "room:a", "new_msg", {"id": 1, "user": "ann", "body": "hi"}]
    await ann.send("1", "2", "room:a", "new_msg", {"body": "hi"})
    assert await about(ann, "new_msg", "phx_reply") == said
    assert await about(ann, "phx_reply") == ["1", "2", "room:a", "phx_reply", {"status": "ok", "response": {"id": 1}}]
    assert await about(nobody, "new_msg") == said
    await nobody.send("1", "2", "room:a", "new_msg", {"body": "hello"})
    assert (await about(ann, "new_msg"))[4] == {"id": 2, "user": "anonymous", "body": "hello"}


@pytest.mark.parametrize(
    ("params", "welcome"), [({}, False), ({"password": "x"}, False), ({"password": "sesame"}, True)]
)
async def test_the_secret_room_wants_a_password(
    server: PhoenixServer, connect: Connect, params: dict[str, str], welcome: bool
):
    client = await connect(server.url + PATH)
    response = await client.join("room:secret", params)
    assert response == ({"topic": "room:secret", "user": "anonymous"} if welcome else {"reason": "wrong password"})


async def test_the_other_events(server: PhoenixServer, connect: Connect, caplog: pytest.LogCaptureFixture):
    client = await connect(server.url + PATH)

    async def ask(event: str, payload: Any) -> Any:
        await client.send("1", "2", "room:a", event, payload)
        return await about(client, "phx_reply", "shout", "phx_error")

    await client.join("room:a")
    assert (await ask("echo", [1]))[4] == {"status": "ok", "response": [1]}
    assert (await ask("slow", {"ms": 1}))[4] == {"status": "ok", "response": {"ms": 1}}
    assert await ask("shout", {"a": 1}) == [None, None, "room:a", "shout", {"a": 1}]
    for event in ("crash", "what"):
        assert (await ask(event, {}))[3] == "phx_error"
        await client.join("room:a")
    assert "a client asked for this crash" in caplog.text


async def test_visitors_chat_in_the_lobby_whoever_listens(server: PhoenixServer, connect: Connect):
    async def hear(client: RawClient, number: int) -> list[tuple[int, str]]:
        return [(said[4]["id"], said[4]["user"]) for said in [await about(client, "new_msg") for _ in range(number)]]

    first, second = await connect(server.url + PATH), await connect(server.url + PATH)
    await first.join("room:lobby")
    await second.join("room:lobby")
    assert await hear(first, 2) == await hear(second, 2) == [(1, "mia"), (2, "otto")]
    await first.send("1", "2", "room:lobby", "phx_leave", {})
    assert await hear(second, 1) == [(3, "zoe")]


async def test_a_sensor_pushes_a_wave(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + PATH)
    assert await client.join("sensor:1") == {"every": 0.2}
    readings = [await client.receive() for _ in range(3)]
    assert readings == [
        ["1", None, "sensor:1", "reading", {"celsius": 20.0, "n": 0}],
        ["1", None, "sensor:1", "reading", {"celsius": 20.47, "n": 1}],
        ["1", None, "sensor:1", "reading", {"celsius": 20.93, "n": 2}],
    ]


async def test_who_says_what_was_seen_last_gets_what_came_after(server: PhoenixServer, connect: Connect):
    client = await connect(server.url + PATH + "&user=ann")
    await client.join("room:a")
    for body in ("one", "two", "three"):
        await client.send("1", "2", "room:a", "new_msg", {"body": body})
        await about(client, "phx_reply")
    late = await connect(server.url + PATH)
    await late.join("room:a", {"last_message_id": 1})
    assert [(await about(late, "new_msg"))[3:] for _ in range(2)] == [
        ["new_msg", {"id": 2, "user": "ann", "body": "two"}],
        ["new_msg", {"id": 3, "user": "ann", "body": "three"}],
    ]


def statuses(presences: Any) -> dict[str, list[str]]:
    """The status of each device of each user."""
    return {key: [meta["status"] for meta in presence["metas"]] for key, presence in presences.items()}


async def moves(client: RawClient, number: int) -> list[tuple[dict[str, list[str]], dict[str, list[str]]]]:
    """So many changes of presence: who joined, and who left."""
    diffs = [(await about(client, "presence_diff"))[4] for _ in range(number)]
    return [(statuses(diff["joins"]), statuses(diff["leaves"])) for diff in diffs]


async def test_who_is_in_a_room_is_present_under_the_name_of_the_user(server: PhoenixServer, connect: Connect):
    ann, other_ann = [await connect(server.url + PATH + "&user=ann") for _ in range(2)]
    await ann.join("room:a")
    assert statuses((await about(ann, "presence_state"))[4]) == {"ann": ["online"]}
    await other_ann.join("room:a")
    assert statuses((await about(other_ann, "presence_state"))[4]) == {"ann": ["online", "online"]}
    await other_ann.send("1", "2", "room:a", "status", {"status": "away"})
    assert await moves(ann, 2) == [({"ann": ["online"]}, {}), ({"ann": ["away"]}, {"ann": ["online"]})]
    await other_ann.send("1", "3", "room:a", "phx_leave", {})
    assert await moves(ann, 1) == [({}, {"ann": ["away"]})]


async def test_the_visitors_of_the_lobby_come_and_go_and_stay_whoever_leaves(server: PhoenixServer, connect: Connect):
    ann, mia = await connect(server.url + PATH + "&user=ann"), await connect(server.url + PATH + "&user=mia")
    there = {name: ["online"] for name in ("mia", "otto", "zoe", "ann")}
    await ann.join("room:lobby")
    assert statuses((await about(ann, "presence_state"))[4]) == there
    await mia.join("room:lobby")  # who is one of them
    assert statuses((await about(mia, "presence_state"))[4]) == {**there, "mia": ["online", "online"]}
    await ann.send("1", "2", "room:lobby", "phx_leave", {})
    assert await moves(mia, 6) == [
        ({}, {"ann": ["online"]}),
        ({"lena": ["online"]}, {}),
        ({"tom": ["online"]}, {}),
        ({"mia": ["away"]}, {"mia": ["online"]}),
        ({}, {"lena": ["online"]}),
        ({"mia": ["online"]}, {"mia": ["away"]}),
    ]

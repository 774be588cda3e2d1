"""A recording that a server plays, to real clients over a real WebSocket."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import JoinRefused, Message, PushRefused, Reply, Socket
from rxphoenix.cli.live.stage import recorded_application
from rxphoenix.recording.events import Began, Event, Received, Sent, StateChanged
from rxphoenix.recording.script import Script
from rxphoenix.server import PhoenixServer
from tests.cli.conftest import PATIENCE

BEGAN = Began("2026-11-25T09:30:00+00:00", "ws://localhost:4000/socket")
REFS = itertools.count(1)


def asked(at: float, event: str, payload: Any, response: Any, *, status: str = "ok", topic: str = "room:a",
          after: float = 0.001) -> list[Event]:  # fmt: skip
    """Something that the client sent, and its answer."""
    ref = f"{next(REFS)}"
    return [
        Sent(at, Message("1", ref, topic, event, payload)),
        Received(at + after, Message("1", ref, topic, "phx_reply", {"status": status, "response": response})),
    ]


def said(at: float, event: str, payload: Any, topic: str = "room:a") -> Event:
    return Received(at, Message(None, None, topic, event, payload))


def lost(at: float, back: float) -> list[Event]:
    return [StateChanged(at, "closed"), StateChanged(at, "connecting"), StateChanged(back, "open")]


def served(events: Iterable[Event], speed: float = 1.0) -> PhoenixServer:
    script = Script([BEGAN, StateChanged(0.0, "open"), *events])
    return PhoenixServer(recorded_application(script, "/socket", speed))


def client(server: PhoenixServer) -> Socket:
    return Socket(server.url + "/socket", reconnect_after=lambda attempt, error: 0.01,
                  rejoin_after=lambda attempt, error: 0.01)  # fmt: skip


async def seen(socket: Socket, topic: str = "room:a") -> list[Any]:
    """All that comes on a topic, until it is closed."""
    async with asyncio.timeout(PATIENCE):
        messages: list[Message] = await socket.channel(topic).pipe(ops.to_list())
    return [message.payload for message in messages]


STORY = [
    *asked(0.0, "phx_join", {}, {"join": 1}),
    said(0.02, "news", {"n": 1}),
    said(0.03, "picture", b"\x00\xff"),
    *lost(0.05, 0.06),
    *asked(0.07, "phx_join", {}, {"join": 2}),
    said(0.08, "news", {"n": 2}),
    said(0.09, "other", {"n": 3}, "room:b"),
]


async def test_each_client_sees_all_of_it_over_the_outage_that_was_recorded():
    async with served(STORY) as server, client(server) as first, client(server) as second:
        joins: list[Any] = []
        first.channel("room:a").joined.subscribe(lambda joined: joins.append((joined.reply, joined.rejoin)))
        assert await asyncio.gather(seen(first), seen(second)) == [[{"n": 1}, b"\x00\xff", {"n": 2}]] * 2
        assert joins == [({"join": 1}, False), ({"join": 2}, True)]
        # and whoever comes when all is over sees it from the beginning
        async with client(server) as third:
            assert await seen(third) == [{"n": 1}, b"\x00\xff", {"n": 2}]


async def test_who_joins_late_misses_nothing():
    story = [*asked(0.0, "phx_join", {}, {}), said(0.001, "presence_state", {})]
    async with served(story) as server, client(server) as socket:
        with socket.connect():
            await socket.opened()
            await asyncio.sleep(0.05)  # the recording is over by now
            assert await seen(socket) == [{}]


async def test_pushes_get_the_recorded_answers_and_what_is_not_there_is_told(caplog: pytest.LogCaptureFixture):
    story = [
        *asked(0.0, "phx_join", {"password": "[redacted]"}, {}),
        *asked(0.01, "say", {"n": 1}, {"id": 1}, after=0.02),
        *asked(0.02, "say", {"n": 2}, {"reason": "enough"}, status="error"),
        *asked(0.03, "upload", b"\x00", {"size": 1}),
        *asked(0.05, "phx_join", {}, {"reason": "members only"}, status="error", topic="room:secret"),
        said(60.0, "news", {}),
    ]
    async with served(story) as server, client(server) as socket, asyncio.timeout(PATIENCE):
        room = socket.channel("room:a", {"password": "sesame"})
        async with room.hold():
            # whatever the order
            with pytest.raises(PushRefused, match="error"):
                await room.push("say", {"n": 2})
            assert await room.push("say", {"n": 1}) == {"id": 1}
            assert await room.push("upload", b"\x00") == {"size": 1}
            assert caplog.messages == []
            unknown = Reply("error", {"reason": "not in the recording"})
            assert await room.request("dance") == unknown
            assert caplog.messages == ["a client has sent 'dance' to 'room:a', which is not in the recording at all"]
        with pytest.raises(JoinRefused, match="members only"):
            await seen(socket, "room:secret")
        with pytest.raises(JoinRefused, match="not in the recording"):
            await seen(socket, "room:unknown")


async def test_what_ended_a_channel_ends_it_again():
    story = [
        *asked(0.0, "phx_join", {}, {}),
        said(0.01, "phx_error", {}),
        *asked(0.02, "phx_join", {}, {}),
        said(0.03, "news", {"n": 1}),
        said(0.04, "phx_close", {}),
        said(60.0, "news", {"n": 2}, "room:b"),
    ]
    async with served(story) as server, client(server) as socket:
        states: list[str] = []
        socket.channel("room:a").state.subscribe(lambda state: states.append(state.value))
        assert await seen(socket) == [{"n": 1}]
        assert states == ["closed", "joining", "joined", "errored", "joining", "joined", "closed"]


async def test_it_may_run_faster():
    story = [*asked(0.0, "phx_join", {}, {}), said(3600.0, "news", {"n": 1})]
    async with served(story, speed=1e6) as server, client(server) as socket:
        assert await seen(socket) == [{"n": 1}]


async def test_a_topic_that_was_joined_before_the_recording_began_is_played_by_its_time():
    async with served([said(0.0, "news", {"n": 1}), said(0.3, "news", {"n": 2})]) as server, client(server) as socket:
        assert (await seen(socket))[-1] == {"n": 2}

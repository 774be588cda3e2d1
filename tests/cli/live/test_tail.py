"""Showing what comes, as a process."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import Any

import pytest

from tests.cli.conftest import Command, Start
from tests.cli.live.conftest import House
from tests.cli.live.screen import Screen


def items(command: Command) -> list[Any]:
    """What was shown, without the instants."""
    return [{key: value for key, value in json.loads(line).items() if key != "at"} for line in command.lines]


def news(n: int, topic: str = "room:a", event: str = "news") -> dict[str, Any]:
    return {"topic": topic, "event": event, "payload": {"n": n}}


async def test_it_shows_what_comes_survives_an_outage_and_ends_by_a_signal(house: House, start: Start):
    command = await start(
        "tail", house.url, "room:a", "room:b", "--presence", "--param", "user=ann", "--join-param", "last_id:=7"
    )
    rooms = {room.topic: room for room in [await house.next_join(), await house.next_join()]}
    assert set(rooms) == {"room:a", "room:b"}
    assert house.connects[0][0]["user"] == "ann"
    assert house.joins == [("room:a", {"last_id": 7}), ("room:b", {"last_id": 7})]
    house.endpoint.broadcast("room:a", "news", {"n": 1})
    house.endpoint.broadcast("room:b", "picture", b"\x00\xff")
    house.presence.track(rooms["room:a"], "bob", {"device": "phone"})
    await command.line("bob")

    rooms["room:a"].socket.drop()
    for _ in range(2):
        await house.next_join()
    house.endpoint.broadcast("room:a", "news", {"n": 2})
    await command.line('{"n":2}')
    status, notes = await command.interrupt(signal.SIGTERM)

    assert status == 0
    shown = items(command)
    arrived = [item for item in shown if "presence" in item]
    assert [(item["presence"], item["key"]) for item in arrived] == [("join", "bob"), ("leave", "bob")]
    assert [item for item in shown if "presence" not in item] == [
        news(1),
        {"topic": "room:b", "event": "picture", "base64": "AP8="},
        news(2),
    ]
    told = [re.sub(r"of \d+\.\d s: .*", "of N s", line) for line in notes.splitlines()]
    assert told[:4] == ["* connection: connecting", "* connection: open", "* room:a: joined", "* room:b: joined"]
    assert "* room:a: joined again; a gap of N s" in told
    assert any(line.startswith("* connection: connection lost") for line in told)
    assert "Traceback" not in notes


async def test_events_are_chosen_and_enough_is_enough(house: House, start: Start):
    command = await start("tail", house.url, "room:a", "--event", "news", "--count", "2")
    await house.next_join()
    for n in (1, 2, 3):
        house.endpoint.broadcast("room:a", "other", {"n": n})
        house.endpoint.broadcast("room:a", "news", {"n": n})
    status, _ = await command.end()
    assert (status, items(command)) == (0, [news(1), news(2)])


async def test_after_the_time_it_ends_and_before_it_a_signal_interrupts(house: House, start: Start):
    timed, interrupted = (
        await start("tail", house.url, "room:a", "--for", "10ms"),
        await start("tail", house.url, "room:b", "--for", "1h"),
    )
    joined = {(await house.next_join()).topic}
    while "room:b" not in joined:
        joined.add((await house.next_join()).topic)
    assert (await timed.end())[0] == 0
    assert (await interrupted.interrupt())[0] == 130


async def test_it_ends_when_the_server_has_closed_all_topics(house: House, start: Start):
    command = await start("tail", house.url, "room:a", "--transport", "longpoll")
    room = await house.next_join()
    assert house.connects[0][1].transport == "longpoll"
    room.stop()
    status, notes = await command.end()
    assert (status, notes.splitlines()[-1]) == (0, "* room:a: closed")


async def test_it_ends_when_nobody_reads_any_more(house: House, start: Start):
    reading, writing = os.pipe()
    try:
        command = await start("tail", house.url, "room:a", stdout=writing)
    finally:
        os.close(writing)
    await house.next_join()
    os.close(reading)
    house.endpoint.broadcast("room:a", "news", {"n": 1})
    status, notes = await command.end()
    assert (status, "Traceback" in notes, "BrokenPipe" in notes) == (0, False, False)


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")
async def test_a_person_gets_colours(house: House, start: Start):
    with Screen() as screen:
        command = await start(
            "tail", house.url, "room:a", "--count", "1", stdout=screen.terminal, environment={"TERM": "xterm-256color"}
        )
        await house.next_join()
        house.endpoint.broadcast("room:a", "news", {"body": "hello"})
        assert await screen.end(command) == 0
    line = screen.seen.decode()
    assert "\x1b[" in line
    bare = re.sub(r"\x1b\[[\d;]*m", "", line)
    assert re.fullmatch(r'\d\d:\d\d:\d\d\.\d{3}  room:a  news  \{"body": "hello"\}\r\n', bare)

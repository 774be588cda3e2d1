"""Who is present, as a process."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.cli.conftest import Start
from tests.cli.live.conftest import House
from tests.cli.live.screen import Screen


async def test_a_program_gets_a_line_for_each_list(house: House, start: Start):
    command = await start("presence", house.url, "room:a", "--count", "2")
    room = await house.next_join()
    await command.line('"present":[]')
    house.presence.track(room, "ann", {"device": "phone"})
    status, notes = await command.end()
    assert status == 0
    present = json.loads(command.lines[-1])["present"]
    assert [(each["key"], [meta["device"] for meta in each["metas"]]) for each in present] == [("ann", ["phone"])]
    assert notes.splitlines() == ["* connection: connecting", "* connection: open", "* room:a: joined"]


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")
async def test_a_person_gets_a_table(house: House, start: Start):
    environment = {"TERM": "xterm-256color", "COLUMNS": "100"}
    with Screen() as screen:
        command = await start("presence", house.url, "room:a", stdout=screen.terminal, environment=environment)
        house.presence.track(await house.next_join(), "ann", {"device": "phone"})
        await screen.until(rb'(?s)room:a: 1 present.*"device": "phone"')
        command.process.send_signal(signal.SIGINT)
        assert await screen.end(command) == 0
    assert b"phx_ref" not in screen.seen

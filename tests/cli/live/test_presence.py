"""Who is present, as a process."""

from __future__ import annotations

import asyncio
import json
import os
import pty

import pytest

from tests.cli.conftest import PATIENCE, Start
from tests.cli.live.conftest import House


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
    seeing, screen = pty.openpty()
    environment = {"TERM": "xterm-256color", "COLUMNS": "100"}
    try:
        command = await start("presence", house.url, "room:a", stdout=screen, environment=environment)
    finally:
        os.close(screen)
    house.presence.track(await house.next_join(), "ann", {"device": "phone"})
    seen = b""
    async with asyncio.timeout(PATIENCE):
        while b'"device": "phone"' not in seen or "room:a: 1 present" not in seen.decode(errors="ignore"):
            seen += await asyncio.to_thread(os.read, seeing, 4096)
    assert b"phx_ref" not in seen
    ending = asyncio.ensure_future(command.interrupt())
    async with asyncio.timeout(PATIENCE):
        while not ending.done():  # the screen must be read, or the command waits for it
            await asyncio.wait((ending, asyncio.ensure_future(asyncio.to_thread(_read, seeing))))
    assert (await ending)[0] == 0
    os.close(seeing)


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 4096)
    except OSError:  # the other end is closed
        return b""

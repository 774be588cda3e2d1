"""One push as a process: its reply, and the exit status that tells what became of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from rxphoenix.cli.statuses import ENDED, MISUSED, NOT_CONNECTED, REFUSED, TIMED_OUT
from tests.cli.conftest import Start
from tests.cli.live.conftest import House


async def test_the_exit_status_tells_what_became_of_it(house: House, start: Start):
    url, nowhere = house.url, "ws://127.0.0.1:1/socket"

    async def push(*arguments: str) -> tuple[int, list[str], str]:
        command = await start("push", *arguments)
        status, notes = await command.end()
        return status, command.lines, notes

    ok, refused, join, late, lost, unreachable, unwelcome, lonely = await asyncio.gather(
        push(url, "room:a", "echo", '{"body": "hé"}'),
        push(url, "room:a", "dance"),
        push(url, "room:secret", "echo", "--join-param", "password=wrong"),
        push(url, "room:a", "ignore", "--timeout", "300ms"),
        push(url, "room:a", "drop"),
        push(nowhere, "room:a", "echo"),
        push(url, "room:a", "echo", "--param", "user=mallory"),
        push(url + "s", "room:a", "echo"),
    )
    assert ok == (ENDED, ['{"status":"ok","response":{"body":"hé"}}'], "")
    assert refused[:2] == (REFUSED, ['{"status":"error","response":{"reason":"no dance here"}}'])
    assert refused[2] == "* room:a: the push 'dance' was refused: the reply has the status 'error'\n"
    assert [each[:2] for each in (join, late, lost)] == [(REFUSED, []), (TIMED_OUT, []), (NOT_CONNECTED, [])]
    assert join[2] == (
        "rxphoenix: 'room:secret': join refused: {'reason': 'wrong password'}; "
        "does it want a --join-param, or a --token?\n"
    )
    assert late[2].endswith("no reply within 0.3 s; --timeout waits longer\n")
    assert lost[2].startswith("rxphoenix: push 'drop' to 'room:a': ")
    assert [each[:2] for each in (unreachable, unwelcome, lonely)] == [(NOT_CONNECTED, [])] * 3
    assert unreachable[2].startswith(f"rxphoenix: cannot connect to {nowhere}: ")
    assert unreachable[2].endswith("is the server running, and is the address right?\n")
    assert unwelcome[2] == (
        f"rxphoenix: {url} has refused the connection: HTTP 403: the server refused the connection; "
        "does it want --token, or a --param?\n"
    )
    assert lonely[2].startswith(f"rxphoenix: no socket at {url}s: HTTP 404")
    assert all(each[2].count("\n") == 1 for each in (join, late, lost, unreachable, unwelcome, lonely))


async def test_a_payload_is_json_a_file_standard_input_or_bytes(house: House, start: Start, tmp_path: Path):
    path = tmp_path / "payload"
    path.write_bytes(b'{"n": 1}')
    with path.open("rb") as file:
        commands = await asyncio.gather(
            start("push", house.url, "room:a", "echo", f"@{path}"),
            start("push", house.url, "room:a", "echo", "-", stdin=file),
            start("push", house.url, "room:a", "echo", "--binary", str(path), "--transport", "fallback"),
            start("push", house.url, "room:a", "echo", "{}", "--binary", str(tmp_path / "none")),
            start("push", house.url, "room:a", "echo", "[]", "--binary", str(path)),
        )
    endings = [await command.end() for command in commands]
    replies = [[json.loads(line) for line in command.lines] for command in commands]
    assert replies == [
        [{"status": "ok", "response": {"n": 1}}],
        [{"status": "ok", "response": {"n": 1}}],
        [{"status": "ok", "base64": "eyJuIjogMX0="}],
        [],
        [],
    ]
    assert [status for status, _ in endings] == [ENDED, ENDED, ENDED, MISUSED, MISUSED]
    assert f"cannot read '{tmp_path / 'none'}': No such file or directory" in endings[3][1]
    assert "give JSON or --binary, not both" in endings[4][1]

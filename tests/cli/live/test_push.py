"""One push: its reply, and the exit status that tells what became of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from rxphoenix.cli.statuses import ENDED, MISUSED, NOT_CONNECTED, REFUSED, TIMED_OUT
from tests.cli.conftest import Start
from tests.cli.live.conftest import House, Run


async def test_a_process_reads_its_input_and_ends_with_the_status(house: House, start: Start, tmp_path: Path):
    path = tmp_path / "payload"
    path.write_bytes(b'{"n": 1}')
    with path.open("rb") as file:
        ok, refused = await asyncio.gather(
            start("push", house.url, "room:a", "echo", "-", stdin=file),
            start("push", house.url, "room:a", "dance"),
        )
    assert (await ok.end(), ok.lines) == ((ENDED, ""), ['{"status":"ok","response":{"n":1}}'])
    assert await refused.end() == (
        REFUSED,
        "* room:a: the push 'dance' was refused: the reply has the status 'error'\n",
    )
    assert refused.lines == ['{"status":"error","response":{"reason":"no dance here"}}']


def test_the_exit_status_tells_what_became_of_it(far_house: House, run: Run):
    url, nowhere = far_house.url, "ws://127.0.0.1:1/socket"
    ok = run("push", url, "room:a", "echo", '{"body": "hé"}')
    assert ok == (ENDED, ['{"status":"ok","response":{"body":"hé"}}'], "")
    refused = run("push", url, "room:a", "dance")
    assert refused[:2] == (REFUSED, ['{"status":"error","response":{"reason":"no dance here"}}'])
    join = run("push", url, "room:secret", "echo", "--join-param", "password=wrong")
    assert join == (
        REFUSED,
        [],
        "rxphoenix: 'room:secret': join refused: {'reason': 'wrong password'}; "
        "does it want a --join-param, or a --token?\n",
    )
    late = run("push", url, "room:a", "ignore", "--timeout", "100ms")
    assert late[:2] == (TIMED_OUT, [])
    assert late[2].endswith("no reply within 0.1 s; --timeout waits longer\n")
    lost = run("push", url, "room:a", "drop")
    assert lost[:2] == (NOT_CONNECTED, [])
    assert lost[2].startswith("rxphoenix: push 'drop' to 'room:a': ")
    unreachable = run("push", nowhere, "room:a", "echo")
    assert unreachable[:2] == (NOT_CONNECTED, [])
    assert unreachable[2].startswith(f"rxphoenix: cannot connect to {nowhere}: ")
    assert unreachable[2].endswith("is the server running, and is the address right?\n")
    assert run("push", url, "room:a", "echo", "--param", "user=mallory") == (
        NOT_CONNECTED,
        [],
        f"rxphoenix: {url} has refused the connection: HTTP 403: the server refused the connection; "
        "does it want --token, or a --param?\n",
    )
    lonely = run("push", url + "s", "room:a", "echo")
    assert lonely[:2] == (NOT_CONNECTED, [])
    assert lonely[2].startswith(f"rxphoenix: no socket at {url}s: HTTP 404")
    assert all(each[2].count("\n") == 1 for each in (join, late, lost, unreachable, lonely))


@pytest.mark.parametrize("form", ["json", "file", "bytes"])
def test_a_payload_is_json_a_file_or_bytes(form: str, far_house: House, run: Run, tmp_path: Path):
    path = tmp_path / "payload"
    path.write_bytes(b'{"n": 1}')
    words, reply = {
        "json": (['{"n": 1}'], {"status": "ok", "response": {"n": 1}}),
        "file": ([f"@{path}"], {"status": "ok", "response": {"n": 1}}),
        "bytes": (["--binary", str(path), "--transport", "fallback"], {"status": "ok", "base64": "eyJuIjogMX0="}),
    }[form]
    status, lines, _ = run("push", far_house.url, "room:a", "echo", *words)
    assert (status, [json.loads(line) for line in lines]) == (ENDED, [reply])


def test_a_payload_that_cannot_be_read_is_a_misuse(run: Run, tmp_path: Path):
    none, url = tmp_path / "none", "ws://127.0.0.1:1/socket"
    status, lines, told = run("push", url, "room:a", "echo", "{}", "--binary", str(none))
    assert (status, lines) == (MISUSED, [])
    assert f"cannot read '{none}': No such file or directory" in told
    status, lines, told = run("push", url, "room:a", "echo", "[]", "--binary", str(none))
    assert (status, lines) == (MISUSED, [])
    assert "give JSON or --binary, not both" in told

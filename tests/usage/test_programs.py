"""The programs of this folder, each run against the embedded demo application; mypy and pyright read them too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from rxphoenix.server.applications.demo import demo_application
from tests.usage import (
    chat,
    credentials,
    dashboards,
    delays,
    dialect,
    echoes,
    iterating,
    joining,
    networks,
    pipelines,
    presence,
    threads,
    typed,
    watching,
)

HERE = Path(__file__).parent

EXPECTED: dict[str, tuple[Callable[[str], Awaitable[list[str]]], list[str]]] = {
    "chat": (chat.main, ["hello", "id 1", "ok {'body': 'hi'}", "no answer to slow, sent True"]),
    "dashboards": (dashboards.main, ["http://localhost"]),
    "joining": (
        joining.main,
        ["closed", "joining", "joined", "room:tea", "rejoin False, attempt 1", "leaving", "closed", "wrong password"],
    ),
    "networks": (
        networks.main,
        ["{'over': 'anything'}, 0 remembered", "{'over': 'anything'}, 1 remembered"],
    ),
    "iterating": (iterating.main, ["one", "two", "dropped 0", "open"]),
    "pipelines": (
        pipelines.main,
        ["2 alerts", "[0, 2, 4]", "[0, 1, 2]", "0 dropped, 0 over", "refused at attempt 1"],
    ),
    "watching": (
        watching.main,
        [
            "closed",
            "connecting",
            "open",
            "pong",
            "room:tea crashed: {'reason': 'channel_crash'}",
            "joined again by anonymous",
            "room:tea",
            "closing",
            "closed",
        ],
    ),
    "delays": (
        delays.main,
        ["gave up: HTTP 404: no socket at this path", "in after 3 tries", "refused at attempt 1"],
    ),
    "dialect": (dialect.main, ["2.0.0: {'a': 1}, True, True", "1.0.0: {'a': 1}, True, True"]),
    "typed": (typed.main, ["anonymous: hello", "id 1", "pydantic", "Echo"]),
    "presence": (
        presence.main,
        [
            "ann is here: online",
            "ann",
            "bob is here: away",
            "ann (online), bob (away)",
            "bob is gone",
            "<PresenceSnapshot of 1: 'ann'>",
        ],
    ),
    "threads": (
        threads.main,
        ["room:tea", "id 1", "ann: one", "two", "attempt 1", "open", "wrong password", "error"],
    ),
    "echoes": (echoes.main, ["{'a': [1, 2]}"]),
    "credentials": (
        credentials.main,
        [
            "ann",
            "bob",
            "carl",
            "eve",
            "the params function raised LookupError: no user is logged in",
            "'room:secret': join refused: {'reason': 'wrong password'}",
        ],
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
async def test_a_program_does_what_it_says(name: str) -> None:
    main, expected = EXPECTED[name]
    application = conformance_application() if name == "presence" else demo_application()
    async with PhoenixServer(application) as server:
        assert await main(server.url + "/socket") == expected


def test_every_program_is_run() -> None:
    programs = {path.stem for path in HERE.glob("*.py")} - {Path(__file__).stem, "__init__"}
    assert programs == set(EXPECTED) | {"live_view"}  # which needs another server: tests/liveview


def test_mypy_finds_nothing_to_say_and_would_say_it(tmp_path: Path) -> None:
    root = HERE.parents[1]
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache")]
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from rxphoenix import Background, Message, Socket, iterate, map_async\n"
        "async def main(socket: Socket) -> None:\n"
        "    reply: int = await socket.channel('t').request('e')\n"
        "    state: int = socket.state.value\n"
        "    seconds: str = await socket.ping()\n"
        "    Socket(b'ws://localhost')\n"
        "    Socket('ws://localhost', timeout='10')\n"
        "    map_async(len)\n"
        "    typed: int = socket.channel('t').on('e', type=Message)\n"
        "    response: int = socket.channel('t').push('e', reply_type=Message)\n"
        "def script(bg: Background) -> None:\n"
        "    socket = bg.socket('ws://localhost', timeout='10')\n"
        "    seconds: str = socket.ping().run(timeout=5)\n"
        "    message: str = next(iterate(socket.messages))\n"
    )
    programs = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert programs.stdout.startswith("Success"), programs.stdout
    mistakes = subprocess.run([*command, str(wrong)], cwd=root, capture_output=True, text=True, check=False)
    assert "Found 11 errors" in mistakes.stdout, mistakes.stdout

"""The tour: it gets to its end, shows what it promises, and can be interrupted at any moment."""

from __future__ import annotations

import asyncio
import io
import os
import re
import shlex
import signal

import pytest

from rxphoenix.cli.console import Console
from rxphoenix.cli.demo import demo
from tests.cli.conftest import Command, Start
from tests.house.architecture import ROOT

# The same tour without the pauses for the reader, for what is about something else than its pace.
HURRIED = """
import functools, sys
from rxphoenix.cli import demo, main
demo.demo = functools.partial(demo.demo, pace=0)
sys.exit(main(["demo"]))
"""

SHOWN = [
    "1. Connect",
    "connection [connecting]",
    "connection [open]",
    "connection 0.0 ms there and back",
    "2. A channel is a stream",
    "room:lobby [joining]",
    "room:lobby [joined]",
    "room:lobby mia: hello, anybody here?",
    "room:lobby [closed]",
    "3. Operators",
    "sensor:kitchen [joined]",
    "alarm fine, below 22 degrees",
    "average 20.7 degrees, readings: 4",
    "alarm warm, 22 degrees or more",
    "alarm fine, below 22 degrees",
    "4. Pushes",
    "reply {'body': 'hi'}",
    "reply ok {'id': ",
    "refused PushRefused: push 'new_msg' to 'room:lobby': replied 'error'",
    "no reply PushTimeout: ",
    "5. Who is there",
    ">>> present = lobby.presence(Status)",
    *["present mia ("] * 5,
    "present (the stream has completed)",
    "6. A refused join",
    "refused JoinRefused: 'room:secret': join refused: {'reason': 'wrong password'}",
    "reply {'topic': 'room:secret', 'user': 'you'}",
    "7. A crash on the server",
    "room:lobby joined for the first time",
    ">>> await lobby.push(\"crash\")",
    "room:lobby [errored]",
    "error ChannelCrashed: ",
    "no reply PushInterrupted: ",
    "room:lobby joined again",
    "room:lobby ",
    "8. The server goes away",
    ">>> await server.stop()",
    "connection [closed]",
    "error ConnectionLost: connection closed by the server with code 1012",
    "sensor:kitchen [errored]",
    "error ConnectionRefused: ",
    ">>> await server.start()",
    "connection [open]",
    "room:lobby joined again",
    "sensor:kitchen [joined]",
    "average ",
    "9. Close",
    "room:lobby (the stream has completed)",
    "average (the stream has completed)",
    "connection [closing]",
    "connection [closed]",
    "That was it.",
]  # fmt: skip
"""What is shown, in this order, among other things."""


def assert_shown(lines: list[str]) -> None:
    """Look for each thing below the one before."""
    below = iter([_without_numbers(line) for line in lines])
    for wanted in SHOWN:
        found = next((line for line in below if line.startswith(_without_numbers(wanted))), None)
        assert found is not None, f"no {wanted!r} where it belongs in:\n" + "\n".join(lines)
    # somebody comes and somebody goes in four moves, in which order depends on when they began
    assert {"joins", "leaves"} <= {_without_numbers(line).partition(" ")[0] for line in lines}


def _without_numbers(line: str) -> str:
    """Drop clock and columns; readings and round trips depend on the machine."""
    line = re.sub(r"^ *\d+\.\d  ", "", line)
    return re.sub(r"\d+\.\d (ms|degrees.*)|\bdegrees, readings: \d+", "N", re.sub(r" +", " ", line))


async def test_it_shows_each_act_and_ends_by_itself(start: Start):
    command = await start("demo")
    # meanwhile, where it is watched for what it leaves behind: the same without pauses
    output = io.StringIO()
    await demo(Console(output), pace=0)
    assert_shown(output.getvalue().splitlines())

    assert await command.end() == (0, "")
    assert_shown(command.lines)
    assert not any("\x1b" in line for line in command.lines)
    assert max(len(line) for line in command.lines) <= 120


MOMENTS = [
    "a tour of about",
    "[connecting]",
    "[joining]",
    "mia: ",
    "average ",
    '"slow"',
    "joins ",
    "6. A refused join",
    '"sesame"',
    "[errored]",
    'await lobby.push("crash")',
    "await server.stop()",
    "ConnectionRefused",
    "await server.start()",
    # not the last act: by the time the signal arrives the tour may be over, and Python on its way out
]


async def test_ctrl_c_ends_it_at_any_moment(start: Start):
    async def run_until(moment: str) -> tuple[float, int, str]:
        command = await start(python=("-c", HURRIED))
        await command.line(moment)
        began = asyncio.get_running_loop().time()
        status, errors = await command.interrupt()
        return asyncio.get_running_loop().time() - began, status, errors

    endings = await asyncio.gather(*(run_until(moment) for moment in MOMENTS))
    assert [(moment, errors) for moment, (_, _, errors) in zip(MOMENTS, endings, strict=True) if errors] == []
    assert {status for _, status, _ in endings} == {130}
    assert max(seconds for seconds, _, _ in endings) < 8


async def test_a_second_ctrl_c_does_no_harm(start: Start):
    command = await start("demo")
    await command.line("[open]")
    command.process.send_signal(signal.SIGINT)
    status, errors = await command.interrupt()
    # the second one may find Python on its way out, where it ends the process: 130 as well, for a shell
    assert status in (130, -signal.SIGINT)
    assert "Traceback" not in errors


@pytest.mark.skipif(os.name == "nt", reason="no broken pipes there")
async def test_it_ends_when_nobody_reads_any_more(start: Start):
    reading, writing = os.pipe()
    try:
        command: Command = await start("demo", stdout=writing)
    finally:
        os.close(writing)
    # as `head -n 1` does
    await asyncio.to_thread(os.read, reading, 1)
    os.close(reading)
    assert await command.end() == (130, "")


async def test_make_demo_gives_the_tour(start: Start):
    _, line = re.findall(
        r"^demo: (.*)\n\t@\$\(BIN\)/python (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE
    )[0]
    *python, word = shlex.split(line)
    command = await start(word, python=tuple(python))
    await command.line("1. Connect")
    assert await command.interrupt() == (130, "")

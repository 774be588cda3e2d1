"""The first and the last moments of the command: Ctrl-C in them ends it without a word."""

from __future__ import annotations

import signal

import pytest

from tests.cli.conftest import Start

AT_AN_IMPORT = """
import os, runpy, signal, sys

class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name == "{moment}":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Impatient())
runpy.run_module("rxphoenix", run_name="__main__")
"""

AT_THE_END = """
import atexit, os, runpy, signal

atexit.register(os.kill, os.getpid(), signal.SIGINT)
runpy.run_module("rxphoenix", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("arguments", "moment"),
    [
        (["--version"], "rxphoenix.cli"),
        (["--version"], "argparse"),
        (["demo"], "reactivex"),
        (["demo"], "aiohttp"),
        (["tail", "ws://127.0.0.1:1/socket", "room:a"], "typer"),
    ],
)
async def test_ctrl_c_while_it_is_imported_ends_it_without_a_word(arguments: list[str], moment: str, start: Start):
    command = await start(*arguments, python=("-c", AT_AN_IMPORT.format(moment=moment)))
    assert await command.end() == (-signal.SIGINT, "")
    assert command.lines == []


async def test_ctrl_c_when_it_is_done_ends_it_without_a_word(start: Start):
    command = await start("marbles", "check", "nowhere", python=("-c", AT_THE_END))
    assert await command.end() == (-signal.SIGINT, "")
    assert command.lines[-1] == "0 ok, 1 failed"


async def test_a_signal_that_the_shell_ignores_stays_ignored(start: Start):
    # as where a script runs it in the background
    program = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN){AT_AN_IMPORT.format(moment='argparse')}"
    command = await start("--version", python=("-c", program))
    assert await command.end() == (0, "")

"""Serving: it says where, answers there, and ends when it is told to."""

from __future__ import annotations

import ast
import asyncio
import re
import signal
import socket as sockets
from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import Socket
from rxphoenix.cli.serve import serve
from tests.cli.conftest import PATIENCE, Command, Start


async def address_of(command: Command) -> str:
    """The first address that it prints."""
    match = re.search(r"ws://\S+", await command.line("ws://"))
    assert match is not None
    return match[0]


async def trial_of(command: Command) -> str:
    """The program that it prints for trying."""
    await command.line("from rxphoenix import Socket")
    await command.line("Socket(")
    await command.line("socket.channel(")
    return "\n".join(line.strip() for line in command.lines[-3:])


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
async def test_it_answers_a_client_and_ends_by_a_signal(ending: signal.Signals, start: Start):
    command = await start("serve", "--port", "0")
    async with asyncio.timeout(PATIENCE), Socket(await address_of(command)) as socket:
        lobby = socket.channel("room:lobby")
        async with lobby.hold():
            assert await lobby.push("echo", {"body": "hi"}) == {"body": "hi"}
            assert await command.interrupt(ending) == (0, "")
            await socket.state.pipe(ops.first(lambda state: state == "closed"))
    assert command.lines[-1] == "rxphoenix: stopped"


@pytest.mark.parametrize("application", ["demo", "conformance"])
async def test_the_program_that_it_prints_works(application: str, start: Start, capsys: pytest.CaptureFixture[str]):
    command = await start("serve", application, "--port", "0")
    program = compile(await trial_of(command), "trial", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE):
        running = eval(program, names)
        if running is not None:
            await running
        async with names["socket"] as socket:
            if application == "demo":
                await socket.channel("room:lobby").on("new_msg").pipe(ops.first())
    printed = {"demo": "{'id': 1, 'user': 'mia', 'body': 'hello, anybody here?'}", "conformance": "{'body': 'hello'}"}
    assert capsys.readouterr().out.splitlines()[:1] == [printed[application]]
    assert await command.interrupt() == (0, "")


async def test_conformance_has_all_its_sockets(start: Start):
    command = await start("serve", "conformance", "--port", "0")
    for path in ("/socket", "/auth", "/short"):
        await command.line(path + " ")
    assert await command.interrupt() == (0, "")


async def test_a_taken_port_gets_a_clear_word(start: Start):
    with sockets.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = await start("serve", "--port", str(port))
        status, errors = await command.end()
    assert status == 1
    assert errors.splitlines() == [
        f"rxphoenix: port {port} on 127.0.0.1 is taken; choose another one with --port, or --port 0 for any free one"
    ]
    assert command.lines == []


async def test_an_address_of_another_machine_gets_a_clear_word(start: Start):
    command = await start("serve", "--host", "192.0.2.1", "--port", "0")
    status, errors = await command.end()
    assert (status, len(errors.splitlines())) == (1, 1)
    assert errors.startswith("rxphoenix: cannot listen on 192.0.2.1, port 0: ")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
async def test_in_this_process_it_leaves_nothing_behind(ending: signal.Signals, capsys: pytest.CaptureFixture[str]):
    before = signal.getsignal(ending)
    serving = asyncio.ensure_future(serve("demo", "127.0.0.1", 0))
    said = ""
    async with asyncio.timeout(PATIENCE):
        while "paste" not in said:
            await asyncio.sleep(0)
            said += capsys.readouterr().out
        signal.raise_signal(ending)
        assert await serving == 0
    assert capsys.readouterr().out == "\nrxphoenix: stopped\n"
    assert signal.getsignal(ending) in (before, signal.default_int_handler)

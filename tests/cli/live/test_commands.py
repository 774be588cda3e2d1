"""Arguments of the commands that look at an app: what is wrong with them, tokens, help, completion, a plain install."""

from __future__ import annotations

import asyncio
import os

import pytest

from rxphoenix.cli import ENDED, MISUSED, NOT_CONNECTED, main
from rxphoenix.cli.live.session import TransportName, make_socket
from tests.cli.conftest import Start
from tests.cli.live.conftest import House, Run
from tests.cli.live.screen import Screen

COMMANDS = ["tail", "push", "ping", "presence", "record", "replay", "dashboard"]
URL = "ws://127.0.0.1:1/socket"

WITHOUT = """
import sys
sys.modules["{package}"] = None  # as where it is not installed
from rxphoenix.cli import main
"""
PLAIN = f"{WITHOUT}sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_teaches_by_example(command: str, capsys: pytest.CaptureFixture[str]):
    assert main([command, "--help"]) == 0
    output = capsys.readouterr().out
    assert f"examples:\n    rxphoenix {command}" in output
    assert "exit status:\n    0 " in output
    assert ("RXPHOENIX_TOKEN" in output) is (command != "replay")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tail"], "Missing argument 'URL'; see rxphoenix tail --help"),
        (["tail", URL], "Missing argument 'TOPIC...'; see rxphoenix tail --help"),
        (["tail", "example.com", "a"], "Invalid value for URL: the endpoint 'example.com' must begin with ws:"),
        (["tail", URL, "a", "--for", "soon"], "Invalid value for --for: 'soon' is not a duration; write 30s"),
        (["tail", URL, "a", "--count", "0"], "Invalid value for --count: '0' is no number of things; write 1 or more"),
        (["tail", URL, "a", "--param", "user"], "Invalid value for --param: 'user' is not a pair; write key=value"),
        (["tail", URL, "a", "--join-param", "n:=x"], "Invalid value for --join-param: what follows n:= is no JSON"),
        (["tail", URL, "a", "--transport", "pigeon"], "'pigeon' is not one of 'websocket', 'longpoll', 'fallback'"),
        (["tail", URL, "a", "--loud"], "No such option: --loud"),
        (["push", URL, "a", "b", "{"], "Invalid value for JSON: '{' is no JSON: Expecting property name"),
        (["push", URL, "a", "b", "@/none"], "Invalid value for JSON: cannot read '/none': No such file or directory"),
        (["replay", "f", "--speed", "0"], "Invalid value for --speed: '0' is no speed; write 2 for twice as fast"),
        (["replay", "f", "--serve", "--port", "http"], "Invalid value for --port: 'http' is not a port"),
        (["replay", "f", "--serve", "--marbles"], "give --serve or --marbles, not both"),
        (["replay", "f", "--serve", "--speed", "max"], "Invalid value for --speed: a server needs time"),
        (["record", URL, "a"], "Missing option '-o' / '--output'"),
        (["dashboard", URL], "Invalid value for TOPIC: give at least one topic"),
        (["dashboard", URL, "a", "--port", "http"], "Invalid value for --port: 'http' is not a port"),
    ],
)
def test_arguments_that_make_no_sense(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]):
    assert main(arguments) == MISUSED
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("rxphoenix: ")
    assert told in output.err
    assert output.err.endswith(f"; see rxphoenix {arguments[0]} --help\n")
    assert output.err.count("\n") == 1


def test_a_token_comes_by_option_or_environment_and_is_not_told(
    far_house: House, run: Run, monkeypatch: pytest.MonkeyPatch
):
    url = far_house.url
    monkeypatch.delenv("RXPHOENIX_TOKEN", raising=False)
    told = [run("ping", url, "-c", "1", "--token", "sesame")]
    with monkeypatch.context() as environment:
        environment.setenv("RXPHOENIX_TOKEN", "sesame")
        told.append(run("ping", url, "-c", "1"))
    assert [(status, notes) for status, _, notes in told] == [(ENDED, "")] * 2
    assert [info.auth_token for _, info in far_house.connects] == ["sesame"] * 2
    told.append(run("ping", url, "--param", "user=mallory", "--token", "sesame"))
    told.append(run("ping", url, "--token", "sesame", "--count", "none"))
    assert [status for status, _, _ in told[2:]] == [NOT_CONNECTED, MISUSED]
    assert "sesame" not in str(told)


def test_a_token_is_not_in_the_repr_of_what_is_made_of_it():
    socket = make_socket("ws://localhost/socket", {"token": "sesame"}, "sesame", TransportName.websocket)
    assert "sesame" not in repr(socket)


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")
async def test_a_token_that_is_asked_for_is_not_echoed(house: House, start: Start):
    with Screen() as screen:
        terminal = screen.terminal
        command = await start(
            "ping", house.url, "-c", "1", "--ask-token", stdin=terminal, stderr=terminal, start_new_session=True
        )
        await screen.until(rb"Token: ")
        screen.type(b"sesame\n")
        assert await screen.end(command) == 0
    assert house.connects[0][1].auth_token == "sesame"
    assert b"sesame" not in screen.seen


@pytest.mark.parametrize("package", ["typer", "rich"])
async def test_a_plain_install_says_what_to_install_and_has_the_other_commands(package: str, start: Start):
    program = f'{WITHOUT}print(main(["tail", "{URL}", "room:a"]), main([])); main(["--version"])'
    command = await start(python=("-c", program.format(package=package)))
    assert await command.end() == (
        ENDED,
        "rxphoenix: tail needs typer and rich; install them: pip install 'rxphoenix[cli]'\n",
    )
    assert {line.split()[0] for line in command.lines if line.startswith("    ")} >= {*COMMANDS, "demo", "serve"}
    assert command.lines[-2] == f"{MISUSED} {ENDED}"
    assert command.lines[-1].startswith("rxphoenix ")


async def test_the_shell_completes_commands_and_options(start: Start):
    def complete(words: str, at: int) -> dict[str, str]:
        return {"_RXPHOENIX_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}

    options, script = await asyncio.gather(
        start(environment=complete("rxphoenix tail --j", 2)),
        start("--show-completion", "bash"),
    )
    assert [await command.end() for command in (options, script)] == [(0, "")] * 2
    assert set(options.lines) == {"--join-param", "--jsonl"}
    assert any("_RXPHOENIX_COMPLETE=complete_bash" in line for line in script.lines)

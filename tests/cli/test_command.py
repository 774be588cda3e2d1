"""What ``rxphoenix`` says about itself, and what it does with arguments."""

from __future__ import annotations

from importlib import metadata

import pytest

from rxphoenix.cli import main
from tests.cli.conftest import Start


def installed_version() -> str:
    """What packaging knows; the tests also run from sources that are not installed."""
    try:
        return metadata.version("rxphoenix")
    except metadata.PackageNotFoundError:
        return "(not installed)"


async def test_the_version_is_that_of_the_package(start: Start):
    command = await start("--version")
    assert await command.end() == (0, "")
    assert command.lines == [f"rxphoenix {installed_version()}"]


def test_without_arguments_it_helps(capsys: pytest.CaptureFixture[str]):
    assert main([]) == 0
    bare = capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr() == bare
    assert bare.err == ""


async def test_an_unknown_command_is_a_misuse(start: Start):
    command = await start("dance")
    status, errors = await command.end()
    assert status == 2
    assert "invalid choice: 'dance'" in errors
    assert "demo" in errors


def test_help_lists_commands_and_exit_statuses(capsys: pytest.CaptureFixture[str]):
    assert main([]) == 0
    words = capsys.readouterr().out.split()
    assert {"demo", "serve", "--version", "0", "1", "2", "130"} <= set(words)


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_each_command_helps(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "exit status:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["serve", "opera"], "invalid choice: 'opera'"),
        (["serve", "--port", "70000"], "'70000' is not a port"),
        (["serve", "--port", "-1"], "'-1' is not a port"),
        (["serve", "--port", "http"], "'http' is not a port"),
        (["demo", "--pace", "2"], "unrecognized arguments"),
    ],
)
def test_arguments_that_make_no_sense(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err

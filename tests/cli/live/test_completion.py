"""A shell completes every command and every option that the help tells of, those of a plain install included."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from rxphoenix.cli import main
from rxphoenix.cli.parser import LIVE

Complete = Callable[[str], list[str]]
COMMANDS = ["", *LIVE, "demo", "serve", "marbles", "marbles check", "marbles render"]


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complete:
    """What bash offers for a line, the last word of which is incomplete."""

    def offered(line: str) -> list[str]:
        words = f"rxphoenix {line}"
        with monkeypatch.context() as environment:
            environment.setenv("_RXPHOENIX_COMPLETE", "complete_bash")
            environment.setenv("COMP_WORDS", words)
            environment.setenv("COMP_CWORD", str(words.count(" ")))
            with pytest.raises(SystemExit) as ended:
                main([])
        assert ended.value.code == 0
        return capsys.readouterr().out.split()

    return offered


def told_options(help_text: str) -> Iterator[str]:
    """The options that a help text lists, one or two in a line."""
    for listed in re.findall(r"^ +(-[^ ].*?)(?:  |$)", help_text, re.MULTILINE):
        yield from re.findall(r"(?<![\w-])--?[a-z][a-z-]*", listed)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_that_the_help_tells_of_is_completed(
    command: str, complete: Complete, capsys: pytest.CaptureFixture[str]
):
    with suppress(SystemExit):
        main([*command.split(), "--help"])
    told = {*told_options(capsys.readouterr().out), *(() if command else ("--install-completion", "--show-completion"))}
    assert "--help" in told
    assert set(complete(f"{command} -".lstrip())) == told


def test_commands_and_choices_are_completed(complete: Complete):
    assert set(complete("")) == {*LIVE, "demo", "serve", "marbles"}
    assert complete("se") == ["serve"]
    assert complete("marbles ") == ["check", "render"]
    assert complete("marbles r") == ["render"]
    assert complete("serve ") == ["demo", "conformance"]
    assert complete("serve c") == ["conformance"]
    assert complete("tail --transport ") == ["websocket", "longpoll", "fallback"]


def test_an_option_that_is_given_is_offered_no_more(complete: Complete):
    assert set(complete("serve demo --port 0 --")) == {"--help", "--host"}


def test_what_is_no_choice_is_left_to_the_shell(complete: Complete):
    # bash then offers files
    for line in ("marbles check ", "marbles render a.marble -o ", "serve --port ", "demo "):
        assert complete(line) == []

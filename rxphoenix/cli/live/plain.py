"""The commands of a plain install, as typer knows them: so that a shell completes them like the others.

What lives here: typer's commands, made of the parser that reads their arguments. What does not: that parser
(``rxphoenix.cli.parser``), and what the commands do; typer never runs them.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from rxphoenix.cli.parser import LIVE, command_parser

__all__ = ["add_plain_commands"]


def add_plain_commands(application: typer.Typer) -> None:
    """Let an application know the options and commands of a plain install, for completion."""
    parser = command_parser()
    application.callback()(_function_of(parser, lambda: None))
    for name, command, words in _commands_of(parser):
        if name not in LIVE:
            _add(application, name, command, words)


def _add(application: typer.Typer, name: str, parser: argparse.ArgumentParser, words: str) -> None:
    commands = list(_commands_of(parser))
    if not commands:
        application.command(name, help=words, add_help_option=False)(_function_of(parser, _never))
        return
    group = typer.Typer(help=words, add_help_option=False, callback=_function_of(parser, _never))
    for inner, command, inner_words in commands:
        _add(group, inner, command, inner_words)
    application.add_typer(group, name=name)


def _never() -> None:
    raise AssertionError("rxphoenix.cli parses and runs the commands of a plain install itself")


def _commands_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """The commands below a parser: name, parser, and what they are for."""
    for action in parser._actions:
        if _holds_commands(action):
            holder: Any = action
            words = {choice.dest: choice.help for choice in holder._choices_actions}
            yield from ((name, command, words[name]) for name, command in holder.choices.items())


def _holds_commands(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)  # pyright: ignore[reportPrivateUsage]


def _function_of(parser: argparse.ArgumentParser, run: Callable[[], None]) -> Callable[..., None]:
    """A function whose signature has the arguments of a parser, as typer reads it."""

    def function(**_values: object) -> None:
        run()

    function.__signature__ = inspect.Signature(
        [
            inspect.Parameter(f"_{action.dest}", inspect.Parameter.KEYWORD_ONLY, **_typed(action))
            for action in parser._actions
            if not _holds_commands(action)
        ]
    )
    return function


def _typed(action: argparse.Action) -> dict[str, Any]:
    words = (action.help or "") % vars(action)
    choices = [str(choice) for choice in action.choices or ()]

    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    kind: Any = bool if action.nargs == 0 else list[str] | None if action.nargs == "+" else str | None
    completion = {} if kind is bool else {"autocompletion": complete}
    info: Any = typer.Option if action.option_strings else typer.Argument
    return {
        "annotation": Annotated[kind, info(*action.option_strings, help=words, **completion)],
        "default": False if kind is bool else None,
    }

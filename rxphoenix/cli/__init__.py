"""The ``rxphoenix`` command: from its arguments to what does the work, and to an exit status.

What lives here: finding the command that is asked for. What does not: arguments (``parser.py``, and ``live`` for what
needs the extra ``cli``), and what a command does (``demo.py``, ``serve.py``, ``marbles.py``, ``live``).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence

from rxphoenix.cli.parser import LIVE, command_parser, version
from rxphoenix.cli.statuses import ENDED, FAILED, INTERRUPTED, MISUSED, NOT_CONNECTED, REFUSED, TIMED_OUT

__all__ = [
    "ENDED",
    "FAILED",
    "INTERRUPTED",
    "MISUSED",
    "NOT_CONNECTED",
    "REFUSED",
    "TIMED_OUT",
    "main",
    "version",
]

_COMPLETION = ("--install-completion", "--show-completion")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Arguments:
        arguments: what follows the command's name, by default what the shell gave.

    Returns:
        The exit status; ``rxphoenix --help`` lists them.

    Raises:
        SystemExit: after ``--help`` and ``--version``, and with status 2 for arguments that make no sense.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if "_RXPHOENIX_COMPLETE" in os.environ or (given and given[0] in (*LIVE, *_COMPLETION)):
        return _live(given)
    parser = command_parser()
    options = parser.parse_args(given)
    run = _command(options)
    if run is None:
        parser.print_help()
        return ENDED
    _answer_interrupts()
    try:
        return run()
    except KeyboardInterrupt:
        return ENDED if options.command == "serve" else INTERRUPTED


def _command(options: Namespace) -> Callable[[], int] | None:
    """Load the command that was asked for, and only that: what it does with its arguments; ``None`` for none."""
    match options.command:
        case "demo":
            from rxphoenix.cli.demo import demo
            from rxphoenix.cli.signals import until_told

            async def tour() -> int:
                await demo()
                return ENDED

            return lambda: asyncio.run(until_told(tour()))
        case "serve":
            from rxphoenix.cli.serve import serve

            return lambda: asyncio.run(serve(options.application, options.host, options.port))
        case "marbles":
            from rxphoenix.cli.marbles import check, render

            draws = options.action == "render"
            done = (lambda: render(options.file, options.output)) if draws else (lambda: check(options.paths))
            return lambda: ENDED if done() else FAILED
        case _:
            return None


def _live(given: list[str]) -> int:
    """Run what needs the extra ``cli``, or say how to install it."""
    try:
        from rxphoenix.cli.live.commands import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "rich"):
            raise
        print(
            f"rxphoenix: {' '.join(given[:1])} needs typer and rich; install them: pip install 'rxphoenix[cli]'",
            file=sys.stderr,
        )
        return MISUSED
    _answer_interrupts()
    return run(given)


def _answer_interrupts() -> None:
    """Let Ctrl-C interrupt what runs; until now it has ended the process (``rxphoenix/__main__.py``)."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)

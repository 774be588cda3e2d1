"""The ``rxphoenix`` command: its arguments, and what becomes of them.

What lives here: parsing, for the commands that a plain install has, and finding the others. What does not: what a
command does (``demo.py``, ``serve.py``, ``marbles.py``, ``live``).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from importlib import metadata

from rxphoenix.cli.statuses import (
    ENDED,
    FAILED,
    INTERRUPTED,
    MISUSED,
    NOT_CONNECTED,
    REFUSED,
    STATUSES,
    TIMED_OUT,
)

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

_LIVE = {
    "tail": "join topics, and show what comes",
    "push": "push one message, and print the reply",
    "ping": "measure round trips",
    "presence": "show who is present on a topic",
    "record": "join topics, and record what is said",
    "replay": "show a recording, serve it, or make a marble file of it",
    "dashboard": "show a socket and its channels on a page that lives",
}
"""The commands of the extra ``cli``, which typer parses."""

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
    if "_RXPHOENIX_COMPLETE" in os.environ or (given and given[0] in (*_LIVE, *_COMPLETION)):
        return _live(given)
    parser = _parser()
    options = parser.parse_args(given)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as `make demo` has it, until we can answer
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Each command is imported when it is asked for: `rxphoenix --version` need not load a server.
    try:
        match options.command:
            case "demo":
                from rxphoenix.cli.demo import demo

                asyncio.run(demo())
                return ENDED
            case "serve":
                from rxphoenix.cli.serve import serve

                return asyncio.run(serve(options.application, options.host, options.port))
            case "marbles":
                from rxphoenix.cli.marbles import check, render

                done = render(options.file, options.output) if options.action == "render" else check(options.paths)
                return ENDED if done else FAILED
            case _:
                parser.print_help()
                return ENDED
    except KeyboardInterrupt:
        return ENDED if options.command == "serve" else INTERRUPTED


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
    except KeyboardInterrupt:
        return INTERRUPTED
    return run(given)


def version() -> str:
    """The version of the installed package."""
    try:
        return metadata.version("rxphoenix")
    except metadata.PackageNotFoundError:  # run from its sources
        return "(not installed)"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rxphoenix",
        description="Phoenix Channels as reactive streams.",
        epilog=f"{STATUSES}\n\n--install-completion sets up the shell to complete all of this (with 'rxphoenix[cli]').",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"rxphoenix {version()}", help="show the version and exit"
    )
    commands = parser.add_subparsers(dest="command", title="commands", metavar="command")
    commands.add_parser(
        "demo",
        help="a tour of the library over a real socket, about 20 seconds",
        description="A tour of the library over a real socket. It takes about 20 seconds and ends by itself.",
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve = commands.add_parser(
        "serve",
        help="run a small Phoenix server to try things against",
        description="Run a small Phoenix server until Ctrl-C, to try things against; not for production.",
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.add_argument(
        "application",
        nargs="?",
        choices=("demo", "conformance"),
        default="demo",
        help="demo: a chat and a thermometer; conformance: what the protocol tests talk to (default: demo)",
    )
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    serve.add_argument(
        "--port", type=_port, default=4000, help="the port to listen on, 0 for any free one (default: %(default)s)"
    )
    marbles = commands.add_parser(
        "marbles",
        help="run marble files, or draw them",
        description="Run marble files, or draw them.",
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = marbles.add_subparsers(dest="action", title="commands", metavar="command", required=True)
    check = actions.add_parser("check", help="run marble files", description="Run marble files in virtual time.")
    check.add_argument("paths", nargs="+", metavar="PATH", help="a file, or a folder of *.marble files")
    render = actions.add_parser("render", help="draw a marble file", description="Draw a marble file, as text or SVG.")
    render.add_argument("file", metavar="FILE", help="the marble file")
    render.add_argument("-o", "--output", metavar="FILE", help="where an SVG goes; without it, text is printed")
    for name, words in _LIVE.items():
        commands.add_parser(name, help=f"{words} (with 'rxphoenix[cli]')", add_help=False)
    return parser


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 0 to 65535")
    return port

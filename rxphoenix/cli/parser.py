"""The arguments of the commands that a plain install has, and the names of the others.

What lives here: the parser, with all its words of help. What does not: what becomes of what it parses
(``rxphoenix.cli``), and the arguments of the other commands (``live/commands.py``).
"""

from __future__ import annotations

import argparse
from importlib import metadata

from rxphoenix.cli.statuses import STATUSES

__all__ = ["LIVE", "command_parser", "version"]

LIVE = {
    "tail": "join topics, and show what comes",
    "push": "push one message, and print the reply",
    "ping": "measure round trips",
    "presence": "show who is present on a topic",
    "record": "join topics, and record what is said",
    "replay": "show a recording, serve it, or make a marble file of it",
    "dashboard": "show a socket and its channels on a page that lives",
}
"""The commands of the extra ``cli``, which typer parses."""


def version() -> str:
    """The version of the installed package."""
    try:
        return metadata.version("rxphoenix")
    except metadata.PackageNotFoundError:  # run from its sources
        return "(not installed)"


def command_parser() -> argparse.ArgumentParser:
    """Make the parser; the live commands have their names and a word of help in it, and no arguments."""
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
    for name, words in LIVE.items():
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

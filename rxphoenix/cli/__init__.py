"""The ``rxphoenix`` command: its arguments, and what becomes of them.

What lives here: parsing, and exit statuses. What does not: what a command does (``demo.py``, ``serve.py``,
``marbles.py``).
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from importlib import metadata

__all__ = ["ENDED", "FAILED", "INTERRUPTED", "MISUSED", "main", "version"]

ENDED, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses; the last one is what shells use for a command that Ctrl-C ended."""

_STATUSES = f"""\
exit status:
  {ENDED:<3}  it ended as it should; for serve, that is by Ctrl-C or SIGTERM
  {FAILED:<3}  it could not do it, for example because the port is taken
  {MISUSED:<3}  the arguments make no sense
  {INTERRUPTED:<3}  the demo was interrupted by Ctrl-C"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Arguments:
        arguments: what follows the command's name, by default what the shell gave.

    Returns:
        The exit status; ``rxphoenix --help`` lists them.

    Raises:
        SystemExit: after ``--help`` and ``--version``, and with status 2 for arguments that make no sense.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
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
        epilog=_STATUSES,
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
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve = commands.add_parser(
        "serve",
        help="run a small Phoenix server to try things against",
        description="Run a small Phoenix server until Ctrl-C, to try things against; not for production.",
        epilog=_STATUSES,
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
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = marbles.add_subparsers(dest="action", title="commands", metavar="command", required=True)
    check = actions.add_parser("check", help="run marble files", description="Run marble files in virtual time.")
    check.add_argument("paths", nargs="+", metavar="PATH", help="a file, or a folder of *.marble files")
    render = actions.add_parser("render", help="draw a marble file", description="Draw a marble file, as text or SVG.")
    render.add_argument("file", metavar="FILE", help="the marble file")
    render.add_argument("-o", "--output", metavar="FILE", help="where an SVG goes; without it, text is printed")
    return parser


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 0 to 65535")
    return port

"""The commands and their arguments, as typer reads them; their help teaches by example.

What lives here: options, and what becomes of errors. What does not: what a command does (a file each), and the commands
of a plain install (``rxphoenix.cli``).
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import typer

from rxphoenix import Payload, PhoenixError, RecordingError, Socket
from rxphoenix.cli.live import arguments
from rxphoenix.cli.live.items import Choice
from rxphoenix.cli.live.lines import Lines, printable
from rxphoenix.cli.live.notes import Notes
from rxphoenix.cli.live.options import (
    AskToken,
    Carrier,
    Count,
    Events,
    For,
    JoinParams,
    JSONLines,
    Params,
    Port,
    ShowPresence,
    Timeout,
    Token,
    Topic,
    Topics,
    Url,
)
from rxphoenix.cli.live.ping import ping as run_ping
from rxphoenix.cli.live.plain import add_plain_commands
from rxphoenix.cli.live.presence import presence as run_presence
from rxphoenix.cli.live.push import push as run_push
from rxphoenix.cli.live.record import record_topics
from rxphoenix.cli.live.replay import show
from rxphoenix.cli.live.session import TransportName, explanation, make_socket, status_of
from rxphoenix.cli.live.tail import Limits
from rxphoenix.cli.live.tail import tail as run_tail
from rxphoenix.cli.quiet import quiet_log
from rxphoenix.cli.signals import until_told
from rxphoenix.cli.statuses import ENDED, FAILED, INTERRUPTED, MISUSED, STATUSES
from rxphoenix.recording.events import Began
from rxphoenix.recording.file import read

__all__ = ["run"]

_T = TypeVar("_T")

_STATUSES = f"\b\n{STATUSES}"  # the first character keeps the lines of a paragraph as they are


def _examples(*lines: str) -> str:
    return "\n".join(["\b", "examples:", *(f"  {line}" for line in lines), "", _STATUSES])


application = typer.Typer(
    help="Phoenix Channels as reactive streams.",
    epilog=_STATUSES,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # they show locals, and tokens are among them
    no_args_is_help=True,
)


def run(given: Sequence[str]) -> int:
    """Run one of the commands.

    Arguments:
        given: its name, and what follows it.

    Returns:
        The exit status.
    """
    try:
        return application(list(given), prog_name="rxphoenix", standalone_mode=False) or ENDED
    except typer.TyperException as error:
        words = " ".join(error.format_message().split())
        if words:  # none where help was shown instead
            _complain(f"{words.removesuffix('.')}; see rxphoenix {_command(given)}--help")
        return error.exit_code
    except typer.Exit as ended:
        return ended.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED


@application.command(
    epilog=_examples(
        "rxphoenix tail ws://localhost:4000/socket room:lobby sensor:kitchen",
        "rxphoenix tail ws://localhost:4000/socket room:lobby --event new_msg --count 1",
        "rxphoenix tail ws://localhost:4000/socket room:secret --join-param password=sesame",
        "rxphoenix tail ws://localhost:4000/socket sensor:kitchen --for 30s | jq .payload.celsius",
    )
)
def tail(
    url: Url,
    topics: Topics,
    param: Params = None,
    join_param: JoinParams = None,
    event: Events = None,
    presence: ShowPresence = False,
    jsonl: JSONLines = False,
    for_: For = None,
    count: Count = None,
    token: Token = None,
    ask_token: AskToken = False,
    transport: Carrier = TransportName.websocket,
) -> int:
    """Join topics, and show what comes.

    One line a message: in colour where a person looks, JSON where a program reads. States, gaps and faults are told on
    standard error. Lost connections are made again; it ends by Ctrl-C, by --for or --count, or when the server has
    closed all topics.
    """
    socket = _socket(url, param, token, ask_token, transport)
    joined_with, limits = _pairs("--join-param", arguments.join_pairs, join_param), _limits(for_, count)
    choice, lines, notes = Choice(event or (), presence), Lines(jsonl), Notes()
    return _run(
        socket,
        run_tail(socket, topics, joined_with or None, choice, limits, lines, notes),
        ENDED if limits.are_none else INTERRUPTED,
    )


@application.command(
    epilog=_examples(
        'rxphoenix push ws://localhost:4000/socket room:lobby new_msg \'{"body": "hello"}\'',
        'echo \'{"body": "hello"}\' | rxphoenix push ws://localhost:4000/socket room:lobby new_msg -',
        "rxphoenix push ws://localhost:4000/socket room:lobby echo --binary picture.png --timeout 1m",
    )
)
def push(
    url: Url,
    topic: Topic,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event to push.")],
    payload: Annotated[
        str, typer.Argument(metavar="JSON", help="The payload: JSON, @file, or - for standard input.")
    ] = "{}",
    binary: Annotated[
        Path | None, typer.Option("--binary", metavar="FILE", help="Push the bytes of a file instead.")
    ] = None,
    timeout: Timeout = "10s",
    param: Params = None,
    join_param: JoinParams = None,
    token: Token = None,
    ask_token: AskToken = False,
    transport: Carrier = TransportName.websocket,
) -> int:
    """Push one message, and print the reply.

    It joins, pushes, prints the reply as a line of JSON, and leaves. The exit status tells whether the reply was "ok".
    """
    if binary is not None and payload != "{}":
        raise typer.BadParameter("give JSON or --binary, not both")
    content = _read("--binary", binary) if binary is not None else _value("JSON", arguments.payload, payload)
    socket = _socket(url, param, token, ask_token, transport, timeout)
    joined_with = _pairs("--join-param", arguments.join_pairs, join_param)
    lines, notes = Lines(), Notes()
    return _run(
        socket,
        run_push(socket, topic, event, content, joined_with or None, lines, notes),
    )


@application.command(
    epilog=_examples(
        "rxphoenix ping ws://localhost:4000/socket",
        "rxphoenix ping ws://localhost:4000/socket -c 5 --transport longpoll",
    )
)
def ping(
    url: Url,
    count: Annotated[str | None, typer.Option("-c", "--count", metavar="NUMBER", help="End after so many.")] = None,
    timeout: Timeout = "10s",
    param: Params = None,
    token: Token = None,
    ask_token: AskToken = False,
    transport: Carrier = TransportName.websocket,
) -> int:
    """Measure round trips, one a second.

    It ends by Ctrl-C or -c, and sums up: how many were answered, and the shortest, the median and the longest.
    """
    socket, lines, limits = _socket(url, param, token, ask_token, transport, timeout), Lines(), _limits(None, count)
    return _run(socket, run_ping(socket, limits.count, lines), ENDED if limits.are_none else INTERRUPTED)


@application.command(
    epilog=_examples(
        "rxphoenix presence ws://localhost:4000/socket room:lobby --param user=ann",
        "rxphoenix presence ws://localhost:4000/socket room:lobby --count 1 | jq '.present[].key'",
    )
)
def presence(
    url: Url,
    topic: Topic,
    param: Params = None,
    join_param: JoinParams = None,
    jsonl: JSONLines = False,
    for_: For = None,
    count: Count = None,
    token: Token = None,
    ask_token: AskToken = False,
    transport: Carrier = TransportName.websocket,
) -> int:
    """Show who is present on a topic, as a table that lives.

    Where a program reads, each change prints the whole list as a line of JSON.
    """
    socket = _socket(url, param, token, ask_token, transport)
    joined_with, limits = _pairs("--join-param", arguments.join_pairs, join_param), _limits(for_, count)
    lines = Lines(jsonl)
    notes = Notes(lines.console if sys.stderr.isatty() else None)
    return _run(
        socket,
        run_presence(socket, topic, joined_with or None, limits, lines, notes),
        ENDED if limits.are_none else INTERRUPTED,
    )


@application.command(
    epilog=_examples(
        "rxphoenix record ws://localhost:4000/socket room:lobby sensor:kitchen -o session.jsonl.gz",
        "rxphoenix record ws://localhost:4000/socket sensor:kitchen -o kitchen.jsonl --for 5m",
    )
)
def record(
    url: Url,
    topics: Topics,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="The file: appended to; one that ends in .gz is compressed."
        ),
    ],
    param: Params = None,
    join_param: JoinParams = None,
    for_: For = None,
    count: Count = None,
    token: Token = None,
    ask_token: AskToken = False,
    transport: Carrier = TransportName.websocket,
) -> int:
    """Join topics, and record what is said.

    Lines of JSON, one event a line; connect params and tokens are not recorded, and secrets in payloads are redacted.
    It ends by Ctrl-C, by --for or --count, or when the server has closed all topics.
    """
    socket = _socket(url, param, token, ask_token, transport)
    joined_with, limits = _pairs("--join-param", arguments.join_pairs, join_param), _limits(for_, count)
    notes = Notes()
    return _run(
        socket,
        record_topics(socket, topics, joined_with or None, output, limits, notes),
        ENDED if limits.are_none else INTERRUPTED,
    )


@application.command(
    epilog=_examples(
        "rxphoenix replay session.jsonl.gz",
        "rxphoenix replay session.jsonl.gz --speed max | jq .payload",
        "rxphoenix replay session.jsonl.gz --serve --port 4000",
        "rxphoenix replay session.jsonl.gz --marbles --frame 100ms > session.marble",
    )
)
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The recording.")],
    speed: Annotated[
        str, typer.Option("--speed", metavar="NUMBER", help="How much faster time runs; max lets it take none.")
    ] = "1",
    event: Events = None,
    presence: ShowPresence = False,
    jsonl: JSONLines = False,
    serve: Annotated[bool, typer.Option("--serve", help="Be a server that plays it, to any client.")] = False,
    port: Port = "4000",
    marbles: Annotated[bool, typer.Option("--marbles", help="Print it as a marble file instead, for a test.")] = False,
    frame: Annotated[
        str, typer.Option("--frame", metavar="DURATION", help="How long a character of the marbles lasts.")
    ] = "10ms",
) -> int:
    """Show a recording, serve it, or make a marble file of it.

    It is shown as `tail` shows what comes, when it came. With --serve each client that connects is played the recording
    from its beginning, and its joins and pushes get the recorded answers. With --marbles what the server said becomes a
    test.
    """
    faster, listening = _value("--speed", arguments.speed, speed), _value("--port", arguments.port, port)
    seconds = _value("--frame", arguments.duration, frame)
    if serve and marbles:
        raise typer.BadParameter("give --serve or --marbles, not both")
    if serve and math.isinf(faster):
        raise typer.BadParameter("a server needs time; --speed 100 plays a hundred times as fast", param_hint="--speed")
    if marbles:
        return _of_file(file, lambda: _print_marbles(file, seconds))
    if serve:
        return _of_file(file, lambda: asyncio.run(_serve(file, listening, faster)))
    work = show(read(file), faster, Choice(event or (), presence), Lines(jsonl), Notes())
    return _of_file(file, lambda: asyncio.run(until_told(work)))


@application.command(
    epilog=_examples(
        "rxphoenix dashboard",
        "rxphoenix dashboard ws://localhost:4000/socket room:lobby sensor:kitchen --open",
        "RXPHOENIX_TOKEN=... rxphoenix dashboard wss://example.com/socket room:lobby --port 8080",
    )
)
def dashboard(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="The mount point of the socket: ws://localhost:4000/socket")
    ] = None,
    topics: Annotated[list[str] | None, typer.Argument(metavar="TOPIC...", help="The topics to join.")] = None,
    port: Port = "5006",
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    param: Params = None,
    join_param: JoinParams = None,
    token: Token = None,
    ask_token: AskToken = False,
    transport: Carrier = TransportName.websocket,
) -> int:
    """Show a socket and its channels on a page that lives.

    The connection over time, round trips, messages a second, a log with a filter, presence, a form to push, and buttons
    to disconnect and reconnect. Without a URL it shows a small server of its own. The page is served on this machine
    only, until Ctrl-C. It needs the extra `dashboard`: pip install 'rxphoenix[cli,dashboard]'.
    """
    if url is not None and not topics:
        raise typer.BadParameter("give at least one topic", param_hint="TOPIC")
    listening = _value("--port", arguments.port, port)
    try:
        from rxphoenix.cli.live.dashboard import show_dashboard, show_demo
    except ModuleNotFoundError as error:
        _complain(str(error))
        return MISUSED
    if url is None:
        return _told("the demo", lambda: asyncio.run(until_told(show_demo(listening, open_), ENDED)))
    socket = _socket(url, param, token, ask_token, transport)
    joined_with = _pairs("--join-param", arguments.join_pairs, join_param)
    return _run(socket, show_dashboard(socket, topics or [], joined_with or None, listening, open_), ENDED)


def _of_file(file: Path, work: Callable[[], int]) -> int:
    """Do some work on a recording; what is wrong in it is told with its name."""

    def named() -> int:
        try:
            return work()
        except RecordingError as error:
            _complain(f"{file}: {error}")
            return FAILED

    return _told(str(file), named)


def _print_marbles(file: Path, frame: float) -> int:
    # loaded here, because nothing else needs what is for tests
    from rxphoenix.testing.recorded import to_marbles

    try:
        print(to_marbles(file, frame=frame), end="")
    except ValueError as error:  # what the recording holds cannot be drawn
        raise typer.BadParameter(str(error)) from None
    return ENDED


async def _serve(file: Path, port: int, speed: float) -> int:
    # loaded here, because nothing else needs a server
    from rxphoenix.cli.live.stage import recorded_application
    from rxphoenix.cli.serve import serve_endpoint
    from rxphoenix.recording.script import Script

    began = next(read(file), None)
    path = urlsplit(began.endpoint).path.rstrip("/") if isinstance(began, Began) else ""
    endpoint = recorded_application(Script(read(file)), path or "/socket", speed)
    return await serve_endpoint(
        endpoint, "127.0.0.1", port, lambda url: f"{file} is played at {url}{path or '/socket'} until Ctrl-C"
    )


add_plain_commands(application)


# -- what they share -------------------------------------------------------------------------------------------------


def _run(socket: Socket, work: Coroutine[Any, Any, int], interrupted: int = INTERRUPTED) -> int:
    with quiet_log():
        return _told(socket.endpoint, lambda: asyncio.run(until_told(work, interrupted)), interrupted)


def _told(where: str, work: Callable[[], int], interrupted: int = INTERRUPTED) -> int:
    """Do some work; what goes wrong is told in one line.

    Arguments:
        where: the address, or the file, that it is about.
        work: it returns an exit status.
        interrupted: the exit status where nobody reads any more.
    """
    try:
        return work()
    except BrokenPipeError:
        # as in `... | head`: what Python flushes at its exit must not fail again
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return interrupted
    except (PhoenixError, OSError) as error:
        _complain(explanation(error, where))
        return status_of(error)


def _complain(words: str) -> None:
    print(f"rxphoenix: {printable(words)}", file=sys.stderr)


def _command(given: Sequence[str]) -> str:
    return f"{given[0]} " if given and not given[0].startswith("-") else ""


def _socket(
    url: str,
    params: list[str] | None,
    token: str | None,
    ask_token: bool,
    transport: TransportName,
    timeout: str = "10s",
) -> Socket:
    pairs = _pairs("--param", arguments.pairs, params)
    seconds = _value("--timeout", arguments.duration, timeout)
    if ask_token:
        token = typer.prompt("Token", hide_input=True, err=True)
    return _value("URL", lambda given: make_socket(given, pairs, token, transport, seconds), url)


def _limits(for_: str | None, count: str | None) -> Limits:
    return Limits(
        None if for_ is None else _value("--for", arguments.duration, for_),
        None if count is None else _value("--count", arguments.count, count),
    )


def _pairs(name: str, read: Callable[[list[str]], dict[str, _T]], words: list[str] | None) -> dict[str, _T]:
    return _value(name, read, words or [])


def _value(name: str, read: Callable[[Any], _T], given: object) -> _T:
    """What an argument means; what is wrong with it is told in one line."""
    try:
        return read(given)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(_problem(error), param_hint=name) from None


def _read(name: str, path: Path) -> Payload:
    return _value(name, lambda given: Path(given).read_bytes(), path)


def _problem(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"cannot read {str(error.filename)!r}: {error.strerror}"
    return str(error)

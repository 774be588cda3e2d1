"""The arguments and options that several commands have, as typer reads them.

What lives here: their names and their help. What does not: what they mean (``arguments.py``), and those of one command
(``commands.py``).
"""

from __future__ import annotations

from typing import Annotated

import typer

from rxphoenix.cli.live.session import TransportName

__all__ = [
    "AskToken",
    "Carrier",
    "Count",
    "Events",
    "For",
    "JSONLines",
    "JoinParams",
    "Params",
    "Port",
    "ShowPresence",
    "Timeout",
    "Token",
    "Topic",
    "Topics",
    "Url",
]

Url = Annotated[str, typer.Argument(metavar="URL", help="The mount point of the socket: ws://localhost:4000/socket")]
Topic = Annotated[str, typer.Argument(metavar="TOPIC", help="The topic to join.")]
Topics = Annotated[list[str], typer.Argument(metavar="TOPIC...", help="The topics to join.")]
Params = Annotated[
    list[str] | None, typer.Option("--param", metavar="KEY=VALUE", help="A connect param; may be repeated.")
]
JoinParams = Annotated[
    list[str] | None,
    typer.Option(
        "--join-param", metavar="KEY=TEXT", help="A param of the join; KEY:=JSON for what is no text. May be repeated."
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="RXPHOENIX_TOKEN",
        help="The auth token. Others on the machine can see arguments: the environment, or --ask-token, is safer.",
        show_default=False,
    ),
]
AskToken = Annotated[bool, typer.Option("--ask-token", help="Ask for the auth token, without showing it.")]
Carrier = Annotated[TransportName, typer.Option("--transport", help="What carries the messages.")]
For = Annotated[
    str | None, typer.Option("--for", metavar="DURATION", help="End after so long: 30s, 500ms, 2.5m or 1h.")
]
Count = Annotated[str | None, typer.Option("--count", metavar="NUMBER", help="End after so many.")]
JSONLines = Annotated[bool, typer.Option("--jsonl", help="Print lines of JSON, also where a person looks.")]
Events = Annotated[
    list[str] | None, typer.Option("--event", metavar="EVENT", help="Show only this event; may be repeated.")
]
ShowPresence = Annotated[bool, typer.Option("--presence", help="Show who comes and who goes, too.")]
Timeout = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="How long connecting, and an answer, may take.")
]

Port = Annotated[
    str, typer.Option("--port", metavar="PORT", help="Where to serve it, on 127.0.0.1; 0 for any free port.")
]

"""``rxphoenix presence``: who is present on a topic, as a table that lives.

What lives here: the table, and the line for a program. What does not: presence itself (``Channel.presence``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from reactivex import Observable
from reactivex import operators as ops
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rxphoenix import Joined, PresenceSnapshot, Socket
from rxphoenix.cli.live.lines import Lines, instant_text, json_line, printable
from rxphoenix.cli.live.notes import Notes
from rxphoenix.cli.live.session import connected
from rxphoenix.cli.live.tail import Limits
from rxphoenix.cli.statuses import ENDED

__all__ = ["presence"]


async def presence(
    socket: Socket,
    topic: str,
    join_params: Mapping[str, Any] | None,
    limits: Limits,
    lines: Lines,
    notes: Notes,
) -> int:
    """Join a topic, and show who is present until it is enough.

    Arguments:
        socket: the socket; it is closed at the end.
        topic: the topic.
        join_params: the params of the join.
        limits: when it is enough; what counts are the lists that differ.
        lines: where they are shown: a table in place where a person looks, a line of JSON each where none does.
        notes: where states, gaps and faults are told.

    Returns:
        The exit status.

    Raises:
        ConnectionFault: the first attempt to connect has failed.
        JoinRefused: the join was refused.
    """
    channel = socket.channel(topic, join_params)

    def on_joined(joined: Joined) -> None:
        notes.joined(topic, joined)

    watching = notes.watch(socket)
    try:
        async with connected(socket):
            snapshots = limits.of(channel.presence().pipe(ops.distinct_until_changed()), socket)
            joins = channel.joined.subscribe(on_joined, lambda error: None)
            try:
                await _show(snapshots, topic, socket, lines)
            finally:
                joins.dispose()
            watching.dispose()
    finally:
        watching.dispose()
    return ENDED


async def _show(snapshots: Observable[PresenceSnapshot[Any]], topic: str, socket: Socket, lines: Lines) -> None:
    def now() -> datetime:
        return socket.scheduler.now.replace(tzinfo=UTC)

    def write(snapshot: PresenceSnapshot[Any]) -> None:
        lines.write(_line(snapshot, topic, now()))

    if lines.console is None:
        await snapshots.pipe(ops.do_action(write), ops.count())
        return
    with Live(_table(PresenceSnapshot[Any](), topic), console=lines.console, auto_refresh=False) as live:

        def update(snapshot: PresenceSnapshot[Any]) -> None:
            live.update(_table(snapshot, topic), refresh=True)

        await snapshots.pipe(ops.do_action(update), ops.count())


def _line(snapshot: PresenceSnapshot[Any], topic: str, at: datetime) -> str:
    present = [{**entry.fields, "key": entry.key, "metas": entry.metas} for entry in snapshot]
    return json_line({"at": instant_text(at), "topic": topic, "present": present})


def _table(snapshot: PresenceSnapshot[Any], topic: str) -> Table:
    table = Table(title=Text(f"{printable(topic)}: {len(snapshot)} present"), title_justify="left")
    table.add_column("who", style="bold green")
    table.add_column("devices", justify="right")
    table.add_column("what the server says of them")
    for entry in snapshot:
        metas = "\n".join(printable(json.dumps(_told(meta), ensure_ascii=False)) for meta in entry.metas)
        table.add_row(Text(printable(entry.key)), str(len(entry.metas)), Text(metas))
    return table


def _told(meta: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in meta.items() if name not in ("phx_ref", "phx_ref_prev")}

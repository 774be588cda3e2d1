"""``rxphoenix record``: what is said on topics, into a file.

What lives here: joining, and telling how much was recorded. What does not: recording (``rxphoenix.recording``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import reactivex
from reactivex import operators as ops

from rxphoenix import Joined, Recording, Socket, record
from rxphoenix.cli.live.notes import Notes
from rxphoenix.cli.live.session import connected
from rxphoenix.cli.live.tail import Limits
from rxphoenix.cli.statuses import ENDED

__all__ = ["record_topics"]

_EVERY = 0.5


async def record_topics(
    socket: Socket,
    topics: Sequence[str],
    join_params: Mapping[str, Any] | None,
    path: Path,
    limits: Limits,
    notes: Notes,
) -> int:
    """Join topics, and record all that is said, until it is enough or the server has closed them all.

    Arguments:
        socket: the socket; it is closed at the end.
        topics: the topics.
        join_params: the params of each join.
        path: the file.
        limits: when it is enough; what counts are messages on the topics.
        notes: where states, gaps and faults are told, and progress where a person looks.

    Returns:
        The exit status.

    Raises:
        ConnectionFault: the first attempt to connect has failed.
        JoinRefused: a join was refused.
        RecordingError, OSError: the file cannot be written.
    """
    recording = record(socket, path)
    watching = notes.watch(socket)
    try:
        with notes.console.status(_words(recording)) as status:
            progress = reactivex.interval(_EVERY, scheduler=socket.scheduler).subscribe(
                lambda _: status.update(_words(recording))
            )
            try:
                async with connected(socket):
                    await limits.of(reactivex.merge(*_channels(socket, topics, join_params, notes)), socket).pipe(
                        ops.count()
                    )
                    watching.dispose()
            finally:
                progress.dispose()
    finally:
        watching.dispose()
        recording.dispose()
        notes.tell(str(path), _words(recording))
    return ENDED


def _channels(
    socket: Socket, topics: Sequence[str], join_params: Mapping[str, Any] | None, notes: Notes
) -> list[reactivex.Observable[Any]]:
    def joins(topic: str) -> reactivex.Observable[Any]:
        def on_joined(joined: Joined) -> None:
            notes.joined(topic, joined)

        return socket.channel(topic, join_params).joined.pipe(ops.do_action(on_joined), ops.ignore_elements())

    unique = list(dict.fromkeys(topics))
    return [*map(joins, unique), *(socket.channel(topic, join_params) for topic in unique)]


def _words(recording: Recording) -> str:
    return f"{recording.count} events recorded"

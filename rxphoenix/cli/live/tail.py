"""``rxphoenix tail``: what comes on topics, as it comes.

What lives here: joining, and showing until it is enough. What does not: how it looks (``lines.py``, ``notes.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import msgspec
import reactivex
from reactivex import Observable
from reactivex import operators as ops

from rxphoenix import Joined, Message, Socket
from rxphoenix.cli.live.items import Choice, Item
from rxphoenix.cli.live.lines import Lines
from rxphoenix.cli.live.notes import Notes
from rxphoenix.cli.live.session import connected
from rxphoenix.cli.statuses import ENDED

__all__ = ["Limits", "tail"]


class Limits(msgspec.Struct, frozen=True):
    """When it is enough.

    Arguments:
        seconds: for how long, from the beginning; ``None`` for no end.
        count: how many; ``None`` for any number.
    """

    seconds: float | None = None
    count: int | None = None

    @property
    def are_none(self) -> bool:
        """Whether it is never enough."""
        return self.seconds is None and self.count is None

    def of(self, stream: Observable[Any], socket: Socket) -> Observable[Any]:
        """The stream, until it is enough."""
        if self.seconds is not None:
            stream = stream.pipe(ops.take_until_with_time(self.seconds, scheduler=socket.scheduler))
        return stream if self.count is None else stream.pipe(ops.take(self.count))


async def tail(
    socket: Socket,
    topics: Sequence[str],
    join_params: Mapping[str, Any] | None,
    choice: Choice,
    limits: Limits,
    lines: Lines,
    notes: Notes,
) -> int:
    """Join topics, and show what comes until it is enough, or the server has closed them all.

    Arguments:
        socket: the socket; it is closed at the end.
        topics: the topics.
        join_params: the params of each join.
        choice: what is shown.
        limits: when it is enough.
        lines: where it is shown.
        notes: where states, gaps and faults are told.

    Returns:
        The exit status.

    Raises:
        ConnectionFault: the first attempt to connect has failed.
        JoinRefused: a join was refused.
    """

    def items_of(topic: str) -> Observable[Item]:
        channel = socket.channel(topic, join_params)

        def on_joined(joined: Joined) -> None:
            if joined.rejoin:
                choice.lost(topic)
            notes.joined(topic, joined)

        def chosen(message: Message) -> Observable[Item]:
            return reactivex.from_iterable(choice.of(message, socket.scheduler.now.replace(tzinfo=UTC)))

        joins = channel.joined.pipe(ops.do_action(on_joined), ops.ignore_elements())
        items = channel.pipe(ops.flat_map(chosen))
        return reactivex.merge(joins, items.pipe(ops.do_action(on_completed=lambda: notes.state(topic, "closed"))))

    watching = notes.watch(socket)
    try:
        async with connected(socket):
            items = limits.of(reactivex.merge(*map(items_of, dict.fromkeys(topics))), socket)
            await items.pipe(ops.do_action(lines.show), ops.count())
            # what follows is not news: the command itself says goodbye
            watching.dispose()
    finally:
        watching.dispose()
    return ENDED

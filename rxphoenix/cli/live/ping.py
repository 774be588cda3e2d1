"""``rxphoenix ping``: how long a message to the server and back takes.

What lives here: measuring once a second, and the summary. What does not: the round trip itself (``Socket.ping``).
"""

from __future__ import annotations

import asyncio
from itertools import count as counting
from statistics import median

from rxphoenix import ConnectionFault, Socket
from rxphoenix.cli.live.lines import Lines
from rxphoenix.cli.live.session import connected
from rxphoenix.cli.statuses import ENDED, TIMED_OUT

__all__ = ["ping", "summary"]

_EVERY = 1.0


async def ping(socket: Socket, count: int | None, lines: Lines) -> int:
    """Ping once a second, and sum up at the end, also when that is by Ctrl-C.

    Arguments:
        socket: the socket; it is closed at the end.
        count: how many times; ``None`` for no end.
        lines: where it is printed.

    Returns:
        The exit status: whether any was answered.

    Raises:
        ConnectionFault: the first attempt to connect has failed.
    """
    sent, answered = 0, list[float]()
    async with connected(socket):
        lines.write(f"ping {socket.endpoint}")
        try:
            for number in counting(1) if count is None else range(1, count + 1):
                if number > 1:
                    await asyncio.sleep(_EVERY)
                sent = number
                try:
                    answered.append(await socket.ping())
                    lines.write(f"{sent}: {answered[-1] * 1000:.2f} ms")
                except ConnectionFault as error:
                    lines.write(f"{sent}: no answer: {error}")
        finally:
            lines.write(summary(sent, answered))
    return ENDED if answered else TIMED_OUT


def summary(sent: int, answered: list[float]) -> str:
    """The last line: how many were answered, and how fast.

    Arguments:
        sent: how many pings were sent.
        answered: the round trips in seconds.
    """
    words = f"{sent} sent, {len(answered)} answered"
    if not answered:
        return words
    times = "/".join(f"{seconds * 1000:.2f}" for seconds in (min(answered), median(answered), max(answered)))
    return f"{words}, min/median/max = {times} ms"

"""``rxphoenix push``: one push, and what the server replies.

What lives here: sending it, and printing the reply. What does not: reading the payload (``arguments.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rxphoenix import Payload, Socket
from rxphoenix.cli.live.lines import Lines, json_line, with_payload
from rxphoenix.cli.live.notes import Notes
from rxphoenix.cli.live.session import connected
from rxphoenix.cli.statuses import ENDED, REFUSED

__all__ = ["push"]


async def push(
    socket: Socket,
    topic: str,
    event: str,
    payload: Payload,
    join_params: Mapping[str, Any] | None,
    lines: Lines,
    notes: Notes,
) -> int:
    """Join a topic, push, print the reply as JSON, and leave.

    Arguments:
        socket: the socket; it is closed at the end.
        topic: the topic.
        event: the event.
        payload: the payload.
        join_params: the params of the join.
        lines: where the reply is printed, whatever its status.
        notes: where it is told that the status is not "ok".

    Returns:
        The exit status.

    Raises:
        PhoenixError: there was no reply.
    """
    async with connected(socket):
        reply = await socket.channel(topic, join_params).request(event, payload)
    lines.write(json_line({"status": reply.status, **with_payload("response", reply.response)}))
    if reply.status == "ok":
        return ENDED
    notes.tell(topic, f"the push {event!r} was refused: the reply has the status {reply.status!r}", "red")
    return REFUSED

"""What the letters of drawings stand for wherever the client is tested, as in the marble files."""

from __future__ import annotations

from typing import Any

from rxphoenix import Message, Payload, Reply

STATES = {
    "c": "closed", "n": "connecting", "o": "open", "a": "closing",
    "g": "joining", "d": "joined", "e": "errored", "v": "leaving",
}  # fmt: skip
"""Those of sockets, and of channels."""

DONE = {"x": None}
"""What says that something is done, and nothing else."""


def join(ref: int, params: Payload = None, topic: str = "room:a") -> Message:
    """The join with this ref."""
    return Message(str(ref), str(ref), topic, "phx_join", {} if params is None else params)


def push(join_ref: int, ref: int, event: str, payload: Payload = None, topic: str = "room:a") -> Message:
    """A push with this ref, on the join with that one."""
    return Message(str(join_ref), str(ref), topic, event, {} if payload is None else payload)


def leave(join_ref: int, ref: int, topic: str = "room:a") -> Message:
    """The end of a join."""
    return push(join_ref, ref, "phx_leave", topic=topic)


FRAMES: dict[str, Any] = {**{str(ref): join(ref) for ref in range(1, 10)}, "l": leave(1, 2)}
"""Joins by their refs, which are these where nothing else is sent; and a leave right after the first."""


def said(event: str, payload: Payload = None, *, join_ref: int | None = None, topic: str = "room:a") -> Message:
    """A message from the server: a broadcast, or a push to a join."""
    return Message(None if join_ref is None else str(join_ref), None, topic, event, {} if payload is None else payload)


def ended(event: str, join_ref: int, topic: str = "room:a") -> Message:
    """A ``phx_close`` or ``phx_error`` of a join."""
    return Message(str(join_ref), str(join_ref), topic, event, {})


def replied(join_ref: int | None, ref: int | str, reply: Reply | Any, topic: str = "room:a") -> Message:
    """A reply from the server, or what it says instead."""
    payload = {"status": reply.status, "response": reply.response} if isinstance(reply, Reply) else reply
    return Message(None if join_ref is None else str(join_ref), str(ref), topic, "phx_reply", payload)

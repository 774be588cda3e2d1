"""The pushes of one join: those that are held until it is joined, and those that were sent on it.

What lives here: keeping them in order and telling them what happens to the join. What does not: the life of a single
push (``push.py``).
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from rxphoenix.client.connection import Connection
from rxphoenix.errors import PhoenixError, TakenOver

__all__ = ["Passenger", "Pushes"]


class Passenger(Protocol):
    """A push that rides on a join."""

    def sendable(self, connection: Connection, join_ref: str) -> None:
        """The channel is joined: go."""
        ...

    def interrupted(self, error: PhoenixError | None) -> None:
        """The join or its connection has ended."""
        ...

    def refused(self, error: PhoenixError) -> None:
        """It was held, and now the join is not coming."""
        ...


class Pushes:
    """The pushes that ride on one join.

    Arguments:
        most: how many are held at most until it is joined.
    """

    __slots__ = ("_connection", "_held", "_join_ref", "_sent", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: deque[Passenger] = deque()
        self._sent: dict[Passenger, None] = {}
        self._connection: Connection | None = None
        self._join_ref = ""

    def take(self, push: Passenger) -> bool:
        """Send a push, or hold it until joined; returns whether there was room."""
        if self._connection is not None:
            self._sent[push] = None
            push.sendable(self._connection, self._join_ref)
        elif len(self._held) < self.most:
            self._held.append(push)
        else:
            return False
        return True

    def drop(self, push: Passenger) -> None:
        """Forget a push that is answered, timed out or disposed."""
        if push in self._sent:
            del self._sent[push]
        elif push in self._held:
            self._held.remove(push)

    def joined(self, connection: Connection, join_ref: str) -> None:
        """The server has accepted the join: what was held goes out, oldest first."""
        self._connection, self._join_ref = connection, join_ref
        held, self._held = self._held, deque()
        for push in held:
            self._sent[push] = None
            push.sendable(connection, join_ref)

    def interrupted(self, error: PhoenixError | None) -> None:
        """The join or its connection is over: nobody will answer what was sent."""
        self._connection = None
        sent, self._sent = self._sent, {}
        for push in sent:
            push.interrupted(error)

    def unsendable(self, error: PhoenixError | None) -> None:
        """The join is not coming: what was held will not be sent, and hears why."""
        held, self._held = self._held, deque()
        for push in held:
            if error is None or isinstance(error, TakenOver):
                push.interrupted(error)
            else:
                push.refused(error)

"""The pushes of one join: those that are held until it is joined, and those that were sent on it.

What lives here: keeping them in order and telling them what happens to the join. What does not: the life of a single
push (``push.py``).
"""

from __future__ import annotations

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

    __slots__ = ("_connection", "_join_ref", "most", "riding")

    def __init__(self, most: int) -> None:
        self.most = most
        self.riding: dict[Passenger, None] = {}
        """In order; whoever rides no more takes itself out.

        All of them were sent while there is a connection, and all are held while there is none.
        """
        self._connection: Connection | None = None
        self._join_ref = ""

    def take(self, push: Passenger) -> bool:
        """Send a push, or hold it until joined; returns whether there was room."""
        if self._connection is not None:
            self.riding[push] = None
            push.sendable(self._connection, self._join_ref)
        elif len(self.riding) < self.most:
            self.riding[push] = None
        else:
            return False
        return True

    def joined(self, connection: Connection, join_ref: str) -> None:
        """The server has accepted the join: what was held goes out, oldest first."""
        self._connection, self._join_ref = connection, join_ref
        for push in tuple(self.riding):
            push.sendable(connection, join_ref)

    def interrupted(self, error: PhoenixError | None) -> None:
        """The join or its connection is over: nobody will answer what was sent."""
        if self._connection is not None:
            self._connection = None
            for push in self._all_gone():
                push.interrupted(error)

    def unsendable(self, error: PhoenixError | None) -> None:
        """The join is not coming: what was held will not be sent, and hears why."""
        if self._connection is not None:
            return
        for push in self._all_gone():
            if error is None or isinstance(error, TakenOver):
                push.interrupted(error)
            else:
                push.refused(error)

    def _all_gone(self) -> tuple[Passenger, ...]:
        riding = tuple(self.riding)
        self.riding.clear()
        return riding

"""The replies that one connection awaits, by the refs of what was sent.

What lives here: who waits for which reply, and whether one is what it must be. What does not: sending
(``connection.py``), and what a reply says (``reply.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from rxphoenix.client.context import Context
from rxphoenix.errors import MalformedFrame, PhoenixError
from rxphoenix.protocol.message import REPLY, Message

__all__ = ["Awaited", "Awaiting", "Replies", "ReplyHandler"]

ReplyHandler: TypeAlias = Callable[[Message], None]


class Awaiting(Protocol):
    """Who waits for a reply, and what it must be for."""

    @property
    def topic(self) -> str | None:
        """The topic."""
        ...

    @property
    def join_ref(self) -> str | None:
        """The join, if it is for one."""
        ...

    def deadline(self) -> float | None:
        """The monotonic instant at which it times out, for a join: the server does nothing else meanwhile."""
        ...

    def replied(self, message: Message, /) -> None:
        """The reply has come."""
        ...

    def failed(self, error: PhoenixError, /) -> None:
        """The connection has ended first."""
        ...


class Awaited:
    """A reply that functions wait for; see ``Awaiting``."""

    __slots__ = ("_failed", "_replied", "join_ref", "topic")

    def __init__(
        self,
        topic: str,
        join_ref: str | None,
        replied: ReplyHandler,
        failed: Callable[[PhoenixError], object] | None = None,
    ) -> None:
        self.topic = topic
        self.join_ref = join_ref
        self._replied = replied
        self._failed = failed

    def deadline(self) -> None:
        """It is for no join."""

    def replied(self, message: Message) -> None:
        """The reply has come."""
        self._replied(message)

    def failed(self, error: PhoenixError) -> None:
        """The connection has ended first."""
        if self._failed is not None:
            self._failed(error)


class Replies:
    """The replies that one connection awaits.

    Arguments:
        context: the surroundings of the socket; its flow control is told when there is something to wait for.
    """

    __slots__ = ("_awaited", "_context", "_flow", "_patient")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._flow = context.flow
        self._awaited: dict[str, Awaiting] = {}
        self._patient = 0

    @property
    def are_urgent(self) -> bool:
        """Whether somebody waits who may not be kept waiting."""
        return len(self._awaited) > self._patient

    def __len__(self) -> int:
        return len(self._awaited)

    def last_deadline(self) -> float | None:
        """The monotonic instant at which the last join that is not answered will have timed out, if there is one."""
        deadlines = (awaited.deadline() for awaited in self._awaited.values())
        return max((instant for instant in deadlines if instant is not None), default=None)

    def expect(self, ref: str, awaiting: Awaiting) -> None:
        """Hand over the reply to what is sent with a ref, or say that the connection has ended first."""
        self._awaited[ref] = awaiting
        if self._flow.blocks:
            self._flow.update()

    def expect_patiently(self, ref: str, topic: str, replied: ReplyHandler) -> None:
        """Call ``replied`` with the reply; if reading is held back, it may come late."""

        def heard(message: Message) -> None:
            self._patient -= 1
            replied(message)

        self._patient += 1
        self.expect(ref, Awaited(topic, None, heard))

    def forget(self, ref: str) -> None:
        """Await a reply no longer."""
        if self._awaited.pop(ref, None) is not None:
            self._changed()

    def came(self, message: Message) -> bool:
        """Hand over a reply, or report one that is about something else; tells whether its ref is awaited."""
        ref = message.ref
        if ref is None:
            return False
        awaited = self._awaited.get(ref)
        if awaited is None:
            return False
        join_ref = message.join_ref
        # no join is named by serializer 1.0.0, and where the server does not know the one that was asked about
        if message.topic == awaited.topic and (join_ref is None or join_ref == awaited.join_ref):
            del self._awaited[ref]
            awaited.replied(message)
            if self._flow.blocks:
                self._flow.update()
        else:
            problem = "a reply to something else than what was sent with its ref"
            self._context.report(MalformedFrame(problem), topic=message.topic, event=REPLY)
        return True

    def settle(self, ref: str, message: Message) -> None:
        """Hand over what counts as a reply, if somebody awaits it."""
        awaited = self._awaited.pop(ref, None)
        if awaited is not None:
            awaited.replied(message)
            self._changed()

    def fail(self, error: PhoenixError) -> None:
        """Tell those who wait that no reply will come."""
        replies, self._awaited = self._awaited, {}
        for awaited in replies.values():
            awaited.failed(error)

    def _changed(self) -> None:
        if self._flow.blocks:
            self._flow.update()

"""The joins of one connection that are none of ours any more, until the server has ended them too.

What lives here: which ``phx_close`` is still to come, and for which join. What does not: the joins of ours
(``join.py``), and sending (``connection.py``).
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Departures"]

_MOST = 1000
"""How many are remembered: a server that ends none must not have us remember all."""


class _Departure(NamedTuple):
    topic: str
    leave_ref: str | None


class Departures:
    """What is known of them: their topics, and the refs of the leaves that were sent for them.

    Serializer 1.0.0 does not say which join a ``phx_close`` is for, so this is how we know: the oldest of its topic.
    """

    __slots__ = ("_by_join_ref", "_by_topic")

    def __init__(self) -> None:
        self._by_join_ref: dict[str, _Departure] = {}
        self._by_topic: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self._by_join_ref)

    def expect(self, join_ref: str, topic: str, leave_ref: str | None = None) -> str | None:
        """Note that the server will end a join; of too many the oldest is forgotten.

        Arguments:
            join_ref: the join.
            topic: its topic.
            leave_ref: the ref of the leave that was sent for it, if one was.

        Returns:
            The ref of the leave of the one that is forgotten for it, if there is one.
        """
        if self._by_join_ref.pop(join_ref, None) is None:
            self._by_topic.setdefault(topic, []).append(join_ref)
        self._by_join_ref[join_ref] = _Departure(topic, leave_ref)
        if len(self._by_join_ref) <= _MOST:
            return None
        return self.ended(next(iter(self._by_join_ref)))

    def is_expected(self, topic: str) -> bool:
        """Whether the server is still to end a join of the topic; stray messages are expected until then."""
        return topic in self._by_topic

    def find(self, topic: str, join_ref: str | None) -> str | None:
        """The join that a ``phx_close`` ends, if it is one of these.

        Arguments:
            topic: the topic of the message.
            join_ref: the join that it names; ``None`` for a message that names none.
        """
        joins = self._by_topic.get(topic)
        if joins is None:
            return None
        if join_ref is None:
            return joins[0]
        return join_ref if join_ref in joins else None

    def ended(self, join_ref: str) -> str | None:
        """Note that the server has ended a join; returns the ref of its leave, if one was sent."""
        departure = self._by_join_ref.pop(join_ref, None)
        if departure is None:
            return None
        joins = self._by_topic[departure.topic]
        joins.remove(join_ref)
        if not joins:
            del self._by_topic[departure.topic]
        return departure.leave_ref

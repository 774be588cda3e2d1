"""What is shown of the messages of a topic: those that were asked for, and who comes and goes.

What lives here: choosing, and reading presence. What does not: how it looks (``lines.py``).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from rxphoenix import MalformedFrame, Message, Payload, PresenceSync, Roster

__all__ = ["Arrival", "Choice", "Item", "News"]

_STATE, _DIFF = "presence_state", "presence_diff"


class News(msgspec.Struct, frozen=True):
    """A message.

    Arguments:
        at: when it came, in UTC.
        topic: its topic.
        event: its event.
        payload: a JSON value, or ``bytes``.
    """

    at: datetime
    topic: str
    event: str
    payload: Payload


class Arrival(msgspec.Struct, frozen=True):
    """Somebody has come, or gone.

    Arguments:
        at: when, in UTC.
        topic: the topic.
        presence: ``"join"`` or ``"leave"``.
        key: who.
        metas: what has come or gone of them.
    """

    at: datetime
    topic: str
    presence: str
    key: str
    metas: tuple[Payload, ...]


Item = News | Arrival


class Choice:
    """What is shown of messages.

    Arguments:
        events: the events to show, none for all but those of presence.
        presence: whether to show who comes and goes; with it and without ``events``, all is shown.
    """

    def __init__(self, events: Collection[str] = (), presence: bool = False) -> None:
        self._events = frozenset(events)
        self._presence = presence
        self._rosters: dict[str, Roster[Any]] = {}

    def of(self, message: Message, at: datetime) -> list[Item]:
        """What is shown of a message; messages of the protocol itself are not."""
        if message.event.startswith("phx_"):
            return []
        if message.event in (_STATE, _DIFF):
            items: list[Item] = [*self._arrivals(message, at)] if self._presence else []
            if message.event in self._events:
                items.append(News(at, message.topic, message.event, message.payload))
            return items
        if self._events and message.event not in self._events:
            return []
        return [News(at, message.topic, message.event, message.payload)]

    def lost(self, topic: str) -> None:
        """The join of a topic was lost: what is said of presence next is compared with what was known."""
        if topic in self._rosters:
            self._rosters[topic].lost()

    def _arrivals(self, message: Message, at: datetime) -> list[Arrival]:
        roster = self._rosters.setdefault(message.topic, Roster[Any]())
        take = roster.sync_state if message.event == _STATE else roster.sync_diff
        try:
            syncs = take(message.payload)
        except MalformedFrame:
            return []  # an app of its own may use the names otherwise
        return [arrival for sync in syncs for arrival in self._told(sync, message.topic, at)]

    @staticmethod
    def _told(sync: PresenceSync[Any], topic: str, at: datetime) -> list[Arrival]:
        kinds = [("join", change) for change in sync.joins] + [("leave", change) for change in sync.leaves]
        return [Arrival(at, topic, kind, change.key, change.changed.metas) for kind, change in kinds]

"""A roster and those who look at it, each at a part: the list, its size, one key, who joins, who leaves.

What lives here: telling them what a message has changed, and a newcomer how things are. What does not: how the roster
comes about (``rxphoenix.protocol.roster``), and which messages it is made of (``attendance.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

from rxphoenix.client.context import Context
from rxphoenix.client.subjects import Subscriber, deliver
from rxphoenix.protocol.roster import PresenceSync, Roster
from rxphoenix.protocol.snapshot import PresenceEntry, are_equal
from rxphoenix.protocol.typed import PayloadType

__all__ = ["Look", "Part", "PresenceView"]

_M = TypeVar("_M")


class Part(Enum):
    """What of a roster is looked at."""

    LIST = "list"
    SIZE = "size"
    SYNCED = "synced"
    JOINS = "joins"
    LEAVES = "leaves"
    KEY = "key"


class Look(NamedTuple):
    """What an observer wants to see of a roster.

    Arguments:
        type: what the metas are read as, ``None`` for as they came.
        part: the part that it looks at.
        key: the key, for ``Part.KEY``.
    """

    type: PayloadType[Any] | None
    part: Part
    key: str = ""


class _Watched(Generic[_M]):
    """One key, who watches it, and what they were told last."""

    __slots__ = ("last", "subscribers")

    def __init__(self) -> None:
        self.subscribers: tuple[Subscriber[PresenceEntry[_M] | None], ...] = ()
        self.last: PresenceEntry[_M] | None = None


class PresenceView(Generic[_M]):
    """One roster and its observers.

    Arguments:
        context: where they are told.
        type: what the metas are read as.
        roster: the roster; whoever changes it says so.
    """

    __slots__ = ("_context", "_keys", "_known", "_observers", "_size", "_synced", "roster", "type")

    def __init__(self, context: Context, type: PayloadType[Any] | None, roster: Roster[_M]) -> None:
        self.type = type
        self.roster = roster
        self._context = context
        self._observers: dict[Part, tuple[Subscriber[Any], ...]] = {}
        self._keys: dict[str, _Watched[_M]] = {}
        self._known = roster.known
        self._synced = roster.synced
        self._size = len(roster)

    @property
    def is_observed(self) -> bool:
        """Whether somebody looks."""
        return bool(self._observers or self._keys)

    def add(self, look: Look, subscriber: Subscriber[Any]) -> Callable[[], None]:
        """Take an observer in; returns what takes it out again."""
        if look.part is Part.KEY:
            watched = self._keys.setdefault(look.key, _Watched())
            watched.subscribers = (*watched.subscribers, subscriber)
            watched.last = self.roster.get(look.key)
        else:
            self._observers[look.part] = (*self._observers.get(look.part, ()), subscriber)
        return lambda: self._remove(look, subscriber)

    def tell_newcomer(self, look: Look, subscriber: Subscriber[Any]) -> None:
        """Tell an observer how things are, if that is known."""
        roster, part = self.roster, look.part
        if part is Part.SYNCED:
            subscriber.next(roster.synced)
        elif roster.known:
            if part is Part.LIST:
                subscriber.next(roster.snapshot)
            elif part is Part.SIZE:
                subscriber.next(len(roster))
            elif part is Part.KEY:
                subscriber.next(roster.get(look.key))

    def _remove(self, look: Look, subscriber: Subscriber[Any]) -> None:
        if look.part is Part.KEY:
            watched = self._keys[look.key]
            watched.subscribers = tuple(other for other in watched.subscribers if other is not subscriber)
            if not watched.subscribers:
                del self._keys[look.key]
            return
        rest = tuple(other for other in self._observers[look.part] if other is not subscriber)
        if rest:
            self._observers[look.part] = rest
        else:
            del self._observers[look.part]

    def tell(self, syncs: list[PresenceSync[_M]]) -> None:
        """Tell everybody what a message has changed: the changes first, then what they have led to."""
        roster, observers = self.roster, self._observers
        joins, leaves = observers.get(Part.JOINS, ()), observers.get(Part.LEAVES, ())
        if joins or leaves:
            for sync in syncs:
                for change in sync.joins:
                    deliver(joins, change)
                for change in sync.leaves:
                    deliver(leaves, change)
        if self._keys:
            self._tell_keys(syncs)
        became_known, self._known = not self._known, True
        size = len(roster)
        if size != self._size or became_known:
            self._size = size
            deliver(observers.get(Part.SIZE, ()), size)
        if Part.LIST in observers:
            deliver(observers[Part.LIST], roster.snapshot)
        if not self._synced:
            self._synced = True
            deliver(observers.get(Part.SYNCED, ()), True)

    def _tell_keys(self, syncs: list[PresenceSync[_M]]) -> None:
        every = chain.from_iterable(sync.keys for sync in syncs) if self._known else list(self._keys)
        for key in every:
            watched = self._keys.get(key)
            if watched is not None:
                entry = self.roster.get(key)
                if not (self._known and are_equal(entry, watched.last)):
                    watched.last = entry
                    deliver(watched.subscribers, entry)

    def lost(self) -> None:
        """The join was lost; the roster knows."""
        if self._synced:
            self._synced = False
            self._context.dispatcher.emit(deliver, self._observers.get(Part.SYNCED, ()), False)

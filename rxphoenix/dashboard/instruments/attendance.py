"""Who is present, and who has come and gone.

What lives here: the last list and the last changes. What does not: presence itself (``Channel.presence``).
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec
from reactivex import abc

from rxphoenix import Presence, PresenceChange, PresenceEntry, PresenceSnapshot
from rxphoenix.dashboard.instruments.instrument import Instrument, reason
from rxphoenix.dashboard.instruments.text import as_text

__all__ = ["CHANGES", "SHOWN", "Attendance", "AttendanceLook", "ChangeLook", "EntryLook"]

SHOWN = 100
"""How many of those present are shown."""

CHANGES = 30
"""How many comings and goings are kept."""


class EntryLook(msgspec.Struct, frozen=True):
    """Somebody who is present.

    Arguments:
        key: who.
        metas: what is known of each of their devices, as JSON.
    """

    key: str
    metas: list[str]


class ChangeLook(msgspec.Struct, frozen=True):
    """Somebody has come, or gone.

    Arguments:
        at: when, in milliseconds since the epoch.
        kind: ``"join"``, ``"leave"``, or ``"update"`` where a device is known by something else now.
        key: who.
        is_only: whether they were away before, or are away now; otherwise it is one of several devices.
    """

    at: float
    kind: str
    key: str
    is_only: bool


class AttendanceLook(msgspec.Struct, frozen=True):
    """The list.

    Arguments:
        size: how many are present.
        synced: whether the list is that of the server; in an outage the last one stands.
        entries: the first of them.
        changes: who has come and gone, latest first.
        ended: how presence ended, ``None`` while it lives.
    """

    size: int
    synced: bool
    entries: list[EntryLook]
    changes: list[ChangeLook]
    ended: str | None


class Attendance(Instrument):
    """Watches presence.

    Arguments:
        presence: what ``channel.presence()`` returns.
        scheduler: whose clock tells when somebody comes or goes.
    """

    def __init__(self, presence: Presence[Any], scheduler: abc.SchedulerBase | None = None) -> None:
        super().__init__(scheduler)
        self._presence = presence
        self._snapshot: PresenceSnapshot[Any] = PresenceSnapshot()
        self._synced = False
        self._changes: deque[ChangeLook] = deque(maxlen=CHANGES)
        self._replaced: set[str] = set()
        self._ended: str | None = None

    def _watch(self) -> None:
        self._ended = None
        self._follow(self._presence, self._take, self._end)
        self._follow(self._presence.synced, self._sync, self._end)
        self._follow(self._presence.joins, self._join, self._end)
        self._follow(self._presence.leaves, self._leave, self._end)

    def _take(self, snapshot: PresenceSnapshot[Any]) -> None:
        self._snapshot = snapshot

    def _sync(self, synced: bool) -> None:
        self._synced = synced

    def _join(self, change: PresenceChange[Any]) -> None:
        replaced = _refs(change, "phx_ref_prev")
        self._replaced |= replaced
        self._note("update" if replaced else "join", change)

    def _leave(self, change: PresenceChange[Any]) -> None:
        # an update is a join, and then a leave of what it replaces
        refs = _refs(change, "phx_ref")
        if refs and refs <= self._replaced:
            self._replaced -= refs
        else:
            self._note("leave", change)

    def _note(self, kind: str, change: PresenceChange[Any]) -> None:
        self._changes.appendleft(ChangeLook(self.now * 1000, kind, change.key, change.is_only))

    def _end(self, error: Exception | None) -> None:
        self._synced = False
        self._ended = "completed" if error is None else reason(error)

    def _look(self) -> AttendanceLook:
        return AttendanceLook(
            len(self._snapshot),
            self._synced,
            [_look_of(entry) for entry in self._snapshot[:SHOWN]],
            list(self._changes),
            self._ended,
        )


def _refs(change: PresenceChange[Any], name: str) -> set[str]:
    """The refs of what has changed; none where presence is read as a type that does not have them."""
    metas: list[dict[str, Any]] = [meta for meta in change.changed.metas if isinstance(meta, dict)]
    return {meta[name] for meta in metas if isinstance(meta.get(name), str)}


def _look_of(entry: PresenceEntry[Any]) -> EntryLook:
    metas = [*entry.metas, entry.fields] if entry.fields else entry.metas
    return EntryLook(entry.key, [_text(meta) for meta in metas])


def _text(meta: Any) -> str:
    if isinstance(meta, dict):
        meta = {name: value for name, value in meta.items() if name not in ("phx_ref", "phx_ref_prev")}  # pyright: ignore[reportUnknownVariableType]
    return as_text(meta)

"""Who is present on a topic: states and differences from the server, made into a roster.

```text
state, diff, diff, (join lost), diff, state, diff   ->   who is there, who joined, who left
```

A state is the whole truth at its moment; a difference changes it. Differences that come before the state are held and
applied after it; after a lost join everything waits for a new state, whose difference to what was known is what is
reported. Joins are applied before leaves: who only changes is never seen to leave.

What lives here: keeping the roster, and telling what changed. What does not: its snapshots (``snapshot.py``), how
messages come and who is told (``rxphoenix.client``).

Source: the "Presence" part of the protocol page; the effect and the order of changes are those of the official
client's ``Presence``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import chain
from typing import Any, Generic, TypeVar, cast

import msgspec

from rxphoenix.errors import MalformedFrame, PayloadMismatch
from rxphoenix.protocol.message import Payload
from rxphoenix.protocol.snapshot import Meta, PresenceEntry, PresenceSnapshot, Slots, are_equal

__all__ = ["PresenceChange", "PresenceSync", "Roster"]

_M = TypeVar("_M")
_R = TypeVar("_R")
_T = TypeVar("_T")

_SPARE = 64


class PresenceChange(msgspec.Struct, Generic[_M], frozen=True):
    """A join or a leave: what ``joins`` and ``leaves`` emit.

    The first device of somebody joins with ``current`` None, a further one does not; with the last device that leaves
    ``current.metas`` is empty, with one of several it is not. ``is_only`` tells it of both.

    Arguments:
        key: whose it is.
        current: for a join the presence before, ``None`` if there was none; for a leave the presence that remains.
        changed: the presence that joined or left: only its metas, not those that were there or remain.
        resync: whether it was found by comparing what was known before a lost join with the state after it.
    """

    key: str
    current: PresenceEntry[_M] | None
    changed: PresenceEntry[_M]
    resync: bool = False

    @property
    def is_only(self) -> bool:
        """Whether ``changed`` is all that there is of the key: the first device that joins, the last that leaves."""
        return self.current is None or not self.current.metas


class PresenceSync(msgspec.Struct, Generic[_M], frozen=True):
    """What one state or difference has changed.

    Arguments:
        joins: the joins, in order; they come before the leaves.
        leaves: the leaves, in order.
        keys: the keys that may have changed.
    """

    joins: list[PresenceChange[_M]]
    leaves: list[PresenceChange[_M]]
    keys: Collection[str]


class _Part(msgspec.Struct, Generic[_M]):
    """What a message says of one key."""

    key: str
    refs: tuple[str, ...]
    metas: tuple[_M, ...]
    fields: dict[str, Payload]


class _Record(Generic[_M]):
    """What is kept of one key."""

    __slots__ = ("entry", "refs", "slot")

    def __init__(self, entry: PresenceEntry[_M], refs: tuple[str, ...], slot: int) -> None:
        self.entry = entry
        self.refs = refs
        self.slot = slot

    def part(self) -> _Part[_M]:
        """All of it, as a message would say it."""
        return _Part(self.entry.key, self.refs, self.entry.metas, self.entry.fields)


class Roster(Generic[_M]):
    """Who is present, according to the states and differences that it was given.

    It is what ``channel.presence()`` is made of, and can be used by itself.

    Arguments:
        read: reads a meta as something else, and raises ``PayloadMismatch`` for one that does not fit. Such a meta is
            treated as if it had never been sent. By default metas are kept as they came.
        on_mismatch: receives what ``read`` has raised.

    Example:
        ```python
        from rxphoenix import Roster

        roster = Roster()
        roster.sync_state({"ann": {"metas": [{"phx_ref": "a", "device": "phone"}]}})
        (sync,) = roster.sync_diff({"joins": {"bob": {"metas": [{"phx_ref": "b"}]}}, "leaves": {}})
        assert [change.key for change in sync.joins] == ["bob"]
        assert [entry.key for entry in roster.snapshot] == ["ann", "bob"]
        assert roster.list_by(lambda key, entry: entry.metas[0].get("device")) == ["phone", None]
        ```
    """

    def __init__(
        self,
        read: Callable[[Meta], _M] | None = None,
        on_mismatch: Callable[[PayloadMismatch], object] | None = None,
    ) -> None:
        self._reader = read
        self._on_mismatch = on_mismatch
        self._records: dict[str, _Record[_M]] = {}
        self._slots: Slots[_M] | None = None
        self._held: list[tuple[list[_Part[_M]], list[_Part[_M]]]] = []
        self._synced = False
        self._known = False

    # -- looking -------------------------------------------------------------------------------------------------

    @property
    def synced(self) -> bool:
        """Whether a state has come since the last ``lost``."""
        return self._synced

    @property
    def known(self) -> bool:
        """Whether a state has ever come."""
        return self._known

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: str) -> PresenceEntry[_M] | None:
        """What is known of a key, ``None`` if it is absent."""
        record = self._records.get(key)
        return None if record is None else record.entry

    @property
    def snapshot(self) -> PresenceSnapshot[_M]:
        """Who is there now; what is applied later does not change it."""
        slots = self._slots
        if slots is None:
            entries: list[PresenceEntry[_M]] = []
            for slot, record in enumerate(self._records.values()):
                record.slot = slot
                entries.append(record.entry)
            slots = self._slots = Slots(entries)
        return slots.snapshot()

    def list_by(self, chooser: Callable[[str, PresenceEntry[_M]], _R]) -> list[_R]:
        """What a function makes of each key and its entry, in the order of the snapshot."""
        return [chooser(key, record.entry) for key, record in self._records.items()]

    # -- syncing -------------------------------------------------------------------------------------------------

    def sync_state(self, state: Payload) -> list[PresenceSync[_M]]:
        """Take in a state, then the differences that were held until it came.

        Arguments:
            state: the payload of a ``presence_state``.

        Returns:
            What the state has changed, and after it what each held difference has.

        Raises:
            MalformedFrame: it is no state; nothing has changed then.
        """
        parts = self._read(_parts(state, "presence state"))
        syncs = [self._take_state({part.key: part for part in parts})]
        self._synced = self._known = True
        held, self._held = self._held, []
        syncs += [self._take_diff(joins, leaves) for joins, leaves in held]
        return syncs

    def sync_diff(self, diff: Payload) -> list[PresenceSync[_M]]:
        """Take in a difference, or hold it until the state comes.

        Arguments:
            diff: the payload of a ``presence_diff``.

        Returns:
            What it has changed, as one ``PresenceSync``; none if it is held.

        Raises:
            MalformedFrame: it is no difference; nothing has changed then.
        """
        if not isinstance(diff, dict) or "joins" not in diff or "leaves" not in diff:
            raise MalformedFrame("a presence diff that is no object with joins and leaves")
        both = cast("dict[str, Payload]", diff)
        joins, leaves = _parts(both["joins"], "presence diff"), _parts(both["leaves"], "presence diff")
        return self._sync_diff(self._read(joins), self._read(leaves, report=False))

    def _sync_diff(self, joins: list[_Part[_M]], leaves: list[_Part[_M]]) -> list[PresenceSync[_M]]:
        if self._synced:
            return [self._take_diff(joins, leaves)]
        self._held.append((joins, leaves))
        return []

    def lost(self) -> None:
        """Note that the join was lost: what is known stands, and waits for the state of the next join."""
        self._synced = False
        self._held.clear()  # they belong to a state that will never come

    def read_by(
        self, read: Callable[[_M], _T], on_mismatch: Callable[[PayloadMismatch], object] | None = None
    ) -> Roster[_T]:
        """The same roster with its metas read as something else; see the arguments of ``Roster``."""
        other: Roster[Any] = Roster(cast("Callable[[Meta], _T]", read), on_mismatch)
        kept = [
            _Part(key, record.refs, record.entry.metas, record.entry.fields) for key, record in self._records.items()
        ]
        for part in other._read(kept):
            other._join(part)
        for joins, leaves in self._held:
            other._held.append((other._read(joins), other._read(leaves, report=False)))
        other._synced, other._known = self._synced, self._known
        return other

    def _read(self, parts: list[_Part[Any]], *, report: bool = True) -> list[_Part[_M]]:
        """Read the metas; a part of which none fits is left out, and who leaves was reported when it came."""
        read, on_mismatch = self._reader, self._on_mismatch if report else None
        if read is None:
            return parts
        found: list[_Part[_M]] = []
        for part in parts:
            fitting: list[tuple[str, _M]] = []
            for ref, meta in zip(part.refs, part.metas, strict=True):
                try:
                    fitting.append((ref, read(meta)))
                except PayloadMismatch as error:
                    if on_mismatch is not None:
                        on_mismatch(error)
            if fitting or not part.metas:
                found.append(_part(part.key, fitting, part.fields))
        return found

    # -- what they change ----------------------------------------------------------------------------------------

    def _take_diff(self, joins: list[_Part[_M]], leaves: list[_Part[_M]]) -> PresenceSync[_M]:
        joined = [self._join(part) for part in joins]
        left = [change for part in leaves if (change := self._leave(part)) is not None]
        self._tidy()
        return PresenceSync(joined, left, {part.key: None for part in (*joins, *leaves)})

    def _take_state(self, state: dict[str, _Part[_M]]) -> PresenceSync[_M]:
        resync = self._known
        joins: list[_Part[_M]] = []
        stays: list[_Part[_M]] = []
        leaves = [record.part() for key, record in self._records.items() if key not in state]
        for part in state.values():
            record = self._records.get(part.key)
            if record is None:
                joins.append(part)
                continue
            stays.append(part)
            if part.refs != record.refs:
                named, known = frozenset(part.refs), frozenset(record.refs)
                joined = [(ref, meta) for ref, meta in zip(part.refs, part.metas, strict=True) if ref not in known]
                left = [pair for pair in zip(record.refs, record.entry.metas, strict=True) if pair[0] not in named]
                if joined:
                    joins.append(_part(part.key, joined, part.fields))
                if left:
                    leaves.append(_part(part.key, left, record.entry.fields))
        who_joined = [self._join(part, resync=resync) for part in joins]
        renewed = [part.key for part in stays if self._renew(part)]
        who_left = [change for part in leaves if (change := self._leave(part, resync=resync)) is not None]
        self._tidy()
        keys = dict.fromkeys(chain((part.key for part in joins), renewed, (part.key for part in leaves)))
        return PresenceSync(who_joined, who_left, keys)

    def _join(self, part: _Part[_M], *, resync: bool = False) -> PresenceChange[_M]:
        key = part.key
        joining = PresenceEntry(key, part.metas, part.fields)
        record = self._records.get(key)
        if record is None:
            slot = 0 if self._slots is None else self._slots.append(joining)
            self._records[key] = _Record(joining, part.refs, slot)
            return PresenceChange(key, None, joining, resync)
        before = record.entry
        refs, metas = _without(record, part.refs)
        self._put(record, PresenceEntry(key, metas + part.metas, part.fields), refs + part.refs)
        return PresenceChange(key, before, joining, resync)

    def _leave(self, part: _Part[_M], *, resync: bool = False) -> PresenceChange[_M] | None:
        key = part.key
        record = self._records.get(key)
        if record is None:
            return None
        refs, metas = _without(record, part.refs)
        remaining = PresenceEntry(key, metas, record.entry.fields)
        if metas:
            self._put(record, remaining, refs)
        else:
            del self._records[key]
            if self._slots is not None:
                self._slots.remove(record.slot)
        return PresenceChange(key, remaining, PresenceEntry(key, part.metas, part.fields), resync)

    def _renew(self, part: _Part[_M]) -> bool:
        """Take over what a state says of who was there already; tells whether that is something new."""
        record = self._records[part.key]
        entry = record.entry
        newest = dict(zip(part.refs, part.metas, strict=True))
        metas = tuple([newest.get(ref, meta) for ref, meta in zip(record.refs, entry.metas, strict=True)])
        if are_equal((metas, part.fields), (entry.metas, entry.fields)):
            return False
        self._put(record, PresenceEntry(part.key, metas, part.fields), record.refs)
        return True

    def _put(self, record: _Record[_M], entry: PresenceEntry[_M], refs: tuple[str, ...]) -> None:
        record.entry, record.refs = entry, refs
        if self._slots is not None:
            self._slots.replace(record.slot, entry)

    def _tidy(self) -> None:
        """Forget the slots when most are holes, or if nobody asks for snapshots; making them anew has been paid for."""
        slots = self._slots
        if slots is not None and (slots.used > 2 * len(self._records) + _SPARE or slots.unread > len(self._records)):
            self._slots = None


def _parts(presences: Payload, what: str) -> list[_Part[Any]]:
    """What a message says of each key; raises ``MalformedFrame`` if it has not the shape."""
    if not isinstance(presences, dict):
        raise MalformedFrame(f"a {what} that is no object of keys")
    parts: list[_Part[Any]] = []
    for key, presence in cast("dict[str, Any]", presences).items():
        try:
            metas = presence["metas"]
            refs = tuple([meta["phx_ref"] for meta in metas])
            "".join(refs)  # a TypeError unless all are strings
        except (TypeError, KeyError):
            metas = refs = None
        if refs is None or not isinstance(metas, list):
            raise MalformedFrame(f"a {what} whose key {key!r} has no list of metas that have each a phx_ref")
        fields = {name: presence[name] for name in presence if name != "metas"} if len(presence) > 1 else {}
        parts.append(_Part(key, refs, tuple(cast("list[Any]", metas)), fields))
    return parts


def _part(key: str, pairs: Iterable[tuple[str, _M]], fields: dict[str, Payload]) -> _Part[_M]:
    return _Part(key, tuple([ref for ref, _ in pairs]), tuple([meta for _, meta in pairs]), fields)


def _without(record: _Record[_M], refs: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[_M, ...]]:
    """The refs and metas that are known of a key, but for those with some refs."""
    metas = record.entry.metas
    if record.refs == refs:
        return (), ()
    named = frozenset(refs)
    if named.isdisjoint(record.refs):
        return record.refs, metas
    kept = [index for index, ref in enumerate(record.refs) if ref not in named]
    return tuple([record.refs[index] for index in kept]), tuple([metas[index] for index in kept])

"""Snapshots of a list that goes on changing, each cheap to take and true for ever.

The entries stand in numbered slots; an entry keeps its slot, newcomers get the next one, and who leaves leaves a hole.
The slots are the leaves of a tree, and a change copies only the way from its leaf to the root: so snapshots share all
that did not change, a change costs the depth of the tree, and a snapshot that nobody looks into costs nothing more.

```text
root            root'           one change: one way is copied, the rest is shared
├── 0 1 2 3     ├── (shared)
├── 4 5 6 7     ├── 4 5' 6 7
└── 8 9         └── (shared)
```

What lives here: entries, their slots, and the two faces of a snapshot. What does not: how they come about
(``roster.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Generic, TypeVar, cast, overload

import msgspec

from rxphoenix.protocol.message import Payload

__all__ = ["Meta", "PresenceEntry", "PresenceSnapshot", "PresenceState", "Slots", "are_equal"]


Meta = dict[str, Payload]
"""What a server tracks of one device, as it came; ``"phx_ref"`` tells it from the others."""

_M = TypeVar("_M")
_M_co = TypeVar("_M_co", covariant=True)

_BITS = 5
_WIDTH = 1 << _BITS
_MASK = _WIDTH - 1
_SHOWN = 5

_NOT_BY_KEY = "a PresenceSnapshot is a list of entries; a PresenceState has them by key: see presence.state"


class PresenceEntry(msgspec.Struct, Generic[_M_co], frozen=True):
    """One key that is present, with all that the server says of it.

    Arguments:
        key: what the server tracks, for example the id of a user; any string.
        metas: one for each device, or whatever else was tracked under the key, in the order of joining.
        fields: what the server has added beside the metas, by name.
    """

    key: str
    metas: tuple[_M_co, ...] = ()
    fields: dict[str, Payload] = {}


def are_equal(one: object, other: object) -> bool:
    """Whether two values are equal; those that cannot be compared are not."""
    try:
        return bool(one == other)
    except Exception:  # a type of the user's may raise anything
        return False


class PresenceSnapshot(Sequence[PresenceEntry[_M_co]], Generic[_M_co]):
    """Who was present at one moment, in a stable order: an immutable sequence of ``PresenceEntry``.

    A key keeps its place for as long as it is present; newcomers, and those who return, go last. Two snapshots are
    equal if their entries are. What it consists of is put together when it is first looked into.

    Arguments:
        entries: the entries, in their order; for tests, because a roster makes its own.

    Example:
        ```python
        from rxphoenix import PresenceEntry, PresenceSnapshot

        snapshot = PresenceSnapshot([PresenceEntry("ann"), PresenceEntry("bob")])
        assert [entry.key for entry in snapshot] == ["ann", "bob"]
        ```
    """

    __slots__ = ("_depth", "_entries", "_length", "_root")

    def __init__(self, entries: Iterable[PresenceEntry[_M_co]] = ()) -> None:
        self._entries: tuple[PresenceEntry[_M_co], ...] | None = tuple(entries)
        self._length = len(self._entries)
        self._root: list[Any] = []
        self._depth = 0

    @classmethod
    def lazy(cls, root: list[Any], depth: int, length: int) -> PresenceSnapshot[_M_co]:
        """Make one of a tree that nobody changes any more."""
        snapshot = cls()
        snapshot._entries = None
        snapshot._root, snapshot._depth, snapshot._length = root, depth, length
        return snapshot

    @property
    def entries(self) -> tuple[PresenceEntry[_M_co], ...]:
        """All of it, as a tuple."""
        nodes = self._root
        entries = self._entries  # after the root: another thread may be at it too, and sets them the other way round
        if entries is None:
            for _level in range(self._depth):
                nodes = list(chain.from_iterable(nodes))
            entries = self._entries = tuple([entry for entry in nodes if entry is not None])
            self._root = []
        return entries

    @overload
    def __getitem__(self, index: int) -> PresenceEntry[_M_co]: ...

    @overload
    def __getitem__(self, index: slice) -> PresenceSnapshot[_M_co]: ...

    def __getitem__(self, index: int | slice) -> PresenceEntry[_M_co] | PresenceSnapshot[_M_co]:
        if isinstance(index, str):
            raise TypeError(_NOT_BY_KEY)
        return PresenceSnapshot(self.entries[index]) if isinstance(index, slice) else self.entries[index]

    def __contains__(self, value: object) -> bool:
        if isinstance(value, str):
            raise TypeError(_NOT_BY_KEY)
        return value in self.entries

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[PresenceEntry[_M_co]]:
        return iter(self.entries)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PresenceSnapshot):
            return NotImplemented
        theirs = cast("PresenceSnapshot[Any]", other)
        return self is other or (len(self) == len(theirs) and self.entries == theirs.entries)

    __hash__ = None  # type: ignore[assignment]  # what entries carry need not be hashable

    def __repr__(self) -> str:
        return f"<PresenceSnapshot of {_keys(self, (entry.key for entry in self))}>"


class PresenceState(Mapping[str, PresenceEntry[_M]], Generic[_M]):
    """Who was present at one moment, by key: an immutable mapping of keys to ``PresenceEntry``.

    Arguments:
        snapshot: the entries, whose order it has.

    Example:
        ```python
        from rxphoenix import PresenceEntry, PresenceSnapshot, PresenceState

        state = PresenceState(PresenceSnapshot([PresenceEntry("ann")]))
        assert "ann" in state and state.get("bob") is None
        ```
    """

    __slots__ = ("_by_key", "_snapshot")

    def __init__(self, snapshot: PresenceSnapshot[_M]) -> None:
        self._snapshot = snapshot
        self._by_key: dict[str, PresenceEntry[_M]] | None = None

    def __getitem__(self, key: str) -> PresenceEntry[_M]:
        by_key = self._by_key
        if by_key is None:
            by_key = self._by_key = {entry.key: entry for entry in self._snapshot}
        return by_key[key]

    def __iter__(self) -> Iterator[str]:
        return (entry.key for entry in self._snapshot)

    def __len__(self) -> int:
        return len(self._snapshot)

    def __repr__(self) -> str:
        return f"<PresenceState of {_keys(self, self)}>"


def _keys(sized: PresenceSnapshot[Any] | PresenceState[Any], keys: Iterable[str]) -> str:
    shown = [repr(key) for key in islice(keys, _SHOWN)]
    if len(sized) > _SHOWN:
        shown.append("...")
    return f"{len(sized)}: {', '.join(shown)}" if shown else "0"


class Slots(Generic[_M]):
    """The slots of a roster since it was first asked for a snapshot.

    Arguments:
        entries: who is there, in the order of slots 0, 1, 2...
    """

    __slots__ = ("_depth", "_latest", "_length", "_root", "_written", "used")

    def __init__(self, entries: Iterable[PresenceEntry[_M]]) -> None:
        nodes: list[Any] = list(entries)
        self.used = self._length = len(nodes)
        self._depth = 0
        while len(nodes) > _WIDTH:
            nodes = [nodes[start : start + _WIDTH] for start in range(0, len(nodes), _WIDTH)]
            self._depth += 1
        self._root: list[Any] = nodes
        self._written: dict[int, PresenceEntry[_M] | None] = {}
        self._latest: PresenceSnapshot[_M] | None = None

    @property
    def unread(self) -> int:
        """How many slots were written since the last snapshot."""
        return len(self._written)

    def append(self, entry: PresenceEntry[_M]) -> int:
        """Give a newcomer the next slot; returns its number."""
        slot = self.used
        self.used += 1
        self._length += 1
        self._written[slot] = entry
        return slot

    def replace(self, slot: int, entry: PresenceEntry[_M]) -> None:
        """Put another entry into a slot that is taken."""
        self._written[slot] = entry

    def remove(self, slot: int) -> None:
        """Leave a hole."""
        self._length -= 1
        self._written[slot] = None

    def snapshot(self) -> PresenceSnapshot[_M]:
        """All entries as they are now, in the order of their slots."""
        latest = self._latest
        if latest is None or self._written:
            root, depth = self._root, self._depth
            for slot, entry in self._written.items():
                if slot >> _BITS * (depth + 1):  # the tree is full
                    root = [root]
                    depth += 1
                root = _with(root, depth, slot, entry)
            self._root, self._depth = root, depth
            self._written.clear()
            latest = self._latest = PresenceSnapshot[_M].lazy(root, depth, self._length)
        return latest


def _with(node: list[Any], depth: int, slot: int, entry: object) -> list[Any]:
    """The same node with another entry in a slot that it has, or has next."""
    copy = node.copy()
    if depth == 0:
        at, child = slot & _MASK, entry
    else:
        at = (slot >> _BITS * depth) & _MASK
        below: list[Any] = copy[at] if at < len(copy) else []
        child = _with(below, depth - 1, slot, entry)
    if at < len(copy):
        copy[at] = child
    else:
        copy.append(child)
    return copy

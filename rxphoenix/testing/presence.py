"""Who is present on a virtual topic: the changes that a test draws, and what clients are told of them.

What lives here: the changes, and the roster that they make. What does not: when they happen (``topic.py``), and how a
Phoenix keeps presences (``rxphoenix.server.presence_tracker``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias, cast

from rxphoenix.protocol.message import Payload
from rxphoenix.server.presence_tracker import PresenceDiff, Presences, PresenceTracker

__all__ = ["Track", "Untrack", "Update", "VirtualPresence", "changes_in"]

_Meta: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Track:
    """Somebody comes; the meta gets its ``phx_ref``: ``"1"`` for the first one on a topic, then ``"2"``, and so on.

    Arguments:
        key: as whom.
        meta: what is to be known, a JSON object.
        device: a name for one of several metas of the key, so that it can be updated and untracked alone.
    """

    key: str
    meta: _Meta | None = None
    device: str = ""

    def __repr__(self) -> str:
        return _written("track", self.key, self.meta, self.device)


@dataclass(frozen=True, slots=True)
class Update:
    """Somebody who is there gets another meta: a leave and a join in one diff; arguments as for ``Track``."""

    key: str
    meta: _Meta | None = None
    device: str = ""

    def __repr__(self) -> str:
        return _written("update", self.key, self.meta, self.device)


@dataclass(frozen=True, slots=True)
class Untrack:
    """Somebody goes; arguments as for ``Track``."""

    key: str
    device: str = ""

    def __repr__(self) -> str:
        return _written("untrack", self.key, None, self.device)


Change: TypeAlias = Track | Update | Untrack


def _written(name: str, key: str, meta: _Meta | None, device: str) -> str:
    written = [repr(key), *([] if meta is None else [repr(meta)]), *([f"device={device!r}"] if device else [])]
    return f"{name}({', '.join(written)})"


def changes_in(value: object) -> tuple[Change, ...]:
    """The changes that a value of a drawing stands for; empty if it is neither a change nor some in a sequence."""
    given = cast("Sequence[object]", value if isinstance(value, (list, tuple)) else (value,))
    changes = tuple(change for change in given if isinstance(change, Change))
    return changes if len(changes) == len(given) else ()


class VirtualPresence:
    """The roster of one virtual topic.

    Arguments:
        topic: its name.
        broadcast: tells an event and its payload to all who have joined.
    """

    def __init__(self, topic: str, broadcast: Callable[[str, Payload], None]) -> None:
        refs = count(1)
        self._topic = topic
        self._broadcast = broadcast
        self._tracker = PresenceTracker(lambda: str(next(refs)))

    def change(self, *changes: Change) -> None:
        """Carry out changes, and tell them in one diff.

        Raises:
            LookupError: an update of who is not there.
            ValueError: a device comes that is there.
            UnencodablePayload: a meta cannot be written as JSON.
        """
        diffs = [diff for diff in map(self._changed, changes) if diff is not None]
        if diffs:
            joins, leaves = _together(diff.joins for diff in diffs), _together(diff.leaves for diff in diffs)
            self._broadcast("presence_diff", {"joins": joins, "leaves": leaves})

    def push_state(self, push: Callable[[str, Payload], None]) -> None:
        """Tell one client who is present now."""
        push("presence_state", self._tracker.list(self._topic))

    def _changed(self, change: Change) -> PresenceDiff | None:
        match change:
            case Track(key, meta, device):
                return self._tracker.track(device, self._topic, key, meta or {})
            case Update(key, meta, device):
                return self._tracker.update(device, self._topic, key, meta or {})
            case Untrack(key, device):
                return self._tracker.untrack(device, self._topic, key)


def _together(halves: Iterable[Presences]) -> Presences:
    together: Presences = {}
    for half in halves:
        for key, presence in half.items():
            together.setdefault(key, {"metas": []})["metas"].extend(presence["metas"])
    return together

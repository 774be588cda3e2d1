"""Who is present where, as a Phoenix keeps it: changes go in, the differences that they make come out.

What lives here: metas and their refs, by topic, key and channel process. What does not: telling the clients, and
finding out that a process has ended (``presence.py`` on asyncio; the virtual Phoenix has its own way).

Theory of operation. A *process* is whatever may end: one client's channel. It is tracked on a topic under as many keys
as it likes, with one meta for each, and two processes may share a key: a user with two devices. Each change makes one
difference; in that of an update the new meta joins and the old one leaves. A process that ends makes one difference on
each of its topics.

Source: the "Presence" part of the protocol page and the recorded traffic's section of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias, cast, final

import msgspec

from rxphoenix.errors import UnencodablePayload

__all__ = ["PresenceDiff", "PresenceTracker", "Presences"]

Presences: TypeAlias = dict[str, dict[str, Any]]
"""Keys, and what is known of each: a list ``metas``, and whatever an application adds beside it."""

_Meta: TypeAlias = dict[str, Any]


@final
class PresenceDiff(msgspec.Struct, frozen=True):
    """The difference that one change makes.

    Arguments:
        topic: where.
        joins: the metas that came, by key.
        leaves: the metas that went, by key.
    """

    topic: str
    joins: Presences
    leaves: Presences


class PresenceTracker:
    """Keeps who is present; each change returns the difference to tell.

    Metas are copied when they come in and when they go out: what it holds is changed by its methods alone.

    Arguments:
        make_ref: makes the ``phx_ref`` of a meta, a new one at each call.

    Example:
        ```python
        from itertools import count

        from rxphoenix.server.presence_tracker import PresenceTracker

        refs = count(1)
        tracker = PresenceTracker(lambda: str(next(refs)))
        laptop, phone = "ann's laptop", "ann's phone"
        diff = tracker.track(laptop, "room:lobby", "ann", {"status": "online"})
        assert diff.joins == {"ann": {"metas": [{"status": "online", "phx_ref": "1"}]}}

        tracker.track(phone, "room:lobby", "ann", {})
        diff = tracker.update(laptop, "room:lobby", "ann", {"status": "away"})
        assert diff.leaves == {"ann": {"metas": [{"status": "online", "phx_ref": "1"}]}}
        assert diff.joins == {"ann": {"metas": [{"status": "away", "phx_ref": "3", "phx_ref_prev": "1"}]}}

        [diff] = tracker.end(laptop)
        assert list(diff.leaves) == ["ann"]
        assert tracker.list("room:lobby") == {"ann": {"metas": [{"phx_ref": "2"}]}}
        ```
    """

    def __init__(self, make_ref: Callable[[], str]) -> None:
        self._make_ref = make_ref
        self._topics: dict[str, dict[tuple[Hashable, str], _Meta]] = {}
        self._processes: dict[Hashable, dict[tuple[str, str], None]] = {}

    def track(self, process: Hashable, topic: str, key: str, meta: Mapping[str, Any]) -> PresenceDiff:
        """Have a process present on a topic under a key.

        Arguments:
            process: what is present, until ``untrack`` or ``end``.
            topic: where.
            key: as whom.
            meta: what is to be known of it, a JSON object; its ``phx_ref`` is set here.

        Raises:
            TypeError: the key is not a string, or the meta not a mapping.
            UnencodablePayload: the meta cannot be written as JSON.
            ValueError: the process is tracked there under this key already.
        """
        if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"the key of a presence is a string, not {key!r}")
        present = self._topics.get(topic, {})
        if (process, key) in present:
            raise ValueError(f"{key!r} is tracked on {topic!r} by this channel already: update it instead")
        tracked = {**_own(key, meta), "phx_ref": self._make_ref()}
        self._topics.setdefault(topic, present)[process, key] = tracked
        self._processes.setdefault(process, {})[topic, key] = None
        return PresenceDiff(topic, _grouped([(key, tracked)]), {})

    def update(
        self,
        process: Hashable,
        topic: str,
        key: str,
        meta: Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]],
    ) -> PresenceDiff:
        """Give a process that is present another meta; it keeps its place among those of its key.

        Arguments:
            process: what is present.
            topic: where.
            key: as whom.
            meta: the new meta, or a function that makes it of the old one; its refs are set here.

        Raises:
            LookupError: the process is not tracked there under this key.
            TypeError: the meta is not a mapping.
            UnencodablePayload: the meta cannot be written as JSON.
        """
        present = self._topics.get(topic, {})
        if (process, key) not in present:
            raise LookupError(f"{key!r} is not tracked on {topic!r} by this channel: track it first")
        old = present[process, key]
        fresh = _own(key, meta(dict(old)) if callable(meta) else meta)
        tracked = present[process, key] = {**fresh, "phx_ref": self._make_ref(), "phx_ref_prev": old["phx_ref"]}
        return PresenceDiff(topic, _grouped([(key, tracked)]), _grouped([(key, old)]))

    def untrack(self, process: Hashable, topic: str, key: str) -> PresenceDiff | None:
        """Have a process present no longer; ``None`` if it was not."""
        tracked = self._processes.get(process, {})
        if (topic, key) not in tracked:
            return None
        del tracked[topic, key]
        if not tracked:
            del self._processes[process]
        return PresenceDiff(topic, {}, _grouped([(key, self._forget(process, topic, key))]))

    def end(self, process: Hashable) -> tuple[PresenceDiff, ...]:
        """Have a process present nowhere: it has ended; one difference for each of its topics."""
        gone: dict[str, list[tuple[str, _Meta]]] = {}
        for topic, key in self._processes.pop(process, {}):
            gone.setdefault(topic, []).append((key, self._forget(process, topic, key)))
        return tuple(PresenceDiff(topic, {}, _grouped(metas)) for topic, metas in gone.items())

    def list(self, topic: str) -> Presences:
        """Who is present on a topic, each key's metas in the order in which they were tracked first."""
        return _grouped([(key, meta) for (_process, key), meta in self._topics.get(topic, {}).items()])

    def _forget(self, process: Hashable, topic: str, key: str) -> _Meta:
        present = self._topics[topic]
        meta = present.pop((process, key))
        if not present:
            del self._topics[topic]
        return meta


def _own(key: str, meta: Mapping[str, Any]) -> _Meta:
    """Copy a meta through JSON, so that a mistake in it is found where it was made."""
    try:
        own = msgspec.json.decode(msgspec.json.encode(meta))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UnencodablePayload(f"the meta of {key!r} cannot be written as JSON: {error}") from error
    if not isinstance(own, dict):
        raise TypeError(f"the meta of {key!r} is a mapping, not a {type(meta).__name__}")
    return cast("_Meta", own)


def _grouped(metas: list[tuple[str, _Meta]]) -> Presences:
    grouped: Presences = {}
    for key, meta in metas:
        grouped.setdefault(key, {"metas": []})["metas"].append(dict(meta))
    return grouped

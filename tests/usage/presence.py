"""Presence: the list, one key, joins and leaves, and metas as a type."""

# pyright: strict

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

import msgspec
import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops

from rxphoenix import (
    Meta,
    Presence,
    PresenceChange,
    PresenceEntry,
    PresenceEvents,
    PresenceSnapshot,
    PresenceState,
    Roster,
    Socket,
    Stream,
)


@dataclass
class Device:
    status: str = "unknown"


class Tab(msgspec.Struct):
    tab: int


def named(key: str, entry: PresenceEntry[Device]) -> str:
    return f"{key} ({', '.join(meta.status for meta in entry.metas)})"


def is_first(change: PresenceChange[Meta]) -> bool:
    return change.is_only


def told(change: PresenceChange[Meta]) -> str:
    return f"{change.key} is here: {change.changed.metas[0].get('status')}"


def are_two(present: tuple[str, ...]) -> bool:
    return len(present) == 2


def is_absent(entry: PresenceEntry[Device] | None) -> bool:
    return entry is None


async def main(url: str) -> list[str]:
    seen: list[str] = []
    async with Socket(url) as socket, Socket(url) as other:
        presence = socket.channel("presence:tea", {"user": "ann", "meta": {"status": "online"}}).presence()
        assert_type(presence, Presence[Meta])
        assert_type(presence.state, Stream[PresenceState[Meta]])
        assert_type(presence.size, Stream[int])
        assert_type(presence.synced, Stream[bool])
        assert_type(presence.of("bob"), Stream[PresenceEntry[Meta] | None])
        presence.joins.pipe(ops.filter(is_first), ops.map(told)).subscribe(seen.append)
        first: PresenceSnapshot[Meta] = await presence.pipe(ops.first())
        seen.append(", ".join(entry.key for entry in first))

        typed = socket.channel("presence:tea").presence(Device)
        assert_type(typed, Presence[Device])
        assert_type(typed.leaves, Stream[PresenceChange[Device]])
        assert_type(socket.channel("presence:tea").presence(meta=Tab), Presence[Tab])
        assert_type(socket.channel("presence:tea").presence(meta=Tab | None), Presence[Any])
        names = typed.list_by(named)
        assert_type(names, Stream[tuple[str, ...]])
        sizes: Observable[int] = rx.merge(presence.size)
        assert_type(sizes, Observable[int])

        bob = other.channel("presence:tea", {"user": "bob", "meta": {"status": "away"}})
        async with bob.hold():
            both = await names.pipe(ops.first(are_two))
            assert_type(both, tuple[str, ...])
            seen.append(", ".join(both))
        await typed.of("bob").pipe(ops.first(is_absent))
        seen.append("bob is gone")

        elsewhere = socket.channel("presence:tea", presence_events=PresenceEvents("here", "moved"))
        assert_type(elsewhere.presence(), Presence[Meta])

    roster: Roster[Meta] = Roster()
    for sync in roster.sync_state({"ann": {"metas": [{"phx_ref": "1"}]}}):
        assert_type(sync.joins, list[PresenceChange[Meta]])
    assert_type(roster.snapshot, PresenceSnapshot[Meta])
    assert_type(roster.list_by(lambda key, entry: len(entry.metas)), list[int])
    seen.append(repr(roster.snapshot))
    return seen

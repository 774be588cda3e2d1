"""Whenever somebody looks, and however: the presence that a join keeps is that of a roster that was always read."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rxphoenix import PresenceChange, PresenceSnapshot, Roster
from rxphoenix.client import attendance
from rxphoenix.protocol.snapshot import Meta
from rxphoenix.testing import Observation, World
from rxphoenix.testing import marbles as new_world
from tests.client.test_presence import DIFF, STATE, Room, diff, kept

KEYS = ["a", "b", "c"]
presences = st.lists(st.sampled_from(["1", "2", "3"]), max_size=2, unique=True).map(
    lambda refs: {"metas": [{"phx_ref": ref} for ref in refs]}
)
states = st.dictionaries(st.sampled_from(KEYS), presences, max_size=3)
steps = st.one_of(
    st.tuples(st.just(STATE), states),
    st.tuples(st.just(DIFF), st.builds(diff, states, states)),
    st.tuples(st.just(DIFF), st.builds(diff, states, states)),
    st.tuples(st.just(DIFF), st.just("nonsense")),
    st.tuples(st.just("lost"), st.none()),
    st.tuples(st.just("look"), st.booleans()),
    st.tuples(st.just("look away"), st.integers(0, 5)),
)


class Looking:
    """Somebody who looks at all parts, and what they ought to have seen."""

    def __init__(self, marbles: World, room: Room, roster: Roster[Meta], typed: bool) -> None:
        presence: Any = room.channel.presence(dict[str, str]) if typed else room.presence
        self.typed = typed
        self.parts: dict[str, Observation] = {
            name: marbles.observe(part)
            for name, part in {"list": presence, "joins": presence.joins, "leaves": presence.leaves,
                               "size": presence.size, "synced": presence.synced, "a": presence.of("a")}.items()
        }  # fmt: skip
        self.lists: list[PresenceSnapshot[Meta]] = [roster.snapshot] if roster.known else []
        self.joins: list[PresenceChange[Meta]] = []
        self.leaves: list[PresenceChange[Meta]] = []
        self.sizes: list[int] = [len(roster)] if roster.known else []
        self.synced: list[bool] = [roster.synced]
        self.of_a: list[Any] = [roster.get("a")] if roster.known else []

    def expect(self, roster: Roster[Meta], syncs: list[Any]) -> None:
        """A message was told, or a join was lost."""
        if self.synced[-1] != roster.synced:
            self.synced.append(roster.synced)
        if not syncs:
            return
        self.lists.append(roster.snapshot)
        for sync in syncs:
            self.joins += sync.joins
            self.leaves += sync.leaves
        if self.sizes[-1:] != [len(roster)]:
            self.sizes.append(len(roster))
        if not self.of_a or self.of_a[-1] != roster.get("a"):
            self.of_a.append(roster.get("a"))

    def check(self) -> None:
        expected = (self.lists, self.joins, self.leaves, self.sizes, self.synced, self.of_a)
        assert tuple(part.values for part in self.parts.values()) == expected


@settings(deadline=None, max_examples=300)
@given(history=st.lists(steps, max_size=20), least_backlog=st.sampled_from([0, 150, 64 * 1024]))
def test_whoever_looks_sees_what_one_who_always_looked_does(history: list[tuple[str, Any]], least_backlog: int) -> None:
    usual, attendance._LEAST_BACKLOG = attendance._LEAST_BACKLOG, least_backlog
    try:
        with new_world(frame=0.1) as m:
            play(m, history)
    finally:
        attendance._LEAST_BACKLOG = usual


def play(m: World, history: list[tuple[str, Any]]) -> None:
    room, roster = Room(m), Roster[Meta]()
    room.channel.hold()
    m.run(until="1s")
    looking: list[Looking] = []
    for step, given_ in history:
        if step == "look":
            looking.append(Looking(m, room, roster, given_))
        elif step == "look away":
            if looking:
                gone = looking.pop(given_ % len(looking))
                for part in gone.parts.values():
                    part.dispose()
                gone.check()
        elif step == "lost":
            room.crash()
            roster.lost()
            for each in looking:
                each.expect(roster, [])
            m.advance("30s")
        else:
            room.tell(step, given_)
            syncs: list[Any] = []
            if given_ != "nonsense":
                syncs = roster.sync_state(given_) if step == STATE else roster.sync_diff(given_)
            for each in looking:
                each.expect(roster, syncs)
        for each in looking:
            each.check()
    assert len(kept(room)._views) == len({each.typed for each in looking})

"""Snapshots are true for ever, whatever happens to the list afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rxphoenix import PresenceEntry, PresenceSnapshot, PresenceState
from rxphoenix.protocol.snapshot import Slots

Entry = PresenceEntry[int]


def entries(*keys: str) -> list[Entry]:
    return [PresenceEntry(key) for key in keys]


def test_a_snapshot_is_a_sequence():
    ann, bob, eve = entries("ann", "bob", "eve")
    snapshot: Sequence[Entry] = PresenceSnapshot([ann, bob, eve])
    assert isinstance(snapshot, Sequence)
    assert (snapshot[0], snapshot[-1], len(snapshot)) == (ann, eve, 3)
    assert list(snapshot) == [ann, bob, eve]
    assert list(reversed(snapshot)) == [eve, bob, ann]
    assert bob in snapshot
    assert snapshot.index(bob) == 1
    assert snapshot[1:] == PresenceSnapshot([bob, eve])
    with pytest.raises(IndexError):
        snapshot[3]
    assert not PresenceSnapshot()


def test_a_snapshot_asked_for_a_key_names_the_remedy():
    snapshot: Any = PresenceSnapshot(entries("ann"))
    for ask in (lambda: "ann" in snapshot, lambda: snapshot["ann"]):
        with pytest.raises(TypeError, match=r"presence\.state"):
            ask()


def test_snapshots_are_equal_if_their_entries_are():
    one: PresenceSnapshot[int] = PresenceSnapshot(entries("a", "b"))
    assert one == PresenceSnapshot(entries("a", "b"))
    assert one != PresenceSnapshot(entries("b", "a"))
    assert one != PresenceSnapshot(entries("a"))
    assert one != entries("a", "b")
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_a_snapshot_made_of_slots_is_equal_to_one_made_of_entries():
    slots = Slots(entries(*"abc"))
    slots.remove(1)
    slots.append(PresenceEntry("d"))
    assert slots.snapshot() == PresenceSnapshot(entries(*"acd"))
    assert slots.snapshot()[2] == PresenceEntry("d")


def test_a_state_is_a_mapping_in_the_same_order():
    ann, bob = entries("ann", "bob")
    state: Mapping[str, Entry] = PresenceState(PresenceSnapshot([ann, bob]))
    assert state == {"ann": ann, "bob": bob}
    assert list(state) == ["ann", "bob"]
    assert state["bob"] is bob
    assert state.get("eve") is None
    assert (len(state), "ann" in state, "eve" in state) == (2, True, False)


def test_their_reprs_are_short():
    assert repr(PresenceSnapshot()) == "<PresenceSnapshot of 0>"
    assert repr(PresenceSnapshot(entries("a", "b"))) == "<PresenceSnapshot of 2: 'a', 'b'>"
    many = PresenceSnapshot(entries(*map(str, range(1000))))
    assert repr(many) == "<PresenceSnapshot of 1000: '0', '1', '2', '3', '4', ...>"
    assert repr(PresenceState(many)) == "<PresenceState of 1000: '0', '1', '2', '3', '4', ...>"


def test_nothing_is_put_together_before_it_is_looked_into():
    slots = Slots(entries(*map(str, range(5000))))
    snapshot = slots.snapshot()
    assert len(snapshot) == 5000
    assert snapshot == slots.snapshot()
    assert snapshot._entries is None
    assert snapshot[4999].key == "4999"
    assert snapshot._entries is not None


def test_a_change_copies_one_way_through_the_tree_and_shares_the_rest():
    slots = Slots(entries(*map(str, range(40_000))))
    before = slots.snapshot()
    slots.replace(20_000, PresenceEntry("new"))
    after = slots.snapshot()

    def nodes(root: Any, depth: int) -> dict[int, Any]:
        found = {id(root): root}
        for child in root if depth else ():
            found |= nodes(child, depth - 1)
        return found

    depth = before._depth
    roots = before._root, after._root
    of_before, of_after = (nodes(root, depth) for root in roots)
    assert depth == 3
    assert len(of_after.keys() - of_before.keys()) == 4
    assert (before[20_000].key, after[20_000].key) == ("20000", "new")


class Snapshots(RuleBasedStateMachine):
    """Slots beside a plain list, and every snapshot beside a copy of that list."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Entry | None] = []
        self.slots: Slots[int] = Slots([])
        self.taken: list[tuple[PresenceSnapshot[int], list[Entry]]] = []
        self.serial = 0

    def entry(self) -> Entry:
        self.serial += 1
        return PresenceEntry(str(self.serial))

    def present(self) -> list[int]:
        return [slot for slot, row in enumerate(self.rows) if row is not None]

    @rule(count=st.sampled_from([0, 1, 31, 32, 33, 1023, 1024, 1025, 1056, 1057]))
    def begin_anew(self, count: int) -> None:
        self.rows = [self.entry() for _ in range(count)]
        self.slots = Slots(row for row in self.rows if row is not None)

    @rule(count=st.integers(1, 40))
    def append(self, count: int) -> None:
        for _ in range(count):
            entry = self.entry()
            assert self.slots.append(entry) == len(self.rows)
            self.rows.append(entry)

    @precondition(lambda self: self.present())
    @rule(data=st.data(), remove=st.booleans())
    def change(self, data: st.DataObject, remove: bool) -> None:
        slot = data.draw(st.sampled_from(self.present()))
        if remove:
            self.slots.remove(slot)
            self.rows[slot] = None
        else:
            self.rows[slot] = entry = self.entry()
            self.slots.replace(slot, entry)

    @rule()
    def take(self) -> None:
        self.taken.append((self.slots.snapshot(), [row for row in self.rows if row is not None]))

    @invariant()
    def the_newest_is_true(self) -> None:
        if self.taken:
            snapshot, expected = self.taken[-1]
            assert len(snapshot) == len(expected)

    def teardown(self) -> None:
        for snapshot, expected in self.taken:
            assert list(snapshot) == expected


Snapshots.TestCase.settings = settings(deadline=None, max_examples=50)
TestSnapshots = Snapshots.TestCase

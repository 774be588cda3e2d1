"""The roster by itself; ``test_roster_oracle.py`` compares it with the official client's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rxphoenix import MalformedFrame, PayloadMismatch, PresenceChange, PresenceEntry, PresenceSnapshot, Roster
from rxphoenix.protocol.roster import PresenceSync
from rxphoenix.protocol.snapshot import Meta
from rxphoenix.protocol.typed import PayloadType


def metas(*refs: str) -> Any:
    """A presence with metas of these refs."""
    return {"metas": [{"phx_ref": ref} for ref in refs]}


def entry(key: str, *refs: str) -> PresenceEntry[Meta]:
    return PresenceEntry(key, tuple(metas(*refs)["metas"]))


def diff(joins: dict[str, Any] | None = None, leaves: dict[str, Any] | None = None) -> Any:
    return {"joins": joins or {}, "leaves": leaves or {}}


def roster_of(**refs: str) -> Roster[Meta]:
    roster: Roster[Meta] = Roster()
    roster.sync_state({key: metas(*of.split()) for key, of in refs.items()})
    return roster


def keys(roster: Roster[Any]) -> list[str]:
    assert [each.key for each in roster.snapshot] == roster.list_by(lambda key, _entry: key)
    return [each.key for each in roster.snapshot]


def only(syncs: list[PresenceSync[Any]]) -> PresenceSync[Any]:
    (sync,) = syncs
    return sync


def test_the_first_device_is_told_from_a_further_one():
    roster = roster_of(ann="a1")
    sync = only(roster.sync_diff(diff({"bob": metas("b1"), "ann": metas("a2")})))
    assert sync.joins == [
        PresenceChange("bob", None, entry("bob", "b1")),
        PresenceChange("ann", entry("ann", "a1"), entry("ann", "a2")),
    ]
    assert [change.is_only for change in sync.joins] == [True, False]
    assert sync.leaves == []
    assert roster.get("ann") == entry("ann", "a1", "a2")


def test_the_last_device_is_told_from_one_of_several():
    roster = roster_of(ann="a1 a2", bob="b1")
    sync = only(roster.sync_diff(diff(leaves={"ann": metas("a1"), "bob": metas("b1"), "eve": metas("e1")})))
    assert sync.leaves == [
        PresenceChange("ann", entry("ann", "a2"), entry("ann", "a1")),
        PresenceChange("bob", entry("bob"), entry("bob", "b1")),
    ]
    assert [change.is_only for change in sync.leaves] == [False, True]
    assert (roster.get("bob"), len(roster)) == (None, 1)


def test_who_changes_is_never_seen_to_leave():
    roster = roster_of(ann="a1")
    sync = only(roster.sync_diff(diff({"ann": metas("a2")}, {"ann": metas("a1")})))
    assert sync.joins == [PresenceChange("ann", entry("ann", "a1"), entry("ann", "a2"))]
    assert sync.leaves == [PresenceChange("ann", entry("ann", "a2"), entry("ann", "a1"))]
    assert list(sync.keys) == ["ann"]


def test_a_key_keeps_its_place_and_newcomers_and_returners_go_last():
    roster = roster_of(a="a1", b="b1", c="c1")
    roster.sync_diff(diff({"a": metas("a2"), "d": metas("d1")}, {"a": metas("a1")}))
    assert keys(roster) == ["a", "b", "c", "d"]
    roster.sync_diff(diff(leaves={"b": metas("b1")}))
    roster.sync_diff(diff({"b": metas("b2")}))
    assert keys(roster) == ["a", "c", "d", "b"]
    roster.lost()
    roster.sync_state({"e": metas("e1"), "b": metas("b2"), "c": metas("c1")})
    assert keys(roster) == ["c", "b", "e"]


def test_differences_wait_for_the_state_and_are_told_after_it():
    roster: Roster[Meta] = Roster()
    assert roster.sync_diff(diff({"bob": metas("b1")})) == []
    assert (roster.synced, roster.known, len(roster)) == (False, False, 0)
    state, held = roster.sync_state({"ann": metas("a1")})
    assert [change.key for change in state.joins] == ["ann"]
    assert [change.key for change in held.joins] == ["bob"]
    assert (roster.synced, roster.known, keys(roster)) == (True, True, ["ann", "bob"])


def test_a_resync_tells_only_what_differs_and_marks_it():
    roster = roster_of(gone="g1", partly="p1 p2", same="s1")
    roster.lost()
    assert (roster.synced, roster.known, keys(roster)) == (False, True, ["gone", "partly", "same"])
    roster.sync_diff(diff({"late": metas("l1")}))
    state, held = roster.sync_state({"partly": metas("p2", "p3"), "same": metas("s1"), "new": metas("n1")})
    assert state.joins == [
        PresenceChange("partly", entry("partly", "p1", "p2"), entry("partly", "p3"), resync=True),
        PresenceChange("new", None, entry("new", "n1"), resync=True),
    ]
    assert state.leaves == [
        PresenceChange("gone", entry("gone"), entry("gone", "g1"), resync=True),
        PresenceChange("partly", entry("partly", "p2", "p3"), entry("partly", "p1"), resync=True),
    ]
    assert set(state.keys) == {"gone", "partly", "new"}
    assert held.joins == [PresenceChange("late", None, entry("late", "l1"), resync=False)]


def test_the_first_state_is_no_resync():
    assert not only(Roster[Meta]().sync_state({"ann": metas("a1")})).joins[0].resync


def test_fields_are_kept_and_replaced_by_the_newest():
    roster: Roster[Meta] = Roster()
    roster.sync_state({"ann": {**metas("a1"), "user": {"name": "Ann"}, "extra": 1}})
    assert roster.get("ann") == PresenceEntry("ann", tuple(metas("a1")["metas"]), {"user": {"name": "Ann"}, "extra": 1})
    roster.sync_diff(diff({"ann": {**metas("a2"), "user": None}}))
    assert roster.get("ann") == PresenceEntry("ann", tuple(metas("a1", "a2")["metas"]), {"user": None})


def test_snapshots_stay_true():
    roster = roster_of(a="a1", b="b1")
    before = roster.snapshot
    roster.sync_diff(diff({"c": metas("c1")}, {"a": metas("a1")}))
    after = roster.snapshot
    roster.sync_diff(diff(leaves={"b": metas("b1"), "c": metas("c1")}))
    assert before == PresenceSnapshot([entry("a", "a1"), entry("b", "b1")])
    assert after == PresenceSnapshot([entry("b", "b1"), entry("c", "c1")])
    assert roster.snapshot == PresenceSnapshot()


def test_a_snapshot_is_made_once_for_all_who_ask():
    roster = roster_of(a="a1")
    assert roster.snapshot is roster.snapshot


def test_holes_and_unread_changes_do_not_pile_up():
    roster = roster_of(a="a1")
    assert keys(roster) == ["a"]
    for number in range(2000):
        roster.sync_diff(diff({str(number): metas("x")}, {str(number - 1): metas("x")}))
        slots = roster._slots
        assert slots is None or slots.used <= 2 * len(roster) + 64
        assert keys(roster) == ["a", str(number)]
    for number in range(3):
        roster.sync_diff(diff({str(number): metas(str(number))}))
    assert roster._slots is not None
    for number in range(200):
        roster.sync_diff(diff({f"n{number % 50}": metas("y")}, {f"n{(number - 1) % 50}": metas("y")}))
    assert roster._slots is None
    assert len(keys(roster)) == len(roster)


NO_PRESENCES: list[Any] = [
    None, [], "state", 1, b"bytes", {"a": None}, {"a": []}, {"a": {}}, {"a": {"metas": None}}, {"a": {"metas": {}}},
    {"a": {"metas": "ab"}}, {"a": {"metas": [None]}}, {"a": {"metas": ["phx_ref"]}}, {"a": {"metas": [[1]]}},
    {"a": {"metas": [{}]}}, {"a": {"metas": [{"phx_ref": None}]}}, {"a": {"metas": [{"phx_ref": 1}]}},
    {"a": {"metas": [{"phx_ref": []}]}}, {"b": {"metas": []}, "a": {"metas": [{"phx_ref": "r"}, {}]}},
]  # fmt: skip


@pytest.mark.parametrize("nonsense", NO_PRESENCES)
def test_nonsense_is_refused_and_changes_nothing(nonsense: Any):
    roster = roster_of(ann="a1")
    with pytest.raises(MalformedFrame, match="presence state"):
        roster.sync_state(nonsense)
    good = {"new": metas("n")}
    for refused in (nonsense, {"joins": good, "leaves": nonsense}, {"joins": nonsense, "leaves": {}}, {"joins": good}):
        with pytest.raises(MalformedFrame, match="presence diff"):
            roster.sync_diff(refused)
    assert keys(roster) == ["ann"]


@pytest.mark.parametrize("key", ["", "__proto__", "constructor", "🦊", "a/b\n", "\u0000"])
def test_a_key_may_be_anything(key: str):
    roster: Roster[Meta] = Roster()
    roster.sync_state({key: metas("k1")})
    assert roster.get(key) == entry(key, "k1")
    roster.sync_diff(diff(leaves={key: metas("k1")}))
    assert roster.get(key) is None


def test_entries_and_changes_can_be_sent_as_json():
    change = PresenceChange("ann", None, entry("ann", "a1"))
    assert msgspec.json.decode(msgspec.json.encode(change)) == {
        "key": "ann", "current": None, "resync": False,
        "changed": {"key": "ann", "metas": [{"phx_ref": "a1"}], "fields": {}},
    }  # fmt: skip


def test_entries_do_not_share_what_a_careless_reader_might_change():
    one, other = PresenceEntry[Meta]("a"), PresenceEntry[Meta]("b")
    one.fields["x"] = 1
    assert other.fields == {}


# -- metas as a type -------------------------------------------------------------------------------------------------


class Device(msgspec.Struct):
    name: str
    phx_ref: str


def device(ref: str, name: Any = "phone") -> Meta:
    return {"phx_ref": ref, "name": name}


def typed() -> tuple[Roster[Device], list[PayloadMismatch]]:
    mismatches: list[PayloadMismatch] = []
    return Roster(PayloadType[Device](Device).from_value, mismatches.append), mismatches


def test_metas_are_read_as_a_type():
    roster, mismatches = typed()
    sync = only(roster.sync_state({"ann": {"metas": [device("a1")]}}))
    assert sync.joins == [PresenceChange("ann", None, PresenceEntry("ann", (Device("phone", "a1"),)))]
    assert mismatches == []


def test_a_meta_that_does_not_fit_is_reported_once_and_treated_as_never_sent():
    roster, mismatches = typed()
    roster.sync_state({"ann": {"metas": [device("a1"), device("a2", 2)]}, "bad": {"metas": [device("b1", None)]}})
    assert [each.key for each in roster.snapshot] == ["ann"]
    assert roster.get("ann") == PresenceEntry("ann", (Device("phone", "a1"),))
    assert len(mismatches) == 2
    nothing = only(
        roster.sync_diff(diff({"ann": {"metas": [device("a3", 3)]}}, {"bad": {"metas": [device("b1", None)]}}))
    )
    assert (nothing.joins, nothing.leaves, len(mismatches)) == ([], [], 3)
    last = only(roster.sync_diff(diff(leaves={"ann": {"metas": [device("a1"), device("a2", 2)]}})))
    assert last.leaves == [
        PresenceChange("ann", PresenceEntry("ann"), PresenceEntry("ann", (Device("phone", "a1"),))),
    ]
    assert (len(roster), len(mismatches)) == (0, 3)


def test_a_key_without_metas_is_there_all_the_same():
    roster, mismatches = typed()
    roster.sync_state({"ann": {"metas": [], "user": 1}})
    assert roster.get("ann") == PresenceEntry("ann", (), {"user": 1})
    assert mismatches == []


def test_a_roster_can_be_read_as_a_type_later():
    raw: Roster[Meta] = Roster()
    raw.sync_state({"b": {"metas": [device("b1")], "user": 1}, "a": {"metas": [device("a1"), device("a2", 2)]}})
    raw.sync_diff(diff(leaves={"b": {"metas": [device("b1")]}}))
    raw.sync_diff(diff({"b": {"metas": [device("b2")]}}))
    mismatches: list[PayloadMismatch] = []
    roster = raw.read_by(PayloadType[Device](Device).from_value, mismatches.append)
    assert list(roster.snapshot) == [
        PresenceEntry("a", (Device("phone", "a1"),)),
        PresenceEntry("b", (Device("phone", "b2"),)),
    ]
    assert (roster.synced, roster.known, len(mismatches)) == (True, True, 1)


def test_what_is_held_is_read_too():
    raw: Roster[Meta] = Roster()
    raw.sync_diff(diff({"b": {"metas": [device("b1")]}}))
    roster = raw.read_by(PayloadType[Device](Device).from_value)
    assert (roster.synced, roster.known) == (False, False)
    _state, held = roster.sync_state({})
    assert held.joins == [PresenceChange("b", None, PresenceEntry("b", (Device("phone", "b1"),)))]
    assert len(raw) == 0

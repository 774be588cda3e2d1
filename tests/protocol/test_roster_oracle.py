"""For any states, differences and rejoins our roster is what the official client's is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rxphoenix import PresenceChange, PresenceEntry, Roster
from rxphoenix.protocol.roster import PresenceSync
from rxphoenix.protocol.snapshot import Meta
from tests.official.client import OfficialClient, Program

KEYS = ["", "a", "B", "__proto__", "constructor", "1", "02", "🦊", "é\n\u2028"]
REFS = ["r0", "r1", "r2", "r3", "r4", "r5"]


def meta(ref: str) -> Meta:
    """What is tracked under a ref is always the same."""
    return {"phx_ref": ref, "n": REFS.index(ref)}


metas = st.lists(st.sampled_from(REFS).map(meta), max_size=4)
presences = st.builds(
    lambda metas, fields: {"metas": metas, **fields},
    metas,
    st.just({}) | st.dictionaries(st.sampled_from(["user", "__proto__"]), st.integers(0, 2), max_size=2),
)
states = st.dictionaries(st.sampled_from(KEYS), presences, max_size=5)
diffs = st.fixed_dictionaries({"joins": states, "leaves": states})
events = st.one_of(
    st.tuples(st.just("diff"), diffs),
    st.tuples(st.just("diff"), diffs),
    st.tuples(st.just("diff"), diffs),
    st.tuples(st.just("state"), states),
    st.tuples(st.just("rejoin")),
)
histories = st.lists(events, max_size=12)


@pytest.fixture(scope="module")
def program(official_client: OfficialClient) -> Iterator[Program]:
    """One program for all examples."""
    with official_client.start("presence.cjs") as program:
        yield program


def presence(entry: PresenceEntry[Meta] | None) -> Any:
    """An entry as the official client has it."""
    return None if entry is None else {"metas": list(entry.metas), **entry.fields}


def fields(presence: Any) -> Any:
    """What is beside the metas."""
    return {name: value for name, value in presence.items() if name != "metas"}


def refs(presence: Any) -> set[str]:
    """The refs of the metas."""
    return {meta["phx_ref"] for meta in presence["metas"]}


def calls(syncs: list[PresenceSync[Meta]]) -> list[Any]:
    """What the official client would have called."""

    def call(kind: str, change: PresenceChange[Meta]) -> list[Any]:
        return [kind, change.key, presence(change.current), presence(change.changed)]

    return [
        told
        for sync in syncs
        for told in (*(call("join", each) for each in sync.joins), *(call("leave", each) for each in sync.leaves))
    ]


class Comparison:
    """Ours beside theirs, step by step.

    Where a resync brings no new ref, theirs keeps the old fields of a key (a trap that has a test of its own), until
    the key joins again or is gone: so long its fields are not compared.
    """

    def __init__(self) -> None:
        self.roster: Roster[Meta] = Roster()
        self.theirs: dict[str, Any] = {}
        self.stale: set[str] = set()

    def step(self, event: tuple[Any, ...], theirs: Any) -> None:
        roster, (kind, *payload) = self.roster, event
        if kind == "rejoin":
            roster.lost()
            ours: list[PresenceSync[Meta]] = []
        else:
            ours = roster.sync_state(*payload) if kind == "state" else roster.sync_diff(*payload)
        told = [call for call in theirs["calls"] if call[0] != "sync"]
        joined = {call[1] for call in told if call[0] == "join"}
        theirs_now = dict(theirs["list"])
        for key, entry in payload[0].items() if kind == "state" else ():
            before = self.theirs.get(key)
            if before is not None and refs(entry) <= refs(before) and fields(entry) != fields(before):
                self.stale.add(key)
        self.theirs = theirs_now
        self._compare_calls(calls(ours), told)
        assert bool(ours) is (["sync"] in theirs["calls"])
        assert {entry.key: self._masked(entry.key, presence(entry)) for entry in roster.snapshot} == {
            key: self._masked(key, entry) for key, entry in theirs_now.items()
        }
        assert len(roster) == len(theirs_now)
        self.stale -= joined
        self.stale &= theirs_now.keys()

    def _compare_calls(self, ours: list[Any], theirs: list[Any]) -> None:
        for key in KEYS:
            of_key = [
                [[kind, self._masked(key, current), self._masked(key, changed)] for kind, _, current, changed in some]
                for some in ([call for call in calls if call[1] == key] for calls in (ours, theirs))
            ]
            assert of_key[0] == of_key[1]

    def _masked(self, key: str, entry: Any) -> Any:
        return {"metas": entry["metas"]} if entry is not None and key in self.stale else entry


# a join that was held for the state shows the official client's old fields as what was there before
STALE_BEFORE_A_HELD_JOIN: list[tuple[Any, ...]] = [
    ("state", {"": {"metas": []}}),
    ("rejoin",),
    ("diff", {"joins": {"": {"metas": []}}, "leaves": {}}),
    ("state", {"": {"metas": [], "user": 0}}),
]


@settings(deadline=None)
@given(history=histories)
@example(history=STALE_BEFORE_A_HELD_JOIN)
def test_the_roster_is_that_of_the_official_client(program: Program, history: list[tuple[Any, ...]]):
    answer = program.ask({"events": history, "dropLeftovers": True})
    comparison = Comparison()
    for event, theirs in zip(history, answer, strict=True):
        comparison.step(event, theirs)


class Server:
    """A server that tracks what it is told to, and says of it what a real one says."""

    def __init__(self) -> None:
        self.present: dict[str, list[Meta]] = {}
        self.refs = 0

    def presence(self, key: str, metas: list[Meta]) -> Any:
        return {"metas": metas, "user": {"name": key}}

    def state(self) -> Any:
        return {key: self.presence(key, metas) for key, metas in self.present.items()}

    def happens(self, key: str, what: str) -> Any:
        """Somebody joins, leaves or changes; returns the difference."""
        metas = self.present.get(key, [])
        left = metas[:1] if what in ("leave", "update") else []
        joined = []
        if what == "join" or (what == "update" and left):
            self.refs += 1
            joined = [{"phx_ref": str(self.refs)}]
        self.present[key] = [*metas[len(left) :], *joined]
        if not self.present[key]:
            del self.present[key]
        return {
            "joins": {key: self.presence(key, joined)} if joined else {},
            "leaves": {key: self.presence(key, left)} if left else {},
        }


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(KEYS[:5]),
            st.sampled_from(["join", "join", "leave", "update"]),
            st.sampled_from(["heard", "heard", "heard", "missed", "heard before the state"]),
        ),
        max_size=30,
    )
)
def test_whatever_was_missed_the_roster_is_what_the_server_has(program: Program, story: list[tuple[str, str, str]]):
    """Differences are heard, or missed while away; then a rejoin tells the truth, to theirs and to ours."""
    server = Server()
    history: list[Any] = [("state", {})]
    away = False
    truths: list[Any] = [{}]
    for key, what, how in story:
        diff = server.happens(key, what)
        if how == "missed":
            history += [] if away else [("rejoin",)]
            truths += [] if away else [None]
            away = True
            continue
        if away and how == "heard before the state":
            # a state that the server has read after it sent the difference
            history += [("diff", diff), ("state", server.state())]
            truths += [None, server.state()]
            away = False
        elif away:
            history += [("state", server.state())]
            truths += [server.state()]
            away = False
        else:
            history.append(("diff", diff))
            truths.append(server.state())
    answer = program.ask({"events": history, "dropLeftovers": True})
    comparison = Comparison()
    for event, theirs, truth in zip(history, answer, truths, strict=True):
        comparison.step(event, theirs)
        if truth is not None:
            by_ref = {
                entry.key: sorted(each["phx_ref"] for each in entry.metas) for entry in comparison.roster.snapshot
            }
            assert by_ref == {
                key: sorted(each["phx_ref"] for each in presence["metas"]) for key, presence in truth.items()
            }


# -- the two traps of the official client, which ours is not in -----------------------------------------------------


def listed(roster: Roster[Meta]) -> list[Any]:
    return roster.list_by(lambda key, entry: [key, presence(entry)])


def test_differences_of_a_join_whose_state_never_came_are_dropped_at_the_rejoin(program: Program):
    ghost = {"metas": [meta("r1")]}
    history = [("diff", {"joins": {"ghost": ghost}, "leaves": {}}), ("rejoin",), ("state", {})]
    theirs = program.ask({"events": history, "dropLeftovers": False})
    assert theirs[-1]["list"] == [["ghost", ghost]]
    roster: Roster[Meta] = Roster()
    roster.sync_diff(history[0][1])
    roster.lost()
    assert calls(roster.sync_state({})) == []
    assert listed(roster) == []


def test_a_resync_takes_new_fields_and_metas_though_no_ref_is_new(program: Program):
    history = [
        ("state", {"a": {"metas": [meta("r1"), meta("r2")], "user": "old"}}),
        ("rejoin",),
        ("state", {"a": {"metas": [{**meta("r2"), "fetched": 1}], "user": "new"}}),
    ]
    theirs = program.ask({"events": history, "dropLeftovers": True})
    assert theirs[-1]["list"] == [["a", {"metas": [meta("r2")], "user": "old"}]]
    roster: Roster[Meta] = Roster()
    roster.sync_state(history[0][1])
    roster.lost()
    (sync,) = roster.sync_state(history[2][1])
    now = {"metas": [{**meta("r2"), "fetched": 1}], "user": "new"}
    assert listed(roster) == [["a", now]]
    assert calls([sync]) == [["leave", "a", now, {"metas": [meta("r1")], "user": "old"}]]
    assert sync.leaves[0].resync

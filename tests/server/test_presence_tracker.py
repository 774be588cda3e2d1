"""Who is present where: what each change makes of it, and what holds whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix.errors import UnencodablePayload
from rxphoenix.server.presence_tracker import PresenceDiff, Presences, PresenceTracker

LAPTOP, PHONE = "laptop", "phone"


def make() -> PresenceTracker:
    refs = count(1)
    return PresenceTracker(lambda: str(next(refs)))


def test_tracking_joins_and_untracking_leaves():
    tracker = make()
    ann = {"ann": {"metas": [{"status": "online", "phx_ref": "1"}]}}
    assert tracker.track(LAPTOP, "room:a", "ann", {"status": "online"}) == PresenceDiff("room:a", ann, {})
    assert tracker.list("room:a") == ann
    assert tracker.untrack(LAPTOP, "room:a", "ann") == PresenceDiff("room:a", {}, ann)
    assert tracker.list("room:a") == {}


def test_an_update_leaves_and_joins_in_one_difference_and_names_the_ref_before():
    tracker = make()
    tracker.track(LAPTOP, "room:a", "ann", {"n": 1})
    assert tracker.update(LAPTOP, "room:a", "ann", {"n": 2}) == PresenceDiff(
        "room:a",
        {"ann": {"metas": [{"n": 2, "phx_ref": "2", "phx_ref_prev": "1"}]}},
        {"ann": {"metas": [{"n": 1, "phx_ref": "1"}]}},
    )
    tracker.update(LAPTOP, "room:a", "ann", lambda meta: {**meta, "n": meta["n"] + 1})
    assert tracker.list("room:a") == {"ann": {"metas": [{"n": 3, "phx_ref": "3", "phx_ref_prev": "2"}]}}


def test_devices_share_a_key_and_an_update_keeps_its_place():
    tracker = make()
    tracker.track(LAPTOP, "room:a", "ann", {"on": "laptop"})
    tracker.track(PHONE, "room:a", "ann", {"on": "phone"})
    tracker.update(LAPTOP, "room:a", "ann", {"on": "desk"})
    assert [meta["on"] for meta in tracker.list("room:a")["ann"]["metas"]] == ["desk", "phone"]
    assert tracker.untrack(PHONE, "room:a", "ann") == PresenceDiff(
        "room:a", {}, {"ann": {"metas": [{"on": "phone", "phx_ref": "2"}]}}
    )
    assert [meta["on"] for meta in tracker.list("room:a")["ann"]["metas"]] == ["desk"]


def test_a_process_that_ends_leaves_each_of_its_topics_once():
    tracker = make()
    for topic, key in [("room:a", "ann"), ("room:b", "ann"), ("room:a", "bob")]:
        tracker.track(LAPTOP, topic, key, {})
    tracker.track(PHONE, "room:a", "ann", {})
    assert tracker.end(LAPTOP) == (
        PresenceDiff("room:a", {}, {"ann": {"metas": [{"phx_ref": "1"}]}, "bob": {"metas": [{"phx_ref": "3"}]}}),
        PresenceDiff("room:b", {}, {"ann": {"metas": [{"phx_ref": "2"}]}}),
    )
    assert tracker.end(LAPTOP) == ()
    assert tracker.list("room:a") == {"ann": {"metas": [{"phx_ref": "4"}]}}


def test_what_is_not_there_cannot_be_updated_and_need_not_be_untracked():
    tracker = make()
    assert tracker.untrack(LAPTOP, "room:a", "ann") is None
    tracker.track(LAPTOP, "room:a", "ann", {})
    for process, topic, key in [(PHONE, "room:a", "ann"), (LAPTOP, "room:b", "ann"), (LAPTOP, "room:a", "bob")]:
        assert tracker.untrack(process, topic, key) is None
        with pytest.raises(LookupError, match=f"'{key}' is not tracked on '{topic}' by this channel: track it first"):
            tracker.update(process, topic, key, {})


def test_a_process_is_tracked_under_a_key_once():
    tracker = make()
    tracker.track(LAPTOP, "room:a", "ann", {"n": 1})
    with pytest.raises(ValueError, match="'ann' is tracked on 'room:a' by this channel already: update it instead"):
        tracker.track(LAPTOP, "room:a", "ann", {"n": 2})
    assert tracker.list("room:a")["ann"]["metas"] == [{"n": 1, "phx_ref": "1"}]
    tracker.untrack(LAPTOP, "room:a", "ann")
    tracker.track(LAPTOP, "room:a", "ann", {"n": 3})


@pytest.mark.parametrize(
    ("key", "meta", "error", "text"),
    [
        (5, {}, TypeError, "the key of a presence is a string, not 5"),
        ("ann", ["online"], TypeError, "the meta of 'ann' is a mapping, not a list"),
        ("ann", None, TypeError, "the meta of 'ann' is a mapping, not a NoneType"),
        ("ann", {"socket": object()}, UnencodablePayload, "the meta of 'ann' cannot be written as JSON"),
    ],
)
def test_what_no_client_could_be_told_is_refused_and_nothing_has_changed(
    key: Any, meta: Any, error: type[Exception], text: str
):
    tracker = make()
    with pytest.raises(error, match=text):
        tracker.track(LAPTOP, "room:a", key, meta)
    assert tracker.list("room:a") == {}
    assert tracker.end(LAPTOP) == ()
    if isinstance(key, str):
        tracker.track(LAPTOP, "room:a", key, {"n": 1})
        before = tracker.list("room:a")
        with pytest.raises(error, match=text):
            tracker.update(LAPTOP, "room:a", key, meta)
        assert tracker.list("room:a") == before


def test_nobody_else_can_change_what_is_tracked():
    tracker = make()
    meta: dict[str, Any] = {"tags": ["a"]}
    diff = tracker.track(LAPTOP, "room:a", "ann", meta)
    meta["tags"].append("b")
    diff.joins["ann"]["metas"].clear()
    tracker.list("room:a")["ann"]["metas"][0]["phx_ref"] = "stolen"
    tracker.list("room:a").clear()

    def vandal(old: dict[str, Any]) -> dict[str, Any]:
        old.clear()
        raise RuntimeError("no new meta")

    with pytest.raises(RuntimeError, match="no new meta"):
        tracker.update(LAPTOP, "room:a", "ann", vandal)
    assert tracker.list("room:a") == {"ann": {"metas": [{"tags": ["a"], "phx_ref": "1"}]}}


@pytest.mark.parametrize("key", ["", "__proto__", "ü 🎉", "x" * 1000])
def test_a_key_may_be_any_string(key: str):
    tracker = make()
    tracker.track(LAPTOP, "room:a", key, {})
    assert list(tracker.list("room:a")) == [key]


processes, topics, keys = st.sampled_from("pqr"), st.sampled_from("st"), st.sampled_from("abc")
changes = st.one_of(
    st.tuples(st.sampled_from(["track", "update", "untrack"]), processes, topics, keys),
    st.tuples(st.just("end"), processes),
)


def apply(tracker: PresenceTracker, name: str, *arguments: Any) -> tuple[PresenceDiff, ...]:
    change: Callable[..., Any] = getattr(tracker, name)
    try:
        diff = change(*arguments, *([{"made by": name}] if name in ("track", "update") else []))
    except (ValueError, LookupError):
        return ()
    return diff if isinstance(diff, tuple) else () if diff is None else (diff,)


@given(st.lists(changes, max_size=40))
def test_whoever_adds_up_the_differences_knows_what_is_listed(script: list[tuple[str, ...]]):
    tracker = make()
    known: dict[str, dict[tuple[str, str], dict[str, Any]]] = {"s": {}, "t": {}}
    used: set[str] = set()
    for step in script:
        for diff in apply(tracker, *step):
            here, left = known[diff.topic], by_ref(diff.leaves)
            assert diff.joins or diff.leaves
            for (key, ref), meta in by_ref(diff.joins).items():
                assert ref not in used
                used.add(ref)
                assert ("phx_ref_prev" in meta) == (step[0] == "update")
                assert "phx_ref_prev" not in meta or (key, meta["phx_ref_prev"]) in left
                here[key, ref] = meta
            for name, meta in left.items():
                assert here.pop(name) == meta
    for topic, expected in known.items():
        assert by_ref(tracker.list(topic)) == expected
    for process in "pqr":
        tracker.end(process)
    assert tracker.list("s") == tracker.list("t") == {}


def by_ref(presences: Presences) -> dict[tuple[str, str], dict[str, Any]]:
    assert all(presence["metas"] for presence in presences.values())
    return {(key, meta["phx_ref"]): meta for key, presence in presences.items() for meta in presence["metas"]}

"""The presence of others on a virtual topic: the state, the diffs, and when they come."""

from __future__ import annotations

from typing import Any

import pytest

from rxphoenix import UnencodablePayload
from rxphoenix.testing import MarbleSyntaxError, Track, Untrack, Update, World


def presence(**metas: Any) -> dict[str, Any]:
    return {key: {"metas": of_key} for key, of_key in metas.items()}


def diff(joins: dict[str, Any] | None = None, leaves: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"joins": joins or {}, "leaves": leaves or {}}


ANN, BOB = {"n": 1, "phx_ref": "1"}, {"phx_ref": "2"}
CHANGES = {"a": Track("ann", {"n": 1}), "b": Track("bob"), "x": Untrack("ann"), "y": Untrack("bob")}


def test_who_joins_gets_the_state_and_then_the_diffs(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").presence("a--b--x", CHANGES)
    channel = phoenix.socket().channel("room:1")
    marbles.expect(channel.on("presence_state"), "-^").to_be("-s", {"s": presence(ann=[ANN])})
    marbles.expect(channel.on("presence_diff"), "-^").to_be(
        "---b--x", {"b": diff(presence(bob=[BOB])), "x": diff(None, presence(ann=[ANN]))}
    )


def test_a_topic_where_nobody_is_has_an_empty_state(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").presence("")
    marbles.expect(phoenix.socket().channel("room:1").on("presence_state")).to_be("s", {"s": {}})


def test_a_topic_without_presence_says_nothing_of_it(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").presence("a", CHANGES)
    marbles.expect(phoenix.socket().channel("room:2")).to_be("-----")


def test_an_update_is_one_diff_of_a_leave_and_a_join(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").presence("-(au)", {**CHANGES, "u": Update("ann", {"n": 2})})
    updated = {"n": 2, "phx_ref": "2", "phx_ref_prev": "1"}
    marbles.expect(phoenix.socket().channel("room:1").on("presence_diff")).to_be(
        "-(au)", {"a": diff(presence(ann=[ANN])), "u": diff(presence(ann=[updated]), presence(ann=[ANN]))}
    )


def test_several_changes_can_be_one_diff(marbles: World):
    phoenix = marbles.phoenix()
    both = presence(ann=[{"phx_ref": "1"}, {"phx_ref": "2"}], bob=[{"phx_ref": "3"}])
    values = {
        "t": [Track("ann", device="laptop"), Track("ann", device="phone"), Track("bob")],
        "x": (Untrack("ann", device="laptop"), Untrack("ann", device="phone"), Untrack("bob")),
    }
    phoenix.topic("room:1").presence("-t-x", values)
    marbles.expect(phoenix.socket().channel("room:1").on("presence_diff")).to_be(
        "-t-x", {"t": diff(both), "x": diff(None, both)}
    )


def test_each_device_of_a_key_has_a_meta_of_its_own(marbles: World):
    phoenix = marbles.phoenix()
    values = {"l": Track("ann", device="laptop"), "p": Track("ann", device="phone"), "x": Untrack("ann", "laptop")}
    phoenix.topic("room:1").presence("(lp)x", values)
    state = phoenix.socket().channel("room:1").on("presence_state")
    marbles.expect(state, "------^").to_be("------s", {"s": presence(ann=[{"phx_ref": "2"}])})


def test_who_is_not_there_goes_without_a_word(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").presence("-x", CHANGES)
    marbles.expect(phoenix.socket().channel("room:1").on("presence_diff")).to_be("---")


def test_the_state_may_be_late_or_never_come_and_shows_what_is_then(marbles: World):
    phoenix = marbles.phoenix()
    room = phoenix.topic("room:1")
    room.presence("-a----------b", CHANGES)
    room.states("---s", "")
    room.crashes("------x")
    channel = phoenix.socket(rejoin_after=lambda attempt, error: 0.002).channel("room:1")

    marbles.expect(channel.on("presence_state"), "^ 14ms !").to_be("---s", {"s": presence(ann=[ANN])})
    marbles.expect(channel.on("presence_diff"), "^ 14ms !").to_be(
        "-a----------b", {"a": diff(presence(ann=[ANN])), "b": diff(presence(bob=[BOB]))}
    )


def test_the_state_comes_with_each_join(marbles: World):
    phoenix = marbles.phoenix()
    phoenix.topic("room:1").presence("a---b", CHANGES)
    phoenix.drops("--x")
    channel = phoenix.socket(reconnect_after=lambda attempt, error: 0.005).channel("room:1")
    marbles.expect(channel.on("presence_state"), "-^ 9ms !").to_be(
        "-s-----t", {"s": presence(ann=[ANN]), "t": presence(ann=[ANN], bob=[BOB])}
    )


def test_a_handler_may_change_the_presence(marbles: World):
    phoenix = marbles.phoenix()
    room = phoenix.topic("room:1")
    room.handle("wave", lambda channel, payload: room.change(Track("ann", {"n": 1})))
    channel = phoenix.socket().channel("room:1")
    marbles.at("1ms", lambda: channel.push("wave", {}, reply=False).subscribe())
    marbles.expect(channel.on("presence_diff")).to_be("-a", {"a": diff(presence(ann=[ANN]))})


def test_what_is_no_change_is_refused_at_the_call(marbles: World):
    room = marbles.phoenix().topic("room:1")
    for value in ("ann", [], [Track("ann"), "bob"], {"ann": {}}):
        with pytest.raises(ValueError, match="'a' means nothing here: give Track, Update or Untrack"):
            room.presence("-a", {"a": value})  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="what a server does has no end"):
        room.presence("a|", CHANGES)
    with pytest.raises(MarbleSyntaxError):
        room.presence("(a", CHANGES)
    for drawing in ("ss", "#", "s|"):
        with pytest.raises(ValueError, match="the drawing of a state shows one value, or nothing"):
            room.states(drawing)


def test_what_a_server_could_not_do_is_an_error_when_it_is_due(marbles: World):
    room = marbles.phoenix().topic("room:1")
    with pytest.raises(LookupError, match="'ann' is not tracked on 'room:1'"):
        room.change(Update("ann"))
    with pytest.raises(UnencodablePayload, match="the meta of 'ann' cannot be written as JSON"):
        room.change(Track("ann", {"socket": object()}))


def test_changes_are_written_as_in_a_marble_file():
    assert [repr(change) for change in (Track("a"), Update("a", {"n": 1}, device="d"), Untrack("a", device="d"))] == [
        "track('a')",
        "update('a', {'n': 1}, device='d')",
        "untrack('a', device='d')",
    ]

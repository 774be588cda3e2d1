"""Presence as streams: who sees what, when, and in which order."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from typing import Any

import msgspec
import pydantic
import pytest
from reactivex import operators as ops

from rxphoenix import (
    Channel,
    Fault,
    JoinRefused,
    MalformedFrame,
    Payload,
    PayloadMismatch,
    Presence,
    PresenceChange,
    PresenceEntry,
    PresenceEvents,
    PresenceSnapshot,
    Reply,
    Socket,
    SocketClosed,
    TakenOver,
)
from rxphoenix.client import attendance
from rxphoenix.testing import Observation, VirtualChannel, World
from tests.legends import DONE, said

pytestmark = pytest.mark.marbles(frame=0.1)

STATE, DIFF = "presence_state", "presence_diff"
BOOLEANS = {"f": False, "t": True}


def metas(*refs: str, **fields: Any) -> Any:
    """A presence whose metas have these refs."""
    return {"metas": [{"phx_ref": ref} for ref in refs], **fields}


def diff(joins: dict[str, Any] | None = None, leaves: dict[str, Any] | None = None) -> Any:
    return {"joins": joins or {}, "leaves": leaves or {}}


def entry(key: str, *refs: str) -> PresenceEntry[Any]:
    return PresenceEntry(key, tuple(metas(*refs)["metas"]))


def keys(snapshots: list[PresenceSnapshot[Any]]) -> list[str]:
    """The keys of each snapshot, written together."""
    return ["".join(each.key for each in snapshot) for snapshot in snapshots]


class Room:
    """A topic with presence; each accepted join is told the next of some states, 0.1 s after its reply."""

    def __init__(self, marbles: World, *states: Any) -> None:
        self.phoenix = marbles.phoenix(opens_after=0.1, latency=0.1, idle_timeout=None)
        self.socket: Socket = self.phoenix.socket(heartbeat_interval=None)
        self.channel: Channel = self.socket.channel("room")
        self.presence: Presence[Any] = self.channel.presence()
        self.faults: list[Fault] = []
        self.socket.errors.subscribe(self.faults.append)
        self.crash = self.phoenix.topic("room").crash
        waiting = iter(states)

        def joined(channel: VirtualChannel, _params: Payload) -> None:
            state = next(waiting, None)
            if state is not None:
                marbles.at(marbles.now + 0.1, lambda: channel.push(STATE, state))

        self.phoenix.topic("room").handle_join(joined)

    def tell(self, event: str, payload: Any) -> None:
        """Broadcast, now."""
        self.phoenix.write(said(event, payload, topic="room"))

    def joins(self, key: str, ref: str) -> None:
        self.tell(DIFF, diff({key: metas(ref)}))

    def leaves(self, key: str, ref: str) -> None:
        self.tell(DIFF, diff(leaves={key: metas(ref)}))

    def errors(self) -> list[type]:
        return [type(fault.error) for fault in self.faults]


def kept(room: Room) -> attendance.Attendance:
    """What a join keeps of presence."""
    join = room.socket._topics._topics["room"].join
    assert join is not None
    return join._attendances.of(join.options.presence, is_joined=False)


def test_a_snapshot_comes_with_each_message(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    marbles.at("1s", lambda: room.joins("b", "b1"))
    marbles.at("2s", lambda: room.leaves("a", "a1"))
    lists = [[entry("a", "a1")], [entry("a", "a1"), entry("b", "b1")], [entry("b", "b1")]]
    snapshots = dict(zip("123", map(PresenceSnapshot, lists), strict=True))
    marbles.expect(room.presence).to_be("---1 600ms 2 900ms 3", snapshots)


def test_it_is_cold_and_a_lease_of_the_channel(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    presence = room.presence
    for part in (presence, presence.joins, presence.leaves, presence.size, presence.synced, presence.state,
                 presence.of("a"), presence.list_by(lambda key, entry: key)):  # fmt: skip
        assert room.channel.state.value == "closed"
        seen = marbles.observe(part)
        marbles.advance(1)
        assert room.channel.state.value == "joined"
        seen.dispose()
        marbles.advance(1)
        assert room.channel.state.value == "closed"
    assert len(room.phoenix.attempts) == 8


def test_nobody_hears_before_the_state(marbles: World):
    room = Room(marbles)
    presence = room.presence
    parts = [presence, presence.joins, presence.size, presence.of("a"), presence.state]
    seen = [marbles.observe(part) for part in parts]
    marbles.expect(presence.synced).to_be("f 900ms t", BOOLEANS)
    marbles.at("500ms", lambda: room.joins("a", "a1"))
    marbles.run(until="1s")
    assert list(map(str, seen)) == [""] * 5
    room.tell(STATE, {})
    held = PresenceChange("a", None, entry("a", "a1"))
    assert [each.values for each in seen[1:4]] == [[held], [1], [entry("a", "a1")]]
    assert keys(seen[0].values) == ["a"]


def test_who_comes_late_gets_the_current_list_at_once(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    marbles.observe(room.channel)
    marbles.at(1.0, lambda: room.joins("b", "b1"))
    marbles.run(until=2)
    assert keys(marbles.observe(room.presence).values) == ["ab"]
    presence = room.presence
    parts = [presence.size, presence.of("b"), presence.of("z"), presence.synced, presence.joins]
    assert [marbles.observe(part).values for part in parts] == [[2], [entry("b", "b1")], [None], [True], []]
    assert marbles.observe(presence.list_by(lambda key, _entry: key.upper())).values == [("A", "B")]
    assert marbles.observe(presence.state).values == [{"a": entry("a", "a1"), "b": entry("b", "b1")}]


def test_who_comes_late_in_an_outage_gets_the_last_list(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    marbles.observe(room.channel)
    marbles.run(until=1)
    room.phoenix.connects("")
    room.phoenix.drop()
    marbles.run(until=2)
    assert keys(marbles.observe(room.presence).values) == ["a"]
    assert marbles.observe(room.presence.synced).values == [False]


def test_a_list_stays_true(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    seen = marbles.observe(room.presence)
    marbles.run(until=1)
    for number in range(300):
        room.joins(f"k{number}", "x")
    room.leaves("a", "a1")
    assert [len(each) for each in seen.values] == [*range(1, 302), 300]
    assert [each[0].key for each in seen.values] == ["a"] * 301 + ["k0"]


def test_the_first_device_and_the_last_are_told_from_others(marbles: World):
    room = Room(marbles, {})
    joins, leaves = marbles.observe(room.presence.joins), marbles.observe(room.presence.leaves)
    marbles.run(until=1)
    room.joins("a", "a1")
    room.joins("a", "a2")
    room.leaves("a", "a1")
    room.leaves("a", "a2")
    assert joins.values == [
        PresenceChange("a", None, entry("a", "a1")),
        PresenceChange("a", entry("a", "a1"), entry("a", "a2")),
    ]
    assert leaves.values == [
        PresenceChange("a", entry("a", "a2"), entry("a", "a1")),
        PresenceChange("a", entry("a"), entry("a", "a2")),
    ]


def test_size_and_of_emit_only_changes(marbles: World):
    room = Room(marbles, {"a": metas("a1"), "b": metas("b1")})
    size, a = marbles.observe(room.presence.size), marbles.observe(room.presence.of("a"))
    marbles.run(until=1)
    room.joins("b", "b2")
    room.tell(DIFF, diff({"c": metas("c1")}, {"a": metas("a1")}))
    room.leaves("unknown", "u")
    room.joins("a", "a2")
    room.joins("a", "a2")
    assert size.values == [2, 3]
    assert a.values == [entry("a", "a1"), None, entry("a", "a2")]


def test_an_absent_key_is_told_with_the_first_state(marbles: World):
    room = Room(marbles, {"b": metas("b1")})
    marbles.at("1s", lambda: room.joins("b", "b2"))
    marbles.expect(room.presence.of("a")).to_be("---x", DONE)


def test_in_an_outage_the_list_stands_and_a_resync_tells_the_difference(marbles: World):
    again = {"b": metas("b1"), "d": metas("d1"), "c": metas("c1", "c2")}
    room = Room(marbles, {"a": metas("a1"), "b": metas("b1"), "c": metas("c1")}, again)
    presence = room.presence
    room.phoenix.drops("1s x")
    marbles.expect(presence.pipe(ops.map(lambda snapshot: keys([snapshot])[0]))).to_be(
        "---1 910ms 2", {"1": "abc", "2": "bcd"}
    )
    marbles.expect(presence.synced).to_be("f--t 600ms f 210ms t", BOOLEANS)
    marbles.expect(presence.size).to_be("---3", {"3": 3})
    joins, leaves = marbles.observe(presence.joins), marbles.observe(presence.leaves)
    c, b = marbles.observe(presence.of("c")), marbles.observe(presence.of("b"))
    marbles.run(until="2s")
    assert joins.values[3:] == [
        PresenceChange("d", None, entry("d", "d1"), resync=True),
        PresenceChange("c", entry("c", "c1"), entry("c", "c2"), resync=True),
    ]
    assert not any(change.resync for change in joins.values[:3])
    assert leaves.values == [PresenceChange("a", entry("a"), entry("a", "a1"), resync=True)]
    assert b.values == [entry("b", "b1")]
    assert c.values == [entry("c", "c1"), entry("c", "c1", "c2")]


def test_a_crash_waits_for_a_new_state_and_drops_what_was_held(marbles: World):
    room = Room(marbles, None, {"a": metas("a1")})
    seen, synced = marbles.observe(room.presence), marbles.observe(room.presence.synced)
    marbles.run(until=1)
    room.joins("ghost", "g1")
    room.crash()
    marbles.run(until=3)
    assert keys(seen.values) == ["a"]
    assert synced.values == [False, True]
    room.crash()
    marbles.run(until=3.5)
    assert synced.values == [False, True, False]


def test_messages_of_another_join_and_strangers_broadcasts_are_not_heard(marbles: World):
    room = Room(marbles, {"a": metas("a1")}, {"b": metas("b1")})
    seen = marbles.observe(room.presence)
    marbles.run(until=1)
    room.phoenix.write(said(STATE, {"ghost": metas("g1")}, join_ref=77, topic="room"))
    room.crash()
    room.joins("ghost", "g1")  # a broadcast while the join is lost
    marbles.run(until=3)
    assert keys(seen.values) == ["a", "b"]


def test_a_second_state_of_a_join_is_a_resync(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    leaves, synced = marbles.observe(room.presence.leaves), marbles.observe(room.presence.synced)
    marbles.run(until=1)
    room.tell(STATE, {})
    assert leaves.values == [PresenceChange("a", entry("a"), entry("a", "a1"), resync=True)]
    assert synced.values == [False, True]


# -- the order in which things are told ------------------------------------------------------------------------------


def test_one_message_is_told_in_order_after_those_who_see_messages(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    told: list[str] = []
    presence = room.presence

    def note(name: str) -> Any:
        return lambda _value: told.append(name)

    for name in ("synced", "list", "state", "size", "of", "leaves", "joins"):
        part = {"list": presence, "of": presence.of("a")}.get(name) or getattr(presence, name)
        part.subscribe(note(name))
    room.channel.subscribe(note("message"))
    marbles.run(until=1)
    assert told == ["synced", "message", "joins", "of", "size", "list", "state", "synced"]
    told.clear()
    room.tell(DIFF, diff({"a": metas("a2"), "b": metas("b1")}, {"a": metas("a1")}))
    assert told == ["message", "joins", "joins", "leaves", "of", "size", "list", "state"]


def test_who_subscribes_in_a_dispatch_sees_how_it_is_then_and_what_comes_next_once(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    late: list[Observation] = []
    presence = room.presence

    def subscribe_too(_message: Any) -> None:
        if not late:
            late.extend(map(marbles.observe, (presence, presence.joins, presence.size)))

    room.channel.subscribe(subscribe_too)
    marbles.run(until=1)
    room.joins("b", "b1")
    assert keys(late[0].values) == ["a", "ab"]
    assert [change.key for change in late[1].values] == ["b"]
    assert late[2].values == [1, 2]


def test_who_disposes_in_a_dispatch_sees_nothing_more(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    seen, b = marbles.observe(room.presence), marbles.observe(room.presence.of("b"))

    def leave(_change: Any) -> None:
        seen.dispose()
        b.dispose()

    room.presence.joins.subscribe(leave)
    marbles.run(until=1)
    room.joins("b", "b1")
    assert (seen.values, b.values) == ([], [])


def test_who_takes_one_is_gone_with_it(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    marbles.observe(room.channel)
    marbles.run(until=1)
    presence = room.presence
    for part in (presence, presence.size, presence.of("a"), presence.synced):
        seen = marbles.observe(part.pipe(ops.first()))
        assert str(seen) == "(a|)"
    room.joins("b", "b1")
    attendance = kept(room)
    assert attendance._views == ()
    assert attendance._observers == {}
    assert attendance._backlog != []


def test_disposed_before_it_began(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    held = marbles.observe(room.channel)
    marbles.run(until=1)
    recorders: list[Observation] = []

    def subscribe_and_dispose(_message: Any) -> None:
        recorders.append(marbles.observe(room.presence))
        recorders[0].dispose()

    room.channel.subscribe(subscribe_and_dispose)
    room.joins("b", "b1")
    assert recorders[0].values == []
    held.dispose()
    marbles.run(until=2)
    assert room.channel.state.value == "joined"  # the subscription to the messages is a lease still


def test_an_observer_that_raises_hides_nothing_from_others(marbles: World):
    room = Room(marbles, {"a": metas("a1")})

    def fail(_value: Any) -> None:
        raise RuntimeError("no")

    for part in (room.presence.joins, room.presence, room.presence.size):
        part.subscribe(fail)
    broken = marbles.observe(room.presence.list_by(lambda key, entry: 1 / 0))
    seen = marbles.observe(room.presence)
    marbles.run(until=1)
    room.joins("b", "b1")
    assert keys(seen.values) == ["a", "ab"]
    assert str(broken) == ""
    assert room.errors().count(RuntimeError) == 6
    assert room.errors().count(ZeroDivisionError) == 2


# -- the end ---------------------------------------------------------------------------------------------------------


def test_it_ends_as_the_channel_does(marbles: World):
    room = Room(marbles, {"a": metas("a1")}, {"b": metas("b1")})
    marbles.expect(room.presence).to_be("---s 600ms |", {"s": PresenceSnapshot([entry("a", "a1")])})
    marbles.expect(room.presence.of("a")).to_be("---e 600ms |", {"e": entry("a", "a1")})
    marbles.at("1s", lambda: room.channel.leave().subscribe())
    marbles.run(until=2)
    again = marbles.observe(room.presence)
    joins = marbles.observe(room.presence.joins)
    marbles.run(until=3)
    assert keys(again.values) == ["b"]
    assert [change.resync for change in joins.values] == [False]


def test_a_refusal_a_takeover_and_the_close_are_its_ends(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    room.phoenix.topic("no").joins("r", values={"r": Reply("error", {"reason": "no"})})
    refused = JoinRefused("no", {"reason": "no"})
    marbles.expect(room.socket.channel("no").presence().size).to_be("--#", error=refused)
    marbles.expect(room.presence.joins.pipe(ops.ignore_elements())).to_be("1s #", error=TakenOver("room"))
    marbles.expect(room.socket.channel("room", {"other": 1}).presence(), "1s ^").to_be("2s |")
    marbles.at("2s", room.socket.close)
    marbles.expect(room.presence, "3s ^").to_be("3s #", error=SocketClosed())


def test_what_is_over_is_not_kept(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    seen = marbles.observe(room.presence)
    marbles.run(until=1)
    attendance = kept(room)
    assert attendance._observers != {}
    seen.dispose()
    marbles.run(until=2)
    assert attendance._observers == {}
    assert attendance._views == ()
    assert room.socket._topics._topics == {}


# -- while nobody looks ----------------------------------------------------------------------------------------------


def test_messages_that_nobody_reads_are_kept_undecoded(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    room.channel.hold()
    marbles.run(until=1)
    for number in range(300):
        room.joins(f"k{number}", "x")
    attendance = kept(room)
    assert attendance._roster is None
    assert len(attendance._backlog) == 301
    assert all(message is not None and message.raw is not None for message in attendance._backlog)
    assert marbles.observe(room.presence.size).values == [301]
    assert attendance._backlog == []


def longest_backlog(room: Room, tell: Any, times: int) -> int:
    """How many messages were kept at most."""
    longest = 0
    for number in range(times):
        tell(number)
        longest = max(longest, len(kept(room)._backlog))
    return longest


def test_they_are_made_into_a_roster_when_they_are_many(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    room.channel.hold()
    marbles.run(until=1)
    assert 500 < longest_backlog(room, lambda number: room.joins(f"k{number}", "x"), 3000) < 1500
    assert kept(room)._roster is not None
    assert marbles.observe(room.presence.size).values == [3001]


def test_they_may_be_as_large_as_the_last_state(marbles: World):
    room = Room(marbles, {f"key {number}": metas("x") for number in range(10_000)})
    room.channel.hold()
    marbles.run(until=1)
    assert longest_backlog(room, lambda number: room.joins(f"k{number}", "x"), 3000) == 3001
    assert kept(room)._roster is None


def test_states_that_nobody_reads_do_not_pile_up(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    room.channel.hold()
    marbles.run(until=1)
    state = {f"key {number}": metas("x") for number in range(1000)}
    assert longest_backlog(room, lambda _number: room.tell(STATE, state), 20) < 5


def test_messages_that_others_have_looked_at_do_not_pile_up(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    room.channel.subscribe(lambda message: message.payload)
    marbles.run(until=1)
    assert longest_backlog(room, lambda number: room.joins(f"k{number}", "x"), 500) < 100


def test_losses_while_nobody_reads_are_kept_in_their_place(marbles: World):
    room = Room(marbles, {"a": metas("a1")}, None, None, {"b": metas("b1")})
    room.channel.hold()
    marbles.run(until=1)
    room.joins("c", "c1")
    for _ in range(3):
        room.phoenix.drop()
        marbles.advance(1)
        room.joins("ghost", "g1")
    joins = marbles.observe(room.presence.joins)
    assert keys(marbles.observe(room.presence).values) == ["bghost"]
    assert joins.values == []
    room.phoenix.drop()
    marbles.advance(1)
    assert marbles.observe(room.presence.synced).values == [False]


def test_a_join_that_never_heard_of_presence_keeps_nothing(marbles: World):
    room = Room(marbles)
    room.channel.hold()
    marbles.run(until=1)
    for _ in range(5):
        room.phoenix.drop()
        marbles.advance(1)
    assert kept(room)._backlog == []


def test_nonsense_that_nobody_reads_is_reported_when_it_is_read(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    room.channel.hold()
    marbles.run(until=1)
    room.tell(DIFF, {"joins": 1})
    room.joins("b", "b1")
    assert room.faults == []
    assert keys(marbles.observe(room.presence).values) == ["ab"]
    assert [(fault.topic, fault.event, type(fault.error)) for fault in room.faults] == [("room", DIFF, MalformedFrame)]


# -- nonsense --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [STATE, DIFF])
def test_nonsense_is_reported_once_and_dropped(marbles: World, event: str):
    room = Room(marbles, {"a": metas("a1")})
    seen, typed = marbles.observe(room.presence), marbles.observe(room.channel.presence(dict[str, Any]))
    marbles.run(until=1)
    room.tell(event, {"joins": {"x": 1}, "leaves": {}})
    room.phoenix.write(b'[null,null,"room","%s",{"joins":]' % event.encode())
    room.phoenix.write(b'[null,null,"room","%s","\xff"]' % event.encode())
    room.joins("b", "b1")
    assert keys(seen.values) == ["a", "ab"]
    assert keys(typed.values) == ["a", "ab"]
    assert room.errors() == [MalformedFrame] * 3
    assert (room.faults[0].topic, room.faults[0].event) == ("room", event)


def test_nonsense_before_the_state_is_reported_once_too(marbles: World):
    room = Room(marbles)
    marbles.observe(room.presence)
    marbles.observe(room.channel.presence(dict[str, Any]))
    marbles.run(until=1)
    room.tell(DIFF, [])
    assert room.errors() == [MalformedFrame]


# -- metas as a type -------------------------------------------------------------------------------------------------


@dataclass
class Device:
    name: str


class Model(pydantic.BaseModel):
    name: str


class Struct(msgspec.Struct):
    name: str


def device(ref: str, name: Any) -> Any:
    return {"metas": [{"phx_ref": ref, "name": name}]}


@pytest.mark.parametrize("kind", [Device, Model, Struct])
def test_metas_are_read_as_a_type(marbles: World, kind: Any):
    room = Room(marbles, {"a": device("a1", "phone")})
    typed = room.channel.presence(meta=kind)
    seen, joins = marbles.observe(typed), marbles.observe(typed.joins)
    leaves, a = marbles.observe(typed.leaves), marbles.observe(typed.of("a"))
    chosen = marbles.observe(typed.list_by(lambda key, entry: f"{key} on {entry.metas[0].name}"))
    marbles.run(until=1)
    room.tell(DIFF, diff(leaves={"a": device("a1", "phone")}))
    phone = kind(name="phone")
    assert seen.values == [PresenceSnapshot([PresenceEntry("a", (phone,))]), PresenceSnapshot()]
    assert joins.values == [PresenceChange("a", None, PresenceEntry("a", (phone,)))]
    assert leaves.values == [PresenceChange("a", PresenceEntry("a"), PresenceEntry("a", (phone,)))]
    assert a.values == [PresenceEntry("a", (phone,)), None]
    assert chosen.values == [("a on phone",), ()]


def test_a_meta_that_does_not_fit_is_reported_and_others_see_it(marbles: World):
    room = Room(marbles, {"a": device("a1", "phone"), "b": device("b1", 1)})
    raw = marbles.observe(room.presence)
    typed, size = marbles.observe(room.channel.presence(Device)), marbles.observe(room.channel.presence(Device).size)
    joins = marbles.observe(room.channel.presence(Device).joins)
    marbles.run(until=1)
    assert [len(each) for each in raw.values] == [2]
    assert (keys(typed.values), size.values) == (["a"], [1])
    room.tell(DIFF, diff({"a": device("a2", None)}))
    assert typed.values[-1] == PresenceSnapshot([PresenceEntry("a", (Device("phone"),))])
    assert len(raw.values[-1][0].metas) == 2
    room.tell(DIFF, diff(leaves={"b": device("b1", 1)}))
    assert [change.key for change in joins.values] == ["a"]
    assert room.errors() == [PayloadMismatch] * 2
    assert [fault.event for fault in room.faults] == [STATE, DIFF]
    assert str(joins) == "---a"  # it goes on


def test_those_who_want_the_same_type_share_what_was_read(marbles: World):
    room = Room(marbles, {"a": device("a1", "phone")})
    one, two = marbles.observe(room.channel.presence(Device)), marbles.observe(room.channel.presence(Device))
    marbles.run(until=1)
    assert one.values[0][0].metas[0] is two.values[0][0].metas[0]
    late = marbles.observe(room.channel.presence(Device))
    assert late.values[0][0] is one.values[0][0]


def test_those_who_want_a_type_wait_for_the_state_of_a_rejoin_too(marbles: World):
    room = Room(marbles, {"a": device("a1", "phone")}, None)
    typed = room.channel.presence(Device)
    seen, synced, joins = marbles.observe(typed), marbles.observe(typed.synced), marbles.observe(typed.joins)
    marbles.run(until=1)
    room.crash()
    marbles.run(until=3)
    room.tell(DIFF, diff({"b": device("b1", "pad")}))
    assert (keys(seen.values), synced.values) == (["a"], [False, True, False])
    room.tell(STATE, {"a": device("a1", "phone")})
    assert (keys(seen.values), synced.values) == (["a", "ab"], [False, True, False, True])
    assert [(change.key, change.resync) for change in joins.values] == [("a", False), ("b", False)]


def test_a_type_that_comes_late_reads_what_is_there_and_what_is_held(marbles: World):
    room = Room(marbles, {"b": device("b1", "pad"), "a": device("a1", 1)}, None)
    marbles.observe(room.presence)
    marbles.run(until=1)
    assert keys(marbles.observe(room.channel.presence(Device)).values) == ["b"]
    assert [(type(fault.error), fault.event) for fault in room.faults] == [(PayloadMismatch, STATE)]
    room.crash()
    marbles.run(until=3)
    room.tell(DIFF, diff({"c": device("c1", "phone")}))
    seen = marbles.observe(room.channel.presence(Struct).joins)
    room.tell(STATE, {})
    assert [change.key for change in seen.values] == ["b", "c"][1:]


class Odd(msgspec.Struct, eq=False):
    name: str

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")


class Failing(msgspec.Struct):
    name: str

    def __post_init__(self) -> None:
        raise KeyError(self.name)


def test_what_a_type_of_the_users_raises_stops_nobody(marbles: World):
    room = Room(marbles, {"a": device("a1", "phone")}, {"a": device("a1", "phone")})
    raw, failing = marbles.observe(room.presence), marbles.observe(room.channel.presence(Failing))
    odd = marbles.observe(room.channel.presence(Odd).of("a"))
    marbles.run(until=1)
    room.tell(DIFF, diff({"a": device("a2", "pad")}))
    room.crash()
    marbles.run(until=3)
    assert keys(raw.values) == ["a", "a", "a"]
    assert keys(failing.values) == ["", "", ""]
    assert [len(each.metas) for each in odd.values] == [1, 2, 1]
    assert room.errors().count(PayloadMismatch) == 3


def test_one_of_several_may_leave(marbles: World):
    room = Room(marbles, {})
    gone = [marbles.observe(room.presence), marbles.observe(room.presence.of("a"))]
    stays = [marbles.observe(room.presence), marbles.observe(room.presence.of("a"))]
    marbles.run(until=1)
    for each in gone:
        each.dispose()
    room.joins("a", "a1")
    assert [len(each.values) for each in (*gone, *stays)] == [1, 1, 2, 2]


# -- other names -----------------------------------------------------------------------------------------------------


def test_the_server_may_use_other_names(marbles: World):
    room = Room(marbles, {"usual": metas("u1")})
    typing = room.socket.channel("room", presence_events=PresenceEvents("typing_state", "typing_diff")).presence()
    seen, synced = marbles.observe(typing), marbles.observe(typing.synced)
    marbles.run(until=1)
    assert seen.values == []
    room.tell("typing_state", {"a": metas("a1")})
    room.tell("typing_diff", diff({"b": metas("b1")}))
    room.joins("usual2", "u2")
    assert keys(seen.values) == ["a", "ab"]
    assert synced.values == [False, True]


def test_other_names_that_come_late_are_warned_of_and_begin_with_the_next_join(
    marbles: World, caplog: pytest.LogCaptureFixture
):
    room = Room(marbles, {"usual": metas("u1")})
    usual = marbles.observe(room.presence)
    marbles.run(until=1)
    room.tell("s", {"a": metas("a1")})
    events = PresenceEvents("s", "d")
    with caplog.at_level(logging.WARNING, "rxphoenix"):
        late = marbles.observe(room.socket.channel("room", presence_events=events).presence())
        assert "presence_events" in caplog.text
        caplog.clear()
        marbles.observe(room.socket.channel("room", presence_events=PresenceEvents("s", "d")).presence())
        assert caplog.text == ""
    room.tell("d", diff({"ghost": metas("g1")}))
    assert late.values == []
    room.crash()
    marbles.run(until=3)
    room.tell("s", {"b": metas("b1")})
    room.tell("d", diff({"c": metas("c1")}))
    assert keys(late.values) == ["b", "bc"]
    assert keys(usual.values) == ["usual"]


def test_names_may_be_shared_by_two(marbles: World):
    room = Room(marbles, {"a": metas("a1")})
    other = room.socket.channel("room", presence_events=PresenceEvents("other_state", DIFF)).presence()
    seen, others = marbles.observe(room.presence), marbles.observe(other)
    marbles.run(until=1)
    room.tell("other_state", {})
    room.joins("b", "b1")
    assert keys(seen.values) == ["a", "ab"]
    assert keys(others.values) == ["", "b"]


@pytest.mark.parametrize(
    ("names", "error"),
    [(("", "d"), ValueError), (("s", "s"), ValueError), (("phx_state", "d"), ValueError), (("s", 1), TypeError)],
)
def test_names_that_cannot_be_are_refused(names: Any, error: type[Exception]):
    with pytest.raises(error):
        PresenceEvents(*names)


# -- misuse ----------------------------------------------------------------------------------------------------------


def test_misuse_is_refused_at_the_call(marbles: World):
    room = Room(marbles)
    presence = room.presence
    with pytest.raises(TypeError, match="presence_events must be PresenceEvents"):
        room.socket.channel("room", presence_events=("s", "d"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the key must be a string"):
        presence.of(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="nothing can be read as"):
        room.channel.presence(threading.Lock)
    for chooser in (None, "key", coroutine, lambda entry: entry, lambda key, entry, more: key):
        with pytest.raises(TypeError, match="chooser must be a plain function"):
            presence.list_by(chooser)  # type: ignore[arg-type]


async def coroutine(_key: str, _entry: Any) -> None:
    """No chooser."""


def test_awaiting_one_names_the_remedy(marbles: World):
    presence = Room(marbles).presence

    async def wait(part: Any) -> None:
        await part

    for part in (presence, presence.size, presence.joins, presence.of("a")):
        with pytest.raises(TypeError, match=r"ops\.first\(\)"):
            asyncio.run(wait(part))


def test_their_reprs_say_what_they_are(marbles: World):
    presence = Room(marbles).presence
    assert repr(presence) == "<Presence of 'room': list>"
    assert repr(presence.of("ann")) == "<Presence of 'room': of('ann')>"
    assert repr(presence.joins) == "<Presence of 'room': joins>"

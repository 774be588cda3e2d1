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
    PayloadMismatch,
    Presence,
    PresenceChange,
    PresenceEntry,
    PresenceEvents,
    PresenceSnapshot,
    Socket,
    SocketClosed,
    TakenOver,
)
from rxphoenix.client import attendance
from tests.client.virtual import Recorder, World

STATE, DIFF = "presence_state", "presence_diff"


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
    """A topic with presence, joined in a world where each accepted join is told the next of some states."""

    def __init__(self, world: World, *states: Any, **options: Any) -> None:
        self.world = world
        self.states = list(states)
        self.socket: Socket = world.socket(**options)
        self.channel: Channel = self.socket.channel("room")
        self.presence: Presence[Any] = self.channel.presence()
        self.faults: list[Fault] = []
        self.socket.errors.subscribe(self.faults.append)
        world.replies["phx_join"] = self._joined

    def _joined(self, message: list[Any]) -> list[tuple[float, tuple[Any, ...]]]:
        join_ref, ref, topic, _event, _params = message
        answers: list[tuple[float, tuple[Any, ...]]] = [
            (0.1, (join_ref, ref, topic, "phx_reply", {"status": "ok", "response": {}}))
        ]
        state = self.states.pop(0) if self.states else None
        if state is not None:
            answers.append((0.1, (join_ref, None, topic, STATE, state)))
        return answers

    def tell(self, event: str, payload: Any) -> None:
        """Broadcast, now."""
        self.world.link.receive(None, None, "room", event, payload)

    def joins(self, key: str, ref: str) -> None:
        self.tell(DIFF, diff({key: metas(ref)}))

    def leaves(self, key: str, ref: str) -> None:
        self.tell(DIFF, diff(leaves={key: metas(ref)}))

    def crash(self) -> None:
        join_ref = self.world.link.sent[-1][1][0]
        self.world.link.receive(join_ref, join_ref, "room", "phx_error", {})

    def errors(self) -> list[type]:
        return [type(fault.error) for fault in self.faults]


def kept(room: Room) -> attendance.Attendance:
    """What a join keeps of presence."""
    join = room.socket._topics._topics["room"].join
    assert join is not None
    (found,) = join._attendances._all
    return found


def test_a_snapshot_comes_with_each_message(world: World):
    room = Room(world, {"a": metas("a1")})
    seen = world.record(room.presence)
    world.at(1.0, lambda: room.joins("b", "b1"))
    world.at(2.0, lambda: room.leaves("a", "a1"))
    world.run(3)
    assert [instant for instant, _ in seen.timeline] == [0.2, 1.0, 2.0]
    assert seen.values == [
        PresenceSnapshot([entry("a", "a1")]),
        PresenceSnapshot([entry("a", "a1"), entry("b", "b1")]),
        PresenceSnapshot([entry("b", "b1")]),
    ]


def test_it_is_cold_and_a_lease_of_the_channel(world: World):
    room = Room(world, {"a": metas("a1")})
    presence = room.presence
    for part in (presence, presence.joins, presence.leaves, presence.size, presence.synced, presence.state,
                 presence.of("a"), presence.list_by(lambda key, entry: key)):  # fmt: skip
        assert room.channel.state.value == "closed"
        seen = world.record(part)
        world.run(world.now + 1)
        assert room.channel.state.value == "joined"
        seen.dispose()
        world.run(world.now + 1)
        assert room.channel.state.value == "closed"
    assert len(world.attempts) == 8


def test_nobody_hears_before_the_state(world: World):
    room = Room(world)
    presence = room.presence
    parts = [presence, presence.joins, presence.size, presence.of("a"), presence.state]
    seen = [world.record(part) for part in parts]
    synced = world.record(presence.synced)
    world.at(0.5, lambda: room.joins("a", "a1"))
    world.run(1)
    assert [each.values for each in seen] == [[]] * 5
    assert synced.timeline == [(0, False)]
    room.tell(STATE, {})
    held = PresenceChange("a", None, entry("a", "a1"))
    assert [each.values for each in seen[1:4]] == [[held], [1], [entry("a", "a1")]]
    assert keys(seen[0].values) == ["a"]
    assert synced.values == [False, True]


def test_who_comes_late_gets_the_current_list_at_once(world: World):
    room = Room(world, {"a": metas("a1")})
    world.record(room.channel)
    world.at(1.0, lambda: room.joins("b", "b1"))
    world.run(2)
    assert keys(world.record(room.presence).values) == ["ab"]
    presence = room.presence
    parts = [presence.size, presence.of("b"), presence.of("z"), presence.synced, presence.joins]
    assert [world.record(part).values for part in parts] == [[2], [entry("b", "b1")], [None], [True], []]
    assert world.record(presence.list_by(lambda key, _entry: key.upper())).values == [("A", "B")]
    assert world.record(presence.state).values == [{"a": entry("a", "a1"), "b": entry("b", "b1")}]


def test_who_comes_late_in_an_outage_gets_the_last_list(world: World):
    room = Room(world, {"a": metas("a1")})
    world.record(room.channel)
    world.run(1)
    world.opens_after = None
    world.link.lose()
    world.run(2)
    assert keys(world.record(room.presence).values) == ["a"]
    assert world.record(room.presence.synced).values == [False]


def test_a_list_stays_true(world: World):
    room = Room(world, {"a": metas("a1")})
    seen = world.record(room.presence)
    world.run(1)
    for number in range(300):
        room.joins(f"k{number}", "x")
    room.leaves("a", "a1")
    assert [len(each) for each in seen.values] == [*range(1, 302), 300]
    assert [each[0].key for each in seen.values] == ["a"] * 301 + ["k0"]


def test_the_first_device_and_the_last_are_told_from_others(world: World):
    room = Room(world, {})
    joins, leaves = world.record(room.presence.joins), world.record(room.presence.leaves)
    world.run(1)
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


def test_size_and_of_emit_only_changes(world: World):
    room = Room(world, {"a": metas("a1"), "b": metas("b1")})
    size, a = world.record(room.presence.size), world.record(room.presence.of("a"))
    world.run(1)
    room.joins("b", "b2")
    room.tell(DIFF, diff({"c": metas("c1")}, {"a": metas("a1")}))
    room.leaves("unknown", "u")
    room.joins("a", "a2")
    room.joins("a", "a2")
    assert size.values == [2, 3]
    assert a.values == [entry("a", "a1"), None, entry("a", "a2")]


def test_an_absent_key_is_told_with_the_first_state(world: World):
    room = Room(world, {"b": metas("b1")})
    a = world.record(room.presence.of("a"))
    world.run(1)
    room.joins("b", "b2")
    assert a.timeline == [(0.2, None)]


def test_in_an_outage_the_list_stands_and_a_resync_tells_the_difference(world: World):
    room = Room(world, {"a": metas("a1"), "b": metas("b1"), "c": metas("c1")}, {"b": metas("b1"), "d": metas("d1"),
                "c": metas("c1", "c2")})  # fmt: skip
    presence = room.presence
    seen, synced, size = world.record(presence), world.record(presence.synced), world.record(presence.size)
    joins, leaves = world.record(presence.joins), world.record(presence.leaves)
    c, b = world.record(presence.of("c")), world.record(presence.of("b"))
    world.at(1.0, lambda: world.link.lose())
    world.run(1.05)
    assert synced.timeline == [(0, False), (0.2, True), (1.0, False)]
    assert keys(seen.values) == ["abc"]
    world.run(2)
    assert synced.timeline[3:] == [(1.21, True)]
    assert keys(seen.values) == ["abc", "bcd"]
    assert joins.values[3:] == [
        PresenceChange("d", None, entry("d", "d1"), resync=True),
        PresenceChange("c", entry("c", "c1"), entry("c", "c2"), resync=True),
    ]
    assert not any(change.resync for change in joins.values[:3])
    assert leaves.values == [PresenceChange("a", entry("a"), entry("a", "a1"), resync=True)]
    assert (size.values, b.values) == ([3], [entry("b", "b1")])
    assert c.values == [entry("c", "c1"), entry("c", "c1", "c2")]


def test_a_crash_waits_for_a_new_state_and_drops_what_was_held(world: World):
    room = Room(world, None, {"a": metas("a1")})
    seen, synced = world.record(room.presence), world.record(room.presence.synced)
    world.run(1)
    room.joins("ghost", "g1")
    room.crash()
    world.run(3)
    assert keys(seen.values) == ["a"]
    assert synced.values == [False, True]
    room.crash()
    world.run(3.5)
    assert synced.values == [False, True, False]


def test_messages_of_another_join_and_strangers_broadcasts_are_not_heard(world: World):
    room = Room(world, {"a": metas("a1")}, {"b": metas("b1")})
    seen = world.record(room.presence)
    world.run(1)
    world.link.receive("77", None, "room", STATE, {"ghost": metas("g1")})
    room.crash()
    room.joins("ghost", "g1")  # a broadcast while the join is lost
    world.run(3)
    assert keys(seen.values) == ["a", "b"]


def test_a_second_state_of_a_join_is_a_resync(world: World):
    room = Room(world, {"a": metas("a1")})
    leaves, synced = world.record(room.presence.leaves), world.record(room.presence.synced)
    world.run(1)
    room.tell(STATE, {})
    assert leaves.values == [PresenceChange("a", entry("a"), entry("a", "a1"), resync=True)]
    assert synced.values == [False, True]


# -- the order in which things are told ------------------------------------------------------------------------------


def test_one_message_is_told_in_order_after_those_who_see_messages(world: World):
    room = Room(world, {"a": metas("a1")})
    told: list[str] = []
    presence = room.presence

    def note(name: str) -> Any:
        return lambda _value: told.append(name)

    for name in ("synced", "list", "state", "size", "of", "leaves", "joins"):
        part = {"list": presence, "of": presence.of("a")}.get(name) or getattr(presence, name)
        part.subscribe(note(name))
    room.channel.subscribe(note("message"))
    world.run(1)
    assert told == ["synced", "message", "joins", "of", "size", "list", "state", "synced"]
    told.clear()
    room.tell(DIFF, diff({"a": metas("a2"), "b": metas("b1")}, {"a": metas("a1")}))
    assert told == ["message", "joins", "joins", "leaves", "of", "size", "list", "state"]


def test_who_subscribes_in_a_dispatch_sees_how_it_is_then_and_what_comes_next_once(world: World):
    room = Room(world, {"a": metas("a1")})
    late: list[Recorder] = []
    presence = room.presence

    def subscribe_too(_message: Any) -> None:
        if not late:
            late.extend(map(world.record, (presence, presence.joins, presence.size)))

    room.channel.subscribe(subscribe_too)
    world.run(1)
    room.joins("b", "b1")
    assert keys(late[0].values) == ["a", "ab"]
    assert [change.key for change in late[1].values] == ["b"]
    assert late[2].values == [1, 2]


def test_who_disposes_in_a_dispatch_sees_nothing_more(world: World):
    room = Room(world, {"a": metas("a1")})
    seen, b = world.record(room.presence), world.record(room.presence.of("b"))

    def leave(_change: Any) -> None:
        seen.dispose()
        b.dispose()

    room.presence.joins.subscribe(leave)
    world.run(1)
    room.joins("b", "b1")
    assert (seen.values, b.values) == ([], [])


def test_who_takes_one_is_gone_with_it(world: World):
    room = Room(world, {"a": metas("a1")})
    world.record(room.channel)
    world.run(1)
    presence = room.presence
    for part in (presence, presence.size, presence.of("a"), presence.synced):
        seen = world.record(part.pipe(ops.first()))
        assert [kind for _, kind, _ in seen.events] == ["next", "completed"]
    room.joins("b", "b1")
    attendance = kept(room)
    assert attendance._views == ()
    assert attendance._observers == {}
    assert attendance._backlog != []


def test_disposed_before_it_began(world: World):
    room = Room(world, {"a": metas("a1")})
    held = world.record(room.channel)
    world.run(1)
    recorders: list[Recorder] = []

    def subscribe_and_dispose(_message: Any) -> None:
        recorders.append(world.record(room.presence))
        recorders[0].dispose()

    room.channel.subscribe(subscribe_and_dispose)
    room.joins("b", "b1")
    assert recorders[0].values == []
    held.dispose()
    world.run(2)
    assert room.channel.state.value == "joined"  # the subscription to the messages is a lease still


def test_an_observer_that_raises_hides_nothing_from_others(world: World):
    room = Room(world, {"a": metas("a1")})

    def fail(_value: Any) -> None:
        raise RuntimeError("no")

    for part in (room.presence.joins, room.presence, room.presence.size):
        part.subscribe(fail)
    broken = world.record(room.presence.list_by(lambda key, entry: 1 / 0))
    seen = world.record(room.presence)
    world.run(1)
    room.joins("b", "b1")
    assert keys(seen.values) == ["a", "ab"]
    assert broken.events == []
    assert room.errors().count(RuntimeError) == 6
    assert room.errors().count(ZeroDivisionError) == 2


# -- the end ---------------------------------------------------------------------------------------------------------


def test_it_ends_as_the_channel_does(world: World):
    room = Room(world, {"a": metas("a1")}, {"b": metas("b1")})
    seen, a = world.record(room.presence), world.record(room.presence.of("a"))
    world.run(1)
    room.channel.leave().subscribe()
    world.run(2)
    assert [kind for _, kind, _ in seen.events] == ["next", "completed"]
    assert [kind for _, kind, _ in a.events] == ["next", "completed"]
    again = world.record(room.presence)
    joins = world.record(room.presence.joins)
    world.run(3)
    assert keys(again.values) == ["b"]
    assert [change.resync for change in joins.values] == [False]


def test_a_refusal_a_takeover_and_the_close_are_its_ends(world: World):
    room = Room(world)
    world.answers("phx_join", "error", {"reason": "no"})
    refused = world.record(room.presence.size)
    world.run(1)
    assert isinstance(refused.error, JoinRefused)
    world.replies.clear()
    room = Room(world, {"a": metas("a1")})
    taken = world.record(room.presence.joins)
    world.run(2)
    other = world.record(room.socket.channel("room", {"other": 1}).presence())
    assert isinstance(taken.error, TakenOver)
    room.socket.close()
    world.run(3)
    assert other.events[-1][1] == "completed"
    late = world.record(room.presence)
    world.run(4)
    assert isinstance(late.error, SocketClosed)


def test_what_is_over_is_not_kept(world: World):
    room = Room(world, {"a": metas("a1")})
    seen = world.record(room.presence)
    world.run(1)
    attendance = kept(room)
    assert attendance._observers != {}
    seen.dispose()
    world.run(2)
    assert attendance._observers == {}
    assert attendance._views == ()
    assert room.socket._topics._topics == {}


# -- while nobody looks ----------------------------------------------------------------------------------------------


def test_messages_that_nobody_reads_are_kept_undecoded(world: World):
    room = Room(world, {"a": metas("a1")})
    room.channel.hold()
    world.run(1)
    for number in range(300):
        room.joins(f"k{number}", "x")
    attendance = kept(room)
    assert attendance._roster is None
    assert len(attendance._backlog) == 301
    assert all(message is not None and message.raw is not None for message in attendance._backlog)
    assert world.record(room.presence.size).values == [301]
    assert attendance._backlog == []


def longest_backlog(room: Room, tell: Any, times: int) -> int:
    """How many messages were kept at most."""
    longest = 0
    for number in range(times):
        tell(number)
        longest = max(longest, len(kept(room)._backlog))
    return longest


def test_they_are_made_into_a_roster_when_they_are_many(world: World):
    room = Room(world, {"a": metas("a1")})
    room.channel.hold()
    world.run(1)
    assert 500 < longest_backlog(room, lambda number: room.joins(f"k{number}", "x"), 3000) < 1500
    assert kept(room)._roster is not None
    assert world.record(room.presence.size).values == [3001]


def test_they_may_be_as_large_as_the_last_state(world: World):
    room = Room(world, {f"key {number}": metas("x") for number in range(10_000)})
    room.channel.hold()
    world.run(1)
    assert longest_backlog(room, lambda number: room.joins(f"k{number}", "x"), 3000) == 3001
    assert kept(room)._roster is None


def test_states_that_nobody_reads_do_not_pile_up(world: World):
    room = Room(world, {"a": metas("a1")})
    room.channel.hold()
    world.run(1)
    state = {f"key {number}": metas("x") for number in range(1000)}
    assert longest_backlog(room, lambda _number: room.tell(STATE, state), 20) < 5


def test_messages_that_others_have_looked_at_do_not_pile_up(world: World):
    room = Room(world, {"a": metas("a1")})
    room.channel.subscribe(lambda message: message.payload)
    world.run(1)
    assert longest_backlog(room, lambda number: room.joins(f"k{number}", "x"), 500) < 100


def test_losses_while_nobody_reads_are_kept_in_their_place(world: World):
    room = Room(world, {"a": metas("a1")}, None, None, {"b": metas("b1")})
    room.channel.hold()
    world.run(1)
    room.joins("c", "c1")
    for _ in range(3):
        world.link.lose()
        world.run(world.now + 1)
        room.joins("ghost", "g1")
    joins = world.record(room.presence.joins)
    assert keys(world.record(room.presence).values) == ["bghost"]
    assert joins.values == []
    world.link.lose()
    world.run(world.now + 1)
    assert world.record(room.presence.synced).values == [False]


def test_a_join_that_never_heard_of_presence_keeps_nothing(world: World):
    room = Room(world)
    room.channel.hold()
    world.run(1)
    for _ in range(5):
        world.link.lose()
        world.run(world.now + 1)
    assert kept(room)._backlog == []


def test_nonsense_that_nobody_reads_is_reported_when_it_is_read(world: World):
    room = Room(world, {"a": metas("a1")})
    room.channel.hold()
    world.run(1)
    room.tell(DIFF, {"joins": 1})
    room.joins("b", "b1")
    assert room.faults == []
    assert keys(world.record(room.presence).values) == ["ab"]
    assert [(fault.topic, fault.event, type(fault.error)) for fault in room.faults] == [("room", DIFF, MalformedFrame)]


# -- nonsense --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [STATE, DIFF])
def test_nonsense_is_reported_once_and_dropped(world: World, event: str):
    room = Room(world, {"a": metas("a1")})
    seen, typed = world.record(room.presence), world.record(room.channel.presence(dict[str, Any]))
    world.run(1)
    room.tell(event, {"joins": {"x": 1}, "leaves": {}})
    world.link.receive_raw(b'[null,null,"room","%s",{"joins":]' % event.encode())
    world.link.receive_raw(b'[null,null,"room","%s","\xff"]' % event.encode())
    room.joins("b", "b1")
    assert keys(seen.values) == ["a", "ab"]
    assert keys(typed.values) == ["a", "ab"]
    assert room.errors() == [MalformedFrame] * 3
    assert (room.faults[0].topic, room.faults[0].event) == ("room", event)


def test_nonsense_before_the_state_is_reported_once_too(world: World):
    room = Room(world)
    world.record(room.presence)
    world.record(room.channel.presence(dict[str, Any]))
    world.run(1)
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
def test_metas_are_read_as_a_type(world: World, kind: Any):
    room = Room(world, {"a": device("a1", "phone")})
    typed = room.channel.presence(meta=kind)
    seen, joins = world.record(typed), world.record(typed.joins)
    leaves, a = world.record(typed.leaves), world.record(typed.of("a"))
    chosen = world.record(typed.list_by(lambda key, entry: f"{key} on {entry.metas[0].name}"))
    world.run(1)
    room.tell(DIFF, diff(leaves={"a": device("a1", "phone")}))
    phone = kind(name="phone")
    assert seen.values == [PresenceSnapshot([PresenceEntry("a", (phone,))]), PresenceSnapshot()]
    assert joins.values == [PresenceChange("a", None, PresenceEntry("a", (phone,)))]
    assert leaves.values == [PresenceChange("a", PresenceEntry("a"), PresenceEntry("a", (phone,)))]
    assert a.values == [PresenceEntry("a", (phone,)), None]
    assert chosen.values == [("a on phone",), ()]


def test_a_meta_that_does_not_fit_is_reported_and_others_see_it(world: World):
    room = Room(world, {"a": device("a1", "phone"), "b": device("b1", 1)})
    raw = world.record(room.presence)
    typed, size = world.record(room.channel.presence(Device)), world.record(room.channel.presence(Device).size)
    joins = world.record(room.channel.presence(Device).joins)
    world.run(1)
    assert [len(each) for each in raw.values] == [2]
    assert (keys(typed.values), size.values) == (["a"], [1])
    room.tell(DIFF, diff({"a": device("a2", None)}))
    assert typed.values[-1] == PresenceSnapshot([PresenceEntry("a", (Device("phone"),))])
    assert len(raw.values[-1][0].metas) == 2
    room.tell(DIFF, diff(leaves={"b": device("b1", 1)}))
    assert [change.key for change in joins.values] == ["a"]
    assert room.errors() == [PayloadMismatch] * 2
    assert [fault.event for fault in room.faults] == [STATE, DIFF]
    assert joins.events[-1][1] == "next"


def test_those_who_want_the_same_type_share_what_was_read(world: World):
    room = Room(world, {"a": device("a1", "phone")})
    one, two = world.record(room.channel.presence(Device)), world.record(room.channel.presence(Device))
    world.run(1)
    assert one.values[0][0].metas[0] is two.values[0][0].metas[0]
    late = world.record(room.channel.presence(Device))
    assert late.values[0][0] is one.values[0][0]


def test_those_who_want_a_type_wait_for_the_state_of_a_rejoin_too(world: World):
    room = Room(world, {"a": device("a1", "phone")}, None)
    typed = room.channel.presence(Device)
    seen, synced, joins = world.record(typed), world.record(typed.synced), world.record(typed.joins)
    world.run(1)
    room.crash()
    world.run(3)
    room.tell(DIFF, diff({"b": device("b1", "pad")}))
    assert (keys(seen.values), synced.values) == (["a"], [False, True, False])
    room.tell(STATE, {"a": device("a1", "phone")})
    assert (keys(seen.values), synced.values) == (["a", "ab"], [False, True, False, True])
    assert [(change.key, change.resync) for change in joins.values] == [("a", False), ("b", False)]


def test_a_type_that_comes_late_reads_what_is_there_and_what_is_held(world: World):
    room = Room(world, {"b": device("b1", "pad"), "a": device("a1", 1)}, None)
    world.record(room.presence)
    world.run(1)
    assert keys(world.record(room.channel.presence(Device)).values) == ["b"]
    assert [(type(fault.error), fault.event) for fault in room.faults] == [(PayloadMismatch, STATE)]
    room.crash()
    world.run(3)
    room.tell(DIFF, diff({"c": device("c1", "phone")}))
    seen = world.record(room.channel.presence(Struct).joins)
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


def test_what_a_type_of_the_users_raises_stops_nobody(world: World):
    room = Room(world, {"a": device("a1", "phone")}, {"a": device("a1", "phone")})
    raw, failing = world.record(room.presence), world.record(room.channel.presence(Failing))
    odd = world.record(room.channel.presence(Odd).of("a"))
    world.run(1)
    room.tell(DIFF, diff({"a": device("a2", "pad")}))
    room.crash()
    world.run(3)
    assert keys(raw.values) == ["a", "a", "a"]
    assert keys(failing.values) == ["", "", ""]
    assert [len(each.metas) for each in odd.values] == [1, 2, 1]
    assert room.errors().count(PayloadMismatch) == 3


def test_one_of_several_may_leave(world: World):
    room = Room(world, {})
    gone = [world.record(room.presence), world.record(room.presence.of("a"))]
    stays = [world.record(room.presence), world.record(room.presence.of("a"))]
    world.run(1)
    for each in gone:
        each.dispose()
    room.joins("a", "a1")
    assert [len(each.values) for each in (*gone, *stays)] == [1, 1, 2, 2]


# -- other names -----------------------------------------------------------------------------------------------------


def test_the_server_may_use_other_names(world: World):
    room = Room(world, {"usual": metas("u1")})
    typing = room.socket.channel("room", presence_events=PresenceEvents("typing_state", "typing_diff")).presence()
    seen, synced = world.record(typing), world.record(typing.synced)
    world.run(1)
    assert seen.values == []
    room.tell("typing_state", {"a": metas("a1")})
    room.tell("typing_diff", diff({"b": metas("b1")}))
    room.joins("usual2", "u2")
    assert keys(seen.values) == ["a", "ab"]
    assert synced.values == [False, True]


def test_other_names_that_come_late_are_warned_of_and_begin_with_the_next_join(
    world: World, caplog: pytest.LogCaptureFixture
):
    room = Room(world, {"usual": metas("u1")})
    usual = world.record(room.presence)
    world.run(1)
    room.tell("s", {"a": metas("a1")})
    events = PresenceEvents("s", "d")
    with caplog.at_level(logging.WARNING, "rxphoenix"):
        late = world.record(room.socket.channel("room", presence_events=events).presence())
        assert "presence_events" in caplog.text
        caplog.clear()
        world.record(room.socket.channel("room", presence_events=PresenceEvents("s", "d")).presence())
        assert caplog.text == ""
    room.tell("d", diff({"ghost": metas("g1")}))
    assert late.values == []
    room.crash()
    world.run(3)
    room.tell("s", {"b": metas("b1")})
    room.tell("d", diff({"c": metas("c1")}))
    assert keys(late.values) == ["b", "bc"]
    assert keys(usual.values) == ["usual"]


def test_names_may_be_shared_by_two(world: World):
    room = Room(world, {"a": metas("a1")})
    other = room.socket.channel("room", presence_events=PresenceEvents("other_state", DIFF)).presence()
    seen, others = world.record(room.presence), world.record(other)
    world.run(1)
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


def test_misuse_is_refused_at_the_call(world: World):
    room = Room(world)
    presence = room.presence
    with pytest.raises(TypeError, match="presence_events must be PresenceEvents"):
        room.socket.channel("room", presence_events=("s", "d"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the key must be a string"):
        presence.of(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="nothing can be read as"):
        room.channel.presence(threading.Lock)
    for chooser in (None, "key", coroutine):
        with pytest.raises(TypeError, match="chooser must be a plain function"):
            presence.list_by(chooser)  # type: ignore[arg-type]


async def coroutine(_key: str, _entry: Any) -> None:
    """No chooser."""


def test_awaiting_one_names_the_remedy(world: World):
    presence = Room(world).presence

    async def wait(part: Any) -> None:
        await part

    for part in (presence, presence.size, presence.joins, presence.of("a")):
        with pytest.raises(TypeError, match=r"ops\.first\(\)"):
            asyncio.run(wait(part))


def test_their_reprs_say_what_they_are(world: World):
    presence = Room(world).presence
    assert repr(presence) == "<Presence of 'room': list>"
    assert repr(presence.of("ann")) == "<Presence of 'room': of('ann')>"
    assert repr(presence.joins) == "<Presence of 'room': joins>"

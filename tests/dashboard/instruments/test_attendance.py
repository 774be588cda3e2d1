"""Who is present, who has come and gone, and whether that is known."""

from __future__ import annotations

import msgspec

from rxphoenix import Reply
from rxphoenix.dashboard.instruments.attendance import SHOWN, Attendance, AttendanceLook
from rxphoenix.testing import Track, Untrack, Update, marbles


def test_the_list_and_the_changes() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        room = phoenix.topic("room:a")
        room.presence(
            "--a-b-c-d",
            {
                "a": Track("ann", {"status": "away"}),
                "b": Track("bob", {}),
                "c": Track("ann", {}, device="phone"),
                "d": Untrack("bob"),
            },
        )
        attendance = Attendance(phoenix.socket().channel("room:a").presence(), m.scheduler)
        seen = m.observe(attendance.looks(), "^ 2s !")
    look: AttendanceLook = seen.values[-1]
    assert [(entry.key, entry.metas) for entry in look.entries] == [("ann", ['{"status":"away"}', "{}"])]
    assert (look.size, look.synced, look.ended) == (1, True, None)
    assert [(change.at, change.kind, change.key, change.is_only) for change in look.changes] == [
        (800.0, "leave", "bob", True),
        (600.0, "join", "ann", False),
        (400.0, "join", "bob", True),
        (200.0, "join", "ann", True),
    ]


def test_in_an_outage_the_last_list_stands_and_is_not_synced() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        phoenix.topic("room:a").presence("a", {"a": Track("ann")})
        phoenix.drops("------x")
        socket = phoenix.socket(reconnect_after=lambda attempt, error: 60.0)
        seen = m.observe(Attendance(socket.channel("room:a").presence(), m.scheduler).looks(), "^ 2s !")
    assert [(look.size, look.synced) for look in seen.values][-2:] == [(1, True), (1, False)]


def test_a_join_that_is_refused_is_told() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        phoenix.topic("room:a").joins("r", values={"r": Reply("error", {"reason": "no"})})
        seen = m.observe(Attendance(phoenix.socket().channel("room:a").presence(), m.scheduler).looks(), "^ 2s !")
    assert "refused" in (seen.values[-1].ended or "")


def test_of_many_the_first_are_shown_and_all_are_counted() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        people = [Track(f"user-{number:03}") for number in range(SHOWN + 20)]
        phoenix.topic("room:a").presence("a", {"a": people})
        seen = m.observe(Attendance(phoenix.socket().channel("room:a").presence(), m.scheduler).looks(), "^ 1s !")
    look: AttendanceLook = seen.values[-1]
    assert (look.size, len(look.entries)) == (SHOWN + 20, SHOWN)


def test_an_update_is_no_leave() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        changes = {
            "a": [Track("ann", {"status": "away"}), Track("ann", {}, device="phone")],
            "u": Update("ann", {"status": "online"}),
            "x": Untrack("ann", device="phone"),
        }
        phoenix.topic("room:a").presence("--a-u-x", changes)
        seen = m.observe(Attendance(phoenix.socket().channel("room:a").presence(), m.scheduler).looks(), "^ 2s !")
    kinds = [(change.kind, change.is_only) for change in seen.values[-1].changes]
    assert kinds[:2] == [("leave", False), ("update", False)]
    assert {kind for kind, _ in kinds[2:]} == {"join"}


class Person(msgspec.Struct):
    status: str


def test_presence_may_be_read_as_a_type() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        changes = {"a": Track("ann", {"status": "away"}), "u": Update("ann", {"status": "online"})}
        phoenix.topic("room:a").presence("--a-u", changes)
        presence = phoenix.socket().channel("room:a").presence(Person)
        seen = m.observe(Attendance(presence, m.scheduler).looks(), "^ 2s !")
    look: AttendanceLook = seen.values[-1]
    assert look.entries[0].metas == ['{"status":"online"}']
    # such a type has no refs, by which an update could be told
    assert [change.kind for change in look.changes] == ["leave", "join", "join"]

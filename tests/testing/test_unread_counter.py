"""An app as a user would write it, and its tests: a counter of unread messages that survives a reconnect.

The server knows how many messages are unread when somebody joins, and says so in its reply; from then on each
``new_msg`` is one more, until the user reads. What came while the link was down is in the reply to the next join.
"""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import Observable
from reactivex import operators as ops

from rxphoenix import Channel, ConnectionLost, Joined
from rxphoenix.testing import MarbleFailure, VirtualPhoenix, World
from rxphoenix.testing import marbles as new_world

# -- the app -----------------------------------------------------------------------------------------------------------

Change = tuple[str, int]


def unread(channel: Channel, read: Observable[Any]) -> Observable[int]:
    """How many messages of a channel are unread; ``read`` emits whenever the user has read them all."""

    def counted(joined: Joined) -> Change:
        reply: Any = joined.reply
        return "set", reply["unread"]

    def one_more(_payload: Any) -> Change:
        return "add", 1

    def none_left(_click: Any) -> Change:
        return "set", 0

    def apply(count: int, change: Change) -> int:
        kind, number = change
        return number if kind == "set" else count + number

    return channel.joined.pipe(
        ops.map(counted),
        ops.merge(channel.on("new_msg").pipe(ops.map(one_more)), read.pipe(ops.map(none_left))),
        ops.scan(apply, 0),
        ops.distinct_until_changed(),
    )


# -- its tests ---------------------------------------------------------------------------------------------------------

COUNTS = {str(number): number for number in range(10)}
RESTART = {"x": ConnectionLost("restart", code=1012)}


def room_of(phoenix: VirtualPhoenix) -> Channel:
    return phoenix.socket(reconnect_after=lambda attempt, error: 0.004).channel("room:lobby")


def test_it_counts_from_what_the_server_knows(marbles: World):
    phoenix = marbles.phoenix(joins_after=0.002)
    room = phoenix.topic("room:lobby")
    room.joins("--j", values={"j": {"unread": 3}})
    room.broadcasts("new_msg", "-----m-m")
    marbles.expect(unread(room_of(phoenix), marbles.hot("------r"))).to_be("--3--401", COUNTS)


def test_it_survives_a_reconnect(marbles: World):
    phoenix = marbles.phoenix()
    room = phoenix.topic("room:lobby")
    room.joins("-j", "-k", values={"j": {"unread": 1}, "k": {"unread": 5}})
    room.broadcasts("new_msg", "---m--mm------m")  # two of them while the link is down
    phoenix.drops("-----x", RESTART)
    marbles.expect(unread(room_of(phoenix), marbles.cold("")), "^ 20ms !").to_be("-1-2------5---6", COUNTS)
    marbles.expect_frames(phoenix).to_be("j--------j-----------l", {"j": "phx_join", "l": "phx_leave"})


def test_it_survives_a_crash_of_the_channel(marbles: World):
    phoenix = marbles.phoenix()
    room = phoenix.topic("room:lobby")
    room.joins("j", "k", values={"j": {"unread": 0}, "k": {"unread": 2}})
    room.crashes("---x")
    marbles.expect(unread(room_of(phoenix), marbles.cold(""))).to_be("0-- 1s 2", COUNTS)


def test_it_ends_with_the_channel(marbles: World):
    phoenix = marbles.phoenix()
    room = phoenix.topic("room:lobby")
    room.joins("j", values={"j": {"unread": 0}})
    room.closes("---x")
    marbles.expect(unread(room_of(phoenix), marbles.cold("|"))).to_be("0--|", COUNTS)


def test_a_test_that_is_wrong_says_where():
    with (
        pytest.raises(MarbleFailure, match=r"(?s)expected  01-3.*actual    01-2.*                 \^"),
        new_world() as m,
    ):
        wrong(m)


def wrong(m: World) -> None:
    phoenix = m.phoenix()
    room = phoenix.topic("room:lobby")
    room.joins("j", values={"j": {"unread": 0}})
    room.broadcasts("new_msg", "-m-m")
    m.expect(unread(room_of(phoenix), m.cold(""))).to_be("01-3", COUNTS)

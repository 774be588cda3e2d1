"""Flow control: when a connection is held back, by whom, and for how long."""

from __future__ import annotations

from rxphoenix import Fault, HeartbeatTimeout, Socket
from rxphoenix.client.flow import Block
from rxphoenix.client.origins import origins
from rxphoenix.client.socket_streams import context_of
from rxphoenix.testing import VirtualPhoenix, VirtualTopic, World
from tests.legends import STATES


class Consumer:
    """One that has no room from one instant to another, and hears when its time is up."""

    def __init__(self, marbles: World, socket: Socket, seconds: float = 20) -> None:
        self._marbles = marbles
        self.expired: list[float] = []
        self.impossible = 0
        self.block = Block(context_of(socket), seconds, lambda _: self.expired.append(marbles.now), self._impossible)

    def _impossible(self) -> None:
        self.impossible += 1

    def has_no_room(self, begin: str, end: str | None = None) -> Consumer:
        self._marbles.at(begin, self.block.begin)
        if end is not None:
            self._marbles.at(end, self.block.end)
        return self


TICKS = {str(digit): digit for digit in range(10)}


def ticks(marbles: World, room: VirtualTopic, socket: Socket) -> None:
    """Join at once; a digit comes at 1 s, 2 s and so on."""
    room.broadcasts("tick", "1s 0 999ms 1 999ms 2 999ms 3 999ms 4 999ms 5 999ms 6 999ms 7 999ms 8 999ms 9", TICKS)


def test_while_somebody_has_no_room_nothing_is_read(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    socket = phoenix.socket(heartbeat_interval=None)
    ticks(marbles, room, socket)
    Consumer(marbles, socket).has_no_room("1.5s", "4.5s")
    marbles.expect(socket.channel("room:a").on("tick"), "^ 6.5s !").to_be("1s 0 3499ms (123) 495ms 4 999ms 5", TICKS)


def test_the_last_of_several_lets_it_read_on(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    socket = phoenix.socket(heartbeat_interval=None)
    ticks(marbles, room, socket)
    Consumer(marbles, socket).has_no_room("1.5s", "2.5s")
    Consumer(marbles, socket).has_no_room("1.6s", "3.5s")
    marbles.expect(socket.channel("room:a").on("tick"), "^ 5.5s !").to_be("1s 0 2499ms (12) 496ms 3 999ms 4", TICKS)


def test_before_it_is_open_there_is_nothing_to_hold_back(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    socket = phoenix.socket(heartbeat_interval=None)
    ticks(marbles, room, socket)
    consumer = Consumer(marbles, socket, 1).has_no_room("0s", "3.5s")
    marbles.expect(socket.channel("room:a").on("tick"), "100ms ^ 3.8s !").to_be("1.3s 0 699ms 1 999ms 2", TICKS)
    marbles.run(until="5s")
    # joined at 0.3 s, and held back from there on for its second
    assert consumer.expired == [1.3]


def test_its_time_begins_anew_when_it_is_told_again_and_when_it_was_read_meanwhile(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    socket = phoenix.socket(heartbeat_interval=None)
    marbles.expect(socket.channel("room:a"), "^ 20s !").to_be("")
    again = Consumer(marbles, socket, 4).has_no_room("1s").has_no_room("4s")
    asked = Consumer(marbles, socket, 4).has_no_room("10s")
    marbles.at("13s", lambda: socket.ping().subscribe())
    late = Consumer(marbles, socket, 4).has_no_room("12s")
    marbles.run(until="20s")
    assert again.expired == [8]
    assert asked.expired == late.expired == [17.1]  # answered at 13.1 s


def test_what_is_over_its_time_is_over(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    socket = phoenix.socket(heartbeat_interval=None)
    ticks(marbles, room, socket)
    consumer = Consumer(marbles, socket, 2).has_no_room("1.5s")
    marbles.expect(socket.channel("room:a").on("tick"), "^ 6.5s !").to_be(
        "1s 0 2499ms (12) 496ms 3 999ms 4 999ms 5", TICKS
    )
    marbles.run(until="7s")
    assert consumer.expired == [3.5]
    assert context_of(socket).flow.blocks == {}


def test_one_that_is_disposed_leaves_no_timer(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    socket = phoenix.socket(heartbeat_interval=None)
    socket.connect()
    consumer = Consumer(marbles, socket)
    marbles.run(until="11s")  # connecting had a time limit, whose timer is over by now
    consumer.block.begin()
    consumer.block.dispose()
    assert marbles.scheduler.next_instant() is None
    consumer.block.begin()
    consumer.block.end()
    assert marbles.scheduler.next_instant() == 31_000_000  # one that ended may begin again soon: its timer stays


# -- heartbeats ------------------------------------------------------------------------------------------------------


def test_time_that_reading_was_held_back_is_added_to_the_deadline_and_another_beat_goes_out(
    marbles: World, phoenix: VirtualPhoenix
):
    phoenix.hangs("1s x")
    socket = phoenix.socket(heartbeat_interval=30, heartbeat_timeout=20)
    Consumer(marbles, socket).has_no_room("40s", "47s").has_no_room("53s", "56s")
    marbles.expect(socket.errors).to_be("60.1s x", {"x": Fault(None, None, HeartbeatTimeout(20))})
    lease = socket.connect()
    marbles.at("61s", lease.dispose)
    marbles.expect_frames(phoenix).to_be("30.1s h 19999ms h 6999ms h", {"h": "heartbeat"}, heartbeats=True)


def test_time_that_was_held_back_before_the_beat_does_not_count(marbles: World, phoenix: VirtualPhoenix):
    phoenix.hangs("1s x")
    socket = phoenix.socket(heartbeat_interval=30, heartbeat_timeout=20)
    Consumer(marbles, socket).has_no_room("10s", "15s")
    marbles.expect(socket.errors).to_be("50.1s x", {"x": Fault(None, None, HeartbeatTimeout(20))})
    marbles.at("51s", socket.connect().dispose)


def test_an_answer_that_lay_unread_is_an_answer_but_tells_no_latency(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket(heartbeat_interval=30, heartbeat_timeout=20)
    Consumer(marbles, socket).has_no_room("30.15s", "44s")
    marbles.expect(socket.latency, "^ 90s !").to_be("60.2s x", {"x": 0.1})
    marbles.expect(socket.errors).to_be("")
    marbles.at("95s", socket.connect().dispose)
    # the second beat is due an interval after the first: a server takes silence for idleness
    marbles.expect_frames(phoenix).to_be("30.1s h 29999ms h 30099ms h", {"h": "heartbeat"}, heartbeats=True)


def test_two_beats_may_wait_for_their_answers(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket(heartbeat_interval=10, heartbeat_timeout=5)
    Consumer(marbles, socket).has_no_room("10.15s", "17s")
    marbles.expect(socket.errors).to_be("")
    marbles.expect(socket.state, "^ 36s !").to_be("n 99ms o", STATES)
    lease = socket.connect()
    marbles.at("38s", lease.dispose)
    # answers to the beats of 10.1 s and 15.1 s come at 17 s; the next is due at 25.1 s
    marbles.expect_frames(phoenix).to_be("10.1s h 4999ms h 9999ms h 10099ms h", {"h": "heartbeat"}, heartbeats=True)


# -- origins ---------------------------------------------------------------------------------------------------------


def test_the_sockets_whose_streams_are_subscribed_are_found_on_every_level(marbles: World, phoenix: VirtualPhoenix):
    first, second = phoenix.socket(), phoenix.socket()
    with origins() as outer:
        first.state.subscribe().dispose()
        with origins() as inner:
            second.errors.subscribe().dispose()
            second.state.subscribe().dispose()
    first.errors.subscribe().dispose()
    assert list(inner) == [context_of(second)]
    assert list(outer) == [context_of(first), context_of(second)]

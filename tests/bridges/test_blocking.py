"""``Overflow.BLOCK``: the socket is held back while a loop has no room; in virtual time, to the millisecond."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops
from reactivex.internal.constants import UTC_ZERO
from reactivex.subject import Subject

from rxphoenix import (
    BlockedTooLong,
    BufferOverflow,
    ConnectionLost,
    HeartbeatTimeout,
    Overflow,
    Socket,
    iterate,
    map_async,
    retry_backoff,
)
from rxphoenix.client.socket_streams import context_of
from rxphoenix.testing import marbles
from rxphoenix.testing.phoenix import VirtualPhoenix
from rxphoenix.testing.world import World
from rxphoenix.transports.base import ConnectRequest, Opened, TransportEvent
from tests.bridges.slow_loop import SlowLoop

DIGITS = {str(digit): digit for digit in range(10)}


@pytest.fixture
def world() -> Iterator[World]:
    """A second is a character of a drawing."""
    with marbles(frame=1) as world:
        yield world


def ticking(world: World, drawing: str = "-0123456789", **options: Any) -> tuple[VirtualPhoenix, Socket]:
    """A server that broadcasts a digit each second from the first one on, and a socket."""
    phoenix = world.phoenix(idle_timeout=None)
    phoenix.topic("room:a").broadcasts("tick", drawing, DIGITS)
    return phoenix, phoenix.socket(**{"heartbeat_interval": None, **options})


def faults(world: World, socket: Socket) -> list[tuple[float, Exception]]:
    """What is reported, with instants; the list grows."""
    reported: list[tuple[float, Exception]] = []
    socket.errors.subscribe(lambda fault: reported.append((world.now, fault.error)))
    return reported


def is_held(socket: Socket) -> bool:
    return context_of(socket).flow.is_held


# -- without a loss --------------------------------------------------------------------------------------------------


def test_a_slow_loop_gets_everything_and_the_buffer_is_never_over_full(world: World) -> None:
    _phoenix, socket = ticking(world)
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 3, buffer=2)
    world.run(until=40)
    assert loop.seen == [(1 + 3 * digit, digit) for digit in range(10)]
    assert (loop.most_waiting, loop.items.exceeded, loop.items.dropped, loop.gaps) == (1, 0, 0, [])


def test_pauses_up_to_the_bound_lose_nothing(world: World) -> None:
    _phoenix, socket = ticking(world)
    reported = faults(world, socket)
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 19.999, buffer=1)
    world.run(until=200)
    assert loop.values == list(range(10))
    assert (loop.items.exceeded, loop.items.dropped, reported) == (0, 0, [])


def test_the_socket_is_held_back_only_while_the_buffer_is_full(world: World) -> None:
    _phoenix, socket = ticking(world)
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 4, buffer=2)
    held: list[tuple[float, bool]] = []
    for instant in (2.5, 3.5, 4.5, 5.5, 5.9, 6.5):
        world.at(instant, lambda: held.append((world.now, is_held(socket))))
    world.run(until=7)
    # 0 is worked on from 1 to 5, 1 and 2 fill the buffer at 3; at 5 there is room for 3, at once
    assert held == [(2.5, False), (3.5, True), (4.5, True), (5.5, True), (5.9, True), (6.5, True)]
    assert loop.seen == [(1, 0), (5, 1)]
    loop.task.cancel()
    world.run(until=8)
    assert not is_held(socket)


def test_operators_between_do_not_matter(world: World) -> None:
    _phoenix, socket = ticking(world)
    squares = socket.channel("room:a").on("tick").pipe(
        ops.filter(lambda digit: digit % 2 == 0), ops.map(lambda digit: digit * digit), ops.share()
    )  # fmt: skip
    loop = SlowLoop(world, squares, 5, buffer=1)
    world.run(until=40)
    assert loop.values == [0, 4, 16, 36, 64]
    assert loop.items.exceeded == 0


def test_an_operator_that_makes_several_of_one_goes_over_the_limit(world: World) -> None:
    _phoenix, socket = ticking(world)
    tripled = socket.channel("room:a").on("tick").pipe(ops.flat_map(lambda digit: rx.of(digit, digit, digit)))
    loop = SlowLoop(world, tripled, 1, buffer=2)
    world.run(until=60)
    assert loop.values == [digit for digit in range(10) for _ in range(3)]
    assert loop.items.dropped == 0
    assert loop.most_waiting <= 2 + 2
    assert loop.items.exceeded > 0


@pytest.mark.parametrize(
    "stream",
    [
        lambda socket: socket.channel("room:a"),
        lambda socket: socket.channel("room:a").on("tick", type=int),
        lambda socket: socket.channel("room:a").joined,
        lambda socket: socket.channel("room:a").presence(),
        lambda socket: socket.channel("room:a").presence().joins,
        lambda socket: socket.channel("room:a").state,
        lambda socket: socket.channel("room:a").push("ask"),
        lambda socket: socket.state,
        lambda socket: socket.messages,
        lambda socket: socket.sent,
        lambda socket: socket.errors,
        lambda socket: socket.latency,
        lambda socket: socket.channel("room:a").pipe(retry_backoff(), map_async(asyncio.sleep)),
        lambda socket: rx.defer(lambda _scheduler: rx.concat(socket.ping(), rx.never())),
    ],
)  # fmt: skip
def test_the_socket_of_every_stream_is_found(world: World, stream: Callable[[Socket], Any]) -> None:
    _phoenix, socket = ticking(world)
    loop = SlowLoop(world, stream(socket), 1)
    world.run(until=1)
    with suppress(asyncio.InvalidStateError):
        assert not isinstance(loop.task.exception(), ValueError)
    loop.task.cancel()


def test_of_two_slow_loops_on_a_socket_the_slower_one_sets_the_pace(world: World) -> None:
    phoenix, socket = ticking(world)
    phoenix.topic("room:b").broadcasts("tick", "-0123456789", DIGITS)
    slow = SlowLoop(world, socket.channel("room:a").on("tick"), 2, buffer=1)
    slower = SlowLoop(world, socket.channel("room:b").on("tick"), 5, buffer=1)
    world.run(until=60)
    assert slow.values == slower.values == list(range(10))
    assert slower.seen == [(1 + 5 * digit, digit) for digit in range(10)]
    assert slow.items.exceeded == slower.items.exceeded == 0


def test_every_socket_that_the_values_come_from_is_held_back(world: World) -> None:
    _phoenix, first = ticking(world)
    _phoenix, second = ticking(world)
    merged = rx.merge(first.channel("room:a").on("tick"), second.channel("room:a").on("tick"))
    loop = SlowLoop(world, merged, 3, buffer=2)
    world.run(until=3.5)
    assert is_held(first)
    assert is_held(second)
    world.run(until=100)
    assert sorted(loop.values) == sorted([*range(10)] * 2)
    assert (loop.items.dropped, loop.items.exceeded) == (0, 0)


# -- a loop that awaits ----------------------------------------------------------------------------------------------


def test_a_loop_that_awaits_a_push_for_each_value_goes_on(world: World) -> None:
    phoenix, socket = ticking(world)
    phoenix.topic("room:a").replies("seen", *["-r"] * 10, values={"r": {}})
    channel = socket.channel("room:a")
    loop = SlowLoop(world, channel.on("tick"), 2, buffer=2, body=lambda digit: channel.push("seen", {"n": digit}))
    world.run(until=60)
    assert loop.values == list(range(10))
    assert loop.items.dropped == 0
    # in 1 s of each 3 s it is read, whatever the buffer holds: 4 at 5 s, 5 and 6 at 7 s, 7 at 8 s, 8 and 9 at 10 s
    assert loop.items.exceeded == 6
    assert [frame.payload for frame in phoenix.sent if frame.event == "seen"] == [{"n": n} for n in range(10)]


def test_what_came_over_the_limit_is_worked_off_before_reading_goes_on(world: World) -> None:
    phoenix, socket = ticking(world)
    phoenix.topic("room:a").replies("ask", "5s r", values={"r": {}})
    channel = socket.channel("room:a")
    loop = SlowLoop(world, channel.on("tick"), 4, buffer=2)
    world.at(3.5, lambda: channel.push("ask").subscribe())
    world.run(until=8.6)
    assert (loop.items.waiting, loop.items.exceeded) == (6, 5)  # 2 to 7, of which only 2 was in time
    assert is_held(socket)
    world.run(until=60)
    assert loop.values == list(range(10))
    assert loop.items.exceeded == 5


@pytest.mark.parametrize("what", ["a ping", "a join", "a leave"])
def test_reading_goes_on_while_an_answer_is_awaited(world: World, what: str) -> None:
    phoenix, socket = ticking(world)
    phoenix.topic("room:b").joins("-j", values={"j": {}})
    other = socket.channel("room:b")

    async def ask(_digit: int) -> None:
        if what == "a ping":
            assert await socket.ping() >= 0
        elif what == "a join":
            async with other.hold():
                pass
        else:
            await other.leave()

    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 3, buffer=1, body=ask)
    world.run(until=90)
    assert loop.values == list(range(10))
    assert loop.items.dropped == 0


def test_a_push_that_expects_no_reply_opens_nothing(world: World) -> None:
    _phoenix, socket = ticking(world)
    channel = socket.channel("room:a")
    loop = SlowLoop(world, channel.on("tick"), 3, buffer=1, body=lambda _: channel.push("seen", reply=False))
    world.run(until=60)
    assert loop.values == list(range(10))
    assert loop.items.exceeded == 0


# -- longer than the bound -------------------------------------------------------------------------------------------


def test_after_the_bound_it_reads_on_and_tells_the_gap(world: World) -> None:
    _phoenix, socket = ticking(world, "-012 19s 34567 13s 89")
    reported = faults(world, socket)
    # the loop takes 0 at 1 s and then nothing before 36 s; 1 and 2 fill the buffer at 3 s
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 35, 0, buffer=2)
    world.run(until=22.9)
    assert is_held(socket)
    world.run(until=23)
    assert not is_held(socket)
    world.run(until=60)
    assert loop.values == [0, 1, 2, 8, 9]
    assert loop.items.dropped == 5
    [(after, gap)] = loop.gaps
    assert after == 8
    assert isinstance(gap.error, BlockedTooLong)
    assert (gap.since, gap.seconds, gap.dropped) == (UTC_ZERO + timedelta(seconds=23), 13, 5)
    assert gap.error.seconds == 20
    assert reported == [(23, gap.error)]


def test_a_pause_in_which_nothing_comes_leaves_no_gap(world: World) -> None:
    _phoenix, socket = ticking(world, "-012 40s 345")
    reported = faults(world, socket)
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 35, 0, buffer=2)
    world.run(until=60)
    assert loop.values == [0, 1, 2, 3, 4, 5]
    assert (loop.items.dropped, loop.gaps, reported) == (0, [], [])


def test_after_a_gap_it_is_held_back_again(world: World) -> None:
    _phoenix, socket = ticking(world, "-0123 9s 456 20s 7")
    reported = faults(world, socket)
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 10, 2, 15, 0, buffer=1, block_for=4)
    world.run(until=60)
    # full with 1 at 2 s, read on at 6 s: 2 and 3 are lost; full with 5 at 15 s, read on at 19 s: 6 is lost
    assert loop.seen == [(1, 0), (11, 1), (14, 4), (29, 5), (37, 7)]
    assert [(after, gap.dropped) for after, gap in loop.gaps] == [(4, 2), (7, 1)]
    assert [instant for instant, _ in reported] == [6, 19]


def test_a_loop_that_takes_something_now_and_then_is_in_no_pause(world: World) -> None:
    phoenix, socket = ticking(world)
    phoenix.topic("room:a").replies("ask", "5s r", values={"r": {}})
    channel = socket.channel("room:a")
    loop = SlowLoop(world, channel.on("tick"), 3, buffer=2, block_for=4)
    world.at(3.5, lambda: channel.push("ask").subscribe())  # six wait at 8.5 s: it takes 12 s to make room
    world.run(until=60)
    assert loop.values == list(range(10))
    assert (loop.items.dropped, loop.gaps) == (0, [])


def test_a_bound_longer_than_the_servers_patience_ends_the_connection(world: World) -> None:
    _phoenix, socket = ticking(world)
    reported = faults(world, socket)
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 50, 0, buffer=2, block_for=60)
    world.run(until=33.9)
    assert reported == []
    world.run(until=60)
    # 3 could not be sent from 4 s on
    assert [(instant, type(error)) for instant, error in reported] == [(34, ConnectionLost)]
    assert loop.values == [0, 1, 2]


def test_with_the_usual_bound_the_server_does_not_give_up(world: World) -> None:
    _phoenix, socket = ticking(world)
    reported = faults(world, socket)
    SlowLoop(world, socket.channel("room:a").on("tick"), 50, 0, buffer=2)
    world.run(until=60)
    assert [(instant, type(error)) for instant, error in reported] == [(23, BlockedTooLong)]


# -- heartbeats ------------------------------------------------------------------------------------------------------


def beats(phoenix: VirtualPhoenix) -> list[float]:
    return [frame.instant / 1_000_000 for frame in phoenix.sent if frame.event == "heartbeat"]


def test_a_heartbeat_whose_answer_lies_unread_is_no_sign_of_death(world: World) -> None:
    phoenix, socket = ticking(world, heartbeat_interval=5)
    latency: list[tuple[float, float]] = []
    socket.latency.subscribe(lambda seconds: latency.append((world.now, seconds)))
    reported = faults(world, socket)
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 19, buffer=1)
    world.run(until=150)  # up to here the buffer is full
    assert loop.values == list(range(8))
    assert reported == []
    assert beats(phoenix) == [5.0 * number for number in range(1, 31)]
    assert latency == []


def test_the_time_that_it_is_held_back_does_not_count_against_the_link(world: World) -> None:
    phoenix, socket = ticking(world, heartbeat_interval=10)
    reported = faults(world, socket)
    phoenix.hangs("5s x")
    # full with 1 at 2 s: held back from there to 16 s; the beat of 10 s has 10 s, of which 6 do not count
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 15, 0, buffer=1)
    world.run(until=60)
    assert loop.values[:2] == [0, 1]
    assert [(instant, type(error)) for instant, error in reported][:1] == [(26, HeartbeatTimeout)]


def test_a_client_that_is_held_back_again_and_again_is_not_idle(world: World) -> None:
    phoenix = world.phoenix()  # with a minute's patience
    phoenix.topic("room:a").broadcasts("tick", "-0123456789", DIGITS)
    socket = phoenix.socket()
    reported = faults(world, socket)
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 19, buffer=1)
    world.run(until=200)
    assert loop.values == list(range(10))
    assert reported == []
    assert all(later - earlier <= 30 for earlier, later in zip(beats(phoenix), beats(phoenix)[1:], strict=False))


# -- ends ------------------------------------------------------------------------------------------------------------


def held_up(world: World) -> tuple[VirtualPhoenix, Socket, SlowLoop]:
    """A loop that is busy from 1 s on, and a socket that is held back from 3 s on; it is 5 s."""
    phoenix, socket = ticking(world)
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 1000, buffer=2)
    world.run(until=5)
    assert is_held(socket)
    return phoenix, socket, loop


def test_a_loop_that_is_cancelled_lets_go(world: World) -> None:
    _phoenix, socket, loop = held_up(world)
    with socket.connect():
        loop.task.cancel()
        world.run(until=5.001)
        assert not is_held(socket)
        assert context_of(socket).flow.blocks == {}
        assert world.scheduler.next_instant() is None or world.scheduler.next_instant() == 6_000_000  # 5 is told at 6 s


def test_closing_the_socket_does_not_wait_for_the_loop(world: World) -> None:
    _phoenix, socket, loop = held_up(world)
    socket.close()
    closed: list[float] = []
    socket.wait_closed().subscribe(lambda _: closed.append(world.now))
    world.run(until=6)
    assert closed == [5]
    assert not is_held(socket)
    assert loop.items.waiting == 2


def test_leaving_the_channel_lets_go(world: World) -> None:
    _phoenix, socket, _loop = held_up(world)
    with socket.connect():
        left: list[float] = []
        socket.channel("room:a").leave().subscribe(lambda _: left.append(world.now))
        world.run(until=6)
        assert left == [5]
        assert context_of(socket).flow.blocks == {}


def test_a_lost_connection_is_noticed_when_all_before_it_was_read_and_the_next_one_is_held_back(world: World) -> None:
    phoenix, socket = ticking(world)
    reported = faults(world, socket)
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 6, buffer=2)
    phoenix.drops("4500ms x")
    world.run(until=100)
    # 0 at 1 s, 1 at 7 s; 3 is unread when the link is lost at 4.5 s, and read at 7 s, when there is room
    assert [(instant, type(error)) for instant, error in reported] == [(13, ConnectionLost)]
    assert loop.values == [0, 1, 2, 3]
    assert loop.items.dropped == 0


def test_a_connection_that_is_lost_while_nothing_is_unread_is_lost_at_once(world: World) -> None:
    phoenix, socket = ticking(world, "-012")
    reported = faults(world, socket)
    loop = SlowLoop(world, socket.channel("room:a").on("tick"), 1000, buffer=2)
    phoenix.drops("5s x")
    world.run(until=5.005)
    assert [instant for instant, _ in reported] == [5]
    assert not is_held(socket)
    world.run(until=5.02)  # joined again
    assert is_held(socket)
    assert loop.items.waiting == 2


def test_a_stream_that_has_ended_holds_nothing_back(world: World) -> None:
    _phoenix, socket = ticking(world)
    with socket.connect():
        loop = SlowLoop(world, socket.channel("room:a").on("tick").pipe(ops.take(3)), 100, buffer=2)
        world.run(until=4)
        assert context_of(socket).flow.blocks == {}
        world.run(until=400)
        assert loop.values == [0, 1, 2]
        assert loop.task.done()


def test_a_stream_that_fails_raises_after_what_was_buffered(world: World) -> None:
    _phoenix, socket = ticking(world)
    failing = rx.concat(socket.channel("room:a").on("tick").pipe(ops.take(3)), rx.throw(LookupError("gone")))
    loop = SlowLoop(world, failing, 5, buffer=2)
    world.run(until=60)
    assert loop.values == [0, 1, 2]
    assert isinstance(loop.task.exception(), LookupError)


# -- misuse, and where it cannot be ----------------------------------------------------------------------------------


async def test_where_there_is_nothing_to_hold_back_the_loop_says_so() -> None:
    source: Subject[int] = Subject()
    with pytest.raises(ValueError, match=r"nothing to hold back.*socket=\.\.\., or choose another overflow="):
        async with iterate(source, overflow=Overflow.BLOCK):
            pass
    assert source.observers == []
    with pytest.raises(ValueError, match="nothing to hold back"):
        async for _ in iterate(rx.of(1), overflow=Overflow.BLOCK):
            pass
    with pytest.raises(LookupError, match="gone"):  # which tells more
        async for _ in iterate(rx.throw(LookupError("gone")), overflow=Overflow.BLOCK):
            pass


def test_a_socket_that_cannot_be_found_is_given(world: World) -> None:
    _phoenix, socket = ticking(world)
    shared = socket.channel("room:a").on("tick").pipe(ops.share())
    shared.subscribe()
    hidden = SlowLoop(world, shared, 3, buffer=2)
    given = SlowLoop(world, shared, 3, buffer=2, socket=socket)
    world.run(until=60)
    assert isinstance(hidden.task.exception(), ValueError)
    assert given.values == list(range(10))
    assert given.items.exceeded == 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"block_for": 0}, ValueError, "block_for must be a positive number of seconds, not 0"),
        ({"block_for": "20"}, TypeError, "block_for must be a number of seconds, not '20'"),
        ({"socket": "ws://localhost"}, TypeError, "socket must be a Socket, not 'ws://localhost'"),
        ({"overflow": Overflow.LATEST, "socket": Socket("ws://localhost")}, ValueError, "give overflow=Overflow.BLOCK"),
        ({"buffer": 0}, ValueError, "buffer must be at least 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_at_the_call(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        iterate(Subject[int](), **{"overflow": Overflow.BLOCK, **options})


def test_a_transport_that_cannot_be_held_back_makes_it_an_error(world: World) -> None:
    class Unstoppable:
        def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
            return phoenix.connect(request).pipe(ops.map(self.without_brake))

        def without_brake(self, event: TransportEvent) -> TransportEvent:
            return Opened(event.send) if isinstance(event, Opened) else event

    phoenix = world.phoenix()
    channel = phoenix.socket(transport=Unstoppable()).channel("room:a")
    items = iterate(channel.on("tick"), buffer=2, overflow=Overflow.BLOCK)
    entered = items.__aenter__()
    with pytest.raises(StopIteration):
        entered.send(None)
    world.run(until=1)
    for digit in range(4):
        phoenix.topic("room:a").broadcast("tick", digit)
    assert items.waiting == 2
    taken = [_next(items), _next(items)]
    assert taken == [0, 1]
    with pytest.raises(BufferOverflow, match="2 values wait already, and the transport cannot be held back"):
        _next(items)


def _next(items: Any) -> Any:
    try:
        items.__anext__().send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")

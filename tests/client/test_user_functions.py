"""Functions of the user's that are called by us may call anything, and say nonsense."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import (
    ChannelCrashed,
    ChannelForgotten,
    ConnectionLost,
    ConnectionRefused,
    Fault,
    HeartbeatTimeout,
    JoinRefused,
    JSONSerializer,
    ProviderFailed,
    RejoinGivenUp,
    Reply,
    Socket,
    SocketClosed,
    TakenOver,
)
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from rxphoenix.testing import VirtualPhoenix, VirtualTopic, World
from tests.legends import DONE, FRAMES, STATES, replied

pytestmark = pytest.mark.marbles(frame=0.1)

UNMATCHED = Reply("error", {"reason": "unmatched topic"})


def test_params_that_close_the_socket(marbles: World, phoenix: VirtualPhoenix):
    def params() -> dict[str, Any]:
        socket.close()
        return {}

    socket = phoenix.socket(params=params)
    marbles.expect(socket.channel("room:a")).to_be("|")
    marbles.run(until="3s")
    assert (socket.state.value, phoenix.attempts) == ("closed", [])


def test_params_that_leave_the_channel_they_are_asked_for(marbles: World, phoenix: VirtualPhoenix):
    def params() -> dict[str, Any]:
        socket.channel("room:a").leave().subscribe()
        return {}

    socket = phoenix.socket(params=params)
    marbles.expect(socket.channel("room:a")).to_be("|")
    marbles.run(until="3s")
    assert (socket._link.leases, socket.state.value) == (0, "closed")


def test_join_params_that_leave(marbles: World, phoenix: VirtualPhoenix):
    def params() -> dict[str, Any]:
        socket.channel("room:a").leave().subscribe()
        return {}

    socket = phoenix.socket()
    marbles.expect(socket.channel("room:a", params)).to_be("-|")
    marbles.expect_frames(phoenix).to_be("")


def test_a_delay_function_that_leaves_joins_no_more(marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic):
    def delay(attempt: int, error: Exception) -> float:
        socket.channel("room:a").leave().subscribe()
        return 1.0

    room.crashes("1s x")
    socket = phoenix.socket(rejoin_after=delay)
    socket.connect()
    marbles.expect(socket.channel("room:a")).to_be("1s |")
    marbles.expect(socket.channel("room:a").state).to_be("g-d 700ms (evc)", STATES)
    marbles.expect_frames(phoenix).to_be("-1", FRAMES)


def test_a_delay_function_that_reconnects_is_not_overruled_by_its_own_answer(marbles: World, phoenix: VirtualPhoenix):
    def delay(attempt: int, error: Exception) -> float:
        socket.reconnect()
        return 60.0

    phoenix.drops("1s x")
    socket = phoenix.socket(reconnect_after=delay)
    socket.connect()
    marbles.expect(socket.state).to_be("(n 100ms o 900ms cn 100ms o)", STATES)


@pytest.mark.parametrize("nonsense", ["1", [1], float("inf"), float("nan"), -1, object()])
def test_a_delay_that_is_none_is_reported_and_the_usual_one_is_used(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, nonsense: Any
):
    phoenix.connects("#")
    room.crashes("1s x")
    socket = phoenix.socket(
        reconnect_after=lambda attempt, error: nonsense, rejoin_after=lambda attempt, error: nonsense
    )
    kinds = {"r": ConnectionRefused, "v": ValueError, "c": ChannelCrashed}
    marbles.expect(socket.errors.pipe(ops.map(lambda fault: type(fault.error)))).to_be("( 0ms rv 1s cv)", kinds)
    marbles.expect(socket.channel("room:a")).to_be("")
    marbles.expect_frames(phoenix).to_be("( 110ms 1 1.89s 2)", FRAMES)


class _Picky(JSONSerializer):
    """Cannot write some events."""

    def encode(self, join_ref: Any, ref: Any, topic: str, event: str, payload: Any) -> Any:
        if event == "unspeakable" or topic == "unspeakable":
            raise ZeroDivisionError
        return super().encode(join_ref, ref, topic, event, payload)


def test_a_serializer_that_cannot_write_a_push_fails_that_push_and_no_other(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket(serializer=_Picky())
    channel = socket.channel("room:a")
    marbles.expect(channel.push("say")).to_be("---(x|)", {"x": {}})
    marbles.expect(channel.push("unspeakable")).to_be("--#", error=ZeroDivisionError())
    marbles.expect(channel.push("say")).to_be("---(x|)", {"x": {}})
    marbles.expect(channel.push("unspeakable"), "1s ^").to_be("1.2s #", error=ZeroDivisionError())
    marbles.expect(socket.state).to_be("(n 100ms o 200ms ac 700ms n 100ms o 100ms ac)", STATES)  # no lease was lost


def test_a_serializer_that_cannot_write_a_join_is_a_fault_of_the_channel(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket(serializer=_Picky(), rejoin_after=lambda attempt, error: None)
    seen = marbles.expect(socket.channel("unspeakable")).to_be("-#", error=RejoinGivenUp("unspeakable", 1))
    marbles.run(until="1s")
    cause = seen.error.__cause__
    assert isinstance(cause, ProviderFailed)
    assert isinstance(cause.__cause__, ZeroDivisionError)


def test_a_transport_whose_connect_raises_is_a_failed_attempt(marbles: World, phoenix: VirtualPhoenix):
    class Broken:
        def connect(self, request: Any) -> Any:
            raise ZeroDivisionError

    failed: list[Exception] = []
    phoenix.socket(transport=Broken()).opened().subscribe(on_error=failed.append)
    assert failed == []
    marbles.run(until="1s")
    assert [(type(error), type(error.__cause__)) for error in failed] == [(ConnectionRefused, ZeroDivisionError)]


def test_a_transport_that_never_ends_does_not_keep_the_socket(marbles: World):
    phoenix = marbles.phoenix(opens_after=0.1, closes_after=None)
    socket = phoenix.socket()
    socket.connect()
    marbles.expect(socket.wait_closed()).to_be("2.5s (x|)", DONE)  # the grace of 1 s, and half a second more
    marbles.at("1s", socket.close)
    marbles.run(until="5s")
    assert phoenix.attempts[0].ended == 2_500_000


def test_a_ping_ends_with_the_last_lease_and_with_its_time(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket(timeout=4, heartbeat_interval=None)
    phoenix.hangs("500ms x 2.9s x")
    marbles.at("2s", socket.connect().dispose)
    marbles.at("3s", socket.connect)
    marbles.expect(socket.ping(), "1s ^").to_be("2s #", error=ConnectionLost("nobody needs it any more"))
    marbles.expect(socket.ping(), "1s (^!)").to_be("")
    marbles.expect(socket.ping(), "4s ^").to_be("8s #", error=HeartbeatTimeout(4))


@pytest.mark.parametrize("how", ["no reply awaited", "late"])
def test_unmatched_topic_is_heard_also_where_nobody_awaits_the_reply(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic, how: str
):
    room.replies("gone", "")
    phoenix.writes("1.3s u", {"u": replied(None, 2, UNMATCHED)})
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    marbles.expect(channel).to_be("")
    marbles.expect(channel.state).to_be("g-d 1s e 900ms gd", STATES)
    marbles.expect(socket.errors).to_be("1.3s x", {"x": Fault("room:a", None, ChannelForgotten("room:a"))})
    marbles.observe(channel.push("gone", reply=False) if how != "late" else channel.push("gone", timeout=0.1), "1s ^")


def test_an_unmatched_reply_to_an_earlier_join_does_not_touch_the_current_one(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.crashes("1s x")
    phoenix.writes("3s u", {"u": replied(None, 1, UNMATCHED)})
    channel = phoenix.socket().channel("room:a")
    marbles.expect(channel).to_be("")
    marbles.expect(channel.state).to_be("g-d 700ms e 900ms gd", STATES)


async def test_a_takeover_that_is_given_up_before_its_join_leaves_the_older_join() -> None:
    async def slow() -> dict[str, int]:
        await asyncio.get_running_loop().create_future()
        return {}

    async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
        with socket.connect():
            older = socket.channel("room:a", {"v": 1})
            ended: list[Exception] = []
            older.subscribe(on_error=ended.append)
            await older.joined.pipe(ops.first())
            socket.channel("room:a", slow).subscribe().dispose()
            await socket.state.pipe(ops.filter(lambda _: True), ops.first())
            replies = socket.messages.pipe(ops.filter(lambda message: message.event == "phx_close"), ops.first())
            assert (await asyncio.wait_for(replies, 5)).topic == "room:a"
            assert [type(error) for error in ended] == [TakenOver]


def test_leave_join_leave_is_acknowledged_twice(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    socket.connect()
    marbles.expect(channel).to_be("1s |")
    marbles.expect(channel.leave(), "1s ^").to_be("1.1s (x|)", DONE)
    marbles.expect(channel, "1s ^").to_be("( 1.05s |)")
    marbles.expect(channel.leave(), "1.05s ^").to_be("( 1.15s x|)", DONE)
    marbles.run(until="3s")
    assert channel.state.value == "closed"


def test_the_reason_of_a_failure_that_is_mended_is_forgotten(marbles: World, phoenix: VirtualPhoenix):
    reasons: list[Exception | None] = []

    def params(reason: Exception | None) -> dict[str, Any]:
        reasons.append(reason)
        return {}

    phoenix.connects("#")
    socket = phoenix.socket(params=params)
    marbles.at("2s", socket.connect().dispose)
    marbles.observe(socket.ping(), "1s ^")
    marbles.at("3s", socket.connect)
    marbles.run(until="4s")
    assert [type(reason) for reason in reasons] == [type(None), ConnectionRefused, type(None)]


def test_an_event_that_ends_the_join_still_reaches_all_its_observers(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    room.pushes("x", "1s 1")
    channel = phoenix.socket().channel("room:a")

    def leave(message: Any) -> None:
        channel.leave().subscribe()

    channel.subscribe(leave)
    marbles.expect(channel.on("x")).to_be("1s (1|)")


def test_a_state_observer_that_leaves_from_its_replay_is_not_orphaned(marbles: World, phoenix: VirtualPhoenix):
    socket = phoenix.socket()
    channel = socket.channel("room:a")
    leaves = iter([channel.leave()])

    def leave_at_first(_state: str) -> None:
        for each in leaves:
            each.subscribe()

    marbles.expect(channel.state.pipe(ops.do_action(leave_at_first))).to_be("(cg 200ms d 1.8s c|)", STATES)
    marbles.expect(channel).to_be("2s |")
    marbles.at("2s", socket.close)


def test_a_refusal_in_one_loop_does_not_keep_the_topic_waiting_in_the_next() -> None:
    async def refused(port: int) -> int:
        async with PhoenixServer(conformance_application(), port=port) as server:
            if not sockets:
                sockets.append(Socket(server.url + "/socket"))
            with pytest.raises(JoinRefused):
                async with sockets[0].channel("nosuch:1").hold():
                    pass
            return server.port

    sockets: list[Socket] = []
    port = asyncio.run(refused(0))
    asyncio.run(asyncio.wait_for(refused(port), 5))


def test_a_lease_of_a_loop_that_is_gone_releases_nothing_of_the_next_one() -> None:
    sockets: list[Socket] = []
    leases: list[Any] = []
    states: list[str] = []

    async def first() -> int:
        async with PhoenixServer(conformance_application()) as server:
            socket = Socket(server.url + "/socket")
            sockets.append(socket)
            leases.append(socket.connect())
            socket.channel("room:a").state.subscribe(states.append, None, lambda: states.append("|"))
            socket.channel("room:a").subscribe()
            await socket.channel("room:a").joined.pipe(ops.first())
            return server.port

    async def second(port: int) -> None:
        async with PhoenixServer(conformance_application(), port=port):
            (socket,) = sockets
            with socket.connect():
                await socket.opened()
                leases[0].dispose()
                await socket.ping()
                assert socket.state.value == "open"
                await socket.channel("room:a").push("echo", 1)
            socket.close()
            await socket.wait_closed()

    asyncio.run(second(asyncio.run(first())))
    assert [str(state) for state in states][-5:] == ["closed", "joining", "joined", "closed", "|"]


async def test_an_exception_that_is_not_ours_to_catch_ends_the_connection_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Fatal(BaseException):
        """Something like a test that fails inside a callback."""

    raised: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: raised.append(context["exception"]))
    async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
        channel = socket.channel("room:a")
        faults: list[Exception] = []
        socket.errors.subscribe(lambda fault: faults.append(fault.error))

        def fatal(payload: Any) -> None:
            raise Fatal

        subscription = channel.on("tick").subscribe(fatal)
        async with channel.hold():
            channel.push("push_me", {"n": 1}).subscribe(on_error=lambda error: None)
            await channel.joined.pipe(ops.filter(lambda joined: joined.rejoin), ops.first())
            subscription.dispose()
            assert await channel.push("echo", 1) == 1
        assert [type(error) for error in faults] == [ConnectionLost]
    assert [type(error) for error in raised] == [Fatal]
    asyncio.get_running_loop().set_exception_handler(None)


async def test_awaited_pushes_without_reply_let_others_run() -> None:
    async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
        channel = socket.channel("room:a")
        async with channel.hold():
            turns: list[int] = []
            ticker = asyncio.ensure_future(_count(turns))
            for _ in range(100):
                await channel.push("noreply", {}, reply=False)
            ticker.cancel()
            assert len(turns) >= 100


async def _count(turns: list[int]) -> None:
    while True:
        turns.append(1)
        await asyncio.sleep(0)


async def test_no_error_leads_to_an_address_by_its_context() -> None:
    async with PhoenixServer(conformance_application()) as server:
        server.refuse_upgrades(403)
        async with Socket(server.url + "/socket", params={"token": "s3cr3t"}, auth_token="s3cr3t") as socket:
            with pytest.raises(ConnectionRefused) as caught:
                await socket.opened()
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cr3t" not in repr(error) + str(vars(error))
        error = error.__cause__ or error.__context__


def test_stop_iteration_from_a_hook_does_not_hang_who_awaits() -> None:
    def hook(event: str, payload: Any) -> Any:
        raise StopIteration

    async def main() -> None:
        async with PhoenixServer(conformance_application()) as server, Socket(server.url + "/socket") as socket:
            with pytest.raises(RuntimeError, match="StopIteration"):
                await asyncio.wait_for(socket.channel("room:a", on_message=hook).push("echo", 1), 5)

    asyncio.run(main())


def test_closing_while_nothing_runs_ends_at_once_and_cools_down(marbles: World, phoenix: VirtualPhoenix):
    phoenix.connects("#")
    socket = phoenix.socket(reconnect_after=lambda attempt, error: 60.0)
    socket.connect()
    marbles.at("1s", socket.close)
    marbles.run(until="2s")
    assert not socket._context.is_warm
    failed: list[Exception] = []
    socket.opened().subscribe(on_error=failed.append)
    assert failed == []
    marbles.expect(socket.opened()).to_be("#", error=SocketClosed())
    marbles.advance(0)
    assert [type(error) for error in failed] == [SocketClosed]


def test_joined_subscribed_while_the_join_is_announced_hears_of_it_once(marbles: World, phoenix: VirtualPhoenix):
    channel = phoenix.socket().channel("room:a")
    joined = channel.joined.pipe(ops.map(lambda joined: joined.rejoin))
    late = channel.state.pipe(ops.filter(lambda state: state == "joined"), ops.flat_map(lambda _state: joined))
    marbles.expect(late).to_be("--f", {"f": False})
    marbles.expect(joined).to_be("--f", {"f": False})


def test_a_retry_function_that_reconnects_leaves_no_silent_dead_stream(
    marbles: World, phoenix: VirtualPhoenix, room: VirtualTopic
):
    def retry(attempt: int, error: Exception) -> float:
        socket.reconnect()
        return 2.0

    room.joins("r", values={"r": Reply("error", {"reason": "full"})})
    socket = phoenix.socket(retry_refused=retry)
    channel = socket.channel("room:a")
    marbles.expect(channel).to_be("")
    marbles.expect(channel.state).to_be("g-e 1.9s gd", STATES)
    marbles.expect_frames(phoenix).to_be("-1 2s 2", FRAMES)

"""Functions of the user's that are called by us may call anything, and say nonsense."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from reactivex import operators as ops

from rxphoenix import (
    ChannelForgotten,
    ConnectionLost,
    ConnectionRefused,
    HeartbeatTimeout,
    JoinRefused,
    JSONSerializer,
    ProviderFailed,
    Socket,
    SocketClosed,
    TakenOver,
)
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from tests.client.virtual import World


def test_params_that_close_the_socket(world: World) -> None:
    def params() -> dict[str, Any]:
        socket.close()
        return {}

    socket = world.socket(params=params)
    messages = world.record(socket.channel("a"))
    world.run(3)
    assert messages.timeline == [(0, "|")]
    assert socket.state.value == "closed"
    assert world.attempts == []


def test_params_that_leave_the_channel_they_are_asked_for(world: World) -> None:
    def params() -> dict[str, Any]:
        socket.channel("a").leave().subscribe()
        return {}

    socket = world.socket(params=params)
    messages = world.record(socket.channel("a"))
    world.run(3)
    assert messages.timeline == [(0, "|")]
    assert socket._link.leases == 0
    assert socket.state.value == "closed"


def test_join_params_that_leave(world: World) -> None:
    def params() -> dict[str, Any]:
        socket.channel("a").leave().subscribe()
        return {}

    socket = world.socket()
    messages = world.record(socket.channel("a", params))
    world.run(3)
    assert messages.timeline == [(0.1, "|")]
    assert world.sent == []


def test_a_delay_function_that_leaves_joins_no_more(world: World) -> None:
    def delay(attempt: int, error: Exception) -> float:
        socket.channel("a").leave().subscribe()
        return 1.0

    socket = world.socket(rejoin_after=delay)
    socket.connect()
    world.record(socket.channel("a"))
    world.run(1)
    world.link.receive("1", None, "a", "phx_error", {})
    world.run(10)
    assert [frame for _, frame in world.sent] == ["1 1 a phx_join"]
    assert socket.channel("a").state.value == "closed"


def test_a_delay_function_that_reconnects_is_not_overruled_by_its_own_answer(world: World) -> None:
    def delay(attempt: int, error: Exception) -> float:
        socket.reconnect()
        return 60.0

    socket = world.socket(reconnect_after=delay)
    socket.connect()
    world.run(1)
    world.link.lose()
    world.run(2)
    assert world.started == [0, 1]
    assert socket.state.value == "open"


@pytest.mark.parametrize("nonsense", ["1", [1], float("inf"), float("nan"), -1, object()])
def test_a_delay_that_is_none_is_reported_and_the_usual_one_is_used(world: World, nonsense: Any) -> None:
    world.outcomes = [world.fails(ConnectionRefused("no"), after=0)]
    socket = world.socket(reconnect_after=lambda attempt, error: nonsense, rejoin_after=lambda attempt, error: nonsense)
    errors = world.record(socket.errors)
    channel = socket.channel("a")
    world.record(channel)
    world.run(1)
    assert world.started == [0, 0.01]
    world.link.receive("1", None, "a", "phx_error", {})
    world.run(3)
    assert channel.state.value == "joined"
    assert [type(fault.error).__name__ for fault in errors.values] == [
        "ConnectionRefused",
        "ValueError",
        "ChannelCrashed",
        "ValueError",
    ]


class _Picky(JSONSerializer):
    """Cannot write some events."""

    def encode(self, join_ref: Any, ref: Any, topic: str, event: str, payload: Any) -> Any:
        if event == "unspeakable" or topic == "unspeakable":
            raise ZeroDivisionError
        return super().encode(join_ref, ref, topic, event, payload)


def test_a_serializer_that_cannot_write_a_push_fails_that_push_and_no_other(world: World) -> None:
    socket = world.socket(serializer=_Picky())
    channel = socket.channel("a")
    held = [world.record(channel.push(event, 1)) for event in ("echo", "unspeakable", "echo")]
    world.run(1)
    assert [recorder.events[0][2] for recorder in (held[0], held[2])] == [1, 1]
    assert isinstance(held[1].error, ZeroDivisionError)
    sent = world.record(channel.push("unspeakable", 1))
    world.run(2)
    assert isinstance(sent.error, ZeroDivisionError)
    assert socket.state.value == "closed"  # no lease was lost


def test_a_serializer_that_cannot_write_a_join_is_a_fault_of_the_channel(world: World) -> None:
    socket = world.socket(serializer=_Picky(), rejoin_after=lambda attempt, error: None)
    messages = world.record(socket.channel("unspeakable"))
    world.run(1)
    assert isinstance(messages.error.__cause__, ProviderFailed)
    assert isinstance(messages.error.__cause__.__cause__, ZeroDivisionError)


def test_a_transport_whose_connect_raises_is_a_failed_attempt(world: World) -> None:
    class Broken:
        def connect(self, request: Any) -> Any:
            raise ZeroDivisionError

    socket = Socket("ws://h/socket", transport=Broken(), scheduler=world.scheduler)
    opened = world.record(socket.opened())
    assert opened.events == []
    world.run(1)
    assert isinstance(opened.error, ConnectionRefused)
    assert isinstance(opened.error.__cause__, ZeroDivisionError)


def test_a_transport_that_never_ends_does_not_keep_the_socket(world: World) -> None:
    world.closes_after = None
    socket = world.socket()
    socket.connect()
    closed = world.record(socket.wait_closed())
    world.at(1, socket.close)
    world.run(5)
    assert closed.timeline == [(2.5, None), (2.5, "|")]  # the grace of 1 s, and half a second more
    assert world.link.disposed == 2.5


def test_a_ping_ends_with_the_last_lease_and_with_its_time(world: World) -> None:
    world.ignores("heartbeat")
    socket = world.socket(timeout=4)
    lease = socket.connect()
    world.run(1)
    first, second = world.record(socket.ping()), world.record(socket.ping())
    second.dispose()
    world.at(2, lease.dispose)
    world.run(3)
    assert first.timeline == [(2, ConnectionLost)]
    socket.connect()
    world.run(4)
    late = world.record(socket.ping())
    world.run(9)
    assert late.timeline == [(8, HeartbeatTimeout)]
    assert second.events == []


@pytest.mark.parametrize("how", ["no reply awaited", "late"])
def test_unmatched_topic_is_heard_also_where_nobody_awaits_the_reply(world: World, how: str) -> None:
    world.replies["gone"] = lambda frame: [
        (0.3, (None, frame[1], frame[2], "phx_reply", {"status": "error", "response": {"reason": "unmatched topic"}}))
    ]
    socket = world.socket()
    errors = world.record(socket.errors)
    channel = socket.channel("a")
    world.record(channel)
    world.run(1)
    world.record(channel.push("gone", reply=False) if how != "late" else channel.push("gone", timeout=0.1))
    world.run(3)
    assert [(instant, type(fault.error)) for instant, fault in errors.timeline] == [(1.3, ChannelForgotten)]
    assert channel.state.value == "joined"


def test_an_unmatched_reply_to_an_earlier_join_does_not_touch_the_current_one(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("a")
    world.record(channel)
    world.run(1)
    world.link.receive("1", None, "a", "phx_error", {})
    world.run(3)
    unmatched = {"status": "error", "response": {"reason": "unmatched topic"}}
    world.link.receive(None, "1", "a", "phx_reply", unmatched)
    assert channel.state.value == "joined"


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


def test_leave_join_leave_is_acknowledged_twice(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("a")
    socket.connect()
    world.record(channel)
    world.run(1)
    left = [world.record(channel.leave())]
    world.record(channel)
    world.run(1.05)
    left.append(world.record(channel.leave()))
    world.run(3)
    assert [recorder.timeline[0][0] for recorder in left] == [1.1, 1.15]
    assert channel.state.value == "closed"


def test_the_reason_of_a_failure_that_is_mended_is_forgotten(world: World) -> None:
    reasons: list[Exception | None] = []

    def params(reason: Exception | None) -> dict[str, Any]:
        reasons.append(reason)
        return {}

    world.outcomes = [world.fails(ConnectionRefused("no"), after=0)]
    socket = world.socket(params=params)
    lease = socket.connect()
    socket.ping().subscribe(on_error=lambda error: None)
    world.run(1)
    socket.ping().subscribe()
    world.run(2)
    lease.dispose()
    world.run(3)
    socket.connect()
    world.run(4)
    assert [type(reason) for reason in reasons] == [type(None), ConnectionRefused, type(None)]


def test_an_event_that_ends_the_join_still_reaches_all_its_observers(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("a")

    def leave(message: Any) -> None:
        channel.leave().subscribe()

    channel.subscribe(leave)
    named = world.record(channel.on("x"))
    world.run(1)
    world.link.receive("1", None, "a", "x", 1)
    assert named.timeline == [(1, 1), (1, "|")]


def test_a_state_observer_that_leaves_from_its_replay_is_not_orphaned(world: World) -> None:
    socket = world.socket()
    channel = socket.channel("a")
    seen: list[str] = []

    def react(state: str) -> None:
        seen.append(str(state))
        if len(seen) == 1:
            channel.leave().subscribe()

    channel.state.subscribe(react, None, lambda: seen.append("|"))
    channel.subscribe()
    world.run(2)
    socket.close()
    world.run(3)
    assert seen == ["closed", "joining", "joined", "closed", "|"]


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


def test_closing_while_nothing_runs_ends_at_once_and_cools_down(world: World) -> None:
    world.outcomes = [world.fails(ConnectionRefused("no"), after=0)]
    socket = world.socket(reconnect_after=lambda attempt, error: 60.0)
    socket.connect()
    world.run(1)
    socket.close()
    world.run(2)
    assert not socket._context.is_warm
    assert world.record(socket.opened()).events == []
    late = world.record(socket.opened())
    world.run(3)
    assert late.timeline == [(2, SocketClosed)]


def test_joined_subscribed_while_the_join_is_announced_hears_of_it_once(world: World) -> None:
    channel = world.socket().channel("a")
    late: list[Any] = []

    def react(state: str) -> None:
        if state == "joined":
            channel.joined.subscribe(late.append)

    channel.state.subscribe(react)
    early = world.record(channel.joined)
    world.run(1)
    assert len(late) == 1
    assert len(early.values) == 1


def test_a_retry_function_that_reconnects_leaves_no_silent_dead_stream(world: World) -> None:
    def retry(attempt: int, error: Exception) -> float:
        socket.reconnect()
        return 2.0

    world.answers("phx_join", "error", {"reason": "full"})
    socket = world.socket(retry_refused=retry)
    channel = socket.channel("a")
    world.record(channel)
    world.at(1, lambda: world.replies.clear())
    world.run(5)
    assert channel.state.value == "joined"
    assert [instant for instant, frame in world.sent if frame.endswith("phx_join")] == [0.1, 2.2]

"""Sockets on a thread of their own, used from others."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import reactivex as rx
from reactivex import operators as ops
from reactivex.scheduler import EventLoopScheduler
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler

import rxphoenix
from rxphoenix import (
    Background,
    JoinRefused,
    Message,
    NoEventLoop,
    NotConnected,
    PushInterrupted,
    PushRefused,
    Single,
    Socket,
    SocketClosed,
    Stream,
    UnencodablePayload,
    WrongThread,
    background,
    from_async_iterable,
    iterate,
    map_async,
    retry_backoff,
)
from rxphoenix.client.subjects import Subscriber
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from rxphoenix.testing import marbles
from tests.bridges.pause import LONG, Pause
from tests.house.background import in_background


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The socket of the conformance application, on a thread of its own."""
    with in_background("server", lambda: PhoenixServer(conformance_application())) as server:
        yield server.url + "/socket"


@pytest.fixture
def bg() -> Iterator[Background]:
    """A background that ends with the test."""
    with background() as running:
        yield running


@pytest.fixture
def socket(bg: Background, url: str) -> Socket:
    """A socket that lives there."""
    return bg.socket(url)


def hold_up(socket: Socket) -> Pause:
    """Hold up the loop of a socket, from now on."""
    pause = Pause()
    socket.state.pipe(ops.take(1)).subscribe(pause)
    assert pause.begun.wait(LONG)
    return pause


def settled(socket: Socket) -> None:
    """Wait until the socket needs nothing any more."""
    socket.state.pipe(ops.filter(lambda state: state == "closed"), ops.first()).run()


# -- the same API ------------------------------------------------------------------------------------------------------


def test_a_script_pushes_and_waits_for_the_answer(socket: Socket) -> None:
    assert socket.channel("room:a").push("echo", {"n": 1}).run(timeout=LONG) == {"n": 1}
    assert socket.channel("room:a").request("fail", {"n": 1}).run(timeout=LONG).status == "error"
    assert socket.channel("room:a").push("noreply", {}, reply=False).run(timeout=LONG) is None


def test_everything_of_a_socket_can_be_used_from_here(socket: Socket) -> None:
    seen: list[Message] = []
    assert socket.state.value == "closed"
    with socket.connect():
        assert socket.opened().run(timeout=LONG) is None
        assert socket.state.value == "open"
        assert socket.ping().run(timeout=LONG) > 0
        with socket.messages.subscribe(seen.append):
            socket.send(Message(None, "h", "phoenix", "heartbeat", {}))
            socket.ping().run(timeout=LONG)
        assert seen[0].ref == "h"
        room = socket.channel("room:a", {"x": 1})
        assert repr(room.hold()) == "<Hold of 'room:a'>"
        with room.hold() as reply:
            assert reply["params"] == {"x": 1}
            assert room.state.value == "joined"
            assert [channel.topic for channel in socket.channels] == ["room:a"]
            assert room.joined.pipe(ops.first()).run().reply == reply
            with room.hold() as again:  # the answer is there already
                assert again == reply
        socket.disconnect(3000, "a tunnel")
        socket.reconnect()
        socket.opened().run(timeout=LONG)
    present = socket.channel("presence:a", {"user": "ann"}).presence().list_by(lambda key, entry: key)
    assert present.pipe(ops.first()).run() == ("ann",)
    room.leave().run(timeout=LONG)
    settled(socket)


def test_errors_are_raised_where_they_are_waited_for(socket: Socket) -> None:
    with pytest.raises(PushRefused, match="busy"):
        socket.channel("room:a").push("fail", {"reason": "busy"}).run()
    with pytest.raises(JoinRefused, match="denied"), socket.channel("room:b", {"deny": True}).hold():
        pass
    with pytest.raises(JoinRefused, match="denied"):
        socket.channel("room:c", {"deny": True}).push("echo", {}).run()


def test_a_wait_that_takes_too_long_ends_and_abandons_the_work(socket: Socket) -> None:
    room = socket.channel("room:a")
    with room.hold(), pytest.raises(TimeoutError, match=r"nothing came within 0\.01 s"):
        room.push("slow", {"ms": 60_000}).run(timeout=0.01)
    settled(socket)  # the push was a lease, too, and its reply will never come


@pytest.mark.parametrize("timeout", [-1, 0, "1"])
def test_a_timeout_that_is_none_is_refused(socket: Socket, timeout: Any) -> None:
    ping = socket.ping()
    with pytest.raises((TypeError, ValueError), match="timeout must be a"):
        ping.run(timeout=timeout)


def test_the_arguments_are_those_of_a_socket(bg: Background, url: str) -> None:
    whoami = bg.socket(url, params={"user_id": "ann"}).channel("room:a").push("whoami", {})
    assert whoami.run(timeout=LONG)["user_id"] == "ann"
    of_socket, of_background = inspect.signature(Socket).parameters, inspect.signature(bg.socket).parameters
    assert list(of_background) == [name for name in of_socket if name != "scheduler"]
    with pytest.raises(TypeError, match="scheduler="):
        bg.socket(url, scheduler=EventLoopScheduler())
    with pytest.raises(ValueError, match="timeout"):
        bg.socket(url, timeout=-1)


def test_functions_are_asked_on_the_thread_and_may_be_coroutine_functions(bg: Background, url: str) -> None:
    threads: list[str] = []

    async def params() -> dict[str, str]:
        threads.append(threading.current_thread().name)
        await asyncio.sleep(0)
        return {"user_id": "eve"}

    whoami = bg.socket(url, params=params).channel("room:a").push("whoami", {})
    assert whoami.run(timeout=LONG)["user_id"] == "eve"
    assert threads == ["rxphoenix background"]


# -- which thread ------------------------------------------------------------------------------------------------------


def test_callbacks_come_on_the_thread_or_where_the_user_says(socket: Socket) -> None:
    here: list[str] = []
    elsewhere: list[str] = []
    done = threading.Event()
    scheduler = EventLoopScheduler()
    room = socket.channel("room:a")
    room.on("tick").subscribe(lambda _: here.append(threading.current_thread().name))

    def note(_payload: object) -> None:
        elsewhere.append(threading.current_thread().name)
        if len(elsewhere) == 3:
            done.set()

    room.on("tick").pipe(ops.observe_on(scheduler)).subscribe(note)
    room.push("push_me", {"n": 3}).run(timeout=LONG)
    assert done.wait(LONG)
    assert here == ["rxphoenix background"] * 3
    assert len(set(elsewhere)) == 1
    assert {*here, threading.current_thread().name}.isdisjoint(elsewhere)
    scheduler.dispose()


def test_calls_of_one_thread_take_effect_in_their_order(socket: Socket) -> None:
    seen: list[Any] = []
    room = socket.channel("room:a")
    subscriptions = [room.on("tick").subscribe(lambda payload, n=n: seen.append((n, payload["i"]))) for n in range(3)]
    room.push("push_me", {"n": 1}).run(timeout=LONG)
    for subscription in subscriptions[:2]:
        subscription.dispose()
    room.push("push_me", {"n": 1}).run(timeout=LONG)
    assert seen == [(0, 0), (1, 0), (2, 0), (2, 0)]


def test_no_call_waits_for_the_loop(socket: Socket) -> None:
    pause = hold_up(socket)
    room = socket.channel("room:a")
    subscription = room.subscribe()  # none of these would return
    lease = socket.connect()
    timer = rx.timer(0.001, scheduler=socket.scheduler).subscribe()
    room.hold().dispose()
    room.push("echo", 1).subscribe().dispose()
    for disposable in (subscription, lease, timer):
        disposable.dispose()
    assert socket.channels == ()
    assert "closed" in repr(socket)
    pause.go_on.set()
    settled(socket)


def test_what_is_disposed_before_the_loop_gets_to_it_never_begins(socket: Socket) -> None:
    sent: list[Any] = []
    pause = hold_up(socket)
    states: list[str] = []
    socket.state.subscribe(lambda state: states.append(state))
    for _ in range(3):
        socket.channel("room:a").subscribe(sent.append).dispose()
        socket.connect().dispose()
        socket.channel("room:a").push("echo", 1).subscribe(sent.append).dispose()
    pause.go_on.set()
    socket.wait_closed().subscribe()  # the loop has got to all of it when it gets to this
    socket.close()
    socket.wait_closed().run(timeout=LONG)
    assert states == ["closed"]
    assert sent == []


def test_what_is_disposed_while_the_loop_begins_it_is_given_back(socket: Socket) -> None:
    pause, released = Pause(), threading.Event()

    def start(subscriber: Subscriber[None]) -> None:
        pause()
        subscriber.on_dispose = lambda _subscriber: released.set()

    subscription = Single(socket._context, start).subscribe()
    assert pause.begun.wait(LONG)
    subscription.dispose()
    assert not released.is_set()
    pause.go_on.set()
    assert released.wait(LONG)


def test_after_dispose_nothing_is_called(socket: Socket) -> None:
    room = socket.channel("room:a")
    pause = Pause()
    seen: list[int] = []
    subscription = room.on("tick").pipe(ops.map(lambda payload: payload["i"])).subscribe(seen.append)
    room.on("tick").subscribe(pause)
    room.push("push_me", {"n": 3}).subscribe()
    assert pause.begun.wait(LONG)  # the loop is between the observers of the first tick
    subscription.dispose()
    pause.go_on.set()
    room.push("echo", 1).run(timeout=LONG)
    assert seen == [0]


def test_a_callback_may_do_anything(socket: Socket) -> None:
    room = socket.channel("room:a")
    answers: list[Any] = []
    done = threading.Event()

    def again(payload: Any) -> None:
        answers.append((threading.current_thread().name, payload))
        if payload < 3:
            room.push("echo", payload + 1).subscribe(again)
        else:
            lease.dispose()
            done.set()

    lease = room.subscribe()
    room.push("echo", 1).subscribe(again)
    assert done.wait(LONG)
    assert answers == [("rxphoenix background", n) for n in (1, 2, 3)]
    settled(socket)


def test_an_exception_in_a_callback_is_logged_and_reported_and_the_stream_goes_on(
    socket: Socket, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []
    faults: list[Any] = []

    def divide(payload: Any) -> None:
        seen.append(payload["i"])
        _ = 1 // payload["i"]

    socket.errors.subscribe(lambda fault: faults.append((fault.topic, fault.event, type(fault.error))))
    room = socket.channel("room:a")
    room.on("tick").subscribe(divide)
    room.push("push_me", {"n": 2}).run(timeout=LONG)
    assert seen == [0, 1]
    assert faults == [("room:a", "tick", ZeroDivisionError)]
    assert "ZeroDivisionError" in caplog.text


def test_coroutines_run_on_the_loop_of_the_thread(socket: Socket) -> None:
    room = socket.channel("room:a")

    async def doubled(payload: Any) -> tuple[str, int]:
        await asyncio.sleep(0)
        return threading.current_thread().name, 2 * await room.push("echo", payload["i"])

    async def numbers() -> AsyncIterator[str]:
        for _ in range(2):
            await asyncio.sleep(0)
            yield threading.current_thread().name

    with room.hold():
        answers = room.on("tick").pipe(map_async(doubled, concurrency=2), ops.take(3), ops.to_list())
        pushed = room.push("push_later", {"n": 3, "ms": 1}).pipe(ops.ignore_elements())
        assert answers.pipe(ops.merge(pushed)).run() == [("rxphoenix background", n) for n in (0, 2, 4)]
    names = from_async_iterable(numbers).pipe(ops.subscribe_on(socket.scheduler), ops.to_list())
    assert names.run() == ["rxphoenix background"] * 2
    with pytest.raises(NoEventLoop):
        from_async_iterable(numbers).run()


def test_a_retry_waits_on_the_loop_of_the_thread(socket: Socket) -> None:
    asked: list[tuple[int, str]] = []

    def delay(attempt: int, _error: Exception) -> float | None:
        asked.append((attempt, threading.current_thread().name))
        return 0.001 if attempt < 3 else None

    pushed = socket.channel("room:a").push("fail", {"reason": "busy"}).pipe(retry_backoff(delay))
    with pytest.raises(PushRefused, match="busy"):
        pushed.run()
    assert asked == [(attempt, "rxphoenix background") for attempt in (1, 2, 3)]


def test_two_backgrounds_can_feed_each_other(bg: Background, socket: Socket, url: str) -> None:
    answers: list[Any] = []
    done = threading.Event()
    with background() as other:
        there, here = other.socket(url).channel("room:there"), socket.channel("room:here")

        def hear(payload: Any) -> None:
            answers.append(payload)
            if len(answers) == 20:
                done.set()

        here.on("broadcast").pipe(ops.flat_map(lambda payload: there.push("echo", payload))).subscribe(hear)
        for n in range(20):
            here.push("broadcast", {"n": n}).subscribe()
        assert done.wait(LONG)
    assert sorted(answer["n"] for answer in answers) == list(range(20))


async def test_coroutines_of_another_loop_can_wait_for_it(socket: Socket) -> None:
    room = socket.channel("room:a")
    assert await room.push("echo", 1) == 1
    async with room.hold() as reply:
        assert reply["topic"] == "room:a"
        async with iterate(room.on("tick")) as ticks:
            await room.push("push_me", {"n": 2})
            assert [(await anext(ticks))["i"] for _ in range(2)] == [0, 1]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await room.push("slow", {"ms": 60_000})
    here = AsyncIOThreadSafeScheduler(asyncio.get_running_loop())  # RxPY's own futures are for one thread only
    async with socket:
        opened = socket.state.pipe(ops.filter(lambda state: state == "open"), ops.first(), ops.observe_on(here))
        with socket.connect():
            assert await opened == "open"
    assert socket.state.value == "closed"


async def test_a_loop_of_ones_own_can_serve_threads_too(url: str) -> None:
    scheduler = AsyncIOThreadSafeScheduler(asyncio.get_running_loop())
    async with Socket(url, scheduler=scheduler) as socket:
        room = socket.channel("room:a")

        def work(n: int) -> Any:
            return room.push("echo", n).run(timeout=LONG)

        assert await asyncio.gather(*(asyncio.to_thread(work, n) for n in range(5))) == list(range(5))
        assert await room.push("echo", 5) == 5
        push = room.push("echo", 6)
        with pytest.raises(WrongThread, match="await"):
            push.run()
        await push


def test_a_loop_of_ones_own_that_has_ended_serves_nobody(url: str) -> None:
    sockets: list[Socket] = []

    async def leave_open() -> None:
        socket = Socket(url, scheduler=AsyncIOThreadSafeScheduler(asyncio.get_running_loop()))
        sockets.append(socket)
        await socket.channel("room:a").push("echo", 1)
        socket.channel("room:a").subscribe()
        await socket.opened()

    asyncio.run(leave_open())
    (socket,) = sockets
    socket.close()
    assert socket.state.value == "closed"
    with pytest.raises(SocketClosed):
        socket.ping().run(timeout=LONG)


# -- misuse is refused at the call -------------------------------------------------------------------------------------


async def _async_observer(_value: object) -> None: ...


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda socket: socket.messages.subscribe(_async_observer), TypeError, "map_async"),
        (lambda socket: socket.channel("room:a").push("e", {1, 2, 3j}), UnencodablePayload, "complex"),
        (lambda socket: socket.channel("room:a").push("phx_leave"), ValueError, "belongs to the protocol"),
        (lambda socket: socket.disconnect(17), ValueError, "17"),
        (lambda socket: socket.send(Message(None, "1", "t", "e", {})), NotConnected, "send"),
        (lambda socket: socket.messages.run(), TypeError, "ops.first"),
        (lambda socket: socket.channel("room:a").run(), TypeError, "ops.first"),
        (lambda socket: iter(socket.channel("room:a")), TypeError, "iterate"),
    ],
)
def test_misuse_is_refused_at_the_call(
    socket: Socket, call: Callable[[Socket], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        call(socket)


def test_a_name_that_does_not_fit_is_refused_where_it_is_sent(socket: Socket) -> None:
    with socket.connect():
        socket.opened().run(timeout=LONG)
        with pytest.raises(UnencodablePayload, match="may have 255 bytes"):
            socket.send(Message(None, "1", "t" * 300, "e", b"x"))


def test_blocking_the_thread_that_is_to_answer_is_refused(socket: Socket) -> None:
    room = socket.channel("room:a")
    errors: list[Exception] = []

    def block(_payload: object) -> None:
        for attempt in (socket.ping().run, room.hold().__enter__, socket.__enter__):
            try:
                attempt()
            except WrongThread as error:
                errors.append(error)

    room.push("echo", 1).pipe(ops.do_action(block)).run()
    assert [str(error).split(" was called ")[0] for error in errors] == ["run()", "`with hold()`", "`with socket`"]
    assert all("use `await` or `async with`" in str(error) for error in errors)
    settled(socket)  # a hold that could not be waited for is given back


async def test_without_a_background_a_coroutine_must_not_block(url: str) -> None:
    async with Socket(url) as socket:
        ping = socket.ping()
        with pytest.raises(WrongThread, match="wait for itself"):
            ping.run()
        with pytest.raises(WrongThread, match="async with"), socket.channel("room:a").hold():
            pass
        with pytest.raises(WrongThread, match="async with"), socket:
            pass


def test_without_a_background_and_without_a_loop_the_remedy_is_named(url: str) -> None:
    socket = Socket(url)
    for block in (socket.ping().run, socket.__enter__, socket.channel("room:a").subscribe, socket.connect):
        with pytest.raises(NoEventLoop, match=r"rxphoenix\.background\(\)"):
            block()


async def test_a_socket_of_another_thread_without_a_background_is_refused(url: str) -> None:
    async with Socket(url) as socket:
        await socket.channel("room:a").push("echo", 1)
        lease = socket.connect()
        await socket.opened()
        push = socket.channel("room:a").push("echo", 1)
        with pytest.raises(WrongThread, match=r"rxphoenix\.background\(\)"):
            await asyncio.to_thread(push.run)
        lease.dispose()
        await push


def test_in_virtual_time_nothing_can_be_waited_for() -> None:
    with marbles() as m:
        socket = m.phoenix().socket()
        opened = socket.opened()
        with pytest.raises(WrongThread):
            opened.run()


# -- the end -----------------------------------------------------------------------------------------------------------


def test_closing_ends_all_in_good_order(url: str) -> None:
    seen: list[Any] = []
    bg = background()
    assert repr(bg) == "<Background running>"
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "rxphoenix background")
    assert thread.daemon
    socket = bg.socket(url)
    room = socket.channel("room:a")
    with room.hold():
        room.subscribe(on_completed=lambda: seen.append("completed"))
        room.push("slow", {"ms": 60_000}).subscribe(on_error=lambda error: seen.append(type(error)))
        bg.close()
    assert not thread.is_alive()
    assert repr(bg) == "<Background closed>"
    assert sorted(map(str, seen)) == [str(PushInterrupted), "completed"]
    assert socket.state.value == "closed"
    bg.close()


def test_after_closing_everything_says_so_and_nothing_hangs(url: str) -> None:
    with background() as bg:
        socket = bg.socket(url)
        room = socket.channel("room:a")
        subscription, lease = room.subscribe(), socket.connect()
        push = room.push("echo", 1)
        assert push.run(timeout=LONG) == 1
    subscription.dispose()
    lease.dispose()
    for waited in (push, socket.opened(), socket.ping()):
        with pytest.raises(SocketClosed):
            waited.run()
    assert room.leave().pipe(ops.catch(lambda error, _source: rx.just(type(error)))).run() is SocketClosed
    with pytest.raises(SocketClosed):
        socket.connect()
    with pytest.raises(SocketClosed):
        room.pipe(ops.first()).run()
    with pytest.raises(SocketClosed), room.hold():
        pass
    with pytest.raises(NoEventLoop, match=r"rxphoenix\.background\(\)"):
        bg.socket(url)
    states: list[str] = []
    socket.state.subscribe(lambda state: states.append(state), on_completed=lambda: states.append("|"))
    socket.close()
    socket.disconnect()
    socket.wait_closed().run()
    assert socket.channels == ()
    with pytest.raises(NoEventLoop, match="closed"):
        socket.scheduler.schedule(lambda *_: None)


def test_whoever_waits_while_it_closes_is_told(url: str) -> None:
    with background() as bg, ThreadPoolExecutor() as pool:
        room = bg.socket(url).channel("room:a")
        room.push("echo", 1).run(timeout=LONG)
        waits = [pool.submit(room.push("slow", {"ms": 60_000}).run) for _ in range(3)]
        with room.hold():
            bg.close()
        assert [type(wait.exception(LONG)) for wait in waits] == [PushInterrupted] * 3


@pytest.mark.parametrize("_round", range(20))
def test_calls_in_the_moment_of_closing_never_hang(url: str, _round: int) -> None:
    with background() as bg, ThreadPoolExecutor() as pool:
        room = bg.socket(url).channel("room:a")
        begun = threading.Barrier(3)

        def work() -> list[str]:
            outcomes: list[str] = []
            begun.wait(LONG)
            while "SocketClosed" not in outcomes:
                try:
                    room.push("echo", 1).run(timeout=LONG)
                except (SocketClosed, PushInterrupted) as error:
                    outcomes.append(type(error).__name__)
            return outcomes

        workers = [pool.submit(work) for _ in range(2)]
        begun.wait(LONG)
        bg.close()
        assert all(worker.result(LONG)[-1] == "SocketClosed" for worker in workers)


def test_several_threads_may_close_at_once(url: str) -> None:
    bg = background()
    bg.socket(url).channel("room:a").push("echo", 1).run(timeout=LONG)
    with ThreadPoolExecutor() as pool:
        for closing in [pool.submit(bg.close) for _ in range(4)]:
            closing.result(LONG)
    assert repr(bg) == "<Background closed>"


def test_a_callback_may_close_it(url: str) -> None:
    bg = background()
    socket = bg.socket(url)
    states: list[str] = []
    ended = threading.Event()
    socket.state.subscribe(lambda state: states.append(state), on_completed=ended.set)
    socket.channel("room:a").push("echo", 1).subscribe(lambda _: bg.close())
    assert ended.wait(LONG)
    bg.close()
    assert states[-1] == "closed"


@pytest.mark.may_leave("threads", reason="the thread that is left behind ends a moment after it was let go")
def test_a_callback_that_blocks_holds_closing_up_for_a_while_only(url: str, caplog: pytest.LogCaptureFixture) -> None:
    bg = background()
    socket = bg.socket(url)
    pause = hold_up(socket)
    bg.close(timeout=0.01)
    assert "did not end within 0.01 s" in caplog.text
    assert "self.go_on.wait" in caplog.text  # where it is blocked
    assert repr(bg) == "<Background closing>"
    pause.go_on.set()
    bg.close()
    assert repr(bg) == "<Background closed>"


def test_a_timeout_of_closing_is_a_time(bg: Background) -> None:
    with pytest.raises(ValueError, match="timeout"):
        bg.close(timeout=-1)


def test_a_callback_that_exits_ends_the_background_in_good_order(url: str, caplog: pytest.LogCaptureFixture) -> None:
    completed: list[str] = []
    with background() as bg:
        socket = bg.socket(url)
        room = socket.channel("room:a")

        def leave(name: str) -> None:
            completed.append(name)
            raise SystemExit(3)

        room.subscribe(on_completed=lambda: leave("first"))
        room.subscribe(on_completed=lambda: leave("second"))

        def exit_now(_payload: object) -> None:
            raise SystemExit(3)

        ended = threading.Event()
        socket.state.subscribe(on_completed=ended.set)
        room.push("echo", 1).subscribe(exit_now)
        assert ended.wait(LONG)
        with pytest.raises(SocketClosed):
            room.push("echo", 1).run()
    assert completed == ["first", "second"]
    assert socket.state.value == "closed"
    assert "ends, because a callback raised SystemExit(3)" in caplog.text


@pytest.mark.may_leave("errors", reason="the task raises when it is cancelled, and asyncio says so")
def test_tasks_of_callbacks_are_cancelled_and_waited_for(url: str) -> None:
    ended: list[str] = []

    async def forever(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)
            if name == "bad":
                raise RuntimeError(name)

    tasks: list[asyncio.Task[None]] = []

    def start(_payload: object) -> None:
        tasks.extend(asyncio.get_running_loop().create_task(forever(name)) for name in ("good", "bad"))

    with background() as bg:
        socket = bg.socket(url)
        socket.channel("room:a").push("echo", 1).pipe(ops.do_action(start)).run()
    assert sorted(ended) == ["bad", "good"]


def test_what_goes_on_for_ever_does_not_keep_it(url: str) -> None:
    with background() as bg:
        socket = bg.socket(url)
        socket.channel("room:a").push("slow", {"ms": 60_000}).pipe(ops.retry()).subscribe()
        socket.channel("room:b").push("echo", 1).run(timeout=LONG)
    assert repr(bg) == "<Background closed>"


def test_sockets_that_nobody_holds_are_not_kept(bg: Background, url: str) -> None:
    for _ in range(3):
        bg.socket(url)
    socket = bg.socket(url)
    with socket:
        socket.channel("room:a").push("echo", 1).run(timeout=LONG)
    gc.collect()
    assert list(bg._sockets) == [socket]


def test_it_lives_on_when_the_thread_that_made_it_has_ended(url: str) -> None:
    made: list[Background] = []
    thread = threading.Thread(target=lambda: made.append(background()))
    thread.start()
    thread.join()
    with made[0] as bg:
        assert bg.socket(url).channel("room:a").push("echo", 1).run(timeout=LONG) == 1


def test_the_module_offers_it() -> None:
    assert rxphoenix.background is background
    assert issubclass(type(Socket("ws://h/s").messages), Stream)

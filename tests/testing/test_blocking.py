"""What would block a test in virtual time is refused, with its place."""

from __future__ import annotations

import asyncio
import io
import logging
import queue
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import reactivex
from reactivex import operators as ops

from rxphoenix import Channel, Reply, WrongThread, iterate, map_async
from rxphoenix.testing import RealTimeUsed, World, marbles
from rxphoenix.testing.threads import no_real_time


def wait_for_an_event() -> None:
    threading.Event().wait(60)


def run_in_a_pool() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(print)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: time.sleep(60), r"time.sleep\(\), called at test_blocking.py:\d+, was used .* by asyncio.sleep"),
        (lambda: threading.Thread(target=print).start(), r"a thread, called at test_blocking.py:\d+, was used"),
        (lambda: threading.Timer(60, print).start(), r"a thread, called at test_blocking.py:\d+, .* by m.at"),
        (run_in_a_pool, r"a thread, called at test_blocking.py:\d+"),
        (wait_for_an_event, r"a wait for a thread, called at test_blocking.py:\d+"),
        (lambda: queue.Queue[int]().get(timeout=60), r"a wait for a thread, called at test_blocking.py:\d+"),
        (lambda: reactivex.never().run(), r"a wait for a thread, called at"),
    ],
)
def test_what_blocks_or_starts_a_thread_is_named_with_its_place(call: Callable[[], object], words: str):
    with pytest.raises(RealTimeUsed, match=words), marbles() as m:
        m.at("5ms", call)


def test_a_sleep_that_the_app_swallowed_is_told_all_the_same():
    def app(value: object) -> None:
        with suppress(Exception):
            time.sleep(60)

    with pytest.raises(RealTimeUsed, match=r"time\.sleep"), marbles() as m:
        m.cold("-a").subscribe(app)


class NotebookOutput(io.StringIO):
    """As the output of a notebook, it is flushed by another thread, which is waited for."""

    def flush(self) -> None:
        done = threading.Event()
        done.wait(0.001)


def test_what_is_logged_or_printed_may_be_waited_for(monkeypatch: pytest.MonkeyPatch):
    output = NotebookOutput()
    handler = logging.StreamHandler(output)
    logger = logging.getLogger("an app")
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(sys, "stdout", output)
    try:
        with no_real_time() as found:
            logger.warning("logged")
            print("printed", flush=True)  # noqa: T201
            with pytest.raises(RealTimeUsed, match="a wait for a thread"):
                threading.Event().wait(0.001)
    finally:
        logger.removeHandler(handler)
    assert output.getvalue() == "logged\nprinted\n"
    assert len(found) == 1


def look_up() -> None:
    socket.getaddrinfo("localhost", 80)


def connect() -> None:
    with socket.socket() as blocking:
        blocking.connect(("127.0.0.1", 1))


def ask_over_http() -> None:
    urllib.request.urlopen("http://127.0.0.1:1/")


@pytest.mark.parametrize("call", [look_up, connect, ask_over_http])
def test_the_network_is_refused_with_the_place_that_asked(call: Callable[[], None]):
    words = r"^the network \(.*\), called at test_blocking.py:\d+, was used while .* function that returns a value"
    with pytest.raises(RealTimeUsed, match=words), marbles() as m:
        m.at("1ms", call)


def test_a_coroutine_under_test_that_uses_the_network_without_a_loop_is_named():
    async def token() -> str:
        ask_over_http()
        return "never"

    with pytest.raises(RealTimeUsed, match="the network"), marbles() as m:
        m.expect(m.phoenix().socket(auth_token=token).opened()).to_be("(o|)", {"o": None})


def test_sockets_that_do_not_block_are_for_loops_and_may_connect():
    with no_real_time() as found, socket.socket() as polled:
        polled.setblocking(False)
        with suppress(BlockingIOError, ConnectionRefusedError):
            polled.connect(("127.0.0.1", 1))
    assert found == []
    assert "connect" not in vars(socket.socket)


async def by_itself(channel: Channel) -> None:
    await channel.push("say", {})


async def by_operators(channel: Channel) -> None:
    await channel.pipe(ops.first())


async def by_a_hold(channel: Channel) -> None:
    async with channel.hold():
        pytest.fail("not reached")


async def by_a_loop(channel: Channel) -> None:
    async for _value in iterate(channel):
        pytest.fail("not reached")


async def by_others(channel: Channel) -> None:
    await asyncio.gather(channel.push("a", {}), channel.push("b", {}))


@pytest.mark.parametrize("wait", [by_itself, by_operators, by_a_hold, by_a_loop, by_others])
def test_an_await_that_would_never_end_is_refused(wait: Callable[[Channel], Awaitable[None]]):
    # what happens in virtual time does not happen while a test awaits it on a loop of its own
    place = "" if wait is by_others else r", at test_blocking.py:\d+"
    words = rf"^an await on an event loop of the test's own{place}, was used .*: no virtual time passes meanwhile"

    async def test() -> None:
        with marbles() as m:
            await wait(m.phoenix().socket().channel("room:a"))

    with pytest.raises(RealTimeUsed, match=words):
        asyncio.run(test())


async def test_closing_a_socket_at_the_end_of_a_block_is_such_an_await():
    with pytest.raises(RealTimeUsed, match=r"at test_blocking.py:\d+, was used"), marbles() as m:
        async with m.phoenix().socket() as virtual:
            virtual.connect()


async def test_what_is_there_already_can_be_awaited(marbles: World):
    phoenix = marbles.phoenix()
    channel = phoenix.socket().channel("room:a")
    marbles.expect(channel).to_be("")
    marbles.run(until="1ms")
    assert (await channel.joined.pipe(ops.first())).reply == {}


def test_a_coroutine_of_the_app_runs_in_virtual_time_where_map_async_calls_it(marbles: World):
    phoenix = marbles.phoenix(replies_after=0.003)
    phoenix.topic("auth").handle("token", lambda _channel, name: Reply("ok", f"sesame, {name}"))
    auth = phoenix.socket().channel("auth")

    async def sign_in(name: str) -> str:
        await asyncio.sleep(0.001)
        async with auth.hold():
            return str(await auth.push("token", name))

    marbles.expect(reactivex.of("ann").pipe(map_async(sign_in))).to_be("----(s|)", {"s": "sesame, ann"})


def test_blocking_the_thread_in_virtual_time_has_a_remedy_of_its_own(marbles: World):
    push = marbles.phoenix().socket().channel("room:a").push("say", {})
    with pytest.raises(WrongThread, match="in virtual time, which does not pass while a thread is blocked"):
        push.run()
    push.subscribe().dispose()

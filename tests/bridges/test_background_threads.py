"""Many threads on one socket, at random."""

from __future__ import annotations

import gc
import logging
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from reactivex import abc
from reactivex import operators as ops

from rxphoenix import Channel, Fault, Socket, background
from rxphoenix.client.hold import Hold
from rxphoenix.client.join import Join
from rxphoenix.client.push import PendingPush
from rxphoenix.client.subjects import Subscriber
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from tests.house.background import in_background

SECONDS = 4.0
LONG = 30.0


@pytest.fixture
def url() -> Iterator[str]:
    """The socket of the conformance application."""
    with in_background("server", lambda: PhoenixServer(conformance_application())) as server:
        yield server.url + "/socket"


class Worker:
    """One thread that does what comes to its mind, and notes what is wrong.

    Arguments:
        socket: what all workers share.
        seed: where its ideas come from.
    """

    def __init__(self, socket: Socket, seed: int) -> None:
        self._socket = socket
        self._random = random.Random(seed)
        self._held: list[abc.DisposableBase] = []
        self.done: Counter[str] = Counter()
        self.heard = 0
        self.wrong: list[object] = []
        self.answers = threading.Semaphore(0)
        self.asked = 0

    def work(self) -> None:
        """Work for some seconds, then let go of everything and wait for the answers that are still to come."""
        deadline = time.monotonic() + SECONDS
        ideas: list[Callable[[], None]] = [
            self.subscribe, self.subscribe, self.dispose, self.dispose, self.dispose, self.push, self.ask,
            self.push_and_forget, self.hold, self.connect, self.look,
        ]  # fmt: skip
        while time.monotonic() < deadline:
            idea = self._random.choice(ideas)
            self.done[idea.__name__] += 1
            idea()
        while self._held:
            self.dispose()
        for _ in range(self.asked):
            assert self.answers.acquire(timeout=LONG)

    @property
    def _room(self) -> Channel:
        return self._socket.channel(f"room:{self._random.randrange(4)}")

    def _hear(self, _value: object) -> None:
        self.heard += 1

    def subscribe(self) -> None:
        room = self._room
        stream = self._random.choice([room, room.on("broadcast"), room.joined, room.state, self._socket.messages])
        self._held.append(stream.subscribe(self._hear, self.wrong.append))

    def dispose(self) -> None:
        if self._held:
            self._held.pop(self._random.randrange(len(self._held))).dispose()

    def push(self) -> None:
        number = self._random.random()
        answer: Any = self._room.push(self._random.choice(["echo", "broadcast"]), {"n": number}).run(timeout=LONG)
        if answer not in ({"n": number}, {}):
            self.wrong.append(answer)

    def ask(self) -> None:
        self.asked += 1
        number = self._random.random()

        def check(answer: Any) -> None:
            if answer != {"n": number}:
                self.wrong.append(answer)
            self.answers.release()

        self._room.push("echo", {"n": number}).subscribe(check, self.wrong.append)

    def push_and_forget(self) -> None:
        self._room.push("echo", {}).subscribe(self._hear, self.wrong.append).dispose()

    def hold(self) -> None:
        room = self._room
        with room.hold() as reply:
            if reply["topic"] != room.topic or room.state.value != "joined":
                self.wrong.append(reply)

    def connect(self) -> None:
        self._held.append(self._socket.connect())

    def look(self) -> None:
        looks = (self._socket.channels, repr(self._socket), self._socket.state.value, self._room.state.value)
        assert all(look is not None for look in looks)


def alive(*kinds: type) -> Counter[str]:
    """How many objects of some kinds there are."""
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, kinds))


def test_ten_threads_do_as_they_like_and_nothing_goes_wrong_and_nothing_is_left(
    url: str, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-5)  # the threads take turns as often as they can
    caplog.set_level(logging.WARNING)
    kinds = (Subscriber, PendingPush, Join, Hold)
    before = alive(*kinds)
    faults: list[Fault] = []
    with background() as bg:
        socket = bg.socket(url)
        socket.errors.subscribe(faults.append)
        workers = [Worker(socket, seed) for seed in range(10)]
        with ThreadPoolExecutor(len(workers)) as pool:
            futures = [pool.submit(worker.work) for worker in workers]
        assert [future.exception() for future in futures] == [None] * len(workers)
        socket.state.pipe(ops.filter(lambda state: state == "closed"), ops.first()).run()
        assert [each for worker in workers for each in worker.wrong] == []
        assert socket._link.leases == 0
        assert socket._topics._topics == {}
        assert socket.messages.subscribers == ()
        assert not socket._context.is_warm
        # the loop's thread may still be on its way out of what it has told last
        deadline = time.monotonic() + 5
        while (left := alive(*kinds) - before) != {"Subscriber": 1} and time.monotonic() < deadline:
            time.sleep(0.01)
        assert left == {"Subscriber": 1}  # of the errors
    done = sum((worker.done for worker in workers), Counter[str]())
    assert min(done.values()) > 100, done
    assert sum(worker.heard for worker in workers) > 1000
    assert faults == []
    assert caplog.records == []

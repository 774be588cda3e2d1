"""Minutes over real sockets, in which everything that can come and go comes and goes, on both transports at once.

What lives here: the churn and a server for it. What does not: what must be level after it (``levels.py``).
"""

from __future__ import annotations

import asyncio
import random
import sys
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from reactivex import operators as ops
from reactivex.internal.exceptions import SequenceContainsNoElementsError

from rxphoenix import Channel, LongPoll, PhoenixError, Socket, WebSocket, stepped
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from rxphoenix.server.polling_session import Polling
from tests.soak.levels import Levels, levels

__all__ = ["Report", "churn"]

_TOPICS = 30
_WORKERS = 8
_PATIENCE = 60.0
"""Seconds that anything may take, before the churn counts as stuck."""


class Report(NamedTuple):
    """What came of it.

    Arguments:
        done: how often each kind of thing was done.
        ended: how often it ended, by the name of the error or ``"well"``.
        before: the levels after the warm-up.
        after: the levels at the end.
        between: how many things were done between them.
    """

    done: Counter[str]
    ended: Counter[str]
    before: Levels
    after: Levels
    between: int


class _Churn:
    def __init__(self, server: PhoenixServer, source: random.Random) -> None:
        self._server = server
        self._source = source
        self._until = 0.0
        self._most = 0
        self.done: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self._sockets = [self._socket(WebSocket()), self._socket(LongPoll())]
        self._leases = [socket.connect() for socket in self._sockets]
        self._bases = [socket.channel("room:base").hold() for socket in self._sockets]
        self._kinds: dict[str, tuple[int, Callable[[], Awaitable[object]]]] = {
            "push": (6, self._push),
            "push alone": (3, self._push_alone),
            "listen": (4, self._listen),
            "presence": (4, self._presence),
            "crash": (2, self._crash),
            "be stopped": (2, self._be_stopped),
            "be refused": (2, self._be_refused),
            "take over": (2, self._take_over),
            "leave": (2, self._leave),
            "give up early": (3, self._give_up_early),
            "a socket of its own": (2, self._own_socket),
            "be dropped": (1, self._be_dropped),
            "reconnect": (1, self._reconnect),
        }

    def _socket(self, transport: WebSocket | LongPoll) -> Socket:
        return Socket(
            self._server.url + "/socket",
            transport=transport,
            heartbeat_interval=5.0,
            timeout=5.0,
            reconnect_after=stepped(0.01, 0.05, 0.1),
            rejoin_after=stepped(0.05, 0.1),
        )

    # -- what is done --------------------------------------------------------------------------------------------

    def _channel(self, kind: str = "room", **params: object) -> Channel:
        socket = self._source.choice(self._sockets)
        return socket.channel(f"{kind}:{self._source.randrange(_TOPICS)}", params or None)

    async def _push(self) -> None:
        channel = self._channel()
        async with channel.hold():
            for number in range(self._source.randrange(1, 5)):
                await channel.push("echo", {"number": number})
            await channel.push("binary", b"\x00\x01\x02")

    async def _push_alone(self) -> None:
        await self._channel().push("echo", {"body": "x" * self._source.randrange(2_000)})

    async def _listen(self) -> None:
        channel = self._channel()
        ticks = channel.on("tick").pipe(ops.take(3), ops.to_list())
        heard = asyncio.ensure_future(_awaited(ticks))
        try:
            await channel.push("push_me", {"n": 3})
            await heard
        finally:
            heard.cancel()

    async def _presence(self) -> None:
        user = f"user:{self._source.randrange(20)}"
        channel = self._channel("presence", user=user)
        async with channel.hold():
            await channel.presence().pipe(ops.filter(lambda everybody: len(everybody) > 0), ops.first())
            await channel.push("update_meta", {"mood": "fine"})

    async def _crash(self) -> None:
        channel = self._channel()
        rejoined = channel.joined.pipe(ops.filter(lambda joined: joined.rejoin), ops.first())
        again = asyncio.ensure_future(_awaited(rejoined))
        try:
            await channel.push("crash", {})
        except PhoenixError:
            await again
        finally:
            again.cancel()

    async def _be_stopped(self) -> None:
        channel = self._channel()
        ended = asyncio.get_running_loop().create_future()

        def end(_error: object = None) -> None:
            if not ended.done():
                ended.set_result(None)

        subscription = channel.subscribe(lambda _message: None, end, end)
        try:
            await channel.push("stop", {})
            await ended
        finally:
            subscription.dispose()

    async def _be_refused(self) -> None:
        async with self._channel("room", deny=True).hold():
            pass

    async def _take_over(self) -> None:
        channel = self._channel("room", version=self._source.randrange(3))
        async with channel.hold():
            await channel.push("echo", {})

    async def _leave(self) -> None:
        channel = self._channel()
        async with channel.hold():
            await channel.leave()

    async def _give_up_early(self) -> None:
        subscriptions = [self._channel().subscribe(lambda _message: None, lambda _error: None) for _ in range(3)]
        pushes = [self._channel().push("slow", {"ms": 50}).subscribe(on_error=lambda _error: None) for _ in range(3)]
        await asyncio.sleep(self._source.random() / 20)
        for subscription in subscriptions + pushes:
            subscription.dispose()

    async def _own_socket(self) -> None:
        async with self._socket(self._source.choice([WebSocket(), LongPoll()])) as socket:
            channel = socket.channel("room:own")
            async with channel.hold():
                await channel.push("echo", {})
                if self._source.random() < 0.5:
                    socket.channel("room:pending").push("slow", {"ms": 200}).subscribe(on_error=lambda _error: None)

    async def _be_dropped(self) -> None:
        what = self._source.randrange(4)
        if what == 0:
            self._server.drop_connections()
        elif what == 1:
            self._server.close_connections(self._source.choice([1000, 1011, 1012]))
        else:
            await self._channel().push("kill_transport" if what == 2 else "kick", {}, reply=False)
        await asyncio.sleep(0.05)

    async def _reconnect(self) -> None:
        socket = self._source.choice(self._sockets)
        if self._source.random() < 0.5:
            socket.reconnect()
        else:
            socket.disconnect()
            await asyncio.sleep(0.01)
            socket.connect().dispose()

    # -- doing it ------------------------------------------------------------------------------------------------

    async def work(self, seconds: float, things: int) -> None:
        """Do so many things, but for no more seconds, some at once, and wait for the end of what is under way."""
        self._until = asyncio.get_running_loop().time() + seconds
        self._most = self.done.total() + things
        await asyncio.gather(*(self._worker() for _ in range(_WORKERS)))

    async def _worker(self) -> None:
        names = list(self._kinds)
        weights = [weight for weight, _ in self._kinds.values()]
        loop = asyncio.get_running_loop()
        while loop.time() < self._until and self.done.total() < self._most:
            (name,) = self._source.choices(names, weights)
            self.done[name] += 1
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._kinds[name][1]()
            except (
                PhoenixError,
                SequenceContainsNoElementsError,
            ) as error:  # in this weather anything may fail, but not hang
                self.ended[type(error).__name__] += 1
            else:
                self.ended["well"] += 1

    async def settle(self) -> None:
        """Wait until all that is left is what was there at first."""
        async with asyncio.timeout(_PATIENCE):
            while not self._is_settled():  # noqa: ASYNC110 - not only the client must be
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)

    def _is_settled(self) -> bool:
        return self._server.connection_count == len(self._sockets) and all(
            (socket.state.value, [(each.topic, each.state.value) for each in socket.channels])
            == ("open", [("room:base", "joined")])
            for socket in self._sockets
        )

    async def close(self) -> None:
        """End it."""
        for each in (*self._bases, *self._leases):
            each.dispose()
        for socket in self._sockets:
            socket.close()
        for socket in self._sockets:
            await socket.wait_closed()


async def _awaited(what: Awaitable[object]) -> object:
    return await what


async def churn(*, seconds: float = 3600, things: int = sys.maxsize, seed: int = 1) -> Report:
    """Churn, and a sixth of it before as a warm-up; returns what came of it, and the levels around it.

    Arguments:
        seconds: for how long.
        things: how many things are done at most.
        seed: decides which.
    """
    loop = asyncio.get_running_loop()
    application = conformance_application(Polling(window=0.5, patience=0.5))
    async with PhoenixServer(application) as server:
        play = _Churn(server, random.Random(seed))
        tracemalloc.start()
        try:
            await play.settle()
            await play.work(max(seconds / 6, 2), things // 6)
            await play.settle()
            before, done = levels(loop), play.done.total()
            await play.work(seconds, things)
            await play.settle()
            after = levels(loop)
        finally:
            tracemalloc.stop()
            await play.close()
    return Report(play.done, play.ended, before, after, play.done.total() - done)

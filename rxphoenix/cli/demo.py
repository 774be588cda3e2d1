"""The tour that ``rxphoenix demo`` gives: a client and a server in one process, and a real socket between them.

What lives here: a program as a user of the library would write it, with a narrator. What does not: columns and colours
(``console.py``), and what the server does (``rxphoenix.server.applications.demo``).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import msgspec
import reactivex
from reactivex import operators as ops

from rxphoenix import (
    Channel,
    ConnectionRefused,
    Fault,
    Joined,
    JoinRefused,
    Payload,
    PresenceChange,
    PresenceEntry,
    PushInterrupted,
    PushRefused,
    PushTimeout,
    Socket,
    stepped,
)
from rxphoenix.cli.console import Console
from rxphoenix.cli.quiet import quiet_log
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.demo import demo_application

__all__ = ["demo"]

_WARM = 22.0


class _Status(msgspec.Struct):
    """What is tracked of everybody."""

    status: str


async def demo(console: Console | None = None, pace: float = 1.0) -> None:
    """Give the tour.

    Arguments:
        console: where it is printed.
        pace: how long the pauses for the reader are, as a share of the usual; what happens takes its time anyway.
    """
    with quiet_log():
        async with (
            PhoenixServer(demo_application()) as server,
            Socket(f"{server.url}/socket", params={"user": "you"}, reconnect_after=stepped(0.8)) as socket,
        ):
            await _Tour(console or Console(), server, socket, pace).give()


class _Tour:
    def __init__(self, console: Console, server: PhoenixServer, socket: Socket, pace: float) -> None:
        self._console = console
        self._server = server
        self._socket = socket
        self._pace = pace
        self._lobby = socket.channel("room:lobby")
        self._kitchen = socket.channel("sensor:kitchen")

    async def give(self) -> None:
        self._console.text("rxphoenix: a tour of about 20 seconds. Ctrl-C ends it at any moment.")
        self._console.text(f"A small Phoenix server runs in this process at {self._server.url}; this is its client.")
        self._console.text("Lines with >>> are what the program does, [words] are states, the rest is what it hears.")
        await self._pause()
        await self._connect()
        await self._listen()
        await self._compute()
        await self._push()
        await self._see_who_is_there()
        await self._be_refused()
        await self._crash()
        await self._lose_the_server()
        await self._close()

    async def _connect(self) -> None:
        self._console.act("Connect", "A socket is one connection. Making one does nothing; whoever needs it opens it.")
        self._socket.state.subscribe(self._show_connection)
        self._socket.errors.pipe(ops.distinct_until_changed(_error_text)).subscribe(self._show_fault)
        self._console.code("socket.connect()")
        self._socket.connect()
        await self._socket.opened()
        await self._ping()
        await self._pause()

    async def _listen(self) -> None:
        self._console.act(
            "A channel is a stream", "Subscribing joins the topic; when the subscription ends, it is left."
        )
        self._watch(self._lobby)
        self._console.code('lobby = socket.channel("room:lobby")')
        self._console.code('await lobby.on("new_msg").pipe(ops.do_action(show), ops.take(3))')
        await self._lobby.on("new_msg").pipe(ops.do_action(self._show_chat), ops.take(3))
        await self._pause()

    async def _compute(self) -> None:
        self._console.act("Operators", "Five readings a second become two streams. Both share one join of the topic.")
        self._watch(self._kitchen)
        self._console.code('readings = socket.channel("sensor:kitchen").on("reading").pipe(ops.map(celsius))')
        readings = self._kitchen.on("reading").pipe(ops.map(_celsius))
        self._console.code("readings.pipe(ops.buffer_with_time(1, scheduler=socket.scheduler), ops.map(average))")
        averages = readings.pipe(ops.buffer_with_time(1, scheduler=self._socket.scheduler), ops.map(_average))
        averages.subscribe(self._show_average, on_completed=lambda: self._show_end("average"))
        self._console.code("readings.pipe(ops.map(is_warm), ops.distinct_until_changed())")
        warm = readings.pipe(ops.map(_is_warm), ops.distinct_until_changed())
        warm.subscribe(self._show_alarm, on_completed=lambda: self._show_end("alarm"))
        await warm.pipe(ops.take(3))
        await self._pause()

    async def _push(self) -> None:
        self._console.act("Pushes", "A push is a message that is answered: await it. hold() stays joined meanwhile.")
        self._console.code("async with lobby.hold():")
        async with self._lobby.hold():
            self._console.code('    await lobby.push("echo", {"body": "hi"})')
            response = await self._lobby.push("echo", {"body": "hi"})
            self._console.event("reply", f"{response}")
            await self._pause()

            self._console.code('    await lobby.request("new_msg", {"body": "greetings"})  # the reply with its status')
            reply = await self._lobby.request("new_msg", {"body": "greetings"})
            self._console.event("reply", f"{reply.status} {reply.response}")
            await self._pause()

            self._console.code('    await lobby.push("new_msg", {"body": ""})')
            try:
                await self._lobby.push("new_msg", {"body": ""})
            except PushRefused as error:
                self._console.error("refused", error)
            await self._pause()

            self._console.code('    await lobby.push("slow", {"ms": 700}, timeout=0.5)')
            try:
                await self._lobby.push("slow", {"ms": 700}, timeout=0.5)
            except PushTimeout as error:
                self._console.error("no reply", error)
        await self._pause()

    async def _see_who_is_there(self) -> None:
        self._console.act(
            "Who is there", "Presence is a list that is told anew with each change, and who comes and goes is told too."
        )
        self._console.code("present = lobby.presence(Status)")
        present = self._lobby.presence(_Status)
        self._console.code("present.subscribe(show)")
        present.subscribe(self._show_list, on_completed=lambda: self._show_end("present"))
        await present.pipe(ops.first())
        self._console.code("present.joins.subscribe(show), present.leaves.subscribe(show)")
        present.joins.subscribe(self._show_join)
        present.leaves.subscribe(self._show_leave)
        await present.pipe(ops.take(5))
        self._console.code("await lobby.leave()")
        await self._lobby.leave()
        await self._pause()

    async def _be_refused(self) -> None:
        self._console.act(
            "A refused join", "The server may say no. The next try then waits a moment: no retry loop can storm it."
        )
        secret = self._socket.channel("room:secret")
        self._watch(secret)
        self._console.code('async with socket.channel("room:secret").hold(): ...')
        try:
            async with secret.hold():
                pass
        except JoinRefused as error:
            self._console.error("refused", error)
        await self._pause()
        self._console.code('async with socket.channel("room:secret", {"password": "sesame"}).hold() as reply: ...')
        async with self._socket.channel("room:secret", {"password": "sesame"}).hold() as reply:
            self._console.event("reply", f"{reply}")
        await self._pause()

    async def _crash(self) -> None:
        self._console.act("A crash on the server", "The stream of a channel that crashes stays alive, and joins again.")
        self._console.code('lobby.on("new_msg").subscribe(show)')
        messages = self._lobby.on("new_msg")
        messages.subscribe(self._show_chat, on_completed=lambda: self._show_end("room:lobby"))
        self._lobby.joined.subscribe(self._show_joined)
        await messages.pipe(ops.first())
        self._console.code('await lobby.push("crash")')
        try:
            await self._lobby.push("crash")
        except PushInterrupted as error:
            self._console.error("no reply", error)
        await self._lobby.joined.pipe(ops.first(_is_rejoin))
        await messages.pipe(ops.first())
        await self._pause()

    async def _lose_the_server(self) -> None:
        self._console.act(
            "The server goes away", "It comes back on the same port. The streams of acts 3 and 7 live through it."
        )
        failures = self._socket.errors.pipe(ops.filter(_is_refused_connection))
        self._console.code("await server.stop()")
        await self._server.stop()
        await failures.pipe(ops.take(2))
        self._console.code("await server.start()")
        await self._server.start()
        await self._kitchen.on("reading").pipe(ops.take(6))
        await self._ping()
        await self._pause()

    async def _close(self) -> None:
        self._console.act("Close", "Channels are left, streams complete, and nothing is left behind.")
        self._console.code("socket.close()")
        self._socket.close()
        await self._socket.wait_closed()
        self._console.text()
        self._console.text("That was it. To try it yourself: rxphoenix serve")

    async def _ping(self) -> None:
        self._console.code("await socket.ping()")
        self._console.event("connection", f"{await self._socket.ping() * 1000:.1f} ms there and back")

    async def _pause(self, seconds: float = 0.7) -> None:
        """Leave the reader time to read; nothing else waits for the clock."""
        await reactivex.timer(seconds * self._pace, scheduler=self._socket.scheduler)

    # -- what is shown of what is heard ---------------------------------------------------------------------------

    def _watch(self, channel: Channel) -> None:
        def show(state: str) -> None:
            self._console.state(channel.topic, state)

        channel.state.pipe(ops.skip(1)).subscribe(show)

    def _show_connection(self, state: str) -> None:
        self._console.state("connection", state)

    def _show_fault(self, fault: Fault) -> None:
        self._console.error("error", fault.error)

    def _show_chat(self, message: Payload) -> None:
        self._console.event("room:lobby", f"{message['user']}: {message['body']}")

    def _show_list(self, present: Sequence[PresenceEntry[_Status]]) -> None:
        self._console.event("present", ", ".join(_who(entry) for entry in present))

    def _show_join(self, change: PresenceChange[_Status]) -> None:
        self._console.event("joins", f"{_who(change.changed)}{'' if change.is_only else ', who was there already'}")

    def _show_leave(self, change: PresenceChange[_Status]) -> None:
        self._console.event("leaves", f"{_who(change.changed)}{'' if change.is_only else ', who is there still'}")

    def _show_joined(self, joined: Joined) -> None:
        self._console.event("room:lobby", f"joined {'again' if joined.rejoin else 'for the first time'}")

    def _show_average(self, average: str) -> None:
        self._console.event("average", average)

    def _show_alarm(self, is_warm: bool) -> None:
        self._console.event(
            "alarm", f"warm, {_WARM:g} degrees or more" if is_warm else f"fine, below {_WARM:g} degrees"
        )

    def _show_end(self, label: str) -> None:
        self._console.event(label, "(the stream has completed)")


def _who(entry: PresenceEntry[_Status]) -> str:
    return f"{entry.key} ({', '.join(meta.status for meta in entry.metas)})"


def _celsius(reading: Payload) -> float:
    return reading["celsius"]


def _average(readings: list[float]) -> str:
    return f"{fmean(readings):.1f} degrees, readings: {len(readings)}" if readings else "no readings in this second"


def _is_warm(celsius: float) -> bool:
    return celsius >= _WARM


def _is_rejoin(joined: Joined) -> bool:
    return joined.rejoin


def _is_refused_connection(fault: Fault) -> bool:
    return isinstance(fault.error, ConnectionRefused)


def _error_text(fault: Fault) -> str:
    return str(fault.error)

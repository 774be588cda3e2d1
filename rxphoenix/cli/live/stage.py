"""A recording that a server plays: any client connects to it, and sees what the recorded one saw.

Theory of operation
-------------------
Each client has a *playing* of its own, which begins when it connects. A topic plays from its join on: what the server
said after the recorded join comes as long after this one, so that a client that joins later, or slower, misses nothing.
Joins and pushes are answered as the same ones were, after as long as it took. Where the recorded link was lost, this
one is dropped; the client that comes back goes on with its playing, at its next join. In the end the channels are
closed.

What lives here: the application. What does not: what is said and answered (``rxphoenix.recording.script``), and serving
it (``rxphoenix.cli.serve``).
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec

from rxphoenix import Mismatch, Payload
from rxphoenix.recording.script import Answers, Asked, Cut, Said, Script
from rxphoenix.server import ConnectInfo, Endpoint, Refused, Reply, ReplyRef, ServerChannel, ServerSocket

__all__ = ["recorded_application"]

_JOIN, _CLOSE, _ERROR = "phx_join", "phx_close", "phx_error"
_UNKNOWN = {"reason": "not in the recording"}

_PATIENCE = 30.0
"""Seconds that a client that was cut off has, beyond what the recording has left, to come back and go on."""

_logger = logging.getLogger("rxphoenix.replay")


def recorded_application(script: Script, path: str, speed: float = 1.0) -> Endpoint:
    """An application that plays a recording.

    Arguments:
        script: what can be played of it.
        path: where the socket is mounted.
        speed: by how much time runs faster than in the recording.

    Example:
        ```python
        from rxphoenix import Socket
        from rxphoenix.cli.live.stage import recorded_application
        from rxphoenix.protocol.message import Message
        from rxphoenix.recording.events import Began, Ended, Received, Sent, StateChanged
        from rxphoenix.recording.script import Script
        from rxphoenix.server import PhoenixServer

        script = Script(
            [
                Began("2026-11-25T09:30:00+00:00", "ws://localhost:4000/socket"),
                StateChanged(0.0, "open"),
                Sent(0.0, Message("1", "1", "room:a", "phx_join", {})),
                Received(0.0, Message("1", "1", "room:a", "phx_reply", {"status": "ok", "response": {}})),
                Sent(0.0, Message("1", "2", "room:a", "echo", {"n": 1})),
                Received(0.0, Message("1", "2", "room:a", "phx_reply", {"status": "ok", "response": {"n": 1}})),
                Ended(60.0),
            ]
        )
        async with PhoenixServer(recorded_application(script, "/socket")) as server:
            async with Socket(server.url + "/socket") as socket:
                assert await socket.channel("room:a").push("echo", {"n": 1}) == {"n": 1}
        ```
    """
    endpoint = Endpoint()
    make = partial(_Visitor, _Stage(script, speed))
    endpoint.socket(path, make, channels={"*": _Played}, auth_token=True, max_channels=None)
    return endpoint


class _Stage:
    """What all clients share: the script, and the playings whose clients were cut off."""

    def __init__(self, script: Script, speed: float) -> None:
        self.script = script
        self.speed = speed
        self._cut_off: list[_Playing] = []

    def enter(self) -> _Playing:
        """A playing for a client that connects: the oldest one that was cut off and could still go on, or a new one."""
        while self._cut_off:
            playing = self._cut_off.pop(0)
            if playing.goes_on:
                return playing
        return _Playing(self)

    def cut_off(self, playing: _Playing) -> None:
        """Keep a playing for the client that comes back."""
        self._cut_off.append(playing)


class _Place(msgspec.Struct):
    """Where a topic is in its part.

    Arguments:
        cue: the index of the next cue.
        at: an instant of the script.
        since: when that was, by the loop's clock.
    """

    cue: int
    at: float
    since: float


class _Playing:
    """What one client has seen, over all its connections."""

    def __init__(self, stage: _Stage) -> None:
        self.script = stage.script
        self.speed = stage.speed
        self.answers = Answers(stage.script)
        self._stage = stage
        self._places: dict[str, _Place] = {}
        self._earliest = 0
        self._began = asyncio.get_running_loop().time()
        self._goes_on_until = 0.0

    @property
    def goes_on(self) -> bool:
        """Whether a client that was cut off has come back in time."""
        return asyncio.get_running_loop().time() <= self._goes_on_until

    def join(self, topic: str, after: float) -> None:
        """A topic is joined: find its place.

        Arguments:
            topic: the topic.
            after: how long the recorded join took.
        """
        now, cues = asyncio.get_running_loop().time(), self.script.cues
        place = self._places.setdefault(topic, _Place(0, 0.0, self._began))
        place.cue = max(place.cue, self._earliest)
        for index in range(place.cue, len(cues)):
            cue = cues[index]
            if isinstance(cue, Asked) and (cue.topic, cue.event) == (topic, _JOIN):
                place.cue, place.at, place.since = index + 1, cue.at + after, now
                return
        # joined before the recording began, or once more than the recorded client did: time has gone on
        at = place.at + (now - place.since) * self.speed
        while place.cue < len(cues) and cues[place.cue].at < at:
            place.cue += 1

    def next_cue(self, topic: str) -> tuple[float, Said | Cut | None]:
        """The next thing for a topic, ``None`` for the end, and in how many seconds it is due."""
        place, cues = self._places[topic], self.script.cues
        found: Said | Cut | None = None
        at = self.script.length
        while place.cue < len(cues) and found is None:
            cue = cues[place.cue]
            place.cue += 1
            if isinstance(cue, Cut) or (isinstance(cue, Said) and cue.message.topic == topic):
                found, at = cue, cue.at
        due = place.since + (at - place.at) / self.speed
        return max(0.0, due - asyncio.get_running_loop().time()), found

    def cut(self, topic: str, cut: Cut) -> None:
        """The link is lost, for all topics."""
        cue = self._places[topic].cue
        if cue > self._earliest:
            self._earliest = cue
            left = (self.script.length - cut.at) / self.speed
            self._goes_on_until = asyncio.get_running_loop().time() + left + _PATIENCE
            self._stage.cut_off(self)


class _Visitor(ServerSocket):
    """A client: everybody is let in, with whatever params and token."""

    def __init__(self, stage: _Stage) -> None:
        self._stage = stage
        self.playing: _Playing

    async def connect(self, params: dict[str, Any], info: ConnectInfo) -> HTTPStatus | None:
        self.playing = self._stage.enter()
        return None


class _Later(msgspec.Struct, frozen=True):
    """A reply that is due."""

    ref: ReplyRef
    reply: Reply


class _Played(ServerChannel[_Visitor]):
    """A topic that is played."""

    async def join(self, topic: str, params: Payload) -> Payload | Refused:
        playing = self.socket.playing
        answer, mismatch = playing.answers.answer(topic, _JOIN, params)
        _tell(mismatch)
        if answer is None or answer.reply is None:
            return Refused(_UNKNOWN)
        if answer.after > 0:
            await asyncio.sleep(answer.after / playing.speed)
        if answer.reply.status != "ok":
            return Refused(answer.reply.response)
        playing.join(topic, answer.after)
        self._wait()
        return answer.reply.response

    async def handle_in(self, event: Any, payload: Payload) -> Reply | None:
        playing = self.socket.playing
        answer, mismatch = playing.answers.answer(self.topic, str(event), payload)
        _tell(mismatch)
        if answer is None:
            return Reply("error", _UNKNOWN)
        if answer.reply is None or not answer.after:
            return answer.reply
        self.send_after(answer.after / playing.speed, _Later(self.ref, answer.reply))
        return None

    async def handle_info(self, message: Any) -> None:
        match message:
            case _Later(ref, reply):
                self.reply(ref, reply.status, reply.response)
            case Said(_, said) if said.event in (_CLOSE, _ERROR):
                self.stop(abnormal=said.event == _ERROR)
            case Said(_, said):
                self.push(said.event, said.payload)
                self._wait()
            case Cut():
                self.socket.playing.cut(self.topic, message)
                self.socket.drop()
            case _:
                self.stop()

    def _wait(self) -> None:
        seconds, cue = self.socket.playing.next_cue(self.topic)
        self.send_after(seconds, cue)


def _tell(mismatch: Mismatch | None) -> None:
    if mismatch is not None:
        what = "with another payload" if mismatch.recorded is not None else "at all"
        words = "a client has sent %r to %r, which is not in the recording %s"
        _logger.warning(words, mismatch.event, mismatch.topic, what)

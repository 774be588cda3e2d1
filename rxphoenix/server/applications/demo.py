"""An application with some life in it: a chat with presence, whose lobby has visitors, and sensors.

What lives here: what the demo, the README and the notebooks connect to. What does not: anything random, so that what
is shown is the same each time.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final, NamedTuple, cast

from rxphoenix.protocol.message import Payload, Reply
from rxphoenix.server.app import ChannelPort, ConnectInfo, Refused, ServerChannel, ServerSocket
from rxphoenix.server.endpoint import Endpoint
from rxphoenix.server.presence import ServerPresence

__all__ = ["ChatRoom", "DemoSocket", "Sensor", "demo_application"]

_VISITORS: Final = (
    (0.4, "mia", "hello, anybody here?"),
    (0.7, "otto", "just me, watching the tide"),
    (0.5, "zoe", "is it high already?"),
    (0.9, "otto", "another hour"),
    (0.6, "mia", "the ferry is late again"),
    (1.0, "zoe", "it is always late on mondays"),
    (0.5, "otto", "then there is time for coffee"),
    (0.8, "mia", "make it three"),
)
"""What visitors say in the lobby, each after so many seconds, over and over."""

_LOBBY: Final = "room:lobby"
_ONLINE: Final = {"status": "online"}
_AWAY: Final = {"status": "away"}

_MOVES: Final = (
    (0.5, "lena", _ONLINE),
    (0.6, "tom", _ONLINE),
    (0.6, "mia", _AWAY),
    (0.6, "lena", None),
    (0.8, "mia", _ONLINE),
    (0.7, "tom", None),
)
"""How visitors come, change and go in the lobby, each after so many seconds, over and over."""

_READING_SECONDS = 0.2
_READINGS_IN_A_WAVE = 40


def demo_application() -> Endpoint:
    """The demo application, its socket at ``/socket``; connect params may name the ``user``.

    Topics: ``room:*`` is a chat with ``new_msg``, ``shout``, ``echo``, ``slow`` and ``crash``, and has presence: who
    joins is present under the name of the user, online until ``status`` says otherwise; ``room:secret`` wants
    ``{"password": "sesame"}``; ``room:lobby`` has visitors, who talk, come and go; who joins a room with
    ``last_message_id`` gets the messages after it, of the last 100; ``sensor:*`` pushes ``reading`` every 0.2 seconds.

    Example:
        ```python
        from rxphoenix.server import PhoenixServer
        from rxphoenix.server.applications.demo import demo_application

        async with PhoenixServer(demo_application()) as server:
            assert server.port > 0
        ```
    """
    rooms: dict[str, _Room] = {}
    endpoint = Endpoint()
    room = partial(ChatRoom, rooms, ServerPresence(endpoint))
    endpoint.socket("/socket", DemoSocket, channels={"room:*": room, "sensor:*": Sensor}, auth_token=True)
    return endpoint


class DemoSocket(ServerSocket):
    """Lets everybody in, under the name given as ``user``."""

    user = "anonymous"

    async def connect(self, params: dict[str, Any], info: ConnectInfo) -> HTTPStatus | None:
        """Remember the user."""
        self.user = str(params.get("user") or self.user)
        return None

    def id(self) -> str | None:
        """``user:<user>``."""
        return f"user:{self.user}"


class _Room:
    """What the channels of one room share."""

    def __init__(self) -> None:
        self.last_id = 0
        self.next_visit = 0
        self.next_move = 0
        self.members: list[ChatRoom] = []
        self.visitors = _Visitors()
        self.said: deque[dict[str, Any]] = deque(maxlen=100)


class _Visitors(ServerChannel[DemoSocket]):
    """What those are present as who are in the lobby without a client; it never ends."""

    def __init__(self) -> None:
        self.topic = _LOBBY
        self.port = cast("ChannelPort", self)
        self._present: set[str] = set()

    def monitor(self, ended: Callable[[], None]) -> None:
        """Nothing to tell."""

    def arrive(self, presence: ServerPresence) -> None:
        """Be there from now on, those who talk."""
        if not self._present:
            for visitor in dict.fromkeys(visitor for _, visitor, _ in _VISITORS):
                self.move(presence, visitor, _ONLINE)

    def move(self, presence: ServerPresence, visitor: str, meta: dict[str, str] | None) -> None:
        """Come, change, or go."""
        if meta is None:
            self._present.discard(visitor)
            presence.untrack(self, visitor)
        elif visitor in self._present:
            presence.update(self, visitor, meta)
        else:
            self._present.add(visitor)
            presence.track(self, visitor, meta)


class _Missed(NamedTuple):
    """What somebody has missed who was there before."""

    messages: tuple[dict[str, Any], ...]


class ChatRoom(ServerChannel[DemoSocket]):
    """A chat room.

    Arguments:
        rooms: what the channels share, by topic.
        presence: who is present.
    """

    def __init__(self, rooms: dict[str, _Room], presence: ServerPresence) -> None:
        self._rooms = rooms
        self._presence = presence

    @property
    def _room(self) -> _Room:
        return self._rooms.setdefault(self.topic, _Room())

    async def join(self, topic: str, params: Payload) -> Payload | Refused:
        """Ask for the password where there is one."""
        if topic == "room:secret" and params != {"password": "sesame"}:
            return Refused({"reason": "wrong password"})
        self._room.members.append(self)
        self.send_after(0, "joined")
        last_id = cast("dict[str, object]", params).get("last_message_id") if isinstance(params, dict) else None
        if isinstance(last_id, int):
            self.send_after(0, _Missed(tuple(message for message in self._room.said if message["id"] > last_id)))
        if topic == _LOBBY:
            self._await_visit()
            self._await_move()
        return {"topic": topic, "user": self.socket.user}

    async def handle_in(self, event: Any, payload: Payload) -> Reply | None:
        """Chat."""
        match event:
            case "new_msg" if not payload.get("body"):
                return Reply("error", {"reason": "an empty message"})
            case "new_msg":
                return Reply("ok", {"id": self._say(self.socket.user, payload["body"])})
            case "shout":
                self.broadcast("shout", payload)
                return None
            case "status":
                self._presence.update(self, self.socket.user, {"status": str(payload.get("status", ""))})
                return Reply("ok", {})
            case "echo":
                return Reply("ok", payload)
            case "slow":
                await asyncio.sleep(payload.get("ms", 500) / 1000)
                return Reply("ok", payload)
            case "crash":
                raise RuntimeError("a client asked for this crash")
            case _:
                return await super().handle_in(event, payload)

    async def handle_info(self, message: Any) -> None:
        """Tell what was missed and who is there, or let a visitor speak or move: of all channels, the oldest does."""
        match message:
            case _Missed(messages):
                for missed in messages:
                    self.push("new_msg", missed)
            case "joined":
                if self.topic == _LOBBY:
                    self._room.visitors.arrive(self._presence)
                self._presence.track(self, self.socket.user, _ONLINE)
                self.push("presence_state", self._presence.list(self.topic))
            case "visit":
                if self._room.members[0] is self:
                    _, visitor, words = _VISITORS[self._room.next_visit % len(_VISITORS)]
                    self._room.next_visit += 1
                    self._say(visitor, words)
                self._await_visit()
            case _:
                if self._room.members[0] is self:
                    _, visitor, meta = _MOVES[self._room.next_move % len(_MOVES)]
                    self._room.next_move += 1
                    self._room.visitors.move(self._presence, visitor, meta)
                self._await_move()

    async def terminate(self, reason: str) -> None:
        """Leave the room."""
        self._room.members.remove(self)

    def _await_visit(self) -> None:
        self.send_after(_VISITORS[self._room.next_visit % len(_VISITORS)][0], "visit")

    def _await_move(self) -> None:
        self.send_after(_MOVES[self._room.next_move % len(_MOVES)][0], "move")

    def _say(self, user: str, body: Any) -> int:
        room = self._room
        room.last_id += 1
        message = {"id": room.last_id, "user": user, "body": body}
        room.said.append(message)
        self.broadcast("new_msg", message)
        return room.last_id


class Sensor(ServerChannel[DemoSocket]):
    """A thermometer: a slow wave around 20 degrees."""

    async def join(self, topic: str, params: Payload) -> Payload | Refused:
        """Accept, and begin to measure."""
        self.send_after(_READING_SECONDS, 0)
        return {"every": _READING_SECONDS}

    async def handle_info(self, message: int) -> None:
        """Push the reading of that number, and take the next one later."""
        celsius = 20 + 3 * math.sin(2 * math.pi * message / _READINGS_IN_A_WAVE)
        self.push("reading", {"celsius": round(celsius, 2), "n": message})
        self.send_after(_READING_SECONDS, message + 1)

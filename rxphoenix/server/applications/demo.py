"""An application with some life in it: a chat whose lobby has visitors, and sensors.

What lives here: what the demo, the README and the notebooks connect to. What does not: anything random, so that what
is shown is the same each time.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from functools import partial
from http import HTTPStatus
from typing import Any, Final, NamedTuple, cast

from rxphoenix.protocol.message import Payload, Reply
from rxphoenix.server.app import ConnectInfo, Refused, ServerChannel, ServerSocket
from rxphoenix.server.endpoint import Endpoint

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

_READING_SECONDS = 0.2
_READINGS_IN_A_WAVE = 40


def demo_application() -> Endpoint:
    """The demo application, its socket at ``/socket``; connect params may name the ``user``.

    Topics: ``room:*`` is a chat with ``new_msg``, ``shout``, ``echo``, ``slow`` and ``crash``; ``room:secret`` wants
    ``{"password": "sesame"}``; ``room:lobby`` has visitors; who joins a room with ``last_message_id`` gets the
    messages after it, of the last 100; ``sensor:*`` pushes ``reading`` every 0.2 seconds.

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
    endpoint.socket(
        "/socket", DemoSocket, channels={"room:*": partial(ChatRoom, rooms), "sensor:*": Sensor}, auth_token=True
    )
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
        self.present: list[ChatRoom] = []
        self.said: deque[dict[str, Any]] = deque(maxlen=100)


class _Missed(NamedTuple):
    """What somebody has missed who was there before."""

    messages: tuple[dict[str, Any], ...]


class ChatRoom(ServerChannel[DemoSocket]):
    """A chat room.

    Arguments:
        rooms: what the channels share, by topic.
    """

    def __init__(self, rooms: dict[str, _Room]) -> None:
        self._rooms = rooms

    @property
    def _room(self) -> _Room:
        return self._rooms.setdefault(self.topic, _Room())

    async def join(self, topic: str, params: Payload) -> Payload | Refused:
        """Ask for the password where there is one."""
        if topic == "room:secret" and params != {"password": "sesame"}:
            return Refused({"reason": "wrong password"})
        self._room.present.append(self)
        last_id = cast("dict[str, object]", params).get("last_message_id") if isinstance(params, dict) else None
        if isinstance(last_id, int):
            self.send_after(0, _Missed(tuple(message for message in self._room.said if message["id"] > last_id)))
        if topic == "room:lobby":
            self._await_visit()
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
        """Tell what was missed, or let a visitor speak; of all channels in the room, only the oldest does."""
        if isinstance(message, _Missed):
            for missed in message.messages:
                self.push("new_msg", missed)
            return
        room = self._room
        if room.present[0] is self:
            _, visitor, words = _VISITORS[room.next_visit % len(_VISITORS)]
            room.next_visit += 1
            self._say(visitor, words)
        self._await_visit()

    async def terminate(self, reason: str) -> None:
        """Leave the room."""
        self._room.present.remove(self)

    def _await_visit(self) -> None:
        self.send_after(_VISITORS[self._room.next_visit % len(_VISITORS)][0], "visit")

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

"""The conformance contract: the channels that the conformance suite talks to, whatever server runs them.

What lives here: the sockets ``/socket``, ``/auth`` and ``/short``, the channels ``room:*``, ``exact`` and
``presence:*``, and the helpers over plain HTTP. What does not: anything that the contract does not ask for.

Source: the contract's own page; the same channels, as modules of a Phoenix application, come with the suite.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any, cast

import msgspec

from rxphoenix.protocol.message import Payload, Reply
from rxphoenix.server.app import ConnectInfo, Refused, ServerChannel, ServerSocket
from rxphoenix.server.effects import ReplyRef
from rxphoenix.server.endpoint import Endpoint
from rxphoenix.server.polling_session import Polling
from rxphoenix.server.presence import ServerPresence

__all__ = ["ConformancePresence", "ConformanceRoom", "ConformanceSocket", "conformance_application"]

_anonymous = count(1)
_USUAL_POLLING = Polling()


def conformance_application(longpoll: Polling = _USUAL_POLLING) -> Endpoint:
    """The contract as an endpoint.

    Arguments:
        longpoll: how patient long polling is on ``/socket`` and ``/auth``.

    Example:
        ```python
        from rxphoenix.server import PhoenixServer
        from rxphoenix.server.applications.conformance import conformance_application

        async with PhoenixServer(conformance_application()) as server:
            assert server.url.startswith("ws://127.0.0.1:")
        ```
    """
    endpoint = Endpoint()
    channels: dict[str, Callable[[], ServerChannel[Any]]] = {
        "room:*": ConformanceRoom,
        "presence:*": partial(ConformancePresence, ServerPresence(endpoint)),
    }
    channels_and_exact = {**channels, "exact": ConformanceRoom}
    endpoint.socket("/socket", ConformanceSocket, channels=channels_and_exact, longpoll=longpoll)
    endpoint.socket("/auth", ConformanceSocket, channels=channels_and_exact, longpoll=longpoll, auth_token=True)
    endpoint.socket(
        "/short",
        partial(ConformanceSocket, plain_refusals=True),
        channels=channels,
        max_channels=3,
        max_frame_size=65_536,
        timeout=1.5,
        compress=True,
        longpoll=Polling(window=0.5, patience=0.3),
    )

    async def health(segments: tuple[str, ...], params: dict[str, Any]) -> str:
        return "ok"

    async def disconnect(segments: tuple[str, ...], params: dict[str, Any]) -> str:
        endpoint.disconnect(f"user:{segments[1]}")
        return "ok"

    async def broadcast(segments: tuple[str, ...], params: dict[str, Any]) -> str:
        _, topic, event = segments
        endpoint.broadcast(topic, event, params)
        return "ok"

    endpoint.get("/health", health)
    endpoint.get("/disconnect/*", disconnect)
    endpoint.get("/broadcast/*", broadcast)
    return endpoint


class ConformanceSocket(ServerSocket):
    """Lets everybody in but the tokens ``bad``, ``unauthorized``, ``rate`` and ``crash``.

    Arguments:
        plain_refusals: whether each refusal is a 403.
    """

    def __init__(self, *, plain_refusals: bool = False) -> None:
        self._plain_refusals = plain_refusals
        self.user_id = ""
        self.who: dict[str, Any] = {}

    async def connect(self, params: dict[str, Any], info: ConnectInfo) -> HTTPStatus | None:
        """Refuse by token; remember who it is."""
        refusals = {
            "bad": HTTPStatus.FORBIDDEN,
            "unauthorized": HTTPStatus.UNAUTHORIZED,
            "rate": HTTPStatus.TOO_MANY_REQUESTS,
        }
        token = info.auth_token or params.get("token")
        if token == "crash":
            raise RuntimeError("connect crashed")
        if token in refusals:
            return HTTPStatus.FORBIDDEN if self._plain_refusals else refusals[token]
        self.user_id = params.get("user_id") or f"anon{next(_anonymous)}"
        self.who = {
            "user_id": self.user_id,
            "params": params,
            "auth_token": info.auth_token,
            "x_headers": dict(info.x_headers),
            "user_agent": info.user_agent,
            "transport": info.transport,
        }
        return None

    def id(self) -> str | None:
        """``user:<user_id>``."""
        return f"user:{self.user_id}"


class _Ticks(msgspec.Struct, frozen=True):
    number: int


class _ReplyTo(msgspec.Struct, frozen=True):
    ref: ReplyRef
    payload: Payload


class _StopNow(msgspec.Struct, frozen=True):
    pass


class _CrashNow(msgspec.Struct, frozen=True):
    pass


class ConformanceRoom(ServerChannel[ConformanceSocket]):
    """The room of the contract."""

    intercept = ("intercepted",)

    async def join(self, topic: str, params: Payload) -> Payload | Refused:
        """Deny, crash, be slow, or accept and do what the params ask for."""
        wishes: dict[str, Any] = (
            cast("dict[str, Any]", params) if isinstance(params, dict) else {"raw": _as_elixir(params)}
        )
        if wishes.get("deny") is True:
            return Refused({"reason": "denied"})
        if wishes.get("crash_join") is True:
            raise RuntimeError("join crashed")
        if wishes.get("slow_join"):
            await asyncio.sleep(wishes["slow_join"] / 1000)
        if wishes.get("push_after_join"):
            self.send_after(0, _Ticks(wishes["push_after_join"]))
        if wishes.get("stop_after_ms"):
            self.send_after(wishes["stop_after_ms"] / 1000, _StopNow())
        if wishes.get("crash_after_ms"):
            self.send_after(wishes["crash_after_ms"] / 1000, _CrashNow())
        return {"topic": topic, "params": wishes}

    async def handle_in(self, event: Any, payload: Payload) -> Reply | None:
        """Do what the event says."""
        match event:
            case "echo":
                return Reply("ok", payload)
            case "fail":
                return Reply("error", payload)
            case "status":
                # the contract's Elixir makes an atom of it, and some atoms are JSON's own words
                words: dict[str, bool | None] = {"nil": None, "true": True, "false": False}
                return Reply(words.get(payload["status"], payload["status"]), {})
            case "bare_ok":
                return Reply("ok", {})
            case "noreply":
                return None
            case "whoami":
                return Reply("ok", self.socket.who)
            case "slow":
                await asyncio.sleep(payload["ms"] / 1000)
                return Reply("ok", payload)
            case "async_reply":
                self.send_after(payload["ms"] / 1000, _ReplyTo(self.ref, payload))
                return None
            case "big":
                return Reply("ok", {"data": "x" * payload["size"]})
            case "kick":
                self.endpoint.disconnect(f"user:{self.socket.user_id}")
                return None
            case "kill_transport":
                self.socket.drop()
                return None
            case _:
                return await self._handle_send(event, payload)

    async def _handle_send(self, event: Any, payload: Payload) -> Reply | None:
        match event:
            case "broadcast":
                self.broadcast("broadcast", payload)
            case "broadcast_from":
                self.broadcast_from("broadcast", payload)
            case "broadcast_intercepted":
                self.broadcast("intercepted", payload)
            case "push_me":
                self._tick(payload["n"])
                return Reply("ok", payload)
            case "push_later":
                self.send_after(payload["ms"] / 1000, _Ticks(payload["n"]))
            case "push_named":
                self.push(payload["event"], payload.get("payload") or {})
            case "push_binary":
                self.push("bin", _bytes_of(payload))
            case "broadcast_binary":
                self.broadcast("bin", _bytes_of(payload))
            case _:
                return await self._handle_ending(event, payload)
        return Reply("ok", {})

    async def _handle_ending(self, event: Any, payload: Payload) -> Reply | None:
        match event:
            case "crash":
                raise RuntimeError("channel crashed")
            case "stop":
                self.stop()
            case "stop_noreply":
                self.stop()
                return None
            case "stop_shutdown":
                self.stop("bye")
            case "stop_error":
                self.stop("boom", abnormal=True)
            case "binary" if isinstance(payload, bytes):
                return Reply("ok", payload)
            case "binary_error" if isinstance(payload, bytes):
                return Reply("error", payload)
            case "binary_size" if isinstance(payload, bytes):
                return Reply("ok", {"size": len(payload)})
            case _:
                return await super().handle_in(event, payload)
        return Reply("ok", {})

    async def handle_info(self, message: Any) -> None:
        """Do what was put off."""
        match message:
            case _Ticks(number):
                self._tick(number)
            case _ReplyTo(ref, payload):
                self.reply(ref, "ok", payload)
            case _StopNow():
                self.stop()
            case _:
                raise RuntimeError("crashed later")

    async def handle_out(self, event: str, payload: Payload) -> None:
        """Say whom the broadcast is for."""
        self.push(event, {**payload, "for": self.socket.user_id})

    def _tick(self, number: int) -> None:
        for index in range(number):
            self.push("tick", {"i": index})


class ConformancePresence(ServerChannel[ConformanceSocket]):
    """The presence channel of the contract.

    Arguments:
        presence: who is present, on all topics.
    """

    def __init__(self, presence: ServerPresence) -> None:
        self._presence = presence
        self._key = ""
        self._meta: Any = None

    async def join(self, topic: str, params: Payload) -> Payload | Refused:
        """Accept who names a ``user``."""
        if not isinstance(params, dict) or "user" not in params:
            return Refused({"reason": "user is required"})
        wishes = cast("dict[str, Any]", params)
        self._key, self._meta = wishes["user"], _meta_in(wishes)
        self.send_after(0, "joined")
        return {"user": self._key}

    async def handle_info(self, message: Any) -> None:
        """Track first, then push the state: a diff may come before it."""
        self._presence.track(self, self._key, self._meta)
        self.push("presence_state", self._presence.list(self.topic))

    async def handle_in(self, event: Any, payload: Payload) -> Reply | None:
        """Do what the event says."""
        match event:
            case "update_meta":
                self._presence.update(self, self._key, payload)
            case "untrack":
                self._presence.untrack(self, self._key)
            case "track":
                self._presence.track(self, payload["user"], _meta_in(payload))
            case "list":
                return Reply("ok", self._presence.list(self.topic))
            case "stop":
                self.stop()
            case "crash":
                raise RuntimeError("presence channel crashed")
            case _:
                return await super().handle_in(event, payload)
        return Reply("ok", {})


def _meta_in(wishes: dict[str, Any]) -> Any:
    meta = wishes.get("meta")
    return {} if meta is None or meta is False else meta


def _bytes_of(payload: Payload) -> bytes:
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, dict) and "bytes" in payload:
        return bytes(cast("dict[str, list[int]]", payload)["bytes"])
    return bytes((0, 1, 2, 254, 255))


def _as_elixir(value: Payload) -> str:
    return "nil" if value is None else msgspec.json.encode(value).decode()

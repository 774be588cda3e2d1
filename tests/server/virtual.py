"""The contract's channels in virtual time: sessions driven by a script and a clock made of numbers."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

from rxphoenix.protocol.message import Frame, Reply
from rxphoenix.server.codec import codec_for
from rxphoenix.server.effects import (
    CallHandleIn,
    CallHandleInfo,
    CallHandleOut,
    CallJoin,
    CallTerminate,
    CancelTimer,
    Close,
    Effect,
    Reached,
    Send,
    StartTimer,
)
from rxphoenix.server.params import parse_query
from rxphoenix.server.presence_tracker import PresenceDiff, PresenceTracker
from rxphoenix.server.session import Session


class Clock:
    """Runs what was put off in the order of its time, as fast as it can."""

    def __init__(self) -> None:
        self.now = 0.0
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._waiting, (self.now + seconds, next(self._order), action))

    def run_next(self, deadline: float) -> bool:
        """Run what is due first, if that is due by the deadline."""
        if not self._waiting or self._waiting[0][0] > deadline:
            self.now = max(self.now, deadline)
            return False
        self.now, _, action = heapq.heappop(self._waiting)
        action()
        return True


class VirtualConnection:
    """One session, the frames it sent, and how it was closed."""

    transport = "websocket"
    auth_token: str | None = None

    def __init__(self, server: VirtualServer, path: str, query: str) -> None:
        self.params = parse_query(query)
        self.sent: deque[Frame] = deque()
        self.close_code: int | None = None
        self.is_cut_off = False
        self.terminated: list[tuple[int, str]] = []
        self._server = server
        self._timers: dict[int, int] = {}
        self._users: dict[int, str] = {}
        self._started = count()
        codec = codec_for(self.params.get("vsn", "1.0.0"))
        assert codec is not None
        self.session = Session(
            codec,
            lambda topic: topic if topic.startswith(("room:", "presence:")) or topic == "exact" else None,
            **self.limits(path),
        )
        self.apply(self.session.open())

    def limits(self, path: str) -> dict[str, Any]:
        return {"max_channels": 3, "idle_timeout": 1.5} if path == "/short" else {}

    @property
    def user_id(self) -> str:
        return self.params.get("user_id", "anonymous")

    def apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(frame):
                    self.send(frame)
                case Close(code):
                    self.close(code)
                case Reached(mark):
                    self.reached(mark)
                case StartTimer(timer, seconds):
                    started = self._timers[timer] = next(self._started)
                    self._server.clock.after(seconds, partial(self._fire, timer, started))
                case CancelTimer(timer):
                    self._timers.pop(timer, None)
                case CallTerminate(channel, reason):
                    self.terminated.append((channel, reason))
                    for diff in self._server.presence.end((self, channel)):
                        self._server.tell(diff)
                case CallJoin() | CallHandleIn() | CallHandleInfo() | CallHandleOut():
                    # as a task would: not before the effects that came with it are carried out
                    self._server.clock.after(0, partial(self._answer, effect))

    def send(self, frame: Frame) -> None:
        self.sent.append(frame)

    def close(self, code: int) -> None:
        self.close_code = code

    def reached(self, mark: int) -> None:
        raise AssertionError("only long polling asks for this")

    def cut_off(self) -> None:
        self.is_cut_off = True

    def _fire(self, timer: int, started: int) -> None:
        if self._timers.get(timer) == started:
            self.apply(self.session.fire(timer))

    def _answer(self, call: CallJoin | CallHandleIn | CallHandleInfo | CallHandleOut) -> None:
        match call:
            case CallJoin(channel, topic, params) if topic.startswith("presence:"):
                self._join_presence(channel, topic, params)
            case CallJoin(channel, topic, params):
                self._join(channel, topic, params if isinstance(params, dict) else {"raw": _as_elixir(params)})
            case CallHandleIn(channel, event, payload):
                handle = self._handle_presence if call.ref.topic.startswith("presence:") else self._handle_in
                try:
                    handle(call, channel, event, payload)
                except LookupError:
                    self.apply(self.session.crash(channel))
            case CallHandleInfo(channel, message):
                message()
                self.apply(self.session.done(channel))
            case CallHandleOut(channel, event, payload):
                self.apply(self.session.push(channel, event, {**payload, "for": self.user_id}))
                self.apply(self.session.done(channel))

    def _join(self, channel: int, topic: str, params: dict[str, Any]) -> None:
        session = self.session
        if params.get("deny"):
            self.apply(session.refuse(channel, {"reason": "denied"}))
            return
        if params.get("crash_join"):
            self.apply(session.crash(channel))
            return
        if "push_after_join" in params:
            self.apply(session.inform(channel, partial(self._tick, channel, params["push_after_join"])))
        if "stop_after_ms" in params:
            stop = lambda: self.apply(session.stop(channel))  # noqa: E731
            self.apply(session.inform_after(channel, params["stop_after_ms"] / 1000, stop))
        if "crash_after_ms" in params:
            crash = lambda: self.apply(session.crash(channel))  # noqa: E731
            self.apply(session.inform_after(channel, params["crash_after_ms"] / 1000, crash))
        response = {"topic": topic, "params": params}
        accept = lambda: self.apply(session.accept(channel, response, ["intercepted"]))  # noqa: E731
        self._server.clock.after(params.get("slow_join", 0) / 1000, accept)

    def _handle_in(self, call: CallHandleIn, channel: int, event: Any, payload: Any) -> None:
        session, clock = self.session, self._server.clock
        default = bytes((0, 1, 2, 254, 255))
        broadcast = partial(self._server.broadcast, call.ref.topic)
        reply: Reply | None = Reply("ok", {})
        match event:
            case "echo" | "binary":
                reply = Reply("ok", payload)
            case "fail" | "binary_error":
                reply = Reply("error", payload)
            case "binary_size":
                reply = Reply("ok", {"size": len(payload)})
            case "status":
                reply = Reply(payload["status"], {})
            case "whoami":
                reply = Reply("ok", self._who())
            case "bare_ok":
                reply = Reply("ok", {})
            case "noreply":
                reply = None
            case "slow":
                done = lambda: self.apply(session.done(channel, Reply("ok", payload)))  # noqa: E731
                clock.after(payload["ms"] / 1000, done)
                return
            case "async_reply":
                answer = lambda: self.apply(session.reply(call.ref, "ok", payload))  # noqa: E731
                self.apply(session.inform_after(channel, payload["ms"] / 1000, answer))
                reply = None
            case "push_me":
                self._tick(channel, payload["n"])
                reply = Reply("ok", payload)
            case "push_later":
                later = partial(self._tick, channel, payload["n"])
                self.apply(session.inform_after(channel, payload["ms"] / 1000, later))
            case "push_named":
                self.apply(session.push(channel, payload["event"], {}))
            case "push_binary":
                self.apply(session.push(channel, "bin", default))
            case "broadcast_binary":
                broadcast("bin", default)
            case "broadcast":
                broadcast("broadcast", payload)
            case "broadcast_from":
                broadcast("broadcast", payload, sender=(self, channel))
            case "broadcast_intercepted":
                broadcast("intercepted", payload)
            case "stop" | "stop_shutdown":
                self.apply(session.stop(channel))
            case "stop_noreply":
                self.apply(session.stop(channel))
                reply = None
            case "stop_error":
                self.apply(session.stop(channel, "boom", abnormal=True))
            case "kick":
                self._server.disconnect(self.user_id)
                reply = None
            case "kill_transport":
                self.cut_off()
                self.apply(session.closed())
                reply = None
            case _:
                raise LookupError(event)
        self.apply(session.done(channel, reply))

    def _join_presence(self, channel: int, topic: str, params: dict[str, Any]) -> None:
        session, presence = self.session, self._server.presence
        if "user" not in params:
            self.apply(session.refuse(channel, {"reason": "user is required"}))
            return

        def joined() -> None:
            diff = presence.track((self, channel), topic, params["user"], params.get("meta") or {})
            self._server.broadcast(topic, "presence_diff", {"joins": diff.joins, "leaves": diff.leaves})
            self.apply(session.push(channel, "presence_state", presence.list(topic)))

        self._users[channel] = params["user"]
        self.apply(session.inform(channel, joined))
        self.apply(session.accept(channel, {"user": params["user"]}))

    def _handle_presence(self, call: CallHandleIn, channel: int, event: Any, payload: Any) -> None:
        process, presence, topic = (self, channel), self._server.presence, call.ref.topic
        response: Any = {}
        match event:
            case "update_meta":
                self._server.tell(presence.update(process, topic, self._users[channel], payload))
            case "untrack":
                self._server.tell(presence.untrack(process, topic, self._users[channel]))
            case "track":
                self._server.tell(presence.track(process, topic, payload["user"], payload.get("meta") or {}))
            case "list":
                response = presence.list(topic)
            case _:
                raise LookupError(event)
        self.apply(self.session.done(channel, Reply("ok", response)))

    def _tick(self, channel: int, number: int) -> None:
        for index in range(number):
            self.apply(self.session.push(channel, "tick", {"i": index}))

    def _who(self) -> dict[str, Any]:
        return {
            "auth_token": self.auth_token,
            "params": self.params,
            "transport": self.transport,
            "user_agent": "recorder",
            "user_id": self.user_id,
            "x_headers": {} if self.auth_token is None else {"x-phoenix-authtoken": self.auth_token},
        }


def _route(topic: str) -> str | None:
    return topic if topic.startswith(("room:", "presence:")) or topic == "exact" else None


def _as_elixir(value: Any) -> str:
    return "nil" if value is None else repr(value)


class VirtualServer:
    """All connections, on one clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.connections: list[VirtualConnection] = []
        refs = count()
        self.presence = PresenceTracker(lambda: str(next(refs)))

    def connect(self, path: str, query: str) -> VirtualConnection:
        connection = VirtualConnection(self, path, query)
        self.connections.append(connection)
        return connection

    def broadcast(
        self, topic: str, event: str, payload: Any, sender: tuple[VirtualConnection, int] | None = None
    ) -> None:
        for connection in self.connections:
            own = sender[1] if sender is not None and sender[0] is connection else None
            connection.apply(connection.session.broadcast(topic, event, payload, sender=own))

    def tell(self, diff: PresenceDiff | None) -> None:
        """Broadcast what changed, one turn later: after the reply to what changed it."""
        if diff is not None:
            payload = {"joins": diff.joins, "leaves": diff.leaves}
            self.clock.after(0, partial(self.broadcast, diff.topic, "presence_diff", payload))

    def disconnect(self, user_id: str) -> None:
        for connection in self.connections:
            if connection.user_id == user_id:
                connection.apply(connection.session.disconnect())

    def visit(self, path: str) -> None:
        path, _, query = path.partition("?")
        match path.strip("/").split("/"):
            case ["disconnect", user_id]:
                self.disconnect(user_id)
            case ["broadcast", topic, event]:
                self.broadcast(topic, event, parse_query(query))
            case _:
                raise ValueError(path)

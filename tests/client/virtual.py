"""A whole client in virtual time: a scripted server behind the transport seam, and recorders of what happens.

Every instant is exact. Frames that the client sends are kept as ``(instant, [join_ref, ref, topic, event, payload])``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from reactivex import Observable, abc
from reactivex.disposable import Disposable
from reactivex.testing import TestScheduler

from rxphoenix import ConnectionLost, Frame, JSONSerializer, JSONSerializerV1, Socket
from rxphoenix.transports.base import CloseRequest, ConnectRequest, Opened, TransportEvent

__all__ = ["Attempt", "Recorder", "World"]


class Attempt:
    """One attempt to connect, and the connection that the script makes of it."""

    def __init__(self, world: World, request: ConnectRequest, observer: abc.ObserverBase[TransportEvent]) -> None:
        self.world = world
        self.request = request
        self.observer = observer
        self.started = world.now
        self.sent: list[tuple[float, list[Any]]] = []
        self.asked_to_close: tuple[float, CloseRequest] | None = None
        self.disposed: float | None = None
        self.over = False

    def open(self) -> None:
        """The handshake is done."""
        self.observer.on_next(Opened(self._take))

    def _take(self, frame: Frame) -> None:
        message = _binary(frame.data) if frame.binary else _fields(json.loads(frame.data))
        self.sent.append((self.world.now, message))
        for delay, answer in self.world.answer(message):
            self.world.after(delay, lambda answer=answer: self.receive(*answer))

    def receive(self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any) -> None:
        """A frame comes from the server."""
        message: Any = [join_ref, ref, topic, event, payload]
        if self.world.vsn == "1.0.0":
            message = {"topic": topic, "event": event, "payload": payload, "ref": ref if event == "phx_reply" else None}
        self.receive_raw(msgspec.json.encode(message))

    def receive_raw(self, data: bytes, *, binary: bool = False) -> None:
        """These bytes come from the server."""
        if not self.over:
            self.observer.on_next(Frame(data, binary=binary))

    def fail(self, error: Exception) -> None:
        """The attempt fails, or the connection is lost."""
        self.over = True
        self.observer.on_error(error)

    def lose(self, code: int | None = None, reason: str = "") -> None:
        """The connection is lost."""
        self.fail(ConnectionLost(reason, code=code))

    def close_asked(self, request: CloseRequest) -> None:
        """The client asks for the end; it is granted at once, unless the world says later."""
        self.asked_to_close = (self.world.now, request)
        if self.world.closes_after is None:
            return
        if self.world.closes_after == 0:
            self.finish()
        else:
            self.world.after(self.world.closes_after, self.finish)

    def finish(self) -> None:
        """The close handshake is done."""
        self.over = True
        self.observer.on_completed()

    def dispose(self) -> None:
        """The client has let go."""
        if self.disposed is None:
            self.disposed = self.world.now
        self.over = True


class Recorder:
    """What one subscription sees, with instants."""

    def __init__(self, world: World, observable: Observable[Any]) -> None:
        self.world = world
        self.events: list[tuple[float, str, Any]] = []
        self.subscription: abc.DisposableBase = observable.subscribe(
            lambda value: self.note("next", value),
            lambda error: self.note("error", error),
            lambda: self.note("completed", None),
        )

    def note(self, kind: str, value: Any) -> None:
        """Keep one notification."""
        self.events.append((self.world.now, kind, value))

    @property
    def values(self) -> list[Any]:
        """The values, without instants."""
        return [value for _instant, kind, value in self.events if kind == "next"]

    @property
    def timeline(self) -> list[tuple[float, Any]]:
        """The values with instants; an error as its type, completion as ``"|"``."""
        return [
            (instant, value if kind == "next" else type(value) if kind == "error" else "|")
            for instant, kind, value in self.events
        ]

    @property
    def error(self) -> Exception:
        """The error that ended it."""
        (error,) = [value for _instant, kind, value in self.events if kind == "error"]
        return error

    def dispose(self) -> None:
        """End the subscription."""
        self.subscription.dispose()


class World:
    """A scheduler, a scripted server, and what happened.

    By default a connection opens 0.1 s after the attempt began, joins and leaves are answered 0.1 s after the frame,
    heartbeats too, and an event ``echo`` is answered with its payload. Tests replace what they need.

    Arguments:
        vsn: what the server speaks, and the client unless it is given a serializer.
    """

    def __init__(self, vsn: Literal["1.0.0", "2.0.0"] = "2.0.0") -> None:
        self.vsn = vsn
        self.scheduler = TestScheduler()
        self.attempts: list[Attempt] = []
        self.opens_after: float | None = 0.1
        self.closes_after: float | None = 0.0
        self.answers_after: float | None = 0.1
        self.outcomes: list[Callable[[Attempt], None]] = []
        self.replies: dict[str, Callable[[list[Any]], list[tuple[float, tuple[Any, ...]]]]] = {}

    @property
    def now(self) -> float:
        """The instant, in seconds from the beginning."""
        return round(self.scheduler.now.timestamp(), 6)

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something later."""

        def run(_scheduler: abc.SchedulerBase, _state: object = None) -> None:
            action()

        self.scheduler.schedule_relative(seconds, run)

    def at(self, instant: float, action: Callable[[], object]) -> None:
        """Do something at an instant."""
        self.after(instant - self.now, action)

    def run(self, until: float) -> None:
        """Let time pass up to an instant."""
        self.scheduler.advance_to(float(until))

    def socket(self, **options: Any) -> Socket:
        """A socket in this world."""
        options.setdefault("heartbeat_interval", None)
        options.setdefault("serializer", JSONSerializerV1() if self.vsn == "1.0.0" else JSONSerializer())
        return Socket("ws://phoenix.test/socket", transport=self, scheduler=self.scheduler, **options)

    def record(self, observable: Observable[Any]) -> Recorder:
        """Subscribe and record."""
        return Recorder(self, observable)

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        """The transport seam."""

        def subscribe(
            observer: abc.ObserverBase[TransportEvent], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            attempt = Attempt(self, request, observer)
            self.attempts.append(attempt)
            request.closing.listen(attempt.close_asked)
            if self.outcomes:
                self.outcomes.pop(0)(attempt)
            elif self.opens_after is not None:
                self.after(self.opens_after, lambda: None if attempt.over else attempt.open())
            return Disposable(attempt.dispose)

        return Observable(subscribe)

    def fails(self, error: Exception, after: float = 0.1) -> Callable[[Attempt], None]:
        """An outcome for ``outcomes``: the attempt fails."""
        return lambda attempt: self.after(after, lambda: attempt.over or attempt.fail(error))

    def answer(self, message: list[Any]) -> list[tuple[float, tuple[Any, ...]]]:
        """What the server says to a frame: delays and frames."""
        join_ref, ref, topic, event, payload = message
        if event in self.replies:
            return self.replies[event](message)
        if self.answers_after is None:
            return []
        ok = (join_ref, ref, topic, "phx_reply", {"status": "ok", "response": {}})
        if event == "echo":
            ok = (join_ref, ref, topic, "phx_reply", {"status": "ok", "response": payload})
        if event == "phx_leave":
            return [(self.answers_after, ok), (self.answers_after, (join_ref, join_ref, topic, "phx_close", {}))]
        if event in ("phx_join", "heartbeat", "echo"):
            return [(self.answers_after, ok)]
        return []

    def answers(self, event: str, status: str, response: Any, after: float = 0.1) -> None:
        """Answer an event with a reply from now on."""
        self.replies[event] = lambda message: [
            (after, (message[0], message[1], message[2], "phx_reply", {"status": status, "response": response}))
        ]

    def ignores(self, event: str) -> None:
        """Do not answer an event from now on."""
        self.replies[event] = lambda _message: []

    @property
    def link(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[-1]

    @property
    def sent(self) -> list[tuple[float, str]]:
        """All frames that were sent, as ``(instant, "join_ref ref topic event")``, over all connections."""
        frames = [frame for attempt in self.attempts for frame in attempt.sent]
        return [
            (instant, " ".join("-" if part is None else str(part) for part in message[:4]))
            for instant, message in frames
        ]

    @property
    def started(self) -> list[float]:
        """When each attempt began."""
        return [attempt.started for attempt in self.attempts]


def _fields(message: Any) -> list[Any]:
    """A text message of either serializer."""
    names = ("join_ref", "ref", "topic", "event", "payload")
    return [message[name] for name in names] if isinstance(message, dict) else message


def _binary(data: bytes) -> list[Any]:
    lengths, offset, fields = data[1:5], 5, []
    for length in lengths:
        fields.append(data[offset : offset + length].decode())
        offset += length
    return [*fields, data[offset:]]

"""The scripted server: one, for both clients, in virtual time.

It knows what a scenario says and nothing of the client: a connection is a ``Line``, over which frames come and go. What
the client sends goes into the trace as it arrives.

What lives here: connections and answers. What does not: long polling (``polling_server.py``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from rxphoenix.testing.clock import VirtualScheduler
from tests.official.scenario import (
    Answer,
    Attempt,
    Binary,
    Close,
    Crash,
    Hang,
    Lose,
    Nothing,
    Open,
    Raw,
    Refuse,
    Reply,
    Say,
    Server,
)
from tests.official.trace import Trace

__all__ = ["Line", "ScriptedServer", "milliseconds"]

Data = str | bytes


class Line(Protocol):
    """A connection, or an attempt at one, as its server sees it."""

    def opened(self) -> None:
        """The handshake is done."""
        ...

    def refused(self, refusal: Refuse) -> None:
        """There is no connection."""
        ...

    def received(self, data: Data) -> None:
        """A frame gets to the client."""
        ...

    def lost(self, code: int, reason: str) -> None:
        """The connection ends."""
        ...


def milliseconds(scheduler: VirtualScheduler) -> float:
    """Where time stands."""
    return scheduler.instant / 1000


class ScriptedServer:
    """The server of one scenario.

    Arguments:
        script: how it answers.
        scheduler: the clock.
        trace: where it is noted what arrives.
    """

    def __init__(self, script: Server, scheduler: VirtualScheduler, trace: Trace) -> None:
        self.script = script
        self.scheduler = scheduler
        self.trace = trace
        self.line: Line | None = None
        """The connection that was opened last."""
        self._attempts = iter(script.attempts)
        self._answers = {
            name: iter([one for each in answers for one in _repeated(each)]) for name, answers in script.answers.items()
        }
        self._joins: dict[str, list[str]] = {}
        self._last_ref: str | None = None
        self._silent: set[Line] = set()

    def after(self, milliseconds: float, action: Callable[[], object]) -> None:
        """Do something later."""
        self.scheduler.after(round(milliseconds * 1000), action)

    # -- attempts ------------------------------------------------------------------------------------------------

    def next_attempt(self) -> Attempt:
        """What becomes of an attempt that begins now."""
        return next(self._attempts, Open())

    def connect(self, line: Line, query: str, token: str | None) -> None:
        """A client tries to connect by a WebSocket."""
        self.trace.connect(milliseconds(self.scheduler), "websocket", query, token)
        outcome = self.next_attempt()
        if isinstance(outcome, Open):
            self.after(outcome.after, lambda: self._open(line))
        elif isinstance(outcome, Refuse):
            self.after(outcome.after, lambda: line.refused(outcome))

    def _open(self, line: Line) -> None:
        self.line = line
        line.opened()

    # -- what the server does by itself --------------------------------------------------------------------------

    def act(self, step: Lose | Hang | Say | Binary | Raw) -> None:
        """Do what the script says."""
        line = self.line
        assert line is not None, f"{step} needs a connection"
        match step:
            case Lose(code, reason):
                line.lost(code, reason)
            case Hang():
                self._silent.add(line)
            case Raw(text):
                line.received(text)
            case Say(topic, event, payload, join, ref):
                join_ref = self._join_ref(topic, join)
                self._write(line, [join_ref, self._ref(ref, join_ref), topic, event, payload])
            case Binary(topic, event, data, join, ref):
                join_ref = self._join_ref(topic, join)
                line.received(_binary(join_ref, self._ref(ref, join_ref), topic, event, data))

    def _join_ref(self, topic: str, join: int | None) -> str | None:
        return None if join is None else self._joins[topic][join]

    def _ref(self, ref: str | None, join_ref: str | None) -> str | None:
        return join_ref if ref == "join" else self._last_ref if ref == "last" else ref

    def _write(self, line: Line, frame: list[Any]) -> None:
        if line not in self._silent:
            line.received(json.dumps(frame))

    # -- frames --------------------------------------------------------------------------------------------------

    def saw(self, data: Data) -> list[Any]:
        """A frame was sent; it is noted, and nothing done."""
        frame = json.loads(data) if isinstance(data, str) else _read_binary(data)
        self.trace.send(milliseconds(self.scheduler), frame)
        return frame

    def took(self, line: Line, data: Data) -> None:
        """A frame has arrived from the client."""
        frame = self.saw(data)
        if line in self._silent:
            return
        join_ref, ref, topic, event, payload = frame
        self._last_ref = ref
        if event == "phx_join":
            self._joins.setdefault(topic, []).append(join_ref)
        answer = self._answer(topic, event)
        if isinstance(answer, Nothing):
            return
        closing = [join_ref, join_ref, topic, "phx_close", {}]
        match answer:
            case Crash():
                frames = [[join_ref, join_ref, topic, "phx_error", {"reason": "channel_crash"}]]
            case Close():
                frames = [closing]
            case Reply(unmatched=True):
                frames = [
                    [None, ref, topic, "phx_reply", {"status": "error", "response": {"reason": "unmatched topic"}}]
                ]
            case Reply(status, response):
                if event not in self._answers and event not in ("phx_join", "phx_leave", "heartbeat"):
                    response = {"size": len(payload)} if isinstance(payload, bytes) else payload
                frames = [[join_ref, ref, topic, "phx_reply", {"status": status, "response": response}]]
                if event == "phx_leave":
                    frames.append(closing)
        for written in frames:
            self.after(answer.after, lambda written=written: self._write(line, written))

    def _answer(self, topic: str, event: str) -> Answer:
        for name in (f"{topic} {event}", event):
            if name in self._answers:
                return next(self._answers[name], Reply())
        return Reply()


def _repeated(answer: Answer) -> list[Answer]:
    return [answer] * (answer.times if isinstance(answer, Reply) else 1)


def _read_binary(data: bytes) -> list[Any]:
    assert data[0] == 0, "a client sends binary pushes only"
    fields, offset = [], 5
    for length in data[1:5]:
        fields.append(data[offset : offset + length].decode())
        offset += length
    return [*fields, data[offset:]]


def _binary(join_ref: str | None, ref: str | None, topic: str, event: str, data: bytes) -> bytes:
    """A push, with a ref a reply whose status is the event, without a join ref a broadcast."""
    if join_ref is None:
        kind, fields = 2, [topic, event]
    elif ref is None:
        kind, fields = 0, [join_ref, topic, event]
    else:
        kind, fields = 1, [join_ref, ref, topic, event]
    encoded = [field.encode() for field in fields]
    return bytes([kind, *map(len, encoded)]) + b"".join(encoded) + data

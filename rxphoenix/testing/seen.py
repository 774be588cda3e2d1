"""What a virtual Phoenix is expected to have seen: frames of a client, and attempts to connect.

What lives here: these expectations. What does not: those of observables (``expectations.py``), and what keeps it all
(``phoenix.py``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, Self

from rxphoenix.protocol.message import HEARTBEAT, PHOENIX, Message
from rxphoenix.testing.connection import VirtualConnection
from rxphoenix.testing.difference import compare
from rxphoenix.testing.drawing import Drawing, Instant, Next
from rxphoenix.testing.expectations import NO_DRAWING, where
from rxphoenix.testing.notation import parse, values_of
from rxphoenix.testing.topic import SentFrame

__all__ = ["Attempt", "AttemptsExpectation", "FramesExpectation"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to connect, as a drawing compares it.

    Arguments:
        params: the evaluated connect params.
        auth_token: the evaluated token.
        transport: the way that it took.
    """

    params: Any
    auth_token: str | None = None
    transport: str = "websocket"

    def __repr__(self) -> str:
        token = "" if self.auth_token is None else f", auth_token={self.auth_token!r}"
        way = "" if self.transport == "websocket" else f", transport={self.transport!r}"
        return f"attempt({self.params!r}{token}{way})"


class _Seen:
    """What one server is expected to have seen, from the beginning of the world on."""

    _expected: Drawing | None = None
    _symbols: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, frame: float, name: str) -> None:
        self._frame = frame
        self._name = name

    def _expect(self, drawing: str, values: Mapping[str, Any] | None) -> Self:
        self._expected = parse(drawing, values, frame=self._frame, kind="cold")
        self._symbols = values_of(values)
        return self

    def problem(self) -> str | None:
        """What is wrong, drawn."""
        if self._expected is None:
            return f"{self._name} {NO_DRAWING}"
        wanted = [mark.value if isinstance(mark, Next) else None for mark in self._expected.marks]
        actual = Drawing(tuple(self._marks(wanted)), frame=self._expected.frame, length=self._expected.length)
        return compare(self._name, self._expected, actual, self._symbols)

    @abstractmethod
    def _marks(self, wanted: Sequence[Any]) -> Iterable[Next]:
        """What was seen, each in the form of what was wanted in its place."""

    @property
    def last_drawn(self) -> Instant:
        """The last instant of the drawing."""
        return 0 if self._expected is None else self._expected.length


class _Frames(Protocol):
    @property
    def sent(self) -> list[SentFrame]: ...


class FramesExpectation(_Seen):
    """What a client is expected to have sent; made by ``m.expect_frames()``."""

    def __init__(self, source: _Frames, frame: float, name: str | None = None) -> None:
        super().__init__(frame, f"the client of {source!r}{where()}" if name is None else name)
        self._source = source
        self._heartbeats = False

    def to_be(self, drawing: str, values: Mapping[str, Any] | None = None, *, heartbeats: bool = False) -> Self:
        """Say what and when, from the beginning of the world on.

        Arguments:
            drawing: a value for each frame.
            values: what its characters stand for: the name of an event, ``(event, payload)``,
                ``(topic, event, payload)``, or a whole ``Message`` with its refs.
            heartbeats: whether heartbeats are drawn, too.

        Raises:
            MarbleSyntaxError: there is a mistake in the drawing.
        """
        self._heartbeats = heartbeats
        return self._expect(drawing, values)

    def _marks(self, wanted: Sequence[Any]) -> Iterable[Next]:
        frames = [frame for frame in self._source.sent if self._heartbeats or not _is_heartbeat(frame)]
        for index, frame in enumerate(frames):
            yield Next(frame.instant, _frame_as(wanted[index] if index < len(wanted) else None, frame))


def _is_heartbeat(frame: SentFrame) -> bool:
    return frame.topic == PHOENIX and frame.event == HEARTBEAT


def _frame_as(wanted: Any, frame: SentFrame) -> Any:
    match wanted:
        case str():
            return frame.event
        case (_, _):
            return frame.event, frame.payload
        case Message():
            return Message(*frame[2:])
        case _:
            return frame.topic, frame.event, frame.payload


class _Attempts(Protocol):
    @property
    def attempts(self) -> list[VirtualConnection]: ...


class AttemptsExpectation(_Seen):
    """When and how clients are expected to have tried to connect; made by ``m.expect_attempts()``."""

    def __init__(self, source: _Attempts, frame: float, name: str | None = None) -> None:
        super().__init__(frame, f"the attempts on {source!r}{where()}" if name is None else name)
        self._source = source

    def to_be(self, drawing: str, values: Mapping[str, Any] | None = None) -> Self:
        """Say when and how, from the beginning of the world on.

        Arguments:
            drawing: a value for each attempt.
            values: what its characters stand for: the way, ``"websocket"`` or ``"longpoll"``; the connect params; or
                an ``Attempt``.

        Raises:
            MarbleSyntaxError: there is a mistake in the drawing.
        """
        return self._expect(drawing, values)

    def _marks(self, wanted: Sequence[Any]) -> Iterable[Next]:
        for index, attempt in enumerate(self._source.attempts):
            yield Next(attempt.instant, _attempt_as(wanted[index] if index < len(wanted) else None, attempt))


def _attempt_as(wanted: Any, attempt: VirtualConnection) -> Any:
    match wanted:
        case str():
            return attempt.transport
        case Mapping():
            return dict(attempt.params)
        case _:
            return Attempt(dict(attempt.params), attempt.auth_token, attempt.transport)

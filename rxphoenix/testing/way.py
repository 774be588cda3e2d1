"""A way to a virtual Phoenix: a transport, and how the attempts on it go.

What lives here: the script of attempts. What does not: what becomes of one (``connection.py``), and the server
(``phoenix.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from rxphoenix.testing.connection import VirtualConnection
from rxphoenix.testing.drawing import Next
from rxphoenix.testing.topic import Answers
from rxphoenix.transports.base import ConnectRequest, TransportEvent

if TYPE_CHECKING:
    from rxphoenix.testing.phoenix import VirtualPhoenix

__all__ = ["VirtualTransport", "check_fault"]


class VirtualTransport:
    """One way to a virtual Phoenix, as a transport; ``phoenix.longpoll`` is the one beside the usual one.

    Arguments:
        phoenix: the server.
        name: what it stands for. Over long polling no heartbeats are needed, and the server minds no silence.

    Example:
        ```python
        from rxphoenix import Fallback
        from rxphoenix.testing import marbles

        with marbles() as m:
            phoenix = m.phoenix()
            phoenix.connects("---#")                # the WebSocket is refused
            phoenix.longpoll.connects("--o")
            socket = phoenix.socket(transport=Fallback(phoenix, phoenix.longpoll, after=0.01))
            m.at("1ms", socket.connect)
            m.expect(socket.state).to_be("cn----o", {"c": "closed", "n": "connecting", "o": "open"})
            m.run(until="9ms")
            assert [attempt.transport for attempt in phoenix.attempts] == ["websocket", "longpoll"]
        ```
    """

    def __init__(self, phoenix: VirtualPhoenix, name: Literal["websocket", "longpoll"]) -> None:
        self._phoenix = phoenix
        self._name: Literal["websocket", "longpoll"] = name
        self._connects = Answers()

    def connects(
        self, *drawings: str, values: Mapping[str, Exception | int] | None = None, error: Exception | None = None
    ) -> None:
        """Draw how the next attempts go, one drawing each; see ``VirtualPhoenix.connects``."""
        read = [self._phoenix.read(drawing, values, error) for drawing in drawings]
        for drawing in read:
            for mark in drawing.marks:
                if isinstance(mark, Next) and mark.value != "o":
                    check_fault(mark)
        self._connects.add(read)

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        """Make the cold observable of one connection."""

        def subscribe(
            observer: abc.ObserverBase[TransportEvent], _scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            link = VirtualConnection(self._phoenix, request, observer, self._name)
            self._phoenix.attempts.append(link)
            # when time passes: until then a test may still say how it goes
            self._phoenix.scheduler.after(0, lambda: link.begin(self._connects.next()))
            return Disposable(link.dispose)

        return Observable(subscribe)

    def __repr__(self) -> str:
        return f"<VirtualTransport {self._name}>"


def check_fault(mark: Next) -> None:
    """Raise ``ValueError`` for a value that is neither an error nor a status or close code."""
    if not isinstance(mark.value, (Exception, int)):
        raise ValueError(f"{mark.symbol!r} means nothing here: give an error or a number for it in values")

"""Recording a socket, or one of its channels, while it lives.

What lives here: what is recorded, and when it is written to disk. What does not: the files (``file.py``), the format
(``lines.py``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import UTC
from pathlib import Path
from typing import TypeVar

from reactivex import Observable, abc

from rxphoenix.client.channel import Channel
from rxphoenix.client.context import Fault
from rxphoenix.client.socket import Socket
from rxphoenix.protocol.message import Message
from rxphoenix.recording.events import Began, Ended, Event, Faulted, Received, Sent, StateChanged
from rxphoenix.recording.file import RecordingFile
from rxphoenix.recording.redaction import SECRETS, Redaction

__all__ = ["Recording", "record"]

_T = TypeVar("_T")

_FLUSH_AFTER = 1.0
"""Seconds that something may be written and not on disk."""


class Recording(abc.DisposableBase):
    """A recording that is under way; dispose it, or leave its ``with`` block, to end it.

    It ends by itself when the socket closes.
    """

    def __init__(self, socket: Socket, topic: str | None, path: str | os.PathLike[str], redaction: Redaction) -> None:
        self._topic = topic
        self._redaction = redaction
        self._scheduler = socket.scheduler
        self._file = RecordingFile(path)
        self._began = self._scheduler.now
        self._flush: abc.DisposableBase | None = None
        self._over = False
        self._count = 0
        self._write(Began(self._began.replace(tzinfo=UTC).isoformat(), socket.endpoint, topic))
        self._subscriptions = (
            self._subscribe(socket.state, lambda state: StateChanged(self._at(), state.value)),
            self._subscribe(socket.sent, lambda message: self._message(Sent, message)),
            self._subscribe(socket.messages, lambda message: self._message(Received, message)),
            self._subscribe(socket.errors, self._fault),
        )

    @property
    def path(self) -> Path:
        """Where it is written to."""
        return self._file.path

    @property
    def count(self) -> int:
        """How many events were written, the beginning not counted."""
        return self._count - 1

    def dispose(self) -> None:
        """End it: all that was recorded is on disk afterwards; idempotent."""
        if self._over:
            return
        self._write(Ended(self._at()))
        self._end()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *exception: object) -> None:
        self.dispose()

    def _subscribe(self, stream: Observable[_T], event_of: Callable[[_T], Event | None]) -> abc.DisposableBase:
        def on_next(value: _T) -> None:
            event = event_of(value)
            if event is not None and not self._over:
                self._write(event)

        return stream.subscribe(on_next, on_completed=self.dispose)

    def _message(self, kind: Callable[[float, Message], Event], message: Message) -> Event | None:
        if self._topic is not None and message.topic != self._topic:
            return None
        return kind(self._at(), self._redaction.of(message))

    def _fault(self, fault: Fault) -> Event | None:
        if self._topic is not None and fault.topic not in (None, self._topic):
            return None
        return Faulted(self._at(), fault.topic, fault.event, type(fault.error).__name__, str(fault.error))

    def _at(self) -> float:
        return round((self._scheduler.now - self._began).total_seconds(), 6)

    def _write(self, event: Event) -> None:
        try:
            self._file.write(event)
        except OSError:  # a full disk: the stream reports it, once
            self._end()
            raise
        self._count += 1
        if self._flush is None and not self._over:
            self._flush = self._scheduler.schedule_relative(_FLUSH_AFTER, self._flush_now)

    def _flush_now(self, _scheduler: abc.SchedulerBase, _state: object = None) -> None:
        self._flush = None
        if not self._over:
            self._file.flush()

    def _end(self) -> None:
        self._over = True
        if self._flush is not None:
            self._flush.dispose()
        for subscription in self._subscriptions:
            subscription.dispose()
        self._file.close()


def record(source: Socket | Channel, path: str | os.PathLike[str], *, redact: Iterable[str] = SECRETS) -> Recording:
    """Record what a socket sends and receives, its states and its faults, as lines of JSON; passive.

    Arguments:
        source: the socket; or a channel, for the messages of its topic and the states of its socket.
        path: the file; one that is there is appended to, and one whose name ends in ``.gz`` is compressed. What is
            recorded is on disk within a second, so that a crash of the program costs no more than that.
        redact: what the names of secrets contain: values in payloads with such a name are not written, whatever
            their case and depth. Connect params, tokens and headers never are.

    Returns:
        The recording, a disposable and a context manager. It ends by itself when the socket closes.

    Raises:
        RecordingError: the file is there and no recording.
        OSError: the file cannot be opened or written.
        NoEventLoop: the socket has no scheduler, and no event loop runs here.

    Example:
        ```python
        from pathlib import Path
        from tempfile import TemporaryDirectory

        from rxphoenix import Socket, record

        with TemporaryDirectory() as folder:
            async with Socket("ws://localhost:4000/socket") as socket:
                with record(socket, Path(folder) / "session.jsonl") as recording:
                    await socket.channel("room:lobby").push("echo", {"body": "hi"})
            print(recording.path.read_text())
        ```
    """
    socket, topic = (source.socket, source.topic) if isinstance(source, Channel) else (source, None)
    return Recording(socket, topic, path, Redaction(redact))

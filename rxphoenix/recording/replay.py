"""A recording as a transport: the same app runs on it as on the server that was recorded.

What lives here: connections to a recording, and their time. What does not: what is said and answered (``script.py``).
"""

from __future__ import annotations

import math
import os
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable, SerialDisposable

from rxphoenix.client.context import logger
from rxphoenix.errors import ConnectionLost, ConnectionRefused, MalformedFrame
from rxphoenix.protocol.message import CLOSE, ERROR, JOIN, LEAVE, PHOENIX, Frame, Reply
from rxphoenix.recording.file import read
from rxphoenix.recording.script import Answers, Asked, Cue, Cut, Mismatch, Said, Script
from rxphoenix.server.codec import Incoming, codec_for
from rxphoenix.transports.base import CloseRequest, ConnectRequest, Opened, TransportEvent

__all__ = ["AS_FAST_AS_POSSIBLE", "Replay", "replay"]

AS_FAST_AS_POSSIBLE = math.inf
"""The speed at which time that passed in the recording takes none."""

NOT_RECORDED = Reply("error", {"reason": "not in the recording"})
"""What is answered to a message that the recording does not know, unless another answer is given."""

_AT_ONCE = 256
"""How many messages come in one turn of the scheduler, where time takes none."""

_PATIENCE = 1.0
"""Seconds that the app may take for what the recorded one did, where time takes none; then it is another app."""


class Replay:
    """The transport that ``replay`` makes; one for each socket.

    Arguments:
        script: what can be played.
        speed: by how much time runs faster than in the recording.
        otherwise: what is answered to a message that the recording does not know; ``None`` for nothing.
    """

    def __init__(self, script: Script, speed: float, otherwise: Reply | None) -> None:
        self.script = script
        self.speed = speed
        self.otherwise = otherwise
        self.answers = Answers(script)
        self.next_cue = 0
        self.made: Counter[tuple[str, str]] = Counter()
        """How often the app has joined or pushed, by topic and event."""
        self.is_patient = True
        """Whether what the recorded app did is waited for, where time takes none."""
        self._began: datetime | None = None
        self._mismatches: list[Mismatch] = []

    @property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """What the app has sent that the recording does not know; each is logged as a warning, too."""
        return tuple(self._mismatches)

    @property
    def is_over(self) -> bool:
        """Whether all was played."""
        return self.next_cue > len(self.script.cues)

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        """Make the cold observable of one connection to the recording."""

        def subscribe(
            observer: abc.ObserverBase[TransportEvent], _scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            return _Connection(self, request, observer).begin()

        return Observable(subscribe)

    def elapsed(self, scheduler: abc.SchedulerBase) -> float:
        """Where the playing is on the time axis of the script; it begins with the first connection."""
        if self._began is None:
            self._began = scheduler.now
        if self.speed == AS_FAST_AS_POSSIBLE:
            cues = self.script.cues
            return cues[self.next_cue].at if self.next_cue < len(cues) else self.script.length
        return (scheduler.now - self._began).total_seconds() * self.speed

    def tell(self, mismatch: Mismatch) -> None:
        """Note what does not match."""
        self._mismatches.append(mismatch)
        what = "with another payload" if mismatch.recorded is not None else "at all"
        logger.warning(
            "the app has sent %r to %r, which is not in the recording %s", mismatch.event, mismatch.topic, what
        )


class _Connection:
    """One connection to a recording."""

    def __init__(self, replay: Replay, request: ConnectRequest, observer: abc.ObserverBase[TransportEvent]) -> None:
        codec = codec_for(request.address.vsn)
        self._replay = replay
        self._request = request
        self._observer = observer
        self._scheduler = request.scheduler
        self._codec = codec
        self._under_way = CompositeDisposable()
        self._timer = SerialDisposable()
        self._joins: dict[str, Any] = {}
        self._answering = 0
        self._held = False
        self._unread: deque[Frame | ConnectionLost] = deque()
        self._over = False

    def begin(self) -> abc.DisposableBase:
        self._request.closing.listen(self._close)
        self._after(0, self._open)
        return Disposable(self._stop)

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later, unless the connection is over then."""
        timer = SerialDisposable()
        self._under_way.add(timer)

        def run(_scheduler: abc.SchedulerBase, _state: object = None) -> None:
            self._under_way.remove(timer)
            if not self._over:
                action()

        timer.disposable = self._scheduler.schedule_relative(seconds, run)

    def _open(self) -> None:
        if self._codec is None:
            vsn = self._request.address.vsn
            self._end(ConnectionRefused(f"a replay speaks the serializers 1.0.0 and 2.0.0 of Phoenix, not {vsn}"))
            return
        # nothing is lost on the way, so nothing need be noticed
        self._observer.on_next(Opened(self._take, needs_heartbeat=False, hold_back=self._hold_back))
        if self._replay.speed != AS_FAST_AS_POSSIBLE:
            self._skip_what_was_missed()
        self._wait()

    def _close(self, _close: CloseRequest) -> None:
        self._after(0, lambda: self._end(None))

    def _end(self, error: Exception | None) -> None:
        self._stop()
        if error is None:
            self._observer.on_completed()
        else:
            self._observer.on_error(error)

    def _stop(self) -> None:
        self._over = True
        self._timer.dispose()
        self._under_way.dispose()

    # -- what the client reads -----------------------------------------------------------------------------------

    def _arrive(self, event: Frame | ConnectionLost) -> None:
        if self._over:
            return
        if self._held or self._unread:
            self._unread.append(event)
        else:
            self._tell(event)

    def _tell(self, event: Frame | ConnectionLost) -> None:
        if isinstance(event, Frame):
            self._observer.on_next(event)
        else:
            self._end(event)

    def _hold_back(self, held: bool) -> None:
        self._held = held
        if not held and not self._over:
            self._after(0, self._read_on)

    def _read_on(self) -> None:
        while self._unread and not self._held and not self._over:
            self._tell(self._unread.popleft())
        if self._replay.speed == AS_FAST_AS_POSSIBLE:
            self._wait()

    # -- what the server says by itself --------------------------------------------------------------------------

    def _skip_what_was_missed(self) -> None:
        """What was said while nobody was connected is lost, as it is with a server."""
        replay = self._replay
        now, cues = replay.elapsed(self._scheduler), replay.script.cues
        while replay.next_cue < len(cues) and cues[replay.next_cue].at < now:
            replay.next_cue += 1

    def _wait(self) -> None:
        """Wait for the next cue."""
        replay = self._replay
        if self._over or replay.is_over:
            return
        cues = replay.script.cues
        if replay.speed == AS_FAST_AS_POSSIBLE:
            if self._held:
                return  # it goes on when the client reads
            self._timer.disposable = self._scheduler.schedule(self._play_fast)
            return
        at = cues[replay.next_cue].at if replay.next_cue < len(cues) else replay.script.length
        seconds = max(0.0, at - replay.elapsed(self._scheduler)) / replay.speed
        self._timer.disposable = self._scheduler.schedule_relative(seconds, self._play)

    def _play(self, _scheduler: abc.SchedulerBase, _state: object = None) -> None:
        """Let come what is due."""
        replay = self._replay
        cues = replay.script.cues
        due = cues[replay.next_cue].at if replay.next_cue < len(cues) else replay.script.length
        while replay.next_cue < len(cues) and not self._over and cues[replay.next_cue].at <= due:
            self._take_cue(cues[replay.next_cue])
        if replay.next_cue == len(cues) and not self._over and due >= replay.script.length:
            self._finish()
        self._wait()

    def _play_fast(self, _scheduler: abc.SchedulerBase, _state: object = None) -> None:
        """Let come what the app is ready for."""
        if self._answering:
            return  # it goes on with the answer
        replay = self._replay
        cues = replay.script.cues
        last = min(len(cues), replay.next_cue + _AT_ONCE)
        while replay.next_cue < last and not self._over and not self._held:
            cue = cues[replay.next_cue]
            if self._is_awaited(cue):
                self._timer.disposable = self._scheduler.schedule_relative(_PATIENCE, self._lose_patience)
                return
            self._take_cue(cue)
        if replay.next_cue == len(cues) and not self._over and not self._held:
            self._finish()
        self._wait()

    def _is_awaited(self, cue: Cue) -> bool:
        """Whether the app is still to do what the recorded one did."""
        replay = self._replay
        return isinstance(cue, Asked) and replay.is_patient and not replay.made[cue.topic, cue.event]

    def _lose_patience(self, _scheduler: abc.SchedulerBase, _state: object = None) -> None:
        self._replay.is_patient = False
        self._wait()

    def _take_cue(self, cue: Cue) -> None:
        replay = self._replay
        replay.next_cue += 1
        match cue:
            case Asked(_, topic, event):
                replay.made[topic, event] -= 1
            case Cut(_, reason):
                self._arrive(ConnectionLost(reason))
            case Said():
                self._say(cue)

    def _say(self, cue: Said) -> None:
        message = cue.message
        if message.topic not in self._joins:
            return
        codec, join_ref = self._codec, self._joins[message.topic]
        assert codec is not None
        payload = message.payload if message.json is None else message.json
        if message.event in (CLOSE, ERROR):
            del self._joins[message.topic]
            self._arrive(codec.ending(join_ref, message.topic, message.event, payload))
        elif message.join_ref is None:
            self._arrive(codec.broadcast(message.topic, message.event, payload))
        else:
            self._arrive(codec.push(join_ref, message.topic, message.event, payload))

    def _finish(self) -> None:
        """The recording is over: the server ends all channels, so that their streams complete."""
        self._replay.next_cue += 1
        codec = self._codec
        assert codec is not None
        joins, self._joins = self._joins, {}
        for topic, join_ref in joins.items():
            self._arrive(codec.ending(join_ref, topic, CLOSE, {}))

    # -- what it answers -----------------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        """A frame of the client."""
        if self._over or self._codec is None:
            return
        try:
            incoming = self._codec.decode(frame)
        except MalformedFrame:
            self._after(0, lambda: self._end(ConnectionLost("the client has sent what is no message", code=1011)))
            return
        if incoming.topic == PHOENIX or incoming.event == LEAVE:
            self._reply(incoming, Reply("ok", {}))
        elif self._replay.is_over and incoming.event == JOIN:
            self._reply(incoming, Reply("error", {"reason": "the recording has ended"}))
        else:
            self._ask(incoming)

    def _ask(self, incoming: Incoming) -> None:
        """Answer what the recorded server has answered."""
        replay = self._replay
        replay.made[incoming.topic, incoming.event] += 1
        answer, mismatch = replay.answers.answer(incoming.topic, incoming.event, incoming.payload)
        if mismatch is not None:
            replay.tell(mismatch)
        if answer is None:
            self._reply(incoming, replay.otherwise)
        else:
            self._reply(incoming, answer.reply, answer.after / replay.speed)

    def _reply(self, incoming: Incoming, reply: Reply | None, seconds: float = 0.0) -> None:
        if reply is not None:
            self._answering += 1
            self._after(seconds, lambda: self._answer(incoming, reply))
        elif self._replay.speed == AS_FAST_AS_POSSIBLE:
            self._wait()

    def _answer(self, incoming: Incoming, reply: Reply) -> None:
        codec = self._codec
        assert codec is not None
        self._answering -= 1
        topic = incoming.topic
        self._arrive(codec.reply(incoming.join_ref, incoming.ref, topic, reply.status, reply.response))
        if incoming.event == JOIN and reply.status == "ok":
            self._joins[topic] = incoming.join_ref
        elif incoming.event == LEAVE and self._joins.get(topic) == incoming.join_ref:
            del self._joins[topic]
            self._arrive(codec.ending(incoming.join_ref, topic, CLOSE, {}))
        if self._replay.speed == AS_FAST_AS_POSSIBLE:
            self._wait()


def replay(path: str | os.PathLike[str], *, speed: float = 1.0, otherwise: Reply | None = NOT_RECORDED) -> Replay:
    """Play a recording: a transport, so that the same app runs on it as on the server that was recorded.

    What the server said by itself comes when it came, on the topics that the app has joined by then; the link is lost
    when it was. Joins and pushes of the app are answered as the same ones were, after as long as it took; what is not
    in the recording is told. At the end the server ends all channels, so that their streams complete. All time is that
    of the socket's scheduler, so a recording plays in virtual time, too.

    Arguments:
        path: the recording.
        speed: by how much time runs faster than in the recording; ``AS_FAST_AS_POSSIBLE`` lets it take none.
        otherwise: what is answered to a join or push that the recording does not know; ``None`` for nothing.

    Returns:
        The transport, for ``Socket(transport=...)``; one for each socket. Its ``mismatches`` are what the app has sent
        that is not in the recording.

    Raises:
        RecordingError: it is no recording, or damaged.
        OSError: it cannot be opened.
        ValueError: the speed is not a positive number.

    Example:
        ```python
        from pathlib import Path
        from tempfile import TemporaryDirectory

        from reactivex import operators as ops
        from rxphoenix import AS_FAST_AS_POSSIBLE, Socket, record, replay

        async def celsius(socket):
            readings = socket.channel("sensor:kitchen").on("reading")
            return await readings.pipe(ops.map(lambda reading: reading["celsius"]), ops.take(3), ops.to_list())

        with TemporaryDirectory() as folder:
            path = Path(folder) / "session.jsonl"
            async with Socket("ws://localhost:4000/socket") as socket:
                with record(socket, path):
                    measured = await celsius(socket)
            async with Socket("ws://nowhere/socket", transport=replay(path, speed=AS_FAST_AS_POSSIBLE)) as socket:
                assert await celsius(socket) == measured
        ```
    """
    if not (isinstance(speed, (int, float)) and speed > 0):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"speed must be a positive number, not {speed!r}; 2.0 plays twice as fast")
    return Replay(Script(read(path)), speed, otherwise)

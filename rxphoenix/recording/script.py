"""A recording as a play: what the server said by itself and when, when the link was cut, and what it answered to what.

Theory of operation
-------------------
A recording has one time axis, which begins when its connection first opened; the sessions of a file that was appended
to follow each other without a pause. On it stand the *cues*: what the server said unasked, each loss of the link, and
what the client asked for. The latter is not repeated, since the app that plays does that itself: its joins and pushes
are answered as the same ones were in the recording, after as long as it took then, whenever they come.

A message is *the same* if topic, event and payload are. Each recorded one answers once, the earliest first; a join for
which none is left is answered as the last one of its topic was. A push of which only the payload differs is answered by
what the recording has for its topic and event, and that is told; so is whatever the recording knows nothing of.

What lives here: cues and answers. What does not: time, and connections (``replay.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from rxphoenix.client.reply import read_reply
from rxphoenix.errors import MalformedFrame
from rxphoenix.protocol.message import JOIN, LEAVE, PHOENIX, REPLY, Message, Payload, Reply
from rxphoenix.recording.events import Began, Ended, Event, Faulted, Received, Sent, StateChanged
from rxphoenix.recording.redaction import Redaction

__all__ = ["Answer", "Answers", "Asked", "Cue", "Cut", "Mismatch", "Said", "Script"]


class Said(msgspec.Struct, frozen=True):
    """The server says something by itself.

    Arguments:
        at: seconds on the time axis.
        message: what; its ``join_ref`` is that of the recording, ``None`` for a broadcast.
    """

    at: float
    message: Message


class Cut(msgspec.Struct, frozen=True):
    """The link is lost.

    Arguments:
        at: seconds on the time axis.
        reason: why, in words.
    """

    at: float
    reason: str


class Asked(msgspec.Struct, frozen=True):
    """The app that was recorded joined, or pushed; who takes no time for time waits for the one that plays to do so.

    Arguments:
        at: seconds on the time axis.
        topic: the topic.
        event: the event.
    """

    at: float
    topic: str
    event: str


Cue: TypeAlias = Said | Cut | Asked


class Answer(msgspec.Struct, frozen=True):
    """What a message was answered.

    Arguments:
        reply: the reply; ``None`` where none came.
        after: seconds from the message to the reply.
    """

    reply: Reply | None
    after: float


class Mismatch(msgspec.Struct, frozen=True):
    """Something that an app sent and that the recording does not know.

    Arguments:
        topic: its topic.
        event: its event.
        payload: what was sent.
        recorded: the payload of the one whose answer it got, ``None`` where there is none for that topic and event.
    """

    topic: str
    event: str
    payload: Payload
    recorded: Payload | None


class _Recorded(msgspec.Struct):
    """A message of the client, and what became of it."""

    at: float
    message: Message
    reply: Message | None = None
    after: float = 0.0

    def answer(self) -> Answer:
        if self.reply is None:
            return Answer(None, 0.0)
        try:
            reply = read_reply(self.reply)
        except MalformedFrame:
            return Answer(None, 0.0)
        return Answer(reply, self.after)


class _OnWire:
    """What was under way on a recorded connection."""

    def __init__(self) -> None:
        self.awaited: dict[str, _Recorded] = {}
        self.joins: dict[str, str] = {}
        """The latest join of each topic, by its ref; none that could be one after a leave."""


class Script:
    """What can be played of a recording.

    Arguments:
        events: the recording, as ``read`` gives it.

    Example:
        ```python
        from rxphoenix import Message
        from rxphoenix.recording.events import Began, Received, Sent, StateChanged
        from rxphoenix.recording.script import Script

        script = Script(
            [
                Began("2026-11-25T09:30:00+00:00", "ws://localhost:4000/socket"),
                StateChanged(0.5, "open"),
                Sent(0.5, Message("1", "1", "room:a", "phx_join", {})),
                Received(2.5, Message("1", None, "room:a", "news", {"n": 1})),
            ]
        )
        assert [(type(cue).__name__, cue.at) for cue in script.cues] == [("Asked", 0.0), ("Said", 2.0)]
        ```
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.cues: list[Cue] = []
        self.length = 0.0
        """Seconds from the first opening to the end."""
        self.topics: set[str] = set()
        """The topics that something was said on, or that were joined."""
        self.sent: list[_Recorded] = []
        self._read(events)

    def _read(self, events: Iterable[Event]) -> None:
        offset: float | None = None  # from the instants of the session to those of the axis
        begins = 0.0  # where the session begins on the axis
        state = ""
        on_wire = _OnWire()
        for event in events:
            if isinstance(event, Began):
                begins, offset, state, on_wire = self.length, None, "", _OnWire()
                continue
            if isinstance(event, Faulted):
                cut = self.cues[-1] if self.cues else None
                if event.topic is None and isinstance(cut, Cut):
                    self.cues[-1] = Cut(cut.at, event.text)
                continue
            if isinstance(event, StateChanged) and event.state == "open" and offset is None:
                offset = begins - event.at
            if offset is None:
                continue
            at = event.at + offset
            self.length = max(self.length, at)
            match event:
                case StateChanged(_, new):
                    if state == "open" and new in ("closed", "connecting"):
                        self.cues.append(Cut(at, "connection lost"))
                    if new == "connecting":
                        on_wire = _OnWire()
                    state = new
                case Sent(_, message):
                    self._note_sent(at, message, on_wire)
                case Received(_, message):
                    self._note_received(at, message, on_wire)
                case Ended():
                    pass

    def _note_sent(self, at: float, message: Message, on_wire: _OnWire) -> None:
        if message.topic == PHOENIX:
            return
        if message.event == LEAVE:
            on_wire.joins[message.topic] = ""  # what comes now answers the client, which the app that plays is not
            return
        recorded = _Recorded(at, message)
        self.sent.append(recorded)
        self.cues.append(Asked(at, message.topic, message.event))
        self.topics.add(message.topic)
        if message.ref is not None:
            on_wire.awaited[message.ref] = recorded
            if message.event == JOIN:
                on_wire.joins[message.topic] = message.ref

    def _note_received(self, at: float, message: Message, on_wire: _OnWire) -> None:
        if message.event == REPLY:
            recorded = on_wire.awaited.pop(message.ref or "", None)
            if recorded is not None:
                recorded.reply, recorded.after = message, at - recorded.at
            return
        is_current = message.join_ref in (None, on_wire.joins.get(message.topic, message.join_ref))
        if is_current and message.topic != PHOENIX:
            self.topics.add(message.topic)
            self.cues.append(Said(at, message))


class Answers:
    """What one playing of a script answers; each recorded message answers once.

    Arguments:
        script: the script.
    """

    def __init__(self, script: Script) -> None:
        self._topics = script.topics
        self._left: dict[tuple[str, str], list[_Recorded]] = {}
        self._last_join: dict[str, _Recorded] = {}
        self._redaction = Redaction()
        for recorded in script.sent:
            self._left.setdefault((recorded.message.topic, recorded.message.event), []).append(recorded)

    def answer(self, topic: str, event: str, payload: Payload) -> tuple[Answer | None, Mismatch | None]:
        """The answer to a message, if the recording has one, and what does not match.

        A join of a topic that was joined before the recording began is accepted.
        """
        left = self._left.get((topic, event), [])
        # secrets are not in the recording, so they are not compared
        clean = self._redaction.of(Message(None, None, topic, event, payload)).payload
        recorded = next((each for each in left if each.message.payload == clean), left[0] if left else None)
        if recorded is not None:
            left.remove(recorded)
        elif event == JOIN:
            recorded = self._last_join.get(topic)
            if recorded is None and topic in self._topics:
                return Answer(Reply("ok", {}), 0.0), None
        if recorded is None:
            return None, Mismatch(topic, event, payload, None)
        if event == JOIN:
            self._last_join[topic] = recorded
        differs = recorded.message.payload != clean
        return recorded.answer(), Mismatch(topic, event, payload, recorded.message.payload) if differs else None

"""``rxphoenix replay``: a recording, shown as ``tail`` shows what comes.

What lives here: going through a recording in its time, or in none. What does not: how it looks (``lines.py``), and a
server that plays it (``stage.py``).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta

from rich.status import Status

from rxphoenix import Message
from rxphoenix.cli.live.items import Choice
from rxphoenix.cli.live.lines import Lines
from rxphoenix.cli.live.notes import Notes
from rxphoenix.cli.statuses import ENDED
from rxphoenix.recording.events import Began, Ended, Event, Faulted, Received, Sent, StateChanged

__all__ = ["show"]

_AT_ONCE = 1000
"""How many events are shown before Ctrl-C is listened to again, where time takes none."""


async def show(events: Iterable[Event], speed: float, choice: Choice, lines: Lines, notes: Notes) -> int:
    """Show a recording.

    Arguments:
        events: the recording, as ``read`` gives it.
        speed: by how much time runs faster than in the recording; infinity lets it take none.
        choice: what is shown.
        lines: where it is shown.
        notes: where states and faults are told, and progress where a person looks at nothing else.

    Returns:
        The exit status.

    Raises:
        RecordingError: it is damaged.
    """
    player = _Player(choice, lines, notes)
    loop = asyncio.get_running_loop()
    started, before, at = loop.time(), 0.0, 0.0
    with _progress(lines, notes) as status:
        for number, event in enumerate(events, 1):
            if isinstance(event, Began):
                before += at  # the sessions of a file follow each other without a pause
                at = 0.0
            else:
                at = event.at
            due = started + (before + at) / speed
            if not math.isinf(speed) and due > loop.time():
                await asyncio.sleep(due - loop.time())
            elif number % _AT_ONCE == 0:
                await asyncio.sleep(0)
                if status is not None:
                    status.update(f"{number} events")
            player.play(event)
    return ENDED


def _progress(lines: Lines, notes: Notes) -> AbstractContextManager[Status | None]:
    """Progress, unless what is shown is progress enough."""
    if lines.console is not None or not notes.console.is_terminal:
        return nullcontext()
    return notes.console.status("0 events")


class _Player:
    """Shows one event after the other."""

    def __init__(self, choice: Choice, lines: Lines, notes: Notes) -> None:
        self._choice = choice
        self._lines = lines
        self._notes = notes
        self._began = datetime.min.replace(tzinfo=UTC)
        self._joins: dict[str, str] = {}
        """The topics of the joins that wait for their answers, by ref."""
        self._topics: set[str] = set()
        """The topics that are joined."""

    def play(self, event: Event) -> None:
        match event:
            case Began(began, endpoint, _):
                self._began = datetime.fromisoformat(began)
                self._notes.tell("recorded", f"{self._began.astimezone():%Y-%m-%d %H:%M:%S}, {endpoint}")
            case StateChanged(_, state):
                self._notes.state("connection", state)
                if state != "open":
                    self._lose()
            case Faulted(_, topic, _, error, text):
                self._notes.tell(topic or "connection", text or error, "red")
            case Sent(_, message):
                if message.event == "phx_join" and message.ref is not None:
                    self._joins[message.ref] = message.topic
            case Received(at, message):
                self._receive(message, self._began + timedelta(seconds=at))
            case Ended():
                self._lose()

    def _receive(self, message: Message, at: datetime) -> None:
        if message.event == "phx_reply" and message.ref in self._joins:
            topic, payload = self._joins.pop(message.ref), message.payload
            is_accepted = isinstance(payload, dict) and payload.get("status") == "ok"  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            self._notes.state(topic, "joined" if is_accepted else "join refused")
            if is_accepted:
                self._topics.add(topic)
        elif message.event in ("phx_close", "phx_error") and message.topic in self._topics:
            self._topics.discard(message.topic)
            self._choice.lost(message.topic)
            self._notes.state(message.topic, "closed" if message.event == "phx_close" else "errored")
        for item in self._choice.of(message, at):
            self._lines.show(item)

    def _lose(self) -> None:
        self._joins.clear()
        for topic in self._topics:
            self._choice.lost(topic)
        self._topics.clear()

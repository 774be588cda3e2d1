"""A recording as a marble file: what once happened, drawn, to become a test.

What lives here: choosing lanes and instants. What does not: recordings (``rxphoenix.recording``), printing drawings
(``printing.py``) and running them (``marble_run.py``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from rxphoenix.protocol.message import CLOSE, ERROR, Message
from rxphoenix.recording.file import read
from rxphoenix.recording.script import Cut, Said, Script
from rxphoenix.testing.drawing import Completed, Drawing, Instant, Mark, Next
from rxphoenix.testing.marble_file import WHEN
from rxphoenix.testing.printing import duration_text, frame_of, render, symbols_for

__all__ = ["to_marbles"]

_SOON = '{"reconnect_after": lambda attempt, error: 0.0, "rejoin_after": lambda attempt, error: 0.0}'
"""What was lost is there again in the next frame: nothing was said in the meantime, or it would not be recorded."""


def to_marbles(path: str | os.PathLike[str], *, frame: float = 0.01) -> str:
    """Draw a recording: the text of a marble file that passes, to be cut down to what a test is about.

    Under ``given`` it has a lane for each topic with what the server said, and one for lost connections; under ``when``
    each topic's channel; under ``then`` what its subscriber has seen. Replies to pushes are not drawn, nor are topics
    that nothing was said on.

    Arguments:
        path: the recording.
        frame: how long a character of the drawing lasts, in seconds. Instants are rounded to it, and what follows a
            lost connection or a crash comes at least a frame later.

    Returns:
        The text, for a file that ends in ``.marble``.

    Raises:
        RecordingError: it is no recording, or damaged.
        OSError: it cannot be opened.
        ValueError: nothing was said on any topic, a topic's name has a space, or the frame is not a whole number of
            microseconds.

    Example:
        ```python
        from pathlib import Path
        from tempfile import TemporaryDirectory

        from rxphoenix.testing import to_marbles

        lines = [
            '{"recording":1,"began":"2026-11-25T09:30:00+00:00","endpoint":"ws://localhost:4000/socket"}',
            '{"at":0.0,"state":"open"}',
            '{"at":0.0,"sent":["1","1","room:a","phx_join",{}]}',
            '{"at":0.031,"received":["1",null,"room:a","news",{"n":1}]}',
        ]
        with TemporaryDirectory() as folder:
            path = Path(folder) / "session.jsonl"
            path.write_text("".join(f"{line}{chr(10)}" for line in lines))
            print(to_marbles(path))
        ```
    """
    return _Drawn(Script(read(path)), frame_of(frame)).text(Path(path).name)


class _Drawn:
    """The lanes of a script."""

    def __init__(self, script: Script, frame: Instant) -> None:
        self._frame = frame
        self._said: dict[str, list[Mark]] = {}
        self._seen: dict[str, list[Mark]] = {}
        self._drops: list[Mark] = []
        self._is_mended = False
        self._take(script)
        if not self._said:
            raise ValueError("the server has said nothing on any topic in this recording, so there is nothing to draw")
        for topic in self._said:
            if not topic or any(each.isspace() for each in topic):
                raise ValueError(f"the topic {topic!r} cannot name a lane, because it has a space in it")

    def _take(self, script: Script) -> None:
        last, earliest = 0, self._frame  # at zero the topics are joined
        ended: set[str] = set()
        for cue in script.cues:
            instant = max(earliest, round(cue.at * 1_000_000 / self._frame) * self._frame)
            match cue:
                case Cut():
                    instant = max(instant, last + self._frame)
                    self._drops.append(Next(instant, "lost()", "x"))
                    self._is_mended, earliest = True, instant + self._frame
                case Said(_, message) if message.topic not in ended:
                    if message.event in (CLOSE, ERROR):
                        instant = max(instant, last + self._frame)
                        earliest = instant + self._frame
                    self._say(instant, message)
                    if message.event == CLOSE:
                        ended.add(message.topic)
                case _:
                    continue
            last = instant

    def _say(self, instant: Instant, message: Message) -> None:
        said, seen = self._said.setdefault(message.topic, []), self._seen.setdefault(message.topic, [])
        if message.event == CLOSE:
            said.append(Next(instant, "close", "x"))
            seen.append(Completed(instant))
        elif message.event == ERROR:
            said.append(Next(instant, "crash", "x"))
            self._is_mended = True
        else:
            words = f"({message.event!r}, {message.payload!r})"
            said.append(Next(instant, f"event{words}", _initial(message.event)))
            seen.append(Next(instant, f"message{words}", _initial(message.event).upper()))

    def text(self, name: str) -> str:
        """The text of the file."""
        marks = [mark for lane in (*self._said.values(), *self._seen.values(), self._drops) for mark in lane]
        drawing = Drawing(tuple(marks), frame=self._frame)
        ordered = sorted((mark for mark in marks if isinstance(mark, Next)), key=lambda mark: mark.instant)
        symbols = {symbol: mark.value for symbol, mark in zip(symbols_for(drawing), ordered, strict=True)}

        def lane(kind: str, of: str, marks: Iterable[Mark]) -> tuple[str, str, str]:
            return kind, of, render(Drawing(tuple(marks), frame=self._frame), symbols=symbols) or "-"

        names = _names(self._said)
        given = [lane("phoenix", topic, said) for topic, said in self._said.items()]
        given += [lane("drops", "", self._drops)] if self._drops else []
        then = [lane("observed", names[topic], seen) for topic, seen in self._seen.items()]
        streams = [f"  {names[topic]} = channel({topic!r})" for topic in self._said]
        if len(names) == 1:
            streams = [f"  channel({topic!r})" for topic in self._said]
        return "\n".join(
            [
                f"What the server said in {name}.",
                "",
                "given",
                f"  frame  {duration_text(self._frame)}",
                *_table(given),
                "when",
                *streams,
                *([f"  options  {_SOON}"] if self._is_mended else []),
                "then",
                *_table(then),
                "where",
                *(f"  {symbol} = {source}" for symbol, source in symbols.items()),
                "",
            ]
        )


def _initial(event: str) -> str:
    """What a drawing shows for an event, if that is still free."""
    return event[:1] if re.fullmatch(r"[a-zA-Z]", event[:1]) else ""


def _names(topics: Iterable[str]) -> dict[str, str]:
    """A name for the stream of each topic, none where there is one only."""
    given = list(topics)
    if len(given) == 1:
        return {given[0]: ""}
    names: dict[str, str] = {}
    for topic in given:
        name = re.sub(r"[^a-z0-9]+", "_", topic.lower()).strip("_")
        if not re.fullmatch(r"[a-z][a-z0-9_]+", name) or name in WHEN:
            name = f"topic_{name}".rstrip("_")
        taken, number = name, 1
        while taken in names.values():
            number += 1
            taken = f"{name}_{number}"
        names[topic] = taken
    return names


def _table(lanes: list[tuple[str, str, str]]) -> list[str]:
    """Lanes with their drawings one below the other."""
    heads = [f"  {kind:<8}  {of}" if of else f"  {kind}" for kind, of, _ in lanes]
    width = max(map(len, heads))
    return [f"{head:<{width}}  {drawing}" for head, (_, _, drawing) in zip(heads, lanes, strict=True)]

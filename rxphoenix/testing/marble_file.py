"""The text of a marble file: at once a test and a figure.

```text
A shared join.

Two subscriptions to a topic share one join; the last one to go leaves.     the description, for the figure

given
  phoenix  room:a      ----n------      what happens outside: lanes, one a line
when
  first = channel("room:a").on("news")  what is subscribed: one expression, or several with names;
  second = channel("room:a")            lines that are indented deeper belong to the one above
  subscribed  first    ^-----!          when it is subscribed and disposed, at once and never unless it is drawn
  subscribed  second   --^--!
  calls                --------d        what is called by hand
  options  {"linger": 0.01}             options of the socket
then
  observed  first      ----n--          what is expected: lanes again
  observed  second     ----m
  sent                 j----------l
where
  n = {"body": "hello"}                 what the letters stand for
  m = message("news", {"body": "hello"})
  j = "phx_join"
  l = "phx_leave"
  d = disconnect()
# a comment
```

A lane is a word that says what it is, a name where it needs one, and a drawing. Under ``given`` there may also be
``server``, options of the server, and ``frame``, how long a character lasts (1 ms unless told otherwise). What a
value's expression may use is the business of who runs the file.

What lives here: reading the text, with the place of every mistake. What does not: running it (``marble_run.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from rxphoenix.testing.printing import PROGRESSION, UNITS, can_stand_for_a_value

__all__ = ["GIVEN", "THEN", "ExpressionText", "Lane", "MarbleFile", "MarbleFileError", "StreamText", "read"]

SECTIONS: Final = ("given", "when", "then", "where")
GIVEN: Final = {
    "phoenix": True, "joins": True, "replies": True, "hot": True, "cold": True,
    "connects": False, "longpoll": False, "drops": False, "hangs": False, "writes": False, "machine": False,
}  # fmt: skip
"""The lanes of what happens outside, and whether each needs a name."""

WHEN: Final = ("calls", "options", "subscribed")
"""The words under ``when`` that begin no expression."""

THEN: Final = {
    "observed": False, "sent": False, "frames": False, "state": False, "errors": False, "attempts": False,
    "channel": True, "subscriptions": True,
}  # fmt: skip
"""The lanes of what is expected, and whether each needs a name; those of streams do where the streams have names."""

_VALUE = re.compile(r"(?P<symbol>\S)\s*=\s*(?P<expression>\S.*)$", re.DOTALL)
_NAMED = re.compile(r"(?P<name>[a-z][a-z0-9_]+)\s*=(?!=)\s*(?P<expression>\S.*)?$", re.DOTALL)


class MarbleFileError(ValueError):
    """A marble file that cannot be read or run.

    Arguments:
        path: the file's name, as it was given.
        line: the line, counted from 1.
        column: the column, counted from 1.
        text: the line's text.
        problem: what is wrong, and what was expected.
    """

    def __init__(self, path: str, line: int, column: int, text: str, problem: str) -> None:
        super().__init__(f"{path}:{line}:{column}: {problem}\n  {text}\n  {' ' * (column - 1)}^")
        self.path = path
        self.line = line
        self.column = column
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane: what it is, of what, its drawing, and where it stands."""

    kind: str
    name: str
    drawing: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class ExpressionText:
    """An expression, and where it stands."""

    source: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class StreamText:
    """Something that is subscribed.

    Arguments:
        name: what it is called, ``""`` where it is the only one.
        expression: what it is.
        subscribed: when it is subscribed and disposed, if that is drawn.
    """

    name: str
    expression: ExpressionText
    subscribed: Lane | None


@dataclass(frozen=True, slots=True)
class MarbleFile:
    """What a marble file says, before anything is run.

    Arguments:
        path: its name.
        title: its first line.
        description: the paragraphs below, joined by blank lines.
        frame: how long one character of its drawings lasts, in seconds.
        given: what happens outside.
        server: the options of the server, if there are any.
        streams: what is subscribed.
        calls: the drawing of what is called by hand, if there is one.
        options: the options of the socket, if there are any.
        then: what is expected.
        values: what each symbol stands for.
        lines: the text, for error messages.
    """

    path: str
    title: str
    description: str
    frame: float
    given: tuple[Lane, ...]
    server: ExpressionText | None
    streams: tuple[StreamText, ...]
    calls: Lane | None
    options: ExpressionText | None
    then: tuple[Lane, ...]
    values: dict[str, ExpressionText]
    lines: tuple[str, ...]

    def mistake(self, line: int, column: int, problem: str) -> MarbleFileError:
        """An error at a place of this file."""
        return MarbleFileError(self.path, line, column, self.lines[line - 1], problem)


def read(text: str, path: str = "<marbles>") -> MarbleFile:
    """Read a marble file.

    Arguments:
        text: its text.
        path: its name, for messages.

    Raises:
        MarbleFileError: it is not in the form of one; the message shows the place and what was expected.

    Example:
        ```python
        from rxphoenix.testing.marble_file import read

        file = read('''Doubled.

        given
          hot  numbers  -a-b-
        when
          numbers.pipe(ops.map(lambda n: n * 2))
        then
          observed  -c-d-
        where
          a = 1
          b = 2
          c = 2
          d = 4
        ''')
        assert file.title == "Doubled."
        assert file.given[0].drawing == "-a-b-"
        ```
    """
    return _Reader(text, path).read()


class _Reader:
    def __init__(self, text: str, path: str) -> None:
        self._path = path
        self._lines = tuple(text.splitlines())
        self._sections: dict[str, list[tuple[int, str]]] = {name: [] for name in SECTIONS}
        self._seen: list[str] = []

    def read(self) -> MarbleFile:
        heading = self._split()
        title = heading[0] if heading else ""
        paragraphs = "\n".join(heading[1:]).strip()
        frame, server, given = self._given()
        streams, calls, options = self._when()
        return MarbleFile(
            path=self._path,
            title=title,
            description=re.sub(r"\n{3,}", "\n\n", paragraphs),
            frame=frame,
            given=given,
            server=server,
            streams=streams,
            calls=calls,
            options=options,
            then=self._then(tuple(stream.name for stream in streams)),
            values=self._values(),
            lines=self._lines,
        )

    def _mistake(self, line: int, column: int, problem: str) -> MarbleFileError:
        text = self._lines[line - 1] if 0 < line <= len(self._lines) else ""
        return MarbleFileError(self._path, line, column, text, problem)

    # -- sections ------------------------------------------------------------------------------------------------

    def _split(self) -> list[str]:
        heading: list[str] = []
        for number, text in enumerate(self._lines, 1):
            stripped = text.strip()
            if stripped.startswith("#") and not _VALUE.match(stripped):
                continue
            if stripped in SECTIONS:
                self._open(stripped, number, text)
            elif not self._seen:
                heading.append(stripped)
            elif stripped:
                self._sections[self._seen[-1]].append((number, text))
        while heading and not heading[0]:
            heading.pop(0)
        for needed in ("when", "then"):
            if needed not in self._seen:
                raise self._mistake(max(1, len(self._lines)), 1, f"expected a section {needed!r}, the file has none")
        return heading

    def _open(self, section: str, number: int, text: str) -> None:
        column = text.index(section) + 1
        if section in self._seen:
            raise self._mistake(number, column, f"a second section {section!r}; expected one of each")
        expected = [
            name for name in SECTIONS if not self._seen or SECTIONS.index(name) > SECTIONS.index(self._seen[-1])
        ]
        if section not in expected:
            raise self._mistake(number, column, f"{section!r} comes too late; the order is {', '.join(SECTIONS)}")
        self._seen.append(section)

    def _entries(self, section: str) -> Iterator[ExpressionText]:
        """What a section says, one thing after the other: lines that are indented deeper belong to the one above."""
        base: int | None = None
        entry: ExpressionText | None = None
        for number, text in self._sections[section]:
            indent = len(text) - len(text.lstrip())
            base = indent if base is None else base
            if entry is not None and (indent > base or text.strip()[0] in ")]}"):
                entry = ExpressionText(
                    f"{entry.source}\n{text[min(base, indent) :].rstrip()}", entry.line, entry.column
                )
                continue
            if entry is not None:
                yield entry
            entry = ExpressionText(text.strip(), number, indent + 1)
        if entry is not None:
            yield entry

    # -- lanes ---------------------------------------------------------------------------------------------------

    def _lane(self, number: int, text: str, words: dict[str, bool], names: tuple[str, ...] = ("",)) -> Lane:
        kind, _, rest = text.strip().partition(" ")
        column = text.index(kind) + 1
        if kind not in words:
            raise self._mistake(number, column, f"expected a lane: one of {', '.join(sorted(words))}, not {kind!r}")
        of_stream = kind in ("observed", "subscribed") and names != ("",)
        named = words[kind] or of_stream
        name, drawing = "", rest.strip()
        if named:
            name, _, drawing = drawing.partition(" ")
            drawing = drawing.strip()
        if not drawing:
            raise self._mistake(number, column, f"the lane {kind!r} needs {'a name and ' if named else ''}a drawing")
        if of_stream and name not in names:
            raise self._mistake(number, column, f"there is no stream {name!r}, only {', '.join(names)}")
        return Lane(kind, name, drawing, number, text.rindex(drawing) + 1)

    def _given(self) -> tuple[float, ExpressionText | None, tuple[Lane, ...]]:
        frame, server, lanes = 0.001, None, list[Lane]()
        for number, text in self._sections["given"]:
            word, _, rest = text.strip().partition(" ")
            column = text.rindex(rest.strip()) + 1
            if word == "frame":
                frame = self._frame(number, column, rest.strip())
            elif word == "server":
                server = ExpressionText(rest.strip(), number, column)
            else:
                lanes.append(self._lane(number, text, GIVEN))
        return frame, server, tuple(lanes)

    def _frame(self, number: int, column: int, text: str) -> float:
        found = PROGRESSION.fullmatch(text)
        frame = 0 if found is None else Fraction(found["number"]) * UNITS[found["unit"]]
        if frame < 1 or frame != int(frame):
            raise self._mistake(number, column, f"expected how long a frame lasts, such as 10ms or 1s, not {text!r}")
        return int(frame) / 1_000_000

    def _when(self) -> tuple[tuple[StreamText, ...], Lane | None, ExpressionText | None]:
        calls: Lane | None = None
        options: ExpressionText | None = None
        drawn: list[ExpressionText] = []
        expressions: dict[str, ExpressionText] = {}
        for entry in self._entries("when"):
            word, _, rest = entry.source.partition(" ")
            column = entry.column + len(entry.source) - len(rest.lstrip())
            if word == "subscribed":
                drawn.append(entry)
            elif word == "calls":
                calls = self._once(calls, entry) or self._lane(entry.line, self._lines[entry.line - 1], {word: False})
            elif word == "options":
                options = self._once(options, entry) or ExpressionText(rest.lstrip(), entry.line, column)
            else:
                self._stream(entry, expressions)
        if not expressions:
            raise self._mistake(len(self._lines), 1, "expected one expression in the section 'when'")
        subscribed: dict[str, Lane] = {}
        for entry in drawn:
            lane = self._lane(entry.line, self._lines[entry.line - 1], {"subscribed": False}, tuple(expressions))
            if lane.name in subscribed:
                raise self._mistake(entry.line, 1, "a second drawing of the subscription; expected one")
            subscribed[lane.name] = lane
        streams = (StreamText(name, text, subscribed.get(name)) for name, text in expressions.items())
        return tuple(streams), calls, options

    def _once(self, before: Lane | ExpressionText | None, entry: ExpressionText) -> None:
        if before is not None:
            raise self._mistake(entry.line, entry.column, f"a second {entry.source.split()[0]!r}; expected one")

    def _stream(self, entry: ExpressionText, expressions: dict[str, ExpressionText]) -> None:
        found = _NAMED.match(entry.source)
        name = "" if found is None else found["name"]
        source = entry.source if found is None else found["expression"] or ""
        if name in expressions or (expressions and "" in (name, *expressions)):
            problem = f"the stream {name!r} has an expression already" if name else "a second expression"
            raise self._mistake(entry.line, entry.column, f"{problem}; several need names, as in 'first = ...'")
        column = entry.column + (0 if found is None else found.start("expression"))
        expressions[name] = ExpressionText(source, entry.line, column)

    def _then(self, names: tuple[str, ...]) -> tuple[Lane, ...]:
        lanes = tuple(self._lane(line, text, THEN, names) for line, text in self._sections["then"])
        if not lanes:
            raise self._mistake(len(self._lines), 1, "expected at least one lane in the section 'then'")
        return lanes

    # -- values --------------------------------------------------------------------------------------------------

    def _values(self) -> dict[str, ExpressionText]:
        values: dict[str, ExpressionText] = {}
        for entry in self._entries("where"):
            found = _VALUE.match(entry.source)
            if found is None:
                raise self._mistake(entry.line, entry.column, "expected a value: one character, '=' and an expression")
            if found["symbol"] != "#" and not can_stand_for_a_value(found["symbol"]):
                problem = f"{found['symbol']!r} has a meaning of its own in a drawing, and stands for no value"
                raise self._mistake(entry.line, entry.column, problem)
            if found["symbol"] in values:
                raise self._mistake(entry.line, entry.column, f"{found['symbol']!r} has a value already")
            column = entry.column + found.start("expression")
            values[found["symbol"]] = ExpressionText(found["expression"], entry.line, column)
        return values

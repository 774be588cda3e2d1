"""The text of a marble file: at once a test and a figure.

```text
A shared join.

Two subscriptions to a topic share one join; the last one to go leaves.     the description, for the figure

given
  phoenix   room:a  ----n------         what happens outside: lanes, one a line
when
  channel("room:a").on("news")          one expression, from its subscription on
  subscribed        ^-----!             optional: when it is subscribed and disposed
  options           {"linger": 0.01}    optional: options of the socket
then
  observed          ----n--             what is expected: lanes again
  sent              j-----l
where
  n = {"body": "hello"}                 what the letters stand for
  j = join("room:a")
  # = error("JoinRefused", "room:a", {})
# a comment
```

A lane is a word that says what it is, a name where it needs one, and a drawing. What a value's expression may use is
the business of who runs the file.

What lives here: reading the text, with the place of every mistake. What does not: running it (``marble_run.py``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["GIVEN", "THEN", "ExpressionText", "Lane", "MarbleFile", "MarbleFileError", "read"]

SECTIONS: Final = ("given", "when", "then", "where")
GIVEN: Final = {
    "phoenix": True, "joins": True, "replies": True, "hot": True, "cold": True,
    "connects": False, "drops": False, "hangs": False,
}  # fmt: skip
"""The lanes of what happens outside, and whether each needs a name."""

THEN: Final = {"observed": False, "sent": False, "state": False, "channel": True, "subscriptions": True}
"""The lanes of what is expected, and whether each needs a name."""

_VALUE = re.compile(r"(?P<symbol>\S)\s*=\s*(?P<expression>\S.*)$")


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
class MarbleFile:
    """What a marble file says, before anything is run.

    Arguments:
        path: its name.
        title: its first line.
        description: the paragraphs below, joined by blank lines.
        given: what happens outside.
        expression: what is subscribed.
        subscribed: the drawing of its subscription, if there is one.
        options: the options of the socket, if there are any.
        then: what is expected.
        values: what each symbol stands for.
        lines: the text, for error messages.
    """

    path: str
    title: str
    description: str
    given: tuple[Lane, ...]
    expression: ExpressionText
    subscribed: Lane | None
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
        expression, subscribed, options = self._when()
        return MarbleFile(
            path=self._path,
            title=title,
            description=re.sub(r"\n{3,}", "\n\n", paragraphs),
            given=tuple(self._lane(line, text) for line, text in self._sections["given"]),
            expression=expression,
            subscribed=subscribed,
            options=options,
            then=self._then(),
            values=self._values(),
            lines=self._lines,
        )

    def _mistake(self, line: int, column: int, problem: str) -> MarbleFileError:
        text = self._lines[line - 1] if 0 < line <= len(self._lines) else ""
        return MarbleFileError(self._path, line, column, text, problem)

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

    def _lane(self, number: int, text: str) -> Lane:
        kind, _, rest = text.strip().partition(" ")
        words = GIVEN | THEN | {"subscribed": False}
        column = text.index(kind) + 1
        if kind not in words:
            raise self._mistake(number, column, f"expected a lane: one of {', '.join(sorted(words))}, not {kind!r}")
        name, drawing = "", rest.strip()
        if words[kind]:
            name, _, drawing = drawing.partition(" ")
            drawing = drawing.strip()
        if not drawing:
            raise self._mistake(
                number, column, f"the lane {kind!r} needs {'a name and ' if words[kind] else ''}a drawing"
            )
        return Lane(kind, name, drawing, number, text.rindex(drawing) + 1)

    def _when(self) -> tuple[ExpressionText, Lane | None, ExpressionText | None]:
        subscribed: Lane | None = None
        options: ExpressionText | None = None
        parts: list[tuple[int, str]] = []
        for number, text in self._sections["when"]:
            if text.split()[0] == "subscribed" and len(text.split()) > 1 and text.split()[1][0] in "^-0123456789":
                if subscribed is not None:
                    raise self._mistake(number, 1, "a second drawing of the subscription; expected one")
                subscribed = self._lane(number, text)
            elif text.split()[0] == "options" and text.split()[1:2] and text.split()[1].startswith("{"):
                column = text.index("{") + 1
                options = ExpressionText(text[column - 1 :].rstrip(), number, column)
            else:
                parts.append((number, text))
        if not parts:
            raise self._mistake(len(self._lines), 1, "expected one expression in the section 'when'")
        number, first = parts[0]
        indent = len(first) - len(first.lstrip())
        source = "\n".join([first.strip(), *(text.strip() for _, text in parts[1:])])
        return ExpressionText(source, number, indent + 1), subscribed, options

    def _then(self) -> tuple[Lane, ...]:
        lanes = tuple(self._lane(number, text) for number, text in self._sections["then"])
        if not lanes:
            raise self._mistake(len(self._lines), 1, "expected at least one lane in the section 'then'")
        return lanes

    def _values(self) -> dict[str, ExpressionText]:
        values: dict[str, ExpressionText] = {}
        for number, text in self._sections["where"]:
            indent = len(text) - len(text.lstrip())
            found = _VALUE.match(text.strip())
            if found is None:
                raise self._mistake(number, indent + 1, "expected a value: one character, '=' and an expression")
            if found["symbol"] in values:
                raise self._mistake(number, indent + 1, f"{found['symbol']!r} has a value already")
            column = indent + found.start("expression") + 1
            values[found["symbol"]] = ExpressionText(found["expression"], number, column)
        return values

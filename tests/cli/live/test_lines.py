"""A line for each thing that is shown."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime

import pytest

from rxphoenix.cli.live.items import Arrival, Item, News
from rxphoenix.cli.live.lines import Lines, instant_text, printable

NOW = datetime(2026, 11, 25, 9, 30, 1, 5678, tzinfo=UTC)
ITEMS: list[Item] = [
    News(NOW, "room:a", "news", {"body": "hé\nllo"}),
    News(NOW, "room:a", "picture", bytes(range(40))),
    Arrival(NOW, "room:a", "join", "ann", ({"device": "phone"},)),
    Arrival(NOW, "room:a", "leave", "ann", ({"device": "phone"},)),
]


class Terminal(io.StringIO):
    """A terminal, as far as anybody can tell."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def shown(lines: Lines, output: io.StringIO) -> list[str]:
    for item in ITEMS:
        lines.show(item)
    return output.getvalue().splitlines()


def test_a_program_gets_json():
    output = io.StringIO()
    assert [json.loads(line) for line in shown(Lines(output=output), output)] == [
        {"at": "2026-11-25T09:30:01.005Z", "topic": "room:a", "event": "news", "payload": {"body": "hé\nllo"}},
        {
            "at": "2026-11-25T09:30:01.005Z",
            "topic": "room:a",
            "event": "picture",
            "base64": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJw==",
        },
        {
            "at": "2026-11-25T09:30:01.005Z",
            "topic": "room:a",
            "presence": "join",
            "key": "ann",
            "metas": [{"device": "phone"}],
        },
        {
            "at": "2026-11-25T09:30:01.005Z",
            "topic": "room:a",
            "presence": "leave",
            "key": "ann",
            "metas": [{"device": "phone"}],
        },
    ]


def test_a_person_gets_colours_and_the_same_words_without_them(monkeypatch: pytest.MonkeyPatch):
    terminal, colorless, asked = Terminal(), Terminal(), Terminal()
    colored = shown(Lines(output=terminal), terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = shown(Lines(output=colorless), colorless)
    assert all("\x1b[" in line for line in colored)
    bare = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in plain]
    assert [re.sub(r"\x1b\[[\d;]*m", "", line) for line in colored] == bare
    assert [line.split("  ", 1)[1] for line in bare] == [
        'room:a  news  {"body": "hé\\nllo"}',
        f"room:a  picture  <40 bytes: {bytes(range(32)).hex(' ')} ...>",
        'room:a  + ann  [{"device": "phone"}]',
        'room:a  - ann  [{"device": "phone"}]',
    ]
    assert shown(Lines(jsonl=True, output=asked), asked)[0].startswith('{"at":"2026')


def test_an_event_has_a_colour_of_its_own():
    terminal = Terminal()
    lines = Lines(output=terminal)
    for event in ("news", "other", "news"):
        lines.show(News(NOW, "room:a", event, {}))
    first, other, again = (re.findall(r"\x1b\[([\d;]*)m(?=  (?:news|other))", line) for line in
                           terminal.getvalue().splitlines())  # fmt: skip
    assert first == again != other


def test_what_a_server_says_does_nothing_to_a_terminal():
    terminal = Terminal()
    evil = "\x1b]0;title\x07\x9b2J[bold]"
    Lines(output=terminal).show(News(NOW, f"room:{evil}", evil, {evil: evil}))
    Lines(output=terminal).show(Arrival(NOW, f"room:{evil}", "join", evil, ({evil: evil},)))
    bare = re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue())
    assert set(bare) & {"\x1b", "\x07", "\x9b"} == set()
    assert "\\u001b]0;title\\u0007\\u009b2J[bold]" in bare


def test_instants_are_to_the_millisecond():
    assert instant_text(NOW) == "2026-11-25T09:30:01.005Z"
    assert printable("a b") == "a b"

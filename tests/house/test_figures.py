"""The specification is complete, and what shows it shows it as it is (``figures.py`` says how)."""

from __future__ import annotations

import inspect
import logging
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from reactivex import Observable

import rxphoenix
from rxphoenix.client import link, topic
from rxphoenix.protocol.lifecycle import CHANNEL, SOCKET
from rxphoenix.testing.marble_run import run
from tests.house.architecture import PACKAGE, ROOT
from tests.house.examples import blocks_in_docstrings
from tests.house.figures import (
    BLOCK,
    PICTURE,
    PICTURES,
    SPECIFICATION,
    TITLE,
    TRANSITION,
    marble_files,
    pictures,
    renewed,
    sources,
)

FILES = marble_files()
REMEDY = "run `make figures`"

NO_PICTURE = {
    "architecture.md": "for who works on the house",
    "changelog.md": "stands for a file elsewhere, as do the next two",
    "command-line.md": "what a shell prints is no stream",
    "contributing.md": "stands for CONTRIBUTING.md",
    "dashboard.md": "shows what a browser shows",
    "from-phoenix-js.md": "tables of names",
    "notebooks.md": "what a cell shows is no stream",
    "performance.md": "figures of another kind",
    "reliability.md": "what was tried, and how often",
    "specification.md": "stands for marbles/README.md, and shows all of them",
}
"""Pages in docs/ that show no behaviour, and why."""

NO_FIGURE = {
    "Channel.socket": "whose channel it is",
    "Socket.endpoint": "a string",
    "Socket.scheduler": "the clock itself",
    "Socket.channels": "handles, at once",
    "Socket.channel": "a handle, at once",
    "Socket.send": "for testers of the protocol: one frame, at once",
    "Channel.topic": "a name",
}
"""Public members of Socket and Channel that time does not show, and why."""


# -- the list and the rules ------------------------------------------------------------------------------------------


def test_every_file_is_listed_once_in_the_specification():
    listed = [found["name"] for found in TITLE.finditer(SPECIFICATION.read_text("utf-8"))]
    assert sorted(listed) == sorted(FILES), f"add a line '- [](NAME.marble)' under its rule, and {REMEDY}"


def test_every_rule_of_the_api_has_files():
    sections = re.split(r"^## ", SPECIFICATION.read_text("utf-8"), flags=re.MULTILINE)[1:]
    counts = {section.partition("\n")[0].partition(".")[0]: len(TITLE.findall(section)) for section in sections}
    assert counts.pop("Lifecycles") == 0
    rules = set(range(1, 11)) - (set() if hasattr(rxphoenix.Channel, "presence") else {7})
    assert {name for name, count in counts.items() if count} == {"Production manners", "Bridges", *map(str, rules)}


# -- the lifecycles --------------------------------------------------------------------------------------------------


class Recording(dict[Any, Any]):
    """A table of transitions that keeps which were taken."""

    def __init__(self, table: Mapping[Any, Any]) -> None:
        super().__init__(table)
        self.taken: set[Any] = set()

    def __getitem__(self, key: Any) -> Any:
        self.taken.add(key)
        return super().__getitem__(key)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, set[tuple[str, str, str]]]]:
    """The transitions that each file takes, as (machine, state, event)."""
    logging.disable(logging.CRITICAL)
    found: dict[str, set[tuple[str, str, str]]] = {}
    for name, file in FILES.items():
        sockets, channels = Recording(SOCKET), Recording(CHANNEL)
        monkeypatch.setattr(link, "SOCKET", sockets)
        monkeypatch.setattr(topic, "CHANNEL", channels)
        run(file)
        found[name] = {("socket", str(state), str(event)) for state, event in sockets.taken}
        found[name] |= {("channel", str(state), str(event)) for state, event in channels.taken}
    yield found
    logging.disable(logging.NOTSET)


def test_every_transition_is_taken_by_the_file_that_the_specification_names(
    taken: dict[str, set[tuple[str, str, str]]],
):
    rows = [found.group("machine", "state", "event", "name")
            for found in TRANSITION.finditer(SPECIFICATION.read_text("utf-8"))]  # fmt: skip
    every = {("socket", str(state), str(event)) for state, event in SOCKET}
    every |= {("channel", str(state), str(event)) for state, event in CHANNEL}
    assert {row[:3] for row in rows} == every
    assert len(rows) == len(every)
    assert [row for row in rows if row[:3] not in taken[row[3]]] == []


# -- what shows a file -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_figures_and_titles_are_those_of_the_files(path: Path):
    text = path.read_text("utf-8")
    assert renewed(text, FILES) == text, REMEDY


def test_pictures_are_those_of_the_files_and_each_is_shown():
    wanted = pictures(FILES)
    assert {path.name for path in PICTURES.glob("*.svg")} == {path.name for path in wanted}, REMEDY
    assert [path.name for path, picture in wanted.items() if path.read_bytes() != picture.encode()] == [], REMEDY


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_a_guide_shows_a_picture(page: Path):
    shown = PICTURE.findall(page.read_text("utf-8"))
    folder = "docs/figures/" if page.parent == ROOT else "figures/"
    assert len(re.findall(rf"\]\({folder}[\w-]+\.svg\)", page.read_text("utf-8"))) == len(shown)
    assert bool(shown) is (page.name not in NO_PICTURE), (
        f"show a marble file in {page.name}: '![what it shows]({folder}NAME.svg)', and {REMEDY}"
    )


# -- public docstrings -----------------------------------------------------------------------------------------------


def returned(member: Any) -> Any:
    """The class that a function or property returns, as its annotation says."""
    function = member.fget if isinstance(member, property) else member
    kind = typing.get_type_hints(function).get("return")
    return typing.get_origin(kind) or kind


def shows_time(member: Any) -> bool:
    """Whether a member gives out a stream, or a lease."""
    kind = returned(member)
    return isinstance(kind, type) and issubclass(kind, (Observable, rxphoenix.Hold, rxphoenix.Lease))


def members_that_time_shows() -> dict[str, Any]:
    """Public streams, leases and delays, what gives them out, and all that Socket and Channel can be asked for."""
    found: dict[str, Any] = {}
    for name in rxphoenix.__all__:
        kind = getattr(rxphoenix, name)
        if inspect.isfunction(kind) and typing.get_type_hints(kind).get("return") == rxphoenix.Delay:
            found[name] = kind
        if not inspect.isclass(kind) or not kind.__module__.startswith("rxphoenix.client."):
            continue
        if issubclass(kind, (Observable, rxphoenix.Hold, rxphoenix.Lease)):
            found[name] = kind
        # what Stream has is RxPY's
        bases = [base for base in kind.__mro__ if base.__module__.startswith("rxphoenix.client.")]
        members = {key: each for base in bases if base is not rxphoenix.Stream for key, each in vars(base).items()}
        for attribute, member in members.items():
            if attribute.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
                continue
            if kind in (rxphoenix.Socket, rxphoenix.Channel) or shows_time(member):
                found[f"{name}.{attribute}"] = member
    return found


MEMBERS = members_that_time_shows()


@pytest.mark.parametrize("name", sorted(MEMBERS.keys() - NO_FIGURE.keys()))
def test_a_public_docstring_shows_its_figure(name: str):
    text = inspect.getdoc(MEMBERS[name]) or ""
    assert BLOCK.search(text), (
        f"{name} shows no figure: write an empty ```text block, below it 'Marbles: `marbles/NAME.marble`', and {REMEDY}"
    )


def test_the_exceptions_are_members_without_a_figure():
    assert set(NO_FIGURE) <= set(MEMBERS)
    assert [name for name in NO_FIGURE if BLOCK.search(inspect.getdoc(MEMBERS[name]) or "")] == []


def test_no_figure_of_the_client_is_drawn_by_hand():
    drawn: list[str] = []
    for path in sorted((PACKAGE / "client").glob("*.py")):
        text = path.read_text("utf-8")
        blocks = [block for block in blocks_in_docstrings(text, path) if block.language == "text"]
        drawn += [f"{path.name}: {len(blocks)}"] if len(blocks) != len(BLOCK.findall(text)) else []
    assert drawn == []


def test_an_empty_block_is_filled_and_a_stale_one_renewed():
    file = FILES["refusal-of-one"]
    empty = "A thing.\n\n    ```text\n    ```\n    Marbles: `marbles/refusal-of-one.marble`\n"
    filled = renewed(empty, FILES)
    assert renewed(filled, FILES) == filled
    assert "    observed refused" in filled
    assert renewed(filled.replace("observed", "seen"), FILES) == filled
    copy = renewed("```text\nold\n```\nFile: `marbles/refusal-of-one.marble`\n", FILES)
    assert copy == "```text\n" + "\n".join(file.lines) + "\n```\nFile: `marbles/refusal-of-one.marble`\n"


def test_a_block_that_is_no_figure_is_left_alone():
    text = "```text\nfree\n```\n\n```text\nalso free\n```\nMarbles are fun.\n"
    assert renewed(text, FILES) == text
    with pytest.raises(KeyError):
        renewed("```text\n```\nMarbles: `marbles/there-is-none.marble`", FILES)

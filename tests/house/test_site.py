"""The reference of the site names everything public, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

import rxphoenix
import rxphoenix.dashboard
import rxphoenix.errors
import rxphoenix.notebook
import rxphoenix.server
import rxphoenix.testing
from tests.house.architecture import ROOT

REFERENCE = ROOT / "docs" / "reference"
MODULE = re.compile(r"^\.\. currentmodule:: (\S+)$", re.MULTILINE)
NAMED = re.compile(r"^\.\. auto(?:class|function|data|exception):: (\w+)$", re.MULTILINE)


def named() -> Iterator[tuple[str, str]]:
    """Module and name of everything that a page of the reference shows."""
    for page in sorted(REFERENCE.glob("*.md")):
        _, *parts = MODULE.split(page.read_text("utf-8"))
        for module, text in zip(parts[::2], parts[1::2], strict=True):
            for name in NAMED.findall(text):
                yield module, name
    # its page shows the whole module
    for name in rxphoenix.errors.__all__:
        yield "rxphoenix", name


def test_no_name_is_shown_twice() -> None:
    names = list(named())
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    "module",
    [rxphoenix, rxphoenix.dashboard, rxphoenix.notebook, rxphoenix.server, rxphoenix.testing],
    ids=lambda module: module.__name__,
)
def test_what_is_public_is_in_the_reference(module: object) -> None:
    path, public = module.__name__, set(module.__all__)  # type: ignore[attr-defined]
    shown = {name for shown_in, name in named() if shown_in == path}
    elsewhere = {"Reply"} if path == "rxphoenix.server" else set[str]()  # the same object, shown with the client
    assert shown == public - elsewhere, f"docs/reference/*.md and {path}.__all__ differ"


def test_every_page_is_in_the_list_of_pages() -> None:
    index = (REFERENCE / "index.md").read_text("utf-8")
    for page in REFERENCE.glob("*.md"):
        assert page.stem == "index" or re.search(rf"^{page.stem}$", index, re.MULTILINE), page.name

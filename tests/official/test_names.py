"""The page for who comes from phoenix.js has everything that the official client calls public."""

from __future__ import annotations

import re

import pytest

from tests.house.architecture import ROOT
from tests.official.client import RELEASE, OfficialClient

PAGE = ROOT / "docs" / "from-phoenix-js.md"
FILES = ("socket", "channel", "push", "presence", "longpoll", "timer")
METHOD = re.compile(r"/\*\*(?P<doc>(?:(?!\*/).)*)\*/\n  (?:static )?(?P<name>\w+)\([^)]*\)\{", re.DOTALL)
OPTION = re.compile(r"\bopts\.(\w+)")
EXPORTED = re.compile(r"export \{(?P<names>[^}]*)\}")


def source(client: OfficialClient, name: str) -> str:
    """The readable source of one of its files."""
    return (client.modules / "phoenix" / "assets" / "js" / "phoenix" / f"{name}.js").read_text("utf-8")


def unsaid(names: set[str]) -> set[str]:
    """The names that the page does not hold."""
    page = PAGE.read_text("utf-8")
    return {name for name in names if not re.search(rf"\b{name}\b", page)}


@pytest.mark.parametrize("file", FILES)
def test_every_documented_method_is_on_the_page(official_client: OfficialClient, file: str) -> None:
    found = list(METHOD.finditer(source(official_client, file)))
    public = {each["name"] for each in found if "@private" not in each["doc"]} - {"constructor"}
    assert public
    assert unsaid(public) == set()


def test_every_option_is_on_the_page(official_client: OfficialClient) -> None:
    options = set(OPTION.findall(source(official_client, "socket")))
    assert {"params", "longPollFallbackMs", "vsn"} <= options
    assert unsaid(options | set(OPTION.findall(source(official_client, "presence")))) == set()


def test_every_class_is_on_the_page(official_client: OfficialClient) -> None:
    exported = EXPORTED.search(source(official_client, "index"))
    assert exported is not None
    names = set(re.findall(r"\w+", exported["names"]))
    assert "Socket" in names
    assert unsaid(names) == set()


def test_the_page_is_about_the_release_that_is_compared() -> None:
    assert f"`phoenix`, {RELEASE})" in PAGE.read_text("utf-8")

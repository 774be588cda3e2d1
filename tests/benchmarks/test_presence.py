"""The measurements run, on little data; what they say here means nothing."""

from __future__ import annotations

from tests.benchmarks.presence import history, main
from tests.official.client import OfficialClient


def test_the_figures_are_made(official_client: OfficialClient):
    lines = main(official_client, entries=(10, 40), diffs=9, rounds=1).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:4]] == ["10", "40"]
    assert sum(line.endswith(" ns |") for line in lines) == 6


def test_the_history_is_as_long_as_it_says():
    told = history(10, 9)
    assert (len(told.state), len(told.diffs), told.size) == (10, 9, 10)

"""The figures of a slow consumer are made."""

from __future__ import annotations

from tests.benchmarks.slow_consumer import main


def test_the_table_has_both_ways():
    lines = main(messages=300, size=10, pause=0).splitlines()
    assert len(lines) == 6
    assert lines[4].startswith("| `Overflow.BLOCK`, buffer of 100 | ")
    assert lines[5].startswith("| a buffer for all | ")

"""The benchmarks run, on next to nothing; what they say here means nothing."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from pathlib import Path

import pytest

from tests.benchmarks import report
from tests.benchmarks.flood import flood_server
from tests.benchmarks.measures import MEASURES, Bench, Section
from tests.benchmarks.report import page, shown
from tests.benchmarks.rounds import Figure, Target, in_turn, ratio


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with flood_server() as server, Bench(server, rounds=1, share=0.001, peers=False) as bench:
        yield bench


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_takes_its_figures(bench: Bench, name: str):
    sections = list(MEASURES[name](bench))
    assert sections
    for section in sections:
        assert section.targets
        assert all(isfinite(target.value) for target in section.targets)
        # what this import takes is a small difference, of which one round knows nothing, not even its sign
        assert all(target.value > 0 for target in section.targets if target.what != "`import rxphoenix`")
        assert len(section.table) > 2
        assert shown(section)[0] == f"## {section.title}"


def test_the_page_tells_what_it_was_measured_with(bench: Bench):
    lines = page({"memory": list(MEASURES["memory"](bench))}, rounds=1).splitlines()
    assert lines[0] == "# Performance"
    for what in ("machine", "Python", "Node.js", "rxphoenix", "aiohttp", "phxsocket"):
        assert any(line.startswith(f"| {what} |") for line in lines), what


def test_the_page_has_below_what_was_missed_what_somebody_found_to_dominate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(report, "NOTES", tmp_path)
    (tmp_path / "push.md").write_text("Most of it is waiting.\n")
    good, bad = Target("a", 1.5, "at most", 2), Target("b", 6, "at least", 8, "us")
    measured = {name: [Section(name, "", [], [good, bad])] for name in ("push", "rejoin")}
    measured["memory"] = [Section("memory", "", [], [good])]
    text = page(measured, rounds=5)
    assert "3 of 5 targets are met." in text
    assert text.partition("## What was missed, by how much, and why\n\n")[2] == (
        "### Push\n\n- b: 6.00 us, 25% less than 8 us\n\nMost of it is waiting.\n\n"
        "### Rejoin\n\n- b: 6.00 us, 25% less than 8 us\n\nNobody has looked yet at what dominates here.\n"
    )
    assert "missed" not in page({"memory": measured["memory"]}, rounds=5)


def test_what_is_kept_about_a_measure_has_its_name():
    assert {path.stem for path in report.NOTES.glob("*.md")} <= set(MEASURES)


def test_everybody_has_a_turn_in_each_round_and_who_begins_changes():
    turns: list[str] = []

    def measure(name: str) -> dict[str, float]:
        turns.append(name)
        return {"cpu": len(turns)}

    taken = in_turn(3, {name: lambda name=name: measure(name) for name in "ab"})
    assert "".join(turns) == "abbaab"
    assert taken == {"a": {"cpu": Figure([1, 4, 5])}, "b": {"cpu": Figure([2, 3, 6])}}


def test_a_ratio_is_taken_within_each_round():
    # the machine is three times as slow in the second round
    assert ratio(Figure([2, 6, 3]), Figure([1, 3, 1])).median == 2


def test_a_target_says_whether_it_is_met():
    assert Target("a", 1.5, "at most", 1.5).row() == "| a | at most 1.5x | 1.50x | yes |"
    assert Target("b", 7.0, "at least", 8, "us").row() == "| b | at least 8 us | 7.00 us | **no** |"

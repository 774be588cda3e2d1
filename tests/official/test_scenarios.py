"""The official client and ours in the same scenarios: what differs is what the table in the documentation says.

A failure shows what differs and should not, or should and does not. To see all that the two do in a scenario, say
``both(scenario, program)`` and print the lists ``wire`` and ``told`` of the traces.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.house.architecture import ROOT
from tests.official.client import OfficialClient, Program
from tests.official.official_play import OfficialPlay
from tests.official.our_play import OurPlay
from tests.official.scenario import Connect, Join, Lose, Push, Scenario, Step
from tests.official.scenarios import SCENARIOS
from tests.official.trace import Trace, differences

LEAST = 60


@pytest.fixture(scope="module")
def program(official_client: OfficialClient) -> Iterator[Program]:
    """One world for all scenarios."""
    with official_client.start("world.cjs") as program:
        yield program


def both(scenario: Scenario, program: Program) -> tuple[Trace, Trace]:
    """What the official client does, and what ours does."""
    return OfficialPlay(scenario, program).run(), OurPlay(scenario).run()


def expected(scenario: Scenario) -> list[str]:
    """The differences that a scenario names."""
    return [line.strip() for lines in scenario.differs.values() for line in lines.strip().splitlines()]


def documented() -> dict[str, str]:
    """The rows of the table, by their ids."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    _, _, section = page.partition("## Differences from the official client\n")
    rows = re.findall(r"^\| `([\w-]+)` \| (.+ \| .+ \| .+) \|$", section.partition("\n## ")[0], re.MULTILINE)
    assert len(dict(rows)) == len(rows), "two rows have one id"
    return dict(rows)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_two_clients_do_the_same_but_for_what_is_documented(scenario: Scenario, program: Program) -> None:
    found, named = Counter(differences(*both(scenario, program))), Counter(expected(scenario))
    assert (found - named, named - found) == (Counter(), Counter())


def test_every_difference_has_its_row_and_every_row_is_shown() -> None:
    shown = {row for scenario in SCENARIOS for row in scenario.differs}
    assert shown == set(documented())
    assert all(lines.strip() for scenario in SCENARIOS for lines in scenario.differs.values())


def test_there_are_enough_scenarios_and_each_is_another() -> None:
    assert len(SCENARIOS) >= LEAST
    assert [name for name, times in Counter(scenario.name for scenario in SCENARIOS).items() if times > 1] == []


# The comparison itself.


def test_what_is_compared_is_what_was_sent_and_told(program: Program) -> None:
    script = {0: [Connect(), Join("room:a", {"n": 1})], 50: [Push("room:a", "one")], 1000: [Lose(1012)], 1200: []}
    for trace in both(Scenario("", script), program):
        assert trace.wire == [
            "0 connect websocket vsn=2.0.0",
            '100 send 1 1 room:a phx_join {"n":1}',
            "200 send 1 2 room:a one {}",
            "1010 connect websocket vsn=2.0.0",
            '1110 send 3 3 room:a phx_join {"n":1}',
        ]
        assert trace.told == ["200 room:a joined {}", "300 room:a one ok {}"]


@pytest.mark.parametrize(
    "other",
    [
        {0: [Connect(), Join("room:b")], 50: [Push("room:b", "one")], 1000: []},
        {0: [Connect(), Join("room:a")], 250: [Push("room:a", "one")], 1000: []},
        {0: [Connect(), Join("room:a")], 50: [Push("room:a", "one", {"n": 1})], 1000: []},
        {0: [Connect(), Join("room:a")], 50: [Push("room:a", "two")], 1000: []},
        {0: [Connect(), Join("room:a")], 50: [Push("room:a", "one")], 700: [Lose()], 1000: []},
        {0: [Connect(), Join("room:a")], 50: [Push("room:a", "one")], 100: []},
    ],
)
def test_another_topic_instant_payload_event_or_connection_is_a_difference(
    other: dict[int, list[Step]], program: Program
) -> None:
    script = {0: [Connect(), Join("room:a")], 50: [Push("room:a", "one")], 1000: []}
    theirs, ours = OfficialPlay(Scenario("", script), program).run(), OurPlay(Scenario("", other)).run()
    assert differences(theirs, ours) != []


def test_another_order_or_relation_of_refs_is_a_difference() -> None:
    def trace(*frames: tuple[str, str]) -> Trace:
        trace = Trace()
        for join_ref, ref in frames:
            trace.send(0, [join_ref, ref, "room:a", "one", {}])
        return trace

    one = trace(("1", "1"), ("1", "2"))
    assert differences(one, trace(("7", "7"), ("7", "12"))) == []
    assert differences(one, trace(("7", "7"), ("12", "12"))) != []
    assert differences(one, trace(("7", "12"), ("7", "7"))) != []


def test_an_observer_of_these_tests_that_raises_is_a_failure_of_theirs() -> None:
    class Broken(OurPlay):
        def tell(self, *words: object) -> None:
            raise ZeroDivisionError

    with pytest.raises(AssertionError, match="this file is wrong"):
        Broken(Scenario("", {0: [Connect(), Join("room:a")], 1000: []})).run()

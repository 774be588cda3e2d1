"""The drawings that RxJS's guide to marble testing gives as examples mean what it says.

Each is named by its place in the guide; a frame is a millisecond, as in RxJS's run mode. Where the guide tells what an
operator makes of them, the reading of both drawings is compared with what it says of the operator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from rxphoenix.testing.drawing import Completed, Failed, Next
from rxphoenix.testing.notation import legend, parse, parse_subscription, render, render_subscription

VALUES = {"a": "value emitted", "b": "another value emitted"}

DRAWINGS = [
    ("examples: never, one frame", "-", []),
    ("examples: never", "------", []),
    ("examples: empty", "|", ["0 |"]),
    ("examples: throwError", "#", ["0 #"]),
    ("examples: waits 2 frames", "--a--", ["2 a"]),
    ("examples: completes on frame 8", "--a--b--|", ["2 a", "5 b", "8 |"]),
    ("examples: fails on frame 8", "--a--b--#", ["2 a", "5 b", "8 #"]),
    ("examples: a hot observable", "-a-^-b--|", ["-2 a", "2 b", "5 |"]),
    ("examples: a group, then complete", "--(abc)-|", ["2 a", "2 b", "2 c", "8 |"]),
    ("examples: a and complete", "-----(a|)", ["5 a", "5 |"]),
    ("examples: milliseconds and seconds", "a 9ms b 9s c|", ["0 a", "10 b", "9011 c", "9012 |"]),
    ("examples: minutes", "--a 2.5m b", ["2 a", "150003 b"]),
    ("time progression: with spaces", "a 1ms b", ["0 a", "2 b"]),
    ("time progression: without spaces", "a1msb", ["0 a", "1 1", "2 m", "3 s", "4 b"]),
    ("time progression: 100ms", "100ms a", ["100 a"]),
    ("time progression: 1.4s", "1.4s a", ["1400 a"]),
    ("time progression: 5.25m", "5.25m a", ["315000 a"]),
    ("time progression: input", " -a-b-c|", ["1 a", "3 b", "5 c", "6 |"]),
    ("time progression: expected", "-- 9ms a 9ms b 9ms (c|)", ["11 a", "21 b", "31 c", "31 |"]),
    ("time progression: aligned by dashes", "------- 4ms a 9ms b 9ms (c|)", ["11 a", "21 b", "31 c", "31 |"]),
    ("time progression: dashes alone", "-----------a 9ms b 9ms (c|)", ["11 a", "21 b", "31 c", "31 |"]),
    ("known issues: time progression", "-a 100ms b-|", ["1 a", "102 b", "104 |"]),
    ("introduction: source", " -a--b--c---|", ["1 a", "4 b", "7 c", "11 |"]),
    ("introduction: time", "   ---|       ", ["3 |"]),
    ("introduction: throttled by 3 frames", "-a-----c---|", ["1 a", "7 c", "11 |"]),
    ("time(): source", "---a--b--|", ["3 a", "6 b", "9 |"]),
    ("time(): time", "        --|    ", ["2 |"]),
    ("time(): delayed by 2 frames", "   -----a--b|", ["5 a", "8 b", "9 |"]),
    ("animate(): paints", "              ---x---x---x---x", ["3 x", "7 x", "11 x", "15 x"]),
    ("animate(): requests", "-r-------r------", ["1 r", "9 r"]),
    ("animate(): expected", "     ---a-------b----", ["3 a", "11 b"]),
    ("group: five frames wide", "(abc)d", ["0 a", "0 b", "0 c", "5 d"]),
    ("subscriptions: hot source", "--a--a--a--a--a--a--a--", ["2 a", "5 a", "8 a", "11 a", "14 a", "17 a", "20 a"]),
    ("subscriptions: the first sees", "   --a--a--a--a--", ["2 a", "5 a", "8 a", "11 a"]),
    ("subscriptions: the second sees", "   -----------a--a--a-", ["11 a", "14 a", "17 a"]),
    ("subscriptions: repeats for ever", "-aaaaa", ["1 a", "2 a", "3 a", "4 a", "5 a"]),
    ("flush()", "--a--b|", ["2 a", "5 b", "6 |"]),
]


@pytest.mark.parametrize(("place", "text", "happens"), DRAWINGS, ids=[each[0] for each in DRAWINGS])
def test_a_drawing_of_the_guide_means_what_it_says(place: str, text: str, happens: list[str]):
    def told(mark: Next | Failed | Completed) -> str:
        shown = mark.value if isinstance(mark, Next) else "#" if isinstance(mark, Failed) else "|"
        assert mark.instant % 1_000 == 0
        return f"{mark.instant // 1_000} {shown}"

    drawing = parse(text)
    assert [told(mark) for mark in drawing.marks] == happens
    assert parse(render(drawing)) == drawing


@pytest.mark.parametrize(
    ("text", "values"), [("400ms (a-b|)", VALUES), ("400ms (0-1|)", list(VALUES.values()))], ids=["mapping", "list"]
)
def test_values_are_looked_up_in_a_mapping_or_a_list(text: str, values: Mapping[str, Any] | Sequence[Any]):
    drawing = parse(text, values)
    assert drawing.marks == (
        Next(400_000, "value emitted"), Next(400_000, "another value emitted"), Completed(400_000),
    )  # fmt: skip
    assert parse(render(drawing), legend(drawing)) == drawing


SUBSCRIPTIONS = [
    ("examples: no subscription, one frame", "-", (None, None)),
    ("examples: no subscription", "------", (None, None)),
    ("examples: never disposed of", "--^--", (2, None)),
    ("examples: disposed of on frame 5", "--^--!-", (2, 5)),
    ("examples: with times", "500ms ^ 1s !", (500, 1_501)),
    ("introduction", "  ^----------!", (0, 11)),
    ("hot source: first", "      --^-----------!", (2, 14)),
    ("hot source: second", "      ---------^--------!", (9, 18)),
    ("for ever: disposal alone", "------!", (None, 6)),
]


@pytest.mark.parametrize(("place", "text", "instants"), SUBSCRIPTIONS, ids=[each[0] for each in SUBSCRIPTIONS])
def test_a_subscription_of_the_guide_means_what_it_says(
    place: str, text: str, instants: tuple[int | None, int | None]
):  # fmt: skip
    expected = tuple(None if instant is None else instant * 1_000 for instant in instants)
    assert parse_subscription(text) == expected
    assert parse_subscription(render_subscription(*parse_subscription(text))) == expected


def test_what_each_subscriber_of_the_hot_source_sees_lies_within_its_subscription():
    source = parse("--a--a--a--a--a--a--a--")
    for subscription, seen in [
        ("      --^-----------!", "   --a--a--a--a--"),
        ("      ---------^--------!", "   -----------a--a--a-"),
    ]:
        subscribed, disposed = parse_subscription(subscription)
        assert subscribed is not None
        assert disposed is not None
        within = tuple(mark for mark in source.marks if subscribed <= mark.instant < disposed)
        assert parse(seen).marks == within

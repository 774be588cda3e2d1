"""The drawings that RxJS's guide to marble testing gives as examples mean what it says.

Each is named by its place in the guide; a frame is a millisecond, as in RxJS's run mode. What the guide runs is run
here, too, with RxPY's operators; all but ``time(): delayed by 2 frames``, where RxJS's ``delay`` does not delay the
completion, and RxPY's does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import reactivex
from reactivex import Observable
from reactivex import operators as ops

from rxphoenix.testing import World
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


# -- what the guide runs -----------------------------------------------------------------------------------------------


def test_introduction_a_throttled_source(marbles: World):
    e1 = marbles.cold(" -a--b--c---|")
    # for 3 frames in the guide: what comes just then RxJS's throttleTime drops, and RxPY's operator lets through
    throttled = e1.pipe(ops.throttle_first(0.004, scheduler=marbles.scheduler))
    marbles.expect(throttled).to_be("-a-----c---|")
    marbles.expect_subscriptions(e1).to_be("  ^----------!")


def test_time_progression_each_value_after_ten_milliseconds(marbles: World):
    def late(value: str) -> Observable[str]:
        return reactivex.of(value).pipe(ops.delay(0.01, scheduler=marbles.scheduler))

    result = marbles.cold(" -a-b-c|").pipe(ops.concat_map(late))
    for expected in ("-- 9ms a 9ms b 9ms (c|)", "-----------a 9ms b 9ms (c|)", "------- 4ms a 9ms b 9ms (c|)"):
        marbles.expect(result).to_be(expected)


def test_subscriptions_two_subscribers_of_a_hot_source(marbles: World):
    source = marbles.hot("--a--a--a--a--a--a--a--")
    marbles.expect(source, "   --^-----------!").to_be("   --a--a--a--a--")
    marbles.expect(source, "   ---------^--------!").to_be("   -----------a--a--a-")
    marbles.expect_subscriptions(source).to_be("--^-----------!", "---------^--------!")


def test_subscriptions_a_source_that_never_ends(marbles: World):
    forever = reactivex.interval(0.001, scheduler=marbles.scheduler).pipe(ops.map(lambda _count: "a"))
    marbles.expect(forever, "------!").to_be("-aaaaa")


def test_flush_side_effects_are_seen_once_time_has_passed(marbles: World):
    values: list[str] = []
    ended: list[str] = []
    counted = marbles.cold("--a--b|").pipe(ops.do_action(values.append, on_completed=lambda: ended.append("complete")))
    marbles.expect(counted).to_be("--a--b|")
    assert (values, ended) == ([], [])
    marbles.run(until="6ms")
    assert (values, ended) == (["a", "b"], ["complete"])


@pytest.mark.parametrize(
    ("drawing", "happens"),
    [("-", "-"), ("------", "------"), ("|", "|"), ("#", "#"), ("--a--b--|", "--a--b--|"), ("--(abc)-|", "--(abc)-|")],
)
def test_examples_what_is_drawn_is_what_a_source_does(drawing: str, happens: str, marbles: World):
    marbles.expect(marbles.cold(drawing)).to_be(happens)
    marbles.expect(marbles.hot(drawing)).to_be(happens)


def test_examples_a_hot_source_has_emitted_before_its_subscription(marbles: World):
    marbles.expect(marbles.hot("-a-^-b--|")).to_be("--b--|")

"""What a failure looks like."""

from __future__ import annotations

import re
from typing import Any

import pytest
import reactivex

from rxphoenix import Fallback, Message
from rxphoenix.testing import Attempt, MarbleFailure, World, marbles
from rxphoenix.testing.difference import compare
from rxphoenix.testing.notation import parse


def failure(expect: object) -> str:
    """The text of the failure that a test ends with."""
    assert callable(expect)
    with pytest.raises(MarbleFailure) as caught, marbles() as m:
        expect(m)
    return str(caught.value)


def test_two_drawings_one_above_the_other_and_a_caret_where_they_part():
    def expect(m: World) -> None:
        m.expect(m.cold("--a--b|")).to_be("--a---b|")

    lines = failure(expect).splitlines()
    assert re.fullmatch(r"an observable \(test_expectations.py:\d+\) did not do what was drawn", lines[0])
    assert lines[1:] == [
        "    expected  --a---b|",
        "    actual    --a--b|",
        "                   ^",
        "    expected: 'b' at 6 ms",
        "    actual:   'b' at 5 ms",
    ]


def test_a_value_that_differs_gets_a_character_of_its_own_and_is_shown():
    def expect(m: World) -> None:
        m.expect(m.cold("-a-b", {"a": 1, "b": 3})).to_be("-a-b", {"a": 1, "b": 2})

    text = failure(expect)
    drawn = text.splitlines()
    assert drawn[1] == "    expected  -a-b"
    assert drawn[2].startswith("    actual    -a-")
    assert drawn[2][-1] not in "ab"
    assert drawn[3] == "                 ^"
    assert "expected: 2 at 3 ms" in text
    assert "actual:   3 at 3 ms" in text
    assert "b = 2" in text


def test_an_error_that_differs_is_pointed_at():
    def expect(m: World) -> None:
        m.expect(m.cold("-a-#", error=ValueError("this"))).to_be("-a-#", error=ValueError("that"))

    text = failure(expect)
    assert "    expected  -a-#\n    actual    -a-#\n                 ^" in text
    assert "expected: the error ValueError('that') at 3 ms" in text
    assert "actual:   the error ValueError('this') at 3 ms" in text


@pytest.mark.parametrize(
    ("happened", "drawn", "words"),
    [
        ("-a-b", "-a", "expected: nothing more\n    actual:   'b' at 3 ms"),
        ("-a", "-a-b", "expected: 'b' at 3 ms\n    actual:   nothing more"),
        ("-a|", "-a", "expected: nothing more\n    actual:   completion at 2 ms"),
        ("-a", "-a#", "expected: the error Exception('error') at 2 ms\n    actual:   nothing more"),
        ("-(ab)", "-(ba)", "expected: 'b' at 1 ms\n    actual:   'a' at 1 ms"),
        ("-a", "", "expected: nothing more\n    actual:   'a' at 1 ms"),
    ],
)
def test_what_is_missing_and_what_is_too_much(happened: str, drawn: str, words: str):
    text = failure(lambda m: m.expect(m.cold(happened)).to_be(drawn))
    assert words in text
    assert text.count("^") == 1


FORGOTTEN = "stands for itself, because no value was given for it"


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"b": 2}, f"'a' {FORGOTTEN}"),
        (None, f"'a' {FORGOTTEN}"),
        ([1], f"'a' {FORGOTTEN}"),
        ({"a": 3}, None),
        ({"a": "a"}, None),
    ],
)
def test_a_value_that_was_forgotten_is_named(values: Any, hint: str | None):
    text = failure(lambda m: m.expect(m.cold("-x", {"x": 1})).to_be("-a", values))
    assert (f"\n    {hint}\n" in text) if hint else (FORGOTTEN not in text)


def test_a_value_that_was_forgotten_where_it_is_sent_is_named():
    def expect(m: World) -> None:
        phoenix = m.phoenix()
        phoenix.topic("a").broadcasts("news", "-n-m", {"n": {"n": 1}})
        m.expect(phoenix.socket().channel("a").on("news")).to_be("-n-m", {"n": {"n": 1}, "m": {"n": 2}})

    assert "'m' may be a character of another drawing, for which no value was given" in failure(expect)
    assert "another drawing" not in failure(lambda m: m.expect(m.cold("-n")).to_be("-m"))


def test_time_in_another_unit_is_told_how_long_a_frame_is():
    text = failure(lambda m: m.expect(m.cold("3s a")).to_be("---a"))
    assert "\n    a character is a frame, and a frame lasts 1ms here" in text
    with pytest.raises(MarbleFailure, match="a frame lasts 100ms here"), marbles(frame=0.1) as m:
        m.expect(m.cold("10ms a")).to_be("---a")
    assert "a frame lasts" not in failure(lambda m: m.expect(m.cold("---a")).to_be("----a"))


def test_what_never_ends_is_cut_off_and_the_remedy_told():
    def expect(m: World) -> None:
        m.expect(reactivex.interval(0.001, scheduler=m.scheduler)).to_be("-a", {"a": 0})

    lines = failure(expect).splitlines()
    assert lines[1:4] == [
        "    expected  -a",
        "    actual    -abcdefghijklmnopqrstu",
        "                ^",
    ]
    assert lines[4].startswith("    and 59981 more, the last one at 60002 ms, which are not shown; what never ends")
    assert "    expected: nothing more" in lines
    assert "    actual:   1 at 2 ms" in lines


def test_of_long_values_the_part_is_shown_where_they_differ():
    one, other = "a" * 100_000, "a" * 50_000 + "b" * 50_000
    text = failure(lambda m: m.expect(m.cold("-x", {"x": other})).to_be("-x", {"x": one}))
    expected, actual = (line for line in text.splitlines() if line.startswith(("    expected: ", "    actual:   ")))
    assert expected.startswith("    expected: …aaa")
    assert "ab" not in expected
    assert "aaabbb" in actual
    assert len(text) < 4_000


def test_only_observables_can_be_expected_something_of():
    async def coroutine() -> None:
        raise AssertionError("never run")

    with marbles() as m:
        for call in (m.expect, m.observe):
            with pytest.raises(TypeError, match=r"expected an observable, such as channel.on\(.*, not '-a-b'"):
                call("-a-b")  # pyright: ignore[reportArgumentType]
            with pytest.raises(TypeError, match=r"not <coroutine .*map_async\(function\)"):
                call(coroutine())  # pyright: ignore[reportArgumentType]


def test_a_microsecond_is_a_difference():
    text = failure(lambda m: m.expect(m.cold("1ms a")).to_be("1.001ms a"))
    assert "expected: 'a' at 1.001 ms" in text


def test_equal_drawings_are_no_failure_however_they_are_written():
    assert compare("it", parse("-----a"), parse("5ms a---"), {}) is None


def test_all_that_failed_is_told():
    def expect(m: World) -> None:
        m.expect(m.cold("a")).to_be("b")
        m.expect(m.cold("c")).to_be("c")
        m.expect(m.cold("d")).to_be("e")

    assert failure(expect).count("did not do what was drawn") == 2


def test_subscriptions_are_drawn_too():
    def expect(m: World) -> None:
        cold = m.cold("--a")
        m.expect(cold, "-^--!").to_be("---a")
        m.expect(cold, "--^").to_be("----a")
        m.expect_subscriptions(cold).to_be("-^---!")

    lines = failure(expect).splitlines()
    assert re.fullmatch(r"the subscriptions to '--a' are not those drawn \(test_expectations.py:\d+\)", lines[0])
    assert lines[1:] == [
        "    expected  -^---!",
        "    actual    -^--!",
        "                  ^",
        "    expected  (no subscription)",
        "    actual    --^",
        "              ^",
    ]


def test_frames_are_drawn_too():
    def expect(m: World) -> None:
        phoenix = m.phoenix()
        m.expect(phoenix.socket().channel("room:1").push("say", {"n": 1})).to_be("(a|)", {"a": {}})
        m.expect_frames(phoenix.topic("room:1")).to_be(
            "(jsl)", {"j": "phx_join", "s": ("say", {"n": 2}), "l": "phx_leave"}
        )

    text = failure(expect)
    assert "the client of <VirtualTopic 'room:1'> (test_expectations.py:" in text
    assert "expected: ('say', {'n': 2}) at 0 ms" in text
    assert "actual:   ('say', {'n': 1}) at 0 ms" in text


def test_frames_can_be_drawn_with_their_refs():
    join, leave = Message("1", "1", "room:1", "phx_join", {}), Message("1", "2", "room:1", "phx_leave", {})

    def expect(m: World) -> None:
        phoenix = m.phoenix()
        m.expect(phoenix.socket().channel("room:1"), "^--!").to_be("")
        m.expect_frames(phoenix).to_be("j--l", {"j": join, "l": leave})
        m.expect_frames(phoenix).to_be("j--l", {"j": join, "l": join})

    text = failure(expect)
    assert text.count("did not do what was drawn") == 1
    assert f"expected: {join!r} at 3 ms" in text
    assert f"actual:   {leave!r} at 3 ms" in text


def test_attempts_are_drawn_too():
    def expect(m: World) -> None:
        phoenix = m.phoenix()
        phoenix.connects("-#")
        fallback = Fallback(phoenix, phoenix.longpoll, after=0.01)
        phoenix.socket(transport=fallback, params={"n": 1}, auth_token="t").connect()
        m.expect_attempts(phoenix).to_be("wl", {"w": "websocket", "l": "longpoll"})
        m.expect_attempts(phoenix).to_be("nn", {"n": {"n": 1}})
        attempts = {"w": Attempt({"n": 1}, "t"), "l": Attempt({"n": 1}, "t", "longpoll")}
        m.expect_attempts(phoenix).to_be("wl", attempts)
        m.expect_attempts(phoenix).to_be("ww", attempts)
        m.expect_attempts(phoenix).to_be("w", {"w": "websocket"})
        m.expect_attempts(phoenix)

    text = failure(expect)
    assert text.count("did not do what was drawn") == 2
    assert "the attempts on <VirtualPhoenix> (test_expectations.py:" in text
    assert "    expected  ww\n    actual    wl\n               ^" in text
    assert "actual:   attempt({'n': 1}, auth_token='t', transport='longpoll') at 1 ms" in text
    assert "was never told what to expect" in text


def test_an_equal_error_has_the_same_character_in_both_drawings():
    def expect(m: World) -> None:
        m.expect(m.cold("-e-f", {"e": KeyError("a"), "f": KeyError("b")})).to_be(
            "-e-f-", {"e": KeyError("a"), "f": KeyError("c")}
        )

    assert "expected  -e-f-\n    actual    -e-a-\n                 ^" in failure(expect)


def test_what_was_seen_can_be_looked_at():
    with marbles() as m:
        seen = m.expect(m.cold("-a-b-#", error=KeyError("c"))).to_be("-a-b-#", error=KeyError("c"))
        m.run(until="3ms")
        assert seen.values == ["a", "b"]
        with pytest.raises(ValueError, match="has not ended with an error so far"):
            _ = seen.error
        m.run(until="5ms")
        assert seen.error.args == ("c",)


def test_what_is_drawn_far_away_is_waited_for():
    with marbles() as m:
        phoenix = m.phoenix(idle_timeout=None)
        socket = phoenix.socket(heartbeat_interval=None)
        m.scheduler.after(300_000_000, socket.channel("room:1").hold)
        m.expect_frames(phoenix).to_be("5m j", {"j": "phx_join"})
        cold = m.cold("")
        m.scheduler.after(600_000_000, cold.subscribe)
        m.expect_subscriptions(cold).to_be("10m ^")


def test_expectations_without_a_drawing_are_failures():
    text = failure(lambda m: (m.expect_subscriptions(m.cold("a")), m.expect_frames(m.phoenix())))
    assert re.search(r"expect_subscriptions \(test_expectations.py:\d+\) was never told", text)
    assert re.search(r"the client of <VirtualPhoenix> \(test_expectations.py:\d+\) was never told", text)


def test_a_notebook_shows_what_was_expected_and_what_happened() -> None:
    with marbles() as m:
        expectation = m.expect(m.cold("-a|"))
        expectation.to_be("-a|")
        m.run(until=0.01)
        picture = expectation._repr_svg_()
    assert "expected" in picture
    assert "observed" in picture


def test_whatever_runs_can_be_observed_without_expecting_anything():
    with marbles() as m:
        seen = m.observe(m.cold("-a---b-|", {"a": 1, "b": 2}), "--^")
        far = m.cold("600s |")
        m.observe(far, "^ 700s !")
        assert (str(seen), seen.values) == ("", [])
        assert m.observe(m.hot("a")).values == []
        assert m.observe(reactivex.of("a")).values == ["a"]  # at once
        m.run(until="5ms")
        assert (str(seen), seen.values) == ("---a", [1])
        assert seen.drawing == parse("---a", {"a": 1})
        with pytest.raises(ValueError, match=r"an observable \(test_expectations.py:\d+\) has not ended with an error"):
            _ = seen.error
    assert str(seen) == "---a---b-|"
    assert far.subscriptions == [(0, 600_000_000)]  # what is drawn far away is waited for
    picture = seen._repr_svg_()
    assert "observed" in picture
    assert "expected" not in picture

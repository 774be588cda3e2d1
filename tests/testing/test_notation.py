from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rxphoenix.testing.drawing import Completed, Drawing, Failed, Instant, Mark, Next
from rxphoenix.testing.notation import (
    MarbleSyntaxError,
    legend,
    parse,
    parse_subscription,
    render,
    render_subscription,
)


def when(text: str, frame: float = 0.001) -> list[tuple[Instant, str]]:
    """The instants of the values of a drawing, in microseconds, and their characters."""
    return [(mark.instant, mark.symbol) for mark in parse(text, frame=frame).marks if isinstance(mark, Next)]


# What each part of the notation means.


def test_one_character_is_one_frame():
    assert when("-a--bc") == [(1_000, "a"), (4_000, "b"), (5_000, "c")]


def test_the_length_of_a_frame_can_be_set():
    assert when("-a--b", frame=0.25) == [(250_000, "a"), (1_000_000, "b")]
    assert when("-a 10ms b", frame=1) == [(1_000_000, "a"), (2_010_000, "b")]


@pytest.mark.parametrize("frame", [0, -0.001, 1e-7])
def test_a_frame_is_a_whole_number_of_microseconds(frame: float):
    with pytest.raises(ValueError, match="microsecond"):
        parse("-", frame=frame)
    with pytest.raises(ValueError, match="microsecond"):
        parse_subscription("-", frame=frame)
    with pytest.raises(ValueError, match="microsecond"):
        render(Drawing(), frame=frame)


def test_spaces_of_all_kinds_are_free():
    assert parse("  -a -\n\t-b  |  ") == parse("-a--b|")


def test_values_are_looked_up_and_stand_for_themselves_elsewhere():
    assert parse("ab", {"a": {"body": "x"}}).marks == (Next(0, {"body": "x"}), Next(1_000, "b"))
    assert parse("10", ["zero", "one"]).marks == (Next(0, "one"), Next(1_000, "zero"))
    assert parse("世é🙂.").marks == tuple(Next(at * 1_000, each) for at, each in enumerate("世é🙂."))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ab": 1}, "values has 'ab', which stands for no value in a drawing: one character does, such as 'a'"),
        ({1: "one"}, "values has 1, .* write '1'"),
        ({"|": 1}, "values has '|', .* it has a meaning of its own"),
        ({"#": ValueError()}, "values has '#', .* what '#' stands for is given as error="),
        ({" ": 1}, "values has ' ', "),
        ({"": 1}, "values has '', "),
        (list(range(11)), "values has '10', "),
    ],
)
def test_what_no_drawing_can_show_is_refused(values: Any, words: str):
    with pytest.raises(ValueError, match=words):
        parse("a", values)


@pytest.mark.parametrize("values", ["abc", 7, {"a"}])
def test_values_are_a_mapping_or_a_list(values: Any):
    with pytest.raises(TypeError, match=r"values is a mapping such as \{'a': ...\}, .* not "):
        parse("a", values)


def test_a_value_may_be_none_or_false():
    assert parse("ab", {"a": None, "b": False}).marks == (Next(0, None), Next(1_000, False))


def test_the_ends():
    assert parse("--|").marks == (Completed(2_000),)
    assert parse("--#").marks == (Failed(2_000, Exception("error")),)
    assert parse("--#", error=KeyError("k")).marks == (Failed(2_000, KeyError("k")),)


def test_a_group_is_one_instant_and_as_wide_as_its_text():
    assert when("-(ab)c") == [(1_000, "a"), (1_000, "b"), (5_000, "c")]
    assert when("-( a - b )c") == [(1_000, "a"), (1_000, "b"), (6_000, "c")]


def test_time_passes_in_a_group_by_a_progression():
    assert when("-(ab 0.5ms c)d") == [(1_000, "a"), (1_000, "b"), (1_500, "c"), (2_500, "d")]
    assert parse("(a 2ms |)").marks == (Next(0, "a"), Completed(2_000))


@pytest.mark.parametrize(
    ("text", "at"),
    [("10ms a", 10_000), ("1.5s a", 1_500_000), ("2m a", 120_000_000), ("0.001ms a", 1), ("  10ms   2ms a", 12_000),
     ("- 1s a", 1_001_000), ("0s a", 0), ("100000m a", 6_000_000_000_000)],
)  # fmt: skip
def test_time_progressions_are_exact(text: str, at: int):
    assert when(text) == [(at, "a")]


def test_a_time_progression_stands_apart():
    assert [symbol for _, symbol in when("a10ms b")] == list("a10msb")
    assert [symbol for _, symbol in when("- 10 ms b")] == list("10msb")
    assert when("1 0ms") == [(0, "1")]
    assert parse("a 10ms").length == parse("a 10ms ").length == 11_000


def test_the_subscription_is_time_zero_in_the_lane_of_an_observable():
    drawing = parse("-a-^-b--|")
    assert drawing.subscribed == 0
    assert drawing.marks == (Next(-2_000, "a"), Next(2_000, "b"), Completed(5_000))
    assert parse("a 10ms (b^c) 10ms d").marks == (
        Next(-11_000, "a"), Next(0, "b"), Next(0, "c"), Next(15_000, "d"),
    )  # fmt: skip


def test_a_disposal_in_a_lane():
    assert parse("-a-!").disposed == 3_000
    assert parse("--^-a-!").disposed == 4_000
    assert parse("-(a!)").disposed == 1_000


def test_a_subscription_counts_from_the_left():
    assert parse_subscription("--^--!") == (2_000, 5_000)
    assert parse_subscription("--(^!)") == (2_000, 2_000)
    assert parse_subscription("--^", frame=1) == (2_000_000, None)
    assert parse_subscription("") == (None, None)


def test_the_length_is_where_the_drawing_ends():
    assert parse("--a--").length == 5_000
    assert parse("--^--").length == 3_000
    assert parse("(ab)").length == 4_000
    assert parse("").length == 0


# Mistakes.


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        ("--(ab--|", 9, "the group of column 3 is not closed; expected ')'"),
        ("--ab)-", 5, "')' closes no group"),
        ("-(a(b))", 4, "a group in a group"),
        ("-()", 3, "the group is empty"),
        ("-( 10ms )", 9, "the group is empty"),
        ("- 10ms|", 7, "'10ms' runs into what follows; expected a space ('1 0ms' if these are values)"),
        ("1s-", 3, "'1s' runs into what follows"),
        ("- 0.0001ms -", 3, "a fraction of a microsecond"),
        ("-|-a", 4, "'a' after the end; expected nothing more after '|'"),
        ("-#-|", 4, "'|' after the end; expected nothing more after '#'"),
        ("(a|b)", 4, "'b' after the end"),
        ("-^-^", 4, "a second '^'"),
        ("-!-!", 4, "a second '!'"),
        ("-!-^", 4, "'^' after '!'"),
        ("-\x07", 2, "cannot be seen"),
        ("-\ud800", 2, "cannot be seen"),
    ],
)
def test_a_mistake_is_pointed_at(text: str, column: int, told: str):
    with pytest.raises(MarbleSyntaxError) as caught:
        parse(text)
    mistake = caught.value
    assert (mistake.line, mistake.column) == (1, column)
    assert told in str(mistake)
    assert "; expected " in str(mistake)
    _, shown, caret = str(mistake).split("\n")
    assert len(shown) == 4 + len(text)
    assert caret == " " * (3 + column) + "^"


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [("-^-a", 4, "'a' in the drawing of a subscription; expected '^', '!', '-' or a time"), ("-^-|", 4, "'|' in"),
     ("^^", 2, "a second '^'"), ("!^", 2, "'^' after '!'"), ("(^", 3, "not closed")],
)  # fmt: skip
def test_a_mistake_in_a_subscription_is_pointed_at(text: str, column: int, told: str):
    with pytest.raises(MarbleSyntaxError) as caught:
        parse_subscription(text)
    assert caught.value.column == column
    assert told in str(caught.value)


def test_a_mistake_is_pointed_at_in_its_line():
    with pytest.raises(MarbleSyntaxError) as caught:
        parse("--a--\n  -世\t(b--")
    assert (caught.value.line, caught.value.column) == (2, 10)
    assert str(caught.value) == (
        "line 2, column 10: the group of column 6 is not closed; expected ')'\n      -世 (b--\n              ^"
    )


def test_kinds_forbid_what_they_cannot_have():
    assert parse("-a-^-b", kind="hot") == parse("-a-^-b")
    for text, kind, column in (("-^", "cold", 2), ("-a-!", "cold", 4), ("^-!", "hot", 3)):
        with pytest.raises(MarbleSyntaxError, match=f"a {kind} observable has no") as caught:
            parse(text, kind=kind)  # type: ignore[arg-type]
        assert caught.value.column == column


def test_a_mistake_is_a_value_error_and_survives_pickling():
    with pytest.raises(ValueError, match="not closed") as caught:
        parse("(a")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert (copy.drawing, copy.offset) == ("(a", 2)


# Printing.


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("", ""),
        ("  -- a--b |", "--a--b|"),
        ("-a-^-b--|", "a-^-b--|"),
        ("--(abc)-|", "--(abc)-|"),
        ("-(a - b|)", "-(ab|)-"),
        ("5ms a 9ms b 9s c|", "-----a---------b 9s c|"),
        ("- 1000ms a 60s b 90s c", "- 1s a 1m b 90s c"),
        ("1500ms a 2.5m b 61.001s |", "1.5s a 2.5m b- 61s |"),
        ("100ms -", "101ms"),
        ("a 0.5ms b", "a 0.5ms b"),
        ("(^a!)", "(^a!)"),
        ("--^--!", "^--!"),
        ("1 0 m s", "1 0 ms"),
        ("-10ms", "-10ms"),
        ("20ms 1 0 m s", "20ms 1 0 ms"),
        ("2s", "2s"),
        ("12", "12"),
    ],
)
def test_a_drawing_is_printed_short(text: str, printed: str):
    assert render(parse(text)) == printed


def test_what_is_too_close_for_its_characters_goes_into_one_group():
    assert render(Drawing((Next(0, "a"), Next(0, "b"), Next(1_000, "c"), Completed(9_000)))) == "(ab 1ms c)-------|"
    assert render(Drawing((Next(0, "a"), Next(500, "b"), Next(1_500, "c")))) == "(a 0.5ms b)c"


def test_another_frame_prints_the_same_times():
    drawing = parse("-a---b|")
    assert render(drawing, frame=0.0005) == "--a-------b-|-"
    assert parse(render(drawing, frame=0.0005), frame=0.0005) == drawing
    assert render(drawing, frame=0.001) == "-a---b|"
    assert parse(render(drawing, frame=0.002), frame=0.002) == drawing


def test_values_that_look_like_a_time_are_kept_apart():
    drawing = Drawing((Next(0, "1"), Next(1, "1"), Next(1, "m"), Next(90_000, "2"), Next(91_000, "s")))
    assert render(drawing) == "(1 0.001ms 1 m) 88.999ms 2 s"
    assert parse(render(drawing)) == drawing


def test_symbols_are_given_remembered_or_chosen():
    values = {"x": {"n": 1}, "y": [2]}
    drawing = Drawing(
        (Next(0, [2]), Next(1_000, {"n": 1}), Next(2_000, {"n": 3}, "k"), Next(3_000, 4.5), Next(4_000, "z"))
    )
    assert render(drawing, symbols=values) == "yxkaz"
    assert legend(drawing, values) == {"y": [2], "x": {"n": 1}, "k": {"n": 3}, "a": 4.5}


def test_one_symbol_never_stands_for_two_values():
    drawing = Drawing((Next(0, 1, "a"), Next(1_000, 2, "a"), Next(2_000, 1, "b"), Next(3_000, "a")))
    text, values = render(drawing), legend(drawing)
    assert parse(text, values) == drawing
    assert len(set(text)) == 3


def test_unprintable_symbols_are_replaced():
    drawing = Drawing((Next(0, "|", "|"), Next(1_000, "\n"), Next(2_000, "ab", "ab"), Next(3_000, " ")))
    assert render(drawing) == "abcd"
    assert parse("abcd", legend(drawing)) == drawing


def test_there_are_symbols_enough():
    drawing = Drawing(tuple(Next(at * 1_000, [at]) for at in range(2_000)))
    assert parse(render(drawing), legend(drawing)) == drawing


def test_a_subscription_beside_marks_is_drawn_only_where_it_is_time_zero():
    drawing = Drawing((Next(3_000, "a"),), subscribed=2_000, disposed=5_000)
    assert render(drawing) == "---a-!"
    assert render_subscription(2_000, 5_000) == render(Drawing((), 2_000, 5_000)) == "--^--!"
    assert render(Drawing((Next(-1_000, "a"), Next(0, "b")))) == "a(^b)"


def test_marks_are_printed_in_order():
    assert render(Drawing((Completed(2_000), Next(0, "a")))) == "a-|"


# Properties.

_TIMES = st.builds(
    "{}{}{}".format,
    st.integers(0, 2_000),
    st.sampled_from(["", ".5", ".25", ".001"]),
    st.sampled_from(["ms", "s", "m"]),
)
_VALUES = st.sampled_from("abcxyz019ms.A世é🙂")


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Drawings of all that the notation has, with spaces anywhere."""
    pieces = draw(
        st.lists(
            st.one_of(
                st.text("-", min_size=1, max_size=20),
                _VALUES,
                st.lists(_VALUES | st.just("-"), min_size=1, max_size=4).map(lambda each: f"({''.join(each)}x)"),
                st.tuples(_VALUES, _TIMES, _VALUES).map(lambda each: "({} {} {})".format(*each)),
                _TIMES.map(lambda time: f" {time} "),
                st.sampled_from([" ", "\n"]),
            ),
            max_size=12,
        )
    )
    if draw(st.booleans()):
        pieces.insert(draw(st.integers(0, len(pieces))), "^")
    pieces += draw(st.sampled_from([[], ["|"], ["#"], ["(a|)"], ["(b#)"], ["!"], ["--!--"], ["(a!)"], ["|", "!"]]))
    return "".join(pieces)


def reads(text: str) -> bool:
    """Whether there is no mistake in a text."""
    try:
        parse(text)
    except MarbleSyntaxError:
        return False
    return True


@given(texts(), st.sampled_from([0.001, 0.01, 1, 0.000_001]))
@example("10ms ", 0.001)
@example("1 0 m s", 0.001)
@example("(1 0.5ms 1 )0ms", 0.001)
def test_a_drawing_that_is_read_and_printed_means_the_same(text: str, frame: float):
    # Values that happen to read as a time running into its neighbour are a mistake like others.
    if not reads(text):
        return
    drawing = parse(text, frame=frame)
    printed = render(drawing)
    again = parse(printed, legend(drawing), frame=frame)
    assert again == drawing
    assert again.length >= drawing.length
    assert render(again) == printed


@given(texts())
def test_values_and_errors_survive_printing(text: str):
    if not reads(text):
        return
    values = {"a": {"body": "hello"}, "b": None, "c": [1, {2}], "x": "y", "0": 0, "1": True, "m": "a"}
    drawing = parse(text, values, KeyError("k"))
    assert parse(render(drawing), legend(drawing), KeyError("k")) == drawing
    assert parse(render(drawing, symbols=values), {**values, **legend(drawing, values)}, KeyError("k")) == drawing


_INSTANTS = (
    st.integers(-5_000, 60_000) | st.integers(0, 10**12) | st.integers(-5, 60).map(lambda frames: frames * 1_000)
)


_WORDS = st.text("ab1ms|- \n\x00世🙂", max_size=2)


@st.composite
def recordings(draw: st.DrawFn) -> Drawing:
    """Drawings that nobody drew: at any instants, however close."""
    instants = sorted(draw(st.lists(_INSTANTS, max_size=8)))
    values = st.one_of(st.integers(0, 3), _WORDS, st.none(), st.lists(st.integers(0, 1), max_size=1))
    marks: list[Mark] = [Next(at, draw(values), draw(_WORDS)[:1]) for at in instants]
    end = draw(st.sampled_from(["", "|", "#"]))
    last = max([0, *instants])
    if end:
        marks.append(Completed(last) if end == "|" else Failed(last, Exception("error")))
    negative = bool(instants) and instants[0] < 0
    disposed = draw(st.none() | st.integers(0, 2_000).map(lambda after: last + after))
    return Drawing(tuple(marks), 0 if negative else None, disposed, 1_000, last)


@given(recordings(), st.sampled_from([None, 0.001, 0.000_001, 0.5]))
def test_whatever_was_recorded_can_be_printed_and_read(drawing: Drawing, frame: float | None):
    printed = render(drawing, frame=frame)
    assert parse(printed, legend(drawing), frame=frame or 0.001) == drawing


@given(st.none() | st.integers(0, 10**9), st.none() | st.integers(0, 10**9))
def test_a_subscription_that_is_printed_and_read_is_the_same(subscribed: int | None, after: int | None):
    disposed = None if after is None else (subscribed or 0) + after
    assert parse_subscription(render_subscription(subscribed, disposed)) == (subscribed, disposed)


def mistakes_in(text: str) -> Iterator[MarbleSyntaxError]:
    """What is wrong with a text, read as a lane and as a subscription."""
    for read in (parse, parse_subscription):
        try:
            read(text)
        except MarbleSyntaxError as mistake:
            yield mistake


@given(st.text(st.sampled_from("ab10ms.-|#^!() \n") | st.characters(), max_size=20))
def test_any_text_is_read_or_pointed_at(text: str):
    lines = text.split("\n")
    for mistake in mistakes_in(text):
        assert 0 <= mistake.offset <= len(text)
        assert 1 <= mistake.line <= len(lines)
        assert 1 <= mistake.column <= len(lines[mistake.line - 1]) + 1
        assert str(mistake).splitlines()[-1].strip() == "^"


@given(texts(), st.data())
def test_the_place_of_a_mistake_is_right(text: str, data: st.DataObject):
    """A character that is a mistake anywhere outside a time is pointed at wherever it is put."""
    place = data.draw(st.integers(0, len(text)))
    spoilt = f"{text[:place]} \x00 {text[place:]}"
    if not reads(text[:place]) and "(" not in text[:place]:
        return
    with pytest.raises(MarbleSyntaxError) as caught:
        parse(spoilt)
    assert caught.value.offset <= place + 1
    if reads(text[:place] + " "):
        assert caught.value.offset == place + 1


def test_what_is_no_text_is_no_drawing():
    with pytest.raises(TypeError, match=r"a drawing is a string, not \{'a': 1\}; give .* as values="):
        parse({"a": 1})  # type: ignore[arg-type]

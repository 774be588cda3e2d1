from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rxphoenix.testing.axis import Axis, columns, instant_text
from rxphoenix.testing.drawing import Completed, Drawing, Failed, Next
from rxphoenix.testing.notation import MarbleSyntaxError, parse, parse_subscription
from rxphoenix.testing.svg import Lane, Note, Operator, Row, svg

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {"svg", "style", "title", "text", "rect", "line", "path", "circle"}


def elements(picture: str) -> list[ElementTree.Element]:
    """All elements of a picture, in order."""
    return list(ElementTree.fromstring(picture).iter())


def texts(picture: str) -> list[str]:
    """What is written in a picture."""
    return [element.text or "" for element in elements(picture) if element.tag == f"{SVG}text"]


def told(picture: str) -> list[str]:
    """What a picture tells where a pointer rests."""
    return [element.text or "" for element in elements(picture) if element.tag == f"{SVG}title"]


def of_class(picture: str, name: str) -> list[ElementTree.Element]:
    """The elements of a class."""
    return [element for element in elements(picture) if name in element.get("class", "").split()]


def lane(text: str, values: dict[str, object] | None = None) -> Lane:
    """A lane with a drawing that is given as text."""
    return Lane("source", parse(text, values))


def test_a_picture_shows_labels_values_ends_and_times():
    picture = svg([lane("-a-b|"), Operator("map(str)"), Lane("result", parse("-a#", error=KeyError("k")))], title="Map")
    assert texts(picture) == [
        "Map", "source", "a", "b", "map(str)", "result", "a", "KeyError('k')", "0", "2ms", "4ms",
    ]  # fmt: skip
    assert told(picture) == ["completed at 4ms", "a at 1ms", "b at 3ms", "a at 1ms", "KeyError('k') at 2ms"]
    assert len(of_class(picture, "end")) == 1
    assert len(of_class(picture, "error")) == 1
    assert ElementTree.fromstring(picture).get("aria-label") == "Map"


def test_all_lanes_share_one_axis():
    picture = svg([lane("--a"), lane("a-b"), lane("- 1ms c")])
    circles = [element.get("cx") for element in elements(picture) if element.tag == f"{SVG}circle"]
    assert circles[0] == circles[2] == circles[3] != circles[1]


def test_a_long_value_is_abbreviated_and_told_below():
    picture = svg([lane("ab-c", {"a": {"body": "hello"}, "b": 42, "c": {"body": "hello"}})])
    assert texts(picture) == ["source", "a", "42", "a", "0", "2ms", "4ms", "a", "{'body': 'hello'}"]
    assert "{'body': 'hello'} at 0" in told(picture)


def test_what_is_one_character_long_stands_for_itself():
    picture = svg([lane("a", {"a": "connecting"}), lane("-a")])
    assert texts(picture)[1] not in ("a", "connecting")
    assert texts(picture)[3] == "a"


def test_equal_values_have_one_colour():
    picture = svg([lane("aba")])
    first, second, third = (element.get("class") for element in elements(picture) if element.tag == f"{SVG}circle")
    assert first == third != second


def test_values_of_one_instant_are_stacked():
    picture = svg([lane("(abc|)")])
    circles = [element for element in elements(picture) if element.tag == f"{SVG}circle"]
    assert len({element.get("cx") for element in circles}) == 1
    heights = [float(element.get("cy", "")) for element in circles]
    assert heights == sorted(set(heights))


def test_subscriptions_and_disposals_are_marked():
    picture = svg([Lane("subscription", Drawing((), *parse_subscription("--^--!")))])
    assert [len(of_class(picture, name)) for name in ("on", "off")] == [1, 1]
    assert told(picture) == ["subscribed at 2ms", "disposed at 5ms"]


def test_long_gaps_are_folded_in_every_lane_and_on_the_axis():
    assert of_class(svg([lane("a--b"), lane("a--b")]), "gap") == []
    picture = svg([lane("a- 10m b- 3s cd"), lane("a- 10m b- 3s cd")])
    assert len(of_class(picture, "gap")) == 6
    assert texts(picture)[-4:-1] == ["0", "600.002s", "603.004s"]


def test_the_axis_is_true_to_scale_between_folds():
    axis = Axis([parse("a-b---c 60m d--e")])
    assert axis.position(6_000) == 3 * axis.position(2_000)
    later = 7_000 + 3_600_000_000
    assert axis.position(later + 3_000) - axis.position(later) == pytest.approx(1.5 * axis.position(2_000))
    assert len(axis.folds) == 1
    assert axis.position(6_000) < axis.folds[0] < axis.position(later)


def test_the_texts_of_the_axis_do_not_overlap():
    axis = Axis([parse("a 9.5m b 1ms c 2ms d 1.001s e" + "-f" * 40)])
    spans = [(axis.position(tick.instant), columns(tick.text) * 6.2) for tick in axis.ticks]
    for (left, width), (right, next_width) in pairwise(spans):
        assert left + width / 2 < right - next_width / 2


def test_instants_are_written_with_their_units():
    assert [instant_text(each) for each in (0, 1, 1_500, 2_000_000, -3_000, 90_000_000)] == [
        "0", "0.001ms", "1.5ms", "2s", "\N{MINUS SIGN}3ms", "90s",
    ]  # fmt: skip


def test_what_is_too_wide_for_a_page_goes_on_below_and_nothing_is_lost():
    values = {str(digit): digit for digit in range(10)}
    drawing = parse("0123456789" * 12, values)
    picture = svg([Lane("source", drawing), Operator("map(f)"), Lane("short", parse("-a-|"))], title="Wide")
    root = ElementTree.fromstring(picture)
    assert float(root.get("width", "")) < 1_000
    assert len([each for each in elements(picture) if each.tag == f"{SVG}circle"]) == 121
    assert sum(text.endswith(" at 119ms") for text in told(picture)) == 1
    pieces = texts(picture).count("source")
    assert pieces == len(of_class(picture, "axis")) > 3
    assert texts(picture).count("short") == 1, "what has ended is not drawn again"
    assert texts(picture).count("map(f)") == 1
    times = [float(text.removesuffix("ms")) for text in texts(picture) if re.fullmatch(r"\d+(ms)?", text) and
             text not in values]  # fmt: skip
    assert times == sorted(times)


def test_an_axis_is_cut_between_instants():
    axis = Axis([parse("a-b 1s c" + "-d" * 40)])
    windows = axis.windows(400)
    assert windows[0][0] == 0
    assert windows[-1][1] == axis.width
    assert all(stop == start for (_, stop), (start, _) in pairwise(windows))
    assert all(stop - start <= 400 for start, stop in windows)
    cuts = [stop for _, stop in windows[:-1]]
    happening = [axis.position(instant) for instant in (0, 2_000, *range(1_003_000, 1_085_000, 2_000))]
    assert min(abs(cut - position) for cut in cuts for position in happening) >= 14
    assert axis.windows(10_000) == ((0, axis.width),)


def test_a_fold_is_never_cut():
    axis = Axis([parse(" 1s ".join("abcdefghijklmnop"))])
    for widest in range(100, 600, 37):
        cuts = [stop for _, stop in axis.windows(widest)[:-1]]
        assert all(abs(cut - fold) > 8 for cut in cuts for fold in axis.folds)


def test_an_error_without_room_is_told_below_and_long_texts_are_broken():
    late = Lane("late", parse("-" * 5 + "a-" * 12 + "#", error=ValueError("x" * 60)))
    early = Lane("early", parse("#", error=KeyError("k")))
    words = "combine(" + ", ".join(f"stream_{number}" for number in range(30)) + ")"
    picture = svg([late, early, Operator(words)], title="word " * 60)
    assert float(ElementTree.fromstring(picture).get("width", "")) < 1_000
    assert texts(picture)[-1] == f"ValueError('{'x' * 60}')"
    assert len(of_class(picture, "error")) == 3
    assert len(of_class(picture, "heading")) > 1
    broken = [text for text in texts(picture) if "stream_" in text]
    assert len(broken) > 1
    assert " ".join(text.strip() for text in broken) == words


def test_text_is_escaped_and_nothing_is_loaded_or_run():
    evil = "<script>alert('&\"')</script>"
    drawing = Drawing((Next(0, evil), Failed(1_000, ValueError(evil))))
    picture = svg([Lane(evil, drawing), Operator(evil), Note(evil)], title=evil)
    assert {element.tag.removeprefix(SVG) for element in elements(picture)} <= SHAPES
    assert "<script" not in picture
    attributes = {name for element in elements(picture) for name in element.attrib}
    assert not [name for name in attributes if name.startswith("on") or name.endswith(("href", "src"))]
    assert not re.search(r"url\(|@import", picture)
    assert picture.count("http") == 1  # the name of the format


def test_a_picture_has_colours_for_light_and_dark():
    style = next(element.text or "" for element in elements(svg([lane("a")])) if element.tag == f"{SVG}style")
    assert "@media (prefers-color-scheme:dark)" in style
    light, _, dark = style.partition("@media")
    assert set(re.findall(r"#[0-9a-f]+", light)).isdisjoint(re.findall(r"#[0-9a-f]+", dark))
    assert "var(" not in style
    names = {name for element in elements(svg([lane("(ab)|")])) for name in element.get("class", "").split()}
    assert {name for name in names if f".{name}" not in style} == set()


class Unspeakable:
    """Has no text, and no equal."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [Note("")],
        [Operator("two\nlines")],
        [Lane("", Drawing())],
        [Lane("a very long label that would leave no room for anything else", parse("^"))],
        [Lane("x", Drawing((Next(0, Unspeakable()), Next(0, Unspeakable()))))],
        [Lane("x", Drawing((Next(0, "\ud800"), Next(5, "\x00"), Next(6, "x" * 9_999), Next(7, {"a": ["\ud800"]}))))],
        [Lane("x", Drawing((Next(0, ""), Next(1, " "), Next(2, "  "))))],
        [Lane("x", Drawing((Completed(-1), Completed(10**18), Next(5, None)), 7, 3, 1, -4))],
        [Lane("x", Drawing(tuple(Next(at, at) for at in range(300))))],
        [Lane("\x00\ud800", parse("a")), Note("\x00\u2028\n\n"), Operator("\ud800")],
    ],
)
def test_a_picture_of_anything_is_well_formed(rows: list[Row]):
    ElementTree.fromstring(svg(rows, title="\x00<\ud800>").encode())


def test_no_addresses_and_no_order_of_hashes_get_into_a_picture():
    program = (
        "from rxphoenix.testing.drawing import *; from rxphoenix.testing.svg import *\n"
        "values = [{'one', 'two', 'three'}, {'k': frozenset('abc')}, object(), ValueError(object())]\n"
        "marks = [Next(at, value) for at, value in enumerate(values)] + [Failed(9, ValueError(object()))]\n"
        "print(svg([Lane('x', Drawing(tuple(marks)))]))"
    )
    pictures = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, check=True, timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(pictures) == 1
    assert b"0x" not in pictures.pop()


_PIECES = st.sampled_from(
    ["a", "b", "-", "---", "(ab)", "(a 0.001ms b)", " 10ms ", " 1.5s ", " 90m ", "世", "&", "<", '"', "1 "]
)


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Rows of all kinds, with drawings from text."""
    values = {"a": {"body": "hello"}, "b": "x & y"}
    found: list[Row] = []
    for kind in draw(st.lists(st.sampled_from("lon"), max_size=5)):
        words = draw(st.text("ab <&>\n\x00世", max_size=8))
        if kind == "l":
            text = "".join(draw(st.lists(_PIECES, max_size=10))) + draw(st.sampled_from(["", "|", "#", "!", "(a|)"]))
            text = draw(st.sampled_from(["", "^", "-a ^"])) + text
            try:
                found.append(Lane(words, parse(text, draw(st.sampled_from([None, values])))))
            except MarbleSyntaxError:
                continue
        else:
            found.append(Operator(words) if kind == "o" else Note(words))
    return found


@settings(deadline=None)
@given(rows(), st.none() | st.text("ab <&>\n\x00世", max_size=8))
def test_a_picture_is_well_formed_and_the_same_each_time(rows: list[Row], title: str | None):
    picture = svg(rows, title=title)
    assert picture == svg(rows, title=title)
    root = ElementTree.fromstring(picture.encode())
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= SHAPES
    for element in root.iter(f"{SVG}circle"):
        assert 0 < float(element.get("cx", "")) < width
        assert 0 < float(element.get("cy", "")) < height

"""Reading marble files: what they say, and where they are wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix.testing.marble_file import MarbleFileError, read

SHARED = """
A shared join.

Two subscriptions to a topic share one join.

It goes on.

given
  # a comment
  phoenix  room:a   ----n------
  drops             ------x
  hot      words    -a-(bc|)
when
  channel("room:a").on("news").pipe(
      ops.take(1))
  subscribed        ^-----!
  options           {"linger": 0.01}
then
  observed          ----n--
  sent              j 10ms l
  channel  room:a   a-b
where
  n = {"body": "hello = world"}
  j = join("room:a")
"""


def test_it_has_a_title_a_description_lanes_an_expression_and_values() -> None:
    file = read(SHARED, "shared.marble")
    assert file.title == "A shared join."
    assert file.description == "Two subscriptions to a topic share one join.\n\nIt goes on."
    assert [(lane.kind, lane.name, lane.drawing) for lane in file.given] == [
        ("phoenix", "room:a", "----n------"),
        ("drops", "", "------x"),
        ("hot", "words", "-a-(bc|)"),
    ]
    (stream,) = file.streams
    assert stream.name == ""
    assert stream.expression.source == 'channel("room:a").on("news").pipe(\n    ops.take(1))'
    assert stream.expression.line == 14
    assert stream.subscribed is not None
    assert stream.subscribed.drawing == "^-----!"
    assert file.frame == 0.001
    assert file.server is None
    assert file.calls is None
    assert file.options is not None
    assert file.options.source == '{"linger": 0.01}'
    assert [(lane.kind, lane.name, lane.drawing) for lane in file.then] == [
        ("observed", "", "----n--"),
        ("sent", "", "j 10ms l"),
        ("channel", "room:a", "a-b"),
    ]
    assert {symbol: value.source for symbol, value in file.values.items()} == {
        "n": '{"body": "hello = world"}',
        "j": 'join("room:a")',
    }
    lane = file.given[0]
    assert file.lines[lane.line - 1][lane.column - 1 :] == lane.drawing


SEVERAL = """
Several.

given
  frame   100ms
  server  {"latency": 0.01}
when
  first = channel("room:a")
    .on("news")
  second = channel(
    "room:b",
  )
  calls              --d
  subscribed second  ^-----!
  options  {"linger": 0.01,
            "timeout": 1}
then
  observed first     -
  observed second    --x
where
  d = disconnect()
  x = {
    "body": "a"
  }
"""


def test_several_streams_have_names_and_lines_that_are_indented_deeper_go_on() -> None:
    file = read(SEVERAL, "several.marble")
    assert file.frame == 0.1
    assert file.server is not None
    assert file.server.source == '{"latency": 0.01}'
    assert [(stream.name, stream.expression.source) for stream in file.streams] == [
        ("first", 'channel("room:a")\n  .on("news")'),
        ("second", 'channel(\n  "room:b",\n)'),
    ]
    assert [stream.subscribed and stream.subscribed.drawing for stream in file.streams] == [None, "^-----!"]
    assert file.calls is not None
    assert file.calls.drawing == "--d"
    assert file.options is not None
    assert file.options.source == '{"linger": 0.01,\n          "timeout": 1}'
    assert [(lane.name, lane.drawing) for lane in file.then] == [("first", "-"), ("second", "--x")]
    assert file.values["x"].source == '{\n  "body": "a"\n}'
    for stream in file.streams:
        expression = stream.expression
        assert file.lines[expression.line - 1][expression.column - 1 :].startswith(expression.source.split("\n")[0])


def test_a_place_in_it_can_be_pointed_at() -> None:
    file = read(SHARED, "shared.marble")
    assert str(file.mistake(10, 21, "no such letter")) == (
        "shared.marble:10:21: no such letter\n    phoenix  room:a   ----n------\n                      ^"
    )


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("Only a title.", (1, 1), "expected a section 'when'"),
        ("T\nwhen\n  x\n", (3, 1), "expected a section 'then'"),
        ("T\nwhen\nthen\n  observed  -a", (4, 1), "expected one expression"),
        ("T\nwhen\n  x\nthen\n", (4, 1), "expected at least one lane"),
        ("T\nwhen\n  x\nwhen\n", (4, 1), "a second section"),
        ("T\nthen\n  observed  -\nwhen\n", (4, 1), "comes too late"),
        ("T\ngiven\n  Hot!\nwhen\n  x\nthen\n  observed  -", (3, 3), "expected a lane"),
        ("T\ngiven\n  hot  words\nwhen\n  x\nthen\n  observed  -", (3, 3), "needs a name and a drawing"),
        ("T\nwhen\n  x\nthen\n  observed", (5, 3), "needs a drawing"),
        ("T\nwhen\n  x\nthen\n  observed  -\nwhere\n  ab = 1", (7, 3), "expected a value"),
        ("T\nwhen\n  x\nthen\n  observed  -\nwhere\n  a = 1\n  a = 2", (8, 3), "has a value already"),
        ("T\nwhen\n  x\n  subscribed  ^\n  subscribed  ^\nthen\n  observed  -", (5, 1), "a second drawing"),
        ("T\nwhen\n  x\n  y\nthen\n  observed  -", (4, 3), "several need names"),
        ("T\nwhen\n  one = x\n  y\nthen\n  observed  -", (4, 3), "several need names"),
        ("T\nwhen\n  one = x\n  one = y\nthen\n  observed one -", (4, 3), "'one' has an expression already"),
        ("T\nwhen\n  x\n  calls -\n  calls -\nthen\n  observed  -", (5, 3), "a second 'calls'"),
        ("T\nwhen\n  x\n  options {}\n  options {}\nthen\n  observed  -", (5, 3), "a second 'options'"),
        ("T\nwhen\n  one = x\n  subscribed two ^\nthen\n  observed one -", (4, 3), "there is no stream 'two'"),
        ("T\nwhen\n  one = x\nthen\n  observed -", (5, 3), "needs a name and a drawing"),
        ("T\nwhen\n  one = x\nthen\n  observed two -", (5, 3), "there is no stream 'two', only one"),
        ("T\ngiven\n  frame  soon\nwhen\n  x\nthen\n  observed -", (3, 10), "such as 10ms or 1s, not 'soon'"),
        ("T\ngiven\n  frame  0ms\nwhen\n  x\nthen\n  observed -", (3, 10), "such as 10ms or 1s"),
        ("T\nwhen\n  calls\n  x\nthen\n  observed -", (3, 3), "needs a drawing"),
    ],
)
def test_a_mistake_is_pointed_at(text: str, place: tuple[int, int], words: str) -> None:
    with pytest.raises(MarbleFileError, match=words) as caught:
        read(text, "wrong.marble")
    assert (caught.value.line, caught.value.column) == place
    assert str(caught.value).startswith(f"wrong.marble:{place[0]}:{place[1]}: ")


_LINES = st.sampled_from([
    "A title.", "", "# a comment", "given", "when", "then", "where", "  phoenix  room:a  --n", "  hot  keys  -a",
    "  frame  10ms", "  frame", "  server  {}", "  server", "  channel", "  channel('a')", "  one = channel('a')",
    "  one =", "    .on('x')", "  )", "  subscribed  ^", "  subscribed  one  ^", "  calls  -d", "  options  {}",
    "  options", "  observed  -", "  observed  one  -", "  sent  j", "  n = 1", "  # = 1", "  n =", "=", "  \t x",
    "\u2028",
])  # fmt: skip


@given(st.lists(_LINES, max_size=14))
def test_any_text_is_a_marble_file_or_a_mistake_in_one_of_its_lines(lines: list[str]) -> None:
    text = "\n".join(lines)
    mistake: MarbleFileError | None = None
    try:
        file = read(text, "any.marble")
    except MarbleFileError as error:
        mistake = error
    else:
        assert file.streams
        assert file.then
    if mistake is not None:
        assert 1 <= mistake.line <= max(1, len(text.splitlines()))
        assert mistake.column >= 1

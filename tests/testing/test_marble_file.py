"""Reading marble files: what they say, and where they are wrong."""

from __future__ import annotations

import pytest

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
    assert file.expression.source == 'channel("room:a").on("news").pipe(\nops.take(1))'
    assert file.expression.line == 14
    assert file.subscribed is not None
    assert file.subscribed.drawing == "^-----!"
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
    ],
)
def test_a_mistake_is_pointed_at(text: str, place: tuple[int, int], words: str) -> None:
    with pytest.raises(MarbleFileError, match=words) as caught:
        read(text, "wrong.marble")
    assert (caught.value.line, caught.value.column) == place
    assert str(caught.value).startswith(f"wrong.marble:{place[0]}:{place[1]}: ")

"""Figures of marble files: what they show, and what they leave out."""

from __future__ import annotations

from rxphoenix.testing.marble_figure import figure, figure_text
from rxphoenix.testing.marble_file import read
from rxphoenix.testing.marble_run import run
from tests.testing.small_files import small


def test_a_figure_tells_what_answers_are_and_counts_those_that_are_alike() -> None:
    file = read(small(given="""joins a  #
  joins a  #
  joins a  -j
  joins b  -j
  connects #
  hot keys -a
  hot other -a""", when='channel("a")'))  # fmt: skip
    picture = figure(file)
    for shown in (
        "joins a, 2 times",
        "crash",
        "refused, or lost",
        "connects: from each attempt on; joins",
    ):
        assert shown in picture
    labels = ["joins a, 2 times", "joins a", "joins b", "connects", "hot keys", "hot other"]
    assert [line.split("  ")[0] for line in figure_text(file).splitlines()][:6] == labels


def test_a_figure_shows_options_calls_and_subscriptions() -> None:
    file = read(small(given='server {"latency": 0.001}\n  phoenix a ---n', when="""first = channel("a")
  subscribed first -^--!
  options {"linger": 0.002}
  calls ----d""", then="observed first ---m", where="""n = event("x", 1)
  m = message("x", 1)
  d = disconnect()"""))  # fmt: skip
    picture = figure(file).replace("&quot;", '"').replace("&#x27;", "'")
    for shown in ('server {"latency": 0.001}', 'options {"linger": 0.002}', "first = channel", "disconnect()",
                  "subscribed at 1ms", "disposed at 4ms"):  # fmt: skip
        assert shown in picture
    assert (
        figure_text(file)
        == """server            {"latency": 0.001}
phoenix a         ---n
calls             ----d
                  first = channel("a")
options           {"linger": 0.002}
subscribed first  -^--!
observed first    ---m
n = event("x", 1)   m = message("x", 1)   d = disconnect()"""
    )


def test_a_text_figure_tells_its_frame_and_only_what_is_drawn() -> None:
    file = read(small(given="frame 1s\n  hot keys -a-b", when="keys", then="observed -a-b",
                      where="a = 1\n  b = 2\n  c = 3\n  # = error('SocketClosed')"))  # fmt: skip
    assert figure_text(file).splitlines() == [
        "frame     1s", "hot keys  -a-b", "          keys", "observed  -a-b", "a = 1   b = 2",
    ]  # fmt: skip


def test_a_figure_shows_values_as_the_file_writes_them() -> None:
    file = read(small(given="phoenix a ---n", when='channel("a")', then="observed ---m",
                      where='n = event("x", 1)\n  m = message("x", 1)'))  # fmt: skip
    run(file)
    picture = figure(file)
    assert 'event("x", 1)' in picture.replace("&quot;", '"')
    assert 'message("x", 1)' in picture.replace("&quot;", '"')


def test_a_figure_shows_no_disposal_after_the_end() -> None:
    text = small(given="hot keys -a|", when="keys\n  subscribed ^----!", then="observed -a|")
    run(read(text))
    assert "disposed at" not in figure(read(text))
    assert "disposed at 5ms" in figure(read(text.replace("-a|", "-a-")))


def test_what_the_letters_of_a_text_figure_stand_for_takes_as_many_lines_as_it_needs() -> None:
    values = "\n  ".join(f'{letter} = {{"body": "{letter * 30}"}}' for letter in "abcdefg")
    file = read(small(given="hot keys abcdefg", when="keys", then="observed abcdefg", where=values))
    lines = figure_text(file).splitlines()
    assert lines[3] == 'a = {"body": "' + "a" * 30 + '"}   b = {"body": "' + "b" * 30 + '"}'
    assert len(lines) == 3 + 4
    assert max(map(len, lines)) <= 100


def test_a_figure_shows_when_an_observable_was_subscribed_to() -> None:
    file = read(small(given="cold ticks -a-|", when="ticks.pipe(ops.repeat(2))",
                      then="observed -a--a-|\n  subscriptions ticks ^--!"))  # fmt: skip
    picture = figure(file)
    assert "subscribed at 0" in picture
    assert "disposed at 3ms" in picture

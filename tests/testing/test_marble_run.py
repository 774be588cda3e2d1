"""Running marble files: what their words mean, how they fail, and that they can do nothing else."""

from __future__ import annotations

import re
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rxphoenix.testing import MarbleFailure
from rxphoenix.testing.marble_figure import figure
from rxphoenix.testing.marble_file import MarbleFileError, read
from rxphoenix.testing.marble_run import run
from tests.testing.small_files import small

FILES = sorted((Path(__file__).parents[2] / "marbles").glob("*.marble"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_of_the_specification_runs_fast_and_can_be_drawn(path: Path) -> None:
    file = read(path.read_text("utf-8"), path.name)
    started = time.perf_counter()
    run(file)
    assert time.perf_counter() - started < 5
    picture = figure(file)
    assert picture == figure(file)
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert file.title.endswith(".")


def test_there_is_a_specification() -> None:
    assert len(FILES) >= 12


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (small(when='__import__("os")'), "there is no name '__import__'"),
        (small(when="socket._context"), "the attribute '_context' is not allowed"),
        (small(when="channel.__globals__"), "the attribute '__globals__' is not allowed"),
        (small(when="ops.sys"), "the expression raised AttributeError"),
        (small(when="rx.scheduler"), "the expression raised AttributeError"),
        (small(when="socket.send"), "the expression raised AttributeError"),
        (small(when="1 + 1"), "expected an observable, this is 2"),
        (small(given="phoenix a --n"), "shows values that are event.*; 'n' has no value"),
        (small(given="phoenix a --n", where="n = 7"), "shows values that are event.*; 'n' stands for 7"),
        (
            small(given="hot keys --n", where="| = 7"),
            "'|' has a meaning of its own in a drawing, and stands for no value",
        ),
        (small(given="drops --|"), "has no end"),
        (small(given="hot keys --)"), "expected"),
        (small(then="subscriptions nothing ^"), "there is no hot or cold lane 'nothing'"),
        (small(where='x = error("Nothing")'), "there is no error 'Nothing'"),
        (small(where="x = open('a')"), "there is no name 'open'"),
        (small(when='rx.of(1).pipe(ops.pluck_attr("__class__"))'), "the attribute 'pluck_attr' is not allowed"),
        (small(when='rx.of(1).pluck_attr("__class__")'), "the attribute 'pluck_attr' is not allowed"),
        (small(when="rx.never().run()"), "the attribute 'run' is not allowed"),
        (small(when="(lambda f: f(f))(lambda f: f(f))"), "the expression raised RecursionError"),
        (small(when="x = socket.state", then="observed x -", given="server 7"), "expected options in braces, not 7"),
        (small(given='server {"no": 1}'), "unexpected keyword argument 'no'"),
        (small(when='channel("a")\n  options {"timeout": 0}'), "timeout"),
        (small(when='channel("a")\n  options {"timeout": open}'), "there is no name 'open'"),
        (small(when='channel("a")\n  calls -x', where="x = 7"), "a calls lane shows values that are connect"),
        (small(when='channel("a")\n  calls -#'), "a calls lane shows values that are connect"),
        (small(given="machine -x"), "a machine lane shows values that are suspend"),
        (small(then="sent -"), "there is no lane 'observed' for this"),
        (small(when="one = rx.never()\n  two = rx.never()", then="observed one -"), "no lane 'observed two'"),
    ],
)
def test_a_file_that_cannot_be_run_is_pointed_at(text: str, words: str) -> None:
    with pytest.raises(MarbleFileError, match=words) as caught:
        run(read(text, "wrong.marble"))
    assert str(caught.value).startswith("wrong.marble:")


def test_what_is_called_by_hand_is_done_at_its_instant() -> None:
    run(
        read("""Calls.

given
  server  {"opens_after": 0.001}
when
  opening = socket.opened()
  closed = socket.wait_closed()
  subscribed  opening  ------^
  calls       -c-d-c-x
then
  observed  opening    ------(v|)
  observed  closed     -------(v|)
  attempts             -a---a
where
  c = connect()
  d = disconnect(3000, "bye")
  x = close_socket()
  a = attempt({})
  v = None
""")
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (small(when='channel("a")\n  calls -xc', where="x = close_socket()\n  c = connect()"),
         "connect() raised SocketClosed"),
        (small(given="phoenix a -n", where='n = event("x", message)'), "raised UnencodablePayload"),
    ],
)  # fmt: skip
def test_what_a_lane_raises_at_its_instant_is_pointed_at(text: str, words: str) -> None:
    with pytest.raises(MarbleFileError, match=re.escape(words)) as caught:
        run(read(text, "wrong.marble"))
    assert re.match(r"wrong\.marble:\d+:\d+: ", str(caught.value))


def test_a_failure_shows_the_attempts_too() -> None:
    text = small(when='channel("a")', then="observed -\n  attempts a", where='a = attempt({"n": 1})')
    with pytest.raises(MarbleFailure, match=r"the lane 'attempts' did not do what was drawn") as caught:
        run(read(text))
    assert "attempt({'n': 1})" in str(caught.value)
    assert "attempt({})" in str(caught.value)


def test_a_failure_shows_frames_with_their_refs_and_all_that_differs() -> None:
    text = small(when='channel("a")', then="observed --x\n  sent j", where='j = frame("7", "7", "a", "phx_join", {})')
    with pytest.raises(MarbleFailure) as caught:
        run(read(text))
    assert "Message('1', '1', 'a', 'phx_join', {})" in str(caught.value)
    assert "<marbles>:6: the lane 'sent' did not do" in str(caught.value)
    assert "expected  --x" in str(caught.value)


def test_a_frame_of_a_file_is_as_long_as_it_says() -> None:
    text = small(given="frame 100ms\n  phoenix a ---n", then="observed ---v", where='n = event("x", 1)\n  v = 1')
    run(read(text))
    with pytest.raises(MarbleFailure, match="at 300 ms"):
        run(read(text.replace("observed ---v", "observed --v")))


def test_when_an_observable_was_subscribed_to_can_be_drawn() -> None:
    text = small(given="cold ticks -a-|", when="ticks", then="observed -a-|\n  subscriptions ticks ^--!")
    run(read(text))
    with pytest.raises(MarbleFailure, match="are not those drawn"):
        run(read(text.replace("^--!", "^-!")))


def test_a_mistake_in_a_drawing_is_pointed_at_in_the_file() -> None:
    with pytest.raises(MarbleFileError) as caught:
        run(read(small(given="hot keys -a)-"), "wrong.marble"))
    assert caught.value.line == 3
    assert caught.value.column == len("  hot keys -a)")


def test_what_is_not_drawn_is_a_failure_that_shows_both() -> None:
    with pytest.raises(MarbleFailure, match="expected  --v") as caught:
        run(read(small(given="phoenix a ---n", then="observed --v", where='n = event("x", 1)\n  v = 1')))
    assert "actual    ---" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (small(then="observed --v", where="v = 1"), "did not do what was drawn"),
        (small(when="nonsense"), "bad.marble:3:3: there is no name 'nonsense'"),
        (
            small(when="rx.timer(1.0)"),
            "bad.marble: RealTimeUsed: 'timer' (subscribed by map)*scheduler=scheduler)",
        ),
    ],
)
def test_pytest_collects_marble_files_and_shows_drawings(pytester: pytest.Pytester, text: str, shown: str) -> None:
    pytester.makefile(".marble", good=small(), bad=text)
    pytester.makeconftest("from rxphoenix.testing.collect import pytest_collect_file")
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    result = pytester.runpytest("-p", "no:randomly", "-p", "no:rxphoenix")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([f"*{shown}*", "FAILED bad.marble::bad - bad.marble:*"])
    assert "marble_run.py" not in result.stdout.str().replace("(marble_run.py", "")


def test_a_hundred_files_with_hours_of_virtual_time_take_well_under_a_second_each() -> None:
    text = small(
        given="phoenix a 1000s n",
        when='channel("a").on("x")',
        then="observed 1000s v",
        where='n = event("x")\n  v = {}',
    )
    started = time.perf_counter()
    for _ in range(100):
        run(read(text))
    assert (time.perf_counter() - started) / 100 < 0.5

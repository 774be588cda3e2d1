"""Running marble files: what their words mean, how they fail, and that they can do nothing else."""

from __future__ import annotations

import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rxphoenix.testing import MarbleFailure
from rxphoenix.testing.marble_file import MarbleFileError, read
from rxphoenix.testing.marble_run import figure, run

FILES = sorted((Path(__file__).parents[2] / "marbles").glob("*.marble"))


def small(*, given: str = "", when: str = 'channel("a").on("x")', then: str = "observed -", where: str = "") -> str:
    """A marble file of single lines."""
    sections = [("given", given), ("when", when), ("then", then), ("where", where)]
    return "Small.\n" + "".join(f"{name}\n  {text}\n" for name, text in sections if text)


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


def test_a_figure_shows_values_as_the_file_writes_them() -> None:
    file = read(small(given="phoenix a ---n", when='channel("a")', then="observed ---m",
                      where='n = event("x", 1)\n  m = message("x", 1)'))  # fmt: skip
    run(file)
    picture = figure(file)
    assert "event('x', 1)" in picture.replace("&#x27;", "'").replace("&apos;", "'")
    assert "message('x', 1)" in picture.replace("&#x27;", "'").replace("&apos;", "'")


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
        (small(given="phoenix a --n"), "shows values that are event"),
        (small(given="drops --|"), "has no end"),
        (small(given="hot keys --)"), "expected"),
        (small(then="subscriptions nothing ^"), "there is no hot or cold lane 'nothing'"),
        (small(where='x = error("Nothing")'), "there is no error 'Nothing'"),
        (small(where="x = open('a')"), "there is no name 'open'"),
    ],
)
def test_a_file_that_cannot_be_run_is_pointed_at(text: str, words: str) -> None:
    with pytest.raises(MarbleFileError, match=words) as caught:
        run(read(text, "wrong.marble"))
    assert str(caught.value).startswith("wrong.marble:")


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
    ],
)
def test_pytest_collects_marble_files_and_shows_drawings(pytester: pytest.Pytester, text: str, shown: str) -> None:
    pytester.makefile(".marble", good=small(), bad=text)
    pytester.makeconftest("from rxphoenix.testing.collect import pytest_collect_file")
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    result = pytester.runpytest("-p", "no:randomly", "-p", "no:rxphoenix")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([f"*{shown}*"])
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

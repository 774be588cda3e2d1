"""The fixture, in a project of somebody else's."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points

import pytest

from rxphoenix.testing import World
from tests.house.architecture import ROOT

INSTALLED = any(entry.value == "rxphoenix.testing.plugin" for entry in entry_points(group="pytest11"))
PLUGIN = (*(() if INSTALLED else ("-p", "rxphoenix.testing.plugin")), "-p", "no:randomly", "-p", "no:cacheprovider")


def test_the_fixture_is_a_world(marbles: World):
    marbles.expect(marbles.cold("--a|")).to_be("--a|")


@pytest.mark.marbles(frame=0.1)
def test_the_mark_sets_the_frame(marbles: World):
    marbles.expect(marbles.cold("--a|")).to_be("200ms a|")


async def test_the_fixture_works_in_a_coroutine(marbles: World):
    phoenix = marbles.phoenix()

    async def token() -> str:
        return "sesame"

    marbles.expect(phoenix.socket(auth_token=token).opened()).to_be("(a|)", {"a": None})
    marbles.advance("1ms")
    assert [attempt.auth_token for attempt in phoenix.attempts] == ["sesame"]


def test_the_distribution_says_where_the_plugin_is():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"rxphoenix": "rxphoenix.testing.plugin"}


def test_a_test_that_expects_something_else_fails_itself(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import pytest

        def test_right(marbles):
            marbles.expect(marbles.cold("--a")).to_be("--a")

        def test_wrong(marbles):
            marbles.expect(marbles.cold("--a")).to_be("-a")

        def test_broken(marbles):
            marbles.expect(marbles.cold("--a")).to_be("-a")
            assert 1 == 2

        def test_real(marbles):
            import reactivex
            marbles.expect(reactivex.timer(1.0)).to_be("-")

        def test_early(marbles):
            seen = marbles.observe(marbles.cold("-a"))
            assert seen.values == ["a"]

        def test_swallowed(marbles):
            import reactivex
            from reactivex import operators as ops
            seen = marbles.observe(reactivex.timer(1.0).pipe(ops.catch(reactivex.empty())))
            assert seen.values == [0]

        @pytest.mark.marbles(0.1)
        def test_mark_by_position(marbles):
            marbles.expect(marbles.cold("--a|")).to_be("200ms a|")
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=2, failed=5)
    result.stdout.fnmatch_lines(
        [
            "*expected  -a*",
            "*actual    --a*",
            "*assert 1 == 2*",
            "*'timer' runs in real time*",
            "*no time has passed in this marbles() world so far*",
            "*'timer' (subscribed by catch) runs in real time*",
        ]
    )


def test_a_failure_is_the_drawings_and_what_the_app_raises_has_its_stack(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import time
        import pytest
        from reactivex import operators as ops
        from rxphoenix.testing import MarbleFailure

        def test_wrong(marbles):
            marbles.expect(marbles.cold("--a")).to_be("-a")

        def test_thread(marbles):
            marbles.expect(marbles.cold("--a").pipe(ops.delay(1.0))).to_be("-a")

        def test_sleep(marbles):
            marbles.at("1ms", lambda: app_that_sleeps())

        def test_broken(marbles):
            marbles.at("1ms", lambda: app_that_fails())

        def app_that_sleeps():
            time.sleep(1)

        def app_that_fails():
            return 1 / 0

        @pytest.mark.xfail(raises=MarbleFailure, strict=True)
        def test_known(marbles):
            marbles.expect(marbles.cold("--a")).to_be("-a")
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(failed=4, xfailed=1)
    text = result.stdout.str()
    wrong, rest = text.partition("___ test_thread ___")[::2]
    thread, rest = rest.partition("___ test_sleep ___")[::2]
    told = [line for line in wrong.partition("___ test_wrong ___")[2].splitlines() if line.strip("_ ")]
    assert told[0].startswith("MarbleFailure: an observable (test_a_failure_")
    assert told[1:] == [
        "    expected  -a",
        "    actual    --a",
        "               ^",
        "    expected: 'a' at 1 ms",
        "    actual:   'a' at 2 ms",
    ]
    assert next(line for line in thread.splitlines() if line.strip("_ ")).startswith("RealTimeUsed: 'delay' runs in")
    assert "    time.sleep(1)" in rest
    assert "def app_that_fails" in rest
    shown = pytester.runpytest_subprocess(*PLUGIN, "--full-trace", "-k", "wrong").stdout.str()
    assert "world.py" in shown


def test_the_mark_is_known(pytester: pytest.Pytester):
    assert "marbles(frame=0.001, horizon=60.0)" in pytester.runpytest_subprocess(*PLUGIN, "--markers").stdout.str()

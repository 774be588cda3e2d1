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


def test_the_mark_is_known(pytester: pytest.Pytester):
    assert "marbles(frame=0.001, horizon=60.0)" in pytester.runpytest_subprocess(*PLUGIN, "--markers").stdout.str()

"""The pytest plugin: a fixture ``marbles`` for every test, without an import, and ``*.marble`` files as tests.

```text
def test_a_key_is_debounced(marbles):
    marbles.expect(...).to_be("--a")

@pytest.mark.marbles(frame=0.1)       one character lasts 100 ms in this test
```

What is expected is checked when the test function has returned, as a part of the test.

What lives here: the fixture and the mark. What does not: the world itself (``world.py``), and how a marble file is a
test (``collect.py``).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from rxphoenix.testing.collect import pytest_collect_file

if TYPE_CHECKING:
    from rxphoenix.testing.world import World

__all__ = [
    "marbles",
    "pytest_collect_file",
    "pytest_configure",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
]

_worlds = pytest.StashKey["list[World]"]()
_told = pytest.StashKey[Exception]()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line(
        "markers", "marbles(frame=0.001, horizon=60.0): seconds of a character, and of waiting after the last drawing"
    )


@pytest.fixture
def marbles(request: pytest.FixtureRequest) -> Generator[World, None, None]:
    """A world in virtual time; what the test expects of it is checked when the test has returned."""
    item: pytest.Item = request.node
    from rxphoenix.testing.world import World  # not before a test asks for it: pytest loads this module in every run

    mark = item.get_closest_marker("marbles")
    world = World() if mark is None else World(*mark.args, **mark.kwargs)
    item.stash.setdefault(_worlds, []).append(world)
    with world.active():
        yield world


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Finish the world of a test that has passed so far; tell one that has not what its world knows of it."""
    __tracebackhide__ = True
    worlds = item.stash.setdefault(_worlds, [])
    try:
        yield
    except Exception as error:
        for world in worlds:
            world.annotate(error)
        raise
    for world in worlds:
        try:
            world.finish()
        except Exception as error:
            if _is_told_by_its_words(error):
                item.stash[_told] = error
            raise


def _is_told_by_its_words(error: Exception) -> bool:
    from rxphoenix.testing.expectations import MarbleFailure
    from rxphoenix.testing.real_time import RealTimeUsed

    # what the code under test raises or calls is told by its stack
    return isinstance(error, MarbleFailure) or (isinstance(error, RealTimeUsed) and error.operator is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the drawings, and not the stack of the world that compared them; with ``--full-trace`` that, too."""
    report = yield
    told = item.stash.get(_told, None)
    if call.excinfo is not None and call.excinfo.value is told and not item.config.getoption("fulltrace"):
        report.longrepr = f"{type(told).__name__}: {told}"
    return report

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

__all__ = ["marbles", "pytest_collect_file", "pytest_configure", "pytest_runtest_call"]

_worlds = pytest.StashKey["list[World]"]()


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
        world.finish()

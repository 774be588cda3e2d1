"""Thousands of random sequences: whatever users and the server do, in callbacks too, what must hold holds."""

from __future__ import annotations

import random

import pytest

from tests.client.play import Play
from tests.client.virtual import World

SEQUENCES = 40


@pytest.mark.filterwarnings("ignore:push .* was never sent:RuntimeWarning")
@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize("hostile", [False, True])
@pytest.mark.parametrize("block", range(10))
def test_random_sequences_keep_what_was_promised(block: int, close: bool, hostile: bool) -> None:
    for seed in range(block * SEQUENCES, (block + 1) * SEQUENCES):
        try:
            Play(random.Random(seed), hostile=hostile).run(close=close)
        except BaseException as error:
            error.add_note(f"seed {seed}, close={close}, hostile={hostile}")
            raise


# -- what random sequences have found --------------------------------------------------------------------------------


@pytest.mark.parametrize(("returns", "started"), [(None, [0]), (2.5, [0, 3.1]), (3.5, [0, 3.5]), (9, [0, 9])])
def test_who_lets_go_in_an_outage_is_not_reconnected_while_that_lingers(returns: float | None, started: list[float]):
    """The transport that was closed for dead ends when nobody needs the socket, which then was cold and connected."""
    world = World()
    world.closes_after = 0.5
    world.ignores("heartbeat")
    socket = world.socket(heartbeat_interval=1, linger=2, reconnect_after=lambda attempt, error: 1.0)
    lease = socket.connect()
    world.run(2.2)  # dead at 2.1, its transport ends at 2.6, the next attempt would be at 3.1
    lease.dispose()
    if returns is not None:
        world.run(returns)
        lease = socket.connect()
        world.run(returns + 0.7)
        assert socket.state.value == "open"
        lease.dispose()
    world.run(30)
    assert world.started == started
    assert socket.state.value == "closed"
    assert not socket._context.is_warm

"""Thousands of random sequences: whatever users and the server do, in callbacks too, what must hold holds."""

from __future__ import annotations

import random

import pytest

from rxphoenix.testing import World
from rxphoenix.testing import marbles as new_world
from tests.client.play import Play
from tests.legends import STATES

SEQUENCES = 40


@pytest.mark.filterwarnings("ignore:push .* was never sent:RuntimeWarning")
@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize("hostile", [False, True])
@pytest.mark.parametrize("block", range(10))
def test_random_sequences_keep_what_was_promised(block: int, close: bool, hostile: bool) -> None:
    for seed in range(block * SEQUENCES, (block + 1) * SEQUENCES):
        try:
            with new_world() as m:
                Play(m, random.Random(seed), hostile=hostile).run(close=close)
        except BaseException as error:
            error.add_note(f"seed {seed}, close={close}, hostile={hostile}")
            raise


# -- what random sequences have found --------------------------------------------------------------------------------


@pytest.mark.marbles(frame=0.1)
@pytest.mark.parametrize(
    ("returns", "states"),
    [
        (None, "(n 100ms o 2s c)"),
        ("2.5s", "(n 100ms o 2s c 1s n 100ms o 2s a 500ms c)"),
        ("3.5s", "(n 100ms o 2s c 1.4s n 100ms o 2.6s a 500ms c)"),
        ("9s", "(n 100ms o 2s c 6.9s n 100ms o 2.6s a 500ms c)"),
    ],
)
def test_who_lets_go_in_an_outage_is_not_reconnected_while_that_lingers(
    marbles: World, returns: str | None, states: str
):
    """The transport that was closed for dead ends when nobody needs the socket, which then was cold and connected."""
    phoenix = marbles.phoenix(opens_after=0.1, closes_after=0.5)
    phoenix.hangs("200ms x")
    socket = phoenix.socket(heartbeat_interval=1, linger=2, reconnect_after=lambda attempt, error: 1.0)
    marbles.expect(socket.state).to_be(states, STATES)
    # dead at 2.1, its transport ends at 2.6, the next attempt would be at 3.1
    marbles.at("2.2s", socket.connect().dispose)
    if returns is not None:
        marbles.at(returns, lambda: marbles.at(marbles.now + 0.7, socket.connect().dispose))
    marbles.run(until="30s")
    assert not socket._context.is_warm

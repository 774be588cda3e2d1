"""All scenarios, in the order in which a reader would ask for them."""

from __future__ import annotations

from tests.official.scenario import Scenario
from tests.official.scenarios import (
    connecting,
    fallback,
    heartbeats,
    joining,
    leaving,
    polling,
    presence,
    pushing,
    receiving,
)

__all__ = ["SCENARIOS"]

SCENARIOS: list[Scenario] = [
    scenario
    for group in (connecting, heartbeats, joining, leaving, pushing, receiving, polling, fallback, presence)
    for scenario in group.SCENARIOS
]

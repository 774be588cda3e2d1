"""Each test of the client gets a world of its own."""

from __future__ import annotations

import pytest

from tests.client.virtual import World


@pytest.fixture
def world() -> World:
    """A whole client in virtual time."""
    return World()

"""Each test of the client gets a server in virtual time, which is 0.1 s away."""

from __future__ import annotations

import pytest

from rxphoenix import Reply
from rxphoenix.testing import VirtualPhoenix, VirtualTopic, World


@pytest.fixture
def phoenix(marbles: World) -> VirtualPhoenix:
    """A server to which an attempt takes 0.1 s, and a frame too; it minds no silence."""
    return marbles.phoenix(opens_after=0.1, latency=0.1, idle_timeout=None)


@pytest.fixture
def room(phoenix: VirtualPhoenix) -> VirtualTopic:
    """The topic that most tests use; it answers an ``echo`` with its payload."""
    topic = phoenix.topic("room:a")
    topic.handle("echo", lambda _channel, payload: Reply("ok", payload))
    return topic

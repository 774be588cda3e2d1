"""Tests in virtual time, written as marble diagrams: the whole client, and an app on top of it.

What lives here: the public names for tests. What does not: anything that an app in production needs.

Example:
    ```python
    from rxphoenix.testing import marbles

    with marbles() as m:
        phoenix = m.phoenix()
        phoenix.topic("room:lobby").pushes("new_msg", "--a--b", {"a": 1, "b": 2})
        phoenix.drops("---x")
        socket = phoenix.socket(reconnect_after=lambda attempt, error: 0.001)
        m.expect(socket.channel("room:lobby").on("new_msg"), "^-----!").to_be("--a--b", {"a": 1, "b": 2})
        m.expect_frames(phoenix).to_be("j---j-l", {"j": "phx_join", "l": "phx_leave"})
    ```
"""

from rxphoenix.testing.clock import TimeStandsStill, VirtualScheduler
from rxphoenix.testing.connection import AskedToClose, VirtualConnection
from rxphoenix.testing.drawn import ColdObservable, HotObservable
from rxphoenix.testing.expectations import (
    MarbleFailure,
    ObservableExpectation,
    Observation,
    SubscriptionsExpectation,
)
from rxphoenix.testing.notation import MarbleSyntaxError
from rxphoenix.testing.phoenix import VirtualPhoenix
from rxphoenix.testing.presence import Track, Untrack, Update
from rxphoenix.testing.real_time import RealTimeUsed
from rxphoenix.testing.recorded import to_marbles
from rxphoenix.testing.seen import Attempt, AttemptsExpectation, FramesExpectation
from rxphoenix.testing.topic import SentFrame, VirtualChannel, VirtualTopic
from rxphoenix.testing.way import VirtualTransport
from rxphoenix.testing.world import HORIZON, World, marbles

__all__ = [
    "HORIZON",
    "AskedToClose",
    "Attempt",
    "AttemptsExpectation",
    "ColdObservable",
    "FramesExpectation",
    "HotObservable",
    "MarbleFailure",
    "MarbleSyntaxError",
    "ObservableExpectation",
    "Observation",
    "RealTimeUsed",
    "SentFrame",
    "SubscriptionsExpectation",
    "TimeStandsStill",
    "Track",
    "Untrack",
    "Update",
    "VirtualChannel",
    "VirtualConnection",
    "VirtualPhoenix",
    "VirtualScheduler",
    "VirtualTopic",
    "VirtualTransport",
    "World",
    "marbles",
    "to_marbles",
]

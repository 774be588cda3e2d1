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

from rxphoenix.loading import loaded_when_needed as _loaded_when_needed

TYPE_CHECKING = False
if TYPE_CHECKING:
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

_MODULES = {
    "rxphoenix.testing.clock": ("TimeStandsStill", "VirtualScheduler"),
    "rxphoenix.testing.connection": ("AskedToClose", "VirtualConnection"),
    "rxphoenix.testing.drawn": ("ColdObservable", "HotObservable"),
    "rxphoenix.testing.expectations": (
        "MarbleFailure",
        "ObservableExpectation",
        "Observation",
        "SubscriptionsExpectation",
    ),
    "rxphoenix.testing.notation": ("MarbleSyntaxError",),
    "rxphoenix.testing.phoenix": ("VirtualPhoenix",),
    "rxphoenix.testing.presence": ("Track", "Untrack", "Update"),
    "rxphoenix.testing.real_time": ("RealTimeUsed",),
    "rxphoenix.testing.recorded": ("to_marbles",),
    "rxphoenix.testing.seen": ("Attempt", "AttemptsExpectation", "FramesExpectation"),
    "rxphoenix.testing.topic": ("SentFrame", "VirtualChannel", "VirtualTopic"),
    "rxphoenix.testing.way": ("VirtualTransport",),
    "rxphoenix.testing.world": ("HORIZON", "World", "marbles"),
}
"""The public names that each module defines: those above, which type checkers and editors read."""

if not TYPE_CHECKING:
    __getattr__, __dir__ = _loaded_when_needed(__name__, _MODULES)

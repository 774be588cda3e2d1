"""Playing a scenario: the clock, the server and the script, with a client that is told what its user does.

What lives here: what is the same for both clients. What does not: the clients (``official_play.py``, ``our_play.py``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial

from rxphoenix.testing.clock import VirtualScheduler
from tests.official.polling_server import PollingServer
from tests.official.scenario import EndSession, Scenario, Sleep, Step, UserStep
from tests.official.server import ScriptedServer, milliseconds
from tests.official.trace import Trace

__all__ = ["Play"]


class Play(ABC):
    """One client in one scenario.

    Arguments:
        scenario: what happens.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.scheduler = VirtualScheduler()
        self.trace = Trace()
        self.server = ScriptedServer(scenario.server, self.scheduler, self.trace)
        self.polling = PollingServer(self.server)

    @property
    def now(self) -> float:
        """The instant, in milliseconds."""
        return milliseconds(self.scheduler)

    @abstractmethod
    def take(self, step: UserStep) -> None:
        """Let the user do something."""

    @abstractmethod
    def end(self) -> None:
        """Let go of the client; nothing of it is noted any more."""

    def run(self) -> Trace:
        """Play it to its end; returns what was seen."""
        script = self.scenario.script
        assert list(script) == sorted(script), "a script goes forward"
        for instant, steps in script.items():
            for step in steps:
                self.scheduler.at(instant * 1000, partial(self._do, step))
        self.scheduler.pass_until(max(script) * 1000)
        trace, self.trace = self.trace, Trace()
        self.server.trace = self.trace
        self.end()
        return trace

    def _do(self, step: Step) -> None:
        match step:
            case UserStep():
                self.take(step)
            case Sleep(duration):
                self.scheduler.suspend(duration * 1000)
            case EndSession():
                self.polling.end_session()
            case _:
                self.server.act(step)

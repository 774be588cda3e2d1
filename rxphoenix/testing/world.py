"""The world of a test in virtual time: a clock, observables that are drawn, servers, and what is expected of it all.

Theory of operation. Nothing happens until time passes: by ``run`` and ``advance``, and at the end of the ``with``
block, where all that is scheduled is run and all that was expected is checked. A drawing of what is to happen begins at
the instant at which it is given, and so does the drawing of what an observable is expected to do; what is looked back
upon (frames, attempts, subscriptions) is drawn from the beginning of the world. Within one instant the subscriptions
and disposals of ``expect`` come first, then all else in the order in which it was scheduled.

The end of the world: a heartbeat never ends, so running everything would not either. Time passes until nothing is
scheduled, or until ``horizon`` seconds (60 unless told otherwise) after the last instant that is drawn.

Coroutines (params, tokens, whatever they start) run on a loop of the world's own, on which ``asyncio.sleep`` takes
virtual time and a network or a thread is refused (``loop.py``). It is the running loop while time passes, in tests that
are coroutines too; what such a test awaits itself is on its own loop, which is real.

What lives here: the world. What does not: what is inside it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from reactivex import Observable

from rxphoenix.client.checks import check_seconds
from rxphoenix.testing.clock import VirtualScheduler
from rxphoenix.testing.drawing import Drawing, Instant, microseconds
from rxphoenix.testing.drawn import ColdObservable, HotObservable
from rxphoenix.testing.expectations import (
    Expectation,
    MarbleFailure,
    ObservableExpectation,
    Observation,
    SubscriptionsExpectation,
)
from rxphoenix.testing.notation import parse
from rxphoenix.testing.phoenix import VirtualPhoenix
from rxphoenix.testing.printing import frame_of
from rxphoenix.testing.real_time import RealTimeUsed
from rxphoenix.testing.seen import AttemptsExpectation, FramesExpectation
from rxphoenix.testing.threads import no_real_time
from rxphoenix.testing.topic import VirtualTopic

__all__ = ["HORIZON", "World", "marbles"]

HORIZON = 60.0
"""How long a world goes on after the last instant that is drawn, in seconds, unless told otherwise."""

_UNITS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m)\s*")


@contextmanager
def marbles(frame: float = 0.001, *, horizon: float = HORIZON) -> Generator[World, None, None]:
    """Open a world in virtual time; at the end of the block it is run to its end, and what was expected is checked.

    Arguments:
        frame: how long one character of a drawing lasts, in seconds.
        horizon: how long time goes on after the last instant that is drawn, in seconds, if something is scheduled.

    Yields:
        The world.

    Raises:
        MarbleFailure: something did not do what was drawn; the text shows all of it.
        RealTimeUsed: something fell back to a real thread or clock.

    Example:
        ```python
        from reactivex import operators as ops
        from rxphoenix.testing import marbles

        with marbles() as m:
            keys = m.hot("-a-b---c--")
            m.expect(keys.pipe(ops.debounce(0.003, scheduler=m.scheduler))).to_be("------b---c")
        ```
    """
    world = World(frame, horizon=horizon)
    with world.active():
        yield world
        world.finish()


class World:
    """Virtual time and what is in it; made by ``marbles()``, or the pytest fixture of that name.

    Arguments:
        frame: how long one character of a drawing lasts, in seconds.
        horizon: how long time goes on after the last instant that is drawn, in seconds, if something is scheduled.
    """

    def __init__(self, frame: float = 0.001, *, horizon: float = HORIZON) -> None:
        frame_of(check_seconds("frame", frame))
        self.scheduler = VirtualScheduler()
        """The clock: give it to all that takes a ``scheduler``."""
        self.frame = frame
        self._horizon = microseconds(check_seconds("horizon", horizon, zero=True))
        self._expectations: list[Expectation] = []
        self._observed: list[Observation] = []
        self._phoenixes: list[VirtualPhoenix] = []
        self._last_drawn: Instant = 0
        self._found: list[RealTimeUsed] = []
        self._finished = False

    # -- what is in it -------------------------------------------------------------------------------------------

    def cold(
        self, drawing: str, values: Mapping[str, Any] | None = None, error: BaseException | None = None
    ) -> ColdObservable:
        """Draw an observable that begins anew with each subscription.

        Arguments:
            drawing: the drawing.
            values: what its characters stand for; one that is not there stands for itself.
            error: what ``#`` stands for, by default ``Exception("error")``.

        Raises:
            MarbleSyntaxError: there is a mistake in the drawing.
        """
        return ColdObservable(self.scheduler, parse(drawing, values, error, frame=self.frame, kind="cold"))

    def hot(
        self, drawing: str, values: Mapping[str, Any] | None = None, error: BaseException | None = None
    ) -> HotObservable:
        """Draw an observable that begins now; ``^`` in it is now, and what is left of it is over; see ``cold``."""
        drawn = parse(drawing, values, error, frame=self.frame, kind="hot")
        self._draw_until(drawn)
        return HotObservable(self.scheduler, drawn)

    def phoenix(
        self,
        *,
        topics: Iterable[str] | None = None,
        opens_after: float = 0.0,
        joins_after: float = 0.0,
        replies_after: float = 0.0,
        closes_after: float | None = 0.0,
        latency: float = 0.0,
        idle_timeout: float | None = 60.0,
        send_timeout: float | None = 30.0,
    ) -> VirtualPhoenix:
        """Make a server; ``phoenix.socket()`` is a real ``Socket`` that talks to it.

        Arguments:
            topics: the topics that it serves, exact or ending in ``*``; by default all.
            opens_after: seconds that an attempt to connect takes.
            joins_after: seconds that the answer to a join takes.
            replies_after: seconds that the reply to a push takes.
            closes_after: seconds that the close handshake takes; ``None`` for never.
            latency: seconds that whatever the client sends is on its way.
            idle_timeout: seconds of silence after which the server closes a connection; ``None`` for never.
            send_timeout: seconds for which the client may leave something unread before the server gives up on it;
                ``None`` for ever.
        """
        phoenix = VirtualPhoenix(
            self.scheduler,
            self.frame,
            topics=topics,
            opens_after=opens_after,
            joins_after=joins_after,
            replies_after=replies_after,
            closes_after=closes_after,
            latency=latency,
            idle_timeout=idle_timeout,
            send_timeout=send_timeout,
        )
        self._phoenixes.append(phoenix)
        return phoenix

    # -- what is seen, and what is expected ------------------------------------------------------------------------

    def observe(self, observable: Observable[Any], subscription: str = "^", *, name: str | None = None) -> Observation:
        """Subscribe to an observable, at once unless it is drawn otherwise, and keep what it does; see ``expect``.

        Returns:
            What was seen so far, at any time: its values, its drawing, and in a notebook its picture.
        """
        observation = Observation(self.scheduler, observable, subscription, self.frame, name, at_once=True)
        self._observed.append(observation)
        return observation

    def expect(
        self, observable: Observable[Any], subscription: str = "^", *, name: str | None = None
    ) -> ObservableExpectation:
        """Subscribe to an observable when time passes, and expect something of it; say what by ``to_be``.

        Arguments:
            observable: the observable.
            subscription: when to subscribe and to dispose, from now on, such as ``"--^----!"``.
            name: what a failure calls it, by default its repr and the line of the test.

        Raises:
            MarbleSyntaxError: there is a mistake in the drawing.
        """
        expectation = ObservableExpectation(self.scheduler, observable, subscription, self.frame, name)
        self._observed.append(expectation)
        self._expectations.append(expectation)
        return expectation

    def expect_subscriptions(self, observable: ColdObservable | HotObservable) -> SubscriptionsExpectation:
        """Expect subscriptions to an observable that was drawn; say when by ``to_be``."""
        expectation = SubscriptionsExpectation(observable, self.frame)
        self._expectations.append(expectation)
        return expectation

    def expect_frames(self, source: VirtualPhoenix | VirtualTopic, *, name: str | None = None) -> FramesExpectation:
        """Expect what the client sends to a server, or to one topic of it; say what by ``to_be``; see ``expect``."""
        expectation = FramesExpectation(source, self.frame, name)
        self._expectations.append(expectation)
        return expectation

    def expect_attempts(self, source: VirtualPhoenix, *, name: str | None = None) -> AttemptsExpectation:
        """Expect attempts to connect to a server; say when and how by ``to_be``; see ``expect``."""
        expectation = AttemptsExpectation(source, self.frame, name)
        self._expectations.append(expectation)
        return expectation

    # -- time ----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The instant, in seconds from the beginning."""
        return self.scheduler.instant / 1_000_000

    def at(self, instant: str | float, action: Callable[[], object]) -> None:
        """Do something at an instant.

        Arguments:
            instant: from the beginning of the world, in seconds or as ``"10ms"``.
            action: a function without arguments; what it returns is ignored, what it raises, the test does.

        Raises:
            ValueError: the instant cannot be read, or is past.
            TypeError: the action is none that would be run.
        """
        due = _duration(instant)
        if not callable(action):
            raise TypeError(f"at() takes a function to call then, such as lambda: socket.connect(), not {action!r}")
        if inspect.iscoroutinefunction(action):
            raise TypeError(
                f"at() calls a function, and a coroutine function ({action!r}) would never run; "
                "start a task: lambda: asyncio.ensure_future(function())"
            )
        if due < self.scheduler.instant:
            raise ValueError(f"{instant!r} is past: it is {self.now * 1000:g} ms now")
        self._last_drawn = max(self._last_drawn, due)
        self.scheduler.at(due, action)

    def run(self, *, until: str | float) -> None:
        """Let time pass up to an instant, all included that is due at it; see ``at`` for how it is given."""
        self._pass(_duration(until))

    def advance(self, duration: str | float) -> None:
        """Let so much time pass, in seconds or as ``"10ms"``; ``0`` runs what is due now."""
        self._pass(self.scheduler.instant + _duration(duration))

    def suspend(self, duration: str | float) -> None:
        """Let the machine sleep for a time: the clock on the wall goes on, and no timer; see ``advance``.

        Call it by ``at``. What a socket makes of it: the next heartbeat has a deadline of 5 s.
        """
        self.scheduler.suspend(_duration(duration))

    def block(self, duration: str | float) -> None:
        """Let something hold the thread for a time: nothing runs, and what becomes due comes late; see ``advance``.

        Call it by ``at``, as what stands for a call that blocks.
        """
        self.scheduler.block(_duration(duration))

    def _pass(self, until: Instant) -> None:
        self.scheduler.pass_until(until)
        self._check_real_time()

    # -- beginning and end ---------------------------------------------------------------------------------------

    def __call__(self, *_arguments: object, **_named: object) -> NoReturn:
        """Refused with ``TypeError``: the fixture is a world, and the function of its name makes one."""
        raise TypeError(
            "the fixture marbles is a world already: marbles.expect(...); "
            "how long its frames last is said by @pytest.mark.marbles(frame=...)"
        )

    @contextmanager
    def active(self) -> Generator[None, None, None]:
        """Let nothing run in real time, and leave nothing behind at the end of the block."""
        with ExitStack() as stack:
            self._found = stack.enter_context(no_real_time(self.scheduler.count))
            stack.callback(self._clear)
            try:
                yield
            except Exception as error:
                self.annotate(error)
                raise

    def annotate(self, error: Exception) -> None:
        """Add to an error of the test what this world knows of it: real time that was used, or that none has passed."""
        if isinstance(error, RealTimeUsed):
            return
        for found in self._real_time_used()[:1]:
            error.add_note(str(found))
        is_waiting = not self.scheduler.instant and self.scheduler.next_instant() is not None
        if type(error) is AssertionError and is_waiting and not self._finished:
            error.add_note(
                "no time has passed in this marbles() world so far, and nothing has happened: let it pass by "
                'm.run(until="10ms") before you look, or say what is to come by m.expect(...).to_be(...)'
            )

    def finish(self) -> None:
        """Run the world to its end and check what was expected; doing it again does nothing.

        Raises:
            MarbleFailure, RealTimeUsed: see ``marbles``.
        """
        __tracebackhide__ = True  # pytest shows the drawings, and not this function
        if self._finished:
            return
        self._finished = True
        drawn = [
            self.scheduler.instant,
            self._last_drawn,
            *(phoenix.last_drawn for phoenix in self._phoenixes),
            *(each.last_drawn for each in (*self._observed, *self._expectations)),
        ]
        end = max(drawn) + self._horizon
        while (due := self.scheduler.next_instant()) is not None and due <= end:
            self.scheduler.pass_until(due)
        self._check_real_time()
        problems = [problem for problem in (each.problem() for each in self._expectations) if problem is not None]
        if problems:
            raise MarbleFailure("\n\n".join(problems))

    def _real_time_used(self) -> list[RealTimeUsed]:
        return [*self._found, *self.scheduler.loop.refused]

    def _check_real_time(self) -> None:
        for found in self._real_time_used():
            raise found

    def _draw_until(self, drawing: Drawing) -> None:
        self._last_drawn = max(self._last_drawn, self.scheduler.instant + drawing.length)

    def _clear(self) -> None:
        for observation in self._observed:
            observation.dispose()
        self.scheduler.forget()
        self.scheduler.loop.close()
        self.scheduler.forget()


def _duration(given: str | float) -> Instant:
    if not isinstance(given, str):
        return microseconds(given)
    read = _DURATION.fullmatch(given)
    if read is None:
        raise ValueError(f"expected a time such as '10ms', '1.5s' or '2m', or seconds as a number, not {given!r}")
    return microseconds(float(read[1])) * _UNITS[read[2]] // 1_000_000

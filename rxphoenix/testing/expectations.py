"""What a test expects, and what happened instead.

What lives here: observations and expectations. What does not: how the difference is shown (``difference.py``), what a
server is expected to have seen (``seen.py``), observables that are drawn (``drawn.py``), reading and printing drawings
(``notation.py``), and when all this happens (``world.py``).
"""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, Self, cast

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from rxphoenix.testing.clock import VirtualScheduler
from rxphoenix.testing.difference import compare, one_above_the_other
from rxphoenix.testing.drawing import Completed, Drawing, Failed, Instant, Mark, Next
from rxphoenix.testing.drawn import ColdObservable, HotObservable, Subscription
from rxphoenix.testing.notation import (
    parse,
    parse_subscription,
    render,
    render_subscription,
    values_of,
)

__all__ = [
    "NO_DRAWING",
    "Expectation",
    "MarbleFailure",
    "ObservableExpectation",
    "Observation",
    "SubscriptionsExpectation",
    "where",
]


class MarbleFailure(AssertionError):
    """What happened is not what was drawn; the text shows both."""


# -- expectations ------------------------------------------------------------------------------------------------------


class Expectation(Protocol):
    """Something that is to be true in the end."""

    @property
    def last_drawn(self) -> Instant:
        """The last instant that is drawn, in microseconds from the beginning of the world."""
        ...

    def problem(self) -> str | None:
        """What is wrong, drawn; ``None`` if nothing is."""
        ...


NO_DRAWING = "was never told what to expect: add .to_be(...)"


def _name_of(observable: Observable[Any]) -> str:
    plain = type(observable).__repr__ is object.__repr__
    return "an observable" if plain else repr(observable)


def _check_observable(observable: object) -> None:
    if isinstance(observable, Observable):
        return
    if isinstance(observable, Coroutine):
        cast("Coroutine[Any, Any, Any]", observable).close()
        raise TypeError(
            f"expected an observable, not {observable!r}; a coroutine function of the app runs in virtual time as "
            "rx.of(argument).pipe(map_async(function))"
        )
    raise TypeError(
        f'expected an observable, such as channel.on("new_msg"), channel.push("new_msg", {{}}) or socket.state, '
        f"not {observable!r}"
    )


def where() -> str:
    """The line of the test that expects something: whoever called the method of the world that made this."""
    frame = sys._getframe(3)  # pyright: ignore[reportPrivateUsage]
    return f" ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"


class Observation:
    """What an observable does, as it was seen; made by ``m.observe()``. A notebook shows its picture.

    Example:
        ```python
        from reactivex import operators as ops
        from rxphoenix.testing import marbles

        with marbles() as m:
            seen = m.observe(m.cold("-a--b|").pipe(ops.delay(0.003, scheduler=m.scheduler)))
            m.run(until="5ms")
            assert seen.values == ["a"]
        assert str(seen) == "----a--b|"
        ```
    """

    def __init__(
        self,
        scheduler: VirtualScheduler,
        observable: Observable[Any],
        subscription: str,
        frame: float,
        name: str | None = None,
        *,
        at_once: bool = False,
    ) -> None:
        _check_observable(observable)
        self._scheduler = scheduler
        self._frame = frame
        self._zero = scheduler.instant
        self._marks: list[Mark] = []
        self._name = f"{_name_of(observable)}{where()}" if name is None else name
        self._subscription: abc.DisposableBase = Disposable()
        self._disposed = False
        subscribed, disposed = parse_subscription(subscription, frame=frame)
        self._until = max(subscribed or 0, disposed or 0)
        if at_once and not subscribed:
            self._subscribe(observable)
        else:
            scheduler.at(self._zero + (subscribed or 0), lambda: self._subscribe(observable), first=True)
        if disposed is not None:
            scheduler.at(self._zero + disposed, self.dispose, first=True)

    @property
    def drawing(self) -> Drawing:
        """What it has done so far, from the instant of the call on."""
        return Drawing(tuple(self._marks), frame=round(self._frame * 1_000_000))

    @property
    def values(self) -> list[Any]:
        """The values that it has emitted so far."""
        return [mark.value for mark in self._marks if isinstance(mark, Next)]

    @property
    def error(self) -> BaseException:
        """The error that it has ended with, to look at more than its type and arguments: its cause, its attributes.

        Raises:
            ValueError: it has not ended with an error, so far.
        """
        match self._marks:
            case [*_, Failed(error=error)]:
                return error
            case _:
                raise ValueError(f"{self._name} has not ended with an error so far")

    @property
    def last_drawn(self) -> Instant:
        """The last instant that is drawn, in microseconds from the beginning."""
        return self._zero + self._until

    def __str__(self) -> str:
        return render(self.drawing)

    def _repr_svg_(self) -> str:
        """The picture that a notebook shows."""
        from rxphoenix.testing.svg import Lane, svg

        return svg([Lane("observed", self.drawing)])

    def dispose(self) -> None:
        """End the subscription."""
        self._disposed = True
        self._subscription.dispose()

    def _subscribe(self, observable: Observable[Any]) -> None:
        instant = lambda: self._scheduler.instant - self._zero  # noqa: E731

        def on_next(value: Any) -> None:
            if not self._disposed:
                self._marks.append(Next(instant(), value))

        # no scheduler: an operator that would need one in the app, needs one here
        self._subscription = observable.subscribe(
            on_next,
            lambda error: self._marks.append(Failed(instant(), error)),
            lambda: self._marks.append(Completed(instant())),
        )


class ObservableExpectation(Observation):
    """What an observable is expected to do; made by ``m.expect()``. A notebook shows it beside what has happened."""

    _expected: Drawing | None = None
    _symbols: Mapping[str, Any] = MappingProxyType({})

    def to_be(self, drawing: str, values: Mapping[str, Any] | None = None, error: BaseException | None = None) -> Self:
        """Say what it is to do, from the instant of ``expect`` on.

        Arguments:
            drawing: the drawing.
            values: what its characters stand for; one that is not there stands for itself.
            error: what ``#`` stands for, by default ``Exception("error")``; compared by type and arguments.

        Returns:
            The expectation, to look at what was seen.

        Raises:
            MarbleSyntaxError: there is a mistake in the drawing.
            ValueError: no drawing can show a character of the values.
        """
        self._expected = parse(drawing, values, error, frame=self._frame, kind="cold")
        self._symbols = values_of(values)
        return self

    def problem(self) -> str | None:
        """What is wrong, drawn."""
        if self._expected is None:
            return f"{self._name} {NO_DRAWING}"
        return compare(self._name, self._expected, self.drawing, self._symbols)

    @property
    def drawing(self) -> Drawing:
        """What it has done so far, drawn as far as what was expected is."""
        is_over = bool(self._marks) and not isinstance(self._marks[-1], Next)
        return replace(super().drawing, length=0 if self._expected is None or is_over else self._expected.length)

    @property
    def last_drawn(self) -> Instant:
        """The last instant that is drawn, in microseconds from the beginning."""
        return max(super().last_drawn, self._zero + (0 if self._expected is None else self._expected.length))

    def _repr_svg_(self) -> str:
        """The picture that a notebook shows: what was expected, and what has happened so far."""
        from rxphoenix.testing.svg import Lane, svg

        expected = [] if self._expected is None else [Lane("expected", self._expected)]
        return svg([*expected, Lane("observed", self.drawing)])


class SubscriptionsExpectation:
    """When an observable is expected to be subscribed to; made by ``m.expect_subscriptions()``."""

    def __init__(self, observable: ColdObservable | HotObservable, frame: float) -> None:
        self._observable = observable
        self._where = where()
        self._frame = frame
        self._expected: tuple[str, ...] | None = None
        self._wanted: list[Subscription] = []

    def to_be(self, *drawings: str) -> None:
        """Say when, from the beginning of the world on: one drawing for each subscription, such as ``"^--!"``.

        Raises:
            MarbleSyntaxError: there is a mistake in a drawing.
        """
        self._wanted = [parse_subscription(drawing, frame=self._frame) for drawing in drawings]
        self._expected = drawings

    def problem(self) -> str | None:
        """What is wrong, drawn."""
        if self._expected is None:
            return f"expect_subscriptions{self._where} {NO_DRAWING}"
        actual = self._observable.subscriptions
        if actual == self._wanted:
            return None
        name = render(self._observable.drawing)
        lines = [f"the subscriptions to {name!r} are not those drawn{self._where}"]
        missing = "(no subscription)"
        for index in range(max(len(self._wanted), len(actual))):
            wanted = render_subscription(*self._wanted[index], frame=self._frame) if index < len(self._wanted) else None
            got = render_subscription(*actual[index], frame=self._frame) if index < len(actual) else None
            lines += one_above_the_other(wanted or missing, got or missing)
        return "\n".join(lines)

    @property
    def last_drawn(self) -> Instant:
        """The last instant of the drawings."""
        return max((instant or 0 for drawn in self._wanted for instant in drawn), default=0)

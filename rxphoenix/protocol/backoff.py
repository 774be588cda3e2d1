"""How long to wait before the next attempt: functions of (attempt, error) to seconds, or ``None`` to give up.

What lives here: the general form, the steps of the official client, exponential growth, giving up on statuses.
What does not: counting attempts and keeping time (``rxphoenix.client``).

Source of the default steps: the "Timers and states" part of the protocol page.
"""

from __future__ import annotations

import math
import random as random_module
from collections.abc import Callable
from typing import TypeAlias

from rxphoenix.errors import ConnectionRefused

__all__ = [
    "RECONNECT_DELAY",
    "REJOIN_DELAY",
    "Delay",
    "after_refusal",
    "asked_for",
    "exponential",
    "give_up_on",
    "spread",
    "stepped",
]

Delay: TypeAlias = Callable[[int, Exception], float | None]
"""``delay(attempt, error)``: seconds to wait before the next attempt, or ``None`` to give up.

``attempt`` counts the failures since the last success, from 1; ``error`` is the last one.
"""

_LONGEST_ASKED = 3600.0
"""Seconds after which a server is asked again whatever it said: nobody else could call a client back."""

_SPREAD_FROM = 1.0
_SPREAD = 0.25


def stepped(*seconds: float) -> Delay:
    """Wait by fixed steps; the last one repeats.

    Arguments:
        seconds: the delays in seconds, at least one, none negative.

    Raises:
        ValueError: there is no step, or one is negative or not finite.

    ```text
    connects, 4 times  #
                       channel("room:a")
    options            {"reconnect_after": stepped(0.001, 0.003, 0.005)}
    subscribed         ^ 20ms !
    observed           -
    attempts           aa--a----a----a
    a = attempt({})
    ```
    Marbles: `marbles/stepped.marble`

    Example:
        ```python
        from rxphoenix import Socket, stepped

        socket = Socket("ws://localhost:4000/socket", reconnect_after=stepped(0.1, 1, 5))
        ```
    """
    if not seconds:
        raise ValueError("stepped() needs at least one delay in seconds, for example stepped(1, 2, 5)")
    for value in seconds:
        _check("a delay", value)

    def delay(attempt: int, error: Exception) -> float:
        return seconds[min(attempt, len(seconds)) - 1]

    return delay


def exponential(
    first: float = 0.1, *, factor: float = 2.0, longest: float = 30.0, jitter: float = 0.0,
    random: random_module.Random | None = None,
) -> Delay:  # fmt: skip
    """Wait longer each time: ``first * factor ** (attempt - 1)``, at most ``longest``.

    Arguments:
        first: the first delay, in seconds.
        factor: by how much each delay is longer than the one before, at least 1.
        longest: the longest delay, in seconds.
        jitter: how much of a delay is random, from 0 (nothing) to 1 (a delay is anything up to its length).
        random: the source of randomness, by default one of its own.

    Raises:
        ValueError: an argument is out of its range.

    ```text
    connects, 5 times  #
                       channel("room:a")
    options            {"reconnect_after": exponential(0.001, longest=0.006)}
    subscribed         ^ 30ms !
    observed           -
    attempts           aa-a---a-----a-----a
    a = attempt({})
    ```
    Marbles: `marbles/exponential.marble`

    Example:
        ```python
        from rxphoenix import Socket, exponential

        socket = Socket("ws://localhost:4000/socket", reconnect_after=exponential(0.1, longest=60, jitter=0.5))
        ```
    """
    _check("first", first)
    _check("longest", longest)
    if not (math.isfinite(factor) and factor >= 1):
        raise ValueError(f"factor must be at least 1, not {factor!r}")
    if not 0 <= jitter <= 1:
        raise ValueError(f"jitter must be between 0 and 1, not {jitter!r}")
    source = random or random_module.Random()

    def delay(attempt: int, error: Exception) -> float:
        try:
            seconds = min(longest, first * factor ** (attempt - 1))
        except OverflowError:
            seconds = longest
        return seconds * (1 - jitter * source.random()) if jitter else seconds

    return delay


def give_up_on(*statuses: int, otherwise: Delay | None = None) -> Delay:
    """Give up reconnecting when the server refuses with one of these HTTP statuses.

    Arguments:
        statuses: HTTP statuses, for example ``401, 403, 404``.
        otherwise: the delay for every other failure, by default the official client's steps.

    Raises:
        ValueError: no status is given.

    ```text
    connects  --r
    connects  --s
              channel("room:a")
    options   {"reconnect_after": give_up_on(403)}
    observed  14ms #
    attempts  a 11ms a
    r = 503   s = 403   a = attempt({})   # = error("ReconnectGivenUp", 2)
    ```
    Marbles: `marbles/give-up-on.marble`

    Example:
        ```python
        from rxphoenix import Socket, give_up_on

        socket = Socket("ws://localhost:4000/socket", reconnect_after=give_up_on(401, 403, 404))
        ```
    """
    if not statuses:
        raise ValueError("give_up_on() needs at least one HTTP status, for example give_up_on(401, 403, 404)")
    following = otherwise or RECONNECT_DELAY

    def delay(attempt: int, error: Exception) -> float | None:
        if isinstance(error, ConnectionRefused) and error.status in statuses:
            return None
        return following(attempt, error)

    return delay


def after_refusal(seconds: float, error: Exception) -> float:
    """The least delay after an HTTP refusal: 1 s for a status of 4xx, and what ``Retry-After`` asks for."""
    if not isinstance(error, ConnectionRefused):
        return seconds
    if error.status is not None and 400 <= error.status < 500:
        seconds = max(seconds, 1.0)
    return max(seconds, asked_for(error))


def asked_for(error: Exception) -> float:
    """The delay that a refusal asks for by ``Retry-After``, 0 if it asks for none; more than an hour is an hour."""
    asked = error.retry_after if isinstance(error, ConnectionRefused) else None
    return min(asked or 0.0, _LONGEST_ASKED)


def spread(seconds: float, random: random_module.Random | None) -> float:
    """Move a delay of 1 s and more by up to a quarter either way, so that many clients don't come back at once.

    Arguments:
        seconds: the delay.
        random: the source of randomness; ``None`` leaves the delay as it is.
    """
    if random is None or seconds < _SPREAD_FROM:
        return seconds
    return seconds * random.uniform(1 - _SPREAD, 1 + _SPREAD)


def _check(name: str, seconds: float) -> None:
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"{name} must be a number of seconds, not negative, not {seconds!r}")


RECONNECT_DELAY = stepped(0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1, 2, 5)
"""The official client's delays before it reconnects."""

REJOIN_DELAY = stepped(1, 2, 5, 10)
"""The official client's delays before it joins a channel again."""

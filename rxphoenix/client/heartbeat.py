"""Telling a dead link from a silent one.

A beat goes out one interval after the answer to the beat before. If its answer is not there at the deadline, the
link is dead: unless joins are still being answered (they block the server's whole socket), or the machine slept or
the loop was blocked; then one more beat decides, within 5 s. Time in which reading is held back (``flow.py``) does not
count: the answer may lie there unread.

```text
hangs       30ms x
            channel("room:a")
options     {"heartbeat_interval": 0.02}
subscribed  ^ 99ms !
observed    -
frames      j 19ms h 19ms h 29ms j 19ms h 9ms l
state       (cno) 55ms c---------(no) 26ms (ac)
errors      60ms f
h = "heartbeat"   j = "phx_join"   l = "phx_leave"   c = "closed"   n = "connecting"   o = "open"
a = "closing"   f = error("HeartbeatTimeout", 0.02)
```
Marbles: `marbles/heartbeat-loss.marble`

What lives here: the beats of one connection. What does not: what follows when it is dead (``link.py``).

Source: the "Reserved topic and events" part of the protocol page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rxphoenix.client.context import Context
from rxphoenix.client.timer import TOLERANCE, Timer
from rxphoenix.errors import HeartbeatTimeout

__all__ = ["Heartbeat", "Pulse"]

_DRIFT = 2.0
"""By how many seconds the clocks may disagree, or a timer be late, before we believe that the machine slept."""

_SECOND_CHANCE = 5.0


class Pulse(Protocol):
    """What a heartbeat needs of its connection."""

    def beat(self, answered: Callable[[float], None]) -> None:
        """Send a heartbeat; ``answered`` receives the round trip in seconds."""
        ...

    def held_seconds(self) -> float:
        """For how many seconds reading was held back, in all."""
        ...

    def joins_pending_until(self) -> float | None:
        """The monotonic instant at which the last outstanding join will have timed out, if there is one."""
        ...

    def dead(self, error: HeartbeatTimeout) -> None:
        """The link is dead."""
        ...


class Heartbeat:
    """The beats of one connection.

    Arguments:
        context: scheduler and clocks.
        pulse: the connection.
        interval: seconds from an answer to the next beat.
        timeout: seconds that an answer may take.
        on_latency: receives each round trip, in seconds.
    """

    def __init__(
        self, context: Context, pulse: Pulse, interval: float, timeout: float, on_latency: Callable[[float], None]
    ) -> None:
        self._context = context
        self._pulse = pulse
        self._interval = interval
        self._timeout = timeout
        self._on_latency = on_latency
        self._timer = Timer(context)
        self._due = 0.0
        self._drift = 0.0
        self._sent = 0.0
        self._second_chance = False

    def start(self) -> None:
        """Send the first beat one interval from now."""
        self._wait(self._interval, self._beat)

    def stop(self) -> None:
        """Send nothing more and judge nothing more."""
        self._timer.stop()

    def _wait(self, seconds: float, action: Callable[[], None]) -> None:
        clock = self._context.clock
        self._due = clock.monotonic() + seconds
        self._drift = clock.wall() - clock.monotonic()
        self._timer.start(seconds, action)

    def _was_asleep(self) -> bool:
        clock = self._context.clock
        now = clock.monotonic()
        return now - self._due > _DRIFT or abs(clock.wall() - now - self._drift) > _DRIFT

    def _beat(self) -> None:
        deadline = min(self._timeout, _SECOND_CHANCE) if self._was_asleep() else self._timeout
        self._send(deadline)

    def _send(self, deadline: float) -> None:
        held = self._pulse.held_seconds()
        self._sent = self._context.clock.monotonic()
        self._wait(deadline, lambda: self._expired(held))
        self._pulse.beat(lambda seconds: self._answered(seconds, held))

    def _answered(self, seconds: float, held: float) -> None:
        self._second_chance = False
        if self._pulse.held_seconds() > held:  # it lay unread: it tells no latency, and the next beat may be due
            waited = self._context.clock.elapsed(self._sent)
            self._wait(max(0.0, self._interval - waited), self._beat)
        else:
            self._wait(self._interval, self._beat)
            self._on_latency(seconds)

    def _expired(self, held: float) -> None:
        now = self._context.clock.monotonic()
        joins = self._pulse.joins_pending_until()
        unread = self._pulse.held_seconds() - held
        if joins is not None and joins - now > TOLERANCE:
            self._wait(joins - now, lambda: self._expired(held))
        elif unread > TOLERANCE:
            self._send(unread)  # and not only wait: a server closes a connection that says nothing for a minute
        elif self._was_asleep() and not self._second_chance:
            self._second_chance = True
            self._send(_SECOND_CHANCE)
        else:
            self._pulse.dead(HeartbeatTimeout(self._timeout))

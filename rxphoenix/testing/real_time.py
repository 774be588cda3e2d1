"""The error of a test in virtual time whose code under test would take real time.

What lives here: the error, and what to do about it. What does not: who finds it out (``threads.py``, ``blocking.py``,
``loop.py``).
"""

from __future__ import annotations

__all__ = ["AWAIT", "COROUTINE", "NETWORK", "SCHEDULER", "SLEEP", "THREAD", "RealTimeUsed"]

SCHEDULER = "pass scheduler=m.scheduler (in the app: scheduler=socket.scheduler; in a marble file: scheduler=scheduler)"
SLEEP = "let an operator wait, with scheduler=m.scheduler, or a coroutine by asyncio.sleep()"
THREAD = "nothing else runs while virtual time stands still; let the test do by m.at() what the thread is for"
NETWORK = "let the code under test have a function that returns a value, and draw by m.cold() what may come late"
COROUTINE = "a coroutine under test can wait for time, tasks and futures only; let it have a value instead"
AWAIT = (
    "no virtual time passes meanwhile; draw what is to come by m.expect(...), or let time pass by m.run(until=...) and "
    "look at m.observe(...). A coroutine of the app runs in virtual time where map_async() calls it"
)


class RealTimeUsed(AssertionError):
    """Something under test fell back to a real thread or a real clock.

    Arguments:
        operator: who did, for example ``"delay"``; ``None`` where no operator of RxPY was at work.
        scheduler: the name of the class of the scheduler that it fell back to, or of what else was used.
        through: the operators that subscribed to it, nearest first.
        remedy: what to do about it.
    """

    def __init__(
        self, operator: str | None, scheduler: str, through: tuple[str, ...] = (), *, remedy: str = SCHEDULER
    ) -> None:
        if operator is None:
            words = f"{scheduler} was used while a marbles() world is active, and it runs in real time"
        else:
            way = f" (subscribed by {', by '.join(through)})" if through else ""
            words = f"{operator!r}{way} runs in real time, on {scheduler}, while a marbles() world is active"
        super().__init__(f"{words}: {remedy}")
        self.operator = operator
        self.scheduler = scheduler

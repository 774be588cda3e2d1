"""How long to wait before the next attempt: asking the user's delay function, and not trusting it.

What lives here: one question. What does not: the delays themselves (``rxphoenix.protocol.backoff``).
"""

from __future__ import annotations

import math

from rxphoenix.client.context import Context
from rxphoenix.protocol.backoff import Delay

__all__ = ["seconds_to_wait"]


def seconds_to_wait(
    context: Context, delay: Delay, attempt: int, error: Exception, otherwise: Delay, topic: str | None = None
) -> float | None:
    """Ask ``delay(attempt, error)``; if it raises or says nonsense, report that and ask ``otherwise``.

    Arguments:
        context: where a failure of the function is reported.
        delay: the user's function.
        attempt: how many attempts have failed since the last success, from 1.
        error: the last failure.
        otherwise: the delay of ours.
        topic: the topic that it is about, ``None`` for the socket.

    Returns:
        Seconds, or ``None`` to give up.
    """
    try:
        seconds = delay(attempt, error)
        if seconds is None:
            return None
        if isinstance(seconds, (int, float)) and math.isfinite(seconds) and seconds >= 0:  # pyright: ignore[reportUnnecessaryIsInstance]
            return seconds
        raise ValueError(f"a delay must be seconds, not negative, or None to give up, not {seconds!r}")
    except Exception as raised:
        of = "the socket" if topic is None else f"topic {topic!r}"
        context.complain("the delay function of %s failed; the usual delay is used", of, error=raised)
        context.report(raised, topic=topic)
        return otherwise(attempt, error)

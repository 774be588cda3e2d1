"""How much of what goes wrong is logged, so that nobody outside can fill the log.

What lives here: counting lines. What does not: what they say, and to whom it is reported besides (``context.py``).
"""

from __future__ import annotations

import logging

__all__ = ["Complaints"]

_logger = logging.getLogger("rxphoenix")

_MOST = 10
_SECONDS = 60.0


class Complaints:
    """At most ten lines a minute, and one that says that there would be more.

    Arguments:
        what: what they are about, for that line.
    """

    __slots__ = ("_begun", "_count", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        self._begun = float("-inf")
        self._count = 0

    def may_be_said(self, now: float) -> bool:
        """Count one more; tells whether it is to be logged.

        Arguments:
            now: the instant, in seconds that never jump.
        """
        if not 0 <= now - self._begun < _SECONDS:
            self._begun, self._count = now, 0
        self._count += 1
        if self._count == _MOST + 1:
            _logger.warning("%s: too many, so no more of them are logged for a minute", self._what)
        return self._count <= _MOST

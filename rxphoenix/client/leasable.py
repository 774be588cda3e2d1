"""What is kept while somebody needs it: whoever holds a lease, or a push that rides on it.

What lives here: counting leases, and leaving when none is left. What does not: what is kept (``join.py``).
"""

from __future__ import annotations

from rxphoenix.client.context import Context
from rxphoenix.client.pushes import Pushes
from rxphoenix.client.timer import Timer

__all__ = ["Leasable"]


class Leasable:
    """The base of what is left when nobody needs it any more.

    Arguments:
        context: the surroundings of the socket.
        linger: seconds that it outlives the last need.
    """

    __slots__ = ("_context", "_ended", "_linger", "_release", "leases", "pushes")

    def __init__(self, context: Context, linger: float) -> None:
        self.pushes: Pushes | None = None
        """Those that ride on it, from the first one on."""
        self.leases = 0
        """How many there are, apart from the pushes."""
        self._context = context
        self._linger = linger
        self._release: Timer | None = None
        self._ended = False

    def acquire(self) -> None:
        """Take a lease."""
        self.leases += 1
        self._stop_lingering()

    def release(self) -> None:
        """Give a lease back; the last one leaves, once the current dispatch has drained."""
        self.leases -= 1
        if not self.leases:
            self.release_soon()

    def release_soon(self) -> None:
        """Leave, once the current dispatch has drained, if neither a lease nor a push is left."""
        if not self._ended:
            self._context.dispatcher.afterwards(self._begin_to_linger)

    def _begin_to_linger(self) -> None:
        if not (self._is_needed or self._ended):
            if self._release is None:
                self._release = Timer(self._context)
            self._release.start(self._linger, self._leave_if_unneeded)

    def _stop_lingering(self) -> None:
        if self._release is not None:
            self._release.stop()

    def _leave_if_unneeded(self) -> None:
        if not self._is_needed:
            self.leave()

    @property
    def _is_needed(self) -> bool:
        return self.leases > 0 or (self.pushes is not None and bool(self.pushes.riding))

    def leave(self) -> None:
        """Nobody needs it any more."""
        raise NotImplementedError

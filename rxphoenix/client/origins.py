"""Where the values of an observable come from, whatever operators are between.

Operators hide their sources. But who subscribes to a chain subscribes, within the same call, to the streams at its
beginning; so they are noticed there. What is subscribed later (the next part of a ``concat``) is not seen.

What lives here: noticing. What does not: why somebody wants to know (bridges).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rxphoenix.client.context import Context

__all__ = ["Brake", "Origin", "notice", "origins"]


class Brake(Protocol):
    """One consumer's means to hold an origin back; made once, used whenever it has no room, from any thread."""

    def begin(self) -> None:
        """Hold it back, for as long as it may be from now on."""
        ...

    def end(self) -> None:
        """Hold it back no longer."""
        ...

    def dispose(self) -> None:
        """Never hold it back again."""
        ...


class Origin(Protocol):
    """Where values come from: a socket, or what can be asked for one value after the other."""

    def brake(
        self, seconds: float, on_expired: Callable[[Context], object], on_impossible: Callable[[], object]
    ) -> Brake:
        """Make the means to hold it back.

        Arguments:
            seconds: how long a socket is held back without a break.
            on_expired: called with the surroundings of the socket when it was; it is held back no longer then.
            on_impossible: called where it cannot be held back at all.
        """
        ...


class _Noticing(threading.local):
    """Where this thread notes the origins that are subscribed to; ``None`` while nobody wants to know."""

    found: dict[Origin, None] | None = None


_noticing = _Noticing()


def notice(origin: Origin) -> None:
    """Note that an origin is subscribed to."""
    if _noticing.found is not None:
        _noticing.found[origin] = None


@contextmanager
def origins() -> Generator[dict[Origin, None], None, None]:
    """Find the origins that are subscribed to in the block, on this thread.

    Yields:
        Those found so far, in order.
    """
    outer = _noticing.found
    found = _noticing.found = {}
    try:
        yield found
    finally:
        _noticing.found = outer
        if outer is not None:
            outer.update(found)

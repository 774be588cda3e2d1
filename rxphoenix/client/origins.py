"""Which sockets an observable comes from, whatever operators are between.

Operators hide their sources. But who subscribes to a chain subscribes, within the same call, to the streams at its
beginning; so they are noticed there. What is subscribed later (the next part of a ``concat``) is not seen.

What lives here: noticing. What does not: why somebody wants to know (bridges).
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rxphoenix.client.context import Context

__all__ = ["notice", "origins"]


class _Noticing(threading.local):
    """Where this thread notes the sockets whose streams are subscribed; ``None`` while nobody wants to know."""

    found: dict[Context, None] | None = None


_noticing = _Noticing()


def notice(context: Context) -> None:
    """Note that a stream of this socket is subscribed."""
    if _noticing.found is not None:
        _noticing.found[context] = None


@contextmanager
def origins() -> Generator[dict[Context, None], None, None]:
    """Find the sockets whose streams are subscribed in the block, on this thread.

    Yields:
        The sockets found so far, in order.
    """
    outer = _noticing.found
    found = _noticing.found = {}
    try:
        yield found
    finally:
        _noticing.found = outer
        if outer is not None:
            outer.update(found)

"""Which process runs on which core.

What lives here: that. What does not: what runs there.
"""

from __future__ import annotations

import os

__all__ = ["pin"]


def pin(place: int) -> None:
    """Keep this process on one core: 0 for servers, 1 for clients; where there is one core only, nothing is done."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[place % len(cores)]})

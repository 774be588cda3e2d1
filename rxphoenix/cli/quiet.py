"""A log that says nothing, for commands that show on their own what would be logged.

What lives here: that. What does not: showing it (each command).
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["quiet_log"]


@contextmanager
def quiet_log() -> Generator[None]:
    """Let the logger ``rxphoenix`` log nothing, not even where nobody has set up logging."""
    logger, handler = logging.getLogger("rxphoenix"), logging.NullHandler()
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated

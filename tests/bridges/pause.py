"""Something to call on a loop's thread that holds the loop up until a test lets it go on."""

from __future__ import annotations

import threading

LONG = 20.0
"""Seconds that no wait of a test lasts, unless it fails."""


class Pause:
    """Called with whatever there is, it says that it has begun, and returns when it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, *_: object) -> None:
        self.begun.set()
        assert self.go_on.wait(LONG)

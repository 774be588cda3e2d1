"""A stand-in for ``tkinter``, so that examples with a window run on machines without a screen.

What lives here: as much of it as examples use. What does not: anything that is seen.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any


class Tk:
    """A main loop."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._is_open = True

    def after(self, milliseconds: int, function: Callable[[], object]) -> None:
        """Call a function later."""
        heapq.heappush(self._due, (time.monotonic() + milliseconds / 1000, next(self._numbers), function))

    def mainloop(self) -> None:
        """Call what is due, until the window is closed."""
        while self._is_open:
            due, _number, function = heapq.heappop(self._due)
            time.sleep(max(0.0, due - time.monotonic()))
            function()

    def destroy(self) -> None:
        """Close the window."""
        self._is_open = False


class Widget:
    """Something in a window."""

    def __init__(self, master: Tk, **options: Any) -> None:
        self._options = options

    def pack(self) -> None:
        """Show it, which is nothing here."""

    def config(self, **options: Any) -> None:
        """Change it."""
        self._options.update(options)

    def invoke(self) -> None:
        """Do what a click does."""
        self._options["command"]()


def stand_in() -> ModuleType:
    """A module to be imported as ``tkinter``."""
    module = ModuleType("tkinter")
    vars(module).update(Tk=Tk, Label=Widget, Button=Widget)
    return module

"""Lines on a terminal: a clock, a label, what happened.

What lives here: columns and colours. What does not: what is said.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TextIO

__all__ = ["Console"]

_LABEL_WIDTH = 14
_BOLD, _DIM, _RED, _GREEN, _YELLOW, _CYAN = "1", "2", "31", "32", "33", "36"
_STATE_COLORS = {
    "open": _GREEN,
    "joined": _GREEN,
    "connecting": _YELLOW,
    "joining": _YELLOW,
    "errored": _RED,
}


class Console:
    """Prints lines with the seconds since its start; in colour on a terminal, unless ``NO_COLOR`` is set.

    Arguments:
        output: where to, by default the standard output.
    """

    def __init__(self, output: TextIO | None = None) -> None:
        self._output = output or sys.stdout
        self._is_colored = self._output.isatty() and not os.environ.get("NO_COLOR")
        self._started = time.monotonic()
        self._acts = 0

    def text(self, text: str = "") -> None:
        """Print text as it is, without clock and label."""
        self._print(text)

    def act(self, title: str, explanation: str) -> None:
        """Begin an act: a numbered title, and what to know about it."""
        self._acts += 1
        self._print()
        self._print(self._colored(f"{self._acts}. {title}", _BOLD))
        self._print(self._colored(f"   {explanation}", _DIM))

    def code(self, code: str) -> None:
        """Show what the program does next, as it would be written."""
        self._line(">>>", _CYAN, self._colored(code, _CYAN))

    def state(self, label: str, state: str) -> None:
        """Show a state that has been entered."""
        self._line(label, _DIM, self._colored(f"[{state}]", _STATE_COLORS.get(state, _DIM)))

    def error(self, label: str, error: Exception) -> None:
        """Show an error: its name and its words."""
        self._line(label, _RED, f"{self._colored(type(error).__name__, _RED)}: {error}")

    def event(self, label: str, text: str) -> None:
        """Show anything else that happened."""
        self._line(label, "", text)

    def _line(self, label: str, color: str, text: str) -> None:
        clock = self._colored(f"{time.monotonic() - self._started:5.1f}", _DIM)
        self._print(f"{clock}  {self._colored(f'{label:<{_LABEL_WIDTH}}', color)}  {text}")

    def _colored(self, text: str, color: str) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if self._is_colored and color else text

    def _print(self, text: str = "") -> None:
        try:
            print(text, file=self._output, flush=True)
        except BrokenPipeError:
            # Nobody reads any more, as in `rxphoenix demo | head`: end as by Ctrl-C. What is said until then, and what
            # Python flushes at its exit, must not fail again.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._output.fileno())
            os.close(nowhere)
            signal.raise_signal(signal.SIGINT)

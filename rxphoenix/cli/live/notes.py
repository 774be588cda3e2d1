"""What is told beside what was asked for: states of the connection, joins, gaps and faults, on standard error.

What lives here: those words, and watching a socket for them. What does not: the lines of messages (``lines.py``).
"""

from __future__ import annotations

from datetime import datetime

from reactivex import abc
from reactivex import operators as ops
from reactivex.disposable import CompositeDisposable
from rich.console import Console
from rich.text import Text

from rxphoenix import Fault, Joined, Socket
from rxphoenix.cli.live.lines import printable

__all__ = ["Notes"]

_STATE_COLORS = {"open": "green", "joined": "green", "connecting": "yellow", "closed": "red", "errored": "red"}


class Notes:
    """Writes notes to standard error, one a line, in colour where a person looks.

    Arguments:
        console: where to, by default the standard error; what draws in place on the same screen needs that one.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        """Where they are written."""

    def tell(self, label: str, text: str, color: str = "") -> None:
        """Write one note."""
        line = Text(f"* {printable(label)}: ", style="dim")
        line.append(printable(text), style=f"not dim {color}")
        self.console.print(line, soft_wrap=True)

    def state(self, label: str, state: str, at: datetime | None = None) -> None:
        """Tell that a state was entered, and when where that is not now."""
        self.tell(
            label, state if at is None else f"{state} at {at.astimezone():%H:%M:%S}", _STATE_COLORS.get(state, "")
        )

    def joined(self, topic: str, joined: Joined) -> None:
        """Tell of an accepted join, and of the gap before it."""
        if joined.gap is None:
            self.state(topic, "joined")
        else:
            gap = joined.gap
            self.tell(topic, f"joined again; a gap of {gap.seconds:.1f} s: {gap.error}", "yellow")

    def fault(self, fault: Fault) -> None:
        """Tell of a fault that is mended."""
        self.tell(fault.topic or "connection", str(fault.error) or type(fault.error).__name__, "red")

    def watch(self, socket: Socket) -> abc.DisposableBase:
        """Tell of the states of a socket and of what goes wrong, from now on; passive."""
        changes = socket.state.pipe(ops.skip(1))  # that it is closed to begin with is no news
        return CompositeDisposable(
            changes.subscribe(lambda state: self.state("connection", state.value)),
            socket.errors.subscribe(self.fault),
        )

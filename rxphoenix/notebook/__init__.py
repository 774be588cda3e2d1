"""Streams in a notebook: displays that follow them while other cells run.

What lives here: the public names. What does not: drawings of marbles, which show themselves (``rxphoenix.testing``).
IPython is loaded by the first ``show``, and only there.
"""

from rxphoenix.notebook.rendering import Table
from rxphoenix.notebook.show import NotANotebook, Shown, show

__all__ = ["NotANotebook", "Shown", "Table", "show"]

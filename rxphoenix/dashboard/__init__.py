"""Streams on a page that lives: pieces to build one from, and one that has them all; the extra ``dashboard``.

What lives here: the public names. What does not: displays in a cell of a notebook that need nothing installed
(``rxphoenix.notebook``), and the command (``rxphoenix dashboard``).

A page is made of **pieces**, each a Panel object. A piece has an **instrument** (``instruments``), which watches,
counts and keeps, and knows nothing of Panel; ``piece.py`` shows it at the pace of the page. ``assets`` is what a
browser runs.
"""

try:
    from rxphoenix.dashboard.page import dashboard
    from rxphoenix.dashboard.piece import Piece
    from rxphoenix.dashboard.pieces import (
        channel_table,
        connection_buttons,
        message_log,
        presence_table,
        push_form,
        rate_chart,
        round_trip_chart,
        state_timeline,
    )
    from rxphoenix.dashboard.server import PageServer
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in ("panel", "param", "bokeh", "tornado"):
        raise
    raise ModuleNotFoundError(
        "rxphoenix.dashboard needs Panel; install it: pip install 'rxphoenix[dashboard]'", name=error.name
    ) from None

__all__ = [
    "PageServer",
    "Piece",
    "channel_table",
    "connection_buttons",
    "dashboard",
    "message_log",
    "presence_table",
    "push_form",
    "rate_chart",
    "round_trip_chart",
    "state_timeline",
]

"""The page that has all pieces, and the sheet that a page lies on.

What lives here: where the pieces are, on a desktop and on a phone. What does not: the pieces (``pieces.py``).
"""

from __future__ import annotations

from importlib.resources import files

import reactivex
from panel.layout import Column
from panel.template import Template
from panel.viewable import Viewable
from reactivex import operators as ops

from rxphoenix import Channel, Socket
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

__all__ = ["dashboard", "sheet"]

_TEMPLATE = (files("rxphoenix.dashboard") / "assets" / "page.html").read_text("utf-8")

_GRID = """
:host {
  display: grid !important; gap: 12px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr));
}
:host > * { width: auto !important; height: auto !important; min-width: 0; margin: 0 !important;
  align-self: stretch !important; }
:host > .wide { grid-column: 1 / -1; }
"""


def dashboard(socket: Socket, *channels: Channel) -> Viewable:
    """Everything there is to see of a socket and some of its channels, on one page.

    That is: buttons to disconnect and reconnect, the connection over time, round trips, messages a second, the log, the
    channels, a form to push, and who is present on the first channel.

    Arguments:
        socket: the socket.
        channels: at least one channel of it; they are joined while the page is shown.

    Raises:
        ValueError: there is none, or one is of another socket.

    Example:
        ```python
        from rxphoenix import Socket
        from rxphoenix.dashboard import PageServer, dashboard

        async with Socket("ws://localhost:4000/socket") as socket:
            lobby = socket.channel("room:lobby")
            async with PageServer(lambda: dashboard(socket, lobby), port=0) as server:
                print(server.url)
        ```
    """
    table = channel_table(*channels)
    if channels[0].socket is not socket:
        raise ValueError("the channels are of another socket than the one that was given")
    # a channel that has ended is told of in the table, and the others go on
    messages = reactivex.merge(*(channel.pipe(ops.catch(reactivex.never())) for channel in channels))
    buttons, log = connection_buttons(socket), message_log(messages)
    buttons.css_classes = log.css_classes = ["wide"]
    return Column(
        buttons,
        state_timeline(socket),
        round_trip_chart(socket),
        rate_chart(messages),
        table,
        log,
        presence_table(channels[0].presence()),
        push_form(*channels),
        sizing_mode="stretch_width",
        stylesheets=[_GRID],
    )


def sheet(page: Viewable) -> Template:
    """Lay something on a page of its own, light or dark as the browser prefers.

    Arguments:
        page: what is shown.
    """
    return Template(_TEMPLATE, items={"page": page})

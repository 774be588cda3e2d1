"""The pieces: what a page is made of, one function each.

What lives here: making them. What does not: what they count and keep (``instruments``), how they look
(``assets/pieces.js``), and the page that has them all (``page.py``).
"""

from __future__ import annotations

from typing import Any

from reactivex import Observable, abc

from rxphoenix import Channel, Presence, Socket
from rxphoenix.dashboard.instruments.attendance import Attendance
from rxphoenix.dashboard.instruments.channel_states import ChannelStates
from rxphoenix.dashboard.instruments.connection import Connection
from rxphoenix.dashboard.instruments.message_log import MessageLog
from rxphoenix.dashboard.instruments.push_form import PushForm
from rxphoenix.dashboard.instruments.rates import Rates
from rxphoenix.dashboard.instruments.round_trips import RoundTrips
from rxphoenix.dashboard.instruments.state_history import StateHistory
from rxphoenix.dashboard.piece import Piece

__all__ = [
    "channel_table",
    "connection_buttons",
    "message_log",
    "presence_table",
    "push_form",
    "rate_chart",
    "round_trip_chart",
    "state_timeline",
]


def state_timeline(socket: Socket) -> Piece:
    """The states of a connection over the last five minutes, and what went wrong; passive.

    Arguments:
        socket: the socket.

    Example:
        ```python
        import panel as pn
        from rxphoenix import Socket
        from rxphoenix.dashboard import PageServer, rate_chart, state_timeline

        async with Socket("ws://localhost:4000/socket") as socket:
            kitchen = socket.channel("sensor:kitchen")
            page = lambda: pn.Column(state_timeline(socket), rate_chart(kitchen))
            async with PageServer(page, port=0) as server:
                print(server.url)
        ```
    """
    return Piece("state_timeline", StateHistory(socket))


def round_trip_chart(socket: Socket) -> Piece:
    """The round trips of the last two minutes, asked every two seconds while the connection is open; passive.

    Arguments:
        socket: the socket.
    """
    return Piece("round_trip_chart", RoundTrips(socket))


def rate_chart(observable: Observable[Any], *, scheduler: abc.SchedulerBase | None = None) -> Piece:
    """How much comes in each second of the last minute: messages by topic and event, other values together.

    Each value is counted, in the second in which it comes. It subscribes while it is shown: to a channel, that joins.

    Arguments:
        observable: a channel, ``socket.messages``, or any other observable; ``reactivex.merge`` makes one of several.
        scheduler: whose clock counts, by default that of the event loop.
    """
    return Piece("rate_chart", Rates(observable, scheduler))


def message_log(channel: Observable[Any], *, scheduler: abc.SchedulerBase | None = None) -> Piece:
    """The last messages, with a filter, a button that lets them stand still, and a view of their JSON.

    Each message is counted. The last thousand are kept for the filter, and the last hundred that match it are shown. It
    subscribes while it is shown: to a channel, that joins.

    Arguments:
        channel: a channel, or any other observable; ``reactivex.merge`` makes one of several.
        scheduler: whose clock tells when they come, by default that of the event loop.
    """
    return Piece("message_log", MessageLog(channel, scheduler))


def presence_table(presence: Presence[Any]) -> Piece:
    """Who is present, and who has come and gone; it joins while it is shown.

    The first hundred are shown, and the last thirty comings and goings.

    Arguments:
        presence: what ``channel.presence()`` returns.
    """
    return Piece("presence_table", Attendance(presence))


def channel_table(*channels: Channel) -> Piece:
    """The state of each channel, how often it was joined, and what went wrong last; it joins while it is shown.

    Arguments:
        channels: the channels, all of one socket.

    Raises:
        ValueError: there is none, or they are of several sockets.
    """
    return Piece("channel_table", ChannelStates(channels))


def push_form(*channels: Channel) -> Piece:
    """A form to push a message, and the reply, whatever its status.

    Whoever sees the page can push.

    Arguments:
        channels: where can be pushed to, all of one socket.

    Raises:
        ValueError: there is none, or they are of several sockets.
    """
    return Piece("push_form", PushForm(channels))


def connection_buttons(socket: Socket) -> Piece:
    """The state of a connection, with buttons to disconnect and to reconnect; passive.

    It is the connection of everybody who uses the socket. To reconnect does nothing while nobody needs the socket.

    Arguments:
        socket: the socket.
    """
    return Piece("connection_buttons", Connection(socket))

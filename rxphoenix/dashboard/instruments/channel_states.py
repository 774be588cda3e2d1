"""The state of each channel, and what went wrong with it last.

What lives here: keeping that. What does not: the states themselves (``Channel.state``).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from rxphoenix import Channel, ChannelState, Fault, Joined
from rxphoenix.dashboard.instruments.instrument import Instrument, reason

__all__ = ["ChannelLook", "ChannelStates", "ChannelStatesLook"]


class ChannelLook(msgspec.Struct):
    """A channel.

    Arguments:
        topic: its topic.
        state: its state.
        since: when it was entered, in milliseconds since the epoch.
        joins: how often the server has accepted a join.
        error: what went wrong last, ``None`` if nothing has.
        error_at: when, in milliseconds since the epoch.
    """

    topic: str
    state: ChannelState
    since: float
    joins: int = 0
    error: str | None = None
    error_at: float = 0.0


class ChannelStatesLook(msgspec.Struct, frozen=True):
    """The channels.

    Arguments:
        channels: each of them.
        now: milliseconds since the epoch.
    """

    channels: list[ChannelLook]
    now: float


class ChannelStates(Instrument):
    """Watches channels, and joins them: a join that is refused is told to nobody else.

    Arguments:
        channels: at least one, all of one socket.

    Raises:
        ValueError: there is none, or they are of several sockets.
    """

    moves = True

    def __init__(self, channels: Sequence[Channel]) -> None:
        check_channels(channels)
        super().__init__(channels[0].socket)
        self._channels = channels
        self._rows: dict[str, ChannelLook] = {}

    def _watch(self) -> None:
        socket = self._channels[0].socket
        self._rows = {
            channel.topic: ChannelLook(channel.topic, channel.state.value, self.now * 1000)
            for channel in self._channels
        }
        self._follow(socket.errors, self._note)
        for channel in self._channels:
            self._watch_one(channel, self._rows[channel.topic])

    def _watch_one(self, channel: Channel, row: ChannelLook) -> None:
        def enter(state: ChannelState) -> None:
            if state != row.state:
                row.state, row.since = state, self.now * 1000

        def count(_joined: Joined) -> None:
            row.joins += 1

        def end(error: Exception | None) -> None:
            if error is not None:
                self._fail(row, error)

        self._follow(channel.state, enter)
        self._follow(channel.joined, count, end)

    def _note(self, fault: Fault) -> None:
        row = self._rows.get(fault.topic or "")
        if row is not None:
            self._fail(row, fault.error)

    def _fail(self, row: ChannelLook, error: Exception) -> None:
        row.error, row.error_at = reason(error), self.now * 1000

    def _look(self) -> ChannelStatesLook:
        return ChannelStatesLook(list(self._rows.values()), self.now * 1000)


def check_channels(channels: Sequence[Channel]) -> None:
    """Raise ``ValueError`` unless there are channels, all of one socket."""
    if not channels:
        raise ValueError("no channel was given; give at least one, such as socket.channel('room:lobby')")
    if any(channel.socket is not channels[0].socket for channel in channels):
        raise ValueError("the channels are of several sockets; make a piece for each socket")

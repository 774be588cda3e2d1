"""The state of each channel, and what went wrong last."""

from __future__ import annotations

import pytest

from rxphoenix import Reply
from rxphoenix.dashboard.instruments.channel_states import ChannelLook, ChannelStates
from rxphoenix.testing import Observation, marbles


def rows(seen: Observation) -> list[ChannelLook]:
    return seen.values[-1].channels


def test_a_crash_is_told_and_mended() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        phoenix.topic("room:a").crashes("----------x")
        socket = phoenix.socket(rejoin_after=lambda attempt, error: 1.0)
        channels = [socket.channel("room:a"), socket.channel("room:b")]
        seen = m.observe(ChannelStates(channels).looks(), "^ 3s !")
        m.run(until=1.5)
        crashed = rows(seen)[0]
        assert (crashed.state, crashed.since, crashed.joins, crashed.error_at) == ("errored", 1000.0, 1, 1000.0)
        assert "crashed" in (crashed.error or "")
        m.run(until=2.9)
    mended, other = rows(seen)
    assert (mended.topic, mended.state, mended.since, mended.joins) == ("room:a", "joined", 2000.0, 2)
    assert mended.error == crashed.error
    assert (other.topic, other.state, other.joins, other.error) == ("room:b", "joined", 1, None)


def test_a_refusal_is_told() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        phoenix.topic("room:a").joins("r", values={"r": Reply("error", {"reason": "no"})})
        seen = m.observe(ChannelStates([phoenix.socket().channel("room:a")]).looks(), "^ 1s !")
    (row,) = rows(seen)
    assert (row.state, row.joins) == ("closed", 0)
    assert "refused" in (row.error or "")


def test_channels_are_wanted_and_of_one_socket() -> None:
    with marbles() as m:
        with pytest.raises(ValueError, match="give at least one"):
            ChannelStates([])
        phoenix = m.phoenix()
        with pytest.raises(ValueError, match="of several sockets"):
            ChannelStates([phoenix.socket().channel("room:a"), phoenix.socket().channel("room:b")])

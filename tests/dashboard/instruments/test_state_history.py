"""The states of a connection, when they began and ended, and what went wrong."""

from __future__ import annotations

from rxphoenix.dashboard.instruments.state_history import SPAN, StateHistory, StateHistoryLook
from rxphoenix.testing import marbles


def test_states_and_faults_have_their_instants() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix(opens_after=0.2)
        phoenix.drops("----------x")
        socket = phoenix.socket(reconnect_after=lambda attempt, error: 0.5)
        lease = m.observe(socket.channel("room:a"), "^ 3s !")
        seen = m.observe(StateHistory(socket).looks(), "^ 2900ms !")
    look: StateHistoryLook = seen.values[-1]
    assert [(span.state.value, span.since, span.until) for span in look.spans] == [
        ("connecting", 0.0, 200.0),
        ("open", 200.0, 1000.0),
        ("closed", 1000.0, 1500.0),
        ("connecting", 1500.0, 1700.0),
        ("open", 1700.0, look.now),
    ]
    assert [(fault.at, fault.text) for fault in look.faults] == [(1000.0, "connection lost")]
    assert look.endpoint == socket.endpoint
    assert lease.values == []


def test_it_is_passive() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        seen = m.observe(StateHistory(phoenix.socket()).looks(), "^ 2s !")
        m.expect_attempts(phoenix).to_be("-")
    assert [span.state for span in seen.values[-1].spans] == ["closed"]


def test_what_is_too_old_is_forgotten() -> None:
    with marbles(frame=0.1) as m:
        socket = m.phoenix().socket(heartbeat_interval=None)
        m.observe(socket.channel("room:a"), "-^ 1s !")
        seen = m.observe(StateHistory(socket).looks())
        m.run(until=SPAN + 2)
        seen.dispose()
    assert [span.state for span in seen.values[-1].spans] == ["closed"]
    assert seen.values[-1].spans[0].since > 1000

"""Two buttons."""

from __future__ import annotations

from rxphoenix.dashboard.instruments.connection import Connection
from rxphoenix.testing import marbles


def test_disconnect_and_reconnect() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix(opens_after=0.1)
        socket = phoenix.socket()
        m.observe(socket.channel("room:a"), "^ 3s !")
        connection = Connection(socket)
        seen = m.observe(connection.looks(), "^ 2s !")
        m.at(0.5, lambda: connection.told({"do": "disconnect"}))
        m.at(1.0, lambda: connection.told({"do": "reconnect"}))
        m.at(1.5, lambda: connection.told({"do": "dance"}))
        m.run(until=1.9)
        m.expect_attempts(phoenix).to_be("a---------a", {"a": "websocket"})
    states = [look.state.value for look in seen.values]
    assert [state for before, state in zip(["", *states], states, strict=False) if state != before] == [
        "connecting", "open", "closing", "closed", "connecting", "open",
    ]  # fmt: skip
    assert seen.values[-1].endpoint == socket.endpoint
    assert not seen.values[-1].ended


def test_a_socket_that_was_closed_for_good_has_no_buttons() -> None:
    with marbles(frame=0.1) as m:
        socket = m.phoenix().socket()
        seen = m.observe(Connection(socket).looks(), "^ 1s !")
        m.at(0.1, socket.close)
    assert seen.values[-1].ended

"""Round trips are asked for again and again while the connection is open."""

from __future__ import annotations

from rxphoenix.dashboard.instruments.round_trips import PAUSE, RoundTrips, RoundTripsLook
from rxphoenix.testing import marbles


def test_each_answer_is_a_point_and_the_next_question_waits() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix(latency=0.03)
        socket = phoenix.socket()
        m.observe(socket.channel("room:a"), "^ 9s !")
        seen = m.observe(RoundTrips(socket).looks(), "- ^ 9s !")
    look: RoundTripsLook = seen.values[-1]
    assert [round(took) for _, took in look.points] == [30, 30, 30, 30]
    gaps = [later - earlier for (earlier, _), (later, _) in zip(look.points, look.points[1:], strict=False)]
    assert [round(gap) for gap in gaps] == [round(PAUSE * 1000 + 30)] * 3
    assert (look.shortest, look.median, look.longest) == (30, 30, 30)


def test_without_a_connection_nothing_is_sent_and_it_goes_on_later() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        socket = phoenix.socket()
        seen = m.observe(RoundTrips(socket).looks(), "^ 7s !")
        m.observe(socket.channel("room:a"), "3s ^ 4s !")
        m.run(until="2900ms")
        before: RoundTripsLook = seen.values[-1]
        m.run(until="7s")
    assert (before.points, before.shortest, before.median) == ([], None, None)
    assert [at for at, _ in seen.values[-1].points] == [4000.0, 6000.0]


def test_nothing_is_asked_when_nobody_looks_any_more() -> None:
    with marbles(frame=0.1) as m:
        phoenix = m.phoenix()
        socket = phoenix.socket()
        m.observe(socket.channel("room:a"), "^ 9s !")
        m.observe(RoundTrips(socket).looks(), "- ^ 5s !")
    assert [frame.event for frame in phoenix.sent].count("heartbeat") == 2

"""Each value is counted, in the second in which it comes."""

from __future__ import annotations

import reactivex
from hypothesis import given, settings
from hypothesis import strategies as st

from rxphoenix import Message
from rxphoenix.dashboard.instruments.rates import SECONDS, Rates, RatesLook
from rxphoenix.testing import marbles


def message(event: str, topic: str = "room:a") -> Message:
    return Message(None, None, topic, event, {})


def test_messages_are_counted_by_topic_and_event_and_second() -> None:
    with marbles(frame=0.1) as m:
        stream = m.hot(
            "(aab)--a------ ----b----- ----------", {"a": message("new_msg"), "b": message("typing", "room:b")}
        )
        seen = m.observe(Rates(stream, m.scheduler).looks(), "^ 2900ms !")
    look: RatesLook = seen.values[-1]
    assert (look.total, look.rate, look.until, look.more, look.ended) == (5, 1, 2000.0, (0, 0), None)
    assert [(each.topic, each.event, each.total, each.seconds[-2:]) for each in look.series] == [
        ("room:a", "new_msg", 3, [3, 0]),
        ("room:b", "typing", 2, [1, 1]),
    ]
    assert [len(each.seconds) for each in look.series] == [SECONDS, SECONDS]


def test_the_second_that_goes_on_is_not_shown_before_it_is_full() -> None:
    with marbles(frame=0.1) as m:
        seen = m.observe(Rates(m.hot("-----a"), m.scheduler).looks(), "^ 1300ms !")
    assert [(look.total, look.rate) for look in seen.values] == [(0, 0), (1, 0), (1, 1)]


def test_what_is_no_message_is_counted_together() -> None:
    with marbles(frame=0.1) as m:
        seen = m.observe(Rates(m.hot("-a-b"), m.scheduler).looks(), "^ 1s !")
    (series,) = seen.values[-1].series
    assert (series.topic, series.event, series.total) == ("", "", 2)


def test_how_the_stream_ended_is_told() -> None:
    with marbles(frame=0.1) as m:
        failed = m.observe(Rates(m.hot("-#", error=ValueError("refused")), m.scheduler).looks(), "^----!")
        completed = m.observe(Rates(m.hot("-|"), m.scheduler).looks(), "^----!")
    assert failed.values[-1].ended == "refused"
    assert completed.values[-1].ended == "completed"


def test_the_most_are_shown_the_rest_is_summed_up_and_colours_stay() -> None:
    with marbles(frame=0.1) as m:
        rare = [message(f"rare-{number}") for number in range(3)]
        often = [message(f"often-{number}") for number in range(8) for _ in range(2)]
        stream = reactivex.from_iterable([*rare, *often])
        seen = m.observe(Rates(stream, m.scheduler).looks(), "^----!")
    look: RatesLook = seen.values[-1]
    assert [(each.event, each.slot) for each in look.series] == [(f"often-{n}", n + 3) for n in range(8)]
    assert (look.more, look.total) == ((3, 3), 19)


def test_so_many_kinds_are_not_told_apart_for_ever() -> None:
    with marbles(frame=0.1) as m:
        stream = reactivex.from_iterable([message(f"event-{number}") for number in range(1000)])
        rates = Rates(stream, m.scheduler)
        seen = m.observe(rates.looks(), "^----!")
    look: RatesLook = seen.values[-1]
    assert look.total == 1000
    assert (look.series[0].event, look.series[0].total, look.more[0]) == ("others", 744, 249)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 200_000), st.sampled_from("abc")), max_size=30))
def test_no_value_is_lost_or_counted_twice(values: list[tuple[int, str]]) -> None:
    with marbles() as m:
        stream = reactivex.Subject[Message]()
        instant = 0
        for gap, event in values:
            instant += gap
            m.at(instant / 1000, lambda event=event: stream.on_next(message(event)))
        seen = m.observe(Rates(stream, m.scheduler).looks())
        m.run(until=instant / 1000 + 1.25)
        seen.dispose()
        look: RatesLook = seen.values[-1]
        recent = [event for at, event in _timed(values) if at // 1000 >= look.until / 1000 - SECONDS]
        assert look.total == len(values)
        assert {each.event: each.total for each in look.series} == {
            event: [each for _, each in values].count(event) for event in {each for _, each in values}
        }
        assert sum(sum(each.seconds) for each in look.series) == len(recent)


def _timed(values: list[tuple[int, str]]) -> list[tuple[int, str]]:
    instant, timed = 0, list[tuple[int, str]]()
    for gap, event in values:
        instant += gap
        timed.append((instant, event))
    return timed

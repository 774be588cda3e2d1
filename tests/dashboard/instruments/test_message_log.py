"""All messages are counted, some are kept, and the last that match are shown."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import reactivex
from reactivex import Subject

from rxphoenix import MalformedFrame, Message
from rxphoenix.dashboard.instruments import message_log
from rxphoenix.dashboard.instruments.message_log import KEPT, SHOWN, MessageLog, MessageLogLook
from rxphoenix.testing import World, marbles
from tests.depth import too_deep_to_show


def message(payload: Any, event: str = "new_msg", topic: str = "room:a") -> Message:
    return Message(None, None, topic, event, payload)


class Reader:
    """A log that is looked at, and told things."""

    def __init__(self, m: World) -> None:
        self._m = m
        self.stream = Subject[Any]()
        self.log = MessageLog(self.stream, m.scheduler)
        self._seen = m.observe(self.log.looks())

    def hears(self, *values: Any) -> MessageLogLook:
        for value in values:
            self.stream.on_next(value)
        self._m.advance(0.25)
        return self.look

    def says(self, **words: Any) -> MessageLogLook:
        self.log.told(words)
        return self.look

    @property
    def look(self) -> MessageLogLook:
        return self._seen.values[-1]

    @property
    def texts(self) -> list[str]:
        return [row.text for row in self.look.rows]


def test_a_message_is_a_row() -> None:
    with marbles(horizon=1) as m:
        m.advance(7.5)
        look = Reader(m).hears(message({"body": "hello"}))
    (row,) = look.rows
    assert (row.number, row.at, row.topic, row.event, row.text) == (1, 7500.0, "room:a", "new_msg", '{"body":"hello"}')
    assert (look.total, look.matching, look.ended) == (1, 1, None)


def test_a_payload_that_nobody_has_looked_at_is_shown_as_it_came() -> None:
    def never(_raw: msgspec.Raw) -> None:
        raise AssertionError("decoded")

    with marbles(horizon=1) as m:
        reader = Reader(m)
        raw = Message(None, None, "room:a", "new_msg", msgspec.Raw(b'{"n": 1.50}'))
        reader.hears(raw, b"\x00\xff", {"n": 1}, object)
    assert reader.texts[:3] == ['{"n": 1.50}', '"2 bytes: 00 ff"', '{"n":1}']
    assert reader.texts[3] == repr(object)


def test_a_payload_that_cannot_be_read_says_so() -> None:
    def fail(_raw: msgspec.Raw) -> None:
        raise MalformedFrame("the payload is not JSON", size=1)

    with marbles(horizon=1) as m:
        reader = Reader(m)
        reader.hears(Message.lazy(None, None, "room:a", "new_msg", msgspec.Raw(b"?"), fail))
    assert reader.texts == ["(the payload is not JSON (frame of 1 bytes))"]


def test_the_last_are_shown_and_more_are_kept_and_all_are_counted() -> None:
    with marbles(horizon=1) as m:
        reader = Reader(m)
        look = reader.hears(*(message({"n": number}) for number in range(KEPT + 500)))
        assert (look.total, look.matching) == (KEPT + 500, KEPT + 500)
        assert [row.number for row in look.rows] == list(range(KEPT + 501 - SHOWN, KEPT + 501))
        # the oldest that is kept is found, the one before it is not
        assert [row.number for row in reader.says(filter='"n":500}').rows] == [501]
        assert reader.says(filter='"n":499}').rows == []


def test_a_filter_wants_all_its_words_in_topic_event_or_payload() -> None:
    with marbles(horizon=1) as m:
        reader = Reader(m)
        reader.hears(
            message({"body": "Hello"}), message({"body": "bye"}, event="shout"), message({"body": "hello"}, topic="x:b")
        )
        reader.says(filter="HELLO room")
        assert reader.texts == ['{"body":"Hello"}']
        reader.says(filter="shout")
        assert reader.texts == ['{"body":"bye"}']
        look = reader.hears(message(1, event="shout"), message(2))
        assert reader.texts == ['{"body":"bye"}', "1"]
        assert (look.matching, look.total, look.filter) == (2, 5, "shout")
        assert len(reader.says(filter=" ").rows) == 5
        assert reader.look.matching == 5


def test_what_matches_stays_though_many_others_come() -> None:
    with marbles(horizon=1) as m:
        reader = Reader(m)
        reader.says(filter="rare")
        reader.hears(message("rare"), *(message(number) for number in range(2 * KEPT)))
        assert reader.texts == ['"rare"']


def test_rows_that_stand_still_stand_still_while_all_are_counted() -> None:
    with marbles(horizon=1) as m:
        reader = Reader(m)
        reader.hears(message(1))
        reader.says(pause=True)
        look = reader.hears(message(2))
        assert (reader.texts, look.paused, look.total) == (["1"], True, 2)
        reader.says(filter="room")
        assert reader.texts == ["1", "2"]
        assert (reader.says(pause=False).paused, reader.texts) == (False, ["1", "2"])


def test_a_message_is_opened_and_closed() -> None:
    with marbles(horizon=1) as m:
        reader = Reader(m)
        long = "x" * 150_000
        reader.hears(message({"body": "hello" * 100}), message(long))
        assert len(reader.look.rows[0].text) == 240
        opened = reader.says(open=1).opened
        assert opened is not None
        assert (opened.number, opened.text, opened.left_out) == (1, f'{{"body":"{"hello" * 100}"}}', 0)
        opened = reader.says(open=2).opened
        assert opened is not None
        assert (len(opened.text or ""), opened.left_out) == (100_000, 50_002)
        assert reader.says(open=None).opened is None
        opened = reader.says(open=3).opened
        assert opened is not None
        assert opened.text is None


def test_big_messages_are_kept_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_log, "CHARACTERS", 1000)
    with marbles(horizon=1) as m:
        reader = Reader(m)
        reader.says(filter="y")
        reader.hears(*(message("y" * 298) for _ in range(10)))
        reader.says(filter="yy")
        assert [row.number for row in reader.look.rows] == [8, 9, 10]


def test_a_payload_nested_too_deeply_to_show_ends_nothing() -> None:
    with marbles(horizon=1) as m:
        reader = Reader(m)
        look = reader.hears(message(too_deep_to_show()), message("next"))
        assert [row.text for row in look.rows] == ["(nested too deeply to show)", '"next"']
        assert (look.total, look.ended) == (2, None)


def test_nonsense_is_left_alone() -> None:
    with marbles(horizon=1) as m:
        reader = Reader(m)
        before = reader.hears(message(1))
        for words in ({}, {"filter": 1}, {"open": "1"}, {"pause": "yes"}, {"other": 1}):
            reader.log.told(words)
        assert reader.look is before


def test_how_the_stream_ended_is_told() -> None:
    with marbles(horizon=1) as m:
        seen = m.observe(MessageLog(reactivex.throw(ValueError("refused")), m.scheduler).looks(), "^ 1s !")
    assert seen.values[-1].ended == "refused"

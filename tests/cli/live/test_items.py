"""What is shown of messages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rxphoenix import Message
from rxphoenix.cli.live.items import Arrival, Choice, Item, News

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)


def message(event: str, payload: Any, topic: str = "room:a") -> Message:
    return Message("1", None, topic, event, payload)


def state(*keys: str) -> Message:
    return message("presence_state", {key: {"metas": [{"phx_ref": key}]} for key in keys})


def diff(joins: tuple[str, ...] = (), leaves: tuple[str, ...] = ()) -> Message:
    return message(
        "presence_diff",
        {
            "joins": {key: {"metas": [{"phx_ref": key}]} for key in joins},
            "leaves": {key: {"metas": [{"phx_ref": key}]} for key in leaves},
        },
    )


def told(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.presence, item.key) for item in items if isinstance(item, Arrival)]


def test_all_but_the_protocol_and_presence_is_shown():
    choice = Choice()
    assert choice.of(message("news", {"n": 1}), NOW) == [News(NOW, "room:a", "news", {"n": 1})]
    for hidden in (message("phx_close", {}), message("phx_reply", {}), state("ann"), diff(("bob",))):
        assert choice.of(hidden, NOW) == []


def test_only_events_that_were_asked_for_are_shown():
    choice = Choice(["news", "presence_state"])
    assert choice.of(message("other", {}), NOW) == []
    assert [item.event for item in choice.of(state("ann"), NOW) if isinstance(item, News)] == ["presence_state"]


def test_presence_is_shown_as_who_comes_and_goes():
    choice = Choice(presence=True)
    assert choice.of(diff(("cid",)), NOW) == []  # held until the state comes
    assert told(choice.of(state("ann", "bob"), NOW)) == [("join", "ann"), ("join", "bob"), ("join", "cid")]
    assert told(choice.of(diff(leaves=("ann",)), NOW)) == [("leave", "ann")]
    assert len(choice.of(message("news", {}), NOW)) == 1


def test_after_a_lost_join_only_what_differs_is_shown():
    choice = Choice(presence=True)
    choice.lost("room:a")
    choice.of(state("ann", "bob"), NOW)
    choice.lost("room:a")
    assert told(choice.of(state("bob", "cid"), NOW)) == [("join", "cid"), ("leave", "ann")]


def test_topics_have_a_roster_each_and_nonsense_is_no_presence():
    choice = Choice(presence=True)
    assert told(choice.of(state("ann"), NOW)) == [("join", "ann")]
    other = Message("2", None, "room:b", "presence_state", {"ann": {"metas": [{"phx_ref": "1"}]}})
    assert told(choice.of(other, NOW)) == [("join", "ann")]
    assert choice.of(message("presence_diff", "nonsense"), NOW) == []

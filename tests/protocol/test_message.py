"""Messages, replies, frames, and the names that the protocol reserves."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix.errors import MalformedFrame
from rxphoenix.protocol.message import (
    CLOSE,
    ERROR,
    HEARTBEAT,
    JOIN,
    LEAVE,
    REPLY,
    Frame,
    Message,
    Received,
    Reply,
    decode_json,
    is_reserved,
)
from tests.depth import too_deep_to_show
from tests.protocol.strategies import json_values, names, refs


def lazy(raw: bytes = b'{"a":1}') -> tuple[Message, list[bytes]]:
    """A message that is not decoded yet, and what its decoder was asked for."""
    asked: list[bytes] = []

    def decode(given: msgspec.Raw) -> Any:
        asked.append(bytes(given))
        return msgspec.json.decode(given)

    return Message.lazy("1", "2", "room:a", "echo", msgspec.Raw(raw), decode), asked


@pytest.mark.parametrize("event", [JOIN, LEAVE, REPLY, CLOSE, ERROR, "phx_", "phx_anything"])
def test_what_begins_with_phx_belongs_to_the_protocol(event: str):
    assert is_reserved(event)


@pytest.mark.parametrize("event", [HEARTBEAT, "new_msg", "", "phx", "PHX_join", " phx_join", "presence_state"])
def test_every_other_event_belongs_to_the_application(event: str):
    assert not is_reserved(event)


def test_a_payload_is_not_decoded_before_somebody_looks():
    message, asked = lazy()
    assert (message.join_ref, message.ref, message.topic, message.event) == ("1", "2", "room:a", "echo")
    assert message.raw == msgspec.Raw(b'{"a":1}')
    assert asked == []


def test_a_payload_is_decoded_once_and_shared_by_all_who_look():
    message, asked = lazy()
    assert message.payload == {"a": 1}
    assert message.payload is message.payload
    assert asked == [b'{"a":1}']


def test_a_payload_of_null_is_decoded_once_too():
    message, asked = lazy(b"null")
    assert [message.payload, message.payload] == [None, None]
    assert asked == [b"null"]


def test_the_raw_json_is_let_go_once_it_is_decoded():
    message, _ = lazy()
    assert message.payload == {"a": 1}
    assert message.raw is None


def test_a_payload_that_cannot_be_decoded_raises_each_time_and_stays_raw():
    def decode(raw: msgspec.Raw) -> Any:
        raise MalformedFrame("no", size=len(raw))

    message = Message.lazy(None, None, "room:a", "echo", msgspec.Raw(b"{"), decode)
    for _ in range(2):
        with pytest.raises(MalformedFrame):
            _ = message.payload
    assert message.raw == msgspec.Raw(b"{")


def test_a_message_made_by_hand_has_no_raw_json_and_none_for_an_omitted_payload():
    message = Message("1", "2", "room:a", "echo")
    assert message.payload is None
    assert message.raw is None


def test_another_payload_makes_another_message():
    message, asked = lazy()
    changed = message.with_payload([1])
    assert changed == Message("1", "2", "room:a", "echo", [1])
    assert asked == []
    assert message.payload == {"a": 1}


@given(refs, refs, names, names, json_values)
def test_messages_are_equal_when_all_five_parts_are(
    join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any
):
    message = Message(join_ref, ref, topic, event, payload)
    raw = msgspec.Raw(msgspec.json.encode(payload))
    assert message == Message.lazy(join_ref, ref, topic, event, raw, msgspec.json.decode)
    others = [
        Message("other" if join_ref != "other" else None, ref, topic, event, payload),
        Message(join_ref, "other" if ref != "other" else None, topic, event, payload),
        Message(join_ref, ref, topic + "!", event, payload),
        Message(join_ref, ref, topic, event + "!", payload),
        Message(join_ref, ref, topic, event, [payload]),
    ]
    assert all(message != other for other in others)


def test_a_message_is_nothing_else_than_a_message():
    message = Message(None, None, "room:a", "echo", 1)
    assert message != (None, None, "room:a", "echo", 1)
    assert (message == object()) is False


def test_a_message_cannot_be_hashed_because_its_payload_may_not():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Message(None, None, "room:a", "echo"))


@given(refs, names, st.binary())
def test_the_repr_of_a_message_makes_it_again(ref: str | None, topic: str, payload: bytes):
    message = Message(ref, ref, topic, "echo", payload)
    assert eval(repr(message), {"Message": Message}) == message


def test_a_message_nested_too_deeply_to_show_says_so_and_does_not_raise():
    assert repr(Message("1", "2", "room:a", "echo", too_deep_to_show())) == (
        "Message('1', '2', 'room:a', 'echo', <a payload nested too deeply to show>)"
    )


def test_frames_and_replies_compare_by_value_and_cannot_be_changed():
    assert Frame(b"x") == Frame(b"x", binary=False) != Frame(b"x", binary=True)
    assert hash(Frame(b"x")) == hash(Frame(b"x"))
    assert Reply("ok", {"a": 1}) == Reply("ok", {"a": 1}) != Reply("ok", None)
    with pytest.raises(AttributeError):
        Frame(b"x").data = b"y"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttributeError):
        Reply("ok").status = "error"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_message_from_the_wire_is_one_like_any_other_and_decodes_its_payload_once():
    received = msgspec.json.decode(b'[null,null,"room:a","echo",{"a":[1]}]', type=Received)
    assert received.raw is not None
    assert received.payload is received.payload
    assert received.raw is None
    assert received == Message(None, None, "room:a", "echo", {"a": [1]})
    assert repr(received) == "Message(None, None, 'room:a', 'echo', {'a': [1]})"


@pytest.mark.parametrize("looked_at", [False, True])
def test_a_message_can_be_copied_and_pickled_whether_it_was_looked_at_or_not(looked_at: bool):
    message = Message.lazy("1", "2", "room:a", "echo", msgspec.Raw(b'{"a":1}'), decode_json)
    if looked_at:
        assert message.payload == {"a": 1}
    for again in (copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert again == Message("1", "2", "room:a", "echo", {"a": 1})


def test_arguments_may_be_named():
    assert Message(join_ref=None, ref=None, topic="room:a", event="echo", payload=1).payload == 1
    assert Message(None, None, "room:a", "echo").payload is None

from __future__ import annotations

from typing import Any

import pytest

from rxphoenix import JSONSerializer, Message
from rxphoenix.protocol.message import Frame
from rxphoenix.recording.redaction import REDACTED, Redaction


def received(payload: str) -> Message:
    return JSONSerializer().decode(Frame(f'["1","1","room:a","phx_join",{payload}]'.encode()))


@pytest.mark.parametrize(
    ("payload", "clean"),
    [
        ({"token": "x"}, {"token": REDACTED}),
        ({"userToken": "x", "n": 1}, {"userToken": REDACTED, "n": 1}),
        ({"deep": [{"PASSWORD": {"a": 1}}]}, {"deep": [{"PASSWORD": REDACTED}]}),
        ({"Authorization": None}, {"Authorization": REDACTED}),
    ],
)
def test_secrets_are_replaced_at_any_depth(payload: Any, clean: Any) -> None:
    assert Redaction().of(Message("1", "1", "t", "e", payload)).payload == clean


def test_a_secret_whose_name_is_escaped_is_found() -> None:
    assert Redaction().of(received('{"\\u0074oken": "x"}')).payload == {"token": REDACTED}


def test_what_holds_none_stays_as_it_came() -> None:
    message = received('{"body": "hello"}')
    assert Redaction().of(message) is message
    assert message.raw is not None
    looked_at = Message("1", "1", "t", "e", {"a": [{"b": 1}]})
    assert Redaction().of(looked_at) is looked_at
    binary = Message("1", "1", "t", "e", b"token")
    assert Redaction().of(binary) is binary


def test_words_of_ones_own() -> None:
    message = Redaction(("pin",)).of(Message("1", "1", "t", "e", {"PIN": 1234, "token": "shown"}))
    assert message.payload == {"PIN": REDACTED, "token": "shown"}
    with pytest.raises(TypeError, match="several words"):
        Redaction("pin")

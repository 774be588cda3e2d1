"""The words of marble files: none leads out of them, and each prints as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from rxphoenix import Joined, Message, Reply
from rxphoenix.client.context import Fault
from rxphoenix.errors import JoinRefused
from rxphoenix.testing.expression import evaluate
from rxphoenix.testing.marble_words import OPTIONS, STREAMS, VALUES, comparable


def names_within_reach(value: object) -> Iterator[str]:
    """The public attributes of something, without those of builtin types."""
    yield from (name for name in dir(value) if not name.startswith("_"))


def test_no_word_leads_to_a_module_or_to_a_function_that_reads_attributes_by_name() -> None:
    words = {**VALUES, **OPTIONS, **STREAMS, **vars(STREAMS["ops"]), **vars(STREAMS["rx"])}
    for word, value in words.items():
        assert not isinstance(value, ModuleType), word
        within = {name: getattr(value, name) for name in names_within_reach(value)}
        assert [name for name, each in within.items() if isinstance(each, ModuleType)] == [], word
    assert {"getattr", "eval", "exec", "open", "vars", "type", "object"} & words.keys() == set()


@pytest.mark.parametrize(
    "source",
    [
        "event('news', {'n': 1})",
        "crash",
        "close",
        "suspend(30)",
        "block(0.5)",
        "connect()",
        "disconnect()",
        "disconnect(3000)",
        "disconnect(3000, 'bye')",
        "reconnect()",
        "close_socket()",
        "message('news', 7)",
        "attempt({'n': 1})",
        "attempt({}, auth_token='t')",
    ],
)
def test_a_word_prints_as_it_is_written(source: str) -> None:
    assert repr(evaluate(source, VALUES)) == source


def test_errors_are_those_of_the_tree_and_no_other() -> None:
    refused = evaluate('error("JoinRefused", "room:a", {"reason": "no"}, rejoin=True)', VALUES)
    assert isinstance(refused, JoinRefused)
    assert refused.rejoin
    for name in ("Nothing", "Any", "TypeVar", "annotations"):
        with pytest.raises(ValueError, match="there is no error"):
            evaluate(f"error({name!r})", VALUES)


def test_streams_are_compared_without_what_is_the_clients_business() -> None:
    assert comparable(Message("1", "2", "room:a", "news", 7)) == evaluate("message('news', 7)", VALUES)
    error = JoinRefused("room:a", {})
    assert comparable(Fault("room:a", None, error)) is error
    assert comparable(Reply("ok", 7)) == evaluate("reply('ok', 7)", VALUES)
    assert comparable(Joined({}, False, 1)) == evaluate("joined({})", VALUES)

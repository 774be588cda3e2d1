"""The tree of errors: its shape, the words and attributes of each, and that no word is a secret."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest

import rxphoenix
from rxphoenix import errors
from rxphoenix.errors import (
    BlockedTooLong,
    BufferOverflow,
    ChannelClosed,
    ChannelCrashed,
    ChannelForgotten,
    ConnectionLost,
    ConnectionRefused,
    ConnectTimeout,
    Disconnected,
    EventLoopEnding,
    HeartbeatTimeout,
    JoinCrashed,
    JoinRefused,
    JoinTimeout,
    MalformedFrame,
    NoEventLoop,
    NotConnected,
    NotJoined,
    PayloadMismatch,
    PhoenixError,
    ProviderFailed,
    PushBufferFull,
    PushInterrupted,
    PushRefused,
    PushTimeout,
    ReconnectGivenUp,
    RecordingError,
    RejoinGivenUp,
    SocketClosed,
    TakenOver,
    TopicBusy,
    UnencodablePayload,
    WrongThread,
)

# One of each that can happen, with its words and what it knows.
EXAMPLES: list[tuple[PhoenixError, str, dict[str, Any]]] = [
    (ConnectionRefused("no"), "no", {"reason": "no", "status": None, "retry_after": None}),
    (ConnectionRefused("no", status=429, retry_after=2.0), "HTTP 429: no", {"status": 429, "retry_after": 2.0}),
    (ConnectionRefused("", status=418), "HTTP 418", {"reason": "", "status": 418}),
    (ConnectTimeout(10.0), "not open within 10 s", {"seconds": 10.0}),
    (ConnectionLost(), "connection lost", {"code": None, "reason": ""}),
    (ConnectionLost("dropped"), "connection lost: dropped", {"code": None, "reason": "dropped"}),
    (ConnectionLost(code=1012), "connection closed by the server with code 1012", {"code": 1012}),
    (ConnectionLost("bye", code=1000), "connection closed by the server with code 1000: bye", {"reason": "bye"}),
    (ConnectionLost("oops", status=500), "connection lost (HTTP 500): oops", {"code": None, "status": 500}),
    (
        HeartbeatTimeout(0.5),
        "connection lost: no answer to a heartbeat within 0.5 s",
        {"seconds": 0.5, "code": None, "reason": "no answer to a heartbeat within 0.5 s"},
    ),
    (ReconnectGivenUp(1), "gave up reconnecting after 1 failed attempt", {"attempt": 1}),
    (ReconnectGivenUp(3), "gave up reconnecting after 3 failed attempts", {"attempt": 3}),
    (NotConnected("ping()"), "ping() needs an open connection; wait for it with socket.opened()", {}),
    (EventLoopEnding(), "the event loop is ending", {}),
    (Disconnected(), "the socket was disconnected; connect() brings it back", {}),
    (ProviderFailed("params"), "the params function raised", {"what": "params"}),
    (ProviderFailed("headers", "returned 5"), "the headers function returned 5", {"what": "headers"}),
    (
        JoinRefused("room:a", {"reason": "denied"}),
        "'room:a': join refused: {'reason': 'denied'}",
        {"topic": "room:a", "response": {"reason": "denied"}, "rejoin": False, "attempt": 1},
    ),
    (
        JoinRefused("room:a", None, rejoin=True, attempt=4),
        "'room:a': rejoin refused: None",
        {"response": None, "rejoin": True, "attempt": 4},
    ),
    (JoinTimeout("room:a", 10), "'room:a': no answer to the join within 10 s", {"topic": "room:a", "seconds": 10}),
    (JoinCrashed("room:a", {"reason": "join crashed"}), "'room:a': the join crashed on the server",
     {"topic": "room:a", "response": {"reason": "join crashed"}}),
    (ChannelCrashed("room:a", {}), "'room:a': the channel crashed on the server", {"topic": "room:a", "payload": {}}),
    (ChannelForgotten("room:a"), "'room:a': the server does not know this join any more", {"topic": "room:a"}),
    (RejoinGivenUp("room:a", 1), "'room:a': gave up rejoining after 1 failed attempt", {"attempt": 1}),
    (RejoinGivenUp("room:a", 2), "'room:a': gave up rejoining after 2 failed attempts", {"topic": "room:a"}),
    (ChannelClosed("room:a"), "'room:a': closed before the join was accepted", {"topic": "room:a"}),
    (TakenOver("room:a"), "'room:a': another subscription joined this topic with other params", {"topic": "room:a"}),
    (PushRefused("room:a", "new", "error", {"no": 1}), "push 'new' to 'room:a': replied 'error': {'no': 1}",
     {"topic": "room:a", "event": "new", "status": "error", "response": {"no": 1}}),
    (PushTimeout("room:a", "new", 10, sent=True), "push 'new' to 'room:a': no reply within 10 s",
     {"seconds": 10, "sent": True}),
    (PushTimeout("room:a", "new", 0.25, sent=False),
     "push 'new' to 'room:a': never sent, the channel was not joined within 0.25 s", {"sent": False}),
    (PushInterrupted("room:a", "new"), "push 'new' to 'room:a': interrupted, outcome unknown",
     {"topic": "room:a", "event": "new", "sent": True}),
    (PushInterrupted("room:a", "new", sent=False), "push 'new' to 'room:a': interrupted before it was sent",
     {"sent": False}),
    (PushBufferFull("room:a", "new", 100),
     "push 'new' to 'room:a': 100 pushes are already held until the channel is joined", {"limit": 100}),
    (TopicBusy("room:a", "new"), "push 'new' to 'room:a': the topic is joined with other params; "
     "push through a channel made without params", {"topic": "room:a", "event": "new"}),
    (NotJoined("room:a", "new"), "push 'new' to 'room:a': nobody has subscribed to the topic and auto_join is off",
     {"topic": "room:a", "event": "new"}),
    (BufferOverflow(1), "1 value waits already: work them off faster, or give a bigger buffer= or another overflow=",
     {"limit": 1}),
    (BlockedTooLong(20.0), "nothing was taken for 20 s: values are dropped until something is", {"seconds": 20.0}),
    (RecordingError("not JSON"), "not JSON", {"problem": "not JSON", "line": 0}),
    (RecordingError("not JSON", 7), "line 7: not JSON", {"problem": "not JSON", "line": 7}),
    (MalformedFrame("not JSON"), "not JSON", {"problem": "not JSON", "size": 0}),
    (MalformedFrame("not JSON", size=7), "not JSON (frame of 7 bytes)", {"problem": "not JSON", "size": 7}),
    (PayloadMismatch("Reading", "no celsius"), "the payload is no Reading: no celsius",
     {"type": "Reading", "problem": "no celsius"}),
    (UnencodablePayload("no"), "no", {}),
    (SocketClosed(), "the socket is closed; make a new Socket", {}),
    (WrongThread("push"), "push was called from another thread than the socket's; hand it over with "
     "loop.call_soon_threadsafe(...), or make the socket with rxphoenix.background(), for use from any thread", {}),
    (WrongThread("run()", "in its own callback"), "run() was called in its own callback", {}),
    (NoEventLoop(), "no event loop runs here: use the socket inside `async def main()` with asyncio.run(main()), in a "
     "program without one make it with rxphoenix.background(), or give it Socket(..., scheduler=...)", {}),
    (NoEventLoop("it has ended"), "it has ended", {}),
]  # fmt: skip

CLASSES = {name: each for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)}
ABSTRACT = {"PhoenixError", "ConnectionFault", "ChannelFault", "PushFault"}


@pytest.mark.parametrize(("error", "words", "attributes"), EXAMPLES, ids=lambda each: type(each).__name__)
def test_an_error_says_what_happened_and_carries_what_it_knows(
    error: PhoenixError, words: str, attributes: dict[str, Any]
):
    assert str(error) == words
    assert {name: getattr(error, name) for name in attributes} == attributes


def test_every_error_that_can_happen_is_shown_above():
    assert {type(error).__name__ for error, _, _ in EXAMPLES} == set(CLASSES) - ABSTRACT


def drawn() -> dict[str, str]:
    """The tree as the module's docstring draws it: each class and the one above it."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        matched = re.match(r"^((?:[│ ]   )*(?:[├└]── )?)([A-Z]\w+)", line)
        if matched and matched[2] in CLASSES:
            depth = len(matched[1]) // 4
            del path[depth:]
            if path:
                parents[matched[2]] = path[-1]
            path.append(matched[2])
    return parents


def test_the_tree_is_drawn_as_it_is():
    assert drawn() == {name: each.__mro__[1].__name__ for name, each in CLASSES.items() if name != "PhoenixError"}


@pytest.mark.parametrize(
    ("error", "builtin"),
    [(UnencodablePayload("no"), ValueError), (WrongThread("push"), RuntimeError), (NoEventLoop(), RuntimeError)],
)
def test_what_is_the_callers_mistake_is_a_builtin_error_too(error: Exception, builtin: type[Exception]):
    assert isinstance(error, PhoenixError)
    assert isinstance(error, builtin)


def test_every_error_is_public_under_its_own_name():
    assert set(CLASSES) == set(errors.__all__)
    assert all(getattr(rxphoenix, name) is each for name, each in CLASSES.items())


@pytest.mark.parametrize("make", [lambda: NotConnected("send()"), lambda: WrongThread("subscribe"), NoEventLoop])
def test_the_remedy_is_part_of_the_words(make: Callable[[], PhoenixError]):
    assert re.search(r"socket\.opened\(\)|rxphoenix\.background\(\)", str(make()))


@pytest.mark.parametrize("error", [example[0] for example in EXAMPLES], ids=lambda error: type(error).__name__)
def test_an_error_can_be_copied_and_pickled_with_all_that_it_knows(error: PhoenixError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert (str(twin), twin.args, vars(twin)) == (str(error), error.args, vars(error))

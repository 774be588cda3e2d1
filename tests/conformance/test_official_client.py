"""The official client against the same server: what it makes of it is what it makes of a real Phoenix.

The expectations are those of the recorded run of this client against Phoenix 1.8.12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.conformance.target import Target, a_name, a_topic
from tests.conformance.test_presence import a_presence_topic
from tests.conformance.wire import only_websocket
from tests.house.background import in_background
from tests.official.client import OfficialClient, Program
from tests.transports.blocking_proxy import blocking_proxy


class Phone:
    """A program with the official client's ``Socket``; see ``tests/official/socket.cjs``."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def tell(self, command: str, *given: Any) -> None:
        """Have it do something."""
        assert self._program.ask([command, *given]) is None

    def heard(self, kind: str) -> list[Any]:
        """What it has been told next of a kind, once it has."""
        return self._program.ask(["heard", kind])

    def join(self, topic: str, params: Any = None) -> list[Any]:
        """Join, and return the status and the response."""
        self.tell("join", topic, params)
        return self.heard("join")

    def push(self, topic: str, event: str, payload: Any = None, timeout: int | None = None) -> list[Any]:
        """Push, and return the status and the response."""
        self.tell("push", topic, event, payload, timeout or 10_000)
        return self.heard("reply")


OpenPhone = Callable[..., Phone]
"""``phone(path="/socket", url=None, **options)``: connects, and waits until it is open."""


@pytest.fixture(params=["websocket", "longpoll"])
def transport(request: pytest.FixtureRequest) -> str:
    """What carries the frames: of its own transports there are two."""
    return request.param


@pytest.fixture
def phone(official_client: OfficialClient, phoenix: Target, transport: str) -> Iterator[OpenPhone]:
    with ExitStack() as programs:

        def start(
            path: str = "/socket", *, url: str | None = None, opens: str | None = transport, **options: Any
        ) -> Phone:
            phone = Phone(programs.enter_context(official_client.start("socket.cjs")))
            options.setdefault("params", {"user_id": a_name()})
            phone.tell("connect", (url or phoenix.url) + path, {"transport": transport, **options})
            if opens is not None:
                assert phone.heard("open") == [opens]
            return phone

        yield start


def test_it_joins_pushes_and_hears_the_answers(phone: OpenPhone, transport: str):
    ann, topic = phone(params={"user_id": "js", "a": ["x", "y"]}), a_topic()
    assert ann.join(topic, {"a": 1}) == ["ok", {"params": {"a": 1}, "topic": topic}]
    assert ann.push(topic, "echo", {"hi": "wörld 🎉"}) == ["ok", {"hi": "wörld 🎉"}]
    assert ann.push(topic, "fail", {"no": 1}) == ["error", {"no": 1}]
    assert ann.push(topic, "noreply", timeout=50) == ["timeout", {}]
    status, who = ann.push(topic, "whoami")
    assert (status, who["transport"], who["user_id"], who["auth_token"]) == ("ok", transport, "js", None)
    assert who["params"] == {"user_id": "js", "a": {"0": "x", "1": "y"}, "vsn": "2.0.0"}
    ann.tell("ping")
    assert ann.heard("pong") == ["number"]


def test_it_is_refused(phone: OpenPhone):
    ann, topic = phone(), a_topic()
    assert ann.join(topic, {"deny": True}) == ["error", {"reason": "denied"}]
    assert ann.join(f"nosuch:{topic}") == ["error", {"reason": "unmatched topic"}]
    assert ann.join(a_topic(), {"crash_join": True})[0] == "error"


@pytest.mark.parametrize("token", ["bad", "unauthorized"])
def test_its_connection_is_refused(phone: OpenPhone, transport: str, token: str):
    ann = phone(params={"token": token}, opens=None)
    assert ann.heard("error") == ["an event" if transport == "websocket" else 403]
    assert ann.heard("close")[0] == (1006 if transport == "websocket" else 1008)


def test_it_hears_pushes_and_broadcasts_in_order(phone: OpenPhone):
    ann, bob, topic = phone(), phone(), a_topic()
    ann.join(topic)
    bob.join(topic)
    assert ann.push(topic, "push_me", {"n": 3})[0] == "ok"
    assert [ann.heard("message") for _ in range(3)] == [[topic, "tick", {"i": number}] for number in range(3)]
    for number in range(20):
        bob.tell("push", topic, "broadcast", {"n": number})
    for each in (ann, bob):
        assert [each.heard("message") for _ in range(20)] == [[topic, "broadcast", {"n": n}] for n in range(20)]
    bob.push(topic, "broadcast_from", {"from": "bob"})
    assert ann.heard("message") == [topic, "broadcast", {"from": "bob"}]


def test_what_it_sends_at_once_arrives_in_order(phone: OpenPhone):
    """Long polling: at most 100 a request, which it keeps to."""
    ann, topic = phone(), a_topic()
    ann.join(topic)
    for number in range(250):
        ann.tell("push", topic, "echo", {"n": number})
    assert [ann.heard("reply") for _ in range(250)] == [["ok", {"n": number}] for number in range(250)]


def test_it_sends_and_hears_bytes(phone: OpenPhone, transport: str):
    ann, topic = phone(), a_topic()
    ann.join(topic)
    assert ann.push(topic, "binary_size", {"bytes": list(range(256))}) == ["ok", {"size": 256}]
    if transport == "websocket":  # it reads none on long polling
        data = {"bytes": list(range(256))}
        assert ann.push(topic, "binary", data) == ["ok", data]
        assert ann.push(topic, "binary_error", data) == ["error", data]
        ann.push(topic, "push_binary")
        ann.push(topic, "broadcast_binary")
        usual = {"bytes": [0, 1, 2, 254, 255]}
        assert [ann.heard("message") for _ in range(2)] == [[topic, "bin", usual]] * 2


def test_it_sees_who_is_present(phone: OpenPhone):
    ann, bob, topic = phone(), phone(), a_presence_topic()
    assert ann.join(topic, {"user": "ann", "meta": {"status": "on"}}) == ["ok", {"user": "ann"}]
    while ann.heard("list") != [{"ann": [{"status": "on"}]}]:
        pass
    bob.join(topic, {"user": "bob", "meta": {"tab": 1}})
    while bob.heard("list") != [{"ann": [{"status": "on"}], "bob": [{"tab": 1}]}]:
        pass
    assert ann.heard("list") == [{"ann": [{"status": "on"}], "bob": [{"tab": 1}]}]
    assert bob.push(topic, "update_meta", {"tab": 2}) == ["ok", {}]
    assert ann.heard("list") == [{"ann": [{"status": "on"}], "bob": [{"tab": 2}]}]
    bob.tell("leave", topic)
    assert bob.heard("left") == [topic]
    assert bob.heard("end")[0] == topic
    assert ann.heard("list") == [{"ann": [{"status": "on"}]}]
    told = [ann.heard("presence")]
    while told[-1][:2] != ["leave", "bob"] or told[-1][2] != []:
        told.append(ann.heard("presence"))
    assert [each for each in told if each[1] == "bob"] == [
        ["join", "bob", None, [{"tab": 1}]],
        ["join", "bob", [{"tab": 1}], [{"tab": 2}]],
        ["leave", "bob", [{"tab": 2}], [{"tab": 1}]],
        ["leave", "bob", [], [{"tab": 2}]],
    ]


def test_it_joins_again_after_a_crash(phone: OpenPhone):
    ann, topic = phone(), a_topic()
    ann.join(topic, {"back": 1})
    ann.tell("push", topic, "crash")
    assert ann.heard("crash") == [topic, {"reason": "channel_crash"}]
    assert ann.heard("join") == ["ok", {"params": {"back": 1}, "topic": topic}]
    assert ann.push(topic, "echo", {"again": 1}) == ["ok", {"again": 1}]


@pytest.mark.parametrize("event", ["kick", "kill_transport"])
def test_it_connects_and_joins_again_after_a_loss(phone: OpenPhone, transport: str, event: str):
    ann, topic = phone(), a_topic()
    ann.join(topic, {"back": 1})
    ann.tell("push", topic, event)
    code, _ = ann.heard("close")
    if transport == "longpoll":
        assert code == 3410  # its own word for a session that is gone
    else:
        assert code in ((1001, 1000) if event == "kick" else (1006,))
    assert ann.heard("open") == [transport]
    assert ann.heard("join") == ["ok", {"params": {"back": 1}, "topic": topic}]
    assert ann.push(topic, "echo", {"again": 1}) == ["ok", {"again": 1}]


def test_a_channel_that_the_server_ends_is_over(phone: OpenPhone):
    ann, topic = phone(), a_topic()
    ann.join(topic)
    assert ann.push(topic, "stop") == ["ok", {}]
    assert ann.heard("end") == [topic, {}]


def test_a_second_join_of_a_topic_takes_it_over(phone: OpenPhone):
    ann, topic = phone(), a_topic()
    ann.join(topic, {"first": 1})
    assert ann.join(topic, {"second": 2}) == ["ok", {"params": {"second": 2}, "topic": topic}]
    assert ann.push(topic, "echo", {"still": "here"}) == ["ok", {"still": "here"}]


def test_its_auth_token_is_seen(phone: OpenPhone):
    ann, topic = phone("/auth", params={}, authToken="from-js"), a_topic()
    ann.join(topic)
    _, who = ann.push(topic, "whoami")
    assert (who["auth_token"], who["params"]) == ("from-js", {"vsn": "2.0.0"})


@only_websocket("long polling needs no heartbeats")
def test_its_heartbeats_keep_it_open(phone: OpenPhone):
    """On ``/short`` a silent WebSocket is closed after 1.5 s."""
    ann, topic = phone("/short", heartbeatIntervalMs=400), a_topic()
    ann.join(topic)
    assert ann.push(topic, "async_reply", {"ms": 2_000}) == ["ok", {"ms": 2_000}]


def test_it_closes(phone: OpenPhone, transport: str):
    ann, bob, topic = phone(), phone(), a_presence_topic()
    ann.join(topic, {"user": "ann"})
    bob.join(topic, {"user": "bob"})
    while "bob" not in ann.heard("list")[0]:
        pass
    bob.tell("disconnect")
    assert bob.heard("disconnected") == []
    assert bob.heard("close")[0] == (1000 if transport == "websocket" else 1005)
    if transport == "websocket":  # a session of long polling outlives its client
        assert list(ann.heard("list")[0]) == ["ann"]


@pytest.mark.embedded
@only_websocket("it is that which is blocked")
@pytest.mark.parametrize("mode", ["strip", "refuse", "stall", "deaf"])
def test_it_falls_back_behind_a_proxy_that_blocks_websockets(phone: OpenPhone, phoenix: Target, mode: str):
    port = int(phoenix.url.rpartition(":")[2])
    with in_background("a proxy", lambda: blocking_proxy(port, mode)) as proxy:
        ann, topic = phone(url=proxy.url, opens=None, longPollFallbackMs=300), a_topic()
        opened = [ann.heard("open")]
        while opened[-1] != ["longpoll"]:
            opened.append(ann.heard("open"))
        assert opened[:-1] == ([["websocket"]] if mode == "deaf" else [])
        ann.join(topic)
        assert ann.push(topic, "whoami")[1]["transport"] == "longpoll"

"""What holds for a session whatever happens to it, in whatever order."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from rxphoenix.protocol.message import Frame, Reply
from rxphoenix.server.codec import CodecV2
from rxphoenix.server.effects import (
    CallHandleIn,
    CallHandleInfo,
    CallHandleOut,
    CallJoin,
    CallTerminate,
    Close,
    Effect,
    Send,
    StartTimer,
)
from rxphoenix.server.session import Session

topics = st.sampled_from(["room:a", "room:b", "room:c", "nowhere"])
refs = st.sampled_from([None, "1", "2", "3"])
messages = st.tuples(refs, refs, topics, st.sampled_from(["phx_join", "phx_leave", "go", "heartbeat"]), st.just({}))
channels = st.integers(1, 6)
actions = st.one_of(
    messages.map(lambda message: ("receive", message)),
    st.sampled_from(["accept", "refuse", "crash", "done", "reply", "stop", "push", "inform", "inform_after"]).flatmap(
        lambda name: channels.map(lambda channel: (name, channel))
    ),
    st.tuples(st.just("broadcast"), topics),
    st.sampled_from(["fire", "fire", "receive heartbeat"]).map(lambda name: (name, None)),
)
endings = st.sampled_from(["closed", "disconnect", "shutdown", "frame_too_big"])


class Watcher:
    """Carries out effects by taking notes, and complains about what a real connection could not do."""

    def __init__(self) -> None:
        self.session = Session(
            CodecV2(), lambda topic: topic.startswith("room:") or None, max_channels=2, idle_timeout=60.0
        )
        self.is_closed = False
        self.joining: int | None = None
        self.accepted: set[int] = set()
        self.busy: set[int] = set()
        self.terminated: Counter[int] = Counter()
        self.timers: list[int] = []
        self.endings = 0

    def act(self, name: str, argument: Any) -> None:
        session = self.session
        match name:
            case "receive":
                self.watch(session.receive(Frame(msgspec.json.encode(argument))))
            case "receive heartbeat":
                self.watch(session.receive(Frame(b'[null,"1","phoenix","heartbeat",{}]')))
            case "accept":
                if argument == self.joining:
                    self.accepted.add(argument)
                    self.joining = None
                self.watch(session.accept(argument, {}, ["secret"]))
            case "refuse":
                self.joining = None if argument == self.joining else self.joining
                self.watch(session.refuse(argument, {}))
            case "crash":
                self.joining = None if argument == self.joining else self.joining
                self.busy.discard(argument)
                self.watch(session.crash(argument))
            case "done" | "reply":
                self.busy.discard(argument)
                self.watch(session.done(argument, Reply("ok", {}) if name == "reply" else None))
            case "stop":
                self.watch(session.stop(argument))
            case "push":
                self.watch(session.push(argument, "tick", {}))
            case "inform":
                self.watch(session.inform(argument, "message"))
            case "inform_after":
                self.watch(session.inform_after(argument, 1.0, "message"))
            case "broadcast":
                self.watch(session.broadcast(argument, "news", {}))
                self.watch(session.broadcast(argument, "secret", {}))
            case "fire":
                if self.timers:
                    self.watch(session.fire(self.timers.pop()))
            case _:
                raise ValueError(name)

    def watch(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(frame):
                    assert not self.is_closed
                    self.endings += msgspec.json.decode(frame.data)[3] in ("phx_close", "phx_error")
                case Close():
                    assert not self.is_closed
                    self.is_closed = True
                case CallJoin(channel):
                    assert self.joining is None
                    assert not self.is_closed
                    self.joining = channel
                case CallHandleIn(channel) | CallHandleInfo(channel) | CallHandleOut(channel):
                    assert channel in self.accepted
                    assert channel not in self.busy
                    assert channel not in self.terminated
                    self.busy.add(channel)
                case CallTerminate(channel):
                    assert channel in self.accepted
                    self.terminated[channel] += 1
                    self.busy.discard(channel)
                case StartTimer(timer) if timer > 0:
                    self.timers.append(timer)
                case _:
                    pass


@settings(max_examples=200)
@given(st.lists(actions, max_size=60), endings)
def test_every_channel_that_was_accepted_ends_once_and_nothing_is_sent_after_the_close(
    script: list[tuple[str, Any]], ending: str
):
    watcher = Watcher()
    watcher.watch(watcher.session.open())
    for name, argument in script:
        watcher.act(name, argument)
        assert len(watcher.session.topics) <= 2
        assert watcher.endings <= len(watcher.accepted)
    watcher.watch(getattr(watcher.session, ending)())
    # whatever was still under way comes to its end too
    while watcher.joining is not None or watcher.busy:
        if watcher.joining is not None:
            watcher.act("accept", watcher.joining)
        for channel in sorted(watcher.busy):
            watcher.act("done", channel)
    assert not watcher.session.is_open
    assert watcher.terminated == Counter(watcher.accepted)
    assert watcher.session.topics == frozenset()

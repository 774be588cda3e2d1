"""Each fault at each stage on each transport: what a client shows, what it mends, and how long that takes.

A cell is one life (``scene.py``) on a network that goes wrong once. All stages of a fault live at once, on one loop
whose time leaps, so that the seconds are the client's own and the limits those of its defaults.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from itertools import pairwise

import pytest

from rxphoenix import (
    ChannelState,
    ConnectionLost,
    ConnectionRefused,
    ConnectTimeout,
    HeartbeatTimeout,
    JoinTimeout,
    MalformedFrame,
    PushInterrupted,
    PushTimeout,
    SocketState,
)
from rxphoenix.protocol.lifecycle import CHANNEL, SOCKET
from tests.faults.leaping import LeapingLoop, on_a
from tests.faults.proxy import DELAY, OUTAGE, TOGETHER, Fault
from tests.faults.scene import Life, live

BREAKS = ("cut", "cut inside", "reset", "reset inside")
SILENCES = ("stall", "deaf up", "deaf down", "outage")
HARMLESS = ("delay", "split", "merge")
CORRUPTIONS = ("corrupt head", "corrupt body")
FAULTS = (*BREAKS, *SILENCES, *HARMLESS, *CORRUPTIONS)

HANDSHAKES = ("handshake", "handshake answer")
WEBSOCKETS = ("websocket", "picows")
STAGES = {
    **dict.fromkeys(WEBSOCKETS, (
        "connect", *HANDSHAKES, "join", "join reply", "idle", "heartbeat", "heartbeat reply", "push", "news",
        "push reply", "leave", "leave reply", "close", "close answer",
    )),
    "longpoll": ("connect", *HANDSHAKES, "poll", "poll answer", "join", "join answer", "join reply", "idle", "push",
                 "push answer", "push reply", "leave", "leave answer", "leave reply"),
    "fallback": ("connect", *HANDSHAKES, "heartbeat", "heartbeat reply"),
}  # fmt: skip
"""Where a fault strikes: at the fallback, until it is known that frames pass by WebSocket."""

IDLE = {**dict.fromkeys(WEBSOCKETS, 45.0), "longpoll": 15.0, "fallback": 0.0}
"""For how many seconds a client waits where the waiting goes wrong: until the first beat, or the second poll."""

BEFORE_THE_FIRST_BYTE = ("connect", "idle")
WITHOUT_A_BODY = {**dict.fromkeys((*WEBSOCKETS, "fallback"), HANDSHAKES), "longpoll": ("handshake", "poll")}

MENDED_AT_ONCE = 0.1
CONNECT_TIMEOUT = TIMEOUT = 10.0
BEATS = 60.0
"""Until a dead WebSocket is found: an interval, and as long for the answer."""
POLLS = 30.0
"""Until a dead session is found: the poll that still ends by itself, and as long as the next request may take."""
AFTER_A_REFUSAL = 1.25
GRACE = 1.0
REPLIED = "replied, arrived"
INTERRUPTED = {
    "push": "PushInterrupted, lost", "join answer": "PushInterrupted, lost", "news": "PushInterrupted, arrived",
    "push reply": "PushInterrupted, arrived",
}  # fmt: skip
"""What becomes of a push where the connection breaks; elsewhere it is replied to."""

THRESHOLD = 2.5
"""What a fallback gives a WebSocket to open, and again to answer."""


MERGED: dict[str, tuple[str, ...]] = dict.fromkeys(WEBSOCKETS, ("news", "leave reply"))
"""Where another unit follows at once, for it to be merged with."""

EARLY = ("connect", *HANDSHAKES, "join", "join answer", "join reply")
"""The stages at which a push may be held."""


def stages_of(transport: str, kind: str) -> tuple[str, ...]:
    """Where a fault can strike."""
    stages = STAGES[transport]
    if kind not in (*SILENCES, "cut", "reset"):  # what needs something on its way
        stages = tuple(stage for stage in stages if stage not in BEFORE_THE_FIRST_BYTE)
    if kind == "corrupt body":
        stages = tuple(stage for stage in stages if stage not in WITHOUT_A_BODY[transport])
    return stages


def cells() -> list[tuple[str, str]]:
    """All transports and faults."""
    return [(transport, kind) for transport in STAGES for kind in FAULTS]


# What is true of every life.


def lies(life: Life) -> Iterator[str]:
    """What cannot be, or must not."""
    if not life.struck:
        yield "nothing has gone wrong"
    legal = {(before, after) for (before, _), after in SOCKET.items()}
    if not set(pairwise(life.states)) <= legal or life.states != path_of(life):
        yield f"the states {[str(state) for state in life.states]} are not what has happened: {life.errors}"
    legal_of_channels = {(before, after) for (before, _), after in CHANNEL.items()}
    if not set(pairwise(life.channel_states)) <= legal_of_channels:
        yield f"the channel's states cannot follow each other: {life.channel_states}"
    if life.channel_states[:2] != [ChannelState.CLOSED, ChannelState.JOINING]:
        yield f"the channel begins with {life.channel_states}"
    if life.channel_states[-3:] != [ChannelState.JOINED, ChannelState.LEAVING, ChannelState.CLOSED]:
        yield f"the channel ends with {life.channel_states}"
    if life.channel_states.count(ChannelState.JOINED) != len(life.joined):
        yield f"joined {len(life.joined)} times, and {life.channel_states}"
    if life.joined != [False] + [True] * (len(life.joined) - 1):
        yield f"rejoins are {life.joined}"
    if not len(life.joined) <= life.joins:
        yield f"joined {len(life.joined)} times, and the server knows of {life.joins}"
    yield from lies_of_pushes(life)
    yield from lies_of_the_stream(life)


def path_of(life: Life) -> list[SocketState]:
    """The states that the errors, and the close at the end, should have made."""
    path = [SocketState.CLOSED]
    for error in life.errors:
        if isinstance(error, ConnectionLost):
            path += [SocketState.CONNECTING, SocketState.OPEN, SocketState.CLOSED]
        elif isinstance(error, (ConnectionRefused, ConnectTimeout)):
            path += [SocketState.CONNECTING, SocketState.CLOSED]
    return [*path, SocketState.CONNECTING, SocketState.OPEN, SocketState.CLOSING, SocketState.CLOSED]


def lies_of_pushes(life: Life) -> Iterator[str]:
    """Each push ends once, with what is true, and is never run twice."""
    if len(set(life.arrived)) != len(life.arrived):
        yield f"a push was run twice: {life.arrived}"
    for number, heard in life.outcomes.items():
        replied = heard == [number, "completed"]
        if not replied and [type(what) for what in heard] not in ([PushInterrupted], [PushTimeout]):
            yield f"push {number} has heard {heard}"
        if replied and number not in life.arrived:
            yield f"push {number} was replied to, and never arrived"
        if not replied and not getattr(heard[0], "sent", True) and number in life.arrived:
            yield f"push {number} was not sent, and arrived"


def lies_of_the_stream(life: Life) -> Iterator[str]:
    """The stream lives until it is left, and tells what it tells once."""
    *news, last = life.news
    if last != "completed":
        yield f"the stream has not completed: {life.news}"
    if len(set(news)) != len(news) or not set(news) <= set(life.arrived):
        yield f"the stream has told {news}, and {life.arrived} arrived"
    if news[-1:] != [max(life.outcomes)]:
        yield f"the stream was deaf at the end: {news}"


# What is true of a fault.


def first_outcome(life: Life) -> str:
    """What became of the push at hand: how it ended, and whether it arrived."""
    what = life.outcomes[1][0]
    ended = "replied" if what == 1 else type(what).__name__
    return f"{ended}, {'arrived' if 1 in life.arrived else 'lost'}"


def mending(life: Life) -> float:
    """Seconds until all is well again."""
    return sum(seconds for step, seconds in life.seconds.items() if step not in ("leave", "close"))


def after_breaks(transport: str, stage: str, life: Life) -> Iterator[str]:
    """The connection is lost, or the attempt has failed: it is known at once, once, and mended at once."""
    expected: list[type[Exception]] = [ConnectionLost]
    if stage in ("connect", *HANDSHAKES):
        expected = [ConnectionRefused]
    if stage in ("close", "close answer", "leave answer"):  # it was to end, or nothing was asked any more
        expected = []
    if [type(error) for error in life.errors] != expected:
        yield f"errors are {life.errors}"
    if first_outcome(life) != INTERRUPTED.get(stage, REPLIED):
        yield f"the push: {first_outcome(life)}"
    if mending(life) > MENDED_AT_ONCE + (IDLE[transport] if waits(stage) else 0):
        yield f"mended after {mending(life)} s"


def after_silences(transport: str, stage: str, kind: str, life: Life, *, early: bool) -> Iterator[str]:
    """Nothing tells: the limits of time do."""
    kinds = {type(error) for error in life.errors}
    if not kinds <= {ConnectTimeout, JoinTimeout, HeartbeatTimeout, ConnectionLost}:
        yield f"errors are {life.errors}"
    if transport in WEBSOCKETS:
        opening = stage in ("connect", *HANDSHAKES)
        limit = CONNECT_TIMEOUT + MENDED_AT_ONCE if opening else BEATS + TIMEOUT
        if (stage, kind) == ("handshake answer", "deaf up"):  # the server's answer passed: it is open, and deaf
            limit = BEATS + TIMEOUT
    else:
        limit = POLLS + MENDED_AT_ONCE
    limit += OUTAGE if kind == "outage" else 0
    if mending(life) > limit + (IDLE[transport] if waits(stage) else 0):
        yield f"mended after {mending(life)} s"
    timed_out = first_outcome(life).startswith("PushTimeout")
    if timed_out and not early and abs(life.seconds["push"] - TIMEOUT) > 0.001:
        yield f"the push timed out after {life.seconds['push']} s"
    if life.seconds["leave"] > TIMEOUT + 0.001 or life.seconds["close"] > GRACE + 0.001:
        yield f"left after {life.seconds['leave']} s, closed after {life.seconds['close']} s"


def after_nothing(transport: str, stage: str, kind: str, life: Life) -> Iterator[str]:
    """It was slow, or cut up, or put together: nobody notices."""
    if life.errors or life.connections != (1 if transport in WEBSOCKETS else 2):
        yield f"{life.connections} connections, errors are {life.errors}"
    if first_outcome(life) != REPLIED or life.arrived != [1, 2]:
        yield f"the push: {first_outcome(life)}, and {life.arrived} arrived"
    if kind == "merge" and stage in MERGED.get(transport, ()) and not life.merged:
        yield "nothing was merged"
    limit = {"delay": DELAY, "split": 0.0, "merge": TOGETHER}[kind]
    if sum(life.seconds.values()) > limit + 0.001 + (IDLE[transport] if waits(stage) else 0):
        yield f"took {life.seconds}"


def after_corruptions(transport: str, stage: str, kind: str, life: Life, *, early: bool) -> Iterator[str]:
    """What makes no sense to one of them ends the connection, or is one malformed frame; a reply in it is lost."""
    from_server = stage.endswith(("answer", "reply")) or stage == "news"
    malformed = transport in WEBSOCKETS and kind == "corrupt body" and from_server and stage != "close answer"
    if malformed:
        expected: list[type[Exception]] = [MalformedFrame, *([JoinTimeout] if stage == "join reply" else [])]
        pushed = {"push reply": "PushTimeout, arrived", "join reply": "PushTimeout, lost" if early else REPLIED}
    elif transport == "longpoll" and kind == "corrupt body" and not from_server:
        # the server has acknowledged it, and ends the session: the poll that comes next hears of it, after 20 s or 21
        # with this spread of the delays the next join is still waiting then
        expected = [*([JoinTimeout] if stage == "join" else []), *([ConnectionLost] if stage != "leave" else [])]
        pushed = {"push": "PushTimeout, lost", "join": "PushTimeout, lost" if early else REPLIED}
    else:
        quiet = ("close", "close answer", "leave answer")
        refused = stage in HANDSHAKES
        expected = [] if stage in quiet else [ConnectionRefused if refused else ConnectionLost]
        pushed = INTERRUPTED
    if [type(error) for error in life.errors] != expected:
        yield f"errors are {life.errors}"
    if first_outcome(life) != pushed.get(stage, REPLIED):
        yield f"the push: {first_outcome(life)}"
    limit = MENDED_AT_ONCE
    if stage in HANDSHAKES:
        limit = AFTER_A_REFUSAL + MENDED_AT_ONCE
    elif malformed:
        limit = TIMEOUT + AFTER_A_REFUSAL
    elif kind == "corrupt body" and not from_server:
        limit = POLLS
    if mending(life) > limit + (IDLE[transport] if waits(stage) else 0):
        yield f"mended after {mending(life)} s"


def after_a_fall(stage: str, kind: str, life: Life) -> Iterator[str]:
    """A fallback has another way: nobody hears of the first one."""
    if kind == "outage" or (stage, kind) == ("heartbeat reply", "deaf up"):
        return  # no way at all; or the answer came, and what comes is a WebSocket's lot
    if life.errors or first_outcome(life) != REPLIED:
        yield f"errors are {life.errors}, the push: {first_outcome(life)}"
    if life.seconds["join"] > THRESHOLD + 0.001:
        yield f"joined after {life.seconds['join']} s"


def waits(stage: str) -> bool:
    """Whether it is the waiting that goes wrong."""
    return stage.startswith(("heartbeat", "poll"))


def problems(transport: str, kind: str, stage: str, life: Life, *, early: bool) -> list[str]:
    """All that is wrong with a life."""
    found = list(lies(life))
    if transport == "fallback":
        found += after_a_fall(stage, kind, life)
    elif kind in BREAKS:
        found += after_breaks(transport, stage, life)
    elif kind in SILENCES:
        found += after_silences(transport, stage, kind, life, early=early)
    elif kind in HARMLESS:
        found += after_nothing(transport, stage, kind, life)
    else:
        found += after_corruptions(transport, stage, kind, life, early=early)
    held = ", with a push held" if early else ""
    return [f"{kind} at {stage}{held}: {problem}" for problem in found]


def lives_of(transport: str, kind: str) -> list[tuple[str, bool]]:
    """The stages that a fault is tried at, and whether a push is held there."""
    stages = stages_of(transport, kind)
    return [*[(stage, False) for stage in stages], *[(stage, True) for stage in stages if stage in EARLY]]


@pytest.mark.parametrize(("transport", "kind"), cells())
@on_a(LeapingLoop)
async def test_a_fault_is_mended_and_told_as_it_was(transport: str, kind: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.CRITICAL, "rxphoenix")
    wanted = lives_of(transport, kind)
    lives = await asyncio.gather(
        *[
            live(
                transport,
                Fault(kind, stage),
                idle_for=IDLE[transport] if waits(stage) else 0.0,
                pushes_early=early,
            )
            for stage, early in wanted
        ]
    )
    found = [
        problems(transport, kind, stage, life, early=early) for (stage, early), life in zip(wanted, lives, strict=True)
    ]
    assert [problem for each in found for problem in each] == []

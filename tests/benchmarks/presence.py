"""What presence costs: a difference, beside the official client's, and a channel whose presence nobody reads.

    python -m tests.benchmarks.presence

Both get the same payloads, parsed already. Ours makes a snapshot available after each difference, theirs a ``list()``.
Each figure is the best of some rounds, because other programs can only make it worse; ours is processor time.

What lives here: measuring. What does not: judging; ``test_presence.py`` only sees to it that this runs.
"""

from __future__ import annotations

import gc
import platform
import random
from collections.abc import Callable
from time import process_time
from typing import Any, NamedTuple

import msgspec
from reactivex import Observable

from rxphoenix import Channel, Frame, Roster
from rxphoenix.testing import World, marbles
from tests.official.client import OfficialClient, Program, installed

__all__ = ["History", "history", "main", "official_microseconds", "our_microseconds", "unread_nanoseconds"]


class History(NamedTuple):
    """What a server tells: a state, then differences; and how many keys are there in the end."""

    state: Any
    diffs: list[Any]
    size: int


def history(entries: int, diffs: int) -> History:
    """So many entries, of which one after the other changes, comes or goes."""
    rng = random.Random(entries)
    present = {f"user:{number}": {"phx_ref": f"r{number}", "online_at": str(number)} for number in range(entries)}
    state = {key: {"metas": [meta]} for key, meta in present.items()}
    keys = list(present)
    told: list[Any] = []
    for number in range(diffs):
        place = rng.randrange(len(keys))
        key, meta = keys[place], {"phx_ref": f"d{number}", "online_at": str(number)}
        joins: dict[str, Any] = {}
        leaves: dict[str, Any] = {}
        if number % 3 == 0:
            joins[key], leaves[key] = {"metas": [meta]}, {"metas": [present[key]]}
            present[key] = meta
        elif number % 3 == 1:
            key = f"new:{number}"
            joins[key] = {"metas": [meta]}
            present[key] = meta
            keys.append(key)
        else:
            leaves[key] = {"metas": [present.pop(key)]}
            keys[place] = keys[-1]
            keys.pop()
        told.append({"joins": joins, "leaves": leaves})
    return History(state, told, len(present))


def best(rounds: int, measure: Callable[[], float]) -> float:
    """The least of some measurements."""
    return min(measure() for _ in range(rounds))


def our_microseconds(told: History, rounds: int) -> float:
    """What a difference costs us, with a snapshot available after it."""

    def measure() -> float:
        roster: Roster[Any] = Roster()
        roster.sync_state(told.state)
        assert len(roster.snapshot) == len(told.state)
        gc.collect()
        snapshot = roster.snapshot
        start = process_time()
        for diff in told.diffs:
            roster.sync_diff(diff)
            snapshot = roster.snapshot
        seconds = process_time() - start
        assert len(snapshot) == len(list(snapshot)) == told.size
        return seconds

    return best(rounds, measure) / len(told.diffs) * 1e6


def official_microseconds(program: Program, told: History, rounds: int) -> float:
    """What a difference costs the official client, with a ``list()`` after it."""

    def measure() -> float:
        answer = program.ask({"state": told.state, "diffs": told.diffs})
        assert answer["listed"] == told.size
        return answer["seconds"]

    return best(rounds, measure) / len(told.diffs) * 1e6


def unread_nanoseconds(told: History, rounds: int) -> dict[str, float]:
    """What a message costs a joined channel, from the frame on, by what it is and who reads it.

    A presence that nobody reads keeps its messages as they are; what it costs to read them all later is told too.
    """

    def frame(event: str, payload: Any) -> bytes:
        return msgspec.json.encode([None, None, "room", event, payload])

    state = frame("presence_state", told.state)
    later: list[float] = []

    def measure(event: str, read: Callable[[Channel], Observable[Any]] | None = None) -> float:
        with marbles() as m:
            return measure_in(m, event, read)

    def measure_in(m: World, event: str, read: Callable[[Channel], Observable[Any]] | None) -> float:
        phoenix = m.phoenix()
        channel = phoenix.socket().channel("room")
        channel.hold()
        m.run(until=1)
        receive = phoenix.attempts[0].write
        if event != "news":
            receive(state)
        if read is not None:
            read(channel).subscribe()
        frames = [Frame(frame(event, diff)) for diff in told.diffs]
        gc.collect()
        start = process_time()
        for each in frames:
            receive(each)
        seconds = process_time() - start
        if event != "news" and read is None:
            start = process_time()
            channel.presence().size.subscribe()
            later.append((process_time() - start) / (len(told.state) + len(frames)) * 1e9)
        return seconds / len(frames) * 1e9

    costs = {
        "an event that nobody reads": best(rounds, lambda: measure("news")),
        "a difference of a presence that nobody reads": best(rounds, lambda: measure("presence_diff")),
    }
    costs["the same when somebody comes after all, for each entry and difference"] = min(later)
    return costs | {
        "an event that is read": best(rounds, lambda: measure("news", lambda channel: channel.on("news"))),
        "a difference of a presence of which only the size is read": best(
            rounds, lambda: measure("presence_diff", lambda channel: channel.presence().size)
        ),
        "a difference of a presence that is read": best(
            rounds, lambda: measure("presence_diff", lambda channel: channel.presence())
        ),
    }


def main(
    official: OfficialClient, entries: tuple[int, ...] = (10_000, 100_000), diffs: int = 1000, rounds: int = 7
) -> str:
    """Measure it all, and return the figures as a page shows them."""
    lines = ["| entries | ours, with a snapshot | official, with `list()` | ratio |", "| ---: | ---: | ---: | ---: |"]
    with official.start("presence_speed.cjs") as program:
        for count in entries:
            told = history(count, diffs)
            ours, theirs = our_microseconds(told, rounds), official_microseconds(program, told, min(rounds, 3))
            lines.append(f"| {count:,} | {ours:.1f} us | {theirs:,.0f} us | {theirs / ours:,.0f} |")
    lines += ["", "| a message, from its frame on | cost |", "| --- | ---: |"]
    costs = unread_nanoseconds(history(entries[0], diffs), rounds)
    lines += [f"| {what} | {cost:,.0f} ns |" for what, cost in costs.items()]
    lines += ["", f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"]
    return "\n".join(lines)


if __name__ == "__main__":
    print(main(installed()))  # noqa: T201

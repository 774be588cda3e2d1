"""What is measured, by the names that ``python -m tests.benchmarks`` takes, and the targets of each.

What a client costs is the processor time of its process, which is alone on its core and never waits for the server for
long; the time on the wall is told beside it, and so is how busy the server was. Where one waits for the other by
nature, as in a round trip, it is the wall that counts.

What lives here: the measures and their targets. What does not: the clients (``clients/``), the page (``report.py``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

from tests.benchmarks import presence
from tests.benchmarks.cores import pin
from tests.benchmarks.flood import FloodServer
from tests.benchmarks.peers import FAST, FLOOR, OFFICIAL, OURS, PYTHON_PEERS, Peer
from tests.benchmarks.rounds import Figure, Target, in_turn, ratio
from tests.official.client import Program, installed

__all__ = ["MEASURES", "Bench", "Section"]

_TEXT = "The quick brown fox jumps over the lazy dog; whether it does so again is for the dog to say. "


class Section(NamedTuple):
    """What one measure came to.

    Arguments:
        title: what it is about.
        intro: what was done, in words.
        table: lines of a table.
        targets: what it was to reach.
    """

    title: str
    intro: str
    table: list[str]
    targets: list[Target]


class Bench:
    """The server and the clients of one run; leaving the context ends them.

    Arguments:
        server: the server.
        rounds: how many rounds each measure takes.
        share: which share of the usual counts is asked for, so that a test can run all of it in a moment.
        peers: whether the clients that pip has to install take part.
    """

    def __init__(self, server: FloodServer, rounds: int = 5, share: float = 1.0, *, peers: bool = True) -> None:
        self.rounds = rounds
        self.peers = PYTHON_PEERS if peers else ()
        self._server = server
        self._share = share
        self._programs: dict[str, Program] = {}
        self._running = ExitStack()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *exception: object) -> None:
        self._running.close()

    def some(self, count: int) -> int:
        """So many, or the share of it that was asked for."""
        return max(1, int(count * self._share))

    def measure(self, peer: Peer, name: str, **request: Any) -> Mapping[str, float]:
        """Have a client measure something; ``server`` is the share of the time in which the server was busy."""
        if peer.name not in self._programs:
            self._programs[peer.name] = self._running.enter_context(peer.start())
        busy = self._server.cpu()
        took = self._programs[peer.name].ask({"measure": name, "endpoint": self._server.endpoint, **request})
        return {**took, "server": (self._server.cpu() - busy) / took.get("total", took["wall"])}

    def compare(self, measures: Mapping[str, Callable[[], Mapping[str, float]]]) -> dict[str, dict[str, Figure]]:
        """Have all of them measured in turn, after each has warmed up once."""
        in_turn(1, measures)
        return in_turn(self.rounds, measures)


def _payload(size: int) -> dict[str, Any]:
    """A message of chat whose JSON has so many bytes."""
    payload = {"id": 1234567, "body": ""}
    room = size - len(json.dumps(payload, separators=(",", ":")))
    payload["body"] = (_TEXT * (room // len(_TEXT) + 1))[:room]
    return payload


def _per(figures: Mapping[str, Mapping[str, Figure]], counts: Mapping[str, int]) -> Iterator[str]:
    """A table of costs, each divided by how many there were, in microseconds."""
    yield "| | us of processor time, median (least to most) | us on the wall | server busy |"
    yield "| --- | ---: | ---: | ---: |"
    for name, figure in figures.items():
        scale = 1e6 / counts[name]
        cpu = figure["cpu"].shown(scale) if "cpu" in figure else ""
        yield f"| {name} | {cpu} | {figure['wall'].shown(scale)} | {figure['server'].median:.0%} |"


def receive(bench: Bench) -> Iterator[Section]:
    """One channel with one subscriber that is told events."""
    limits = {64: (2.0, 0.8, 4, 10), 1024: (2.0, 1.25, 4, 10), 16384: (2.2, 1.6, 3, 10)}
    fast_limits = {64: (1.25, 1.3), 1024: (1.25, 2.0), 16384: (None, 2.2)}
    for size, (floor, official, fastest, others) in limits.items():
        payload = _payload(size)
        counts = {
            peer.name: bench.some((5_000 if peer in bench.peers else 50_000) // (1 if size < 16384 else 4))
            for peer in (FLOOR, OURS, FAST, OFFICIAL, *bench.peers)
        }
        counts["aiohttp alone, its fastest way"] = counts[FLOOR.name]

        def told(peer: Peer, measure: str = "receive", payload: Any = payload, counts: Any = counts) -> Any:
            frames = counts[peer.name]
            return lambda: bench.measure(peer, measure, topics=["room:1"], frames=frames, payload=payload)

        taken = bench.compare(
            {
                FLOOR.name: told(FLOOR),
                "aiohttp alone, its fastest way": told(FLOOR, "receive_fast"),
                OURS.name: told(OURS),
                FAST.name: told(FAST),
                OFFICIAL.name: told(OFFICIAL),
                **{peer.name: told(peer) for peer in bench.peers},
            }
        )
        each = {name: Figure([value / counts[name] for value in taken[name]["cpu"].values]) for name in taken}
        ours = each[OURS.name]
        targets = [
            Target(f"{size} B: cost over aiohttp alone", ratio(ours, each[FLOOR.name]).median, "at most", floor),
            Target(
                f"{size} B: speed against phoenix.js", ratio(each[OFFICIAL.name], ours).median, "at least", official
            ),
        ]
        by_speed = sorted(bench.peers, key=lambda peer: each[peer.name].median)
        for place, peer in enumerate(by_speed):
            limit = fastest if place == 0 else others
            what = f"{size} B: speed against {peer.name}"
            targets.append(Target(what, ratio(each[peer.name], ours).median, "at least", limit))
        fast, (floor_of_fast, official_of_fast) = each[FAST.name], fast_limits[size]
        if floor_of_fast is not None:
            over = ratio(fast, each[FLOOR.name]).median
            targets.append(Target(f"{size} B, on picows: cost over aiohttp alone", over, "at most", floor_of_fast))
        against = ratio(each[OFFICIAL.name], fast).median
        what = f"{size} B, on picows: speed against phoenix.js"
        targets.append(Target(what, against, "at least", official_of_fast))
        yield Section(
            f"Receive, {size} bytes",
            f"An event whose payload has {size} bytes of JSON, handed to one subscriber as a value, for each event.",
            list(_per(taken, counts)),
            targets,
        )


def channels(bench: Bench) -> Iterator[Section]:
    """A thousand channels of ten events each, and one channel of as many."""
    payload, many = _payload(64), [f"room:{number}" for number in range(bench.some(1000))]
    frames = len(many) * 10

    def told(peer: Peer, topics: list[str]) -> Any:
        return lambda: bench.measure(peer, "receive", topics=topics, frames=frames, payload=payload)

    taken = bench.compare(
        {
            "rxphoenix, one channel": told(OURS, ["room:1"]),
            "rxphoenix": told(OURS, many),
            "phoenix.js, one channel": told(OFFICIAL, ["room:1"]),
            "phoenix.js": told(OFFICIAL, many),
        }
    )
    ours = taken["rxphoenix"]["cpu"]
    yield Section(
        "A thousand channels of ten events",
        f"{frames:,} events of 64 bytes over {len(many):,} channels with a subscriber each, in turn, for each event.",
        list(_per(taken, dict.fromkeys(taken, frames))),
        [
            Target("speed against phoenix.js", ratio(taken["phoenix.js"]["cpu"], ours).median, "at least", 3),
            Target("cost over one channel", ratio(ours, taken["rxphoenix, one channel"]["cpu"]).median, "at most", 1.5),
        ],
    )


def push(bench: Bench) -> Iterator[Section]:
    """A push and its reply, one at a time and a thousand at once."""
    once, times = bench.some(2000), bench.some(10)

    def alone(peer: Peer) -> Any:
        return lambda: bench.measure(peer, "push", topics=["room:1"], pushes=once)

    taken = bench.compare({peer.name: alone(peer) for peer in (FLOOR, OURS, FAST, OFFICIAL)})
    ours = taken[OURS.name]["wall"]
    yield Section(
        "Push and reply, one at a time",
        f"The time from a push to its reply, half of {once:,} in a row: what counts is the time on the wall.",
        list(_per(taken, dict.fromkeys(taken, 1))),
        [
            Target(
                "p50 over aiohttp alone",
                ratio(taken[OURS.name]["wall"], taken[FLOOR.name]["wall"]).median,
                "at most",
                1.15,
            )
        ],
    )

    at_once = 1000

    def burst(peer: Peer) -> Any:
        return lambda: bench.measure(peer, "burst", topics=["room:1"], pushes=at_once, times=times)

    rivals = [peer for peer in bench.peers if peer.name == "phxsocket"]
    taken = bench.compare({peer.name: burst(peer) for peer in (FLOOR, OURS, FAST, OFFICIAL, *rivals)})
    ours = taken[OURS.name]["cpu"]
    yield Section(
        "Push and reply, a thousand at once",
        f"{at_once:,} pushes in one go and then all their replies, {times:,} times, for each push.",
        list(_per(taken, dict.fromkeys(taken, at_once * times))),
        [
            Target("cost over aiohttp alone", ratio(ours, taken[FLOOR.name]["cpu"]).median, "at most", 0.73),
            Target("speed against phoenix.js", ratio(taken[OFFICIAL.name]["cpu"], ours).median, "at least", 8),
            *(
                Target(f"speed against {peer.name}", ratio(taken[peer.name]["cpu"], ours).median, "at least", 10)
                for peer in rivals
            ),
        ],
    )


def rejoin(bench: Bench) -> Iterator[Section]:
    """Many channels that join again after the connection was lost."""
    counts = {FLOOR.name: 10_000, OURS.name: 10_000, OFFICIAL.name: 10_000}
    rivals = [peer for peer in bench.peers if peer.name != "phxsocket"]  # which does not join again
    counts |= {peer.name: 1_000 for peer in rivals}
    counts = {name: bench.some(count) for name, count in counts.items()}

    def again(peer: Peer) -> Any:
        topics = [f"room:{number}" for number in range(counts[peer.name])]
        return lambda: bench.measure(peer, "rejoin", topics=topics)

    taken = in_turn(bench.rounds, {peer.name: again(peer) for peer in (FLOOR, OURS, OFFICIAL, *rivals)})
    each = {name: Figure([value / counts[name] for value in taken[name]["cpu"].values]) for name in taken}
    ours = each[OURS.name]
    slower = [
        Target(f"speed against {peer.name}", ratio(each[peer.name], ours).median, "at least", 10)
        for peer in (OFFICIAL, *rivals)
    ]
    shown = ", ".join(f"{name} with {count:,}" for name, count in counts.items())
    yield Section(
        "Rejoin after a reconnect",
        "From the loss of the connection to the last accepted join, for each channel; aiohttp alone writes one join "
        f"after the other and reads the replies. So many channels: {shown}; more would only slow down the last ones.",
        list(_per(taken, counts)),
        [Target("cost over a write for each join", ratio(ours, each[FLOOR.name]).median, "at most", 0.75), *slower],
    )


def memory(bench: Bench) -> Iterator[Section]:
    """What a joined channel with one subscriber holds."""
    topics = [f"room:{number}" for number in range(bench.some(10_000))]
    took = bench.measure(OURS, "memory", topics=topics)
    yield Section(
        "Memory of a joined channel with one subscriber",
        f"What {len(topics):,} of them have allocated (by tracemalloc), topic and subscription included, for each.",
        ["| | bytes |", "| --- | ---: |", f"| rxphoenix | {took['bytes']:,.0f} |"],
        [Target("memory of a channel", took["bytes"] / 1024, "at most", 2.5, "KB")],
    )


def presences(bench: Bench) -> Iterator[Section]:
    """A difference of presence, a snapshot being available after each."""
    rows = ["| entries | rxphoenix, with a snapshot, us | phoenix.js, with `list()`, us |", "| ---: | ---: | ---: |"]
    targets: list[Target] = []
    with installed().start("presence_speed.cjs") as program:
        for entries, limit in ((bench.some(10_000), 10), (bench.some(100_000), 15)):
            told = presence.history(entries, bench.some(1000))
            rest = presence.history(entries, bench.some(20))  # theirs takes as long for each, so few will do
            taken = in_turn(
                bench.rounds,
                {
                    "ours": lambda told=told: {"us": presence.our_microseconds(told, 1)},
                    "theirs": lambda rest=rest: {"us": presence.official_microseconds(program, rest, 1)},
                },
            )
            ours, theirs = taken["ours"]["us"], taken["theirs"]["us"]
            rows.append(f"| {entries:,} | {ours.shown()} | {theirs.shown(digits=0)} |")
            targets.append(Target(f"a difference, {entries:,} entries", ours.median, "at most", limit, "us"))
    yield Section(
        "Presence", "A difference of one entry, from its decoded payload to the next snapshot or list.", rows, targets
    )


def imports(bench: Bench) -> Iterator[Section]:
    """Importing the library, beside importing what it stands on."""
    programs = {
        "nothing": "pass",
        "reactivex and aiohttp": "import reactivex, aiohttp",
        "rxphoenix": "import rxphoenix",
        "rxphoenix and its transport": "from rxphoenix import Socket, WebSocket",
    }

    # what pip installs is compiled; a working copy is once it has been imported, unless that is forbidden
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def importing(program: str) -> Callable[[], Mapping[str, float]]:
        def measure() -> Mapping[str, float]:
            process = subprocess.Popen([sys.executable, "-c", program], env=compiled, preexec_fn=lambda: pin(1))
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0
            return {"cpu": used.ru_utime + used.ru_stime}

        return measure

    taken = bench.compare({name: importing(program) for name, program in programs.items()})
    nothing = taken.pop("nothing")["cpu"]
    net = {
        name: Figure([value - least for value, least in zip(figure["cpu"].values, nothing.values, strict=True)])
        for name, figure in taken.items()
    }
    below = net["reactivex and aiohttp"]
    yield Section(
        "Import",
        f"In a new process, less what a process that imports nothing takes ({nothing.shown(1e3, 0)} ms).",
        [
            "| | ms of processor time, median (least to most) |",
            "| --- | ---: |",
            *(f"| {name} | {figure.shown(1e3, 0)} |" for name, figure in net.items()),
        ],
        [
            Target("`import rxphoenix`", ratio(net["rxphoenix"], below).median, "at most", 1.3),
            Target("with its transport", ratio(net["rxphoenix and its transport"], below).median, "at most", 1.3),
        ],
    )


MEASURES: Mapping[str, Callable[[Bench], Iterator[Section]]] = {
    "receive": receive,
    "channels": channels,
    "push": push,
    "rejoin": rejoin,
    "memory": memory,
    "presence": presences,
    "import": imports,
}
"""All measures, in the order of the page."""

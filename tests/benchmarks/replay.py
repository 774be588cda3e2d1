"""How fast a recording plays where time takes none: five minutes of a thousand messages a second, by default.

    python -m tests.benchmarks.replay [SECONDS [MESSAGES A SECOND]]

What lives here: measuring. What does not: judging; ``test_replay.py`` only sees to it that this runs.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

from rxphoenix import AS_FAST_AS_POSSIBLE, Message, Socket, replay
from rxphoenix.recording.events import Began, Ended, Received, Sent, StateChanged
from rxphoenix.recording.file import RecordingFile

__all__ = ["Played", "play", "write"]

_CHANNELS = 10


class Played(NamedTuple):
    """What playing a recording took.

    Arguments:
        messages: how many came.
        megabytes: the size of the file.
        reading: seconds to read it.
        playing: seconds to play it.
    """

    messages: int
    megabytes: float
    reading: float
    playing: float


def write(path: Path, seconds: int, rate: int) -> None:
    """Write a recording of so many seconds and messages a second, on ten channels."""
    file = RecordingFile(path)
    file.write(Began("2026-11-25T09:30:00+00:00", "ws://localhost:4000/socket"))
    file.write(StateChanged(0.0, "open"))
    for number in range(_CHANNELS):
        ref = str(number)
        file.write(Sent(0.0, Message(ref, ref, f"sensor:{ref}", "phx_join", {})))
        file.write(Received(0.0, Message(ref, ref, f"sensor:{ref}", "phx_reply", {"status": "ok", "response": {}})))
    for number in range(seconds * rate):
        reading = {"n": number, "celsius": 20.5, "place": "kitchen", "tags": ["a", "b"]}
        file.write(Received(number / rate, Message(None, None, f"sensor:{number % _CHANNELS}", "reading", reading)))
    file.write(Ended(float(seconds)))
    file.close()


async def play(path: Path) -> Played:
    """Play a recording to an observer on each channel, until the streams complete."""
    begin = perf_counter()
    transport = replay(path, speed=AS_FAST_AS_POSSIBLE)
    read = perf_counter()
    count, left = 0, _CHANNELS
    done = asyncio.get_running_loop().create_future()

    def on_next(_payload: object) -> None:
        nonlocal count
        count += 1

    def on_completed() -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set_result(None)

    async with Socket("ws://nowhere/socket", transport=transport) as socket:
        for number in range(_CHANNELS):
            socket.channel(f"sensor:{number}").on("reading").subscribe(on_next, on_completed=on_completed)
        await done
        end = perf_counter()
    size = path.stat().st_size  # noqa: ASYNC240 - all is measured by now
    return Played(count, size / 1e6, read - begin, end - read)


def main() -> None:
    """Measure, and print."""
    given = [int(word) for word in sys.argv[1:]]
    seconds, rate = (*given, *(300, 1000)[len(given) :])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "session.jsonl"
        write(path, seconds, rate)
        played = asyncio.run(play(path))
    print(  # noqa: T201
        f"{seconds} s at {rate} messages a second, {played.megabytes:.1f} MB: "
        f"read in {played.reading:.2f} s, {played.messages} messages played in {played.playing:.2f} s"
    )


if __name__ == "__main__":
    main()

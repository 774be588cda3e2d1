"""``python -m tests.soak``: live long, and tell what that has left behind; the exit code is 1 if something grew.

python -m tests.soak                    minutes of churn over real sockets, and days in virtual time
python -m tests.soak --seconds 1800     half an hour of churn
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Callable

from tests.soak.churn import churn
from tests.soak.compressed import Compressed, many_messages, many_reconnects
from tests.soak.levels import growth, table

SLACK = 5
"""By how much a number may differ: what is under way at the moment of the second look."""

MEMORY = 512 * 1024
"""By how many bytes the memory may grow: caches of the interpreter and of aiohttp."""


def say(*lines: str) -> None:
    """Print lines at once."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def compressed(what: str, run: Callable[[int], Compressed], count: int) -> list[str]:
    """Do a run in virtual time, and tell of it; returns what grew in it."""
    began = time.monotonic()
    result = run(count)
    took = time.monotonic() - began
    hours = result.virtual / 3600
    say(f"{result.done:,} {what}: {hours:,.1f} h in {took:.0f} s", *table(result.before, result.after))
    return growth(result.before, result.after, slack=SLACK, memory=MEMORY)


def main() -> int:
    """Run everything; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Live long, and leave nothing behind.")
    parser.add_argument("--seconds", type=float, default=180, help="of churn over real sockets, 180 by default")
    parser.add_argument("--reconnects", type=int, default=10_000, help="in virtual time, 10,000 by default")
    parser.add_argument("--messages", type=int, default=1_000_000, help="in virtual time, a million by default")
    parser.add_argument("--seed", type=int, default=1, help="of the churn")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what goes wrong is the point of it
    grown: list[str] = []
    if arguments.reconnects:
        grown += compressed("reconnects", many_reconnects, arguments.reconnects)
    if arguments.messages:
        grown += compressed("messages", many_messages, arguments.messages)
    if arguments.seconds:
        report = asyncio.run(churn(seconds=arguments.seconds, seed=arguments.seed))
        say(
            f"churn of {arguments.seconds:.0f} s: {report.between:,} things done between the levels",
            *(f"  {name:22} {count:>10,}" for name, count in sorted(report.done.items())),
            f"  ended: {', '.join(f'{name} {count:,}' for name, count in report.ended.most_common())}",
            *table(report.before, report.after),
        )
        grown += growth(report.before, report.after, slack=SLACK, memory=MEMORY)
    say(*(f"GREW: {each}" for each in grown))
    if not grown:
        say("everything is level")
    return int(bool(grown))


if __name__ == "__main__":
    sys.exit(main())

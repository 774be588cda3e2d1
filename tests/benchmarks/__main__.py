"""The command of the benchmarks.

    python -m tests.benchmarks                  measure everything, and write docs/performance.md
    python -m tests.benchmarks receive push     measure these, and print them

What lives here: the command. What does not: the measures (``measures.py``).
"""

from __future__ import annotations

import argparse
import sys

from tests.benchmarks.flood import flood_server
from tests.benchmarks.measures import MEASURES, Bench, Section
from tests.benchmarks.report import page, shown
from tests.house.architecture import ROOT

_PAGE = ROOT / "docs" / "performance.md"


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="How fast rxphoenix is.")
    parser.add_argument("measures", nargs="*", metavar="measure", help=f"one of {', '.join(MEASURES)}; all by default")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--no-peers", action="store_true", help="without the clients that pip has to install")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.measures if name not in MEASURES]
    if unknown:
        parser.error(f"no measure is called {unknown[0]!r}; there are {', '.join(MEASURES)}")
    measured: dict[str, list[Section]] = {}
    with flood_server() as server:
        for name in options.measures or MEASURES:
            measured[name] = []
            # in processes of its own: what a measure leaves behind in one, memory above all, is not to change the next
            with Bench(server, options.rounds, peers=not options.no_peers) as bench:
                for section in MEASURES[name](bench):
                    measured[name].append(section)
                    print("\n".join(shown(section)), flush=True)  # noqa: T201
    if not options.measures and not options.no_peers:
        _PAGE.write_text(page(measured, options.rounds))


if __name__ == "__main__":
    main(sys.argv[1:])

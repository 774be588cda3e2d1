"""``python -m tests.fuzz``: let a coverage-guided fuzzer look for bytes that break a promise, for some time a target.

It needs ``atheris``, which is no dependency of the tests: ``pip install '.[fuzz]'``, or ``make fuzz``.

    python -m tests.fuzz                       all targets, a minute each
    python -m tests.fuzz --seconds 600 client  the whole client, ten minutes
    python -m tests.fuzz --again FILE client   run what was found once more, without a fuzzer
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.targets import TARGETS

_ONE = """
import sys
import atheris
with atheris.instrument_imports(include=["rxphoenix"]):
    from tests.fuzz.targets import TARGETS
target = TARGETS[sys.argv.pop(1)]
atheris.Setup(sys.argv, target.run)
atheris.Fuzz()
"""
"""What one process does; no module, because a target that is imported before it is instrumented is not."""


class Result(NamedTuple):
    """What came of fuzzing one target.

    Arguments:
        executions: how many inputs were tried.
        features: how many different things they made the code do, as libFuzzer counts them.
        found: an input that broke a promise, ``None`` if none did.
        output: what was said, if it ended otherwise than by the time given.
    """

    executions: int
    features: int
    found: bytes | None
    output: str


def read_output(output: str, code: int, found: bytes | None) -> Result:
    """Read what libFuzzer has said."""
    executions = re.search(r"number_of_executed_units:\s*(\d+)", output) or re.search(r"Done (\d+) runs", output)
    features = re.findall(r"\bft: (\d+)", output)
    return Result(
        int(executions.group(1)) if executions else 0,
        int(features[-1]) if features else 0,
        found,
        "" if code == 0 and found is None else output[-4_000:],
    )


def fuzz(name: str, seconds: float) -> Result:
    """Fuzz one target, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        corpus, finds = Path(folder, "corpus"), Path(folder, "finds")
        corpus.mkdir()
        finds.mkdir()
        for number, seed in enumerate(TARGETS[name].seeds):
            (corpus / f"seed{number}").write_bytes(seed)
        options = ["-print_final_stats=1", "-timeout=60", "-max_len=2000", "-rss_limit_mb=4096"]
        options += [f"-max_total_time={seconds:.0f}", f"-artifact_prefix={finds}/"]
        command = [sys.executable, "-c", _ONE, name, *options, str(corpus)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
        found = [path.read_bytes() for path in sorted(finds.iterdir())]
        return read_output(done.stdout + done.stderr, done.returncode, found[0] if found else None)


def main() -> int:
    """Fuzz, and say what came of it; the exit code is 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Look for bytes that break a promise.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--seconds", type=float, default=60, help="for each target, 60 by default")
    parser.add_argument("--again", type=Path, help="a file whose bytes are tried once, without a fuzzer")
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - set(TARGETS):
        parser.error(f"no target is called {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    names = arguments.targets or list(TARGETS)
    if arguments.again is not None:
        for name in names:
            TARGETS[name].run(arguments.again.read_bytes())
        return 0
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed: pip install '.[fuzz]', or `make fuzz`")
    broken = False
    for name in names:
        began = time.monotonic()
        result = fuzz(name, arguments.seconds)
        took = time.monotonic() - began
        say(f"{name:12} {result.executions:>11,} executions in {took:.0f} s, {result.features:,} features")
        if result.output:
            broken = True
            say(result.output)
        if result.found is not None:
            say(f"found: {result.found!r}")
    return int(broken)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

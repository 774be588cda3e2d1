"""Each layer knows only what ``architecture.py`` draws, and time comes from schedulers."""

from __future__ import annotations

import pytest

from tests.house import architecture
from tests.house.architecture import ARROWS, PACKAGES, Allowed, modules, unused_exceptions, violations

KNOWN = frozenset(ARROWS) | {"rxphoenix.client.socket", "rxphoenix.protocol.message", "rxphoenix.server.app"}


@pytest.mark.parametrize("module", modules())
def test_a_module_breaks_no_rule(module: str):
    path = modules()[module]
    assert list(violations(module, path.read_text("utf-8"), is_package=path.name == "__init__.py")) == []


def test_each_exception_is_needed():
    assert unused_exceptions({module: path.read_text("utf-8") for module, path in modules().items()}) == []


def test_the_tables_speak_of_the_same_units():
    assert set(ARROWS) == set(PACKAGES)
    assert {target for targets in ARROWS.values() for target in targets} <= set(ARROWS)


@pytest.mark.parametrize(
    ("module", "source", "told"),
    [
        # Arrows.
        ("rxphoenix.protocol.message", "import rxphoenix.client.socket", "no arrow from rxphoenix.protocol to"),
        ("rxphoenix.protocol.message", "from rxphoenix.transports.base import Transport", "no arrow"),
        (
            "rxphoenix.protocol.message",
            "from rxphoenix import Socket",
            "no arrow from rxphoenix.protocol to rxphoenix ",
        ),
        ("rxphoenix.protocol.message", "from ..client import socket", "no arrow"),
        ("rxphoenix.protocol.message", "from .. import client", "no arrow from rxphoenix.protocol to rxphoenix.client"),
        ("rxphoenix.protocol.message", "def f():\n    from rxphoenix.client import socket", "no arrow"),
        ("rxphoenix.errors", "from rxphoenix.protocol.message import Message", "no arrow"),
        ("rxphoenix.transports.base", "from rxphoenix.client import Socket", "no arrow"),
        ("rxphoenix.transports.fallback", "from rxphoenix.transports.websocket import WebSocket", "no arrow"),
        ("rxphoenix.client.socket", "from rxphoenix.transports.websocket import WebSocket", "no arrow"),
        ("rxphoenix.client.socket", "from rxphoenix import bridges", "no arrow"),
        ("rxphoenix.client.channel", "def f():\n    import rxphoenix.transports.websocket", "no arrow"),
        ("rxphoenix.bridges", "from rxphoenix.server.app import PhoenixServer", "no arrow"),
        ("rxphoenix.testing.virtual", "from rxphoenix.server.app import PhoenixServer", "no arrow"),
        ("rxphoenix.server.session", "from rxphoenix.server.app import Channel", "no arrow"),
        ("rxphoenix.server.app", "from rxphoenix.client import Socket", "no arrow"),
        ("rxphoenix.server.app", "if TYPE_CHECKING:\n    from rxphoenix.client import Socket", "no arrow"),
        ("rxphoenix.dashboard.page", "from rxphoenix.client import Socket", "no arrow"),
        # Packages.
        ("rxphoenix.protocol.message", "import reactivex", "does not know the package reactivex"),
        ("rxphoenix.client.socket", "import aiohttp", "does not know the package aiohttp"),
        ("rxphoenix.client.socket", "from aiohttp.client import ClientSession", "does not know the package aiohttp"),
        ("rxphoenix.server.app", "import aiohttp", "does not know the package aiohttp"),
        ("rxphoenix.server.session", "import reactivex", "does not know the package reactivex"),
        ("rxphoenix.cli", "import click", "does not know the package click"),
        # Clocks and I/O.
        ("rxphoenix.protocol.message", "import time", "pure and does not know time"),
        ("rxphoenix.protocol.message", "import asyncio", "pure and does not know asyncio"),
        ("rxphoenix.protocol.message", "from threading import Timer", "pure and does not know threading"),
        ("rxphoenix.protocol.message", "from urllib.request import urlopen", "pure and does not know urllib.request"),
        ("rxphoenix.server.session", "def f():\n    import time", "pure and does not know time"),
        ("rxphoenix.client.socket", "import time\ntime.monotonic()", "from a scheduler, not from time"),
        ("rxphoenix.client.socket", "from time import monotonic", "from a scheduler, not from time.monotonic"),
        ("rxphoenix.client.socket", "import asyncio\nasyncio.sleep(1)", "not from asyncio.sleep"),
        ("rxphoenix.client.socket", "import asyncio as a\na.wait_for(x, 1)", "not from asyncio.wait_for"),
        ("rxphoenix.client.socket", "from asyncio import timeout", "not from asyncio.timeout"),
        ("rxphoenix.client.socket", "import threading\nthreading.Timer(1, f)", "not from threading.Timer"),
        ("rxphoenix.client.socket", "import datetime\ndatetime.datetime.now()", "not from datetime.datetime.now"),
        ("rxphoenix.client.socket", "from datetime import datetime\ndatetime.now()", "not from datetime.datetime.now"),
        ("rxphoenix.client.socket", "self._loop.call_later(1, f)", "not from a loop's"),
        ("rxphoenix.client.socket", "get_loop().call_at(1, f)", "not from a loop's"),
        ("rxphoenix.bridges", "from reactivex import operators as ops\nops.delay(1)", "without scheduler="),
        ("rxphoenix.cli", "import reactivex as rx\nrx.timer(1)", "without scheduler="),
        ("rxphoenix.cli", "from reactivex.operators import debounce\ndebounce(1)", "without scheduler="),
    ],
)
def test_a_planted_violation_is_told(module: str, source: str, told: str):
    found = list(violations(module, source, known=KNOWN))
    assert len(found) >= 1
    assert all(told in each for each in found)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("rxphoenix", "from rxphoenix.client.socket import Socket\nfrom rxphoenix.errors import PhoenixError"),
        ("rxphoenix.protocol.message", "import msgspec, enum\nfrom rxphoenix.errors import MalformedFrame"),
        ("rxphoenix.protocol.address", "from urllib.parse import urlsplit\nfrom . import message"),
        ("rxphoenix.protocol.message", "class A:\n    def time(self): return self.time"),
        ("rxphoenix.client.socket", "def f():\n    from rxphoenix.transports.websocket import WebSocket"),
        ("rxphoenix.client.socket", "import asyncio\nasyncio.get_running_loop().time()"),
        ("rxphoenix.transports.websocket", "import aiohttp\nfrom rxphoenix.transports.base import Transport"),
        ("rxphoenix.testing.virtual", "from rxphoenix.server.session import Session"),
        ("rxphoenix.testing.virtual", "from rxphoenix.server import session"),
        ("rxphoenix.server.app", "import asyncio, time\nfrom rxphoenix.server.web import serve"),
        ("rxphoenix.cli.demo", "import rxphoenix\nfrom rxphoenix.server import PhoenixServer"),
        ("rxphoenix.cli.demo", "from reactivex import operators as ops\nops.delay(1, scheduler=scheduler)"),
        ("rxphoenix.cli.demo", "import asyncio, time\nasyncio.sleep(1)\ntime.time()"),
        ("rxphoenix.dashboard.page", "from rxphoenix import Socket"),
    ],
)
def test_what_is_allowed_is_not_told(module: str, source: str):
    known = KNOWN | {"rxphoenix.protocol.address", "rxphoenix.testing.virtual", "rxphoenix.cli.demo"}
    assert list(violations(module, source, known=known)) == []


@pytest.mark.parametrize(
    ("how", "source", "passes"),
    [
        ("for types", "if TYPE_CHECKING:\n    import aiohttp", True),
        ("for types", "import aiohttp", False),
        ("for types", "def f():\n    import aiohttp", False),
        ("lazily", "def f():\n    import aiohttp", True),
        ("lazily", "class A:\n    import aiohttp", False),
        ("anywhere", "import aiohttp", True),
    ],
)
def test_an_exception_excuses_only_what_it_says(how: str, source: str, passes: bool):
    exceptions = {("rxphoenix.client.socket", "aiohttp"): Allowed(how, "a test")}  # type: ignore[arg-type]
    assert (list(violations("rxphoenix.client.socket", source, exceptions=exceptions)) == []) is passes
    assert list(violations("rxphoenix.client.channel", source, exceptions=exceptions)) != []


def test_an_unused_exception_is_told(monkeypatch: pytest.MonkeyPatch):
    key = ("rxphoenix.client.socket", "aiohttp")
    monkeypatch.setattr(architecture, "EXCEPTIONS", {key: Allowed("anywhere", "a test")})
    assert unused_exceptions({"rxphoenix.client.socket": "import msgspec"}) == [key]


def test_a_folder_that_is_not_drawn_is_told():
    with pytest.raises(LookupError, match="draw its arrows"):
        list(violations("rxphoenix.attic.box", ""))

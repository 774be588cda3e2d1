"""The arrows of the house, and who may look at a clock: the tables that ``test_layers.py`` enforces.

A *unit* is a module or a package; a module belongs to the unit with the longest matching name. A unit may import
itself, what ``ARROWS`` lists for it, and the packages that ``PACKAGES`` lists for it, and nothing else: an arrow that
is not drawn here does not exist. ``EXCEPTIONS`` is the one place for what breaks a rule, each with its reason.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "rxphoenix"

_PROTOCOL = ("rxphoenix.errors", "rxphoenix.protocol")
_BASE = (*_PROTOCOL, "rxphoenix.tasks", "rxphoenix.transports.base")
_CLIENT = (*_BASE, "rxphoenix.client")
_TRANSPORTS = (
    "rxphoenix.transports",
    "rxphoenix.transports.fallback",
    "rxphoenix.transports.longpoll",
    "rxphoenix.transports.memory",
    "rxphoenix.transports.picows",
    "rxphoenix.transports.websocket",
)
# What transports by HTTP are made of.
_CARRYING = (
    "rxphoenix.transports.carrier",
    "rxphoenix.transports.http",
    "rxphoenix.transports.once",
    "rxphoenix.transports.waiting",
    "rxphoenix.transports.writer",
)
# The pure heart of the server, which the virtual Phoenix shares.
_SESSION = (
    "rxphoenix.server.channel_process",
    "rxphoenix.server.codec",
    "rxphoenix.server.effects",
    "rxphoenix.server.polling_session",
    "rxphoenix.server.presence_tracker",
    "rxphoenix.server.session",
)

ARROWS: Mapping[str, tuple[str, ...]] = {
    # The root may offer a transport, but must not load it: importing rxphoenix leaves aiohttp alone (test_exports.py).
    "rxphoenix": (*_CLIENT, *_TRANSPORTS, "rxphoenix.bridges", "rxphoenix.recording", "rxphoenix.loading"),
    "rxphoenix.loading": (),
    "rxphoenix.errors": (),
    "rxphoenix.tasks": (),
    "rxphoenix.protocol": ("rxphoenix.errors",),
    "rxphoenix.transports": _BASE,
    "rxphoenix.transports.base": _PROTOCOL,
    **dict.fromkeys(_CARRYING, _BASE),
    "rxphoenix.transports.http": (*_BASE, "rxphoenix.transports.once"),
    "rxphoenix.transports.websocket": (*_BASE, *_CARRYING),
    "rxphoenix.transports.longpoll": (*_BASE, *_CARRYING),
    "rxphoenix.transports.picows": (*_BASE, *_CARRYING, "rxphoenix.transports.pico_connection"),
    "rxphoenix.transports.pico_connection": (*_BASE, *_CARRYING),
    "rxphoenix.transports.fallback": (*_BASE, "rxphoenix.transports.memory", "rxphoenix.transports.waiting"),
    "rxphoenix.transports.memory": (),
    "rxphoenix.client": _BASE,
    "rxphoenix.bridges": _CLIENT,
    # It makes a test of a recording; who records in production must not load what is for tests.
    "rxphoenix.testing": (*_CLIENT, *_SESSION, "rxphoenix.bridges", "rxphoenix.recording",
                          "rxphoenix.transports.fallback", "rxphoenix.loading"),
    "rxphoenix.recording": (*_CLIENT, "rxphoenix.server.codec"),  # it answers as a server does
    "rxphoenix.server": (*_PROTOCOL, "rxphoenix.tasks", *_SESSION, "rxphoenix.server.web", "rxphoenix.loading"),
    **dict.fromkeys(_SESSION, (*_PROTOCOL, *_SESSION)),
    "rxphoenix.server.web": (*_PROTOCOL, "rxphoenix.tasks", *_SESSION, "rxphoenix.server"),
    "rxphoenix.cli": ("rxphoenix", *_CLIENT, *_TRANSPORTS, "rxphoenix.bridges", "rxphoenix.server",
                      "rxphoenix.testing", "rxphoenix.recording", "rxphoenix.dashboard", "rxphoenix.notebook"),
    # typer and rich, the extra `cli`, are known there only, so that a plain install has the other commands.
    "rxphoenix.cli.live": ("rxphoenix", "rxphoenix.cli", "rxphoenix.dashboard", "rxphoenix.recording",
                           "rxphoenix.server", "rxphoenix.testing"),
    "rxphoenix.__main__": ("rxphoenix.cli",),
    # Both use public names only, as any application does, so that they could leave the house.
    "rxphoenix.dashboard": ("rxphoenix", "rxphoenix.dashboard.instruments"),
    # What is counted and kept is apart from the pages that show it, and runs in virtual time.
    "rxphoenix.dashboard.instruments": ("rxphoenix",),
    "rxphoenix.notebook": ("rxphoenix",),
}  # fmt: skip
"""Unit -> the units that it may import."""

_AIOHTTP = ("aiohttp", "multidict", "yarl")  # the latter two are the types of aiohttp's own API

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "rxphoenix": (),
    "rxphoenix.loading": (),
    "rxphoenix.errors": (),
    "rxphoenix.tasks": (),
    "rxphoenix.protocol": ("msgspec",),
    "rxphoenix.transports": (),
    "rxphoenix.transports.base": ("msgspec", "reactivex"),
    **dict.fromkeys(_CARRYING, (*_AIOHTTP, "reactivex")),
    "rxphoenix.transports.websocket": (*_AIOHTTP, "msgspec", "reactivex"),
    "rxphoenix.transports.longpoll": (*_AIOHTTP, "msgspec", "reactivex"),
    "rxphoenix.transports.picows": ("reactivex",),
    "rxphoenix.transports.pico_connection": (*_AIOHTTP, "aiohappyeyeballs", "msgspec", "picows"),
    "rxphoenix.transports.fallback": ("msgspec", "reactivex"),
    "rxphoenix.transports.memory": ("msgspec",),
    "rxphoenix.client": ("msgspec", "reactivex"),
    "rxphoenix.bridges": ("msgspec", "reactivex"),
    "rxphoenix.testing": ("msgspec", "pytest", "reactivex"),
    "rxphoenix.recording": ("msgspec", "reactivex"),
    "rxphoenix.server": ("msgspec",),
    **dict.fromkeys(_SESSION, ("msgspec",)),
    "rxphoenix.server.web": (*_AIOHTTP, "msgspec"),
    "rxphoenix.cli": ("msgspec", "reactivex"),
    "rxphoenix.cli.live": ("msgspec", "reactivex", "rich", "typer"),
    "rxphoenix.__main__": (),
    "rxphoenix.dashboard": ("msgspec", "panel", "param", "reactivex"),  # the extra `dashboard`
    "rxphoenix.dashboard.instruments": ("msgspec", "reactivex"),
    "rxphoenix.notebook": ("msgspec", "reactivex"),
}
"""Unit -> the packages from outside that it may import, the standard library apart."""

PURE = ("rxphoenix.errors", "rxphoenix.protocol", *_SESSION)
"""Units without clock and without I/O."""

IMPURE_MODULES = (
    "_thread", "asyncio", "concurrent", "datetime", "http", "multiprocessing", "sched", "select", "selectors", "signal",
    "socket", "ssl", "subprocess", "threading", "time", "urllib.request",
)  # fmt: skip
"""Modules of the standard library that a pure unit must not import."""

SCHEDULED = (
    "rxphoenix.client",
    "rxphoenix.transports",
    "rxphoenix.bridges",
    "rxphoenix.testing",
    "rxphoenix.recording",
    "rxphoenix.dashboard.instruments",
)
"""Units whose time comes only from a scheduler, so that they run in virtual time."""

CLOCKS = (
    "time", "sched", "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow",
    "asyncio.sleep", "asyncio.timeout", "asyncio.timeout_at", "asyncio.wait_for", "threading.Timer",
)  # fmt: skip
"""Names, with all that is inside them, that tell or spend real time."""

LOOP_CLOCKS = ("call_later", "call_at")
"""Methods of an event loop that spend real time, whatever the loop is called."""

TIMED_OPERATORS = frozenset({
    "buffer_with_time", "buffer_with_time_or_count", "debounce", "delay", "delay_subscription", "delay_with_mapper",
    "interval", "sample", "skip_last_with_time", "skip_until_with_time", "skip_with_time", "take_last_with_time",
    "take_until_with_time", "take_with_time", "throttle_first", "throttle_with_timeout", "time_interval", "timeout",
    "timer", "timestamp", "window_with_time", "window_with_time_or_count",
})  # fmt: skip
"""Operators of RxPY that take a thread for their clock when no ``scheduler=`` is given."""


class Allowed(NamedTuple):
    """An exception to a rule: how it may be broken, and why."""

    how: Literal["lazily", "for types", "anywhere"]
    reason: str


EXCEPTIONS: Mapping[tuple[str, str], Allowed] = {
    ("rxphoenix.client.socket", "rxphoenix.transports.websocket"): Allowed(
        "lazily", "Socket's default transport; whoever gives another one never loads aiohttp"
    ),
    ("rxphoenix.cli", "rxphoenix.cli.live"): Allowed(
        "lazily", "whoever has not installed the extra `cli` is told so, and has the other commands"
    ),
    ("rxphoenix.transports.websocket", "call_later"): Allowed(
        "anywhere", "the grace of a close handshake, on a real socket that no virtual time can hurry"
    ),
    ("rxphoenix.transports.websocket", "asyncio.sleep"): Allowed(
        "anywhere", "for no seconds: a turn of the loop for others, while much is told"
    ),
    ("rxphoenix.transports.pico_connection", "call_later"): Allowed(
        "anywhere", "the grace of a close handshake, on a real socket that no virtual time can hurry"
    ),
    ("rxphoenix.testing.blocking", "time"): Allowed("anywhere", "to refuse time.sleep, not to call it"),
}
"""(module, what it uses) -> how it may. ``lazily``: inside a function; ``for types``: under ``if TYPE_CHECKING``."""


class Use(NamedTuple):
    """One place where a module uses something."""

    name: str
    line: int
    lazily: bool
    for_types: bool


def unit_of(module: str, units: Mapping[str, object] = ARROWS) -> str:
    """Find the unit that a module belongs to: the longest one whose name begins the module's.

    The root is a unit of its own: a new folder has no arrows until it is drawn here.
    """
    matching = [unit for unit in units if module == unit or (unit != "rxphoenix" and module.startswith(unit + "."))]
    if not matching:
        raise LookupError(f"{module} belongs to no unit: draw its arrows in tests/house/architecture.py")
    return max(matching, key=len)


def within(name: str, prefixes: tuple[str, ...]) -> bool:
    """Tell whether a dotted name is one of the given ones or inside one."""
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def modules() -> dict[str, Path]:
    """Every module of the package, by name."""
    found: dict[str, Path] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


class _Reader(ast.NodeVisitor):
    """Collects what a module imports and what it uses of its imports."""

    def __init__(self, module: str, is_package: bool, known: frozenset[str]) -> None:
        self.module = module
        self.package = module if is_package else module.rpartition(".")[0]
        self.known = known
        self.imports: list[Use] = []
        self.uses: list[Use] = []
        self.timed_without_scheduler: list[Use] = []
        self._names: dict[str, str] = {}
        self._functions = 0
        self._type_checking = 0

    def _use(self, name: str, line: int) -> Use:
        return Use(name, line, self._functions > 0, self._type_checking > 0)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        self._functions += 1
        self.generic_visit(node)
        self._functions -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def visit_If(self, node: ast.If) -> None:
        types = ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        self.visit(node.test)
        self._type_checking += types
        for each in node.body:
            self.visit(each)
        self._type_checking -= types
        for each in node.orelse:
            self.visit(each)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.imports.append(self._use(alias.name, node.lineno))
            self._names[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        source = node.module or ""
        if node.level:
            parents = self.package.split(".")
            source = ".".join([*parents[: len(parents) - node.level + 1], *([source] if source else [])])
        for alias in node.names:
            full = f"{source}.{alias.name}"
            # `from package import module` imports the module; `from module import name` imports the module.
            self.imports.append(self._use(full if full in self.known else source, node.lineno))
            self.uses.append(self._use(full, node.lineno))
            self._names[alias.asname or alias.name] = full

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self._names:
            self.uses.append(self._use(self._names[node.id], node.lineno))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.uses.append(self._use(self._resolve(node), node.lineno))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = self._resolve(node.func)
        has_scheduler = any(keyword.arg in ("scheduler", None) for keyword in node.keywords)
        if name.startswith("reactivex.") and name.rpartition(".")[2] in TIMED_OPERATORS and not has_scheduler:
            self.timed_without_scheduler.append(self._use(name, node.lineno))
        self.generic_visit(node)

    def _resolve(self, node: ast.AST) -> str:
        match node:
            case ast.Name(id=name):
                return self._names.get(name, f"?{name}")
            case ast.Attribute(value=value, attr=attribute):
                return f"{self._resolve(value)}.{attribute}"
            case _:
                return "?"


def violations(
    module: str,
    source: str,
    *,
    is_package: bool = False,
    known: frozenset[str] | None = None,
    exceptions: Mapping[tuple[str, str], Allowed] | None = None,
) -> Iterator[str]:
    """Read one module and name each rule that it breaks, with its line."""
    reader = _Reader(module, is_package, known if known is not None else frozenset(modules()))
    reader.visit(ast.parse(source))
    unit = unit_of(module)
    granted = EXCEPTIONS if exceptions is None else exceptions

    def excused(use: Use) -> bool:
        allowed = [how for (where, what), (how, _) in granted.items() if where == module and within(use.name, (what,))]
        return (
            "anywhere" in allowed or ("lazily" in allowed and use.lazily) or ("for types" in allowed and use.for_types)
        )

    def tell(use: Use, rule: str) -> str:
        return f"{module}:{use.line}: {rule}"

    for use in reader.imports:
        if excused(use):
            continue
        top = use.name.partition(".")[0]
        if top == "rxphoenix":
            target = unit_of(use.name)
            # An arrow to a unit is an arrow to what is inside it, unless that is a unit with a name of its own; to
            # the root it is an arrow to the public names only.
            if target != unit and target not in ARROWS[unit]:
                yield tell(use, f"no arrow from {unit} to {target} ({use.name})")
        elif top not in sys.stdlib_module_names and top != "__future__" and top not in PACKAGES[unit]:
            yield tell(use, f"{unit} does not know the package {top}")
        elif unit in PURE and within(use.name, IMPURE_MODULES):
            yield tell(use, f"{unit} is pure and does not know {use.name}")
    if unit_is_scheduled(unit):
        for use in dict.fromkeys(reader.uses):
            if within(use.name, CLOCKS) and not excused(use):
                yield tell(use, f"{unit} takes its time from a scheduler, not from {use.name}")
            method = use._replace(name=use.name.rpartition(".")[2])
            if method.name in LOOP_CLOCKS and not excused(method):
                yield tell(use, f"{unit} takes its time from a scheduler, not from a loop's {method.name}")
    for use in reader.timed_without_scheduler:
        if not excused(use):
            yield tell(use, f"{use.name} without scheduler= takes a thread for its clock")


def unit_is_scheduled(unit: str) -> bool:
    """Tell whether a unit must run in virtual time."""
    return within(unit, SCHEDULED)


def unused_exceptions(sources: Mapping[str, str]) -> list[tuple[str, str]]:
    """Name the exceptions of modules at hand that break no rule, and so only pretend that something is broken."""
    unused: list[tuple[str, str]] = []
    for key in EXCEPTIONS:
        module = key[0]
        if module in sources:
            others = {other: allowed for other, allowed in EXCEPTIONS.items() if other != key}
            if list(violations(module, sources[module], exceptions=others)) == list(
                violations(module, sources[module])
            ):
                unused.append(key)
    return unused

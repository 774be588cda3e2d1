"""A pytest plugin: a test that leaves something running or open fails.

Looked for, once the test and its own fixtures are done:

- ``tasks``: asyncio tasks that are not done;
- ``timers``: calls scheduled on the event loop (``call_later``, ``call_at``) that are not cancelled;
- ``sockets``: connections and servers that the event loop still watches;
- ``threads``: threads that the test started;
- ``errors``: what asyncio logs as an error, such as an exception in a callback, or one never retrieved;
- ``garbage``: errors and warnings raised while objects are destroyed, such as ``ResourceWarning``.

A test with a reason to leave something says so: ``@pytest.mark.may_leave("timers", reason="...")``.
A fixture of a broader scope may own a thread: it gives it a name that begins with ``fixture:`` and ends it in its
teardown; such a thread fails the run only if it outlives the session.

A test that has failed already is not examined: it seldom got as far as tidying up.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import sys
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

KINDS = ("tasks", "timers", "sockets", "threads", "errors", "garbage")
FIXTURE_THREAD = "fixture:"

# How often the loop may turn before a task or a closing transport counts as left behind. Turns, not seconds: a
# cancelled task and a closed transport need two or three of them, and real waiting needs real time.
_TURNS = 5
# How long a thread may take to return once it was told to.
_THREAD_GRACE = 0.2


def allowed(item: pytest.Item) -> set[str]:
    """Read from a test's marks what it may leave behind; a mark needs known kinds and a reason."""
    kinds: set[str] = set()
    for mark in item.iter_markers("may_leave"):
        unknown = set(mark.args) - set(KINDS)
        if unknown or not mark.args or not mark.kwargs.get("reason"):
            raise pytest.UsageError(
                f"{item.nodeid}: may_leave takes kinds out of {', '.join(KINDS)} and a reason=, not {mark}"
            )
        kinds.update(mark.args)
    return kinds


def unfinished_tasks(loop: asyncio.AbstractEventLoop) -> list[str]:
    """Name the tasks of a loop that are not done, the one that asks excepted."""
    own = asyncio.current_task(loop)
    return [f"task {task!r}" for task in asyncio.all_tasks(loop) if task is not own]


def pending_timers(loop: asyncio.AbstractEventLoop) -> list[str]:
    """Name the timers of a loop that are not cancelled; asyncio has no public list of them."""
    scheduled: list[asyncio.TimerHandle] = getattr(loop, "_scheduled")  # noqa: B009
    return [f"timer {handle!r}" for handle in scheduled if not handle.cancelled()]


def watched_sockets(loop: asyncio.AbstractEventLoop) -> list[str]:
    """Name what a selector loop still watches, its own wake-up pipe excepted; asyncio has no public list of it."""
    selector: Any = getattr(loop, "_selector", None)
    own: Any = getattr(loop, "_ssock", None)
    if selector is None or own is None:
        return []
    keys = selector.get_map().values()
    return [f"socket {key.fileobj!r} watched by {key.data}" for key in keys if key.fd != own.fileno()]


def running_threads(before: set[threading.Thread], grace: float = _THREAD_GRACE) -> list[str]:
    """Name the threads that run now and did not before, those of broader fixtures excepted."""
    deadline = time.monotonic() + grace
    left: list[str] = []
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith(FIXTURE_THREAD):
            continue
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            left.append(f"thread {thread!r}")
    return left


def garbage_errors() -> list[str]:
    """Destroy what is unreachable, and name the errors and warnings that came of it."""
    found: list[str] = []

    def note(unraisable: sys.UnraisableHookArgs) -> None:
        found.append(f"{unraisable.exc_value!r} while destroying {unraisable.object!r}")

    previous = sys.unraisablehook
    sys.unraisablehook = note
    try:
        gc.collect()
    finally:
        sys.unraisablehook = previous
    return found


class ErrorLog(logging.Handler):
    """Keeps what asyncio logs as an error: its way to report what has no caller left to raise to."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record, with the exception that it carries."""
        cause = record.exc_info[1] if record.exc_info else None
        self.messages.append(f"asyncio logged: {record.getMessage()}" + (f" ({cause!r})" if cause else ""))


_failed = pytest.StashKey[bool]()
_error_log = pytest.StashKey[ErrorLog]()
_threads_before = pytest.StashKey[set[threading.Thread]]()


def fail(item: pytest.Item, left: list[str]) -> None:
    """Fail a test for what it left behind, unless it has failed already."""
    if left and not item.stash.get(_failed, False):
        pytest.fail("left behind:\n" + "\n".join(f"- {each}" for each in left), pytrace=False)


def examine_loop(node: pytest.Item, loop: asyncio.AbstractEventLoop) -> None:
    """Fail a test, or a module of tests, for what it left on its loop; the loop is about to be closed."""
    checks = {"tasks": unfinished_tasks, "timers": pending_timers, "sockets": watched_sockets}
    for kind in allowed(node) & set(checks):
        del checks[kind]

    async def look() -> list[str]:
        left: list[str] = []
        for _ in range(_TURNS):
            left = [each for check in checks.values() for each in check(loop)]
            if not left:
                break
            await asyncio.sleep(0)
        return left

    if not loop.is_closed():
        fail(node, loop.run_until_complete(look()))


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: pytest.FixtureRequest) -> Generator[None, Any, Any]:
    """Examine each loop between the last fixture that used it and its end.

    Finalizers run in reverse: those of fixtures that use the loop are added after this one, the one that cancels
    what is left and closes the loop was added before it. The fixture is an inner name of pytest-asyncio; should it
    change, the planted leaks are no longer caught and ``test_leaks.py`` says so.
    """
    runner: Any = yield
    if re.fullmatch(r"_\w+_scoped_runner", fixturedef.argname):
        node: Any = request.node
        fixturedef.addfinalizer(lambda: examine_loop(node, runner.get_loop()))
    return runner


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    item.stash[_threads_before] = set(threading.enumerate())
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report: Any = yield
    if report.failed:
        item.stash[_failed] = True
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    allowed(item)
    item.stash[_error_log] = log = ErrorLog()
    logging.getLogger("asyncio").addHandler(log)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
    # After all fixtures, the one that closes the loop included: the loop joins the threads of its default executor,
    # and it keeps alive what ought to be destroyed.
    try:
        result = yield
    finally:
        garbage = garbage_errors()
        log = item.stash[_error_log]
        logging.getLogger("asyncio").removeHandler(log)
    found = {"garbage": garbage, "errors": log.messages, "threads": running_threads(item.stash[_threads_before])}
    may = allowed(item)
    fail(item, [each for kind, names in found.items() if kind not in may for each in names])
    if nextitem is None or nextitem.path != item.path:
        gc.freeze()
    return result


def pytest_collection_finish() -> None:
    """Put what exists now out of the collector's sight, so that collecting after each test costs next to nothing.

    What the tests of a file have made and is still alive at their end (reports, caches, modules imported on the way)
    goes there too: else each collection would look at all that the tests before it have left.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run at whose end a thread of a fixture is still there."""
    left = [thread for thread in threading.enumerate() if thread.name.startswith(FIXTURE_THREAD)]
    if left:
        raise pytest.UsageError(f"threads of fixtures outlive the tests: {left}")

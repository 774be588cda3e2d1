"""The checks for what a test leaves behind: each catches a planted leak, and lets a tidy test pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLANTED = '''
import asyncio, socket, threading, time
import pytest

kept = []

async def test_leaves_task():
    kept.append(asyncio.create_task(asyncio.sleep(60)))

async def test_leaves_timer():
    asyncio.get_running_loop().call_later(60, print)

async def test_leaves_server():
    kept.append(await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0))

async def test_leaves_error_in_callback():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)

async def test_leaves_exception_unretrieved():
    asyncio.get_running_loop().create_future().set_exception(ValueError("unretrieved"))

def test_leaves_thread():
    threading.Thread(target=time.sleep, args=(3,), daemon=True, name="straggler").start()

def test_leaves_socket_to_the_collector():
    socket.socket()

def test_leaves_socket_in_a_cycle():
    cycle = [socket.socket()]
    cycle.append(cycle)

def test_leaves_loop():
    asyncio.new_event_loop()

@pytest.fixture
async def untidy_fixture():
    asyncio.get_running_loop().call_later(60, print)

def test_leaves_timer_of_async_fixture(untidy_fixture):
    pass

def test_leaves_unawaited_coroutine():
    asyncio.sleep(0)

@pytest.fixture
async def late():
    """Tidies up after the test, before anybody looks."""
    task = asyncio.create_task(asyncio.sleep(60))
    yield
    task.cancel()

@pytest.fixture(scope="module")
def broad_thread():
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="fixture:broad")
    thread.start()
    yield
    end.set()
    thread.join()

async def test_tidy_with_fixture(late):
    timer = asyncio.get_running_loop().call_later(60, print)
    timer.cancel()

def test_tidy_with_broad_thread(broad_thread):
    pass

async def test_tidy_with_executor():
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0)

def test_tidy_with_thread_that_returns():
    thread = threading.Thread(target=time.sleep, args=(0.01,))
    thread.start()

@pytest.mark.may_leave("timers", "tasks", reason="shows the mark")
async def test_tidy_by_mark():
    asyncio.get_running_loop().call_later(60, print)
    kept.append(asyncio.create_task(asyncio.sleep(60)))
'''

NAMES_IN_REPORT = {
    "test_leaves_task": "- task <Task pending*",
    "test_leaves_timer": "- timer <TimerHandle*",
    "test_leaves_server": "- socket * watched by *_accept_connection*",
    "test_leaves_error_in_callback": "- asyncio logged: Exception in callback test_leaves_error_in_callback*",
    "test_leaves_exception_unretrieved": "- asyncio logged: Future exception was never retrieved*",
    "test_leaves_thread": "- thread <Thread(straggler*",
    "test_leaves_socket_to_the_collector": "*ResourceWarning: unclosed <socket.socket*",
    "test_leaves_socket_in_a_cycle": "- ResourceWarning*unclosed <socket.socket fd=*",
    "test_leaves_loop": "- ResourceWarning*unclosed event loop*",
    "test_leaves_timer_of_async_fixture": "- timer <TimerHandle*",
    "test_leaves_unawaited_coroutine": "*RuntimeWarning: coroutine 'sleep' was never awaited*",
}


@pytest.fixture
def run_planted(pytester: pytest.Pytester):
    """Run a test file in another process, under the project's own configuration and this plugin."""

    def run(source: str) -> pytest.RunResult:
        pytester.makeconftest('pytest_plugins = ["tests.house.leaks"]')
        path = pytester.makepyfile(source)
        return pytester.runpytest_subprocess(
            "-c", ROOT / "pyproject.toml", "--rootdir", pytester.path, "-p", "no:randomly", "-p", "no:cov", "-rA", path
        )

    return run


def test_each_planted_leak_fails_its_test_and_a_tidy_test_passes(run_planted):
    result = run_planted(PLANTED)
    summary = [line.split() for line in result.outlines if re.match(r"(PASSED|FAILED|ERROR) \S+::", line)]
    # A test that fails in its teardown is listed as PASSED and as ERROR.
    caught = {words[1].split("::")[1] for words in summary if words[0] != "PASSED"}
    passed = {words[1].split("::")[1] for words in summary if words[0] == "PASSED"} - caught
    assert caught == set(NAMES_IN_REPORT)
    assert passed == {
        "test_tidy_with_fixture",
        "test_tidy_with_broad_thread",
        "test_tidy_with_executor",
        "test_tidy_with_thread_that_returns",
        "test_tidy_by_mark",
    }
    for pattern in NAMES_IN_REPORT.values():
        result.stdout.fnmatch_lines([f"*{pattern}"])


def test_a_failed_test_is_not_blamed_for_its_leaks_too(run_planted):
    result = run_planted(
        """
        import asyncio

        async def test_fails():
            asyncio.get_running_loop().call_later(60, print)
            raise AssertionError
        """
    )
    result.assert_outcomes(failed=1)


@pytest.mark.parametrize("mark", ['"timers"', '"clocks", reason="no such kind"', 'reason="no kind"'])
def test_the_mark_needs_a_known_kind_and_a_reason(run_planted, mark):
    result = run_planted(f"import pytest\n\n@pytest.mark.may_leave({mark})\ndef test_marked():\n    pass\n")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*may_leave takes kinds out of*"])


def test_a_loop_of_a_module_is_examined_when_it_ends(run_planted):
    result = run_planted(
        """
        import asyncio
        import pytest

        pytestmark = pytest.mark.asyncio(loop_scope="module")

        async def test_leaves():
            asyncio.get_running_loop().call_later(60, print)

        async def test_is_innocent():
            pass
        """
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["- timer <TimerHandle*"])


def test_a_thread_of_a_fixture_that_outlives_the_session_fails_the_run(run_planted):
    result = run_planted(
        """
        import threading, time
        import pytest

        @pytest.fixture(scope="module")
        def forgotten():
            threading.Thread(target=time.sleep, args=(3,), daemon=True, name="fixture:forgotten").start()

        def test_a(forgotten):
            pass
        """
    )
    assert result.ret != 0
    result.stderr.fnmatch_lines(["*threads of fixtures outlive the tests*"])

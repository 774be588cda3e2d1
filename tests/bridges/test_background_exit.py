"""Programs with a background, to their end: each in an interpreter of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from tests.house.background import in_background

LONG = 30.0
"""Seconds after which a program counts as hanging."""

BEGINNING = """
import os, sys, threading, time
import rxphoenix

bg = rxphoenix.background()
bg._loop.slow_callback_duration = 60  # how fast this machine is, is no matter here
socket = bg.socket(sys.argv[1])
room = socket.channel("room:a")
blocked = threading.Event()

def block(_payload):
    blocked.set()
    threading.Event().wait()

assert room.push("echo", 1).run(timeout=20) == 1
room.subscribe(on_completed=lambda: print("completed", flush=True))
socket.opened().run(timeout=20)
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The socket of the conformance application."""
    with in_background("server", lambda: PhoenixServer(conformance_application())) as server:
        yield server.url + "/socket"


def command(program: str, url: str) -> list[str]:
    """The program after its usual beginning, as a command; warnings are errors."""
    return [sys.executable, "-X", "dev", "-W", "error", "-c", BEGINNING + program, url]


@pytest.mark.parametrize(
    ("program", "code", "out", "err"),
    [
        pytest.param("bg.close()", 0, "completed\n", "", id="closed"),
        pytest.param("", 0, "completed\n", "", id="never closed"),
        pytest.param("with bg:\n    sys.exit(3)", 3, "completed\n", "", id="exits inside"),
        pytest.param("1 / 0", 1, "completed\n", "ZeroDivisionError", id="raises"),
        pytest.param("del bg, socket, room", 0, "completed\n", "", id="forgotten"),
        pytest.param(
            "threading.Thread(target=lambda: print(room.push('echo', 2).run(timeout=20))).start()",
            0,
            "2\ncompleted\n",
            "",
            id="another thread still waits",
        ),
        pytest.param(
            "room.push('echo', 1).subscribe(block)\nblocked.wait()", 0, "", "did not end within 2 s", id="blocked"
        ),
        pytest.param(
            "room.push('echo', 1).subscribe(block)\nblocked.wait()\nbg.close(timeout=0.1)",
            0,
            "",
            "did not end within 0.1 s",
            id="closed while blocked",
        ),
        pytest.param(
            "room.push('echo', 1).subscribe(lambda _: sys.exit(3))\nbg._thread.join(20)\nprint(bg)",
            0,
            "completed\n<Background closed>\n",
            "SystemExit(3)",
            id="a callback exits",
        ),
    ],
)
def test_a_program_ends(url: str, program: str, code: int, out: str, err: str) -> None:
    done = subprocess.run(command(program, url), capture_output=True, text=True, timeout=LONG, check=False)
    assert (done.returncode, done.stdout) == (code, out), done.stderr
    assert err in done.stderr
    assert err or not done.stderr


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="elsewhere a wait cannot be interrupted")
@pytest.mark.parametrize(
    "wait", ['room.push("slow", {"ms": 60_000}, timeout=60).run()', "next(rxphoenix.iterate(room))"]
)
def test_ctrl_c_interrupts_a_wait(url: str, wait: str) -> None:
    program = f"""
started = threading.Event()

def tell_when_it_waits(thread=threading.main_thread().ident):
    started.wait()  # to start a thread is to wait, too
    while sys._current_frames()[thread].f_code is not threading.Condition.wait.__code__:
        time.sleep(0.01)
    print("waiting", flush=True)

with bg:
    threading.Thread(target=tell_when_it_waits).start()
    started.set()
    try:
        {wait}
    except KeyboardInterrupt:
        print("interrupted")
"""
    process = subprocess.Popen(command(program, url), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LONG)
    assert (process.returncode, out) == (0, "interrupted\ncompleted\n"), err


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="there is no fork")
def test_in_a_forked_process_it_says_that_it_is_not_there(url: str) -> None:
    program = """
import warnings
warnings.simplefilter("ignore")  # newer Pythons warn of the fork itself
subscription = room.subscribe()
child = os.fork()
if child == 0:
    for call in (room.subscribe, room.push("echo", 1).run, socket.connect, socket.close):
        try:
            call()
        except rxphoenix.WrongThread as error:
            print(error)
    subscription.dispose()
    bg.close()
    with rxphoenix.background() as another:
        print(another.socket(sys.argv[1]).channel("room:b").push("echo", 2).run(timeout=20))
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
print(room.push("echo", 3).run(timeout=20))
"""
    done = subprocess.run(command(program, url), capture_output=True, text=True, timeout=LONG, check=False)
    words = "it was called in a process that was forked after background(); call background() in this one\n"
    assert (done.returncode, done.stdout) == (0, words * 4 + "2\n3\ncompleted\n"), done.stderr

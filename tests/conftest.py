"""What holds for every test: it leaves nothing behind (``tests/house/leaks.py``); and the fixtures of all."""

import signal

from hypothesis import settings

pytest_plugins = ["tests.house.leaks", "tests.official.client", "pytester", "rxphoenix.testing.plugin"]


def pytest_configure() -> None:
    # No test is timed: on a busy machine an example takes as long as it takes.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")
    # A run that a shell has put in the background ignores Ctrl-C, and so would the programs that tests end by it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

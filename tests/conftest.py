"""What holds for every test: it leaves nothing behind (``tests/house/leaks.py``); and the fixtures of all."""

import signal

pytest_plugins = ["tests.house.leaks", "tests.official.client", "pytester", "rxphoenix.testing.plugin"]


def pytest_configure() -> None:
    # A run that a shell has put in the background ignores Ctrl-C, and so would the programs that tests end by it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

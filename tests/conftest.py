"""What holds for every test: it leaves nothing behind (``tests/house/leaks.py``); and the fixtures of all."""

pytest_plugins = ["tests.house.leaks", "tests.official.client", "pytester", "rxphoenix.testing.plugin"]

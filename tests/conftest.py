"""What holds for every test: it leaves nothing behind (``tests/house/leaks.py``)."""

pytest_plugins = ["tests.house.leaks", "pytester", "rxphoenix.testing.plugin"]

"""The specification is collected wherever pytest is asked for it alone, too."""

pytest_plugins = ["rxphoenix.testing.plugin"]

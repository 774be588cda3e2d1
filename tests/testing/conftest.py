"""The plugin, where no installed distribution brings it by its entry point."""

from __future__ import annotations

import pytest

from rxphoenix.testing import plugin


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(plugin, "rxphoenix")

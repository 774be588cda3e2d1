"""The plugin, which pyproject.toml keeps from being loaded by its entry point, before coverage begins."""

from __future__ import annotations

import pytest

from rxphoenix.testing import plugin


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(plugin, plugin.__name__)

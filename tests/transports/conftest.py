"""What tests of transports share."""

from __future__ import annotations

from typing import Any

import pytest

from rxphoenix import PicoWebSocket, WebSocket


@pytest.fixture(params=[WebSocket, PicoWebSocket])
def websocket(request: pytest.FixtureRequest) -> Any:
    """The transports that carry WebSockets: whatever one does, the other does too."""
    return request.param

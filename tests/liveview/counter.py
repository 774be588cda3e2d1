"""A counter as a LiveView of pyview-web: a server of Phoenix Channels that none of us wrote.

``python -m tests.liveview.counter PORT`` serves it at ``/counter`` and says on which port; 0 is any.
"""

from __future__ import annotations

import sys
from typing import Any, TypedDict

import uvicorn
from pyview import LiveView, PyView
from pyview.live_socket import ConnectedLiveViewSocket, LiveViewSocket


class Count(TypedDict):
    """What is rendered."""

    count: int


class Counter(LiveView[Count]):
    """Counts what is added."""

    async def mount(self, socket: LiveViewSocket[Count], session: dict[str, Any]) -> None:
        """Begin with nothing."""
        socket.context = Count(count=0)

    async def handle_event(self, event: str, payload: dict[str, Any], socket: ConnectedLiveViewSocket[Count]) -> None:
        """Add at once, or a moment later by itself."""
        if event == "add":
            socket.context["count"] += payload["amount"]
        elif event == "add_later":
            socket.schedule_info_once("add_one")

    async def handle_info(self, event: Any, socket: ConnectedLiveViewSocket[Count]) -> None:
        """Add one."""
        socket.context["count"] += 1


def main() -> None:
    """Serve until killed."""
    app = PyView()
    app.add_live_view("/counter", Counter)
    config = uvicorn.Config(app, host="127.0.0.1", port=int(sys.argv[1]), ws="wsproto", log_level="warning")
    listening = config.bind_socket()
    listening.listen()
    print(listening.getsockname()[1], flush=True)  # noqa: T201 - this is how the test hears of it
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()

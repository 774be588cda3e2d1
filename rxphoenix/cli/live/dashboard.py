"""``rxphoenix dashboard``: a page that shows a socket and its channels as they live.

What lives here: serving it until somebody ends it, and the demo. What does not: the page (``rxphoenix.dashboard``).
"""

from __future__ import annotations

import asyncio
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from typing import Any

from rxphoenix import Socket
from rxphoenix.cli.live.session import connected
from rxphoenix.cli.quiet import quiet_log
from rxphoenix.cli.serve import why_not_listening
from rxphoenix.cli.statuses import FAILED
from rxphoenix.dashboard import PageServer, dashboard
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.demo import demo_application

__all__ = ["show_dashboard", "show_demo"]


async def show_dashboard(
    socket: Socket, topics: Sequence[str], join_params: Mapping[str, Any] | None, port: int, open_page: bool
) -> int:
    """Serve the page of a socket until it is cancelled.

    Arguments:
        socket: the socket; it is closed at the end.
        topics: the topics, joined while a page shows them.
        join_params: the params of each join.
        port: where the page is served, on this machine; 0 picks a free port.
        open_page: whether to open it in a browser.

    Returns:
        The exit status, where the port cannot be listened on.

    Raises:
        ConnectionFault: the first attempt to connect has failed.
    """
    async with connected(socket):
        channels = [socket.channel(topic, join_params) for topic in dict.fromkeys(topics)]
        server = PageServer(lambda: dashboard(socket, *channels), port, title=f"rxphoenix {' '.join(topics)}")
        try:
            await server.start()
        except OSError as error:
            print(f"rxphoenix: {why_not_listening(error, '127.0.0.1', port)}", file=sys.stderr)
            return FAILED
        try:
            print(f"The dashboard of {socket.endpoint} is at {server.url} until Ctrl-C", flush=True)
            if open_page:
                webbrowser.open(server.url)
            await asyncio.Event().wait()
        finally:
            await server.stop()
    raise AssertionError("it waits for ever")


async def show_demo(port: int, open_page: bool) -> int:
    """Serve the page of a demo server in this process until it is cancelled; see ``show_dashboard``."""
    with quiet_log():
        async with PhoenixServer(demo_application()) as server:
            socket = Socket(f"{server.url}/socket", params={"user": "you"})
            return await show_dashboard(socket, ["room:lobby", "sensor:kitchen"], None, port, open_page)

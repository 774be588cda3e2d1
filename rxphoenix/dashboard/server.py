"""A server of pages on the event loop that runs, beside a socket.

What lives here: starting, and ending without leaving anything behind. What does not: what is on the pages
(``page.py``).
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import panel as _panel
from panel.io.resources import LOCAL_DIST
from panel.template.base import BaseTemplate

from rxphoenix.dashboard.page import sheet

__all__ = ["PageServer"]

panel: Any = _panel  # its types are not complete

_HOST = "127.0.0.1"

_GRACE = 1.0
"""Seconds that a browser has to say goodbye."""

_TURN = 0.02
"""Seconds between two looks at whether a browser has said goodbye."""

_LOADING = 30_000
"""Milliseconds that a browser has to load a page, before what the page shows is forgotten."""

_LOOK = 500
"""Milliseconds between two looks at what is to be forgotten."""


class PageServer:
    """Serves a page, made anew for each browser that asks for it, on the event loop that runs.

    Scripts, styles and icons come from this server, too: a browser needs nothing from elsewhere. A page that is left
    open over a restart of this server comes back by itself. Whoever reaches the address sees the page and can press its
    buttons, so it listens on this machine only; from another one, come through a tunnel to the same port.

    Arguments:
        page: makes what is shown: a piece, or anything else of Panel's.
        port: the port to listen on; 0 picks a free one.
        title: what a browser calls the page.

    Example:
        ```python
        import panel as pn
        from rxphoenix import Socket
        from rxphoenix.dashboard import PageServer, message_log, state_timeline

        async with Socket("ws://localhost:4000/socket") as socket:
            lobby = socket.channel("room:lobby")

            def page():
                return pn.Column(state_timeline(socket), message_log(lobby))

            async with PageServer(page, port=0) as server:
                print(server.url)
        ```
    """

    def __init__(self, page: Callable[[], object], port: int = 5006, *, title: str = "rxphoenix") -> None:
        self._page = page
        self._port = port
        self._title = title
        self._server: Any = None
        self._id = uuid4().hex

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://localhost:{self._port}"

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: the port cannot be listened on.
        """
        with socket.create_server((_HOST, self._port)):  # where it is taken, Tornado leaves a socket of its own open
            pass
        handler = signal.getsignal(signal.SIGINT)
        try:
            self._server = panel.serve(
                lambda: _set_up(self._page),
                port=self._port,
                address=_HOST,
                title=self._title,
                show=False,
                start=False,
                verbose=False,
                server_id=self._id,
                check_unused_sessions_milliseconds=_LOOK,
                unused_session_lifetime_milliseconds=_LOADING,
            )
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, handler)  # Panel would have it stop the loop
        self._port = self._server.port
        # The pages that may talk to this server are its own, under both names of this machine.
        self._server._tornado.websocket_origins.update({f"localhost:{self._port}", f"{_HOST}:{self._port}"})
        self._server.start()

    async def stop(self) -> None:
        """Close the pages and listen no longer; does nothing if it does not listen."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.stop()
        # Bokeh stops there. What is still open, and whoever still watches, is ended here; requests first, so that a
        # page that looks for the server does not find what is left of it.
        await server._http.close_all_connections()
        sockets = [each._socket for session in server.get_sessions() for each in session._subscribed_connections]
        streams = [each.ws_connection.stream for each in sockets if each.ws_connection is not None]
        for each in sockets:
            each.close(1001, "the dashboard is stopped")
        await self._goodbye(server, streams)
        for application in server._tornado._applications.values():
            await application._cleanup_sessions(-1)
        panel.state._servers.pop(self._id, None)
        if not panel.state._servers and panel.state._busy_cleanup_scheduled is not None:
            panel.state._busy_cleanup_scheduled.stop()  # a task that Panel would never end
            panel.state._busy_cleanup_scheduled = None
        with suppress(KeyError):  # planned for some seconds after a page was closed
            panel.state.cancel_task("gc.collect")

    async def _goodbye(self, server: Any, streams: list[Any]) -> None:
        """Wait until no page is connected; a browser that does not answer is hung up on."""
        deadline = asyncio.get_running_loop().time() + _GRACE
        while any(session.connection_count for session in server.get_sessions()):
            if asyncio.get_running_loop().time() > deadline:
                for stream in streams:
                    stream.close()
            await asyncio.sleep(_TURN)
        await asyncio.sleep(_TURN)  # what was being written hears that it was not

    async def __aenter__(self) -> PageServer:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()


def _set_up(page: Callable[[], object]) -> Any:
    document = panel.state.curdoc
    # A page whose server was restarted while it loaded, or which took too long, is made anew for its WebSocket. Panel
    # says where its styles are only to who asks for the page, and would send others to a server elsewhere.
    document.template_variables["dist_url"] = LOCAL_DIST
    # Once it has been shown there is nothing to wait for: it is forgotten, and its pieces watch no longer, when it is
    # closed.
    panel.state.onload(lambda: document.session_context.session.request_expiration())
    shown: Any = page()
    return shown if isinstance(shown, BaseTemplate) else sheet(panel.panel(shown))

"""The embedded Phoenix-compatible server: for demos, notebooks and tests, not for production.

What lives here: listening on a port, finding what answers a request, and misbehaving on demand. What does not: one
WebSocket (``websocket.py``), the sessions of long polling (``longpoll.py``), and everything that happens behind them.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import unquote

from aiohttp import web

from rxphoenix import tasks
from rxphoenix.server.endpoint import Endpoint, Mount
from rxphoenix.server.params import parse_query
from rxphoenix.server.web.faults import Faults, Refusal
from rxphoenix.server.web.longpoll import LongPolling
from rxphoenix.server.web.websocket import OpenWebSocket, upgrade

__all__ = ["PhoenixServer"]

_GRACE_SECONDS = 1.0


class PhoenixServer:
    """Serves an endpoint as a real Phoenix does, as far as a client can tell; not for production.

    Clients connect by WebSocket (``/socket/websocket`` for a socket that is mounted at ``/socket``) and by long polling
    (``/socket/longpoll``).

    It keeps everything in one process and one event loop, trusts its clients with memory, and can be told to
    misbehave: see ``drop_connections``, ``stall``, ``close_connections``, ``refuse_upgrades``, ``swallow_frames``.

    Arguments:
        endpoint: the application.
        host: the address to listen on.
        port: the port to listen on; 0 picks a free one, which a later ``start`` uses again.

    Example:
        ```python
        import aiohttp

        from rxphoenix.server import PhoenixServer
        from rxphoenix.server.applications.demo import demo_application

        async with PhoenixServer(demo_application()) as server, aiohttp.ClientSession() as session:
            async with session.ws_connect(server.url + "/socket/websocket?vsn=2.0.0") as websocket:
                await websocket.send_str('[null,"1","phoenix","heartbeat",{}]')
                assert '"ok"' in await websocket.receive_str()
        ```
    """

    def __init__(self, endpoint: Endpoint, host: str = "127.0.0.1", port: int = 0) -> None:
        self.endpoint = endpoint
        self._host = host
        self._port = port
        self._runner: web.ServerRunner | None = None
        self._faults = Faults()
        self._requests: dict[asyncio.Task[None], asyncio.BaseTransport | None] = {}
        self._open: dict[OpenWebSocket, None] = {}
        self._longpolling = LongPolling(endpoint, self._faults)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port that it listens on; 0 if it was to pick one and has not started yet."""
        return self._port

    @property
    def url(self) -> str:
        """Where clients connect, without a path: ``"ws://127.0.0.1:49152"``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"ws://{host}:{self._port}"

    @property
    def connection_count(self) -> int:
        """How many WebSockets and sessions of long polling are open."""
        return sum(not websocket.response.closed for websocket in self._open) + self._longpolling.session_count

    @property
    def unsent(self) -> int:
        """How many frames wait because clients do not read them.

        Channels do not notice, as in a real Phoenix, where they wait in a mailbox: a source that would fill the memory
        may look here and wait.
        """
        return sum(websocket.unsent for websocket in self._open) + self._longpolling.unsent

    async def start(self) -> None:
        """Listen; after a ``stop``, on the same port again.

        Raises:
            RuntimeError: it runs already.
            OSError: the port is taken.
        """
        if self._runner is not None:
            raise RuntimeError("the server runs already")
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._longpolling.start()
        self._runner = runner
        self._port = int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Close as a real server does: 1012 to a connection with a channel joined, else 1000; returns when all is gone.

        Polls that wait are answered at once, as at the end of their window: a real server would wait for that.
        What stalls or swallows does so no more afterwards; upgrades that are to be refused still are.
        """
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for site in list(runner.sites):
            await site.stop()
        if not self._faults.flowing.is_set():
            self.drop_connections()
        self.resume()
        self.deliver_frames()
        for websocket in list(self._open):
            websocket.connection.shutdown()
        self._longpolling.shutdown()
        if self._requests:
            await asyncio.wait(self._requests, timeout=_GRACE_SECONDS)
        self.drop_connections()
        for request in list(self._requests):
            request.cancel()
        if self._requests:
            await asyncio.wait(self._requests)
        await self._longpolling.abandon()
        await runner.cleanup()

    # Misbehaving.

    def drop_connections(self) -> None:
        """Cut all TCP connections without a close frame, as a dead network does; sessions of long polling live on."""
        for transport in list(self._requests.values()):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()

    def close_connections(self, code: int, reason: str = "") -> None:
        """Close all WebSocket connections with this code and reason, and go on accepting new ones."""
        for websocket in list(self._open):
            websocket.close(code, reason)

    def stall(self) -> None:
        """Go on accepting TCP connections, but answer nothing and read nothing, on open connections too."""
        self._faults.flowing.clear()
        for websocket in list(self._open):
            websocket.pause_reading()

    def resume(self) -> None:
        """Undo ``stall``: what was held up is read and answered now."""
        self._faults.flowing.set()
        for websocket in list(self._open):
            websocket.resume_reading()

    def swallow_frames(self) -> None:
        """Read and act on what clients send, but let no message out; a close still gets through."""
        self._faults.swallowing = True

    def deliver_frames(self) -> None:
        """Undo ``swallow_frames``; what was swallowed is lost."""
        self._faults.swallowing = False

    def refuse_upgrades(self, status: int, *, times: int | None = None, headers: dict[str, str] | None = None) -> None:
        """Refuse to open WebSockets; those that are open stay, and long polling is no upgrade.

        Arguments:
            status: the HTTP status.
            times: how many to refuse, ``None`` for all until ``accept_upgrades``.
            headers: headers of the answer, for example ``{"Retry-After": "2"}``.
        """
        self._faults.refuse(Refusal(status, headers or {}), times)

    def accept_upgrades(self) -> None:
        """Undo ``refuse_upgrades``."""
        self._faults.refuse(None, None)

    # Answering.

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        for each in (task, request.task):  # aiohttp's: of the request, and of its connection
            tasks.hold(each)
        self._requests[task] = request.transport
        try:
            await self._faults.flowing.wait()
            return await self._answer(request)
        except Exception:
            if task.get_loop().is_running():
                raise
            raise asyncio.CancelledError from None  # its loop is gone: nothing can be tidied up, and it is no fault
        finally:
            del self._requests[task]

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        place, _, transport = path.rpartition("/")
        mount = self.endpoint.mount_at(place)
        if mount is not None and transport == "websocket" and mount.websocket:
            return await self._answer_upgrade(request, mount)
        if mount is not None and transport == "longpoll" and mount.longpoll is not None:
            return await self._longpolling.answer(request, mount, mount.longpoll)
        return await self._answer_page(request, path)

    async def _answer_upgrade(self, request: web.BaseRequest, mount: Mount) -> web.StreamResponse:
        refusal = self._faults.take_refusal()
        if refusal is not None:
            return web.Response(status=refusal.status, headers=refusal.headers)
        answer = await upgrade(request, self.endpoint, mount, self._faults)
        if not isinstance(answer, OpenWebSocket):
            return answer
        self._open[answer] = None
        try:
            await answer.run()
        finally:
            del self._open[answer]
        return answer.response

    async def _answer_page(self, request: web.BaseRequest, path: str) -> web.Response:
        page = self.endpoint.page_at(path) if request.method == "GET" else None
        if page is None:
            return web.Response(status=HTTPStatus.NOT_FOUND, text="not found")
        segments = tuple(unquote(segment) for segment in path.strip("/").split("/"))
        return web.Response(text=await page(segments, parse_query(request.raw_path.partition("?")[2])))

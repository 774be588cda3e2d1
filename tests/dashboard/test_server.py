"""A server of pages: who may talk to it, and how it ends."""

from __future__ import annotations

import re
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import panel
import pytest
from reactivex import Subject

from rxphoenix.dashboard import PageServer, message_log

pytestmark = pytest.mark.may_leave("timers", reason="Panel has one for some seconds after a page was closed")


class Source(Subject[Any]):
    """A stream, and a page that shows it."""

    def page(self) -> Any:
        return message_log(self)

    @property
    def is_watched(self) -> bool:
        return bool(self.observers)


@asynccontextmanager
async def connected(server: PageServer, origin: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A page as a browser opens it, by somebody who reads nothing."""
    async with aiohttp.ClientSession() as session:
        async with session.get(server.url) as response:
            token = re.search(r'"token":"([^"]+)"', await response.text())
        assert token is not None
        async with session.ws_connect(
            server.url + "/ws", protocols=("bokeh", token[1]), origin=origin, autoclose=False, autoping=False
        ) as websocket:
            yield websocket


async def test_it_serves_a_page_and_ends() -> None:
    source = Source()
    server = PageServer(source.page, port=0, title="tea & toast")
    await server.stop()  # it has not begun
    async with server, aiohttp.ClientSession() as session, session.get(server.url) as response:
        assert response.status == 200
        page = await response.text()
        assert "<title>tea &amp; toast</title>" in page
        assert re.findall(r'(?:src|href)="(https?:[^"]*)"', page) == []
        assert source.is_watched
    assert not source.is_watched
    await server.stop()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(server.url)


async def test_it_begins_again_at_the_same_address() -> None:
    server = PageServer(Source().page, port=0)
    async with server:
        url = server.url
    async with server, aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200


async def test_a_port_that_is_taken_is_an_error() -> None:
    with sockets.create_server(("127.0.0.1", 0)) as taken:
        server = PageServer(Source().page, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await server.start()
        await server.stop()


async def test_a_page_of_somebody_else_may_not_talk_to_it() -> None:
    async with PageServer(Source().page, port=0) as server:
        async with connected(server, server.url) as websocket:
            assert websocket.protocol == "bokeh"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(server, "http://example.com"):
                pass
    assert refused.value.status == 403


async def test_a_browser_that_does_not_answer_is_hung_up_on() -> None:
    source = Source()
    server = PageServer(source.page, port=0)
    await server.start()
    async with connected(server, server.url):
        await server.stop()
        assert not source.is_watched


async def test_whatever_panel_shows_is_a_page() -> None:
    server = PageServer(lambda: panel.template.Template("{% extends base %}"), port=0)
    async with server, aiohttp.ClientSession() as session, session.get(server.url) as response:
        assert "color-scheme" not in await response.text()

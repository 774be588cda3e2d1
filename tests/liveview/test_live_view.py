"""A LiveView of pyview-web: the same client, and a server that was written by others from the same protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest
from reactivex import Observable
from reactivex import operators as ops

from rxphoenix import Channel, ConnectionLost, PushInterrupted, Socket
from tests.liveview.server import counter_server
from tests.usage import live_view
from tests.usage.live_view import Page, click


@pytest.fixture
async def url() -> AsyncGenerator[str]:
    """The page of a counter."""
    async with counter_server() as url:
        yield url


async def page_of(url: str) -> Page:
    """What a browser has read."""
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return Page(url, await response.text())


def socket_of(page: Page, **options: Any) -> Socket:
    """The socket of a page."""
    return Socket(urljoin(page.url, "/live"), params={"_csrf_token": page.csrf_token}, **options)


def view_of(page: Page, socket: Socket) -> Channel:
    """The channel of a page."""
    return socket.channel(f"lv:{page.id}", page.join_params)


async def begun(observable: Observable[Any]) -> asyncio.Task[Any]:
    """Subscribe now, to be awaited later."""

    async def wait() -> Any:
        return await observable

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    return task


async def test_the_program_joins_a_view_and_gets_what_its_clicks_change(url: str) -> None:
    assert await live_view.main(url) == ["rendered 0", "changed {'0': '2'}", "changed {'0': '5'}"]


async def test_what_a_view_changes_by_itself_comes_as_an_event(url: str) -> None:
    page = await page_of(url)
    async with socket_of(page) as socket:
        view = view_of(page, socket)
        changed: list[Any] = []
        async with view.hold():
            subscription = view.on("diff").subscribe(changed.append)
            first = await begun(view.on("diff").pipe(ops.first()))
            await click(view, "add_later")
            await first
            subscription.dispose()
        assert changed == [{"0": "1"}]


async def test_heartbeats_are_answered_and_so_is_leaving(url: str) -> None:
    page = await page_of(url)
    async with socket_of(page, heartbeat_interval=0.05) as socket:
        view = view_of(page, socket)
        with socket.connect(), view.subscribe():
            assert len(await socket.latency.pipe(ops.take(2), ops.to_list())) == 2
            await view.leave()
            assert view.state.value == "closed"
            assert await socket.ping() > 0
            async with view.hold() as reply:
                assert reply["rendered"]["0"] == "0"


async def test_a_view_is_joined_again_when_its_server_was_killed_and_started_again() -> None:
    async with counter_server() as url:
        page = await page_of(url)
        socket = socket_of(page)
        view = view_of(page, socket)
        lease = view.hold()
        await view.joined.pipe(ops.first())
        assert await click(view, "add", amount=2) == {"0": "2"}
        port = urlsplit(url).port
        lost = await begun(socket.errors.pipe(ops.first()))
    assert isinstance((await lost).error, ConnectionLost)
    assert view.state.value == "errored"
    held = view.push("event", {"type": "click", "event": "add", "value": {"amount": 5}}, timeout=60)
    async with counter_server(port or 0) as again, socket:
        assert again == url
        response = await held
        assert response["diff"] == {"0": "5"}
        joined = await view.joined.pipe(ops.first())
        assert (joined.rejoin, joined.reply["rendered"]["0"]) == (True, "0")
        assert isinstance(joined.gap.error if joined.gap else None, ConnectionLost)
        lease.dispose()


async def test_a_push_under_way_when_the_server_is_killed_is_interrupted() -> None:
    async with counter_server() as url:
        page = await page_of(url)
        socket = socket_of(page)
        view = view_of(page, socket)
        lease = view.hold()
        await view.joined.pipe(ops.first())
        unanswered = await begun(view.push("nothing that a view answers"))
    with pytest.raises(PushInterrupted):
        await unanswered
    async with socket:
        lease.dispose()


async def test_a_server_that_closes_instead_of_answering_a_join_is_asked_at_growing_intervals(url: str) -> None:
    page = await page_of(url)
    page.csrf_token = "not one of the server's"
    async with socket_of(page) as socket:
        faults = await begun(socket.errors.pipe(ops.take(3), ops.to_list()))
        with view_of(page, socket).subscribe():
            lost = [fault.error for fault in await faults]
    assert [(type(error), getattr(error, "attempt", None)) for error in lost] == [
        (ConnectionLost, 1),
        (ConnectionLost, 2),
        (ConnectionLost, 3),
    ]

"""The dashboard as a process: it begins, tells where it is, and ends; what is on its page is in tests/dashboard."""

from __future__ import annotations

import asyncio
import signal
import socket as sockets

import aiohttp
import pytest

from rxphoenix.cli import FAILED, MISUSED, NOT_CONNECTED, main
from rxphoenix.cli.live.dashboard import show_dashboard
from rxphoenix.cli.live.session import TransportName, make_socket
from tests.cli.conftest import Start
from tests.cli.live.conftest import House
from tests.cli.live.test_commands import PLAIN, URL


async def page_at(line: str) -> str:
    """The page whose address was printed."""
    url = next(word for word in line.split() if word.startswith("http:"))
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()


async def test_it_serves_the_page_of_a_socket_until_it_is_told_to_end(house: House, start: Start):
    command = await start("dashboard", house.url, "room:a", "--join-param", "last_id:=7", "--port", "0")
    line = await command.line("until Ctrl-C")
    assert line.startswith(f"The dashboard of {house.url} is at http://localhost:")
    assert house.joins == []
    assert "<title>rxphoenix room:a</title>" in await page_at(line)
    await house.next_join()
    assert house.joins == [("room:a", {"last_id": 7})]
    assert await command.interrupt(signal.SIGINT) == (0, "")


async def test_without_a_url_it_shows_a_server_of_its_own(start: Start):
    command = await start("dashboard", "--port", "0")
    assert "<title>rxphoenix room:lobby sensor:kitchen</title>" in await page_at(await command.line("until Ctrl-C"))
    assert await command.interrupt(signal.SIGTERM) == (0, "")


async def test_what_goes_wrong_is_told_in_a_line(house: House, start: Start):
    with sockets.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        busy, plain = await asyncio.gather(
            start("dashboard", house.url, "room:a", "--port", port),
            start("dashboard", URL, "room:a", python=("-c", PLAIN.format(package="panel"))),
        )
        endings = [await command.end() for command in (busy, plain)]
    assert [status for status, _ in endings] == [FAILED, MISUSED]
    assert [notes.count("\n") for _, notes in endings] == [1, 1]
    assert f"port {port} on 127.0.0.1 is taken; choose another one with --port" in endings[0][1]
    assert "install it: pip install 'rxphoenix[dashboard]'" in endings[1][1]


def test_a_server_that_is_not_there_is_told_in_a_line(capsys: pytest.CaptureFixture[str]):
    assert main(["dashboard", URL, "room:a", "--port", "0"]) == NOT_CONNECTED
    assert f"rxphoenix: cannot connect to {URL}" in capsys.readouterr().err


@pytest.mark.may_leave("timers", reason="Panel has one for some seconds after a page was closed")
async def test_it_opens_the_page_and_leaves_nothing_behind(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr("webbrowser.open", opened.set_result)
    before = signal.getsignal(signal.SIGINT)
    socket = make_socket(house.url, {}, None, TransportName.websocket)
    shown = asyncio.ensure_future(show_dashboard(socket, ["room:a", "room:a"], None, 0, True))
    url = await opened
    assert url in capsys.readouterr().out
    assert "rxphoenix" in await page_at(url)
    shown.cancel()
    with pytest.raises(asyncio.CancelledError):
        await shown
    assert house.joins == [("room:a", {})]
    assert signal.getsignal(signal.SIGINT) is before

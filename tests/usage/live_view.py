"""A Phoenix LiveView without a browser: get its page, join its channel, click, and see what changes."""

# pyright: strict

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import aiohttp

from rxphoenix import Channel, Socket


class Page(HTMLParser):
    """What the page of a LiveView says to the script that comes with it."""

    def __init__(self, url: str, html: str) -> None:
        super().__init__()
        self.url = url
        self.csrf_token = self.id = self.session = self.static = ""
        self.mounts = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if given.get("name") == "csrf-token":
            self.csrf_token = given["content"]
        if "data-phx-main" in given:
            self.id, self.session, self.static = given["id"], given["data-phx-session"], given["data-phx-static"]

    def join_params(self) -> dict[str, Any]:
        """What a join says; the server wants to know how often that was."""
        params = {"_csrf_token": self.csrf_token, "_mounts": self.mounts}
        self.mounts += 1
        return {"url": self.url, "params": params, "session": self.session, "static": self.static}


async def click(view: Channel, event: str, **value: Any) -> Any:
    """Do what a click on an element with ``phx-click`` does; returns what has changed."""
    response = await view.push("event", {"type": "click", "event": event, "value": value})
    return response["diff"]


async def main(url: str) -> list[str]:
    # the session of the browser is in the cookies, so the socket has to send them too
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as response:
            page = Page(url, await response.text())
        connect_params = {"_csrf_token": page.csrf_token}
        async with Socket(urljoin(url, "/live"), params=connect_params, session=http) as socket:
            view = socket.channel(f"lv:{page.id}", page.join_params)
            async with view.hold() as reply:
                seen = [f"rendered {reply['rendered']['0']}"]
                for amount in (2, 3):
                    seen.append(f"changed {await click(view, 'add', amount=amount)}")
    return seen

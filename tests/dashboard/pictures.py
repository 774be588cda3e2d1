"""Takes the pictures of the dashboard that the guide shows: ``python -m tests.dashboard.pictures``.

Look at them before you commit them.
"""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, expect

from rxphoenix import Socket
from rxphoenix.dashboard import PageServer, dashboard
from rxphoenix.server import PhoenixServer
from rxphoenix.server.applications.demo import demo_application
from tests.dashboard.browser import browsers, pages
from tests.house.architecture import ROOT

PICTURES = ROOT / "docs" / "pictures"
SIZES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1200, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1200, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}
SECONDS = 24


async def act(page: Page) -> None:
    """Disconnect and reconnect, push, and open a message."""
    log, form, buttons = (page.locator(f".card.{kind}") for kind in ("message_log", "push_form", "connection_buttons"))
    await page.wait_for_timeout(1000 * SECONDS / 3)
    await buttons.get_by_role("button", name="Disconnect").click()
    await page.wait_for_timeout(4000)
    await buttons.get_by_role("button", name="Reconnect").click()
    await page.wait_for_timeout(1000 * SECONDS / 2)
    await form.get_by_role("button", name="Push").click()
    await expect(form.locator(".reply .badge")).to_have_text("ok")
    await log.get_by_role("button", name="Pause").click()
    await log.locator(".row", has_text="new_msg").nth(1).click()
    await expect(log.locator(".json")).to_be_visible()


async def take(browser: Browser, url: str, name: str, settings: dict[str, Any]) -> None:
    """Take one picture, from the top to the end of the page."""
    async with pages(browser, url, **settings) as page:
        await act(page)
        await page.evaluate("window.scrollTo(0, 0)")
        taken = Image.open(io.BytesIO(await page.screenshot(full_page=True)))
    path = PICTURES / f"dashboard-{name}.webp"
    await asyncio.to_thread(save, taken, path)
    print(path.relative_to(ROOT), f"{path.stat().st_size / 1000:.0f} kB")  # noqa: T201


def save(picture: Image.Image, path: Path) -> None:
    """Write a small file."""
    PICTURES.mkdir(exist_ok=True)
    picture.convert("RGB").save(path, lossless=True, quality=100, method=6)


async def main() -> None:
    """Take all of them."""
    async with PhoenixServer(demo_application()) as phoenix, browsers() as browser:
        for name, settings in SIZES.items():
            async with Socket(f"{phoenix.url}/socket", params={"user": "you"}) as socket:
                socket.connect()
                topics = ("room:lobby", "sensor:kitchen", "room:secret")
                channels = [socket.channel(topic) for topic in topics]
                async with PageServer(lambda: dashboard(socket, *channels), port=0) as server:  # noqa: B023
                    await take(browser, server.url, name, settings)


if __name__ == "__main__":
    asyncio.run(main())

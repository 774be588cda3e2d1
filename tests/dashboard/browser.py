"""A real browser: the machine's own Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

__all__ = ["browsers", "pages"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",  # root has none, and CI is root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE = 60_000
"""Milliseconds after which what hangs fails; nothing is timed by it."""


@asynccontextmanager
async def browsers() -> AsyncIterator[Browser]:
    """A browser that runs; whoever has none skips the test."""
    found = next(filter(None, (shutil.which(name) for name in NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium on this machine; on Debian: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=list(QUIET))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def pages(
    browser: Browser, url: str, *, before: Callable[[Page], Awaitable[object]] | None = None, **settings: Any
) -> AsyncIterator[Page]:
    """A page at an address, in a browser of its own as far as it knows.

    It has asked nobody but this machine for anything, and nothing has gone wrong in it.

    Arguments:
        browser: the browser.
        url: the address.
        before: what is done to the page before it goes there.
        settings: those of Playwright's ``new_context``.
    """
    context = await browser.new_context(**settings)
    elsewhere, wrong = list[str](), list[str]()
    context.on("request", lambda request: elsewhere.append(request.url) if not _is_here(request.url) else None)
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    try:
        page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        if before is not None:
            await before(page)
        await page.goto(url)
        yield page
    finally:
        await context.close()
    assert not elsewhere, f"asked elsewhere: {elsewhere}"
    assert not wrong, f"went wrong: {wrong}"


def _is_here(url: str) -> bool:
    return url.startswith(("file:", "http://localhost:", "http://127.0.0.1:", "ws://localhost:", "blob:", "data:"))

"""Headless Chromium, and what holds on every page: no request to another host, no error on the console."""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright, expect

PHONE: Final[Mapping[str, Any]] = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
DESKTOP: Final[Mapping[str, Any]] = {"viewport": {"width": 1200, "height": 900}}
_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_PATIENCE: Final = 20_000.0
"""Milliseconds within which a page has what a test waits for, on a busy machine."""
expect.set_options(timeout=_PATIENCE)
_RULES: Final = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*_ARGUMENTS])
        try:
            yield browser
        finally:
            await browser.close()


class Visitor:
    """A person with a browser. What no page may do is noted, and fails the test at the end."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.wrongs: list[str] = []

    async def open(self, url: str) -> Page:
        """A new tab."""
        page = await self.context.new_page()
        page.set_default_timeout(_PATIENCE)
        host = urlsplit(url).netloc

        def asked(request: Request) -> None:
            if urlsplit(request.url).netloc != host and not request.url.startswith(("data:", "blob:")):
                self.wrongs.append(f"{page.url} asks {request.url}")

        page.on("request", asked)
        page.on("pageerror", lambda error: self.wrongs.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda said: self.wrongs.append(f"{page.url}: {said.text}") if said.type in ("error", "warning") else None,
        )
        await page.goto(url)
        return page


@contextlib.asynccontextmanager
async def visitor(browser: Browser, **facts: Any) -> AsyncIterator[Visitor]:
    """`facts`: of the browser's context, such as its size; DESKTOP without any."""
    context = await browser.new_context(**(facts or DESKTOP))
    one = Visitor(context)
    try:
        yield one
    finally:
        await context.close()
    assert one.wrongs == []


async def violations(page: Page) -> list[str]:
    """What axe finds against accessibility on the page as it is."""
    found = (await Axe().run(page, options=_RULES)).response["violations"]
    return [f"{page.url}: {one['id']}: {one['help']}: {[node['html'][:150] for node in one['nodes']]}" for one in found]


async def fits(page: Page) -> bool:
    """Whether nothing is wider than the screen."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


async def seen_at_once(page: Page, text: str) -> bool:
    """Whether a text stands on the screen without scrolling."""
    box = await page.get_by_text(text).first.bounding_box()
    size = page.viewport_size
    return box is not None and size is not None and 0 <= box["y"] <= size["height"] - box["height"]

"""A real browser; whoever asks for one is skipped where there is none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Chromium without a window: that of the system, or the one that Playwright installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright (the dependency group dev)")
    with playwright.sync_playwright() as driver:
        path = next((found for name in NAMES if (found := shutil.which(name))), driver.chromium.executable_path)
        if not Path(path).exists():
            pytest.skip("needs Chromium: apt-get install chromium, or: playwright install --with-deps chromium")
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Looking:
    """A page that is looked at, and what went wrong on it: errors of the console, requests to other hosts."""

    page: "Page"
    trouble: list[str] = field(default_factory=list)
    actions: int = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.actions += 1

    def click(self, selector: str, place: int = 0, **how: Any) -> None:
        self.page.locator(selector).nth(place).click(**how)
        self.actions += 1

    def text(self, selector: str) -> str:
        return self.page.locator(selector).first.inner_text()


@contextmanager
def looking(browser: "Browser", address: str, **how: Any) -> Iterator[Looking]:
    """A window of a browser that was let in by an address."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **how})
    look = Looking(context.new_page())
    look.page.set_default_timeout(30_000)
    host = urlsplit(address).netloc
    look.page.on("console", lambda told: look.trouble.append(told.text) if told.type in ("error", "warning") else None)
    look.page.on("pageerror", lambda error: look.trouble.append(str(error)))
    look.page.on("request", lambda sent: look.trouble.append(sent.url) if urlsplit(sent.url).netloc != host else None)
    look.page.goto(address)
    try:
        yield look
    finally:
        context.close()

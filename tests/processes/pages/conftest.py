"""A real browser for the tests of the pages."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from processes.jobs.model import LogEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from processes.jobs.protocol import JobStore

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 60_000
"""Longest that a test waits for something to show, milliseconds: the machine may be busy."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give Debian's Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        yield started
        started.close()


class Watched:
    """A page of the browser, and all that went wrong or away from it.

    Parameters
    ----------
    page
        The page.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        page.on("console", self._heard)

    def foreign(self, base: str) -> list[str]:
        """Return the requests that left an origin."""
        return [url for url in self.requests if not url.startswith((f"{base}/", "data:"))]

    def _heard(self, message: object) -> None:
        # A refused request is an error to the console, but what was refused is the page's matter.
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind == "error" and "status of 4" not in text:
            self.complaints.append(text)


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """Give an empty page of a browser without any history."""
    context = browser.new_context(viewport={"width": 1180, "height": 900}, locale="en-GB")
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    yield Watched(context.new_page())
    context.close()


@pytest.fixture
def page(watched: Watched) -> Iterator[Page]:
    """Give an empty page; afterwards, nothing on it may have complained."""
    yield watched.page
    assert watched.complaints == []


@pytest.fixture(scope="session")
def log() -> Callable[..., None]:
    """Give the means to write lines into the log of a job."""

    def write(store: JobStore, job_id: str, *texts: str, level: str = "INFO") -> None:
        entries = [LogEntry(time=datetime.now(UTC), level=level, text=text) for text in texts]
        store.log(job_id, "run", 1, entries)

    return write

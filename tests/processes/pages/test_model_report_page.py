"""A model's report in a real browser, with the policy that it is served with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx
    from playwright.sync_api import Page


@pytest.mark.parametrize("width", [1180, 360])
def test_a_report_is_whole_on_a_screen_and_on_a_phone(
    client: httpx.Client, watched: Any, page: Page, model_id: str, width: int
) -> None:
    """Nothing is refused by its policy, nothing is loaded, and nothing goes sideways."""
    page.set_viewport_size({"width": width, "height": 800})
    base = str(client.base_url).rstrip("/")
    page.goto(f"{base}/models/{model_id}/report?f=html")
    assert watched.foreign(base) == []
    assert [url for url in watched.requests if not url.startswith("data:")] == [page.url]
    inner = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert inner <= 0
    figures = page.locator("svg.figure")
    assert figures.count() >= 5
    for figure in figures.all():
        box = figure.bounding_box()
        assert box is not None
        assert box["width"] > 200
    # Were inline styles refused, the page would have its browser's own font.
    assert "system-ui" in page.evaluate("getComputedStyle(document.body).fontFamily")


def test_a_report_prints(client: httpx.Client, page: Page, model_id: str) -> None:
    """On paper it takes some pages, not one that is endless."""
    page.goto(f"{str(client.base_url).rstrip('/')}/models/{model_id}/report?f=html")
    paper = page.pdf(prefer_css_page_size=True)
    assert 2 <= paper.count(b"/Type /Page\n") <= 8

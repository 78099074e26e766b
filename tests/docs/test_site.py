"""The documentation: built without a warning, its tutorial executed, asking no other host."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Request

    from engine.world import World

pytest.importorskip("mkdocs", reason="MkDocs is of the group docs: make install")

ROOT = Path(__file__).parents[2]
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}
"""What a browser loads by itself: elements, and the attribute with the address."""
_LINKS = frozenset({"stylesheet", "icon", "preload", "preconnect", "prefetch", "manifest"})
_ELSEWHERE = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)
_STYLE = re.compile(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//")


class Loads(HTMLParser):
    """Gathers what a page loads from other hosts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        told = dict(attrs)
        address = told.get(LOADED.get(tag, ""))
        if tag == "link" and _LINKS & set((told.get("rel") or "").split()):
            address = told.get("href")
        if address and _ELSEWHERE.match(address):
            self.found.append(address)


@pytest.fixture(scope="module")
def site(tiny_world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it, with the tutorial in a folder where its world is there already."""
    folder = tmp_path_factory.mktemp("documentation")
    shutil.copytree(tiny_world.root, folder / "tutorial" / "data", copy_function=os.link)
    environment = os.environ | {
        "VADOSE_TUTORIAL": str(folder / "tutorial"),
        "PYTHONPATH": str(ROOT),
        "NO_MKDOCS_2_WARNING": "1",
    }
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder / "site"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder / "site"


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    """No script, style, picture or font, in any page and any style."""
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 300
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        assert loads.found == [], page.name
    for style in site.rglob("*.css"):
        assert not _STYLE.search(style.read_text(encoding="utf-8")), style.name


def test_a_browser_asks_nobody_else(site: Path) -> None:
    """Pages are opened from the disk, with their scripts."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    asked: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            asked.append(request.url)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", note)
        for name in ("index", "user/tutorial", "operator/settings", "reference/engine.months"):
            page.goto((site / f"{name}.html").as_uri())
            assert page.locator("h1").first.is_visible()
        browser.close()
    assert asked == []


def test_the_tutorial_shows_what_it_computed(site: Path) -> None:
    """Numbers, a picture, and every layer's score."""
    text = (site / "user" / "tutorial.html").read_text(encoding="utf-8")
    assert (site / "user" / "tutorial-1.png").stat().st_size > 10_000
    for told in ("soil_moisture_conserving", "RMSE", "90 % interval", "spatial-block"):
        assert told in text


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("operator/settings", "VADOSE_MOST_CELLS"),
        ("user/requests", "min_months"),
        ("user/maps", "outside_applicability"),
        ("scientist/predictors", "ndwi_gao"),
        ("user/recipes", "pystac_client"),
        ("operator/data", "SPL4SMGP"),
        ("reference/engine.months", "engine.months.Month"),
    ],
)
def test_pages_hold_what_they_are_made_of(site: Path, page: str, told: str) -> None:
    """Tables come from the code, other pages from where they lie, the reference from docstrings."""
    text = (site / f"{page}.html").read_text(encoding="utf-8")
    assert told in text
    assert "<!-- table" not in text
    assert "--8&lt;--" not in text

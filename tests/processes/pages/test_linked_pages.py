"""Every page that our pages link, in a real browser: nothing refused, nothing from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

import pytest
from playwright.sync_api import expect

from engine.grids import lonlat
from processes.settings import Settings
from stac.cube import refresh_cubes
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import AREA, MAY, toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx
    from playwright.sync_api import Page

CUBE = "/collections/soil-moisture-toy-synthetic"
RECORDS = "/collections/records/items"
LON, LAT = (values[20, 25] for values in lonlat(AREA))
POSITION = f"{CUBE}/position?coords=POINT({LON:.4f} {LAT:.4f})&f=html"
_APART = ("/browser/",)
"""An application of its own, with a test of its own."""


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., Any]
) -> Iterator[httpx.Client]:
    """Give a client of a service with a map, its cube and its records."""
    folder: Path = tmp_path_factory.mktemp("linked")
    settings = Settings.load(data=folder, most_cells=20_000)
    catalog = LocalCatalog(settings.catalog_folder)
    publish_month(catalog, toy_series(), MAY, toy_dataset(), toy_provenance())
    refresh_cubes(catalog, toy_series().official_collection)
    with serve(settings, run_jobs=False) as found:
        yield found


def linked(client: httpx.Client, page: Page) -> Iterator[str]:
    """Visit every page of the service that can be reached; give the address of each."""
    base = str(client.base_url).rstrip("/")
    ahead, seen = [f"{base}{path}" for path in ("/?f=html", POSITION)], set[str]()
    while ahead:
        address = ahead.pop()
        if address in seen:
            continue
        seen.add(address)
        if not _is_page(client, base, address):
            continue
        page.goto(address)
        page.wait_for_load_state()
        yield address.removeprefix(base)
        hrefs = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
        ahead += [urldefrag(href).url for href in hrefs]


def _is_page(client: httpx.Client, base: str, address: str) -> bool:
    """Whether a browser would show an address as a page of ours; it must be there at all."""
    path = address.removeprefix(base)
    # A Zarr is a folder, which is for programs that know the names in it.
    if not address.startswith(f"{base}/") or path.startswith(_APART) or ".zarr" in path:
        return False
    reply = client.get(address, headers={"Accept": "text/html,*/*;q=0.5"}, follow_redirects=True)
    # A query that says no more than its format is told what it needs.
    bare = not urlsplit(address).query.replace("f=", "", 1).count("=")
    assert reply.status_code == 200 or (reply.status_code, bare) == (400, True), address
    return reply.status_code == 200 and reply.headers["Content-Type"].startswith("text/html")


def test_every_page_that_is_linked_is_whole(client: httpx.Client, watched: Any) -> None:
    """No request fails, none leaves, and the browser refuses nothing that a page wants."""
    failed: list[str] = []
    watched.page.on("requestfailed", lambda request: failed.append(request.url))
    visited = list(linked(client, watched.page))
    wanted = {"/?f=html", "/stac/api.html", f"{RECORDS}/soil-moisture-1km-monthly", POSITION}
    assert wanted <= {path.replace("%20", " ") for path in visited}
    assert failed == []
    assert watched.foreign(str(client.base_url).rstrip("/")) == []
    assert watched.complaints == []


def test_records_are_searched_by_words(client: httpx.Client, page: Page) -> None:
    """Somebody who types a word gets the records that have it, and from there to one of them."""
    base = str(client.base_url).rstrip("/")
    page.goto(f"{base}{RECORDS}?f=html")
    page.get_by_label("Words").fill("nothing like this")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("0 found")).to_be_visible()
    page.get_by_label("Words").fill("SMAP")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("1 found")).to_be_visible()
    page.get_by_role("link", name="soil moisture").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("soil moisture")


def test_the_months_of_a_place_are_a_table(client: httpx.Client, page: Page) -> None:
    """With the value of the cell, under the name of its layer."""
    page.goto(f"{str(client.base_url).rstrip('/')}{POSITION}")
    rows = page.get_by_role("row").filter(has_text=str(MAY))
    value = toy_dataset()["soil_moisture"].to_numpy()[20, 25]
    expect(rows).to_contain_text(f"{value:.6f}")

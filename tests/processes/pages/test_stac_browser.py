"""STAC Browser in a real browser: what a person sees of the catalogue, and what is asked for it."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from processes.settings import Settings
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import MAY, toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx
    from playwright.sync_api import Locator, Page, Response


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., Any]
) -> Iterator[httpx.Client]:
    """Give a client of a service with one map and the built STAC Browser."""
    settings = Settings.load(data=tmp_path_factory.mktemp("browsed"))
    if not (settings.browser / "index.html").is_file():
        pytest.skip("STAC Browser is not built (make browser)")
    catalog = LocalCatalog(settings.catalog_folder)
    publish_month(catalog, toy_series(), MAY, toy_dataset(), toy_provenance())
    with serve(settings, run_jobs=False) as found:
        yield found


@pytest.fixture
def refused(page: Page) -> Iterator[list[str]]:
    """Give what was asked for in vain; afterwards it must be nothing."""
    found: list[str] = []

    def look(response: Response) -> None:
        if response.status >= 400:
            found.append(f"{response.status} {response.url}")

    page.on("response", look)
    page.on("requestfailed", lambda request: found.append(request.url))
    yield found
    assert found == []


def base_of(client: httpx.Client) -> str:
    return str(client.base_url).rstrip("/")


def loaded(picture: Locator) -> None:
    """Wait until a picture shows."""
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("complete", value=True)
    assert picture.evaluate("picture => picture.naturalWidth") > 0


def colours(page: Page) -> int:
    """Count the colours in the middle of the map, which is plain without a COG."""
    picture = Image.open(io.BytesIO(page.locator(".map").first.screenshot())).convert("RGB")
    width, height = picture.size
    middle = picture.crop((width * 2 // 5, height * 2 // 5, width * 3 // 5, height * 3 // 5))
    return len(middle.getcolors(middle.width * middle.height) or ())


def drawn(page: Page) -> None:
    """Wait until the map shows a COG."""
    for _ in range(120):
        if colours(page) > 50:
            return
        page.wait_for_timeout(500)
    pytest.fail("no COG was drawn on the map")


@pytest.mark.usefixtures("refused")
def test_a_map_is_found_and_shown(client: httpx.Client, watched: Any, page: Page) -> None:
    """From the catalogue over the collection to the item: its picture, its COGs on the map.

    No request fails, and none goes to another host.
    """
    base = base_of(client)
    page.goto(f"{base}/browser")
    expect(page).to_have_url(re.compile(rf"^{base}/browser/#/"))
    page.get_by_role("link", name="Surface soil moisture, 1 km, monthly (synthetic)").click()
    expect(page.get_by_role("heading", name="Items")).to_be_visible()
    loaded(page.locator(".items img").first)
    with page.expect_response(re.compile(r"_overview_v1\.tif$")) as cog:
        page.get_by_role("link", name=re.compile("Toyland, May 2020")).first.click()
    assert cog.value.status == 206
    assert "bytes" in cog.value.request.headers["range"]
    drawn(page)
    page.get_by_role("button", name=re.compile("Soil moisture, analysis")).click()
    with page.expect_response(re.compile(r"_soil_moisture_v1\.tif$")) as cog:
        page.get_by_role("button", name="Show on map").first.click()
    assert cog.value.status == 206
    drawn(page)
    page.get_by_role("tab", name="Thumbnails").click()
    loaded(page.locator(".previews img.thumbnail"))
    assert [url for url in watched.foreign(base) if not url.startswith("blob:")] == []


@pytest.mark.usefixtures("refused")
def test_maps_are_searched(client: httpx.Client, page: Page) -> None:
    """By the STAC API that lies behind it."""
    page.goto(f"{base_of(client)}/browser/#/search")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("link", name=re.compile("Toyland, May 2020")).first).to_be_visible()


def test_it_may_load_nothing_of_other_hosts(client: httpx.Client) -> None:
    """Its page says so; its files may be kept, its settings name this very service."""
    page = client.get("/browser/")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "http" not in policy
    assert page.headers["Cache-Control"] == "no-cache"
    (script,) = re.findall(r'src="(js/app[^"]+)"', page.text)
    assert "immutable" in client.get(f"/browser/{script}").headers["Cache-Control"]
    settings = client.get("/browser/config.js")
    assert settings.headers["Content-Type"].startswith("text/javascript")
    assert f'"{base_of(client)}/stac/"' in settings.text
    assert client.get("/browser/js/nothing.js").status_code == 404


def test_what_is_not_built_says_so(tmp_path: Path, serve: Callable[..., Any]) -> None:
    """A service without it tells how to get it, as a page or as a problem."""
    settings = Settings.load(data=tmp_path, browser=tmp_path / "nowhere")
    with serve(settings, run_jobs=False) as client:
        for address in ("/browser/", "/browser/config.js"):
            reply = client.get(address)
            assert reply.status_code == 404
            assert "`make browser` builds it" in reply.json()["detail"]
        page = client.get("/browser/", headers={"Accept": "text/html"})
        assert "make browser" in page.text

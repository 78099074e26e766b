"""A catalogue in a bucket, served as one in a folder is: ranges, tags, media types, no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
import rasterio

from processes.catalog_objects import _span
from processes.settings import Settings
from stac.publish import publish_month
from stac.s3_store import open_catalog
from stac.testing import MAY, toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SOIL = "soil-moisture-1km-monthly"
ITEM = toy_series().item_id(MAY)
MAP = f"/catalog/{SOIL}/{ITEM}/{ITEM}_soil_moisture_v1.tif"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"


@pytest.fixture
def settings(bucket: str, tmp_path: Path) -> Settings:
    """Give the settings of a service whose catalogue is in a bucket, with one map."""
    settings = Settings.load(data=tmp_path, catalog=f"s3://{bucket}/some/where")
    catalog = open_catalog(settings.catalog_place)
    publish_month(catalog, toy_series(), MAY, toy_dataset(), toy_provenance())
    catalog.write(f"{SOIL}/report.html", b"<p>report")
    catalog.write(f"{SOIL}/.hidden.json", b"{}")
    return settings


@pytest.fixture
def content(settings: Settings) -> bytes:
    """Give the bytes of the map."""
    found = open_catalog(settings.catalog_place).read(MAP.removeprefix("/catalog/"))
    assert found is not None
    return found


@pytest.fixture
def client(settings: Settings, serve_apart: Callable[..., Any]) -> Iterator[httpx.Client]:
    """Give a client of this service; apart, for GDAL lets no other thread run while it waits."""
    with (
        serve_apart(settings) as address,
        httpx.Client(base_url=address, trust_env=False, timeout=60) as found,
    ):
        yield found


def test_a_bucket_is_served_like_a_folder(client: httpx.Client, content: bytes) -> None:
    """Whole files, single ranges, heads and tags; what is hidden or not there is not found."""
    whole = client.get(MAP)
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["Content-Type"] == COG
    assert "immutable" in whole.headers["Cache-Control"]
    head = client.head(MAP)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges", "Cache-Control"):
        assert head.headers[name] == whole.headers[name]
    unchanged = client.get(MAP, headers={"If-None-Match": whole.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")

    for header, expected in {
        "bytes=100-199": content[100:200],
        "bytes=-50": content[-50:],
        f"bytes={len(content) - 5}-": content[-5:],
        "bytes=0-99999999": content,
    }.items():
        part = client.get(MAP, headers={"Range": header})
        assert (part.status_code, part.content) == (206, expected)
        assert part.headers["Content-Range"].endswith(f"/{len(content)}")
    beyond = client.get(MAP, headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416
    several = client.get(MAP, headers={"Range": "bytes=0-9,20-29"})
    assert (several.status_code, several.content) == (200, content)
    tail = client.head(MAP, headers={"Range": "bytes=-50"})
    assert (tail.status_code, tail.headers["Content-Length"]) == (206, "50")

    mixed = client.get(MAP, headers={"Range": "bytes=0-9", "If-Range": '"outdated"'})
    assert (mixed.status_code, mixed.content) == (200, content)

    root = client.get("/catalog/", follow_redirects=True)
    assert root.headers["Content-Type"] == "application/json"
    assert root.json()["type"] == "Catalog"
    item = client.get(f"/catalog/{SOIL}/{ITEM}/{ITEM}.json")
    assert item.headers["Content-Type"] == "application/geo+json"
    assert "max-age=60" in item.headers["Cache-Control"]
    report = client.get(f"/catalog/{SOIL}/report.html")
    assert report.headers["Content-Security-Policy"].startswith("default-src 'none'")

    for address in (
        f"/catalog/{SOIL}/.hidden.json",
        f"/catalog/{SOIL}/{ITEM}/nothing.tif",
        f"/catalog/{SOIL}",
        "/catalog/../secret",
        "/catalog/%2e%2e/secret",
    ):
        assert client.get(address).status_code == 404
    refused = client.post(MAP)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")


def test_gdal_and_searches_read_the_bucket_through_the_service(client: httpx.Client) -> None:
    """A search finds the map, and its address gives right values."""
    (found,) = client.get("/stac/search").json()["features"]
    address = found["assets"]["soil_moisture"]["href"]
    assert address == f"{str(client.base_url).rstrip('/')}{MAP}"
    with rasterio.open(f"/vsicurl/{address}") as raster:
        values = raster.read(1, masked=True).filled(np.nan)
    np.testing.assert_array_equal(values, toy_dataset()["soil_moisture"].to_numpy())


@pytest.mark.parametrize("header", [None, "", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b"])
def test_what_is_no_range_means_the_whole_file(header: str | None) -> None:
    """As the standard of HTTP wants."""
    assert _span(header, 1000) is None

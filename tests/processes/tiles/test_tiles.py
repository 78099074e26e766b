"""Maps as tiles: the fixed colours where the values are, of our own files alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import morecantile
import numpy as np
import pytest
from rasterio.io import MemoryFile
from starlette.testclient import TestClient

from engine.colours import palette
from engine.grids import lonlat
from processes.settings import Settings
from processes.tiles.api import create_tiles
from stac.publish import publish_month
from stac.s3_store import S3Catalog
from stac.store import LocalCatalog
from stac.testing import AREA, MAY, toy_dataset, toy_provenance, toy_series
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx
    from numpy.typing import NDArray

COLLECTION = "soil-moisture-1km-monthly"
ITEM = "soil-moisture-toy-synthetic-2020-05"
LAYER = f"/tiles/collections/{COLLECTION}/items/{ITEM}/soil_moisture"
MERCATOR = morecantile.tms.get("WebMercatorQuad")


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., Any]
) -> Iterator[httpx.Client]:
    """Give a client of a service that has one map."""
    settings = Settings.load(data=tmp_path_factory.mktemp("tiled"))
    catalog = LocalCatalog(settings.catalog_folder)
    made = toy_provenance(tiles_href="https://maps.example.org/tiles")
    publish_month(catalog, toy_series(), MAY, toy_dataset(), made)
    assert validate_catalog(catalog) == []
    with serve(settings, run_jobs=False) as found:
        yield found


def picture(reply: httpx.Response) -> NDArray[np.uint8]:
    """Return the bands ``(band, y, x)`` of a picture."""
    assert reply.status_code == 200, reply.text
    with MemoryFile(reply.content) as file, file.open() as opened:
        return np.asarray(opened.read())


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize("zoom", [9, 12])
def test_a_tile_has_the_fixed_colours(client: httpx.Client, zoom: int) -> None:
    """At the pixel of a cell's centre, its colour in the palette; gaps are transparent."""
    lon, lat = lonlat(AREA)
    values = toy_dataset()["soil_moisture"].to_numpy()
    checked = 0
    for row, column in ((20, 25), (12, 5), (25, 33), (5, 15)):
        tile = MERCATOR.tile(lon[row, column], lat[row, column], zoom)
        reply = client.get(f"{LAYER}/tiles/WebMercatorQuad/{zoom}/{tile.x}/{tile.y}.png")
        shown = picture(reply)
        west, south, east, north = MERCATOR.xy_bounds(tile)
        x, y = MERCATOR.xy(lon[row, column], lat[row, column])
        pixel = shown[
            :, int((north - y) / (north - south) * 256), int((x - west) / (east - west) * 256)
        ]
        expected = palette("soil_moisture").rgba(values[row, column])
        if np.isnan(values[row, column]):
            assert pixel[3] == 0
        elif zoom == 12:
            np.testing.assert_array_equal(pixel, expected)
            checked += 1
        else:
            assert pixel[3] == 255
    assert checked in (0, 3)


def test_tiles_are_described(client: httpx.Client) -> None:
    """Tile sets and TileJSON lead to each other, and to tiles, at the service's address."""
    listed = client.get(f"{LAYER}/tiles").json()["tilesets"]
    assert len(listed) == 2
    base = f"http://127.0.0.1:{client.base_url.port}"
    for one in listed:
        links = {link["rel"].rpartition("/")[2]: link["href"] for link in one["links"]}
        near = [href for rel, href in links.items() if rel != "tiling-scheme"]
        assert all(href.startswith(f"{base}{LAYER}") for href in near)
        assert client.get(links["self"]).status_code == 200
        scheme = links["tiling-scheme"]
        assert client.get(scheme).json()["id"] in ("WebMercatorQuad", "WorldCRS84Quad")
    told = client.get(f"{LAYER}/WebMercatorQuad/tilejson.json").json()
    lon, lat = lonlat(AREA)
    west, south, east, north = told["bounds"]
    assert west < lon.min() < lon.max() < east
    assert south < lat.min() < lat.max() < north
    tile = MERCATOR.tile(float(lon.mean()), float(lat.mean()), told["maxzoom"])
    template = told["tiles"][0]
    address = (
        template.replace("{z}", str(tile.z)).replace("{x}", str(tile.x)).replace("{y}", str(tile.y))
    )
    reply = client.get(address)
    assert reply.headers["Content-Type"] in ("image/png", "image/jpeg")
    assert "max-age" in reply.headers["Cache-Control"]


def test_items_link_their_tiles(client: httpx.Client) -> None:
    """Every layer that has colours, in the catalogue and in searches; bits have none."""
    path = f"/collections/{COLLECTION}/items/{ITEM}"
    own = client.get(f"/catalog/{COLLECTION}/{ITEM}/{ITEM}.json").json()
    for item in (own, client.get(f"/stac{path}").json()):
        links = [link for link in item["links"] if link["rel"] == "tilejson"]
        assert all(link["title"].endswith(" as tiles") for link in links)
        addresses = [link["href"].replace("https://maps.example.org", "") for link in links]
        assert {address.split("/")[6] for address in addresses} == set(
            item["properties"]["renders"]
        )
        for address in addresses:
            assert client.get(address).json()["tilejson"]


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_a_map_of_a_box(client: httpx.Client) -> None:
    """As OGC API - Maps: a picture of the size that is asked for."""
    lon, lat = lonlat(AREA)
    box = f"{lon.min()},{lat.min()},{lon.max()},{lat.max()}"
    query = {"bbox": box, "width": "200", "height": "100", "f": "png"}
    assert picture(client.get(f"{LAYER}/map", params=query)).shape == (4, 100, 200)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{LAYER}/tiles/WebMercatorQuad/9/0/0.png", 404),
        (f"{LAYER}/tiles/NoSuchSet/9/0/0.png", 400),
        (f"{LAYER}/tiles/WebMercatorQuad/9/0/zero.png", 400),
        (f"{LAYER}/tiles/WebMercatorQuad/9/0/0.exe", 400),
        (f"{LAYER}/tiles/WebMercatorQuad/9/418/203.png?tilesize=100000", 400),
        (f"{LAYER}/map?width=100000", 400),
        (f"{LAYER}/map?bbox=1,2,3", 400),
        (f"{LAYER}/map?crs=nonsense", 400),
        (f"{LAYER}/tiles/WebMercatorQuad?maxzoom=1000000000", 400),
        (LAYER.replace("soil_moisture", "quality") + "/tiles", 404),
        (LAYER.replace("soil_moisture", "thumbnail") + "/tiles", 404),
        (LAYER.replace(ITEM, "..") + "/tiles", 404),
        (LAYER.replace(ITEM, "nothing") + "/tiles", 404),
        (LAYER.replace(COLLECTION, "%2e%2e") + "/tiles", 404),
        (LAYER.replace(COLLECTION, ".staging") + "/tiles", 404),
        (f"{LAYER}/info", 404),
        (f"{LAYER}/statistics", 404),
        ("/tiles/info?url=file:///etc/passwd", 404),
        ("/tiles/", 404),
    ],
)
def test_nothing_else_is_drawn(client: httpx.Client, path: str, status: int) -> None:
    """Neither what is no layer of a published map, nor what would take all memory."""
    reply = client.get(path)
    assert (reply.status_code, reply.headers["Content-Type"]) == (
        status,
        "application/problem+json",
    )
    assert reply.json()["detail"]


def test_no_parameter_leads_elsewhere(client: httpx.Client) -> None:
    """An address, an expression or colours in the request change nothing."""
    lon, lat = lonlat(AREA)
    tile = MERCATOR.tile(float(lon.mean()), float(lat.mean()), 9)
    address = f"{LAYER}/tiles/WebMercatorQuad/9/{tile.x}/{tile.y}.png"
    plain = client.get(address).content
    asked = {"url": "http://127.0.0.1:1/", "src_path": "/etc/passwd", "expression": "b1*0"}
    more = {"rescale": "0,100", "colormap_name": "viridis", "bidx": "7", "nodata": "0"}
    assert client.get(address, params=asked | more).content == plain


def test_a_bucket_is_drawn_like_a_folder(bucket: str, tmp_path: Path) -> None:
    """The same picture, pixel by pixel; a file that is gone is told of."""
    lon, lat = lonlat(AREA)
    tile = MERCATOR.tile(float(lon.mean()), float(lat.mean()), 9)
    path = f"{LAYER.removeprefix('/tiles')}/tiles/WebMercatorQuad/9/{tile.x}/{tile.y}.png"
    pictures = []
    for catalog in (LocalCatalog(tmp_path), S3Catalog(bucket, "some/where")):
        publish_month(catalog, toy_series(), MAY, toy_dataset(), toy_provenance())
        with TestClient(create_tiles(catalog)) as client:
            pictures.append(client.get(path).content)
            catalog.remove(f"{COLLECTION}/{ITEM}/{ITEM}_soil_moisture_v1.tif")
            lost = client.get(path)
            assert (lost.status_code, "not there" in lost.text) == (404, True)
    assert pictures[0] == pictures[1]


def test_links_carry_the_public_address(tmp_path: Path, serve: Callable[..., Any]) -> None:
    """Behind a proxy, clients know the service by another name and path."""
    settings = Settings.load(data=tmp_path, url="https://maps.example.org/vadose")
    catalog = LocalCatalog(settings.catalog_folder)
    publish_month(catalog, toy_series(), MAY, toy_dataset(), toy_provenance())
    with serve(settings, run_jobs=False) as client:
        told = client.get(f"{LAYER}/WebMercatorQuad/tilejson.json").json()
        assert told["tiles"][0].startswith(f"https://maps.example.org/vadose{LAYER}/tiles/")
        (first, _) = client.get(f"{LAYER}/tiles").json()["tilesets"]
        assert all(link["href"].startswith("https://maps.example.org/") for link in first["links"])

"""Programs that people use, as they are, on the catalogue as it is served."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import numpy as np
import odc.stac
import pystac_client
import pytest
import rasterio
from rasterio.windows import Window

from stac.testing import AREA, MAY, toy_dataset, toy_series

if TYPE_CHECKING:
    from pathlib import Path

COLLECTION = "soil-moisture-1km-monthly"


@pytest.fixture
def opened(address: str) -> pystac_client.Client:
    """Open the API with pystac-client."""
    return pystac_client.Client.open(f"{address}/stac")


def test_pystac_client_searches_and_pages(opened: pystac_client.Client) -> None:
    """Box, time, filter and pages of one; every item comes once, and its links resolve."""
    assert [one.id for one in opened.get_collections()] == [COLLECTION]
    search = opened.search(
        collections=[COLLECTION],
        bbox=[113, 34, 113.1, 34.1],
        datetime="2020-05/2020-06",
        limit=1,
        sortby="datetime",
    )
    assert search.matched() == 2
    assert [page.items[0].datetime.month for page in search.pages() if page.items[0].datetime] == [
        5,
        6,
    ]
    item = next(search.items())
    assert item.get_collection().id == COLLECTION  # type: ignore[union-attr]
    filtered = opened.search(filter=f"id = '{item.id}'", filter_lang="cql2-text")
    assert [one.id for one in filtered.items()] == [item.id]


@pytest.mark.filterwarnings("ignore::pystac_client.warnings.PystacClientWarning")
def test_pystac_client_walks_the_files(address: str) -> None:
    """The static catalogue leads to the same items."""
    root = pystac_client.Client.from_file(f"{address}/catalog/catalog.json")
    assert len(list(root.get_items(recursive=True))) == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning:odc")
@pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform")
def test_odc_stac_loads_an_area_of_three_months(opened: pystac_client.Client) -> None:
    """Values, grid, missing cells and times are those that were published."""
    items = list(opened.search(collections=[COLLECTION], sortby="datetime").items())
    cube = odc.stac.load(items, bands=["soil_moisture"], geobox=AREA)
    assert cube.sizes["time"] == 3
    values = cube["soil_moisture"].where(cube["soil_moisture"] != cube["soil_moisture"].nodata)
    for number in range(3):
        expected = toy_dataset(shift=0.02 * number)["soil_moisture"].to_numpy()
        np.testing.assert_array_equal(values[number].to_numpy(), expected)
    assert str(cube.time.to_numpy()[0])[:7] == "2020-05"
    window = odc.stac.load(items, bands=["soil_moisture"], bbox=(113.05, 34.05, 113.15, 34.15))
    assert window.sizes["y"] < AREA.shape.y


def test_gdal_reads_a_small_window_by_few_bytes(address: str) -> None:
    """By ``/vsicurl/`` and ranges: right values, and less than a tenth of a large file."""
    item = httpx.get(
        f"{address}/stac/collections/{COLLECTION}/items/{toy_series().item_id(MAY)}"
    ).json()
    href = item["assets"]["soil_moisture"]["href"]
    with rasterio.open(f"/vsicurl/{href}") as remote:
        values = remote.read(1, window=Window(0, 0, 5, 5), masked=True).filled(np.nan)
    np.testing.assert_array_equal(values, toy_dataset()["soil_moisture"].to_numpy()[:5, :5])


def test_gdal_opens_what_a_search_finds(address: str, tmp_path: Path) -> None:
    """STACIT reads the item collection, in a file or at its address."""
    found = httpx.get(f"{address}/stac/search", params={"ids": toy_series().item_id(MAY)}).json()
    file = tmp_path / "items.json"
    file.write_text(json.dumps(found))
    with rasterio.open(f'STACIT:"{file}":asset=soil_moisture') as mosaic:
        assert mosaic.crs.to_epsg() == 6933
        values = mosaic.read(1, masked=True).filled(np.nan)
    np.testing.assert_allclose(values, toy_dataset()["soil_moisture"].to_numpy())

"""The months of a collection as Zarr: whole, true to the files, and kept up."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from engine.cog import NO_BITS, read_cog
from engine.grids import lonlat
from stac.cube import cube_folders, refresh_cubes, sweep_cubes
from stac.cube_reading import open_cube
from stac.errors import DamagedCatalogError
from stac.mirror import refresh_mirror
from stac.publish import publish_month
from stac.read import collection_document, item_documents
from stac.rebuild import rebuild_catalog, remove_item
from stac.store import LocalCatalog
from stac.testing import AREA, MAY, toy_dataset, toy_provenance, toy_series
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from pathlib import Path

    from stac.s3_store import S3Catalog
    from stac.store import CatalogStore

OFFICIAL = "soil-moisture-1km-monthly"
REGION = "toy-synthetic"


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalog:
    """Give an empty catalogue."""
    return LocalCatalog(tmp_path / "catalog", "https://example.org/catalog")


def publish(catalog: CatalogStore, number: int, shift: float | None = None) -> str:
    moved = toy_dataset(shift=0.01 * number if shift is None else shift)
    item = publish_month(catalog, toy_series(), MAY.shift(number), moved, toy_provenance())
    return str(item.id)


def folder_of(catalog: CatalogStore) -> str:
    collection = collection_document(catalog, OFFICIAL)
    assert collection is not None
    return cube_folders(collection)[REGION]


def opened(catalog: LocalCatalog) -> xr.Dataset:
    cube: xr.Dataset = xr.open_zarr(catalog.root / OFFICIAL / folder_of(catalog), chunks=None)
    return cube


def check_whole(catalog: LocalCatalog) -> list[str]:
    """Compare every layer of every month with its published file; return the months."""
    cube = opened(catalog)
    months = [str(time)[:7] for time in cube.time.values]
    items = {
        str(item["properties"]["start_datetime"])[:7]: item
        for item in item_documents(catalog, collection_document(catalog, OFFICIAL))
    }
    for month in months:
        for name in cube.data_vars:
            asset = items[month]["assets"][name]
            path = catalog.root / OFFICIAL / items[month]["id"] / asset["href"]
            published = read_cog(path)
            found = cube[name].sel(time=month).squeeze()
            expected = published.to_numpy()
            if found.dtype == np.uint16:
                expected = np.where(np.isfinite(expected), expected, NO_BITS).astype(np.uint16)
            np.testing.assert_array_equal(found.to_numpy(), expected)
            np.testing.assert_allclose(cube.x, published.x, atol=1e-3)
            np.testing.assert_allclose(cube.y, published.y, atol=1e-3)
            assert found.attrs["units"] == asset["bands"][0]["unit"]
    return months


def test_a_cube_holds_what_the_files_hold(catalog: LocalCatalog) -> None:
    """Months in order of time, whatever the order of publishing; twice changes nothing."""
    for number in (3, 0, 1):
        publish(catalog, number)
    (folder,) = refresh_cubes(catalog, OFFICIAL)
    assert check_whole(catalog) == [str(MAY.shift(number)) for number in (0, 1, 3)]
    assert validate_catalog(catalog) == []
    before = (catalog.root / OFFICIAL / "collection.json").read_bytes()
    assert refresh_cubes(catalog, OFFICIAL) == (folder,)
    assert (catalog.root / OFFICIAL / "collection.json").read_bytes() == before
    cube = opened(catalog)
    lon, lat = lonlat(AREA)
    np.testing.assert_allclose(cube.longitude, lon[0], atol=1e-9)
    np.testing.assert_allclose(cube.latitude, lat[:, 0], atol=1e-9)
    assert cube.attrs["vadose:synthetic"] == "true"
    bits = cube.quality.attrs
    meanings = bits["flag_meanings"].split()
    frozen = meanings.index("frozen:frozen")
    assert bits["flag_masks"][frozen] == bits["flag_values"][frozen] == 1 << 5
    cube.load().to_netcdf(catalog.root / "copy.nc", engine="h5netcdf")


def test_a_new_month_leaves_the_others_alone(catalog: LocalCatalog) -> None:
    """Their files are the same ones, under a second name; the folder before stays for readers."""
    publish(catalog, 0)
    refresh_cubes(catalog, OFFICIAL)
    old = folder_of(catalog)
    reader = opened(catalog)
    publish(catalog, -1)
    refresh_cubes(catalog, OFFICIAL)
    assert check_whole(catalog) == [str(MAY.shift(-1)), str(MAY)]
    root = catalog.root / OFFICIAL
    shards = [root / old / "lower/c/0/0/0", root / folder_of(catalog) / "lower/c/1/0/0"]
    assert shards[0].samefile(shards[1])
    assert np.isfinite(reader.soil_moisture.to_numpy()).any()
    publish(catalog, 1)
    refresh_cubes(catalog, OFFICIAL)
    assert not (root / old).exists()


def test_a_replaced_month_is_never_half_there(catalog: LocalCatalog) -> None:
    """Who opened the cube before sees the old month in every layer, who opens it now the new."""
    publish(catalog, 0)
    refresh_cubes(catalog, OFFICIAL)
    earlier = opened(catalog)
    publish(catalog, 0, shift=0.2)
    refresh_cubes(catalog, OFFICIAL)
    later = opened(catalog)
    for name in ("soil_moisture", "lower", "upper"):
        difference = later[name].to_numpy() - earlier[name].to_numpy()
        np.testing.assert_allclose(difference[np.isfinite(difference)], 0.2, atol=1e-5)
    assert check_whole(catalog) == [str(MAY)]


def test_a_removed_month_goes_and_so_does_the_last_cube(catalog: LocalCatalog) -> None:
    """Nothing is left of a collection that went."""
    names = [publish(catalog, number) for number in (0, 1)]
    refresh_cubes(catalog, OFFICIAL)
    remove_item(catalog, OFFICIAL, names[0])
    refresh_cubes(catalog, OFFICIAL)
    assert check_whole(catalog) == [str(MAY.shift(1))]
    remove_item(catalog, OFFICIAL, names[1])
    assert refresh_cubes(catalog, OFFICIAL) == ()
    assert not any((catalog.root / OFFICIAL).glob("cube-*"))


def test_a_rebuilt_catalogue_keeps_its_cube_and_loses_litter(catalog: LocalCatalog) -> None:
    """A lost shard is found by validation; a new folder mends what was lost."""
    publish(catalog, 0)
    refresh_cubes(catalog, OFFICIAL)
    rebuild_catalog(catalog)
    assert check_whole(catalog) == [str(MAY)]
    litter = catalog.root / OFFICIAL / f"cube-{REGION}_dead.zarr"
    litter.mkdir()
    (litter / "zarr.json").write_text("{}")
    sweep_cubes(catalog, OFFICIAL)
    assert not litter.exists()
    (catalog.root / OFFICIAL / folder_of(catalog) / "lower/c/0/0/0").unlink()
    (problem,) = validate_catalog(catalog)
    assert "no file lower/c/0/0/0" in str(problem)


def test_a_lost_file_is_named(catalog: LocalCatalog) -> None:
    """The cube of before stays."""
    publish(catalog, 0)
    refresh_cubes(catalog, OFFICIAL)
    old = folder_of(catalog)
    name = publish(catalog, 1)
    folder = catalog.root / OFFICIAL / name
    (lost,) = folder.glob("*_upper_v1.tif")
    lost.unlink()
    with pytest.raises(DamagedCatalogError, match=lost.name):
        refresh_cubes(catalog, OFFICIAL)
    assert folder_of(catalog) == old


def test_a_folder_that_others_remove_is_written_once_more(catalog: LocalCatalog) -> None:
    """Nobody is led to a cube that lacks a file."""
    publish(catalog, 0)
    fences = []

    def fence() -> None:
        fences.append(0)
        if len(fences) == 1:
            (folder,) = (catalog.root / OFFICIAL).glob("cube-*")
            (folder / "time/c/0").unlink()

    refresh_cubes(catalog, OFFICIAL, fence)
    assert len(fences) == 2
    assert check_whole(catalog) == [str(MAY)]


class Killed(BaseException):
    """Stands for the end of a process."""


class Dying(LocalCatalog):
    """A catalogue whose publisher ends before its n-th change of the cube."""

    left = 0

    def _count(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1

    def place(self, staged: Path, key: str) -> bool:
        """Place, or end."""
        self._count()
        return super().place(staged, key)

    def copy(self, source: str, key: str) -> None:
        """Copy, or end."""
        self._count()
        super().copy(source, key)

    def write(self, key: str, content: bytes) -> None:
        """Write, or end."""
        self._count()
        super().write(key, content)


def test_a_publisher_that_is_killed_leaves_the_cube_of_before(catalog: LocalCatalog) -> None:
    """At whatever change it ends, readers see one whole cube; the next publisher completes it."""
    publish(catalog, 0)
    refresh_cubes(catalog, OFFICIAL)
    publish(catalog, 1)
    old = folder_of(catalog)
    dying = Dying(catalog.root, catalog.url)
    for changes in range(0, 200, 7):
        dying.left = changes
        try:
            refresh_cubes(dying, OFFICIAL)
        except Killed:
            assert folder_of(catalog) == old
            if changes % 14 == 0:
                assert check_whole(catalog) == [str(MAY)]
            continue
        break
    assert changes > 20
    assert check_whole(catalog) == [str(MAY), str(MAY.shift(1))]
    assert validate_catalog(catalog) == []


def test_many_at_once_lose_nothing(catalog: LocalCatalog) -> None:
    """Whoever publishes last, the cube has every month in the end."""
    ready = threading.Barrier(4)

    def work(number: int) -> None:
        ready.wait()
        publish(catalog, number)
        refresh_cubes(catalog, OFFICIAL)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert check_whole(catalog) == [str(MAY.shift(number)) for number in range(4)]


def test_other_assets_stay(catalog: LocalCatalog) -> None:
    """Table and cube do not take each other's place; records know both; twice changes nothing."""
    publish(catalog, 0)
    refresh_cubes(catalog, OFFICIAL)
    refresh_mirror(catalog, OFFICIAL)
    publish(catalog, 1)
    refresh_cubes(catalog, OFFICIAL)
    assert folder_of(catalog) in (catalog.root / OFFICIAL / "dcat.jsonld").read_text()
    assert validate_catalog(catalog) == []
    collection = collection_document(catalog, OFFICIAL)
    assert collection is not None
    assert {"items", f"cube-{REGION}"} <= set(collection["assets"])
    refresh_mirror(catalog, OFFICIAL)
    before = catalog.look(f"{OFFICIAL}/collection.json")
    refresh_cubes(catalog, OFFICIAL)
    refresh_mirror(catalog, OFFICIAL)
    assert catalog.look(f"{OFFICIAL}/collection.json") == before


def test_a_bucket_has_cubes_too(s3_catalog: S3Catalog) -> None:
    """Copied by the bucket itself, read by Zarr from there."""
    publish(s3_catalog, 0)
    refresh_cubes(s3_catalog, OFFICIAL)
    first = folder_of(s3_catalog)
    publish(s3_catalog, 1)
    refresh_cubes(s3_catalog, OFFICIAL)
    publish(s3_catalog, 2)
    refresh_cubes(s3_catalog, OFFICIAL)
    assert not any(s3_catalog.entries(f"{OFFICIAL}/{first}"))
    with open_cube(s3_catalog, f"{OFFICIAL}/{folder_of(s3_catalog)}") as cube:
        for number in range(3):
            expected = toy_dataset(shift=0.01 * number)["soil_moisture"].to_numpy()
            np.testing.assert_array_equal(cube.soil_moisture[number].to_numpy(), expected)
    assert validate_catalog(s3_catalog) == []

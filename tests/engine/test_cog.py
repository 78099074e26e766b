"""Cloud-optimised GeoTIFFs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import rioxarray
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rio_cogeo.cogeo import cog_validate

from engine.cog import NODATA, Statistics, geobox_of, read_cog, write_cog
from engine.errors import GranuleError, GridMismatchError
from engine.grids import BBox, coarse_window, fine_of

if TYPE_CHECKING:
    from pathlib import Path

    from odc.geo.geobox import GeoBox

HENAN = fine_of(coarse_window(BBox(110.35, 31.38, 116.65, 36.37)))
TINY = HENAN[:54, :63]


def sample(geobox: GeoBox, seed: int = 1) -> np.ndarray:
    """Return plausible soil moisture with gaps."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.05, 0.45, geobox.shape).astype(np.float32)
    values[rng.random(geobox.shape) < 0.1] = np.nan
    return values


def write(path: Path, values: np.ndarray, geobox: GeoBox = TINY, **tags: str) -> Path:
    return write_cog(
        path,
        values,
        geobox=geobox,
        name="soil_moisture",
        units="m3 m-3",
        long_name="Monthly mean soil moisture",
        tags=tags,
    )


def test_gdal_reads_values_units_and_tags_as_they_were_given(tmp_path: Path) -> None:
    """A plain GDAL reader finds the numbers, the band's name and unit, and the provenance."""
    values = sample(TINY)
    path = write(tmp_path / "map.tif", values, month="2020-05", synthetic="made of a world")
    with rasterio.open(path) as raster:
        found = raster.read(1)
        assert raster.dtypes == ("float32",)
        assert raster.nodata == NODATA
        assert raster.descriptions == ("soil_moisture",)
        assert raster.units == ("m3 m-3",)
        assert raster.crs.to_epsg() == 6933
        assert raster.transform == TINY.affine
        assert raster.tags()["AREA_OR_POINT"] == "Area"
        assert raster.tags()["month"] == "2020-05"
        assert raster.tags()["synthetic"] == "made of a world"
        assert raster.tags(1)["long_name"] == "Monthly mean soil moisture"
        assert raster.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "3"
        assert raster.tags(ns="IMAGE_STRUCTURE")["COMPRESSION"] == "DEFLATE"
    np.testing.assert_array_equal(found, np.where(np.isnan(values), np.float32(NODATA), values))


def test_rioxarray_sees_the_same_map(tmp_path: Path) -> None:
    """A second reader agrees with ours on values, gaps, coordinates and grid."""
    path = write(tmp_path / "map.tif", sample(TINY))
    ours = read_cog(path)
    with rioxarray.open_rasterio(path, masked=True) as opened:
        theirs = opened.squeeze("band", drop=True).load()
    np.testing.assert_array_equal(ours.values, theirs.values)
    np.testing.assert_allclose(ours.x, theirs.x)
    np.testing.assert_allclose(ours.y, theirs.y)
    assert ours.attrs["units"] == theirs.attrs["units"]
    assert geobox_of(theirs) == TINY


@pytest.mark.parametrize(
    ("shape", "block", "overviews"),
    [
        ((54, 63), 128, []),
        ((162, 162), 128, [2]),
        ((531, 621), 128, [2, 4, 8]),
        ((20, 1100), 512, [2, 4]),
    ],
)
def test_small_maps_have_overviews_too(
    tmp_path: Path, shape: tuple[int, int], block: int, overviews: list[int]
) -> None:
    """A map that is larger than a tile has overviews down to one tile, and is strictly valid."""
    geobox = HENAN.expand(shape)
    path = write(tmp_path / "map.tif", sample(geobox), geobox)
    with rasterio.open(path) as raster:
        assert raster.block_shapes == [(block, block)]
        assert raster.overviews(1) == overviews
    assert cog_validate(path, strict=True, quiet=True) == (True, [], [])


@pytest.mark.parametrize("shape", [(1, 1), (54, 63), (512, 512), (513, 40), (531, 621)])
def test_every_size_is_a_strictly_valid_cog(tmp_path: Path, shape: tuple[int, int]) -> None:
    """From one cell to several tiles, rio-cogeo has nothing to object."""
    geobox = HENAN[: shape[0], : shape[1]]
    path = write(tmp_path / "map.tif", sample(geobox), geobox)
    assert cog_validate(path, strict=True, quiet=True) == (True, [], [])


def test_overviews_average_the_valid_cells(tmp_path: Path) -> None:
    """A coarser level is the mean of its cells, and a gap does not pull it down."""
    geobox = HENAN[:530, :620]
    values = np.full(geobox.shape, 0.2, np.float32)
    values[::2] = 0.4
    values[::2, ::2] = np.nan
    path = write(tmp_path / "map.tif", values, geobox)
    with rasterio.open(path, overview_level=0) as raster:
        level = raster.read(1)
    np.testing.assert_allclose(level, (0.4 + 0.2 + 0.2) / 3, rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(
    values=arrays(np.float32, (7, 5), elements=st.floats(-9000, 9000, width=32) | st.just(np.nan))
)
def test_reading_back_gives_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray
) -> None:
    """Whatever the values, nothing is lost but their names for missing."""
    path = write(tmp_path_factory.mktemp("cog") / "map.tif", values, HENAN[:7, :5])
    found = read_cog(path)
    np.testing.assert_array_equal(found.values, values)
    assert found.dtype == np.float32
    assert geobox_of(found) == HENAN[:7, :5]


def test_infinite_values_are_missing(tmp_path: Path) -> None:
    """An infinity never reaches the disk."""
    values = np.array([[np.inf, -np.inf], [0.1, np.nan]], np.float32)
    found = read_cog(write(tmp_path / "map.tif", values, HENAN[:2, :2])).values
    assert np.isfinite(found).tolist() == [[False, False], [True, False]]


def test_a_dataarray_brings_its_own_grid(tmp_path: Path) -> None:
    """Without a geobox, the coordinates tell the grid."""
    first = read_cog(write(tmp_path / "one.tif", sample(TINY)))
    bare = first.drop_vars("spatial_ref")
    path = write_cog(
        tmp_path / "two.tif", bare, name="soil_moisture", units="m3 m-3", long_name="x"
    )
    assert geobox_of(read_cog(path)).boundingbox.bbox == pytest.approx(TINY.boundingbox.bbox)


def test_the_same_map_gives_the_same_bytes(tmp_path: Path) -> None:
    """A checksum tells whether a map is new."""
    values = sample(HENAN)
    one, two = (write(tmp_path / f"{k}.tif", values, HENAN, month="2020-05") for k in "ab")
    assert one.read_bytes() == two.read_bytes()


class _Breaking(Mapping[str, str]):
    """Tags that cannot be read."""

    def __getitem__(self, key: str) -> str:
        raise KeyError(key)

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        raise OSError("the disk is full")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """Neither half a file nor a temporary one stays behind."""
    path = write(tmp_path / "map.tif", sample(TINY))
    before = path.read_bytes()
    with pytest.raises(OSError, match="the disk is full"):
        write_cog(
            path,
            sample(TINY, 2),
            geobox=TINY,
            name="x",
            units="1",
            long_name="x",
            tags=_Breaking(),
        )
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_values_of_another_shape_are_refused(tmp_path: Path) -> None:
    """The grid and the array must be of one size."""
    with pytest.raises(GridMismatchError, match="soil_moisture"):
        write(tmp_path / "map.tif", sample(TINY)[1:])
    assert not list(tmp_path.iterdir())


def test_no_raster_is_named_in_the_error(tmp_path: Path) -> None:
    """A file of something else is refused by its name."""
    path = tmp_path / "map.tif"
    path.write_text("no raster")
    with pytest.raises(GranuleError, match=r"^map\.tif: not readable"):
        read_cog(path)


def test_uneven_coordinates_are_no_grid() -> None:
    """A row that was cut out of the middle does not go unseen."""
    y = [5.0, 4.0, 2.0]
    data = xr.DataArray(np.zeros((3, 2)), dims=("y", "x"), coords={"y": y, "x": [0.0, 1.0]})
    with pytest.raises(GridMismatchError, match="uneven"):
        geobox_of(data)


def test_a_grid_mapping_must_agree_with_the_coordinates(tmp_path: Path) -> None:
    """Cutting an array without its grid mapping is noticed."""
    data = read_cog(write(tmp_path / "map.tif", sample(TINY)))
    with pytest.raises(GridMismatchError, match="grid mapping"):
        geobox_of(data.isel(x=slice(3, None)))


def test_an_array_without_coordinates_has_no_grid() -> None:
    """The missing coordinate is named."""
    with pytest.raises(GridMismatchError, match="y and x"):
        geobox_of(xr.DataArray(np.zeros((3, 2)), dims=("y", "x")))


def test_statistics_are_those_that_gdal_writes(tmp_path: Path) -> None:
    """Ours and GDAL's own agree, to its digits."""
    values = sample(TINY)
    ours = Statistics.of(values)
    assert ours is not None
    with rasterio.open(write(tmp_path / "map.tif", values)) as raster:
        theirs = raster.tags(1)
    assert float(theirs["STATISTICS_MINIMUM"]) == pytest.approx(ours.minimum)
    assert float(theirs["STATISTICS_MAXIMUM"]) == pytest.approx(ours.maximum)
    assert float(theirs["STATISTICS_MEAN"]) == pytest.approx(ours.mean)
    assert float(theirs["STATISTICS_STDDEV"]) == pytest.approx(ours.stddev)
    assert float(theirs["STATISTICS_VALID_PERCENT"]) == pytest.approx(ours.valid_percent, abs=0.01)


def test_nothing_valid_has_no_statistics() -> None:
    """An empty map has no minimum."""
    assert Statistics.of(np.full((2, 2), np.nan)) is None

"""SoilGrids: Homolosine, g/kg, one file for each fraction."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import numpy as np
import pytest
import rasterio
from pyproj import Transformer

from engine.archive import Archive
from engine.errors import GranuleError
from engine.grids import BBox, coarse_window, fine_of, lonlat
from engine.products import decode, recognise
from engine.region import Region
from engine.regrid import area_weights
from engine.testing import shared_path, write_geotiff

if TYPE_CHECKING:
    from pathlib import Path

IGH = "+proj=igh +lat_0=0 +lon_0=0 +datum=WGS84 +units=m +no_defs"
ZHENGZHOU = fine_of(coarse_window(BBox(113.5, 34.6, 113.8, 34.9)))
CORNER = (10_857_750.0, 3_943_500.0)
CLAY = (150 + np.add.outer(np.arange(480), np.arange(720)) % 300).astype(np.int16)


def write(folder: Path, values=CLAY, name: str = "clay_0-5cm_mean.tif", **options) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"crs": IGH, "nodata": -32768} | options
    return write_geotiff(path, values, CORNER, 250, **profile)


def read(path: Path, area=ZHENGZHOU, spec=None):
    granule = recognise(path)
    assert granule is not None
    return decode(granule, area, spec=spec)


def declare(path: Path, units: str) -> Path:
    with rasterio.open(path, "r+") as file:
        file.units = (units,)
    return path


def region(**options) -> Region:
    return Region(name="here", title="Here", bbox=(101.6, -1.9, 102.2, -1.3), **options)


PERCENT = {"products": {"SoilGrids": {"units": "%"}}}


def test_grams_per_kilogram_become_percent(tmp_path):
    """250 g/kg are 25 %; holes, such as towns and lakes, are missing."""
    values = CLAY.copy()
    values[::7] = -32768
    field = read(write(tmp_path, values))["clay"]
    column, row = ~rasterio.transform.from_origin(*CORNER, 250, 250) @ (
        field.geobox.affine.c,
        field.geobox.affine.f,
    )
    top, left = round(row), round(column)
    height, width = field.values.shape
    stored = values[top : top + height, left : left + width]
    np.testing.assert_allclose(field.values[stored > 0], stored[stored > 0] / 10, rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(field.values), stored < 0)
    assert field.units == "%"


def test_the_sheared_grid_covers_the_area(tmp_path):
    """Every fine cell is made of Homolosine pixels at its own place."""
    lon_of = Transformer.from_crs(IGH, "EPSG:4326", always_xy=True)
    columns, rows = np.meshgrid(np.arange(720) + 0.5, np.arange(480) + 0.5)
    lon, _ = lon_of.transform(CORNER[0] + 250 * columns, CORNER[1] - 250 * rows)
    field = read(write(tmp_path, ((lon - 112) * 100 + 100).astype(np.int16)))["clay"]
    mean, valid = area_weights(field.geobox, ZHENGZHOU).apply(field.values)
    assert valid.min() == pytest.approx(1, abs=1e-3)
    expected, _ = lonlat(ZHENGZHOU)
    np.testing.assert_allclose(mean, (expected - 112) * 10 + 10, atol=0.1)


def test_a_file_holds_the_fraction_of_its_name(tmp_path):
    """Of three files each gives one variable, and nothing where another is asked for."""
    granule = recognise(write(tmp_path, name="sand_0-5cm_mean.tif"))
    assert granule is not None
    assert list(decode(granule, ZHENGZHOU)) == ["sand"]
    assert decode(granule, ZHENGZHOU, ["clay", "silt"]) == {}


def test_an_archive_keeps_the_three_apart(tmp_path):
    """Clay, sand and silt are not three versions of one observation."""
    for name in ("clay", "sand", "silt"):
        write(tmp_path, name=f"{name}/{name}_0-5cm_mean.tif")
    assert len(Archive(tmp_path).granules("SoilGrids")) == 3


class TestTiles:
    """The producer's folders: a list of files beside the folder of the files."""

    TILE = "clay_0-5cm_mean/tileSG-023-056/tileSG-023-056_1-2.tif"

    @pytest.fixture
    def vrt(self, tmp_path) -> Path:
        """Write a tile and the .vrt that lists it."""
        write(tmp_path, name=self.TILE)
        path = tmp_path / "clay_0-5cm_mean.vrt"
        path.write_text(
            f'<VRTDataset rasterXSize="720" rasterYSize="480"><SRS>{escape(IGH)}</SRS>'
            f"<GeoTransform>{CORNER[0]}, 250, 0, {CORNER[1]}, 0, -250</GeoTransform>"
            '<VRTRasterBand dataType="Int16" band="1"><NoDataValue>-32768</NoDataValue>'
            f'<SimpleSource><SourceFilename relativeToVRT="1">{self.TILE}</SourceFilename>'
            '<SourceBand>1</SourceBand><SrcRect xOff="0" yOff="0" xSize="720" ySize="480"/>'
            '<DstRect xOff="0" yOff="0" xSize="720" ySize="480"/>'
            "</SimpleSource></VRTRasterBand></VRTDataset>"
        )
        return path

    def test_both_hold_the_same(self, vrt):
        """The list and the tile give one field."""
        tile = read(vrt.parent / self.TILE)["clay"]
        np.testing.assert_array_equal(read(vrt)["clay"].values, tile.values)
        assert recognise(vrt.parent / self.TILE).tile == "tileSG-023-056_1-2"

    def test_files_go_before_the_list(self, vrt):
        """Where the folder lies beside its list, the pixels are read once."""
        names = [granule.path.name for granule in Archive(vrt.parent).granules("SoilGrids")]
        assert names == ["tileSG-023-056_1-2.tif"]

    def test_a_list_serves_where_its_folder_is_elsewhere(self, vrt, tmp_path):
        """A list alone is a granule."""
        folder = tmp_path / "archive"
        folder.mkdir()
        vrt.rename(folder / vrt.name)
        (granule,) = Archive(folder).granules("SoilGrids")
        assert granule.path.suffix == ".vrt"

    def test_a_listed_file_that_is_gone_is_an_error(self, vrt):
        """A list whose files were not downloaded names itself."""
        (vrt.parent / self.TILE).unlink()
        with pytest.raises(GranuleError, match=r"^clay_0-5cm_mean.vrt: "):
            read(vrt)


class TestUnits:
    """Percent instead of g/kg."""

    def test_percent_that_says_so_is_read_as_such(self, tmp_path):
        """A declared unit is believed."""
        path = declare(write(tmp_path, (CLAY / 10).astype(np.float32)), "%")
        assert np.nanmax(read(path)["clay"].values) < 45

    def test_percent_in_disguise_is_refused(self, tmp_path):
        """Declared percentages of 300 are none."""
        path = declare(write(tmp_path), "percent")
        with pytest.raises(GranuleError, match=r"clay holds \d+; expected 0 to 100 %"):
            read(path)

    def test_numbers_that_could_be_both_are_refused(self, tmp_path):
        """Without a unit, numbers up to 45 may be either; nobody divides them by ten in silence."""
        path = write(tmp_path, (CLAY / 10).astype(np.int16))
        message = r"clay declares no units, and 44, its greatest number, fits more"
        with pytest.raises(GranuleError, match=message):
            read(path)

    def test_the_region_decides(self, tmp_path):
        """What the region says of its archive settles it, in both directions."""
        path = write(tmp_path, (CLAY / 10).astype(np.int16))
        for units, most in (("%", 45), ("g kg-1", 4.5)):
            spec = region(products={"SoilGrids": {"units": units}}).spec("SoilGrids")
            assert np.nanmax(read(path, spec=spec)["clay"].values) <= most

    def test_the_region_is_not_believed_against_the_numbers(self, tmp_path):
        """300 is no percentage, whatever the region says."""
        with pytest.raises(GranuleError, match="expected 0 to 100 %"):
            read(write(tmp_path), spec=region(**PERCENT).spec("SoilGrids"))

    def test_more_than_everything_is_refused(self, tmp_path):
        """1200 g of clay in a kilogram of soil."""
        with pytest.raises(GranuleError, match=r"clay holds 1[0-3]\d\d; expected 0 to 100 %"):
            read(write(tmp_path, CLAY * 3))

    def test_other_units_are_refused(self, tmp_path):
        """Nobody guesses what a mole of clay is."""
        path = declare(write(tmp_path), "mol kg-1")
        with pytest.raises(GranuleError, match="clay has units 'mol kg-1'; expected g kg-1 or"):
            read(path)


@pytest.mark.parametrize(
    ("name", "least", "greatest", "count"),
    [
        ("clay", 27.630583, 63.07129, 460544),
        ("sand", 16.687424, 50.914494, 460544),
        ("silt", 9.7031155, 36.751682, 460544),
    ],
)
class TestRealFiles:
    """Bungo, Sumatra: cut out, in UTM, at 100 m, and already in percent without saying so."""

    AREA = fine_of(coarse_window(BBox(101.3, -2.1, 102.7, -0.9)))

    def path(self, name: str) -> Path:
        """Return a genuine file."""
        return shared_path("realdata", "soilgrids_bungo", f"bungo_{name}_0-5cm_mean.tif")

    def test_it_is_read_right_where_the_region_says_percent(self, name, least, greatest, count):
        """Counts and extremes are those of the file, read without vadose, and none is divided."""
        with rasterio.open(self.path(name)) as file:
            stored = file.read(1)
        field = read(self.path(name), self.AREA, region(**PERCENT).spec("SoilGrids"))[name]
        assert np.isfinite(field.values).sum() == np.isfinite(stored).sum() == count
        assert np.nanmin(field.values) == pytest.approx(least)
        assert np.nanmax(field.values) == pytest.approx(greatest)
        np.testing.assert_array_equal(field.values, stored)

    def test_it_is_refused_otherwise(self, name, least, greatest, count):  # noqa: ARG002
        """Nothing in the file tells percent from g/kg."""
        with pytest.raises(GranuleError, match=rf"^bungo_{name}_0-5cm_mean.tif: {name} declares"):
            read(self.path(name), self.AREA)


def test_the_real_fractions_make_up_the_soil():
    """Clay, sand and silt of Bungo sum to a hundred, which they would not in other units."""
    folder = shared_path("realdata", "soilgrids_bungo")
    spec = region(**PERCENT).spec("SoilGrids")
    area = TestRealFiles.AREA
    fields = [
        read(folder / f"bungo_{name}_0-5cm_mean.tif", area, spec)[name].values
        for name in ("clay", "sand", "silt")
    ]
    np.testing.assert_allclose(np.nanmean(np.sum(fields, axis=0)), 100, atol=0.1)

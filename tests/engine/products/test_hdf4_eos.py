"""MODIS tiles in HDF4-EOS."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyhdf.SD import SD, SDC

from engine.errors import GranuleError
from engine.granules import Granule
from engine.grids import SINUSOIDAL_TILE, BBox, coarse_window, fine_of, lonlat, sinusoidal_tile
from engine.months import Period
from engine.products import ProductSpec, decode, load_specs, recognise
from engine.products.eos_grid import struct_grids
from engine.products.spec import spec_of
from engine.testing import shared_path, write_modis

if TYPE_CHECKING:
    from pathlib import Path

    from odc.geo.geobox import GeoBox

LST_NAME = "MOD11A2.A2019185.h27v05.061.2019194040506.hdf"
NBAR_NAME = "MCD43A4.A2019182.h27v05.061.2019191040506.hdf"
ZHENGZHOU = fine_of(coarse_window(BBox(113.5, 34.6, 113.8, 34.9)))
HENAN = fine_of(coarse_window(BBox(110.35, 31.38, 116.65, 36.37)))
LST_ATTRIBUTES = {"scale_factor": 0.02, "add_offset": 0.0, "_FillValue": 0, "units": "K"}
NBAR_ATTRIBUTES = {
    "scale_factor": 0.0001,
    "add_offset": 0.0,
    "_FillValue": 32767,
    "units": "reflectance, no units",
}
PERIOD = Period(date(2017, 1, 1), date(2017, 1, 9))


def lst_layers(shape: tuple[int, int], **attributes: Any) -> dict[str, Any]:
    values = (14000 + np.arange(np.prod(shape)).reshape(shape) % 1000).astype(np.uint16)
    said = LST_ATTRIBUTES | attributes
    quality = np.zeros(shape, np.uint8)
    return {
        "LST_Day_1km": (values, said),
        "QC_Day": (quality, {}),
        "LST_Night_1km": (values - 500, said),
        "QC_Night": (quality, {}),
    }


def write_lst(path: Path, layers=None, *, corner=(10910.0, -4330.0), **options: Any) -> Path:
    """Write a cut-out of h27v05 that holds Zhengzhou."""
    return write_modis(
        path,
        layers or lst_layers((400, 400)),
        **{"grid": "MODIS_Grid_8Day_1km_LST", "tile_pixels": 1200, "corner": corner} | options,
    )


def read(path: Path, area: GeoBox = ZHENGZHOU, variables=None, spec: ProductSpec | None = None):
    granule = recognise(path)
    assert granule is not None
    return decode(granule, area, variables, spec=spec)


def plain(path: Path, *names: str) -> list[Any]:
    """Read whole data sets with nothing but pyhdf."""
    file = SD(str(path), SDC.READ)
    arrays = [file.select(name).get() for name in names]
    file.end()
    return arrays


def test_rounded_corners_are_put_on_the_exact_lattice(tmp_path):
    """Coordinates that differ from the lattice by rounding give the exact grid of the tile."""
    field = read(write_lst(tmp_path / LST_NAME))["lst_day"]
    tile = sinusoidal_tile("h27v05", 1200)
    column, row = ~tile.affine @ (field.geobox.affine.c, field.geobox.affine.f)
    assert (column, row) == pytest.approx((round(column), round(row)), abs=1e-7)
    assert field.geobox.affine.a == SINUSOIDAL_TILE / 1200


def test_a_cut_out_is_read_where_it_says(tmp_path):
    """Every pixel of a cut-out keeps its value and its place."""
    path = write_lst(tmp_path / LST_NAME)
    fields = read(path)
    field = fields["lst_day"]
    left = round(field.geobox.affine.c / field.geobox.affine.a) - 10910
    top = round(-field.geobox.affine.f / field.geobox.affine.a) + 4330
    stored = lst_layers((400, 400))["LST_Day_1km"][0]
    height, width = field.values.shape
    expected = stored[top : top + height, left : left + width] * 0.02
    np.testing.assert_allclose(field.values, expected, rtol=1e-6)
    np.testing.assert_allclose(fields["lst_night"].values, expected - 10, rtol=1e-6)
    assert field.units == "K"


def test_the_area_lies_within_what_is_read(tmp_path):
    """The window's pixels surround Zhengzhou, and are few."""
    field = read(write_lst(tmp_path / LST_NAME))["lst_day"]
    lon, lat = lonlat(field.geobox)
    area_lon, area_lat = lonlat(ZHENGZHOU)
    assert lat.min() < area_lat.min() < area_lat.max() < lat.max()
    assert lon.min() < area_lon.min() < area_lon.max() < lon.max()
    assert field.values.size < 4 * area_lon.size


def test_quality_weighs_the_pixels(tmp_path):
    """Clouds are missing; errors between 1 and 2 K count half."""
    layers = lst_layers((400, 400))
    quality = np.tile(np.array([0, 1, 2, 0b01000001, 0b10000001], np.uint8), (400, 80))
    layers["QC_Day"] = (quality, {})
    layers["LST_Day_1km"][0][0::2] = 0
    field = read(write_lst(tmp_path / LST_NAME, layers), variables=["lst_day"])["lst_day"]
    assert set(np.unique(field.weight)) == {0.0, 0.5, 1.0}
    np.testing.assert_array_equal(field.weight > 0, np.isfinite(field.values))
    kept = (field.weight > 0).mean(axis=1)
    assert sorted(set(kept.round(1))) == [0.0, 0.6]


def test_a_whole_tile_is_read_by_slice(tmp_path, monkeypatch):
    """Of 2400 by 2400 pixels only Henan's rows and columns are asked for, as one slice each."""
    path = tmp_path / NBAR_NAME
    rows, columns = np.indices((2400, 2400), np.int16)
    values = (rows + 2 * columns).astype(np.int16)
    layers = {
        "Nadir_Reflectance_Band1": (values, NBAR_ATTRIBUTES),
        "BRDF_Albedo_Band_Mandatory_Quality_Band1": (np.zeros((2400, 2400), np.uint8), {}),
    }
    write_modis(path, layers, grid="MOD_Grid_BRDF", tile_pixels=2400, corner=(21600, -9600))
    asked = []

    class Spy:
        def __init__(self, data):
            self.data = data

        def get(self, start, count):
            asked.append((tuple(start), tuple(count)))
            return self.data.get(start=start, count=count)

        def __getattr__(self, name):
            return getattr(self.data, name)

    select = SD.select
    monkeypatch.setattr(SD, "select", lambda file, name: Spy(select(file, name)))
    field = read(path, HENAN, ["red"])["red"]
    assert len(asked) == 2
    (top, left), (height, width) = asked[0]
    assert top == pytest.approx(871, abs=3)
    assert top + height == pytest.approx(2069, abs=3)
    assert height * width < 0.6 * 2400 * 2400
    assert field.geobox == sinusoidal_tile("h27v05", 2400)[top : top + height, left : left + width]
    expected = values[top : top + height, left : left + width] * 0.0001
    np.testing.assert_allclose(field.values, expected, rtol=1e-6)


def test_without_struct_metadata_a_whole_tile_is_placed_by_its_name(tmp_path):
    """A file of full size whose metadata are lost lies where its tile name says."""
    path = tmp_path / LST_NAME
    file = SD(str(path), SDC.WRITE | SDC.CREATE)
    for name, (values, attributes) in lst_layers((1200, 1200)).items():
        data = file.create(name, SDC.UINT16 if values.itemsize == 2 else SDC.UINT8, values.shape)
        data[:] = values
        for key, value in attributes.items():
            setattr(data, key, value)
        data.endaccess()
    file.end()
    field = read(path)["lst_day"]
    lon, lat = lonlat(field.geobox)
    assert lon.min() < 113.5
    assert lon.max() > 113.8
    assert lat.min() < 34.6
    assert lat.max() > 34.9


def test_a_tile_elsewhere_gives_nothing(tmp_path):
    """A tile that the area does not touch holds no field."""
    cape = fine_of(coarse_window(BBox(18.6, -33.9, 19, -33)))
    assert read(write_lst(tmp_path / LST_NAME), cape) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid": "MOD_Grid_BRDF"}, "its grids are: MOD_Grid_BRDF; expected the grid MODIS_Grid_8"),
        ({"tile_pixels": 2400}, r"pixels of 463.3\d+ by 463.3\d+ m; expected pixels of 926.6254 m"),
        ({"corner": (500.0, -4330.0)}, "StructMetadata puts it at .* a place in tile h27v05"),
        ({"layers": lst_layers((400, 400), scale_factor=50.0)}, "LST_Day_1km has scale_factor 50"),
        ({"layers": lst_layers((400, 400), units="degC")}, "LST_Day_1km has units 'degC'"),
        ({"layers": {"QC_Day": (np.zeros((400, 400), np.uint8), {})}}, "missing; expected LST_Day"),
        (
            {"layers": lst_layers((400, 400)) | {"QC_Day": (np.zeros((40, 400), np.uint8), {})}},
            r"QC_Day has the shape \[40, 400\]; expected \[400, 400\]",
        ),
    ],
)
def test_wrong_content_is_named(tmp_path, options, message):
    """Grid, pixel size, place, scale, units, names and shapes are checked against the product."""
    path = write_lst(tmp_path / LST_NAME, **options)
    with pytest.raises(GranuleError, match=rf"^{LST_NAME}: .*{message}"):
        read(path)


def test_incomplete_struct_metadata_is_named(tmp_path):
    """A grid without corner points cannot be placed."""
    path = write_lst(tmp_path / LST_NAME)
    file = SD(str(path), SDC.WRITE)
    file.attr("StructMetadata.0").set(SDC.CHAR, "GROUP=GRID_1\n\tXDim=5\nEND_GROUP=GRID_1\n")
    file.end()
    with pytest.raises(GranuleError, match=r"StructMetadata.0 is incomplete"):
        read(path)


def test_grids_are_read_from_struct_metadata():
    """Names, sizes and corners of each grid are found; later entries of fields do not matter."""
    text = (
        'GROUP=GRID_1\n\tGridName="A"\n\tXDim=2\n\tYDim=3\n\tUpperLeftPointMtrs=(0.0,9.5)\n'
        "\tLowerRightMtrs=(4.0,3.5)\n\t\tGridName=x\nEND_GROUP=GRID_1\n"
    )
    (grid,) = struct_grids(text)
    assert (grid.name, grid.columns, grid.rows) == ("A", 2, 3)
    assert (grid.upper_left, grid.lower_right) == ((0.0, 9.5), (4.0, 3.5))


class TestRealTile:
    """MOD11B2, a genuine whole tile of 6 km pixels, through the same decoder."""

    SPEC = spec_of("MOD11A2").model_copy(
        update={
            "grid": spec_of("MOD11A2").grid.model_copy(
                update={"name": "MODIS_Grid_8Day_6km_LST", "tile_pixels": 200}
            ),
            "variables": (
                load_specs()["MOD11A2"]
                .variables[0]
                .model_copy(update={"source": ("LST_Day_6km",)}),
            ),
        }
    )

    @pytest.fixture
    def field(self):
        """Decode all of it."""
        path = shared_path(
            "realdata", "modis_hdf4", "MOD11B2.A2017001.h14v04.006.2017013155631.hdf"
        )
        granule = Granule(path=path, product="MOD11B2", period=PERIOD, tile="h14v04")
        return decode(granule, sinusoidal_tile("h14v04", 20), spec=self.SPEC)["lst_day"]

    def test_it_lies_on_the_exact_tile(self, field):
        """Its rounded corners (-4447802.079066 …) become the tile's own."""
        exact = sinusoidal_tile("h14v04", 200)
        assert field.geobox.shape == exact.shape
        assert field.geobox.affine.almost_equals(exact.affine, 1e-8)

    def test_values_are_as_published(self, field):
        """Eastern Canada in January 2017: 255.6 to 275.2 K; an error above 2 K is missing."""
        assert field.values[32, 47] == pytest.approx(13213 * 0.02)
        assert np.isnan(field.values[0, 57])
        assert np.nanmin(field.values) == pytest.approx(12779 * 0.02)
        assert np.nanmax(field.values) == pytest.approx(275.18)

    def test_every_pixel_is_as_plain_pyhdf_reads_it(self, field):
        """2528 of 3119 pixels are accepted by the user's guide, read and judged without vadose."""
        name = "MOD11B2.A2017001.h14v04.006.2017013155631.hdf"
        stored = plain(shared_path("realdata", "modis_hdf4", name), "LST_Day_6km", "QC_Day")
        numbers, quality = stored
        accepted = (numbers >= 7500) & (quality % 4 <= 1) & (quality >> 6 <= 1)
        assert (field.weight > 0).sum() == np.isfinite(field.values).sum() == accepted.sum() == 2528
        np.testing.assert_allclose(field.values[accepted], numbers[accepted] * 0.02, rtol=1e-6)
        np.testing.assert_array_equal(field.weight == 0.5, accepted & (quality >> 6 == 1))

    def test_land_and_sea_are_where_they_are(self, field):
        """Newfoundland has values, the Atlantic east and south of it none."""
        lon, lat = lonlat(field.geobox)
        land = (lon > -58) & (lon < -55) & (lat > 48) & (lat < 49.5)
        sea = ((lon > -52) & (lat < 52)) | (lat < 46)
        assert np.isfinite(field.values[land]).mean() > 0.5
        assert np.isnan(field.values[sea]).all()


class TestRealCutOut:
    """MOD13A2, a genuine file cut between pixels, whose scale factor divides."""

    SPEC = ProductSpec.model_validate(
        {
            "id": "MOD13A2",
            "title": "NDVI",
            "doi": "10.5067/MODIS/MOD13A2.006",
            "licence": "open",
            "citation": "Didan",
            "file_pattern": "MOD13A2.*",
            "period": "day",
            "formats": {".hdf": "hdf4-eos"},
            "grid": {"name": "MODIS_Grid_16DAY_1km_VI", "tile_pixels": 1200},
            "variables": [
                {
                    "name": "ndvi",
                    "units": "1",
                    "source": ["1 km 16 days NDVI"],
                    "scale": 0.0001,
                    "scale_attribute": "divide",
                    "valid": [-2000, 10000],
                    "quality": {
                        "source": "1 km 16 days pixel reliability",
                        "rules": [{"bits": [0, 7], "weights": {0: 1.0, 1: 0.5}}],
                    },
                }
            ],
        }
    )

    def decode(self, spec: ProductSpec, area: GeoBox):
        """Decode it by some spec."""
        path = shared_path(
            "realdata", "modis_hdf4", "MOD13A2.A2016145.h18v04.006.2016166145124.hdf"
        )
        granule = Granule(path=path, product="MOD13A2", period=PERIOD, tile="h18v04")
        return decode(granule, area, spec=spec)["ndvi"]

    def test_it_keeps_its_own_place_between_pixels(self):
        """Its corner lies 0.18 pixels off the lattice, and in the next tile; both are believed."""
        everything = fine_of(coarse_window(BBox(9, 48, 13, 51)))
        field = self.decode(self.SPEC, everything)
        assert field.values.shape == (185, 219)
        assert field.geobox.affine.c == pytest.approx(670117.907295, abs=1e-3)
        assert field.geobox.affine.f == pytest.approx(5608858.446491, abs=1e-3)

    def test_it_is_divided_by_its_scale_factor(self):
        """NDVI of Franconia in May is 0.1 to 0.94, not ten millions."""
        field = self.decode(self.SPEC, fine_of(coarse_window(BBox(9, 48, 13, 51))))
        assert field.values[92, 109] == pytest.approx(0.6307)
        assert np.nanmax(field.values) == pytest.approx(0.939)
        assert set(np.unique(field.weight)) == {0.0, 0.5, 1.0}

    def test_every_pixel_is_as_plain_pyhdf_reads_it(self):
        """40109 of 40515 pixels count, read and judged without vadose."""
        name = "MOD13A2.A2016145.h18v04.006.2016166145124.hdf"
        numbers, quality = plain(
            shared_path("realdata", "modis_hdf4", name),
            "1 km 16 days NDVI",
            "1 km 16 days pixel reliability",
        )
        field = self.decode(self.SPEC, fine_of(coarse_window(BBox(9, 48, 13, 51))))
        accepted = (numbers >= -2000) & (numbers <= 10000) & np.isin(quality, [0, 1])
        assert np.isfinite(field.values).sum() == accepted.sum() == 40109
        np.testing.assert_allclose(field.values[accepted], numbers[accepted] / 1e4, rtol=1e-6)
        np.testing.assert_array_equal(field.weight == 0.5, accepted & (quality == 1))

    def test_the_other_convention_is_refused(self):
        """A spec that multiplies does not accept a factor of 10000."""
        variable = self.SPEC.variables[0].model_copy(update={"scale_attribute": "multiply"})
        spec = self.SPEC.model_copy(update={"variables": (variable,)})
        with pytest.raises(GranuleError, match=r"1 km 16 days NDVI has scale_factor 10000"):
            self.decode(spec, fine_of(coarse_window(BBox(9, 48, 13, 51))))

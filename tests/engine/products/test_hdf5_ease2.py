"""SMAP L4 on EASE-Grid 2.0 M09."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from engine.errors import GranuleError
from engine.granules import Granule
from engine.grids import COARSE, fine_of, lonlat
from engine.products import decode, load_specs, recognise
from engine.testing import shared_path, write_smap

if TYPE_CHECKING:
    from pathlib import Path

NAME = "SMAP_L4_SM_gph_20190701T013000_Vv8010_001.h5"
WINDOW = COARSE[330:342, 3109:3119]
VALUES = np.linspace(0.1, 0.4, 120, dtype=np.float32).reshape(12, 10)
AUP = load_specs()["SPL4SMGP"].model_copy(
    update={
        "variables": (
            load_specs()["SPL4SMGP"]
            .variables[0]
            .model_copy(update={"source": ("Analysis_Data/sm_surface_analysis",)}),
        )
    }
)


def read(path: Path, area=None):
    granule = recognise(path)
    assert granule is not None
    return decode(granule, fine_of(WINDOW) if area is None else area)


def assert_around(field, rows: slice, columns: slice) -> None:
    """Check that a field holds some cells of WINDOW and a small margin, in their places."""
    column, row = ~WINDOW.affine @ (field.geobox.affine.c, field.geobox.affine.f)
    top, left = round(row), round(column)
    height, width = field.values.shape
    assert rows.start - 2 <= top < rows.start
    assert columns.start - 2 <= left < columns.start
    assert rows.stop < top + height <= rows.stop + 2
    assert columns.stop < left + width <= columns.stop + 2
    np.testing.assert_array_equal(field.values, VALUES[top : top + height, left : left + width])


def test_a_cut_out_is_placed_by_x_and_y(tmp_path):
    """A window with nothing but x and y lands on its own cells, value for value."""
    field = read(write_smap(tmp_path / NAME, VALUES, WINDOW))["soil_moisture"]
    assert field.geobox == WINDOW
    np.testing.assert_array_equal(field.values, VALUES)
    assert field.units == "m3 m-3"


def test_cells_are_where_the_grid_definition_puts_them(tmp_path):
    """The first cell's centre is at 110.306017 E, 36.332224 N."""
    field = read(write_smap(tmp_path / NAME, VALUES, WINDOW))["soil_moisture"]
    lon, lat = lonlat(field.geobox)
    assert (lon[0, 0], lat[0, 0]) == pytest.approx((110.306017, 36.332224), abs=1e-6)


def test_only_the_area_is_read(tmp_path):
    """An area gets its own cells and a small margin."""
    area = fine_of(COARSE[334:336, 3112:3115])
    field = read(write_smap(tmp_path / NAME, VALUES, WINDOW), area)["soil_moisture"]
    assert_around(field, slice(4, 6), slice(3, 6))


def test_rows_from_south_to_north_are_turned(tmp_path):
    """Where y ascends, row 0 is still north in memory."""
    path = write_smap(tmp_path / NAME, VALUES, WINDOW, upside_down=True)
    area = fine_of(COARSE[334:336, 3112:3115])
    assert_around(read(path, area)["soil_moisture"], slice(4, 6), slice(3, 6))


@pytest.mark.parametrize("name", ["sm_surface", "Geophysical_Data_sm_surface"])
def test_a_flattened_netcdf_subset_is_accepted(tmp_path, name):
    """Subsetters lift the variable to the root and rename the file."""
    path = tmp_path / NAME.replace(".h5", "_subsetted.nc4")
    field = read(write_smap(path, VALUES, WINDOW, name=name))["soil_moisture"]
    np.testing.assert_array_equal(field.values, VALUES)


def test_row_and_column_numbers_serve_where_x_and_y_are_missing(tmp_path):
    """A subset with cell_row and cell_column only is placed by them."""
    path = write_smap(tmp_path / NAME, VALUES, WINDOW)
    rows, columns = np.mgrid[330:342, 3109:3119]
    with h5py.File(path, "a") as file:
        del file["x"], file["y"]
        file["cell_row"], file["cell_column"] = rows.astype("u4"), columns.astype("u4")
    assert read(path)["soil_moisture"].geobox == WINDOW


def test_a_whole_grid_needs_no_coordinates(tmp_path):
    """A file of 1624 by 3856 cells is the globe; only the area's chunk is read."""
    path = tmp_path / NAME
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "Geophysical_Data/sm_surface", COARSE.shape, "f4", chunks=(100, 100), fillvalue=-9999
        )
        data[330:342, 3109:3119] = VALUES
    field = read(path)["soil_moisture"]
    assert field.geobox == COARSE[329:343, 3108:3120]
    np.testing.assert_array_equal(field.values[1:-1, 1:-1], VALUES)
    assert np.isnan(field.values[0]).all()


def test_a_granule_elsewhere_gives_nothing(tmp_path):
    """A file that does not touch the area is no error and holds no field."""
    path = write_smap(tmp_path / NAME, VALUES, WINDOW)
    assert read(path, fine_of(COARSE[800:810, 100:110])) == {}


def test_an_area_at_sea_is_no_broken_file(tmp_path):
    """Fill in the area is missing data as long as the file has values elsewhere."""
    values = VALUES.copy()
    values[:, :5] = -9999
    path = write_smap(tmp_path / NAME, values, WINDOW)
    field = read(path, fine_of(COARSE[332:334, 3110:3112]))["soil_moisture"]
    assert np.isnan(field.values).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pixel": 9000.0}, r"off the grid by up to .* expected .*M09, 9008.055210146 m apart"),
        ({"units": "percent"}, r"sm_surface has units 'percent'; expected 'm3 m-3'"),
        ({"name": "Geophysical_Data/sm_rootzone"}, r"missing; expected Geophysical_Data/sm_surf"),
    ],
)
def test_wrong_content_is_named(tmp_path, options, message):
    """A wrong grid, unit or variable is told with the file's name."""
    path = write_smap(tmp_path / NAME, VALUES, WINDOW, **options)
    with pytest.raises(GranuleError, match=rf"^{NAME}: .*{message}"):
        read(path)


@pytest.mark.parametrize("value", [-9999.0, np.nan, 27.0])
def test_a_file_without_a_valid_value_is_broken(tmp_path, value):
    """L4 has no gaps on land: a file of fill, or of percents, is refused."""
    values = np.full_like(VALUES, value)
    with pytest.raises(GranuleError, match=r"invalid values only; expected .* between 0 and 0.9"):
        read(write_smap(tmp_path / NAME, values, WINDOW))


def test_shape_and_coordinates_must_agree(tmp_path):
    """Three rows fewer than y has cannot be placed."""
    path = write_smap(tmp_path / NAME, VALUES, WINDOW)
    with h5py.File(path, "a") as file:
        del file["Geophysical_Data/sm_surface"]
        file["Geophysical_Data/sm_surface"] = VALUES[:9]
    with pytest.raises(GranuleError, match=r"shape \(9, 10\); expected 12 rows and 10 columns"):
        read(path)


def test_a_cut_out_without_any_place_is_refused(tmp_path):
    """Without x and y only the whole grid can be read."""
    path = write_smap(tmp_path / NAME, VALUES, WINDOW)
    with h5py.File(path, "a") as file:
        del file["x"]
    with pytest.raises(GranuleError, match=r"no x and y; expected the whole grid, \(1624, 3856\)"):
        read(path)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full(10, np.nan), "x is empty or has missing values"),
        (WINDOW.coordinates["x"].values[::-1], "from east to west"),
        (WINDOW.coordinates["x"].values[[0, 1, 2, 3, 4, 5, 6, 7, 9, 8]], "x is off the grid"),
        (WINDOW.coordinates["x"].values + 1e8 * 9.008055210146, "x runs off the grid"),
    ],
)
def test_impossible_coordinates_are_refused(tmp_path, x, message):
    """Coordinates must be consecutive cells of the grid, from west to east."""
    path = write_smap(tmp_path / NAME, VALUES, WINDOW)
    with h5py.File(path, "a") as file:
        file["x"][:] = x
    with pytest.raises(GranuleError, match=message):
        read(path)


class TestRealFile:
    """A genuine analysis-update granule, cut to North America."""

    @pytest.fixture
    def path(self) -> Path:
        """Return the file."""
        return shared_path("realdata", "smap_l4", "SMAP_L4_SM_aup_input.h5")

    @pytest.fixture
    def field(self, path):
        """Decode all of it."""
        granule = Granule(path=path, product="SPL4SMGP", period=None)
        return decode(granule, COARSE[40:548, 87:1210], spec=AUP)["soil_moisture"]

    def test_it_is_placed_by_its_rounded_coordinates(self, path, field):
        """Columns are those that the file's own cell_column numbers; rows begin at 40."""
        assert field.geobox == COARSE[40:548, 87:1210]
        with h5py.File(path) as file:
            columns = file["cell_column"][0]
        assert (columns[0], columns[-1]) == (87, 1209)

    def test_values_are_as_published(self, field):
        """Its soil moisture runs from 0.027 to 0.795 m3 m-3."""
        assert np.nanmin(field.values) == pytest.approx(0.027, abs=5e-4)
        assert np.nanmax(field.values) == pytest.approx(0.795, abs=5e-4)

    def test_land_is_land_and_sea_is_missing(self, field):
        """Iowa has a value; the Gulf of Mexico and the Pacific have none."""
        lon, lat = lonlat(field.geobox)

        def at(x: float, y: float) -> float:
            nearest = np.argmin((lon - x) ** 2 + (lat - y) ** 2)
            return float(field.values.flat[nearest])

        assert 0.2 < at(-93.6, 42.0) < 0.6
        assert np.isnan(at(-90.0, 26.0))
        assert np.isnan(at(-130.0, 35.0))

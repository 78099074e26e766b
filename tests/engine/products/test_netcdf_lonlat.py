"""NetCDF on longitude and latitude."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

from engine.archive import Archive
from engine.errors import GranuleError
from engine.grids import BBox, coarse_window, fine_of, lonlat
from engine.months import Month
from engine.products import decode, recognise

if TYPE_CHECKING:
    from pathlib import Path

AREA = fine_of(coarse_window(BBox(113.1, 34.1, 113.7, 34.7)))
NAME = "eSIF_2019185.nc"
LON = 112.025 + 0.05 * np.arange(60)
LAT = 35.975 - 0.05 * np.arange(50)
VALUES = np.linspace(-0.2, 2.0, 3000, dtype=np.float32).reshape(50, 60)
UNITS = "mW m-2 nm-1 sr-1"


def write(
    path: Path,
    values=VALUES,
    *,
    name: str = "eSIF",
    dims=("lat", "lon"),
    coords=None,
    attrs=None,
    engine: Any = "h5netcdf",
) -> Path:
    coords = {"lat": LAT, "lon": LON} if coords is None else coords
    array = xr.DataArray(values, coords, dims, attrs={"units": UNITS} | (attrs or {}))
    array.to_dataset(name=name).to_netcdf(path, engine=engine)
    return path


def read(path: Path, area=AREA):
    granule = recognise(path)
    assert granule is not None
    return decode(granule, area)


def assert_in_place(field) -> None:
    """Check that each value lies where its longitude and latitude say."""
    lon, lat = lonlat(field.geobox)
    row = np.rint((36 - lat) / 0.05 - 0.5).astype(int)
    column = np.rint((lon - 112) / 0.05 - 0.5).astype(int)
    np.testing.assert_allclose(field.values, VALUES[row, column], rtol=1e-6)
    assert 10 * 10 < field.values.size < 20 * 20


@pytest.mark.parametrize("name", ["eSIF", "esif", "SIF", "sif"])
def test_the_variable_is_found_under_its_usual_names(tmp_path, name):
    """The producer's variable name is not documented; four are tried."""
    field = read(write(tmp_path / NAME, name=name))["sif"]
    assert_in_place(field)
    assert field.units == UNITS


def test_latitude_may_ascend(tmp_path):
    """The order of latitude is taken from the coordinates; row 0 is north in memory."""
    coords = {"lat": LAT[::-1], "lon": LON}
    assert_in_place(read(write(tmp_path / NAME, VALUES[::-1], coords=coords))["sif"])


def test_longitude_may_come_first_and_time_be_single(tmp_path):
    """Dimensions are taken by name."""
    path = write(
        tmp_path / NAME,
        VALUES.T[None],
        dims=("time", "longitude", "latitude"),
        coords={"time": [0], "longitude": LON, "latitude": LAT},
    )
    assert_in_place(read(path)["sif"])


def test_coordinates_in_single_precision_come_to_the_lattice(tmp_path):
    """float32 coordinates give the exact grid."""
    coords = {"lat": LAT.astype(np.float32), "lon": LON.astype(np.float32)}
    field = read(write(tmp_path / NAME, coords=coords))["sif"]
    assert_in_place(field)
    assert field.geobox.affine.a == 0.05


def test_classic_netcdf_is_read(tmp_path):
    """NetCDF 3 is as good as NetCDF 4."""
    assert_in_place(read(write(tmp_path / NAME, engine="scipy"))["sif"])


def test_packed_values_are_unpacked_by_the_files_own_scale(tmp_path):
    """Scale, offset and fill are the file's."""
    stored = np.full((50, 60), 150, np.int16)
    stored[:, ::2] = -1
    attrs = {"scale_factor": 0.01, "add_offset": -0.5, "_FillValue": np.int16(-1)}
    fields = read(write(tmp_path / NAME, stored, attrs=attrs))
    values = fields["sif"].values
    assert np.isnan(values).mean() == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(values[np.isfinite(values)], 1.0, rtol=1e-6)


def test_a_file_elsewhere_gives_nothing(tmp_path):
    """A file that does not touch the area holds no field."""
    assert read(write(tmp_path / NAME, coords={"lat": LAT - 60, "lon": LON})) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "fluorescence"}, "the variable is missing; expected eSIF or esif or SIF or sif"),
        ({"attrs": {"units": "percent"}}, "eSIF has units 'percent'; expected 'mW m-2 nm-1 sr-1'"),
        ({"coords": {"lat": LAT, "lon": LON + 200}}, "longitude runs beyond 180"),
        ({"coords": {"lat": LAT, "lon": LON[::-1]}}, "x runs from east to west"),
        ({"coords": {"lat": LAT**2, "lon": LON}}, "y is not evenly spaced"),
        ({"coords": {"lat": LAT * 5 - 150, "lon": LON * 2 - 150}}, "expected pixels of 0.05"),
        ({"coords": {"lon": LON}}, "eSIF has the dimensions lat 50, lon 60"),
        ({"values": VALUES[:1], "coords": {"lat": LAT[:1], "lon": LON}}, "at least two cell"),
        ({"values": np.full((50, 60), np.nan, np.float32)}, "fill or invalid values only"),
        ({"values": VALUES + 100}, "fill or invalid values only; expected .* between -0.5 and 5"),
    ],
)
def test_wrong_content_is_named(tmp_path, options, message):
    """Names, units, coordinates and emptiness are told with the file's name."""
    path = write(tmp_path / NAME, **options)
    with pytest.raises(GranuleError, match=rf"^{NAME}: .*{message}"):
        read(path)


class TestYearOfRain:
    """CHIRPS in one file a year."""

    NAME = "chirps-v2.0.2019.days_p05.nc"

    @pytest.fixture
    def path(self, tmp_path) -> Path:
        """Write three days of July, each its number of millimetres, south first as delivered."""
        values = np.full((3, 50, 60), np.float32(-9999))
        values[:, :, 5:] = np.array([1, 2, 3], np.float32)[:, None, None]
        coords = {
            "time": ("time", [14426, 14427, 14428], {"units": "days since 1980-1-1 0:0:0"}),
            "latitude": LAT[::-1],
            "longitude": LON,
        }
        array = xr.DataArray(values, coords, ("time", "latitude", "longitude"))
        array.attrs["units"] = "mm/day"
        array.encoding["_FillValue"] = np.float32(-9999)
        array.to_dataset(name="precip").to_netcdf(tmp_path / self.NAME, engine="h5netcdf")
        return tmp_path / self.NAME

    def test_an_archive_has_a_granule_for_each_day(self, path):
        """A month finds its days in the year's file."""
        granules = Archive(path.parent).granules("CHIRPS", Month(2019, 7).period)
        assert [granule.period.days for granule in granules] == [1] * 31
        assert {granule.path for granule in granules} == {path}

    def test_each_day_is_its_own_layer(self, path):
        """The 2nd of July is the second layer, its fill missing."""
        granules = Archive(path.parent).granules("CHIRPS", Month(2019, 7).period)
        for day in range(3):
            field = decode(granules[day], AREA)["precipitation"]
            assert np.unique(field.values[np.isfinite(field.values)]) == day + 1
            assert field.units == "mm day-1"

    def test_a_day_that_the_file_lacks_is_named(self, path):
        """A year that is not over yet ends somewhere."""
        granules = Archive(path.parent).granules("CHIRPS", Month(2019, 7).period)
        with pytest.raises(GranuleError, match=rf"^{self.NAME}: precip has 0 layers of 2019-07-04"):
            decode(granules[3], AREA)

    def test_a_file_of_the_day_goes_before_the_year(self, path):
        """Days of their own are preferred, the rest comes from the year."""
        (path.parent / "chirps-v2.0.2019.07.02.tif").touch()
        granules = Archive(path.parent).granules("CHIRPS", Month(2019, 7).period)
        assert [granule.path.suffix for granule in granules[:3]] == [".nc", ".tif", ".nc"]
        assert len(granules) == 31

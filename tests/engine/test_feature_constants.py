"""What goes in constant comes out constant, across tiles, through time and space."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.archive import Archive
from engine.errors import GridMismatchError, MissingDataError
from engine.feature_store import FeatureStore
from engine.features import SIF_PREDICTORS
from engine.grids import BBox, lonlat
from engine.months import Month, eight_day_period
from engine.region import Region
from engine.sif_inputs import sif_predictors
from engine.solar import diurnal_amplitude
from engine.testing import lattice_over, write_even_modis, write_geotiff
from engine.world.operators.observation import Observation
from engine.world.writers.geotiff import write_chirps, write_srtm

if TYPE_CHECKING:
    from pathlib import Path

FEBRUARY = Month(2020, 2)

# West of 108.6 E lies tile h26v05, east of it h27v05.
REGION = Region(name="seam", title="Border of two tiles", bbox=BBox(108.5, 33.9, 108.65, 34.0))
CONSTANT = {
    "Nadir_Reflectance_Band1": 0.05,
    "Nadir_Reflectance_Band2": 0.35,
    "Nadir_Reflectance_Band3": 0.03,
    "Nadir_Reflectance_Band4": 0.06,
    "Nadir_Reflectance_Band5": 0.30,
    "Nadir_Reflectance_Band6": 0.20,
    "Nadir_Reflectance_Band7": 0.10,
    "LST_Day_1km": 300.0,
    "LST_Night_1km": 285.0,
    "Albedo_BSA_shortwave": 0.2,
    "Albedo_WSA_shortwave": 0.25,
    "ET_500m": 16.0,
    "Lai_500m": 2.5,
    "LC_Type1": 12,
}
SOIL = {"clay": 200, "sand": 300, "silt": 600}
EXPECTED = {
    "ndvi": 0.30 / 0.40,
    "evi": 2.5 * 0.30 / (0.35 + 0.30 - 0.225 + 1),
    "nirv": 0.75 * 0.35,
    "ndwi_gao": 0.05 / 0.65,
    "nsdsi": 0.10 / 0.30,
    "nsdsi1": 0.10 / 0.20,
    "nsdsi2": 0.10 / 0.10,
    "nirv_offset": (0.75 - 0.08) * 0.35,
    "lst_day": 300.0,
    "lst_night": 285.0,
    "albedo": 0.8 * 0.2 + 0.2 * 0.25,
    "et": 2.0,
    "lai": 2.5,
    "lc_crop": 1.0,
    "lc_forest": 0.0,
    "lc_water": 0.0,
    "clay": 100 * 200 / 1100,
    "sand": 100 * 300 / 1100,
    "silt": 100 * 600 / 1100,
    "soil_total": 110.0,
    "elevation": 123.0,
    "slope": 0.0,
    "precipitation": 2.5,
}


def test_constants_stay_constant_through_every_step(tmp_path: Path) -> None:
    """Across two MODIS tiles, through time and space: constant in, the same constant out."""
    archive = tmp_path / "archive"
    _write_constant_archive(archive)
    store = _store(archive, tmp_path)
    month = store.month(FEBRUARY, list(EXPECTED))
    for name, value in EXPECTED.items():
        assert np.allclose(month[name], value, rtol=2e-6, atol=1e-6), name
    assert "MCD12Q1.A2019001" in month.attrs["granules_MCD12Q1"]
    period = sif_predictors(store, eight_day_period(date(2020, 2, 10)))
    for name in SIF_PREDICTORS:
        assert np.ptp(period[name].to_numpy()) < 3e-6 * float(period[name].max())


def test_thermal_inertia_is_the_mean_of_its_periods(tmp_path: Path) -> None:
    """Each 8-day period has the sun of its own middle; they count by the days they share."""
    archive = tmp_path / "archive"
    _write_constant_archive(archive)
    store = _store(archive, tmp_path)
    _, latitude = lonlat(store.area)
    periods = store.periods(FEBRUARY)
    correction = np.average(
        [diurnal_amplitude(latitude, one.start + timedelta(4)) for one in periods],
        axis=0,
        weights=[one.shared_days(FEBRUARY.period) for one in periods],
    )
    month = store.month(FEBRUARY, ["ati"])
    assert np.allclose(month["ati"], correction * (1 - 0.21) / 15, rtol=1e-3)
    assert "MCD43A3.A2020033" in month.attrs["granules_MCD43A3"]


def test_thermal_inertia_needs_albedo(tmp_path: Path) -> None:
    """Temperature alone gives none, and the error names what is missing."""
    archive = tmp_path / "archive"
    _write_modis("MOD11A2", date(2020, 2, 2), archive, CONSTANT)
    with pytest.raises(MissingDataError, match=r"MCD43A3.*2020-02"):
        _store(archive, tmp_path).month(FEBRUARY, ["ati"])


def test_rain_is_remembered(tmp_path: Path) -> None:
    """The month before counts as it was, and in the antecedent sum half, the next a quarter."""
    archive = tmp_path / "archive"
    for month, rate in [(Month(2019, 12), 8.0), (Month(2020, 1), 4.0), (FEBRUARY, 2.5)]:
        _write_rain(archive, month, rate)
    names = ["precipitation_antecedent", "precipitation", "precipitation_previous"]
    store = _store(archive, tmp_path)
    month = store.month(FEBRUARY, names)
    assert list(month) == names
    for name, value in zip(names, [2.5 + 2 + 2, 2.5, 4.0], strict=True):
        assert np.allclose(month[name], value), name
    assert store.months("precipitation_antecedent") == (FEBRUARY,)
    assert len(store.granules(FEBRUARY, ["precipitation_antecedent"])) == 31 + 31 + 29
    with pytest.raises(MissingDataError, match=r"CHIRPS.*2019-11"):
        store.month(Month(2020, 1), ["precipitation_antecedent"])


def test_one_of_two_evapotranspirations_will_do(tmp_path: Path) -> None:
    """Where the gap-filled product ends, the other takes over."""
    archive = tmp_path / "archive"
    _write_modis("MOD16A2GF", date(2020, 2, 10), archive, CONSTANT)
    _write_modis("MOD16A2GF", date(2020, 3, 13), archive, CONSTANT | {"ET_500m": 24.0})
    for granule in (archive / "MOD16A2GF").rglob("*A2020073*"):
        granule.rename(granule.with_name(granule.name.replace("MOD16A2GF", "MOD16A2", 1)))
    store = _store(archive, tmp_path)
    assert store.available(["et"]) == ("et",)
    assert np.allclose(store.month(FEBRUARY, ["et"])["et"], 2.0)
    assert np.allclose(store.month(Month(2020, 3), ["et"])["et"], 3.0)
    assert store.months("et") == (FEBRUARY, Month(2020, 3))


def test_the_last_composite_of_a_year_is_shorter(tmp_path: Path) -> None:
    """Ten millimetres in the five days from day 361 are two a day; in six days less."""
    archive = tmp_path / "archive"
    for year in (2019, 2020):
        last = date(year, 1, 1) + timedelta(360)
        _write_modis("MOD16A2GF", last, archive, CONSTANT | {"ET_500m": 10.0})
    store = FeatureStore(Archive(archive), REGION, tmp_path / "features")
    for year, days in [(2019, 5), (2020, 6)]:
        first = date(year, 1, 1) + timedelta(352)
        _write_modis("MOD16A2GF", first, archive, CONSTANT | {"ET_500m": 8 * 10.0 / days})
        store = FeatureStore(Archive(archive), REGION, tmp_path / "features")
        made = store.month(Month(year, 12), ["et"])["et"]
        assert np.allclose(made, 10 / days, rtol=0.01)


def test_land_cover_of_a_later_year_does_not_serve(tmp_path: Path) -> None:
    """A month takes the map of its own year, else an earlier one; never a later one."""
    archive = tmp_path / "archive"
    _write_modis("MCD12Q1", date(2020, 1, 1), archive, CONSTANT)
    _write_modis("MCD12Q1", date(2021, 1, 1), archive, CONSTANT | {"LC_Type1": 13})
    store = _store(archive, tmp_path)
    towns = [
        float(store.month(Month(year, 3), ["lc_urban"])["lc_urban"].mean())
        for year in (2020, 2021, 2022)
    ]
    assert towns == pytest.approx([0, 1, 1])
    with pytest.raises(MissingDataError, match=r"MCD12Q1.*2019-12.*earlier year"):
        store.month(Month(2019, 12), ["lc_urban"])


def test_a_month_without_any_valid_value_is_an_error(tmp_path: Path) -> None:
    """A month of clouds is named, not mapped as a gap."""
    archive = tmp_path / "archive"
    _write_modis("MOD11A2", date(2020, 2, 2), archive, CONSTANT | {"LST_Day_1km": np.nan})
    store = _store(archive, tmp_path)
    assert np.isfinite(store.month(FEBRUARY, ["lst_night"])["lst_night"]).all()
    with pytest.raises(MissingDataError, match=r"MOD11A2.*2020-02.*lst_day"):
        store.month(FEBRUARY, ["lst_day"])


def test_tiles_whose_granules_differ_in_grid_are_refused(tmp_path: Path) -> None:
    """Dates of one tile that were cropped differently cannot be averaged pixel by pixel."""
    archive = tmp_path / "archive"
    _write_modis("MOD11A2", date(2020, 2, 2), archive, CONSTANT)
    _write_modis("MOD11A2", date(2020, 2, 10), archive, CONSTANT, pad=-2)
    with pytest.raises(GridMismatchError, match=r"MOD11A2\.A2020041"):
        _store(archive, tmp_path).month(FEBRUARY, ["lst_day"])


def test_a_thinned_daily_product_may_just_miss_a_period(tmp_path: Path) -> None:
    """Every eighth day of MCD43A4 serves each 8-day period, whichever day it is."""
    archive = tmp_path / "archive"
    _write_constant_archive(archive, first=date(2020, 1, 29))
    for granule in (archive / "MCD43A4").rglob("MCD43A4.A2020045*"):
        granule.unlink()
    _write_modis("MCD43A4", date(2020, 2, 18), archive, CONSTANT)
    predictors = sif_predictors(_store(archive, tmp_path), eight_day_period(date(2020, 2, 10)))
    assert np.allclose(predictors["ndvi"], EXPECTED["ndvi"], rtol=1e-5)


def _store(archive: Path, folder: Path) -> FeatureStore:
    return FeatureStore(Archive(archive), REGION, folder / "features")


def _write_constant_archive(archive: Path, first: date = date(2020, 1, 25)) -> None:
    """Write a February whose every value is the same everywhere."""
    area = REGION.area()
    for k in range(5):
        start = date(2020, 1, 25) + timedelta(8 * k)
        _write_modis("MOD11A2", start, archive, CONSTANT)
        for product in ("MOD16A2GF", "MOD15A2H", "MCD43A3"):
            _write_modis(product, start, archive, CONSTANT)
        _write_modis("MCD43A4", first + timedelta(8 * k), archive, CONSTANT)
    _write_modis("MCD12Q1", date(2019, 1, 1), archive, CONSTANT)
    soil = lattice_over(area, 1 / 480)
    (archive / "SoilGrids").mkdir()
    for name, amount in SOIL.items():
        write_geotiff(
            archive / "SoilGrids" / f"{name}_0-5cm_mean.tif",
            np.full(tuple(soil.shape), amount, np.int16),
            (soil.affine.c, soil.affine.f),
            soil.affine.a,
            nodata=-32768,
        )
    _write_rain(archive, FEBRUARY, 2.5)
    ground = lattice_over(area, 1 / 1200)
    seam = round((ground.affine.f - 34) * 1200)
    for name, part in [("N34E108", ground[: seam + 1]), ("N33E108", ground[seam:])]:
        write_srtm(archive / "SRTM", name, np.full(tuple(part.shape), 123.0), part, "test")


def _write_modis(
    product: str, day: date, archive: Path, values: dict[str, float], pad: int = 2
) -> None:
    for tile in ("h26v05", "h27v05"):
        write_even_modis(product, tile, day, archive, values, area=REGION.area(), pad=pad)


def _write_rain(archive: Path, month: Month, rate: float) -> None:
    """Write every day of a month with the same rain, mm day-1."""
    grid = lattice_over(REGION.area(), 0.05)
    values = {"precipitation": np.full(tuple(grid.shape), rate, dtype=np.float32)}
    for k in range(month.days):
        time = datetime(month.year, month.month, k + 1, tzinfo=UTC)
        seen = Observation(product="CHIRPS", time=time, geobox=grid, fields=values)
        write_chirps(seen, archive / "CHIRPS", "test")

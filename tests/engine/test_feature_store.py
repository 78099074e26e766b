"""Features of a region: against the synthetic world's truth, and as properties of the store."""

from __future__ import annotations

import shutil
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from scipy.interpolate import RegularGridInterpolator

from engine.archive import Archive
from engine.errors import InputError, MissingDataError
from engine.feature_store import FeatureStore
from engine.features import FEATURES, PRESETS, preset
from engine.grids import BBox, lonlat
from engine.months import Month
from engine.region import Region, load_region
from engine.regrid import WeightCache
from engine.testing import lattice_over, shared_path
from engine.world.land import make_land
from engine.world.operators.temperature import day_temperature, night_temperature
from engine.world.simulation import simulate
from engine.world.writers.geotiff import write_geotiff

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.world import World

    type Floats = NDArray[np.floating]

FEBRUARY = Month(2020, 2)
CORE = [name for name in PRESETS["core"] if name != "sif"]


@pytest.fixture(scope="module")
def store(tiny_world: World, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """Return a store over the tiny world."""
    folder = tmp_path_factory.mktemp("features")
    return FeatureStore(Archive(tiny_world.archive), load_region(tiny_world.region), folder)


@pytest.fixture(scope="module")
def february(store: FeatureStore) -> xr.Dataset:
    """Return all standard features of February 2020 in the tiny world."""
    return store.month(FEBRUARY, CORE)


@pytest.fixture(scope="module")
def truth(tiny_world: World) -> dict[str, Floats]:
    """Return what the instruments looked at in February 2020: means on the area's 1 km cells."""
    domain, preset = tiny_world.domain, tiny_world.preset
    land = make_land(domain, tiny_world.seed)
    days = takewhile(
        lambda day: day.day < FEBRUARY.period.end,
        simulate(preset, domain, land, tiny_world.seed),
    )
    seen = [
        (day.cover, day.rain, day_temperature(day), night_temperature(day, land.urban))
        for day in days
        if Month.of(day.day) == FEBRUARY
    ]
    cover, rain, morning, evening = (
        domain.crop(np.mean(part, axis=0)) for part in zip(*seen, strict=True)
    )
    return {
        "ndvi": 0.14 + 0.76 * cover,
        "precipitation": rain,
        "lst_day": morning,
        "lst_night": evening,
        "elevation": domain.crop(land.elevation),
        "slope": domain.crop(land.slope),
    }


def test_sets_have_their_members() -> None:
    """The paper's set is the paper's table; the standard one adds surface temperature alone."""
    paper, standard, core = (set(preset(name)) for name in ("paper", "standard", "core"))
    assert standard - paper == {"lst_day", "lst_night"}
    assert paper < standard
    assert core < standard
    assert {FEATURES[name].product for name in paper} == {
        "eSIF", "MCD12Q1", "MOD16A2GF", "MOD15A2H", "MCD43A4", "MOD11A2", "SRTM", "SoilGrids",
        "CHIRPS",
    }  # fmt: skip
    for name in PRESETS:
        assert preset(name) == tuple(one for one in FEATURES if one in preset(name))
    with pytest.raises(InputError, match="a list of features, or core, standard, paper"):
        preset("everything")


def test_a_region_may_name_a_set(tiny_world: World, tmp_path: Path) -> None:
    """Its members are then the region's features, whether the archive has them or not."""
    region = load_region(tiny_world.region).model_dump() | {"features": "paper"}
    store = _store(tiny_world.archive, Region.model_validate(region), tmp_path)
    assert store.standard == preset("paper")


def test_what_an_archive_lacks_is_left_out_and_said(tiny_world: World, tmp_path: Path) -> None:
    """Optional products may be absent; those without which there is no map may not."""
    archive = _part_of_archive(tiny_world, tmp_path, "CHIRPS/2020/chirps-v2.0.2020.02.*.tif")
    store = _store(archive, load_region(tiny_world.region), tmp_path)
    assert store.standard == preset("core")
    assert set(store.lacking) == set(preset("standard")) - set(preset("core"))
    assert store.lacking["ati"] == ("the archive has no MOD11A2 or VNP21A2 or MCD43A3 or VNP43MA3")


def test_features_come_as_asked(february: xr.Dataset, store: FeatureStore) -> None:
    """In the order of the names, float32, each with its unit, on the region's fine grid."""
    assert list(february.data_vars) == CORE
    for name, variable in february.data_vars.items():
        assert variable.dtype == np.float32
        assert variable.dims == ("y", "x")
        assert variable.attrs["units"] == FEATURES[str(name)].units
    affine = store.area.affine
    assert february["ndvi"].shape == tuple(store.area.shape)
    assert february["x"][0] == pytest.approx(affine.c + affine.a / 2)
    assert february["y"][-1] == pytest.approx(affine.f + affine.e * (store.area.shape.y - 0.5))
    assert february.attrs["month"] == "2020-02"
    assert "MCD43A4.A2020033" in february.attrs["granules_MCD43A4"]


@pytest.mark.parametrize(
    ("name", "bias", "correlation"),
    [
        ("elevation", 0.2, 0.9999),
        ("ndvi", 0.02, 0.95),
        ("lst_day", 1.0, 0.75),
        ("lst_night", 0.5, 0.9),
        ("precipitation", 0.25, 0.6),
    ],
)
def test_features_show_the_truth(
    february: xr.Dataset, truth: dict[str, Floats], name: str, bias: float, correlation: float
) -> None:
    """Within the instruments' errors a feature is what the instrument looked at."""
    feature = february[name].to_numpy()
    valid = np.isfinite(feature)
    assert valid.mean() > 0.95
    difference = feature[valid] - truth[name][valid]
    assert abs(difference.mean()) < bias
    assert np.corrcoef(feature[valid], truth[name][valid])[0, 1] > correlation


def test_slope_is_steeper_at_its_own_resolution(
    february: xr.Dataset, truth: dict[str, Floats]
) -> None:
    """The mean of 90 m slopes follows the slope of 1 km heights and exceeds it."""
    slope = february["slope"].to_numpy()
    assert np.corrcoef(slope.ravel(), truth["slope"].ravel())[0, 1] > 0.7
    assert slope.mean() > truth["slope"].mean()


def test_precipitation_is_the_interpolated_mean_of_all_days(
    february: xr.Dataset, tiny_world: World
) -> None:
    """An independent reading of the month's 29 files, interpolated by scipy, gives the same."""
    files = sorted((tiny_world.archive / "CHIRPS").rglob("chirps-v2.0.2020.02.*.tif"))
    assert len(files) == 29
    days = []
    for path in files:
        with rasterio.open(path) as file:
            days.append(file.read(1))
            at = file.transform
    mean_of_days = np.mean(days, axis=0, dtype=np.float64)
    rows, columns = mean_of_days.shape
    lat = at.f + at.e * (np.arange(rows) + 0.5)
    lon = at.c + at.a * (np.arange(columns) + 0.5)
    mean = RegularGridInterpolator((lat[::-1], lon), mean_of_days[::-1])
    x, y = lonlat(tiny_world.domain.area)
    assert np.allclose(february["precipitation"], mean((y, x)), rtol=1e-4)


def test_missing_observations_stay_missing(store: FeatureStore) -> None:
    """A cloudy July leaves gaps in surface temperature, and none in elevation."""
    july = store.month(Month(2020, 7), ["lst_day", "elevation"])
    assert 0 < np.isnan(july["lst_day"].to_numpy()).mean() < 0.5
    assert np.isfinite(july["elevation"].to_numpy()).all()


def test_a_feature_does_not_depend_on_its_company(
    store: FeatureStore, february: xr.Dataset
) -> None:
    """Asked alone, or in another order, a feature has the same values."""
    names = ["slope", "nsdsi", "lst_night"]
    again = store.month(FEBRUARY, names)
    assert list(again.data_vars) == names
    for name in names:
        assert np.array_equal(again[name], february[name], equal_nan=True)


def test_features_are_made_once(tiny_world: World, tmp_path: Path) -> None:
    """A second store reads what the first one wrote, bit by bit, and static features but once."""
    region = load_region(tiny_world.region)
    names = ["ndvi", "elevation"]
    first = FeatureStore(Archive(tiny_world.archive), region, tmp_path).month(FEBRUARY, names)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    other = FeatureStore(Archive(tiny_world.archive), region, tmp_path)
    assert other.month(FEBRUARY, names).identical(first)
    other.month(Month(2020, 3), names)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    assert written.items() <= after.items()
    assert len(after) == 3


def test_a_damaged_file_is_made_anew(tiny_world: World, tmp_path: Path) -> None:
    """Whether truncated or filled with something else, a cached file is replaced."""
    region = load_region(tiny_world.region)
    store = FeatureStore(Archive(tiny_world.archive), region, tmp_path)
    first = store.month(FEBRUARY, ["elevation"])
    (path,) = tmp_path.glob("*.npz")
    size = path.stat().st_size
    for content in (path.read_bytes()[:-2000], b"", b"no data"):
        path.write_bytes(content)
        assert store.month(FEBRUARY, ["elevation"]).identical(first)
        assert path.stat().st_size == size


def test_a_changed_granule_changes_the_month(tiny_world: World, tmp_path: Path) -> None:
    """When a file is replaced, the month is made anew."""
    archive = _part_of_archive(tiny_world, tmp_path, "CHIRPS/2020/chirps-v2.0.2020.02.*.tif")
    store = _store(archive, load_region(tiny_world.region), tmp_path)
    before = store.month(FEBRUARY, ["precipitation"])["precipitation"]
    day = next(archive.rglob("*.tif"))
    with rasterio.open(day, "r+") as file:
        file.write(file.read(1) + 29, 1)
    after = store.month(FEBRUARY, ["precipitation"])["precipitation"]
    assert np.allclose(after - before, 1, atol=1e-4)


def test_a_missing_day_of_rain_is_an_error(tiny_world: World, tmp_path: Path) -> None:
    """The error names the month, the days found and the days needed."""
    archive = _part_of_archive(tiny_world, tmp_path, "CHIRPS/2020/chirps-v2.0.2020.02.*.tif")
    next(archive.rglob("*.tif")).unlink()
    store = _store(archive, load_region(tiny_world.region), tmp_path)
    with pytest.raises(MissingDataError, match=r"CHIRPS.*2020-02.*29 days; found 28"):
        store.month(FEBRUARY, ["precipitation"])


def test_a_product_or_month_that_lacks_is_an_error(tiny_world: World, tmp_path: Path) -> None:
    """The error names product and month; nothing is left behind."""
    archive = _part_of_archive(tiny_world, tmp_path, "CHIRPS/2020/chirps-v2.0.2020.02.*.tif")
    store = _store(archive, load_region(tiny_world.region), tmp_path)
    assert all(name.startswith("precipitation") for name in store.available())
    for month, name, product in [
        (FEBRUARY, "ndvi", "MCD43A4"),
        (FEBRUARY, "slope", "SRTM"),
        (Month(2020, 6), "precipitation", "CHIRPS"),
    ]:
        with pytest.raises(MissingDataError, match=f"{product}.*{month}"):
            store.month(month, [name])
    assert not list((tmp_path / "features").glob("*.npz"))


@pytest.mark.parametrize("name", ["sif", "NDVI", "wind"])
def test_an_unknown_feature_is_an_error(store: FeatureStore, name: str) -> None:
    """The error lists the features that there are; SIF comes from its model."""
    with pytest.raises(InputError, match="ndvi, evi"):
        store.month(FEBRUARY, [name])


def test_an_area_outside_the_archive_is_an_error(tiny_world: World, tmp_path: Path) -> None:
    """Granules that do not touch the area are no data for it."""
    region = Region(name="elsewhere", title="Elsewhere", bbox=BBox(20, -30, 20.2, -29.8))
    store = _store(tiny_world.archive, region, tmp_path)
    for name in ("ndvi", "elevation", "precipitation"):
        with pytest.raises(MissingDataError, match="covers a part of the area elsewhere"):
            store.month(FEBRUARY, [name])


def test_a_region_brings_predictors_of_its_own(tiny_world: World, tmp_path: Path) -> None:
    """Amounts keep their values, classes become shares of area, and names are replaced."""
    archive, area = tmp_path / "archive", tiny_world.domain.area
    lon, _ = lonlat(area)
    fine = lattice_over(area, 1 / 240)
    x, _ = np.meshgrid(*_centres(fine))
    codes = (x > lon.mean()).astype(np.int16) + 1
    _tif(archive / "cover.tif", codes, fine)
    _tif(archive / "height.tif", (100 * x).astype(np.float32), fine)
    coarse = lattice_over(area, 0.1)
    for month in ("2020-02", "2020-03"):
        values = _centres(coarse)[0] + np.zeros((coarse.shape.y, 1)) + int(month[-1])
        _tif(archive / f"smooth_{month}.tif", values.astype(np.float32), coarse)
    own = {
        "name": "own",
        "title": "Own",
        "bbox": load_region(tiny_world.region).bbox,
        "predictors": [
            {
                "name": "cover",
                "file": "cover.tif",
                "kind": "categorical",
                "classes": {"west": [1], "east": [2]},
            },
            {"name": "elevation", "file": "height.tif", "kind": "continuous", "units": "m"},
            {"name": "smooth", "file": "smooth_{month}.tif", "kind": "continuous"},
        ],
    }
    store = _store(archive, Region.model_validate(own), tmp_path)
    names = ["cover_west", "elevation", "smooth", "cover_east"]
    assert set(store.available()) == set(names)
    made = store.month(FEBRUARY, names)
    assert list(made.data_vars) == names
    assert np.allclose(made["cover_west"] + made["cover_east"], 1, atol=1e-6)
    assert float(made["cover_west"].mean()) == pytest.approx(0.5, abs=0.02)
    assert np.allclose(made["elevation"], 100 * lon, atol=0.05)
    assert np.allclose(made["smooth"], lon + 2, atol=1e-3)
    march = store.month(Month(2020, 3), ["smooth"])
    assert np.allclose(march["smooth"] - made["smooth"], 1, atol=1e-4)
    with pytest.raises(MissingDataError, match=r"smooth.*2020-04"):
        store.month(Month(2020, 4), ["smooth"])


def test_real_rasters_become_features(tmp_path: Path) -> None:
    """A real region's own rasters cover it; the shares of its classes add up to one."""
    root = shared_path("realdata", "south_africa_2020-01")
    region = load_region("south-africa")
    names = region.features or ()
    month = _store(root, region, tmp_path).month(Month(2020, 1), names)
    assert list(month.data_vars) == list(names)
    cover = sum(month[name].to_numpy() for name in names if name.startswith("land_cover"))
    assert np.allclose(cover, 1, atol=1e-5)
    elevation, slope = (month[name].to_numpy() for name in ("elevation", "elevation_slope"))
    assert np.isfinite(elevation).mean() > 0.999
    assert 500 < np.nanmean(elevation) < 1500
    assert 0 < np.nanmean(slope) < 5


def _store(archive: Path, region: Region, folder: Path) -> FeatureStore:
    return FeatureStore(Archive(archive), region, folder / "features", WeightCache())


def _part_of_archive(world: World, folder: Path, pattern: str) -> Path:
    for path in world.archive.glob(pattern):
        copy = folder / "archive" / path.relative_to(world.archive)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return folder / "archive"


def _centres(grid: GeoBox) -> tuple[Floats, Floats]:
    x = grid.affine.c + grid.affine.a * (np.arange(grid.shape.x) + 0.5)
    y = grid.affine.f + grid.affine.e * (np.arange(grid.shape.y) + 0.5)
    return x, y


def _tif(path: Path, values: NDArray[np.float32] | NDArray[np.int16], grid: GeoBox) -> None:
    write_geotiff(path, values, grid, nodata=-9999, mark="test")

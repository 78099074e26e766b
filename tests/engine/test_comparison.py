"""Comparison products: any layout of daily files gives one monthly mean on its own grid."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine

from engine.comparison import ComparisonProduct, ComparisonSpec, load_comparisons
from engine.errors import GranuleError, InputError, MissingDataError
from engine.grids import BBox, coarse_window, fine_of, lonlat
from engine.months import Month, Period
from engine.regrid import area_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BOX = BBox(113.0, 34.0, 113.3, 34.3)
AREA = fine_of(coarse_window(BOX))
JULY = Month(2019, 7)
FILL = -9999


def cells(step: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Return cell centres around the area, latitude from north to south."""
    lat = np.arange(35.0, 33.0, -step) - step / 2
    lon = np.arange(112.0, 115.0, step) + step / 2
    return lat, lon


def moisture(days: int) -> xr.DataArray:
    """Return daily soil moisture that rises with the day, northwards and eastwards."""
    lat, lon = cells()
    plane = 0.2 + 0.02 * (lat[:, None] - 34) + 0.01 * (lon[None, :] - 113)
    values = plane + 0.0002 * np.arange(days)[:, None, None]
    return xr.DataArray(
        values, dims=("time", "lat", "lon"), coords={"lat": lat, "lon": lon}, name="SMCI"
    )


def stored(values: xr.DataArray, *, units: str = "days since 2019-01-01") -> xr.Dataset:
    """Store soil moisture as SMCI does: thousandths, as integers."""
    numbers = xr.where(np.isfinite(values), np.rint(values * 1000), FILL).astype("int16")
    time = xr.DataArray(
        np.arange(values.sizes["time"]), dims="time", attrs={"units": units} if units else {}
    )
    return numbers.assign_coords(time=time).rename("SMCI").to_dataset()


def year_file(
    root: Path, change: Callable[[xr.Dataset], xr.Dataset] = lambda data: data, **names: str
) -> Path:
    path = root / "SMCI" / names.get("name", "SMCI_9km_2019_10cm.nc")
    path.parent.mkdir(parents=True, exist_ok=True)
    change(stored(moisture(365))).to_netcdf(path, engine="h5netcdf")
    return path


def product(root: Path, name: str = "SMCI-9km") -> ComparisonProduct:
    return ComparisonProduct(root, load_comparisons()[name])


def expected(days: slice) -> xr.DataArray:
    return moisture(365)[days].mean("time")


def truth_on(geobox: object, days: slice) -> np.ndarray:
    lon, lat = lonlat(geobox)  # type: ignore[arg-type]
    points = {"lat": xr.DataArray(lat[:, 0], dims="y"), "lon": xr.DataArray(lon[0], dims="x")}
    return expected(days).sel(points, method="nearest").values


JULY_DAYS = slice(181, 212)

LAYOUTS: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "as published": lambda data: data,
    "south first": lambda data: data.isel(lat=slice(None, None, -1)),
    "other order of dimensions": lambda data: data.transpose("lon", "lat", "time"),
    "other names": lambda data: data.rename(lat="latitude", lon="longitude"),
    "no time axis": lambda data: data.drop_vars("time"),
    "hours": lambda data: data.assign_coords(
        time=("time", 24 * data.time.values + 12, {"units": "hours since 2019-01-01 00:00"})
    ),
    "numbered days": lambda data: data.assign_coords(time=("time", np.arange(1, 366))),
    "with scale_factor": lambda data: data.assign(
        SMCI=data["SMCI"].assign_attrs(scale_factor=0.001, add_offset=0.0, units="m3/m3")
    ),
}


@pytest.mark.parametrize("change", LAYOUTS.values(), ids=list(LAYOUTS))
def test_any_layout_gives_the_same_month(
    tmp_path: Path, change: Callable[[xr.Dataset], xr.Dataset]
) -> None:
    """Order of rows and dimensions, names, and the kind of time axis do not matter."""
    year_file(tmp_path, change)
    result = product(tmp_path).month(JULY, AREA)
    field = result.field
    np.testing.assert_allclose(field.values, truth_on(field.geobox, JULY_DAYS), atol=6e-4)
    assert field.units == "m3 m-3"
    assert (result.days == 31).all()
    assert (field.weight == 1).all()
    assert [granule.path.name for granule in result.granules] == ["SMCI_9km_2019_10cm.nc"]


def test_only_the_area_is_read_and_it_is_covered(tmp_path: Path) -> None:
    """The window covers the area with a margin; on the fine grid nothing is missing."""
    year_file(tmp_path)
    field = product(tmp_path).month(JULY, AREA).field
    assert field.values.size < 0.1 * moisture(1).size
    fine, share = area_weights(field.geobox, AREA).apply(field.values, field.weight)
    assert np.isfinite(fine).all()
    np.testing.assert_allclose(share, 1, atol=1e-5)
    lon, lat = lonlat(AREA)
    smooth = 0.2 + 0.02 * (lat - 34) + 0.01 * (lon - 113) + 0.0002 * np.arange(365)[181:212].mean()
    np.testing.assert_allclose(fine, smooth, atol=1.5e-3)


def test_days_and_pixels_that_are_missing_are_left_out(tmp_path: Path) -> None:
    """A pixel with 20 valid days has a mean of those, one with 19 has none."""

    def gaps(data: xr.Dataset) -> xr.Dataset:
        data["SMCI"][181:192, :, :30] = FILL
        data["SMCI"][181:193, :, 30:] = FILL
        return data

    year_file(tmp_path, gaps)
    result = product(tmp_path).month(JULY, fine_of(coarse_window(BBox(113.3, 34, 113.7, 34.3))))
    lon, _ = lonlat(result.field.geobox)
    west = lon < 113.5
    assert np.isfinite(result.field.values[west]).all()
    assert np.isnan(result.field.values[~west]).all()
    assert set(result.days[west]) == {20}
    np.testing.assert_allclose(result.field.weight[west], 20 / 31)
    np.testing.assert_allclose(
        result.field.values, np.where(west, truth_on(result.field.geobox, slice(192, 212)), np.nan),
        atol=6e-4,
    )  # fmt: skip


def test_months_are_those_of_the_names(tmp_path: Path) -> None:
    """A year's file announces twelve months; other files are passed over."""
    year_file(tmp_path)
    (tmp_path / "SMCI_1km_2018_10cm.nc").write_bytes(b"")
    (tmp_path / "readme.txt").write_text("SMCI")
    months = product(tmp_path).months
    assert (str(months[0]), str(months[-1]), len(months)) == ("2019-01", "2019-12", 12)
    assert product(tmp_path, "SSM-China").months == ()


def own_spec(**changes: object) -> ComparisonSpec:
    return ComparisonSpec.model_validate(
        {
            "id": "own",
            "title": "A product of one's own",
            "file_pattern": r"own_(?P<year>\d{4})(?P<doy>\d{3})\.(?:nc|tif)",
            "depth": (0.0, 0.05),
            "variable": {"source": ["sm"], "scale": 0.01, "fill": [255.0], "valid": [0.0, 1.0],
                         "valid_of": "physical"},
            **changes,
        }
    )  # fmt: skip


@pytest.mark.parametrize("suffix", ["nc", "tif"])
def test_one_file_a_day_is_read_as_netcdf_or_geotiff(tmp_path: Path, suffix: str) -> None:
    """A spec of one's own: another variable, scale, fill and date in the name."""
    lat, lon = cells()
    for day in range(182, 213):
        numbers = np.full((lat.size, lon.size), 10 + day % 2, np.uint8)
        numbers[:, 60:] = 255
        path = tmp_path / f"own_2019{day:03}.{suffix}"
        if suffix == "nc":
            coords = {"lat": lat, "lon": lon}
            xr.DataArray(numbers, dims=("lat", "lon"), coords=coords, name="sm").to_netcdf(
                path, engine="h5netcdf"
            )
        else:
            with rasterio.open(
                path, "w", driver="GTiff", width=lon.size, height=lat.size, count=1,
                dtype="uint8", crs="EPSG:4326", transform=Affine(0.05, 0, 112, 0, -0.05, 35),
            ) as raster:  # fmt: skip
                raster.write(numbers, 1)
    field = ComparisonProduct(tmp_path, own_spec()).month(JULY, AREA).field
    np.testing.assert_allclose(field.values, (15 * 0.11 + 16 * 0.10) / 31, rtol=1e-6)


def test_specs_of_users_replace_ours(tmp_path: Path) -> None:
    """A TOML file says how another product, or another layout of ours, is read."""
    folder = tmp_path / "comparison"
    folder.mkdir()
    (folder / "own.toml").write_text(
        'id = "SSM-China"\ntitle = "ours"\ndepth = [0.0, 0.05]\n'
        r"file_pattern = 'ssm(?P<year>\d{4})\.nc'"
        '\n[variable]\nsource = ["sm"]\nscale = 0.0001\n[grid]\nlat = ["Y"]\nlon = ["X"]\n'
    )
    specs = load_comparisons([folder])
    assert specs["SSM-China"].variable.scale == 0.0001
    assert specs["SSM-China"].variable.units == "m3 m-3"
    assert {"SMCI-1km", "SMCI-9km"} <= set(specs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id = 1", "bad.toml, id"),
        ("id =", "cannot be read"),
        ('id = "a"\ncolour = 1', "bad.toml"),
    ],
)
def test_a_bad_spec_is_named_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    """Files that people write are checked key by key."""
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        load_comparisons([tmp_path])


@pytest.mark.parametrize("pattern", ["(", r"a(?P<month>\d)", r"(?P<year>\d)(?P<day>\d)"])
def test_a_pattern_must_name_its_date(pattern: str) -> None:
    """Without a year there is no time; without a month a day is none."""
    with pytest.raises(ValueError, match=r"regular expression|group year"):
        own_spec(file_pattern=pattern)


def attrs(**attributes: object) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda data: data.assign(SMCI=data["SMCI"].assign_attrs(attributes))


BAD: dict[str, tuple[Callable[[xr.Dataset], xr.Dataset], str]] = {
    "another year": (
        lambda data: data.assign_coords(
            time=("time", data.time.values, {"units": "days since 2018-01-01"})
        ),
        "time runs from 2018-01-01 to 2018-12-31",
    ),
    "a day twice": (
        lambda data: data.assign_coords(
            time=("time", data.time.values // 2, {"units": "days since 2019-01-01"})
        ),
        "time repeats days",
    ),
    "a calendar of its own": (
        lambda data: data.assign_coords(
            time=("time", data.time.values, {"units": "moons since 2019-01-01"})
        ),
        "time has the units 'moons",
    ),
    "layers without time": (
        lambda data: data.drop_vars("time").isel(time=slice(0, 90)),
        "time has 90 layers and no units",
    ),
    "another variable": (lambda data: data.rename(SMCI="rain"), "it holds rain; expected SMCI"),
    "scale upside down": (attrs(scale_factor=1000.0), "SMCI has scale_factor 1000"),
    "other units": (attrs(units="kg m-2"), "SMCI has units 'kg m-2'"),
    "scaled already": (lambda data: data.map(lambda one: one / 1000), "median 0.000"),
    "no coordinates": (lambda data: data.drop_vars("lat"), "dimensions time 365, lat 40, lon 60"),
    "a dimension too many": (lambda data: data.expand_dims("depth"), "dimensions depth 1, time"),
    "uneven rows": (
        lambda data: data.assign_coords(lat=data.lat.values + 0.02 * (np.arange(40) == 7)),
        "y is not evenly spaced",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=list(BAD))
def test_a_misleading_file_is_named_with_what_is_wrong(
    tmp_path: Path, change: Callable[[xr.Dataset], xr.Dataset], message: str
) -> None:
    """The error names the file and the variable."""
    year_file(tmp_path, change)
    with pytest.raises(GranuleError, match=message) as caught:
        product(tmp_path).month(JULY, AREA)
    assert str(caught.value).startswith("SMCI_9km_2019_10cm.nc: ")


@pytest.mark.parametrize("share", [0.0, 0.002, 0.3, 0.9])
def test_a_truncated_file_or_a_web_page_is_refused(tmp_path: Path, share: float) -> None:
    """A broken download is an error, never a gap."""
    path = year_file(tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(GranuleError, match=r"empty|truncated, damaged"):
        product(tmp_path).month(JULY, AREA)
    path.write_text("<!DOCTYPE html><html>log in</html>")
    with pytest.raises(GranuleError, match="web page"):
        product(tmp_path).month(JULY, AREA)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """A month without files, an area beyond the file and a month of gaps are told apart."""
    year_file(tmp_path)
    smci = product(tmp_path)
    with pytest.raises(MissingDataError, match=r"SMCI-9km: .*2020-07.*published are 2000 to 2022"):
        smci.month(Month(2020, 7), AREA)
    with pytest.raises(MissingDataError, match="cover the area"):
        smci.month(JULY, fine_of(coarse_window(BBox(20, 34, 20.3, 34.3))))
    year_file(tmp_path, lambda data: data.where(data.time < 190, FILL).astype("int16"))
    with pytest.raises(MissingDataError, match="20 valid days"):
        product(tmp_path).month(JULY, AREA)


def test_days_that_two_files_hold_are_refused(tmp_path: Path) -> None:
    """Which of two would count is anybody's guess."""
    year_file(tmp_path)
    year_file(tmp_path, name="SMCI_9km_2019_10cm.nc4")
    with pytest.raises(GranuleError, match="same days as SMCI_9km_2019_10cm"):
        product(tmp_path).month(JULY, AREA)


@pytest.mark.parametrize(
    ("name", "period"),
    [
        ("SSM-China_2019.nc", (date(2019, 1, 1), date(2020, 1, 1))),
        ("SSM_China_201907.nc4", None),
        ("SSM_20190731.tif", (date(2019, 7, 31), date(2019, 8, 1))),
        ("ssm-china-2019-07-31-1km.nc", (date(2019, 7, 31), date(2019, 8, 1))),
        ("SSM_2019212.tif", (date(2019, 7, 31), date(2019, 8, 1))),
        ("SSM_2019366.tif", None),
        ("SSM_20190231.tif", None),
        ("SMCI_1km_2018_10cm.nc", None),
        ("SMAP_L4_SM_gph_20190731T013000_Vv7031_001.h5", None),
    ],
)
def test_names_announce_days(tmp_path: Path, name: str, period: tuple[date, date] | None) -> None:
    """Years, dates and days of year are told apart; dates that never were announce nothing."""
    (tmp_path / name).write_bytes(b"")
    found = [granule.period for granule in product(tmp_path, "SSM-China").granules]
    assert found == ([Period(*period)] if period else [])


def test_a_month_may_be_a_file(tmp_path: Path) -> None:
    """The month in the name bounds the days that the file may hold."""
    spec = own_spec(
        file_pattern=r"m(?P<year>\d{4})-(?P<month>\d{2})\.(?:nc|tif)",
        variable={"source": ["SMCI"], "scale": 0.001, "fill": [FILL]},
    )
    july = moisture(365)[JULY_DAYS]
    stored(july, units="days since 2019-07-01").to_netcdf(
        tmp_path / "m2019-07.nc", engine="h5netcdf"
    )
    found = ComparisonProduct(tmp_path, spec)
    assert found.months == (JULY,)
    field = found.month(JULY, AREA).field
    np.testing.assert_allclose(field.values, truth_on(field.geobox, JULY_DAYS), atol=6e-4)
    (tmp_path / "m2019-08.tif").write_bytes(b"")
    with pytest.raises(GranuleError, match="a raster for each day"):
        ComparisonProduct(tmp_path, spec).month(Month(2019, 8), AREA)


def test_files_of_one_month_share_their_grid(tmp_path: Path) -> None:
    """A day on another grid is refused, not averaged in."""
    lat, lon = cells()
    for day, shift in ((182, 0.0), (183, 0.01), (184, 0.0)):
        coords = {"lat": lat, "lon": lon + shift}
        numbers = np.full((lat.size, lon.size), 20, np.uint8)
        xr.DataArray(numbers, dims=("lat", "lon"), coords=coords, name="sm").to_netcdf(
            tmp_path / f"own_2019{day}.nc", engine="h5netcdf"
        )
    with pytest.raises(GranuleError, match=r"own_2019183\.nc: its grid is"):
        ComparisonProduct(tmp_path, own_spec()).month(JULY, AREA)

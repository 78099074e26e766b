"""MODIS files, read with pyhdf alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyhdf.SD import SD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from engine.world import World

_TILE = 1111950.5197665233
_LEFT, _TOP = 9 * _TILE, 4 * _TILE


def _files(world: World, product: str) -> Sequence[Path]:
    return sorted((world.archive / product).rglob("*.hdf"))


def _read(path: Path, name: str) -> tuple[np.ndarray, dict[str, Any]]:
    file = SD(str(path))
    dataset = file.select(name)
    values, attributes = dataset[:], dataset.attributes()
    file.end()
    return values, attributes


def _of(world: World, product: str, day: str) -> Path:
    return next(path for path in _files(world, product) if f".A{day}." in path.name)


def test_dates_are_the_eight_day_periods(tiny_world: World) -> None:
    """MOD11A2 covers the months wholly, the short last period of the year included."""
    names = [path.name for path in _files(tiny_world, "MOD11A2")]
    days = [re.match(r"MOD11A2\.A(\d{7})\.h27v05\.061\.\d{13}\.hdf$", name) for name in names]
    stamps = [day[1] for day in days if day is not None]
    assert len(stamps) == len(names)
    assert stamps[0] == "2019329"
    assert {"2019361", "2020001", "2020361", "2021001", "2021025"} <= set(stamps)
    assert stamps[-1] == "2021025"


def test_reflectance_is_sampled_every_eight_days(tiny_world: World) -> None:
    """MCD43A4 granules lie on day 1, 9, … 361, within the months."""
    stamps = [path.name[9:16] for path in _files(tiny_world, "MCD43A4")]
    assert stamps[0] == "2019337"
    assert all(int(stamp[4:]) % 8 == 1 for stamp in stamps)
    assert len(stamps) == 54


@pytest.mark.parametrize(
    ("product", "grid", "pixels"),
    [("MCD43A4", "MOD_Grid_BRDF", 2400), ("MOD11A2", "MODIS_Grid_8Day_1km_LST", 1200)],
)
def test_crop_lies_on_the_tile_s_lattice(
    tiny_world: World, product: str, grid: str, pixels: int
) -> None:
    """StructMetadata gives a window of h27v05, whole pixels from its corner."""
    file = SD(str(_files(tiny_world, product)[0]))
    text = file.attributes()["StructMetadata.0"]
    assert "preset tiny, seed 7" in file.attributes()["synthetic"]
    shapes = {info[1] for info in file.datasets().values()}
    file.end()
    assert f'GridName="{grid}"' in text
    assert "Projection=GCTP_SNSOID" in text
    columns, rows = (int(re.search(rf"{d}Dim=(\d+)", text)[1]) for d in "XY")  # type: ignore[index]
    assert shapes == {(rows, columns)}
    left, top, right, bottom = (
        float(value)
        for key in ("UpperLeftPointMtrs", "LowerRightMtrs")
        for value in re.search(rf"{key}=\((.*),(.*)\)", text).groups()  # type: ignore[union-attr]
    )
    size = _TILE / pixels
    offsets = np.array([(left - _LEFT) / size, (_TOP - top) / size])
    np.testing.assert_allclose(offsets, np.rint(offsets), atol=1e-6)
    np.testing.assert_allclose([right - left, top - bottom], [columns * size, rows * size])


def test_reflectance_has_the_published_packing(tiny_world: World) -> None:
    """int16, 0.0001, 32767; the quality byte is 0, 1, or 255 where there is no value."""
    path = _of(tiny_world, "MCD43A4", "2020201")
    quality, attributes = _read(path, "BRDF_Albedo_Band_Mandatory_Quality_Band2")
    assert attributes["_FillValue"] == 255
    assert set(np.unique(quality)) <= {0, 1, 255}
    for band in range(1, 8):
        values, attributes = _read(path, f"Nadir_Reflectance_Band{band}")
        assert values.dtype == np.int16
        assert attributes["_FillValue"] == 32767
        assert attributes["scale_factor"] == pytest.approx(0.0001)
        assert attributes["valid_range"] == [0, 32766]
        np.testing.assert_array_equal(values == 32767, quality == 255)
        assert values[quality != 255].max() <= 10000


def test_vegetation_greens_up(tiny_world: World) -> None:
    """NDVI is low in January and high in August."""

    def ndvi(day: str) -> float:
        path = _of(tiny_world, "MCD43A4", day)
        red, nir = (
            np.where(values == 32767, np.nan, values * 1e-4)
            for values in (_read(path, f"Nadir_Reflectance_Band{band}")[0] for band in (1, 2))
        )
        return float(np.nanmean((nir - red) / (nir + red)))

    assert ndvi("2020009") < 0.35
    assert ndvi("2020225") > 0.6


def test_temperature_has_the_published_packing(tiny_world: World) -> None:
    """uint16, 0.02 K, fill 0; plausible for July; the view time is in tenths of hours."""
    path = _of(tiny_world, "MOD11A2", "2020201")
    values, attributes = _read(path, "LST_Day_1km")
    assert values.dtype == np.uint16
    assert attributes["_FillValue"] == 0
    assert attributes["scale_factor"] == pytest.approx(0.02)
    assert attributes["valid_range"] == [7500, 65535]
    kelvin = values[values > 0] * 0.02
    assert 285 < kelvin.min() < kelvin.max() < 335
    time, attributes = _read(path, "Day_view_time")
    assert set(np.unique(time)) <= {106, attributes["_FillValue"]}


@pytest.mark.parametrize(
    ("half", "bits"), [("Day", "Clear_sky_days"), ("Night", "Clear_sky_nights")]
)
def test_quality_bytes_agree_with_the_clouds(tiny_world: World, half: str, bits: str) -> None:
    """No clear day: no value; one: error class 3 K; two or three: 2 K; four or more: good."""
    seen = np.zeros(3, int)
    for path in _files(tiny_world, "MOD11A2")[::5]:
        values, quality, clear = (
            _read(path, name)[0] for name in (f"LST_{half}_1km", f"QC_{half}", bits)
        )
        days = np.unpackbits(clear[..., None], axis=-1).sum(axis=-1)
        np.testing.assert_array_equal(values == 0, days == 0)
        assert (quality[days == 0] & 0b11 == 2).all()
        for k, (low, high, error) in enumerate([(1, 1, 2), (2, 3, 1), (4, 8, 0)]):
            inside = (days >= low) & (days <= high)
            assert (quality[inside] >> 6 == error).all()
            assert (quality[inside] & 0b11 == (0 if low == 4 else 1)).all()
            seen[k] += inside.sum()
    assert (seen > 0).all()


def test_short_period_has_no_bits_beyond_its_days(tiny_world: World) -> None:
    """The period from day 361 of 2019 has five days."""
    clear, _ = _read(_of(tiny_world, "MOD11A2", "2019361"), "Clear_sky_days")
    assert clear.max() < 1 << 5

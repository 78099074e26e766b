"""Long gaps of a month: filled from the archive's other years, and told."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.archive import Archive
from engine.feature_store import FeatureStore
from engine.grids import BBox, covering_window, sinusoidal_tile
from engine.months import Month
from engine.quality import quality_layer, quality_table
from engine.region import Region
from engine.world.operators.observation import Observation
from engine.world.writers.modis_hdf4 import packed_products
from engine.world.writers.modis_hdf4 import write_modis as write_granule

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FEBRUARY = Month(2020, 2)
REGION = Region(name="years", title="Some years", bbox=BBox(113.5, 34.6, 113.65, 34.7))
HIDDEN = (slice(6, 12), slice(6, 12))
"""Pixels of MOD11A2 within the area, under clouds for a whole winter."""

YEARS = {2018: 281.0, 2019: 285.0, 2020: 284.0}


def write(archive: Path, year: int, kelvin: float, *, cloudy: bool = False) -> None:
    """Write a winter of even day temperatures, all of it hidden in some pixels or none."""
    packed = packed_products()["MOD11A2"]
    whole = sinusoidal_tile("h27v05", packed.tile_pixels)
    window = covering_window(whole, REGION.area(), 2)
    assert window is not None
    geobox = whole[window]
    for k in range(2, 9):
        day = date(year, 1, 1) + timedelta(8 * k)
        fields = {name: np.zeros(tuple(geobox.shape)) for name in packed.fields}
        fields |= {name: np.full(tuple(geobox.shape), kelvin) for name in fields if "LST" in name}
        if cloudy:
            fields["LST_Day_1km"][HIDDEN] = np.nan
        time = datetime(day.year, day.month, day.day, tzinfo=UTC)
        seen = Observation(
            product="MOD11A2", time=time, geobox=geobox, tile="h27v05", fields=fields
        )
        write_granule(seen, archive / str(year), "test")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return three winters, the last one with a hole."""
    for year, kelvin in YEARS.items():
        write(tmp_path / "archive", year, kelvin, cloudy=year == FEBRUARY.year)
    return tmp_path / "archive"


def store(archive: Path, *, bridging: bool = True, climatology: bool = True) -> FeatureStore:
    """Return a store; those of one archive share a folder."""
    folder = archive.parent / "features"
    return FeatureStore(
        Archive(archive), REGION, folder, bridging=bridging, climatology=climatology
    )


def day(store: FeatureStore, month: Month = FEBRUARY) -> NDArray[np.float32]:
    """Return a month of day temperature, K."""
    return np.asarray(store.month(month, ["lst_day"])["lst_day"])


def test_a_winter_under_clouds_is_filled(archive: Path) -> None:
    """With the mean of the other years and the anomaly of the area, which is all alike here."""
    without = day(store(archive, climatology=False))
    assert 9 <= np.isnan(without).sum() < without.size / 2
    assert np.array_equal(day(store(archive, bridging=False)), without, equal_nan=True)
    assert np.allclose(day(store(archive)), YEARS[2020], atol=0.02)


def test_without_another_year_it_stays(archive: Path) -> None:
    """Nothing else is guessed from."""
    for year in (2018, 2019):
        for granule in (archive / str(year)).rglob("*.hdf"):
            granule.unlink()
    without = day(store(archive, climatology=False))
    assert np.array_equal(day(store(archive)), without, equal_nan=True)


def test_other_years_count_as_they_were_seen(archive: Path) -> None:
    """A hole of another year is no lesson, filled or not; its own filling does not change."""
    write(archive, 2019, YEARS[2019], cloudy=True)
    filled = day(store(archive))
    assert np.allclose(filled, YEARS[2020], atol=0.02)
    write(archive, 2018, YEARS[2018], cloudy=True)
    without = day(store(archive, climatology=False))
    assert np.array_equal(day(store(archive)), without, equal_nan=True)


def test_the_filling_does_not_depend_on_the_request(archive: Path) -> None:
    """Alone, with others, or after other months, to the bit."""
    alone = day(store(archive))
    for path in (archive.parent / "features").glob("*.npz"):
        path.unlink()
    later = store(archive)
    day(later, Month(2019, 2))
    both = later.month(FEBRUARY, ["lst_night", "lst_day"])
    assert np.array_equal(both["lst_day"], alone)
    assert "A2019" not in both.attrs["granules_MOD11A2"]


def test_another_year_changes_what_is_kept(archive: Path) -> None:
    """A granule of another year replaced: the month is filled anew, and its files tell."""
    one = store(archive)
    before = day(one)
    files = one.granules(FEBRUARY, ["lst_day"])
    assert {granule.path.parent.name for granule in files} >= {"2018", "2019", "2020"}
    assert {granule.path.parent.name for granule in files[-4:]} == {"2020"}
    plain = store(archive, climatology=False).granules(FEBRUARY, ["lst_day"])
    assert not any("A2019" in granule.path.name for granule in plain)
    fingerprint = one.archive.fingerprint(files)
    write(archive, 2018, 300.0, cloudy=True)
    for path in (archive / "2018").rglob("*.hdf"):
        os.utime(path, ns=(1, 1))
    again = store(archive)
    assert again.archive.fingerprint(again.granules(FEBRUARY, ["lst_day"])) != fingerprint
    kept = len(list((archive.parent / "features").glob("*filled*")))
    after = day(again)
    assert np.allclose(after, before, atol=0.02)
    assert len(list((archive.parent / "features").glob("*filled*"))) == kept + 1


def test_the_level_tells_it(archive: Path) -> None:
    """3 where it was filled, in the level and in the bits of quality; 0 elsewhere."""
    one = store(archive)
    hole = np.isnan(day(store(archive, climatology=False)))
    levels = one.fill_levels(FEBRUARY, ["lst_day", "lst_night"])
    assert np.array_equal(levels["lst_day"], np.where(hole, 3, 0))
    assert not levels["lst_night"].any()
    bits = quality_layer(one, FEBRUARY, ["lst_day"], with_smap=False).to_numpy()
    mask = quality_table().flag("fill_level").mask
    assert np.array_equal(bits & mask, np.where(hole, 3, 0))


def test_nothing_else_is_read_without_a_gap(archive: Path) -> None:
    """A whole month needs no other year, not even a damaged one."""
    for path in (archive / "2018").rglob("*.hdf"):
        path.write_bytes(b"<html>")
    one = store(archive)
    assert np.allclose(day(one, Month(2019, 2)), YEARS[2019], atol=0.02)
    assert not list((archive.parent / "features").glob("*filled*"))

"""Gaps of a month: bridged from the archive's neighbours, and told."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.archive import Archive
from engine.errors import MissingDataError
from engine.feature_store import FeatureStore
from engine.grids import BBox
from engine.months import Month
from engine.region import Region
from engine.testing import write_even_modis

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FEBRUARY = Month(2020, 2)
REGION = Region(name="gap", title="A gap", bbox=BBox(113.5, 34.6, 113.65, 34.7))
STARTS = [date(2020, 1, 1) + timedelta(8 * k) for k in range(12)]
SECOND_TIER = 64
"""Quality of MOD11A2: produced, with an error of up to 2 K."""


def kelvin(start: date) -> float:
    """Return a temperature that rises by the same amount from period to period."""
    return 280.0 + (start - STARTS[0]).days / 4


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a folder for granules."""
    return tmp_path / "archive"


def write(archive: Path, cloudy: Iterable[date], quality: int = 0) -> None:
    """Write a winter of day temperatures with some periods under clouds."""
    hidden = set(cloudy)
    for start in STARTS:
        value = np.nan if start in hidden else kelvin(start)
        fields = {"LST_Day_1km": value, "LST_Night_1km": 270.0, "QC_Day": quality}
        write_even_modis("MOD11A2", "h27v05", start, archive, fields, area=REGION.area())


def store(archive: Path, *, bridging: bool = True) -> FeatureStore:
    """Return a store of its own for each way of filling."""
    folder = archive.parent / f"features-{bridging}"
    return FeatureStore(Archive(archive), REGION, folder, bridging=bridging)


def mean_of(starts: Iterable[date]) -> float:
    """Average some periods by the days that they share with February."""
    days = {
        s: (min(s + timedelta(8), date(2020, 3, 1)) - max(s, date(2020, 2, 1))).days for s in starts
    }
    seen = {start: count for start, count in days.items() if count > 0}
    return float(np.average([kelvin(s) for s in seen], weights=list(seen.values())))


GAP = [date(2020, 2, 2), date(2020, 2, 10)]
OPEN = [date(2020, 2, 18), date(2020, 2, 26)]


def test_a_gap_within_the_month_is_bridged(archive: Path) -> None:
    """With quality equal throughout, the month is as if nothing had been hidden."""
    write(archive, GAP, SECOND_TIER)
    month = store(archive).month(FEBRUARY, ["lst_day"])["lst_day"]
    assert np.allclose(month, mean_of(STARTS), atol=0.02)


def test_a_gap_across_the_months_end_needs_the_next_month(archive: Path) -> None:
    """Neighbours in time come from the archive, though only February was asked for."""
    write(archive, OPEN, SECOND_TIER)
    month = store(archive).month(FEBRUARY, ["lst_day"])["lst_day"]
    assert np.allclose(month, mean_of(STARTS), atol=0.02)
    for granule in archive.rglob("MOD11A2.A202006?.*"):
        granule.unlink()
    alone = store(archive).month(FEBRUARY, ["lst_day"])["lst_day"]
    assert np.allclose(alone, mean_of([s for s in STARTS if s not in OPEN]), atol=0.02)


def test_bridging_can_be_switched_off(archive: Path) -> None:
    """Then a month is the mean of what was observed."""
    write(archive, GAP)
    month = store(archive, bridging=False).month(FEBRUARY, ["lst_day"])["lst_day"]
    assert np.allclose(month, mean_of([s for s in STARTS if s not in GAP]), atol=0.02)


def test_gaps_of_three_periods_stay(archive: Path) -> None:
    """What is hidden for longer stays missing, rather than guessed from five days."""
    write(archive, [*GAP, OPEN[0]])
    with pytest.raises(MissingDataError, match=r"MOD11A2.*2020-02.*lst_day"):
        store(archive).month(FEBRUARY, ["lst_day"])


@pytest.mark.parametrize(
    ("cloudy", "quality", "level"),
    [([], 0, 0), (GAP, 0, 0), ([], SECOND_TIER, 1), (GAP, SECOND_TIER, 2)],
)
def test_the_level_is_that_of_most_of_the_weight(
    archive: Path, cloudy: list[date], quality: int, level: int
) -> None:
    """0 observed well, 1 observed at lower quality, 2 interpolated."""
    write(archive, cloudy, quality)
    levels = store(archive).fill_levels(FEBRUARY, ["lst_day", "lst_night"])
    assert levels["lst_day"].dtype == np.uint8
    assert (levels["lst_day"] == level).all()
    assert (levels["lst_night"] == 0).all()


def test_a_months_files_include_its_neighbours(archive: Path) -> None:
    """What may change a month's values changes its fingerprint."""
    write(archive, [])
    names = [one.path.name for one in store(archive).granules(FEBRUARY, ["lst_day"])]
    days = [name.split(".")[1] for name in names]
    assert sorted(days) == [f"A2020{25 + 8 * k - 16:03d}" for k in range(9)]
    assert len(store(archive, bridging=False).granules(FEBRUARY, ["lst_day"])) == 5

"""Stations, as our readers read them, against the truth and their known faults."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio

from engine.grids import apply_affine, transformer
from engine.months import Month
from engine.stations.read import read_stations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.stations import StationSeries
    from engine.world import World


@pytest.fixture(scope="module")
def series(tiny_world: World) -> Mapping[str, StationSeries]:
    """Give every station's series by name."""
    folder = tiny_world.stations
    found = (*read_stations(folder / "ismn"), *read_stations(folder / "stations.csv"))
    return {one.station.name: one for one in found}


@pytest.fixture(scope="module")
def faults(tiny_world: World) -> Mapping[str, Mapping[str, float]]:
    """Give what only the truth knows of the stations."""
    with (tiny_world.truth / "stations.csv").open(encoding="utf-8") as file:
        return {
            row.pop("station_id"): {key: float(value) for key, value in row.items()}
            for row in csv.DictReader(file)
        }


def test_every_station_is_there(
    tiny_world: World, series: Mapping[str, StationSeries], faults: Mapping[str, object]
) -> None:
    """Two thirds in the ISMN's two formats, a third in our table; all hours but the gaps."""
    assert set(series) == set(faults) == {f"S{number:03d}" for number in range(1, 13)}
    hours = 24 * sum(month.days for month in tiny_world.months)
    for one in series.values():
        assert 0.7 * hours < len(one) <= hours
        assert one.station.network == "VADOSE-SYNTHETIC"
        assert one.times[0] >= np.datetime64("2019-12-01T00")
        assert one.times[-1] <= np.datetime64("2021-01-31T23")


def test_files_have_all_line_ends(tiny_world: World) -> None:
    r"""``\n``, ``\r\n``, ``\r`` and ``\n\r`` all occur, one kind in a file."""
    kinds = set()
    for path in tiny_world.stations.rglob("*.stm"):
        content = path.read_bytes()
        kinds.add(content[len(content.rstrip(b"\r\n")) :])
    assert kinds == {b"\n", b"\r\n", b"\r", b"\n\r"}


def test_places_lie_in_their_cells(
    tiny_world: World,
    series: Mapping[str, StationSeries],
    faults: Mapping[str, Mapping[str, float]],
) -> None:
    """Latitude and longitude lead to the row and column whose truth the station follows."""
    area = tiny_world.domain.area
    to_grid = transformer("EPSG:4326", str(area.crs))
    for name, one in series.items():
        x, y = to_grid.transform(np.array([one.station.lon]), np.array([one.station.lat]))
        column, row = apply_affine(~area.affine, x, y)
        assert (int(row[0]), int(column[0])) == (faults[name]["row"], faults[name]["column"])


def test_faults_are_flagged(series: Mapping[str, StationSeries]) -> None:
    """Frost, spikes, soaked probes and fill values all occur, each with its flag."""
    counts: dict[str, int] = {}
    for one in series.values():
        for flag, count in one.flags.counts().items():
            counts[flag] = counts.get(flag, 0) + count
    assert {"G", "D01", "D06", "D10", "M"} <= set(counts)
    assert counts["G"] > 0.7 * sum(counts.values())


def test_good_hours_follow_the_truth(
    tiny_world: World,
    series: Mapping[str, StationSeries],
    faults: Mapping[str, Mapping[str, float]],
) -> None:
    """A month's good values are the cell's truth, shifted and stretched as the faults say."""
    month = Month(2020, 7)
    with rasterio.open(tiny_world.truth_file("soil_moisture", month)) as file:
        truth = file.read(1)
    years = []
    for other in tiny_world.months:
        with rasterio.open(tiny_world.truth_file("soil_moisture", other)) as file:
            years.append(file.read(1))
    weights = [other.days for other in tiny_world.months]
    mean = np.average(years, axis=0, weights=weights)
    checked = 0
    for name, one in series.items():
        july = one.during(month.period)
        if one.depth_to > 0.05 or july.good.sum() < 720:
            continue
        fault = faults[name]
        cell = int(fault["row"]), int(fault["column"])
        expected = mean[cell] + fault["slope"] * (truth[cell] - mean[cell]) + fault["offset_m3_m3"]
        assert july.values[july.good].mean() == pytest.approx(expected, abs=0.008)
        checked += 1
    assert checked >= 3

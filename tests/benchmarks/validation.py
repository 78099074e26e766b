"""How long a validation takes, and how much memory: maps of a province, many stations.

::

    python tests/benchmarks/validation.py --stations 57 --months 44
    python tests/benchmarks/validation.py --stations 1000 --months 60 --hourly --most-seconds 300

Maps and stations are noise: only time and memory are of interest. With ``--hourly`` stations are
written as files of the ISMN first, and reading them is part of what is measured. More than
``--most-seconds`` or ``--most-mb`` is a failure.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from engine.grids import BBox, block_mean, coarse_window, fine_of, lonlat
from engine.months import Month, month_range
from engine.progress import silent
from engine.regrid import WeightCache
from engine.stations import Station, Wanted, read_stations_in_parts
from engine.validation.assessment import Subject, assess
from engine.validation.document import metrics_document, stations_document
from engine.validation.fields import Lack, MonthFields
from engine.validation.report import report_page
from engine.validation.rules import Rules
from engine.validation.stations import Calendar, SensorDays, daily_means

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from odc.geo.geobox import GeoBox

HENAN = BBox(110.35, 31.38, 116.65, 36.37)
SUBJECT = Subject(
    title="Noise",
    collection="noise",
    region="Henan",
    synthetic=True,
    details={},
    stations=(),
    coarse="noise",
)


@dataclass(frozen=True)
class Noise:
    """Maps of noise."""

    grid: GeoBox
    months: tuple[Month, ...]

    def month(self, month: Month) -> MonthFields:
        """Return a month of five layers, SMAP, rain and plants."""
        number = self.months.index(month)
        generator = np.random.default_rng(number)
        shape = (self.grid.shape.y, self.grid.shape.x)
        season = 0.25 + 0.05 * np.sin(2 * np.pi * number / 12)
        values = (season + 0.03 * generator.normal(size=shape)).astype(np.float32)
        smap = block_mean(values) + 0.01 * generator.normal(size=(shape[0] // 9, shape[1] // 9))
        names = ("soil_moisture", "soil_moisture_raw", "soil_moisture_conserving", "lower", "upper")
        return MonthFields(
            layers=dict.fromkeys(names, values),
            smap=smap,
            companions={name: smap.copy() for name in ("precipitation", "ndvi", "sif")},
        )

    def cover(self) -> Mapping[str, np.ndarray]:
        """Return crops everywhere."""
        return {"crop": np.ones((self.grid.shape.y, self.grid.shape.x))}

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """Return nothing."""
        return ()


def places(grid: GeoBox, count: int) -> Iterator[Station]:
    """Give stations all over a grid."""
    lon, lat = lonlat(grid)
    cells = np.random.default_rng(1).choice(lon.size, count, replace=False)
    for number, cell in enumerate(cells):
        yield Station(
            network="NET",
            name=f"S{number:04d}",
            lat=round(float(lat.flat[cell]), 5),
            lon=round(float(lon.flat[cell]), 5),
        )


def write_ismn(stations: Iterator[Station], calendar: Calendar, folder: Path) -> None:
    """Write hourly files with header and values."""
    times = calendar.start.astype("M8[h]") + np.arange(24 * calendar.days)
    stamps = np.datetime_as_string(times.astype("M8[m]"))
    stamps = np.char.replace(np.char.replace(stamps, "-", "/"), "T", " ")
    first, last = (str(day).replace("-", "") for day in times[[0, -1]].astype("M8[D]"))
    generator = np.random.default_rng(2)
    for station in stations:
        values = 0.25 + 0.02 * generator.normal(size=times.size)
        lines = np.char.add(np.char.add(stamps, np.char.mod(" %.4f", values)), " G M")
        name = f"NET_NET_{station.name}_sm_0.050000_0.050000_P-1_{first}_{last}.stm"
        path = folder / "NET" / station.name / name
        path.parent.mkdir(parents=True)
        head = f"NET NET {station.name} {station.lat} {station.lon} 100.0 0.05 0.05 P-1"
        path.write_text("\n".join([head, *lines]) + "\n", encoding="ascii")


def daily(stations: Iterator[Station], calendar: Calendar) -> Iterator[SensorDays]:
    """Give daily values without files."""
    generator = np.random.default_rng(2)
    for station in stations:
        values = 0.25 + 0.05 * generator.normal(size=calendar.days)
        yield SensorDays(
            station=station,
            sensor="P",
            depth=(0.05, 0.05),
            values=values,
            losses=(),
        )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a validation cost."""

    wall: float
    """Seconds that passed."""
    reading: float
    """Seconds of CPU for files of stations; the next two likewise."""
    computing: float
    writing: float
    memory: float
    """Most that the process ever had, MB."""
    page: float
    """Size of the report, MB."""
    summarised: int
    """Stations in the summary."""

    def __str__(self) -> str:
        cpu = self.reading + self.computing + self.writing
        return (
            f"{self.wall:.1f} s, of them CPU {cpu:.1f} s (reading {self.reading:.1f}, computing "
            f"{self.computing:.1f}, writing {self.writing:.1f}); {self.memory:.0f} MB; page "
            f"{self.page:.1f} MB; {self.summarised} stations in the summary"
        )


def measured(count: int, months: int, *, hourly: bool, area: BBox = HENAN) -> Measured:
    """Validate noise, and say what it cost.

    Parameters
    ----------
    count
        Stations.
    months
        Of maps and stations.
    hourly
        Whether stations are read from hourly files of the ISMN, which are written before the clock
        starts.
    area
        What the maps cover, degrees.
    """
    first = Month(2016, 1)
    calendar = Calendar(months=month_range(first, first.shift(months - 1)))
    source = Noise(grid=fine_of(coarse_window(area)), months=calendar.months)
    rules, stations = Rules(), places(source.grid, count)
    with TemporaryDirectory() as folder:
        if hourly:
            write_ismn(stations, calendar, Path(folder))
        start, ticks = time.perf_counter(), [time.process_time()]
        sensors: Iterator[SensorDays] = daily(stations, calendar)
        if hourly:
            parts = read_stations_in_parts(Path(folder), Wanted(layer=rules.wider_depth))
            sensors = (daily_means(one, calendar, rules) for part in parts for one in part)
        found = [*sensors]
        ticks.append(time.process_time())
        assessment = assess(
            SUBJECT,
            source,
            calendar,
            sensors=found,
            others=(),
            weights=WeightCache(),
            rules=rules,
            progress=silent,
        )
        ticks.append(time.process_time())
        page = report_page(assessment)
        for document in (metrics_document, stations_document):
            json.dumps(document(assessment), allow_nan=False)
        ticks.append(time.process_time())
        wall = time.perf_counter() - start
    reading, computing, writing = (float(one) for one in np.diff(ticks))
    return Measured(
        wall=wall,
        reading=reading,
        computing=computing,
        writing=writing,
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        page=len(page) / 1e6,
        summarised=0 if assessment.stations is None else assessment.stations.headline.sites,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stations", type=int, default=57)
    parser.add_argument("--months", type=int, default=44)
    parser.add_argument("--hourly", action="store_true")
    parser.add_argument("--most-seconds", type=float, default=60.0)
    parser.add_argument("--most-mb", type=float, default=2048.0)
    asked = parser.parse_args()
    found = measured(asked.stations, asked.months, hourly=asked.hourly)
    print(f"{asked.stations} stations, {asked.months} months: {found}")  # noqa: T201
    if found.wall > asked.most_seconds or found.memory > asked.most_mb:
        sys.exit(f"too much: {asked.most_seconds:g} s and {asked.most_mb:g} MB are allowed")


if __name__ == "__main__":
    main()

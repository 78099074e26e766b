"""A small series of maps whose truth is known, with stations, for the tests of validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.grids import BBox, block_mean, coarse_window, fine_of, lonlat, spread
from engine.months import Month, month_range
from engine.stations import Station
from engine.validation.assessment import Subject
from engine.validation.fields import Lack, MonthFields
from engine.validation.stations import Calendar, SensorDays

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

MONTHS = month_range(Month(2018, 5), Month(2020, 12))
SUBJECT = Subject(
    title="Toy <maps>",
    collection="toy",
    region="Toyland",
    synthetic=True,
    details={"Model": "a <b>toy</b>"},
    stations=("Toy stations.",),
    coarse="Toy SMAP",
)


@dataclass(frozen=True)
class ToySource:
    """Maps that are near the truth, and SMAP that has a bias of its own in every cell."""

    grid: GeoBox
    truth: NDArray[np.float64]
    """``(months, y, x)`` m3 m-3."""
    smap: NDArray[np.float64]
    """Of the 9 km cells, ``(months, y, x)`` m3 m-3."""
    map_error: NDArray[np.float64]
    """Of the maps, ``(months, y, x)`` m3 m-3."""
    rain: NDArray[np.float64]
    """``(months,)`` mm day-1, the same everywhere."""

    @classmethod
    def of(cls, *, map_error: float = 0.006, smap_error: float = 0.02) -> ToySource:
        """Make them, with errors of a size."""
        grid = fine_of(coarse_window(BBox(113.0, 34.0, 113.4, 34.3)))
        generator = np.random.default_rng(11)
        shape = tuple(grid.shape)
        t = np.arange(len(MONTHS))
        rain = np.maximum(0.2, 3 + 2.5 * np.sin(2 * np.pi * (t - 1) / 12))
        rain = rain * np.exp(0.4 * generator.normal(size=t.size))
        place = 0.03 * generator.normal(size=shape)
        season = 0.25 + 0.012 * (rain - rain.mean())
        truth = season[:, None, None] + place + 0.008 * generator.normal(size=(t.size, *shape))
        coarse = block_mean(truth)
        static = smap_error * generator.normal(size=coarse.shape[1:])
        smap = coarse + static + 0.012 * generator.normal(size=coarse.shape)
        return cls(
            grid=grid,
            truth=truth,
            smap=smap,
            map_error=map_error * generator.normal(size=truth.shape),
            rain=rain,
        )

    def month(self, month: Month) -> MonthFields:
        """Return one month."""
        k = MONTHS.index(month)
        values = (self.truth[k] + self.map_error[k]).astype(np.float32)
        conserving = values + spread(self.smap[k] - block_mean(values)).astype(np.float32)
        return MonthFields(
            layers={
                "soil_moisture": values,
                "soil_moisture_conserving": conserving,
                "lower": values - np.float32(0.02),
                "upper": values + np.float32(0.02),
            },
            smap=self.smap[k],
            companions={"precipitation": np.full(self.smap[k].shape, self.rain[k])},
        )

    def cover(self) -> Mapping[str, NDArray[np.floating]]:
        """Return crops in the west, forest in the east, and one lake."""
        shape = tuple(self.grid.shape)
        west = np.indices(shape)[1] < shape[1] // 2
        water = np.zeros(shape)
        water[0, 0] = 1.0
        crop = np.where(west, 0.8, 0.1)
        return {"crop": crop * (1 - water), "forest": (1 - crop) * (1 - water), "water": water}

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """Return that there was no fluorescence in the first month."""
        return (Lack(what="fluorescence", month=MONTHS[0], why="no <map> of it"),)

    def sensor(
        self,
        row: int,
        column: int,
        name: str,
        *,
        offset: float = 0.0,
        depth: tuple[float, float] = (0.0, 0.05),
        months: int = len(MONTHS),
    ) -> SensorDays:
        """Return a station that knows its cell's truth, but for an offset."""
        lon, lat = lonlat(self.grid)
        calendar = Calendar(months=MONTHS)
        month = calendar.month_of_day
        values = self.truth[month, row, column] + offset
        values = np.where(month < months, values, np.nan)
        return SensorDays(
            station=Station(
                network="TOY", name=name, lat=float(lat[row, column]), lon=float(lon[row, column])
            ),
            sensor="probe",
            depth=depth,
            values=values,
            losses=(),
        )

    def sensors(self) -> list[SensorDays]:
        """Return 12 stations: two too short, one under water, two deeper ones."""
        generator = np.random.default_rng(5)
        rows, columns = (generator.choice(size, 9, replace=False) for size in self.grid.shape)
        good = [
            self.sensor(int(row), int(column), f"S{k}", offset=0.01 * generator.normal())
            for k, (row, column) in enumerate(zip(rows, columns, strict=True))
        ]
        return [
            *good,
            self.sensor(2, 3, "short", months=15),
            self.sensor(5, 3, "tiny", months=6),
            self.sensor(0, 0, "lake"),
            self.sensor(20, 20, "deep", depth=(0.0, 0.1)),
        ]

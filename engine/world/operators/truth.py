"""The truth itself, by months: what no real archive has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from engine.months import Month

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from engine.world.domain import Domain
    from engine.world.presets import Preset
    from engine.world.simulation import Day


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueMonth:
    """Monthly means of the daily truth on the area's 1 km cells."""

    month: Month
    fields: Mapping[str, NDArray[np.float32]]
    """``soil_moisture`` in m3 m-3 and ``sif`` in mW m-2 nm-1 sr-1, ``(y, x)``."""


class MonthlyTruth:
    """Averages the days of each month."""

    def __init__(self, preset: Preset, domain: Domain) -> None:
        self._months = frozenset(preset.months)
        self._domain = domain
        self._sums: dict[str, NDArray[np.float64]] = {}

    def see(self, day: Day) -> Iterator[TrueMonth]:
        """Yield a month's truth on its last day."""
        month = Month.of(day.day)
        if month not in self._months:
            return
        today = {"soil_moisture": day.soil_moisture, "sif": day.sif}
        for name, field in today.items():
            self._sums[name] = self._sums.get(name, np.float64(0)) + self._domain.crop(field)
        if Month.of(day.day + timedelta(days=1)) == month:
            return
        yield TrueMonth(
            month=month,
            fields={k: (v / month.days).astype(np.float32) for k, v in self._sums.items()},
        )
        self._sums = {}

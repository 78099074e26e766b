"""Stations, and what their sensors measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from engine.months import Period

    type Times = NDArray[np.datetime64]
    type Rows = NDArray[np.bool_] | NDArray[np.integer] | slice

GOOD = "G"
"""The flag of a value that passed all checks; combinations of flags never pass."""

UNCHECKED = "U"
"""The flag of a value that nobody checked."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A column of texts of which few differ: each text once, and a number for every row."""

    codes: NDArray[np.integer]
    """``(rows,)`` positions in ``texts``, in as few bytes as will do."""
    texts: tuple[str, ...]
    """The distinct texts."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Make a column of the texts of some rows.

        >>> Labels.of(["G", "U", "G"]).counts()
        {'G': 2, 'U': 1}
        """
        codes, distinct = pd.factorize(np.asarray([*texts], dtype=object))
        return cls.numbered(codes, distinct)

    @classmethod
    def numbered(cls, codes: NDArray[np.integer], texts: Iterable[str]) -> Self:
        """Make a column of positions in distinct texts."""
        distinct = tuple(texts)
        return cls(codes.astype(np.min_scalar_type(max(1, len(distinct)))), distinct)

    @classmethod
    def constant(cls, text: str, rows: int) -> Self:
        """Return a column that says the same everywhere."""
        return cls(np.zeros(rows, np.uint8), (text,))

    def __len__(self) -> int:
        return self.codes.size

    def __getitem__(self, rows: Rows) -> Labels:
        return Labels(self.codes[rows], self.texts)

    def at(self, row: int) -> str:
        """Return the text of one row."""
        return self.texts[int(self.codes[row])]

    def first_row(self, position: int) -> int:
        """Return the first row that has the text of a position."""
        return int(np.argmax(self.codes == position))

    def equal(self, text: str) -> NDArray[np.bool_]:
        """Tell which rows say exactly a text."""
        if text not in self.texts:
            return np.zeros(len(self), np.bool_)
        return np.asarray(self.codes == self.texts.index(text))

    def counts(self) -> dict[str, int]:
        """Count the rows of each text that occurs, the most frequent first."""
        rows = np.bincount(self.codes, minlength=len(self.texts))
        order = np.argsort(-rows, kind="stable")
        return {self.texts[k]: int(rows[k]) for k in order if rows[k]}

    def expanded(self) -> NDArray[np.str_]:
        """Return the text of every row."""
        return np.take(np.asarray(self.texts, dtype=np.str_), self.codes)

    def renamed(self, names: dict[str, str]) -> Labels:
        """Write some texts differently."""
        texts = [names.get(text, text) for text in self.texts]
        merged = Labels.of(texts)
        return Labels(merged.codes[self.codes], merged.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A place where sensors are in the ground."""

    network: str
    """Who runs it; empty where nobody says."""
    name: str
    """Its name or number within the network."""
    lat: float
    """Degrees north, WGS 84."""
    lon: float
    """Degrees east, -180 to 180."""
    elevation: float | None = None
    """Metres above sea level."""

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("station", "it has no name", "a name or a number")
        if abs(self.lat) > 90 >= abs(self.lon):
            raise InputError(
                "lat",
                f"{self.lat:g} is beyond ±90 while lon is {self.lon:g}; they look swapped",
                "lat from -90 to 90, lon from -180 to 180",
            )
        _check_within("lat", self.lat, 90)
        _check_within("lon", self.lon, 180)
        if self.lat == 0 and self.lon == 0:
            raise InputError("lat and lon", "both are 0", "the place of the station")

    def __str__(self) -> str:
        return f"{self.network}/{self.name}" if self.network else self.name


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StationSeries:
    """What one sensor measured, in UTC, times ascending and each once."""

    station: Station
    """Where it is."""
    sensor: str
    """Its make or number."""
    variable: str
    """Our name of what it measures, such as ``soil_moisture``."""
    units: str
    """UDUNITS text of ``values``."""
    depth_from: float
    """Upper end of the layer that it feels, m."""
    depth_to: float
    """Lower end, m."""
    times: Times
    """``(rows,)`` datetime64[s], UTC."""
    values: NDArray[np.float32]
    """``(rows,)`` in ``units``; NaN where missing."""
    flags: Labels
    """``(rows,)`` flags in the ISMN's letters; ``G`` alone is good."""
    original_flags: Labels
    """``(rows,)`` flags as the provider wrote them."""
    repeats: int = 0
    """Rows of the source that repeated another exactly and were left out."""

    def __post_init__(self) -> None:
        columns: tuple[Any, ...] = (self.values, self.flags, self.original_flags)
        if any(len(column) != self.times.size for column in columns):
            raise InputError("series", "its columns differ in length", "one row for each time")
        if not (np.diff(self.times) > np.timedelta64(0, "s")).all():
            raise InputError("time", "times do not ascend, or repeat", "each time once, in order")
        if not -math.inf < self.depth_from <= self.depth_to < math.inf:
            raise InputError(
                "depth",
                f"from {self.depth_from:g} m to {self.depth_to:g} m",
                "metres below the surface, the upper end first",
            )

    def __len__(self) -> int:
        return self.times.size

    @property
    def key(self) -> tuple[str, str, str, str, float, float]:
        """What tells this series from all others."""
        place = (self.station.network, self.station.name)
        return (*place, self.variable, self.sensor, self.depth_from, self.depth_to)

    @property
    def good(self) -> NDArray[np.bool_]:
        """``(rows,)`` whether the value is there and flagged exactly ``G``."""
        return np.isfinite(self.values) & self.flags.equal(GOOD)

    def lies_within(self, top: float, bottom: float) -> bool:
        """Tell whether the sensor's layer lies within another, to the nearest centimetre.

        A sensor at 2 inches (0.0508 m) counts as one at 0.05 m.
        """
        return layer_within((self.depth_from, self.depth_to), (top, bottom))

    def during(self, period: Period) -> StationSeries:
        """Return the rows within a period."""
        edges = np.array([period.start, period.end], dtype=self.times.dtype)
        first, last = np.searchsorted(self.times, edges)
        return self._rows(slice(int(first), int(last)))

    def _rows(self, rows: slice) -> StationSeries:
        return replace(
            self,
            times=self.times[rows],
            values=self.values[rows],
            flags=self.flags[rows],
            original_flags=self.original_flags[rows],
        )


def layer_within(layer: tuple[float, float], other: tuple[float, float]) -> bool:
    """Tell whether a layer lies within another, to the nearest centimetre; depths in m.

    >>> layer_within((0.0508, 0.0508), (0.0, 0.05))
    True
    """
    return round(layer[0], 2) >= other[0] and round(layer[1], 2) <= other[1]


def _check_within(field: str, value: float, limit: float) -> None:
    if not abs(value) <= limit:
        raise InputError(field, f"{value:g}", f"degrees from {-limit:g} to {limit:g}")

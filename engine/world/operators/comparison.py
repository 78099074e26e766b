"""Other maps of soil moisture, with known errors: SMCI1.0 and SSM-China as they might be."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import ndimage

from engine.months import Month
from engine.world.operators.observation import Observation
from engine.world.operators.sampling import LonLatSampler, crop_lattice, lonlat_lattice
from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.grids import FloatArray
    from engine.world.domain import Domain
    from engine.world.presets import Preset
    from engine.world.simulation import Day

_PIXEL = 1 / 120
"""Degrees."""


class Errors(BaseModel):
    """How a product errs, and how much of the land it shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root_share: float
    """Of water from below 5 cm in its layer."""
    blur: float
    """Standard deviation of its smoothing, km."""
    slope: float
    """How much it swings for every m3 m-3 that the truth is off ``centre``."""
    centre: float
    """m3 m-3."""
    bias: float
    """m3 m-3."""
    static: float
    """Standard deviation of an error that never changes, over 30 km, m3 m-3."""
    daily: float
    """Standard deviation of an error of each day, m3 m-3."""
    daily_length: float
    """Wavelength of the daily error, km."""
    winter_gaps: bool
    """Whether places under cloud morning and night are missing from October to March."""
    last_year: int
    """Last year that is published."""

    def text(self) -> str:
        """Return a line for the files' metadata."""
        return ", ".join(f"{name} {value}" for name, value in self.model_dump().items())


class ComparisonMap:
    """Makes the daily maps of one comparison product.

    Parameters
    ----------
    product
        ``SMCI-1km`` or ``SSM-China``.
    """

    def __init__(self, product: str, preset: Preset, domain: Domain, seed: int) -> None:
        self._product, self._domain = product, domain
        self.errors = known_errors()[product]
        lattice = lonlat_lattice(-180, 90, _PIXEL, 21600, 43200)
        self.sampler = LonLatSampler.of(crop_lattice(lattice, domain.area, 1), domain)
        self._months = frozenset(preset.months)
        self._generator = stream(seed, f"{product} daily error")
        self._daily = RandomField(domain.shape, self.errors.daily_length)
        static = RandomField(domain.shape, 30).draw(stream(seed, f"{product} static error"))
        self._offset = np.float32(self.errors.bias) + np.float32(self.errors.static) * static

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield the day's map, where the product has that year."""
        if Month.of(day.day) not in self._months or day.day.year > self.errors.last_year:
            return
        seen = self._seen(day)
        values = self.sampler.to_lattice(seen)
        if self.errors.winter_gaps and self._domain.season(day.day).month not in range(4, 10):
            either = (day.clear_day | day.clear_night).astype(np.float32)
            clear = self.sampler.to_lattice(either)
            values = np.where(clear > 0.5, values, np.float32(np.nan))
        yield Observation(
            product=self._product,
            time=datetime.combine(day.day, datetime.min.time(), UTC),
            geobox=self.sampler.geobox,
            fields={"soil_moisture": values.astype(np.float32)},
        )

    def _seen(self, day: Day) -> FloatArray:
        errors = self.errors
        share = np.float32(errors.root_share)
        layer = (1 - share) * day.soil_moisture + share * day.root_moisture
        if errors.blur:
            layer = ndimage.gaussian_filter(layer, errors.blur, truncate=2)
        noise = np.float32(errors.daily) * self._daily.draw(self._generator)
        swing = errors.centre + errors.slope * (layer - errors.centre)
        return np.asarray(np.clip(swing + self._offset + noise, 0.02, 0.6))


@cache
def known_errors() -> Mapping[str, Errors]:
    """Return how the comparison products err, by product."""
    text = resources.files("engine.world.operators").joinpath("comparison.toml").read_text("utf-8")
    return {name: Errors.model_validate(row) for name, row in tomllib.loads(text).items()}

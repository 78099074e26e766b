"""A precipitation error that two products share, as SMAP L4 and CHIRPS may through IMERG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.grids import block_mean
from engine.months import Month
from engine.world import bucket
from engine.world.land import hydraulics
from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from engine.grids import FloatArray
    from engine.world.domain import Domain
    from engine.world.land import Land
    from engine.world.simulation import Day

LENGTH = 60
"""km: wavelength of the error."""


class RainError:
    """How many times too much rain there is in a month.

    Parameters
    ----------
    domain
        What is simulated.
    size
        Standard deviation of the factor's logarithm; 0 is no error.
    seed
        Of the world.
    """

    def __init__(self, domain: Domain, size: float, seed: int) -> None:
        self.size, self._seed = size, seed
        self._field = RandomField(domain.shape, LENGTH)
        self._none = np.ones(domain.shape, np.float32)
        self._latest: tuple[Month, FloatArray] | None = None

    def factor(self, month: Month) -> FloatArray:
        """Return the factor of a month on the simulated 1 km cells, ``(y, x)``."""
        if not self.size:
            return self._none
        if self._latest is None or self._latest[0] != month:
            field = self._field.draw(stream(self._seed, f"shared rain error {month}"))
            factor = np.exp(np.float32(self.size) * field - np.float32(self.size**2 / 2))
            self._latest = month, factor
        return self._latest[1]


class WrongRain:
    """What a land model's 9 km surface soil moisture is off by, because its rain is.

    The world's own bucket runs twice on 9 km cells, once with the wrong rain; the difference is
    the error. It thus has soil moisture's memory. Neither run is irrigated.
    """

    def __init__(self, land: Land, error: RainError) -> None:
        self._error = error
        clay, sand, slope = (block_mean(field) for field in (land.clay, land.sand, land.slope))
        self._soil = bucket.Soil(
            hydraulics=hydraulics(clay, sand), clay=clay, sand=sand, slope=slope
        )
        self._right = self._wrong = bucket.initial_water(self._soil)

    def see(self, day: Day) -> FloatArray:
        """Take a day; return the error of surface soil moisture on the domain's 9 km cells."""
        if not self._error.size:
            return np.zeros_like(self._right.surface)
        rain, demand, cover = (block_mean(f) for f in (day.rain, day.demand, day.cover))
        wrong = block_mean(day.rain * self._error.factor(Month.of(day.day)))
        self._right, _ = bucket.step(self._right, rain, demand, cover, self._soil)
        self._wrong, _ = bucket.step(self._wrong, wrong, demand, cover, self._soil)
        return self._wrong.surface - self._right.surface

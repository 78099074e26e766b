"""MCD43A4: seven bands of nadir reflectance from the clear days of a 16-day window."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.world.operators.observation import Observation
from engine.world.operators.periods import EightDays
from engine.world.operators.sampling import SinusoidalSampler
from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from engine.grids import FloatArray
    from engine.world.domain import Domain
    from engine.world.land import Land
    from engine.world.presets import Preset
    from engine.world.simulation import Day


WINDOW = 16
"""Days; the granule's date is the ninth."""
_FULL, _MAGNITUDE, _NOTHING = 0, 1, 255
_FULL_DAYS, _LEAST_DAYS = 5, 2
"""Clear days needed for a full and for a magnitude inversion."""
_NSDSI_NOISE = 0.02
_BAND_NOISE = {1: 0.02, 2: 0.02, 3: 0.03, 4: 0.02, 5: 0.05, 6: 0.02, 7: 0.02}
"""Relative noise of a 500 m pixel; band 5 is Terra's noisiest."""


@dataclass(frozen=True, slots=True)
class _Glimpse:
    """What one day leaves for the composites around it."""

    saturation: FloatArray
    cover: FloatArray
    clear: NDArray[np.bool_]


class Reflectance:
    """Makes MCD43A4 granules on the first day of each 8-day period."""

    def __init__(self, preset: Preset, domain: Domain, land: Land, seed: int) -> None:
        self.sampler = SinusoidalSampler.of("h27v05", 2400, domain)
        starts = {period.start for period in EightDays(preset.months).periods}
        self._dates = {day for day in starts if day >= preset.months[0].first_day}
        self._field = RandomField(domain.shape, 2, 1.8)
        self._generator = stream(seed, "reflectance noise")
        colour = RandomField(domain.shape, 15).draw(stream(seed, "soil colour"))
        self._brightness = soil_brightness(land, colour)
        self._days: deque[_Glimpse] = deque(maxlen=WINDOW)

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield a granule eight days after its date, when its window is complete."""
        self._days.append(_Glimpse(day.saturation, day.cover, day.clear_day))
        date = day.day - timedelta(days=WINDOW // 2 - 1)
        if date in self._dates and len(self._days) == WINDOW:
            yield Observation(
                product="MCD43A4",
                time=datetime.combine(date, datetime.min.time(), UTC),
                geobox=self.sampler.geobox,
                fields=self._fields(),
            )

    def _fields(self) -> dict[str, NDArray[Any]]:
        count = np.sum([glimpse.clear for glimpse in self._days], axis=0, dtype=np.uint8)
        saturation = self._clear_mean("saturation", count)
        cover = self._clear_mean("cover", count)
        noise = _NSDSI_NOISE * self._field.draw(self._generator)
        quality = np.where(count >= _FULL_DAYS, _FULL, _MAGNITUDE)
        quality = np.where(count >= _LEAST_DAYS, quality, _NOTHING).astype(np.uint8)
        pixel_quality = np.where(self.sampler.seen, self.sampler.nearest(quality), _NOTHING)
        fields: dict[str, NDArray[Any]] = {}
        for band, fine in band_reflectance(saturation, cover, self._brightness, noise).items():
            values = self.sampler.to_tile(fine)
            grain = self._generator.standard_normal(values.shape, np.float32)
            spread = np.where(pixel_quality == _MAGNITUDE, 2, 1) * _BAND_NOISE[band]
            noisy = np.clip(values * (1 + spread * grain), 0.001, 1)
            fields[f"Nadir_Reflectance_Band{band}"] = np.where(
                pixel_quality == _NOTHING, np.nan, noisy
            ).astype(np.float32)
        for band in _BAND_NOISE:
            name = f"BRDF_Albedo_Band_Mandatory_Quality_Band{band}"
            fields[name] = pixel_quality.astype(np.uint8)
        return fields

    def _clear_mean(self, name: str, count: NDArray[np.uint8]) -> FloatArray:
        """Average one state over the clear days; over all days where none was clear."""
        every = np.stack([getattr(glimpse, name) for glimpse in self._days])
        clear = np.stack([glimpse.clear for glimpse in self._days])
        mean = np.where(clear, every, 0).sum(axis=0) / np.maximum(count, 1)
        return np.where(count > 0, mean, every.mean(axis=0)).astype(np.float32)


def soil_brightness(land: Land, colour: FloatArray) -> FloatArray:
    """Return how bright bare soil is against the common soil.

    Quartz sand is bright, clay and what else colours a soil (humus, iron) is not.

    Parameters
    ----------
    land
        Gives the texture.
    colour
        What texture does not explain, unit variance.
    """
    texture = 0.010 * (land.sand - 33) - 0.006 * (land.clay - 24)
    return np.asarray(np.clip(1 + texture + 0.06 * colour, 0.5, 1.6), np.float32)


def band_reflectance(
    saturation: FloatArray, cover: FloatArray, brightness: FloatArray, noise: FloatArray
) -> Mapping[int, FloatArray]:
    """Return the reflectance of MODIS bands 1 to 7 by number.

    Near infrared mixes bare soil and leaves; red follows from the NDVI that the cover means;
    wet soil is darker, in band 7 more than in band 6.

    Parameters
    ----------
    saturation
        S1 of the surface layer, 0 to 1.
    cover
        Fraction of ground under green canopy.
    brightness
        Of the bare soil, about 1.
    noise
        Added to the normalised difference of bands 6 and 7.
    """
    bare = 1 - cover
    ndvi = 0.14 + 0.76 * cover
    nir = (0.25 - 0.06 * saturation) * brightness * bare + 0.42 * cover
    red = nir * (1 - ndvi) / (1 + ndvi)
    swir1 = (0.32 - 0.10 * saturation) * brightness * bare + 0.20 * cover
    dryness = 0.04 + 0.22 * saturation * bare + 0.28 * cover + noise
    return {
        1: red,
        2: nir,
        3: 0.5 * red + 0.01,
        4: 0.6 * red + 0.02 + 0.03 * cover,
        5: (0.29 - 0.07 * saturation) * brightness * bare + 0.36 * cover,
        6: swir1,
        7: swir1 * (1 - dryness) / (1 + dryness),
    }

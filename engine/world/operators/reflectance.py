"""MCD43A4 and MCD43A3: reflectance and albedo from the clear days of a 16-day window."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.world.operators.observation import Observation
from engine.world.operators.periods import EightDays
from engine.world.random_fields import RandomField, stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from engine.grids import FloatArray
    from engine.world.domain import Domain
    from engine.world.operators.sampling import SinusoidalSampler
    from engine.world.presets import Preset
    from engine.world.simulation import Day

    type Flags = NDArray[np.uint8]


WINDOW = 16
"""Days; the granule's date is the ninth."""
_FULL, _MAGNITUDE, _NOTHING = 0, 1, 255
_FULL_DAYS, _LEAST_DAYS = 5, 2
"""Clear days needed for a full and for a magnitude inversion."""
_NSDSI_NOISE = 0.02
_BAND_NOISE = {1: 0.02, 2: 0.02, 3: 0.03, 4: 0.02, 5: 0.05, 6: 0.02, 7: 0.02}
"""Relative noise of a 500 m pixel; band 5 is Terra's noisiest."""
_ALBEDO_NOISE = 0.02
"""Relative, likewise."""
_WHITE_SKY = 1.06
"""White-sky against black-sky albedo."""


@dataclass(frozen=True, slots=True)
class _Glimpse:
    """What one day leaves for the composites around it."""

    saturation: FloatArray
    cover: FloatArray
    clear: NDArray[np.bool_]


class Reflectance:
    """Makes MCD43A4 and MCD43A3 granules on the first day of each 8-day period."""

    def __init__(
        self,
        preset: Preset,
        domain: Domain,
        samplers: Sequence[SinusoidalSampler],
        seed: int,
    ) -> None:
        self._samplers = samplers
        starts = {period.start for period in EightDays(preset.months).periods}
        self._dates = {day for day in starts if day >= preset.months[0].first_day}
        self._field = RandomField(domain.shape, 2, 1.8)
        self._generator = stream(seed, "reflectance noise")
        self._albedo_generator = stream(seed, "albedo noise")
        self._noise = preset.predictor_noise
        self._days: deque[_Glimpse] = deque(maxlen=WINDOW)

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield a date's granules eight days after it, when its window is complete."""
        self._days.append(_Glimpse(day.saturation, day.cover, day.clear_day))
        date = day.day - timedelta(days=WINDOW // 2 - 1)
        if date in self._dates and len(self._days) == WINDOW:
            bands, quality = self._window()
            time = datetime.combine(date, datetime.min.time(), UTC)
            for sampler in self._samplers:
                seen = np.where(sampler.seen, sampler.nearest(quality), _NOTHING).astype(np.uint8)
                views = {
                    "MCD43A4": self._nadir(sampler, bands, seen),
                    "MCD43A3": self._albedo(sampler, bands, seen),
                }
                for product, fields in views.items():
                    yield Observation(
                        product=product,
                        time=time,
                        geobox=sampler.geobox,
                        tile=sampler.tile,
                        fields=fields,
                    )

    def _window(self) -> tuple[Mapping[int, FloatArray], NDArray[np.uint8]]:
        """Return what the window's clear days show at 1 km: bands, and the quality byte."""
        count = np.sum([glimpse.clear for glimpse in self._days], axis=0, dtype=np.uint8)
        saturation = self._clear_mean("saturation", count)
        cover = self._clear_mean("cover", count)
        noise = _NSDSI_NOISE * self._noise * self._field.draw(self._generator)
        quality = np.where(count >= _FULL_DAYS, _FULL, _MAGNITUDE)
        quality = np.where(count >= _LEAST_DAYS, quality, _NOTHING).astype(np.uint8)
        return band_reflectance(saturation, cover, noise), quality

    def _nadir(
        self, sampler: SinusoidalSampler, bands: Mapping[int, FloatArray], quality: Flags
    ) -> dict[str, NDArray[Any]]:
        fields: dict[str, NDArray[Any]] = {}
        for band, fine in bands.items():
            values = sampler.to_tile(fine)
            noise = _BAND_NOISE[band] * self._noise
            noisy = _grainy(values, noise, quality, self._generator)
            fields[f"Nadir_Reflectance_Band{band}"] = noisy
        for band in bands:
            fields[f"BRDF_Albedo_Band_Mandatory_Quality_Band{band}"] = quality
        return fields

    def _albedo(
        self, sampler: SinusoidalSampler, bands: Mapping[int, FloatArray], quality: Flags
    ) -> dict[str, NDArray[Any]]:
        black = sampler.to_tile(shortwave_albedo(bands))
        noise = _ALBEDO_NOISE * self._noise
        noisy = _grainy(black, noise, quality, self._albedo_generator)
        return {
            "Albedo_BSA_shortwave": noisy,
            "Albedo_WSA_shortwave": np.clip(noisy * np.float32(_WHITE_SKY), 0, 1),
            "BRDF_Albedo_Band_Mandatory_Quality_shortwave": quality,
        }

    def _clear_mean(self, name: str, count: NDArray[np.uint8]) -> FloatArray:
        """Average one state over the clear days; over all days where none was clear."""
        every = np.stack([getattr(glimpse, name) for glimpse in self._days])
        clear = np.stack([glimpse.clear for glimpse in self._days])
        mean = np.where(clear, every, 0).sum(axis=0) / np.maximum(count, 1)
        return np.where(count > 0, mean, every.mean(axis=0)).astype(np.float32)


def shortwave_albedo(bands: Mapping[int, FloatArray]) -> FloatArray:
    """Return the black-sky albedo of 0.3 to 5 µm.

    References
    ----------
    Liang, S. (2001). Narrowband to broadband conversions of land surface albedo I: algorithms.
    doi:10.1016/S0034-4257(00)00205-4
    """
    weights = {1: 0.160, 2: 0.291, 3: 0.243, 4: 0.116, 5: 0.112, 7: 0.081}
    total = sum(np.float32(weight) * bands[band] for band, weight in weights.items())
    return np.asarray(total - np.float32(0.0015), np.float32)


def _grainy(
    values: FloatArray, noise: float, quality: Flags, generator: np.random.Generator
) -> FloatArray:
    """Add relative noise, twice as much to a magnitude inversion; NaN where there is none."""
    grain = generator.standard_normal(values.shape, np.float32)
    spread = np.where(quality == _MAGNITUDE, np.float32(2 * noise), np.float32(noise))
    noisy = np.clip(values * (1 + spread * grain), 0.001, 1)
    return np.where(quality == _NOTHING, np.float32(np.nan), noisy)


def band_reflectance(
    saturation: FloatArray, cover: FloatArray, noise: FloatArray
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
    noise
        Added to the normalised difference of bands 6 and 7.
    """
    bare = 1 - cover
    ndvi = 0.14 + 0.76 * cover
    nir = (0.25 - 0.06 * saturation) * bare + 0.42 * cover
    red = nir * (1 - ndvi) / (1 + ndvi)
    swir1 = (0.32 - 0.10 * saturation) * bare + 0.20 * cover
    dryness = 0.04 + 0.22 * saturation * bare + 0.28 * cover + noise
    return {
        1: red,
        2: nir,
        3: 0.5 * red + 0.01,
        4: 0.6 * red + 0.02 + 0.03 * cover,
        5: (0.29 - 0.07 * saturation) * bare + 0.36 * cover,
        6: swir1,
        7: swir1 * (1 - dryness) / (1 + dryness),
    }

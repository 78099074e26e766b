"""Plants with two memories: structure follows stress within weeks, fluorescence within a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datetime import date

    from engine.grids import FloatArray
    from engine.world.land import Land


STRUCTURE_MEMORY = 45.0
"""Days over which leaf area forgets a drought."""


def crop_greenness(day: date) -> float:
    """Return 0 to 0.9: winter wheat until May, summer maize until September."""
    doy = day.timetuple().tm_yday
    wheat = 0.85 * np.exp(-(((doy - 112) / 38) ** 2))
    maize = 0.90 * np.exp(-(((doy - 222) / 36) ** 2))
    return float(wheat + maize)


def potential_lai(day: date, land: Land) -> FloatArray:
    """Return the leaf area index of unstressed plants, ``(y, x)``."""
    doy = day.timetuple().tm_yday
    crop = 0.25 + 4.6 * crop_greenness(day)
    forest = 0.6 + 4.2 * np.exp(-(((doy - 200) / 68) ** 2))
    grass = 0.3 + 2.2 * np.exp(-(((doy - 205) / 60) ** 2))
    lai = crop * land.crop + forest * land.forest + grass * land.grass
    return np.asarray(lai, np.float32)


def stress(root_saturation: FloatArray) -> FloatArray:
    """Return today's water stress, 0 (none) to 1."""
    return np.asarray(1 - np.clip(root_saturation / 0.65, 0, 1))


def remember_stress(slow: FloatArray, today: FloatArray) -> FloatArray:
    """Return the slow stress after one more day."""
    return slow + (today - slow) / np.float32(STRUCTURE_MEMORY)


def leaf_area(potential: FloatArray, slow_stress: FloatArray) -> FloatArray:
    """Return the leaf area index that stress of the past weeks has left."""
    return potential * (1 - np.float32(0.55) * slow_stress)


def ground_cover(lai: FloatArray) -> FloatArray:
    """Return the fraction of ground under green canopy."""
    return 1 - np.exp(np.float32(-0.5) * lai)


def fluorescence(
    par: FloatArray,
    lai: FloatArray,
    today: FloatArray,
    air_temperature: FloatArray,
    response: float,
) -> FloatArray:
    """Return the day's mean SIF in mW m-2 nm-1 sr-1.

    Parameters
    ----------
    par
        MJ m-2 day-1.
    lai
        Leaf area index.
    today
        Today's water stress.
    air_temperature
        Degrees Celsius; cold plants hardly fluoresce.
    response
        Share of its SIF that a fully stressed canopy loses at once (0.55).
    """
    absorbed = 0.105 * par * (1 - np.exp(np.float32(-0.55) * lai))
    cold = np.clip((air_temperature + 2) / 14, 0.05, 1)
    return np.asarray(absorbed * (1 - response * today) * cold, np.float32)

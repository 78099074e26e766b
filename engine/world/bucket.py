"""The truth's water: two soil layers, a day at a time, every millimetre accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from engine.grids import FloatArray
    from engine.world.land import Hydraulics


SURFACE_DEPTH = 50.0
"""mm: the 0-5 cm layer that SMAP speaks of."""
ROOT_DEPTH = 950.0
"""mm: the layer below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Soil:
    """Constants of every cell's bucket."""

    hydraulics: Hydraulics
    clay: FloatArray
    """%."""
    sand: FloatArray
    """%."""
    slope: FloatArray
    """Degrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Water:
    """What the soil holds, m3 m-3, ``(y, x)``."""

    surface: FloatArray
    root: FloatArray

    def storage(self) -> FloatArray:
        """Return the water of both layers in mm."""
        return self.surface * SURFACE_DEPTH + self.root * ROOT_DEPTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Fluxes:
    """One day's water fluxes in mm day-1, ``(y, x)``."""

    soil_evaporation: FloatArray
    transpiration: FloatArray
    runoff: FloatArray
    deep_drainage: FloatArray


def surface_saturation(water: Water, soil: Soil) -> FloatArray:
    """Return S1, 0 at half the wilting point to 1 at field capacity."""
    h = soil.hydraulics
    dry = 0.5 * h.wilting_point
    return np.clip((water.surface - dry) / (h.field_capacity - dry), 0, 1)


def root_saturation(water: Water, soil: Soil) -> FloatArray:
    """Return S2, 0 at the wilting point to 1 at field capacity (and above it beyond)."""
    h = soil.hydraulics
    range_ = h.field_capacity - h.wilting_point
    return np.maximum((water.root - h.wilting_point) / range_, 0)


def initial_water(soil: Soil, saturation: float = 0.6) -> Water:
    """Return both layers part-way from wilting point to field capacity."""
    h = soil.hydraulics
    content = h.wilting_point + saturation * (h.field_capacity - h.wilting_point)
    return Water(surface=content, root=content.copy())


def step(
    water: Water, supply: FloatArray, demand: FloatArray, cover: FloatArray, soil: Soil
) -> tuple[Water, Fluxes]:
    """Advance the buckets by one day.

    Fluxes are limited to what a layer has and can take, so the balance closes exactly:
    supply = evaporation + transpiration + runoff + deep drainage + change of storage.

    Parameters
    ----------
    water
        Content at the day's start.
    supply
        Rain and irrigation, mm day-1.
    demand
        Potential evapotranspiration, mm day-1.
    cover
        Fraction of ground under green canopy.
    soil
        Constants.

    Returns
    -------
    The content at the day's end, and the fluxes.
    """
    h = soil.hydraulics
    s1, s2 = surface_saturation(water, soil), root_saturation(water, soil)
    upper = water.surface * SURFACE_DEPTH
    lower = water.root * ROOT_DEPTH

    infiltration, runoff = _infiltrate(supply, upper, soil)
    upper = upper + infiltration
    excess = np.maximum(upper - h.saturation * SURFACE_DEPTH, 0)
    upper, lower = upper - excess, lower + excess

    floor_upper = 0.4 * h.wilting_point * SURFACE_DEPTH
    floor_lower = 0.4 * h.wilting_point * ROOT_DEPTH
    evaporation = np.minimum(demand * (1 - cover) * s1**1.3, np.maximum(upper - floor_upper, 0))
    upper = upper - evaporation
    potential = demand * cover * np.minimum(s2, 1) ** 0.8
    from_upper = np.minimum(0.15 * potential, np.maximum(upper - floor_upper, 0))
    from_lower = np.minimum(0.85 * potential, np.maximum(lower - floor_lower, 0))
    upper, lower = upper - from_upper, lower - from_lower

    moved = _drainage(upper, soil) + _exchange(upper, lower, soil)
    moved = np.clip(
        moved,
        -np.maximum(np.minimum(lower - floor_lower, h.saturation * SURFACE_DEPTH - upper), 0),
        np.maximum(upper - floor_upper, 0),
    )
    upper, lower = upper - moved, lower + moved

    deep = 0.04 * np.maximum(lower - h.field_capacity * ROOT_DEPTH, 0)
    lower = lower - deep
    ponded = np.maximum(lower - h.saturation * ROOT_DEPTH, 0)
    lower = lower - ponded
    return (
        Water(surface=upper / SURFACE_DEPTH, root=lower / ROOT_DEPTH),
        Fluxes(
            soil_evaporation=evaporation,
            transpiration=from_upper + from_lower,
            runoff=runoff + ponded,
            deep_drainage=deep,
        ),
    )


def _infiltrate(supply: FloatArray, upper: FloatArray, soil: Soil) -> tuple[FloatArray, FloatArray]:
    """Split the supply: steep ground sheds a share, and what exceeds room plus Ks runs off."""
    h = soil.hydraulics
    shed = supply * np.minimum(0.02 * soil.slope, 0.4)
    room = h.saturation * SURFACE_DEPTH - upper + h.conductivity
    infiltration = np.minimum(supply - shed, np.maximum(room, 0))
    return infiltration, supply - infiltration


def _drainage(upper: FloatArray, soil: Soil) -> FloatArray:
    """Return gravity drainage out of the upper layer, mm day-1."""
    above = np.maximum(upper - soil.hydraulics.field_capacity * SURFACE_DEPTH, 0)
    return above * np.minimum(0.25 + 0.35 * soil.sand / 60, 1)


def _exchange(upper: FloatArray, lower: FloatArray, soil: Soil) -> FloatArray:
    """Return diffusion from the wetter layer (positive downwards), mm day-1."""
    saturation = soil.hydraulics.saturation
    difference = upper / (saturation * SURFACE_DEPTH) - lower / (saturation * ROOT_DEPTH)
    return np.asarray(2.2 * (0.6 + soil.clay / 60) * difference)

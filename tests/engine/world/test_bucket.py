"""The truth's two-layer bucket."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.world import bucket
from engine.world.land import hydraulics

_FRACTION = st.floats(0, 1)


def _soil(clay: float, sand: float, slope: float) -> bucket.Soil:
    texture = np.full((1, 1), clay), np.full((1, 1), sand)
    return bucket.Soil(
        hydraulics=hydraulics(*texture),
        clay=texture[0],
        sand=texture[1],
        slope=np.full((1, 1), slope),
    )


@given(
    clay=st.floats(5, 55),
    sand=st.floats(8, 45),
    slope=st.floats(0, 30),
    wetness=_FRACTION,
    supply=st.lists(st.floats(0, 300), min_size=1, max_size=12),
    demand=st.floats(0, 12),
    cover=_FRACTION,
)
def test_every_millimetre_is_accounted_for(  # noqa: PLR0917
    clay: float,
    sand: float,
    slope: float,
    wetness: float,
    supply: list[float],
    demand: float,
    cover: float,
) -> None:
    """Supply equals what leaves plus the change of storage; contents stay physical."""
    soil = _soil(clay, sand, slope)
    water = bucket.initial_water(soil, wetness)
    for rain in supply:
        before = water.storage()
        water, fluxes = bucket.step(
            water, np.full((1, 1), rain), np.full((1, 1), demand), np.full((1, 1), cover), soil
        )
        leaves = (
            fluxes.soil_evaporation + fluxes.transpiration + fluxes.runoff + fluxes.deep_drainage
        )
        np.testing.assert_allclose(rain, leaves + water.storage() - before, atol=1e-9)
        for content in (water.surface, water.root):
            assert (content >= 0.4 * soil.hydraulics.wilting_point - 1e-12).all()
            assert (content <= soil.hydraulics.saturation + 1e-12).all()


def test_hydraulics_of_a_loam() -> None:
    """Cosby's equations give the known constants of 33 % sand and 24 % clay."""
    loam = hydraulics(np.array([24.0]), np.array([33.0]))
    assert np.allclose(loam.saturation, 0.4474, atol=1e-4)
    assert np.allclose(loam.field_capacity, 0.3098, atol=1e-3)
    assert np.allclose(loam.wilting_point, 0.1758, atol=1e-3)


def test_sand_holds_less_than_clay() -> None:
    """A sandy soil dries to less water at the same suction."""
    soils = hydraulics(np.array([8.0, 40.0]), np.array([75.0, 20.0]))
    assert soils.wilting_point[0] < soils.wilting_point[1]
    assert soils.field_capacity[0] < soils.field_capacity[1]

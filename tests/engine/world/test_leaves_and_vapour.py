"""Leaf area, evapotranspiration and albedo, read with pyhdf alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyhdf.SD import SD

from engine.world.operators.leaves import CEILING, observed_lai

if TYPE_CHECKING:
    from pathlib import Path

    from engine.world import World


def _of(world: World, product: str, day: str) -> Path:
    paths = sorted((world.archive / product).rglob("*.hdf"))
    return next(path for path in paths if f".A{day}." in path.name)


def _read(path: Path, name: str) -> np.ndarray:
    file = SD(str(path))
    values: np.ndarray = file.select(name)[:]
    file.end()
    return values


@pytest.mark.parametrize(
    "product", ["MCD12Q1", "MCD43A3", "MCD43A4", "MOD11A2", "MOD15A2H", "MOD16A2GF"]
)
def test_no_file_tells_where_it_was_made(product: str, tiny_world: World) -> None:
    """HDF4 notes the path that it was opened by: the bare name."""
    path = next((tiny_world.archive / product).rglob("*.hdf"))
    content = path.read_bytes()
    assert path.name.encode() in content
    assert str(tiny_world.root).encode() not in content
    assert b".world-in-progress" not in content


def test_leaf_area_saturates() -> None:
    """Sparse leaves are seen as they are; dense ones never beyond the ceiling."""
    np.testing.assert_allclose(observed_lai(np.array([0.1])), 0.1, rtol=0.01)
    assert 3 < observed_lai(np.array([4.8]))[0] < CEILING


def test_quality_bits_of_leaf_area_agree_with_each_other(tiny_world: World) -> None:
    """The main algorithm has bit 0 unset; a saturated one stands for much; a back-up half."""
    kinds = set()
    for day in ("2020017", "2020121", "2020193", "2020217"):
        path = _of(tiny_world, "MOD15A2H", day)
        lai, quality = _read(path, "Lai_500m"), _read(path, "FparLai_QC")
        seen = quality != 255
        algorithm, cloud = quality[seen] >> 5, (quality[seen] >> 3) & 3
        np.testing.assert_array_equal(quality[seen] & 1 == 0, algorithm <= 1)
        np.testing.assert_array_equal(cloud == 1, algorithm == 3)
        assert (lai[~seen] >= 249).all()
        assert lai[seen & (lai <= 100)].max() < 70
        kinds |= set(np.unique(algorithm))
    assert kinds == {0, 1, 2, 3}


@pytest.mark.parametrize(("day", "days"), [("2019361", 5), ("2020353", 8), ("2020361", 6)])
def test_vapour_of_the_last_days_of_a_year_is_a_short_sum(
    day: str, days: int, tiny_world: World
) -> None:
    """The sum is that of five or six days, while the energy is per day."""
    path = _of(tiny_world, "MOD16A2GF", day)
    water, energy = (_read(path, name).astype(float) for name in ("PET_500m", "PLE_500m"))
    valid = water <= 32700
    per_day = energy[valid].mean() * 1e4 / 2.45e6
    assert water[valid].mean() * 0.1 / per_day == pytest.approx(days, rel=0.02)


def test_vapour_and_its_energy_agree(tiny_world: World) -> None:
    """Latent heat is that of the water, per day; potential exceeds actual."""
    path = _of(tiny_world, "MOD16A2GF", "2020193")
    names = ("ET_500m", "PET_500m", "LE_500m", "PLE_500m")
    water, potential, energy, _ = (_read(path, name).astype(float) for name in names)
    valid = water <= 32700
    np.testing.assert_allclose(
        energy[valid] * 1e4, water[valid] * 0.1 / 8 * 2.45e6, atol=0.05 / 8 * 2.45e6 + 5e3
    )
    assert (water[valid] <= potential[valid] * 1.05 + 1).mean() > 0.95


def test_albedo_is_that_of_plants_and_soil(tiny_world: World) -> None:
    """Shortwave albedo lies from 0.10 to 0.25, white-sky above black-sky, int16 by 0.001."""
    path = _of(tiny_world, "MCD43A3", "2020185")
    black, white, quality = (
        _read(path, name)
        for name in (
            "Albedo_BSA_shortwave",
            "Albedo_WSA_shortwave",
            "BRDF_Albedo_Band_Mandatory_Quality_shortwave",
        )
    )
    np.testing.assert_array_equal(black == 32767, quality == 255)
    valid = quality != 255
    assert 90 < black[valid].min() <= black[valid].max() < 260
    assert (white[valid] >= black[valid]).all()

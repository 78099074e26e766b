"""Land cover: classes that keep the shares, and what other products leave out over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.archive import Archive
from engine.grids import block_mean
from engine.products import class_fields, decode, load_specs
from engine.regrid import area_weights
from engine.world.land import make_land
from engine.world.operators.land_cover import draw_shares

if TYPE_CHECKING:
    from engine.world import World

_CLASSES = load_specs()["MCD12Q1"].select(["land_cover"])[0].classes
_COVERS = {"crop": "crop", "forest": "forest", "shrub_grass": "grass", "urban": "urban"}


@given(
    shares=st.lists(st.floats(0.01, 1), min_size=2, max_size=6),
    pixels=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_a_share_is_missed_by_less_than_a_pixel(
    shares: list[float], pixels: int, seed: int
) -> None:
    """Each kind gets its share of a cell's pixels, give or take one; all cells alike."""
    wanted = np.array(shares) / sum(shares)
    cells = np.repeat(np.arange(20), pixels)
    kinds = draw_shares(cells, np.tile(wanted[:, None], 20), np.random.default_rng(seed))
    for kind, share in enumerate(wanted):
        counts = np.bincount(cells[kinds == kind], minlength=20)
        assert (np.abs(counts - share * pixels) < 1 + 1e-6).all()


@pytest.mark.parametrize(("label", "cover"), sorted(_COVERS.items()))
def test_shares_of_1_km_cells_are_recovered(label: str, cover: str, tiny_world: World) -> None:
    """Area means of the classes miss the true fractions by 0.12 at 1 km and by 0.02 at 9 km."""
    domain = tiny_world.domain
    true = domain.crop(getattr(make_land(domain, tiny_world.seed), cover))
    granule = Archive(tiny_world.archive).granules("MCD12Q1")[0]
    codes = decode(granule, domain.area, ["land_cover"])["land_cover"]
    field = class_fields(codes, {label: _CLASSES[label]})[label]
    seen, _ = area_weights(field.geobox, domain.area).apply(field.values)
    error = seen - true
    assert np.sqrt(np.mean(error**2)) < 0.12
    assert np.abs(block_mean(error)).max() < 0.03
    assert abs(error.mean()) < 0.004


def test_towns_and_waters_have_neither_leaves_nor_vapour(tiny_world: World) -> None:
    """MOD16A2GF and MOD15A2H name the reason just where MCD12Q1 has class 13 or 17."""
    archive, area = Archive(tiny_world.archive), tiny_world.domain.area
    classes = decode(archive.granules("MCD12Q1")[0], area, ["land_cover"])["land_cover"].values
    reasons = {
        "MOD16A2GF": ("evapotranspiration_absence", {13: 32762, 17: 32766}),
        "MOD15A2H": ("lai_absence", {13: 250, 17: 254}),
    }
    for product, (name, codes) in reasons.items():
        found = decode(archive.granules(product)[20], area, [name])[name].values
        for igbp, code in codes.items():
            np.testing.assert_array_equal(found == code, classes == igbp)

"""Soil texture makes up the whole."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.soil import TEXTURES, texture_share, texture_total

percent = st.floats(1, 100)


@given(percent, percent, percent)
def test_shares_sum_to_the_whole(clay: float, sand: float, silt: float) -> None:
    """Whatever was predicted, the three shares are 100 %, in the same proportions."""
    given_ = dict(zip(TEXTURES, map(np.array, (clay, sand, silt)), strict=True))
    shares = {name: texture_share(name, given_) for name in TEXTURES}
    assert np.isclose(sum(shares.values()), 100)
    assert np.isclose(shares["clay"] * sand, shares["sand"] * clay)


def test_a_hole_in_one_is_a_hole_in_all() -> None:
    """Where one of the three is missing there is no sum, and no share."""
    textures = {name: np.array([30.0, 30.0]) for name in TEXTURES}
    textures["silt"][1] = np.nan
    assert texture_total(textures)[0] == 90
    for name in TEXTURES:
        assert np.isfinite(texture_share(name, textures)).tolist() == [True, False]

"""Soil texture: the shares of clay, sand and silt, which must make up the whole.

References
----------
Poggio, L. et al. (2021). SoilGrids 2.0. doi:10.5194/soil-7-217-2021
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    type Floats = NDArray[np.floating]

TEXTURES = ("clay", "sand", "silt")
"""The size classes of the fine earth."""


def texture_total(textures: Mapping[str, Floats]) -> Floats:
    """Return the sum of the three, per cent; NaN where one is missing.

    Each is predicted on its own, so the sum need not be 100; how far it misses is a measure of
    their quality.
    """
    clay, sand, silt = (textures[name] for name in TEXTURES)
    return np.asarray(clay + sand + silt)


def texture_share(name: str, textures: Mapping[str, Floats]) -> Floats:
    """Return one of the three, per cent of their sum.

    Parameters
    ----------
    name
        ``clay``, ``sand`` or ``silt``.
    textures
        All three, per cent, as predicted.

    Examples
    --------
    >>> texture_share("clay", {name: np.array([30.0]) for name in TEXTURES}).round(2)
    array([33.33])
    """
    whole = texture_total(textures)
    return 100 * textures[name] / np.where(whole > 0, whole, np.nan)

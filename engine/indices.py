"""Spectral indices from nadir reflectance, each date from that date's own bands.

References
----------
Huete, A. et al. (2002). EVI. doi:10.1016/S0034-4257(02)00096-2
Jiang, Z. et al. (2008). EVI2. doi:10.1016/j.rse.2008.06.006
Badgley, G. et al. (2017). NIRv. doi:10.1126/sciadv.1602244
Gao, B.-C. (1996). NDWI. doi:10.1016/S0034-4257(96)00067-3
Yue, J. et al. (2019). NSDSI. doi:10.1016/j.isprsjprs.2019.06.012
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    type Floats = NDArray[np.floating]
    type Bands = Mapping[str, Floats]

BARE_SOIL_NDVI = 0.08
"""NDVI of bare soil, which the original NIRv takes off."""

_LEAST_EVI_DENOMINATOR = 0.1
_LARGEST_EVI = 1.5


def reflectance(band: Floats) -> Floats:
    """Mask what cannot be a reflectance: keep 0 < ρ ≤ 1.

    >>> reflectance(np.array([-0.1, 0.0, 0.4, 1.2]))
    array([nan, nan, 0.4, nan])
    """
    return np.where((band > 0) & (band <= 1), band, np.nan)


def ndvi(nir: Floats, red: Floats) -> Floats:
    """Return the normalised difference vegetation index, (N - R) / (N + R)."""
    return _normalised_difference(nir, red)


def evi2(nir: Floats, red: Floats) -> Floats:
    """Return the two-band enhanced vegetation index, 2.5 (N - R) / (N + 2.4 R + 1)."""
    return _bounded(2.5 * (nir - red) / (nir + 2.4 * red + 1))


def evi(nir: Floats, red: Floats, blue: Floats) -> Floats:
    """Return the enhanced vegetation index, 2.5 (N - R) / (N + 6 R - 7.5 B + 1).

    Over snow and thin cloud the denominator may cross zero. Where it is below 0.1, where the
    index exceeds ±1.5 or where blue is missing, :func:`evi2` stands in.
    """
    denominator = nir + 6 * red - 7.5 * blue + 1
    sound = denominator >= _LEAST_EVI_DENOMINATOR
    index = _bounded(2.5 * (nir - red) / np.where(sound, denominator, np.nan))
    return np.where(np.isfinite(index), index, evi2(nir, red))


def nirv(nir: Floats, red: Floats, offset: float = 0.0) -> Floats:
    """Return the near-infrared reflectance of vegetation, (NDVI - offset) N.

    Parameters
    ----------
    nir, red
        Reflectance, 1.
    offset
        NDVI of bare soil, such as :data:`BARE_SOIL_NDVI`.
    """
    return (ndvi(nir, red) - np.float32(offset)) * nir


def ndwi_gao(nir: Floats, swir_1240: Floats, swir1: Floats) -> Floats:
    """Return Gao's water index of vegetation, (N - B5) / (N + B5).

    Not McFeeters' index of the same name. Band 5 is the noisiest of Terra; where it is missing
    the 1.6 µm band stands in, (N - S1) / (N + S1).
    """
    index = _normalised_difference(nir, swir_1240)
    return np.where(np.isfinite(index), index, _normalised_difference(nir, swir1))


def nsdsi(swir1: Floats, swir2: Floats, form: Literal[1, 2, 3] = 3) -> Floats:
    """Return the normalised shortwave-infrared difference soil-moisture index.

    Parameters
    ----------
    swir1, swir2
        Reflectance at 1.6 and 2.1 µm, 1.
    form
        Difference over ``swir1`` (1), over ``swir2`` (2) or over their sum (3, bounded).
    """
    denominator = {1: swir1, 2: swir2, 3: swir1 + swir2}[form]
    return (swir1 - swir2) / np.where(denominator > 0, denominator, np.nan)


INDICES: Mapping[str, Callable[[Bands], Floats]] = MappingProxyType(
    {
        "ndvi": lambda bands: ndvi(bands["nir"], bands["red"]),
        "evi": lambda bands: evi(bands["nir"], bands["red"], bands["blue"]),
        "nirv": lambda bands: nirv(bands["nir"], bands["red"]),
        "ndwi_gao": lambda bands: ndwi_gao(bands["nir"], bands["swir_1240"], bands["swir1"]),
        "nirv_offset": lambda bands: nirv(bands["nir"], bands["red"], BARE_SOIL_NDVI),
        "nsdsi": lambda bands: nsdsi(bands["swir1"], bands["swir2"]),
        "nsdsi1": lambda bands: nsdsi(bands["swir1"], bands["swir2"], 1),
        "nsdsi2": lambda bands: nsdsi(bands["swir1"], bands["swir2"], 2),
    }
)
"""The indices by feature name, from bands by our names."""


def _normalised_difference(one: Floats, other: Floats) -> Floats:
    total = one + other
    return (one - other) / np.where(total > 0, total, np.nan)


def _bounded(index: Floats) -> Floats:
    return np.where(np.abs(index) <= _LARGEST_EVI, index, np.nan)

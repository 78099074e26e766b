"""Thermal inertia, as far as it shows in albedo and in the swing of surface temperature.

References
----------
Price, J. C. (1977). Thermal inertia mapping: a new view of the earth. doi:10.1029/JC082i018p02582
Lucht, W. et al. (2000). Blue-sky albedo. doi:10.1109/36.841980
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.solar import diurnal_amplitude

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    type Floats = NDArray[np.floating]

DIFFUSE = 0.2
"""Share of diffuse light under a clear sky."""

LEAST_SWING = 2.0
"""Least difference of day and night, K; below it the sky was hardly clear."""


def blue_sky(black: Floats, white: Floats, diffuse: float = DIFFUSE) -> Floats:
    """Return the albedo under a real sky, (1 - s) BSA + s WSA.

    Parameters
    ----------
    black
        Albedo under direct light alone (BSA), 1.
    white
        Albedo under diffuse light alone (WSA), 1.
    diffuse
        Share s of diffuse light; 0 gives BSA, 1 gives WSA.
    """
    share = np.float32(diffuse)
    return np.asarray((1 - share) * black + share * white)


def thermal_inertia(
    albedo: Floats, lst_day: Floats, lst_night: Floats, latitude: Floats, day: date
) -> Floats:
    """Return the apparent thermal inertia, K-1.

    Parameters
    ----------
    albedo
        ``(y, x)``, 1.
    lst_day, lst_night
        ``(y, x)`` surface temperature of the same days, K.
    latitude
        Degrees north, broadcast against the others.
    day
        The middle of those days.

    Returns
    -------
    ndarray (y, x)
        NaN where an input is missing or day and night differ by less than 2 K.

    Notes
    -----
    C (1 - A) / (T_day - T_night), with C the amplitude of the sun's first daily harmonic, which
    doubles between winter and summer; without it the index would mostly tell the season.
    """
    swing = lst_day - lst_night
    strong = np.where(swing >= LEAST_SWING, swing, np.nan)
    return np.asarray(diurnal_amplitude(latitude, day) * (1 - albedo) / strong)

"""The lobes of the interrupted Goode homolosine projection, in which soil maps come.

Within a lobe rows lie along parallels and columns are evenly spaced along each, about the lobe's
own meridian. Across an interruption nothing of that holds, so each lobe is a grid of its own.

References
----------
Goode, J. P. (1925). The homolosine projection. doi:10.2307/2560812
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pyproj import CRS


@dataclass(frozen=True, slots=True, kw_only=True)
class Lobe:
    """A part of the globe between two meridians, on one side of the equator or on both."""

    west: float
    """Western border, degrees east."""
    east: float
    """Eastern border, degrees east."""
    south: float = -90.0
    """Southern border, degrees north."""
    north: float = 90.0
    """Northern border, degrees north."""


GLOBE = (Lobe(west=-180.0, east=180.0),)
"""The one lobe of a projection without interruptions."""

HOMOLOSINE = (
    Lobe(west=-180.0, east=-40.0, south=0.0),
    Lobe(west=-40.0, east=180.0, south=0.0),
    Lobe(west=-180.0, east=-100.0, north=0.0),
    Lobe(west=-100.0, east=-20.0, north=0.0),
    Lobe(west=-20.0, east=80.0, north=0.0),
    Lobe(west=80.0, east=180.0, north=0.0),
)
"""The lobes of the homolosine's land form, about the meridian of Greenwich."""


@cache
def lobes_of(crs: str) -> tuple[Lobe, ...]:
    """Return the lobes of a reference system.

    >>> len(lobes_of("EPSG:6933")), len(lobes_of("+proj=igh +datum=WGS84 +units=m"))
    (1, 6)
    """
    operation = CRS.from_user_input(crs).coordinate_operation
    interrupted = operation is not None and "Homolosine" in operation.method_name
    return HOMOLOSINE if interrupted else GLOBE

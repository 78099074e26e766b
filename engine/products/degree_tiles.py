"""Where elevation tiles lie, by their names."""

from __future__ import annotations

import re

_CGIAR = re.compile(r"srtm_(\d{2})_(\d{2})")
_USGS = re.compile(r"([NS])(\d{2})([EW])(\d{3})")


def degree_tile(name: str) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north of a tile in degrees, or None for another kind of name.

    >>> degree_tile("srtm_59_05"), degree_tile("S34E018")
    ((110.0, 35.0, 115.0, 40.0), (18.0, -34.0, 19.0, -33.0))
    """
    if match := _CGIAR.fullmatch(name):
        west, north = int(match[1]) * 5.0 - 185, 65 - int(match[2]) * 5.0
        return west, north - 5, west + 5, north
    if match := _USGS.fullmatch(name):
        south = float(match[2]) * (1 if match[1] == "N" else -1)
        west = float(match[4]) * (1 if match[3] == "E" else -1)
        return west, south, west + 1, south + 1
    return None

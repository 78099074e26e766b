"""The rules by which maps and stations are matched: fixed, printed in every report.

References
----------
Gruber, A. et al. (2020). Validation practices for satellite soil moisture retrievals: what are
(the) errors? doi:10.1016/j.rse.2020.111806

Montzka, C. et al. (2021). Soil moisture product validation good practices protocol.
doi:10.5067/doc/ceoswgcv/lpv/sm.001
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Iterator

SEASONS = {
    "DJF": (12, 1, 2),
    "MAM": (3, 4, 5),
    "JJA": (6, 7, 8),
    "SON": (9, 10, 11),
}
"""Months of each season."""


class Rules(BaseModel):
    """What counts as a pair of map and station, and how many of them a number needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: tuple[float, float] = (0.0, 0.05)
    """Layer in which a sensor must lie, m."""
    wider_depth: tuple[float, float] = (0.0, 0.10)
    """Layer of the sensors that are reported apart, m."""
    warmest_frozen: float = 0.0
    """Soil at or below this is frozen, degC."""
    hours: Annotated[int, Field(ge=1, le=24)] = 12
    """Valid hours that a daily mean needs."""
    days: Annotated[int, Field(ge=1, le=28)] = 20
    """Valid days that a monthly mean needs."""
    pairs: Annotated[int, Field(ge=4)] = 10
    """Pairs that any number needs."""
    months: Annotated[int, Field(ge=10)] = 24
    """Common months that a station needs to enter a summary."""
    seasons: Annotated[int, Field(ge=1, le=4)] = 4
    """Seasons in which it needs at least one of them."""
    sites: Annotated[int, Field(ge=3)] = 5
    """Stations that a summary over stations needs."""
    water: float = 0.2
    """Largest share of a cell under water."""
    urban: float = 0.5
    """Largest share of a cell under towns."""
    triplets: Annotated[int, Field(ge=30)] = 100
    """Independent triplets that triple collocation needs."""
    draws: Annotated[int, Field(ge=100)] = 1000
    """Draws of a bootstrap."""

    def sentences(self) -> Iterator[str]:
        """Say the rules in words."""
        top, bottom = self.depth
        yield (
            f"Sensors between {100 * top:g} and {100 * bottom:g} cm; those between "
            f"{100 * self.wider_depth[0]:g} and {100 * self.wider_depth[1]:g} cm are reported "
            "apart. Depths count to the nearest centimetre."
        )
        yield "Values flagged exactly G; combinations of flags do not pass."
        yield f"Soil at {self.warmest_frozen:g} °C or below is left out where its heat is known."
        yield (
            f"A daily mean (UTC) needs {self.hours} valid hours, or half of a sensor's values in "
            f"a day where it reports less often; a monthly mean {self.days} valid days."
        )
        yield "Sensors of one layer in one 1 km cell are averaged, day by day, before all else."
        yield (
            "The 1 km cell and the 9 km cell that contain the point, nothing interpolated; SMAP "
            "interpolated to 1 km is shown beside them."
        )
        yield (
            f"Cells with more than {100 * self.water:g} % water or {100 * self.urban:g} % town "
            "are left out and listed; months in which the map is flagged as frozen, too."
        )
        yield "The same months for all products; nothing is rescaled but in the table that says so."
        yield (
            f"No number from fewer than {self.pairs} pairs; a station enters a summary with "
            f"{self.months} common months from {self.seasons} seasons, and a summary needs "
            f"{self.sites} stations."
        )

"""What an instrument hands to a writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.world.simulation import Day


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One granule's content before it is packed into a file."""

    product: str
    """Identifier of the product spec, such as ``MOD11A2``."""
    time: datetime
    """Start of the period (8-day, daily) or middle of it (SMAP), UTC."""
    geobox: GeoBox
    """The product's own lattice, cropped."""
    tile: str | None = None
    """Of a product in MODIS tiles."""
    fields: Mapping[str, NDArray[Any]]
    """``(y, x)`` each, by the name in the file; physical units, NaN where missing. Quality
    layers are integers."""
    absent: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """``(y, x)`` stored numbers that say why a field has no value there; 0 where it may have."""


class Instrument(Protocol):
    """Watches the truth pass by and gives an observation whenever one is complete."""

    def see(self, day: Day) -> Iterator[Observation]:
        """Take one day; yield the observations that it completes."""
        ...

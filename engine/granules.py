"""A granule, and what decoding one gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import GridMismatchError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.months import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Granule:
    """One source file, recognised by its published name."""

    path: Path
    """Where it lies."""
    product: str
    """Identifier of its product spec, such as ``MCD43A4``."""
    period: Period | None
    """The days its values stand for; None for static products."""
    tile: str | None = None
    """Tile in the product's own naming, where it is tiled."""
    version: str | None = None
    """Collection or science version, as its name says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One variable on its native grid, after quality control and scaling."""

    values: NDArray[np.float32]
    """``(y, x)`` in ``units``; NaN where missing."""
    weight: NDArray[np.float32]
    """``(y, x)`` quality weight, 0 (bad or missing) to 1 (good)."""
    geobox: GeoBox
    """The native grid, or the window of it that was read."""
    units: str
    """UDUNITS text."""

    def __post_init__(self) -> None:
        for name in ("values", "weight"):
            array: NDArray[Any] = getattr(self, name)
            if array.shape != tuple(self.geobox.shape):
                raise GridMismatchError(f"field {name}", tuple(self.geobox.shape), array.shape)

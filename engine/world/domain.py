"""The piece of the Earth that a world simulates: its area and an honest margin around it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import numpy as np

from engine.grids import BLOCK, COARSE, fine_of, lonlat

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.world.presets import Window

HALF_A_YEAR = timedelta(days=182)
MARGIN = 2
"""Coarse cells simulated beyond the area, so that 0.05° cells at its edge are whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Grids of one world."""

    coarse: GeoBox
    """M09 cells of the area."""
    area: GeoBox
    """M01 cells of the area: what an archive's user asks for."""
    fine: GeoBox
    """M01 cells simulated: the area and its margin."""
    longitude: NDArray[np.float32]
    """``(y, x)`` of ``fine``, degrees."""
    latitude: NDArray[np.float32]
    """``(y, x)`` of ``fine``, degrees."""

    @classmethod
    def of(cls, window: Window) -> Self:
        """Lay out the grids of a window."""
        rows = slice(window.row, window.row + window.height)
        columns = slice(window.column, window.column + window.width)
        coarse = COARSE[rows, columns]
        fine = fine_of(coarse.pad(MARGIN))
        longitude, latitude = lonlat(fine)
        return cls(
            coarse=coarse,
            area=fine_of(coarse),
            fine=fine,
            longitude=longitude.astype(np.float32),
            latitude=latitude.astype(np.float32),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns simulated."""
        return self.fine.shape.y, self.fine.shape.x

    @property
    def northern_latitude(self) -> NDArray[np.float32]:
        """``(y, x)`` of ``fine``, degrees, of the northern place that a southern one mirrors."""
        return np.abs(self.latitude)

    def season(self, day: date) -> date:
        """Return the day that has, in the north, the season of a day here."""
        return day if self.latitude.mean() >= 0 else day + HALF_A_YEAR

    def crop[T: np.generic](self, values: NDArray[T]) -> NDArray[T]:
        """Cut the margin off a field ``(..., y, x)`` of ``fine``."""
        edge = MARGIN * BLOCK
        return values[..., edge:-edge, edge:-edge]

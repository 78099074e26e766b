"""A granule, and what decoding one gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from engine.errors import GridMismatchError
from engine.strips import strips

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.months import Period

    type Floats = NDArray[np.float32]

type Part = tuple[slice, slice]
"""Rows and columns of a grid."""
type Pixels = tuple[Floats, Floats]
"""Values and quality weights of a part, each ``(y, x)``."""


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


def check_grid(name: str, geobox: GeoBox, shape: tuple[int, ...]) -> None:
    """Refuse an array whose shape ``(y, x)`` is not that of a grid.

    Raises
    ------
    GridMismatchError
        It names the array.
    """
    if shape != tuple(geobox.shape):
        raise GridMismatchError(name, tuple(geobox.shape), shape)


class Field:
    """One variable on its native grid, after quality control and scaling.

    Parameters
    ----------
    values
        ``(y, x)`` in ``units``; NaN where missing.
    weight
        ``(y, x)`` quality weight, 0 (bad or missing) to 1 (good).
    geobox
        The native grid, or the window of it that was read.
    units
        UDUNITS text.
    """

    __slots__ = ("_make", "_whole", "geobox", "units")

    def __init__(self, *, values: Floats, weight: Floats, geobox: GeoBox, units: str) -> None:
        self.geobox, self.units = geobox, units
        self._whole: Pixels | None = (values, weight)
        self._make: Callable[[Part], Pixels] | None = None
        for name, array in (("values", values), ("weight", weight)):
            check_grid(f"field {name}", geobox, array.shape)

    @classmethod
    def in_parts(cls, make: Callable[[Part], Pixels], *, geobox: GeoBox, units: str) -> Self:
        """Return a field that is made when it is asked for, as far as it is asked for.

        Parameters
        ----------
        make
            Gives the pixels of a part.
        geobox, units
            Of the whole.
        """
        field = cls.__new__(cls)
        field.geobox, field.units = geobox, units
        field._make, field._whole = make, None  # noqa: SLF001 - our own
        return field

    @property
    def values(self) -> Floats:
        """``(y, x)`` in ``units``; NaN where missing."""
        return self._all()[0]

    @property
    def weight(self) -> Floats:
        """``(y, x)`` quality weight, 0 (bad or missing) to 1 (good)."""
        return self._all()[1]

    def pixels(self, part: Part) -> Pixels:
        """Return values and weights of a part."""
        if self._make is not None:
            return self._make(part)
        values, weight = self._all()
        return values[part], weight[part]

    def settle(self, *others: Field) -> None:
        """Make all pixels now, strip by strip.

        Parameters
        ----------
        others
            Fields of the same grid to be made beside it, since they may share work with it.
        """
        fields = [field for field in (self, *others) if field._make is not None]
        shape = tuple(self.geobox.shape)
        made = [(np.empty(shape, np.float32), np.empty(shape, np.float32)) for _ in fields]
        for rows in strips(shape):
            part = rows, slice(None)
            for field, (values, weight) in zip(fields, made, strict=True):
                values[part], weight[part] = field.pixels(part)
        for field, whole in zip(fields, made, strict=True):
            field._whole, field._make = whole, None  # noqa: SLF001

    def _all(self) -> Pixels:
        if self._whole is None:
            self.settle()
        if self._whole is None:
            raise ValueError("a field has neither pixels nor a way to make them")
        return self._whole

"""How much one request may ask for: said in the description, checked at the door.

Light: no science is loaded here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from engine.errors import InputError

if TYPE_CHECKING:
    from pydantic import JsonValue

    from processes.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The most months, and the most cells of each, that a request may ask for."""

    months: int
    """Months."""
    cells: int
    """Cells of 1 km in the area that is computed: the region, or the area asked for beyond it."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the bounds that an operator has set."""
        return cls(months=settings.most_months, cells=settings.most_cells)

    @property
    def sentence(self) -> str:
        """The bounds in words.

        >>> Bounds(months=120, cells=4_000_000).sentence
        'At most 120 months a request, and an area of at most 4,000,000 cells of 1 km.'
        """
        return (
            f"At most {self.months} months a request, and an area of at most {self.cells:,} "
            "cells of 1 km."
        )

    def describe(self) -> dict[str, JsonValue]:
        """Return the bounds as ``additionalParameters`` of a process description.

        As texts: of a whole number the OGC's schema says that it is one of number and integer.
        """
        return {
            "title": "Limits of a request",
            "parameters": [
                {"name": "mostMonths", "value": [str(self.months)]},
                {"name": "mostCells", "value": [str(self.cells)]},
            ],
        }

    def check_months(self, count: int) -> None:
        """Refuse too many months.

        Raises
        ------
        InputError
            Names the bound.
        """
        if count > self.months:
            raise InputError("datetime", f"{count} months", f"at most {self.months} a request")

    def check_cells(self, count: int, field: str) -> None:
        """Refuse too large an area.

        Parameters
        ----------
        count
            Its cells of 1 km.
        field
            The input that gives the area.

        Raises
        ------
        InputError
            Names the bound.
        """
        if count > self.cells:
            allowed = f"at most {self.cells:,}, about {self.cells**0.5:,.0f} km by as much"
            raise InputError(field, f"an area of {count:,} cells of 1 km", allowed)

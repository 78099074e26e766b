"""Soil moisture by volume, from what providers measure it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from engine.errors import InputError
from engine.stations.rows import numbers, shown
from engine.stations.series import GOOD, UNCHECKED
from engine.stations.table_spec import table_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from engine.stations.series import Labels
    from engine.stations.table import Table
    from engine.stations.table_spec import UnitSpec

    type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoilConstants:
    """What turns moisture by mass, or relative to field capacity, into moisture by volume.

    They hold for the rows that do not give their own.
    """

    bulk_density: float | None = None
    """Dry bulk density, g cm-3; for ``%grav``."""
    theta_fc: float | None = None
    """Soil moisture at field capacity, m3 m-3; for ``%FC``."""

    def __post_init__(self) -> None:
        for column, value in self.by_column.items():
            spec = table_spec().columns[column]
            low, high = spec.range or (-np.inf, np.inf)
            if value is not None and not low <= value <= high:
                raise InputError(column, f"{value:g}", f"{low:g} to {high:g} {spec.hint}")

    @property
    def by_column(self) -> Mapping[str, float | None]:
        """Each under the name of its column."""
        return {"bulk_density_g_cm3": self.bulk_density, "theta_fc_m3_m3": self.theta_fc}


def volumetric(
    table: Table, columns: Mapping[str, Floats], flags: Labels, soil: SoilConstants
) -> Floats:
    """Convert a table's values, unit by unit.

    Parameters
    ----------
    table
        The rows.
    columns
        The columns of numbers that units may need, ``(rows,)``, NaN where empty.
    flags
        ``(rows,)``; values flagged bad may be out of range.
    soil
        Constants for empty fields.

    Returns
    -------
    ndarray (rows,)
        Soil moisture, m3 m-3; NaN where missing.

    Raises
    ------
    GranuleError
        For an unknown unit, a constant that is missing, percent declared as fractions or the
        other way round, and values that cannot be.

    Notes
    -----
    θ = w ρ / ρ_water from moisture by mass w and bulk density ρ; θ = r θ_FC from moisture r
    relative to field capacity.
    """
    values = _stored(table)
    units = table.column("unit")
    moisture = np.full(values.size, np.nan)
    for position, text in enumerate(units.texts):
        unit = table_spec().by_spelling.get(text.lower())
        if unit is None:
            raise table.complain(
                units.first_row(position), f"unit is {shown(text)}", ", ".join(table_spec().units)
            )
        rows = np.flatnonzero(units.codes == position)
        _check_magnitude(table, unit, values, rows)
        moisture[rows] = values[rows] * unit.factor
        if unit.needs is not None:
            default = soil.by_column[unit.needs]
            moisture[rows] *= _constants(table, unit.needs, columns, default, rows)
    _check_range(table, moisture, flags)
    return moisture


def _stored(table: Table) -> Floats:
    spec = table_spec()
    values = numbers(table.column("value"), "value", table.complain, spec.missing)
    values[np.isin(values, spec.fill)] = np.nan
    return values


def _constants(
    table: Table,
    column: str,
    columns: Mapping[str, Floats],
    default: float | None,
    rows: NDArray[np.intp],
) -> Floats:
    """Return the constant that a unit needs, for each of some rows."""
    constants = columns[column][rows]
    lacking = np.isnan(constants)
    if default is None and lacking.any():
        row = int(rows[np.argmax(lacking)])
        raise table.complain(
            row,
            f"unit is {shown(table.column('unit').at(row))} but {column} is empty",
            f"a number in the column {column}, or one for all rows beside the table",
        )
    return np.where(lacking, np.nan if default is None else default, constants)


def _check_magnitude(table: Table, unit: UnitSpec, values: Floats, rows: NDArray[np.intp]) -> None:
    """Tell percent and fractions apart, station by station."""
    stations = table.column("station_id")
    grouped = pd.Series(values[rows]).groupby(stations.codes[rows])
    middle, greatest = grouped.median(), grouped.max()
    percent = middle > (np.inf if unit.median_above is None else unit.median_above)
    fractions = (greatest > 0) & (greatest <= (unit.all_below or -np.inf))
    for found, statistic, wrong in (
        (percent, middle, "half of the values exceed {:g}, so they look like percent"),
        (fractions, greatest, "no value exceeds {:g}, so they look like fractions"),
    ):
        if found.any():
            code = int(found.index[int(np.argmax(found.to_numpy()))])
            row = int(rows[np.argmax(stations.codes[rows] == code)])
            raise table.complain(
                row,
                f"unit is {shown(table.column('unit').at(row))} but "
                f"{wrong.format(statistic[code])}, at station {shown(stations.texts[code])}",
                ", ".join(table_spec().units),
            )


def _check_range(table: Table, moisture: Floats, flags: Labels) -> None:
    """Refuse values that cannot be, unless a flag says that the provider knows it."""
    low, high = table_spec().valid
    trusted = flags.equal(GOOD) | flags.equal(UNCHECKED)
    outside = trusted & ((moisture < low) | (moisture > high))
    if outside.any():
        row = int(np.argmax(outside))
        written = f"{table.column('value').at(row)} {table.column('unit').at(row)}"
        raise table.complain(
            row,
            f"value {shown(written)} is {moisture[row]:.4g} m3 m-3, flagged {flags.at(row)}",
            f"{low:g} to {high:g} m3 m-3, or a flag that says that it is bad",
        )

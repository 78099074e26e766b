"""From stored to physical numbers: fill, then valid range, then scale; quality beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import GranuleError
from engine.granules import Field

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.products.spec import VariableSpec

    type Stored = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a file says of one of its variables; None where it is silent."""

    units: str | None = None
    scale: float | None = None
    offset: float | None = None
    fill: tuple[float, ...] = ()


def field_of(
    path: Path,
    variable: VariableSpec,
    said: Said,
    stored: Stored,
    *,
    geobox: GeoBox,
    quality: Stored | None = None,
) -> Field:
    """Turn stored numbers into a field.

    Parameters
    ----------
    path
        The file, for messages.
    variable
        The product's spec of the variable.
    said
        The file's own attributes.
    stored
        ``(y, x)`` numbers as they lie in the file, row 0 north.
    geobox
        Grid of ``stored``.
    quality
        ``(y, x)`` quality numbers, where the spec has a quality layer.

    Raises
    ------
    GranuleError
        Where units or scale in the file are not those of the spec.
    """
    _check_units(path, variable, said)
    _check_scaling(path, variable, said)
    scale, offset = _scaling(variable, said)
    valid = _is_valid(stored, variable, said)
    values = np.full(stored.shape, np.nan, np.float32)
    np.multiply(stored, np.float32(scale), out=values, where=valid, casting="unsafe")
    if offset:
        values += np.float32(offset)
    weight = valid.astype(np.float32)
    if quality is not None and variable.quality is not None:
        weight *= _quality_weight(quality, variable.quality.table)
    values[weight == 0] = np.nan
    return Field(values=values, weight=weight, geobox=geobox, units=variable.units)


def is_blank(stored: Stored, variable: VariableSpec, said: Said) -> bool:
    """Tell whether stored numbers are all missing."""
    return not _is_valid(stored, variable, said).any()


def blank_error(path: Path, variable: VariableSpec) -> GranuleError:
    """Return the error of a file in which nothing is valid."""
    allowed = f"values in {variable.units}"
    if variable.valid is not None:
        allowed += " between {:g} and {:g}".format(*variable.valid)
    return GranuleError(path, f"{_shown(variable)} holds fill or invalid values only", allowed)


def text_of(value: object) -> str | None:
    """Return an attribute's text, however its library hands it over."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return None if value is None else str(value).strip()


def number_of(value: object) -> float | None:
    """Return an attribute's number, or None where it is missing or no number."""
    if value is None:
        return None
    try:
        array = np.asarray(value, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return None
    return float(array[0]) if array.size else None


def numbers_of(values: Iterable[object]) -> tuple[float, ...]:
    """Return those of some attributes that are numbers."""
    numbers = (number_of(value) for value in values)
    return tuple(number for number in numbers if number is not None)


def _check_units(path: Path, variable: VariableSpec, said: Said) -> None:
    if said.units and variable.source_units and said.units not in variable.source_units:
        raise GranuleError(
            path,
            f"{_shown(variable)} has units {said.units!r}",
            " or ".join(repr(text) for text in variable.source_units),
        )


def _check_scaling(path: Path, variable: VariableSpec, said: Said) -> None:
    """Refuse a file whose scale or offset contradicts the spec."""
    if _contradict(variable.scale, _said_factor(variable, said)):
        raise GranuleError(
            path,
            f"{_shown(variable)} has scale_factor {said.scale}",
            f"the scale {variable.scale}, its attribute being there to {variable.scale_attribute}",
        )
    if _contradict(variable.offset, said.offset):
        raise GranuleError(
            path, f"{_shown(variable)} has add_offset {said.offset}", f"{variable.offset}"
        )


def _scaling(variable: VariableSpec, said: Said) -> tuple[float, float]:
    """Return factor and offset: the spec's, else the file's, else 1 and 0."""
    factor = _first(variable.scale, _said_factor(variable, said), 1.0)
    return factor, _first(variable.offset, said.offset, 0.0)


def _said_factor(variable: VariableSpec, said: Said) -> float | None:
    if not said.scale:
        return None
    return 1 / said.scale if variable.scale_attribute == "divide" else said.scale


def _contradict(wanted: float | None, found: float | None) -> bool:
    known = wanted is not None and found is not None
    return known and not math.isclose(wanted or 0, found or 0, rel_tol=1e-5)


def _first(*numbers: float | None) -> float:
    return next(number for number in numbers if number is not None)


def _is_valid(stored: Stored, variable: VariableSpec, said: Said) -> NDArray[np.bool_]:
    valid = np.isfinite(stored) if stored.dtype.kind == "f" else np.ones(stored.shape, np.bool_)
    for fill in {*variable.fill, *said.fill}:
        if np.isfinite(fill):
            valid &= stored != _as_stored(fill, stored.dtype)
    if variable.valid is not None:
        low, high = (_as_stored(limit, stored.dtype) for limit in _stored_limits(variable, said))
        with np.errstate(invalid="ignore"):
            valid &= (stored >= low) & (stored <= high)
    return valid


def _stored_limits(variable: VariableSpec, said: Said) -> tuple[float, ...]:
    """Return the valid range in stored numbers."""
    limits = variable.valid or (-math.inf, math.inf)
    if variable.valid_of == "stored":
        return limits
    scale, offset = _scaling(variable, said)
    return tuple(sorted((limit - offset) / scale for limit in limits))


def _as_stored(number: float, dtype: np.dtype[Any]) -> float:
    """Round a number as the file's own float type would, so that -3.4e38 or 0.9 compare equal."""
    if dtype.kind != "f":
        return number
    with np.errstate(over="ignore"):
        return float(dtype.type(number))


def _quality_weight(quality: Stored, table: NDArray[np.float32]) -> NDArray[np.float32]:
    numbers = quality.astype(np.int64) & (table.size - 1)
    return np.asarray(table[numbers])


def _shown(variable: VariableSpec) -> str:
    return variable.source[0] if variable.source else variable.name

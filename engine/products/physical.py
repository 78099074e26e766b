"""From stored to physical numbers: fill, then valid range, then scale; quality beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import GranuleError
from engine.granules import Field, check_grid
from engine.strips import strips

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.granules import Part, Pixels
    from engine.products.spec import VariableSpec

    type Stored = NDArray[Any]


_NARROW = 2
"""Bytes of integers of which a table holds all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a file says of one of its variables; None where it is silent."""

    name: str = ""
    """What the file calls it."""
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
    _check_dtype(path, variable, said, stored)
    to_values = _codes if variable.classes else _amounts
    if not variable.classes:
        variable = _checked(path, variable, said, stored)
    factors = None if quality is None or variable.quality is None else variable.quality.table
    if _is_narrow(stored) and (quality is None or _is_narrow(quality)):
        from engine.lookup import look_up  # noqa: PLC0415 - numba takes a second to load

        check_grid("stored numbers", geobox, stored.shape)
        amounts, valid = to_values(variable, said, _all_numbers(stored.dtype))
        weights = valid.astype(np.float32)

        def make(part: Part) -> Pixels:
            marks = None if quality is None else quality[part]
            return look_up(stored[part], amounts, weights, marks, factors)

        return Field.in_parts(make, geobox=geobox, units=variable.units)
    values, weight = np.empty(stored.shape, np.float32), np.empty(stored.shape, np.float32)
    for part in strips(stored.shape):
        values[part], weight[part] = to_values(variable, said, stored[part])
        if quality is not None and factors is not None:
            weight[part] *= factors[quality[part].astype(np.int64) & (factors.size - 1)]
        np.copyto(values[part], np.nan, where=weight[part] == 0)
    return Field(values=values, weight=weight, geobox=geobox, units=variable.units)


def check_filled(
    path: Path,
    variable: VariableSpec,
    said: Said,
    stored: Stored,
    whole: Callable[[], Stored],
) -> None:
    """Refuse a file without one valid number, if its product has no gaps.

    Parameters
    ----------
    path
        The file, for messages.
    variable
        The product's spec of the variable.
    said
        The file's own attributes.
    stored
        Numbers of the area; where they are all missing, it may lie at sea.
    whole
        Reads all numbers of the file.
    """
    _check_dtype(path, variable, said, stored)
    if not variable.gap_free or not is_blank(stored, variable, said):
        return
    if is_blank(whole(), variable, said):
        raise blank_error(path, variable, said)


def is_blank(stored: Stored, variable: VariableSpec, said: Said) -> bool:
    """Tell whether stored numbers are all missing."""
    return not (_is_present(stored, variable, said) & _is_within(stored, variable, said)).any()


def blank_error(path: Path, variable: VariableSpec, said: Said) -> GranuleError:
    """Return the error of a file in which nothing is valid."""
    allowed = f"values in {variable.units}"
    if variable.valid is not None:
        allowed += " between {:g} and {:g}".format(*variable.valid)
    return GranuleError(
        path, f"{_shown(variable, said)} holds fill or invalid values only", allowed
    )


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


def _checked(path: Path, variable: VariableSpec, said: Said, stored: Stored) -> VariableSpec:
    """Return a variable with its scale; refuse amounts of other units, or beyond their range."""
    _check_units(path, variable, said)
    _check_scaling(path, variable, said)
    if variable.stored_units is None and variable.beyond != "refused":
        return variable
    present = _is_present(stored, variable, said)
    variable = _in_its_units(path, variable, said, stored, present)
    within = _is_within(stored, variable, said)
    if variable.beyond == "refused" and not within[present].all():
        raise _beyond_error(path, variable, said, stored[present & ~within])
    return variable


def _amounts(
    variable: VariableSpec, said: Said, stored: Stored
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return physical values, and where they are valid."""
    scale, offset = _scaling(variable, said)
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers that are missing anyway
        values = np.multiply(stored, np.float32(scale)).astype(np.float32, copy=False)
    if offset:
        values += np.float32(offset)
    return values, _is_present(stored, variable, said) & _is_within(stored, variable, said)


def _codes(
    variable: VariableSpec, said: Said, stored: Stored
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return codes, 0 where a number is none, and where they are valid."""
    valid = _is_present(stored, variable, said) & _is_within(stored, variable, said)
    return np.where(np.isin(stored, _all_codes(variable)), stored, 0).astype(np.float32), valid


def _all_codes(variable: VariableSpec) -> list[int]:
    return [code for codes in variable.classes.values() for code in codes]


def _in_its_units(
    path: Path, variable: VariableSpec, said: Said, stored: Stored, present: NDArray[np.bool_]
) -> VariableSpec:
    """Return a variable with the scale of the units that the file declares, or must be in."""
    units = variable.stored_units
    if units is None or not present.any():
        return variable
    choice = " or ".join(units.factors)
    name = said.units or units.silent
    if name not in units.factors:
        found = f"has units {name!r}" if name else "declares no units"
        raise GranuleError(path, f"{_shown(variable, said)} {found}", choice)
    if said.units is None and units.telling is not None:
        greatest = float(stored[present].max())
        if greatest <= units.telling:
            raise GranuleError(
                path,
                f"{_shown(variable, said)} declares no units, and {greatest:g}, its greatest "
                f"number, fits more than one of {choice}",
                "units in the file, or in the region's list of products",
            )
    return variable.model_copy(update={"scale": units.factors[name], "offset": 0.0})


def _beyond_error(path: Path, variable: VariableSpec, said: Said, numbers: Stored) -> GranuleError:
    low, high = variable.valid or (-math.inf, math.inf)
    scale = "" if variable.scale in {None, 1} else f", from stored numbers times {variable.scale:g}"
    return GranuleError(
        path,
        f"{_shown(variable, said)} holds {numbers.flat[0]:g}",
        f"{low:g} to {high:g} {variable.units}{scale}",
    )


def _check_dtype(path: Path, variable: VariableSpec, said: Said, stored: Stored) -> None:
    kind = stored.dtype
    if kind.kind not in "iuf" or (variable.dtype and kind.name not in variable.dtype):
        allowed = " or ".join(variable.dtype) or "integers or floating-point numbers"
        raise GranuleError(
            path, f"{_shown(variable, said)} holds numbers of type {kind.name}", allowed
        )


def _check_units(path: Path, variable: VariableSpec, said: Said) -> None:
    if said.units and variable.source_units and said.units not in variable.source_units:
        raise GranuleError(
            path,
            f"{_shown(variable, said)} has units {said.units!r}",
            " or ".join(repr(text) for text in variable.source_units),
        )


def _check_scaling(path: Path, variable: VariableSpec, said: Said) -> None:
    """Refuse a file whose scale or offset contradicts the spec."""
    if _contradict(variable.scale, _said_factor(variable, said)):
        raise GranuleError(
            path,
            f"{_shown(variable, said)} has scale_factor {said.scale}",
            f"the scale {variable.scale}, its attribute being there to {variable.scale_attribute}",
        )
    if _contradict(variable.offset, said.offset):
        raise GranuleError(
            path, f"{_shown(variable, said)} has add_offset {said.offset}", f"{variable.offset}"
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


def _is_narrow(stored: Stored) -> bool:
    """Tell whether numbers are of so few bits that a table holds them all."""
    return stored.dtype.kind in "iu" and stored.dtype.itemsize <= _NARROW


def _all_numbers(dtype: np.dtype[Any]) -> Stored:
    """Return all numbers of a type, ``(2^bits,)``, as they follow when read as unsigned ones.

    >>> _all_numbers(np.dtype(np.int8))[[0, 127, 128, 255]]
    array([   0,  127, -128,   -1], dtype=int8)
    """
    unsigned = np.arange(2 ** (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}")
    return unsigned.view(dtype.newbyteorder("="))


def _is_present(stored: Stored, variable: VariableSpec, said: Said) -> NDArray[np.bool_]:
    """Tell numbers from fill; a fill value that is the code of a class is no fill."""
    present = np.isfinite(stored) if stored.dtype.kind == "f" else np.ones(stored.shape, np.bool_)
    for fill in {*variable.fill, *said.fill} - set(_all_codes(variable)):
        if np.isfinite(fill):
            present &= stored != _as_stored(fill, stored.dtype)
    return present


def _is_within(stored: Stored, variable: VariableSpec, said: Said) -> NDArray[np.bool_]:
    """Tell numbers in the valid range; any, as long as their units are not known."""
    if variable.valid is None or (variable.stored_units and variable.scale is None):
        return np.ones(stored.shape, np.bool_)
    low, high = (_as_stored(limit, stored.dtype) for limit in _stored_limits(variable, said))
    with np.errstate(invalid="ignore"):
        return np.asarray((stored >= low) & (stored <= high))


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


def _shown(variable: VariableSpec, said: Said) -> str:
    return said.name or next(iter(variable.source), variable.name)

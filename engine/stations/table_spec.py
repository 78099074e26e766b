"""The columns and units of our own station table, as data."""

from __future__ import annotations

import re
import tomllib
from functools import cache, cached_property
from importlib import resources
from typing import TYPE_CHECKING, Literal, Self

from engine.products.spec import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


class ColumnSpec(Frozen):
    """One column."""

    kind: Literal["text", "number", "time", "zone", "value", "unit", "flag"]
    """What its fields are."""
    required: bool = False
    """Whether a table must have it."""
    optional_value: bool = False
    """Whether a field may be empty."""
    range: tuple[float, float] | None = None
    """Least and greatest number allowed."""
    hint: str = ""
    """What to say to someone whose number is out of range."""


class UnitSpec(Frozen):
    """One unit of soil moisture, and the way to m3 m-3."""

    spellings: tuple[str, ...]
    """How it may be written; case does not matter."""
    factor: float
    """By which to multiply."""
    needs: str | None = None
    """Column by which to multiply as well."""
    all_below: float | None = None
    """A series that stays below this is in fractions, whatever it says."""
    median_above: float | None = None
    """A series whose median exceeds this is in percent, whatever it says."""


class TableSpec(Frozen):
    """What a station table may hold."""

    missing: tuple[str, ...]
    """Texts that mean missing, in lower case."""
    fill: tuple[float, ...]
    """Numbers that mean missing."""
    default_flag: str
    """Flag of a row without one."""
    flag_pattern: str
    """Regular expression of a flag."""
    valid: tuple[float, float]
    """Soil moisture that can be, m3 m-3."""
    columns: dict[str, ColumnSpec]
    """By name."""
    units: dict[str, UnitSpec]
    """By the name that messages use."""

    @cached_property
    def flag(self) -> re.Pattern[str]:
        """The compiled flag pattern."""
        return re.compile(self.flag_pattern)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that must be there."""
        return tuple(name for name, column in self.columns.items() if column.required)

    @property
    def optional(self) -> tuple[str, ...]:
        """Names of the columns that may be there."""
        return tuple(name for name, column in self.columns.items() if not column.required)

    @cached_property
    def by_spelling(self) -> Mapping[str, UnitSpec]:
        """Units by each way to write them, in lower case."""
        return {text: unit for unit in self.units.values() for text in unit.spellings}

    @classmethod
    def read(cls) -> Self:
        """Read the spec that ships."""
        text = resources.files("engine.stations").joinpath("table.toml").read_text("utf-8")
        return cls.model_validate(tomllib.loads(text))


@cache
def table_spec() -> TableSpec:
    """Return the spec of our station table.

    >>> table_spec().by_spelling["%grav"].needs
    'bulk_density_g_cm3'
    """
    return TableSpec.read()

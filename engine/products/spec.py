"""What a product is called, how its files are named, and how its numbers are read."""

from __future__ import annotations

import re
import tomllib
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

type Span = Literal["day", "8-day", "year", "static"]
"""The days that one file stands for."""

type Format = Literal["hdf5-ease2", "hdf4-eos", "hdf5-eos", "geotiff", "netcdf-lonlat"]
"""Names of the decoders."""


class Frozen(BaseModel):
    """A value that people write in a file: unknown keys are refused, nothing changes later."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BitRule(Frozen):
    """Weights of the values of some bits of a quality number."""

    bits: tuple[Annotated[int, Field(ge=0, le=15)], Annotated[int, Field(ge=0, le=15)]]
    """First and last bit, both included; bit 0 is the lowest."""
    weights: dict[int, Annotated[float, Field(ge=0, le=1)]]
    """Weight of each value of these bits; a value not listed weighs nothing."""


class Quality(Frozen):
    """A quality layer beside a variable, and what its numbers are worth."""

    source: str
    """Name in the file."""
    rules: tuple[BitRule, ...]
    """The weight of a pixel is the least over the rules."""

    @cached_property
    def table(self) -> NDArray[np.float32]:
        """Weight of every possible quality number, ``(256,)`` or ``(65536,)``."""
        wide = any(rule.bits[1] > 7 for rule in self.rules)
        numbers = np.arange(65536 if wide else 256)
        table = np.ones(numbers.size, np.float32)
        for rule in self.rules:
            first, last = rule.bits
            values = (numbers >> first) & ((1 << (last - first + 1)) - 1)
            weights = np.zeros(1 << (last - first + 1), np.float32)
            for value, weight in rule.weights.items():
                weights[value] = weight
            np.minimum(table, weights[values], out=table)
        return table


class StoredUnits(Frozen):
    """Units that a product's files come in, where copies in several units go around."""

    factors: dict[str, float]
    """Factor to our units, by the text that a file may declare."""
    silent: str | None = None
    """Units of a file that declares none; None refuses such files."""
    telling: float | None = None
    """A file that declares none is believed only if a number in it exceeds this."""

    @model_validator(mode="after")
    def _check_silent(self) -> Self:
        if self.silent is not None and self.silent not in self.factors:
            raise ValueError(f"one of {', '.join(self.factors)}")
        return self


class VariableSpec(Frozen):
    """One variable: our name, theirs, and the way from stored to physical numbers."""

    name: str
    """Our name."""
    units: str
    """UDUNITS text of the physical values."""
    long_name: str = ""
    """One line for people."""
    source: tuple[str, ...] = ()
    """Names in the file, tried in order; not used by GeoTIFF."""
    band: int = 1
    """Band of a GeoTIFF, from 1."""
    dtype: tuple[str, ...] = ()
    """Types of number accepted in the file, such as ``int16``. Empty accepts all."""
    source_units: tuple[str, ...] = ()
    """Units texts accepted in the file; a file without one passes. Empty accepts all."""
    stored_units: StoredUnits | None = None
    """Units of the stored numbers, where files differ in them; stands instead of ``scale``."""
    summed: bool = False
    """Whether a stored number is a sum over the file's days; it is divided by how many they are."""
    scale: float | None = None
    """Factor from stored to physical numbers; None takes the file's own (1 where it has none)."""
    offset: float | None = None
    """Added after scaling; None takes the file's own (0 where it has none)."""
    scale_attribute: Literal["multiply", "divide"] = "multiply"
    """What the file's ``scale_factor`` means; MOD13 writes 10000 and means: divide."""
    fill: tuple[float, ...] = ()
    """Stored numbers that mean missing, beside the file's own fill value."""
    valid: tuple[float, float] | None = None
    """Least and greatest valid number, both included."""
    valid_of: Literal["stored", "physical"] = "stored"
    """Whether ``valid`` is about stored or physical numbers."""
    beyond: Literal["missing", "refused"] = "missing"
    """Whether a number beyond ``valid`` is a missing pixel, or shows that the file is another."""
    classes: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    """Codes of each class, where numbers are names of things; a code of no class is read as 0."""
    quality: Quality | None = None
    """Quality layer; None weighs every valid pixel 1."""
    optional: bool = False
    """Whether subsets leave it out; it is read where it is asked for and there."""
    gap_free: bool = False
    """Whether a file without one valid value must be a broken one."""


class GridSpec(Frozen):
    """What is known of a product's grid beforehand; files are checked against it."""

    name: str | None = None
    """HDF-EOS grid name."""
    tile_pixels: int | None = None
    """Pixels along a side of a whole sinusoidal tile."""
    pixel: float | None = None
    """Pixel size in degrees."""
    origin: tuple[float, float] | None = None
    """Longitude and latitude of any corner of the lattice."""
    any_projection: bool = False
    """Whether a raster need not be on longitude and latitude."""


class ProductSpec(Frozen):
    """A source product."""

    id: str
    """Short name, such as ``MOD11A2``."""
    title: str
    """Full name."""
    doi: str
    """DOI of the data, or of the paper that describes them."""
    licence: str
    """Terms of use, one line."""
    citation: str
    """How to cite it."""
    file_pattern: str
    """Regular expression of the whole file name, with named groups for date, tile, version.

    One that has a slash is about the whole path. A group ``variable`` names, by its ``source``,
    the only variable that the file holds.
    """
    versions: tuple[str, ...] = ()
    """Versions that these facts are true of; a file of another is refused. Empty accepts all."""
    variants: tuple[str, ...] = ()
    """Variants that the pattern may name, the preferred one first."""
    period: Span
    """Days that one file stands for."""
    files_per_day: int = 1
    """Files of one day."""
    formats: dict[str, Format]
    """Decoder by file suffix; where two files hold the same, the earlier suffix wins."""
    grid: GridSpec = GridSpec()
    """Facts of its grid."""
    variables: tuple[VariableSpec, ...]
    """What is read."""

    @model_validator(mode="before")
    @classmethod
    def _spread_defaults(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Give every variable the table ``variable_defaults``."""
        data = dict(data)
        defaults = data.pop("variable_defaults", None)
        if defaults:
            data["variables"] = [{**defaults, **variable} for variable in data["variables"]]
        return data

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a spec from a TOML file."""
        return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The compiled file pattern."""
        return re.compile(self.file_pattern)

    def match(self, path: Path) -> re.Match[str] | None:
        """Match a file's name, or its whole path where the pattern speaks of folders."""
        whole = "/" in self.file_pattern
        return self.pattern.fullmatch(path.as_posix() if whole else path.name)

    def adapted(self, *, versions: Sequence[str] = (), units: str | None = None) -> ProductSpec:
        """Return the spec of copies that differ from the published files.

        Parameters
        ----------
        versions
            Further versions to accept.
        units
            Units of files that declare none.

        Raises
        ------
        InputError
            Where the product's files come in one kind of units only.
        """
        variables = self.variables
        if units is not None:
            variables = tuple(self._in_units(variable, units) for variable in self.variables)
        accepted = (*self.versions, *versions) if self.versions else ()
        return self.model_copy(update={"versions": accepted, "variables": variables})

    def _in_units(self, variable: VariableSpec, units: str) -> VariableSpec:
        stored = variable.stored_units
        factors = stored.factors if stored else {}
        if stored is None or units not in factors:
            raise InputError(f"units of {self.id}", repr(units), ", ".join(factors) or "none")
        believed = stored.model_copy(update={"silent": units, "telling": None})
        return variable.model_copy(update={"stored_units": believed})

    def select(self, names: Sequence[str] | None) -> tuple[VariableSpec, ...]:
        """Return the variables of some names, in their order; None returns all but the optional."""
        if names is None:
            return tuple(variable for variable in self.variables if not variable.optional)
        known = {variable.name: variable for variable in self.variables}
        for name in names:
            if name not in known:
                raise InputError("variable", f"{self.id} has no {name!r}", ", ".join(known))
        return tuple(known[name] for name in names)


@cache
def load_specs() -> Mapping[str, ProductSpec]:
    """Return every product that vadose knows, by identifier.

    >>> load_specs()["MOD11A2"].period
    '8-day'
    """
    with resources.as_file(resources.files("engine.products") / "specs") as folder:
        specs = [ProductSpec.read(path) for path in sorted(Path(folder).glob("*.toml"))]
    return {spec.id: spec for spec in specs}


def spec_of(product: str) -> ProductSpec:
    """Return the spec of a product, or say which products there are."""
    specs = load_specs()
    if product not in specs:
        raise InputError("product", repr(product), ", ".join(specs))
    return specs[product]

"""What a comparison product is called, and how its files are laid out."""

from __future__ import annotations

import re
import tomllib
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator

from engine.errors import InputError
from engine.products.spec import Frozen, VariableSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class LonLatAxes(Frozen):
    """Names of a file's dimensions, each tried in order. They may stand in any order."""

    time: tuple[str, ...] = ("time",)
    """Days; a file of a single day needs none."""
    lat: tuple[str, ...] = ("lat", "latitude")
    """Cell centres in degrees north, in either order."""
    lon: tuple[str, ...] = ("lon", "longitude")
    """Cell centres in degrees east."""


class ComparisonSpec(Frozen):
    """Another map of soil moisture to compare ours with: daily, on longitude and latitude."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")]
    """Short name."""
    title: str
    """Full name."""
    doi: str | None = None
    """DOI of its description."""
    licence: str = ""
    """Terms of use, one line."""
    citation: str = ""
    """How to cite it."""
    caution: str = ""
    """What agreement with it does not prove."""
    file_pattern: str
    """Regular expression of a whole file name. The group ``year`` alone announces a file of a
    year, with ``month`` one of a month, with ``day`` or ``doy`` one of a day."""
    depth: tuple[float, float]
    """Layer that it describes, m."""
    first_year: int = 1900
    """First year published."""
    last_year: int = 2100
    """Last year published."""
    min_days: Annotated[int, Field(ge=1, le=28)] = 20
    """Valid days that a monthly mean needs."""
    plausible: tuple[float, float] = (0.01, 0.75)
    """Range of the median over an area, m3 m-3; beyond it the scale must be wrong."""
    grid: LonLatAxes = LonLatAxes()
    """Names of its dimensions."""
    variable: VariableSpec
    """Name in the file, scale, fill and valid range."""

    @field_validator("file_pattern")
    @classmethod
    def _check_pattern(cls, text: str) -> str:
        try:
            groups = re.compile(text).groupindex
        except re.error as error:
            raise ValueError(f"it is no regular expression: {error}") from error
        if "year" not in groups or ("day" in groups and "month" not in groups):
            raise ValueError("it needs the group year, and the group month beside day")
        return text

    @field_validator("variable", mode="before")
    @classmethod
    def _name_variable(cls, variable: object) -> object:
        if isinstance(variable, dict):
            return {"name": "soil_moisture", "units": "m3 m-3", **variable}
        return variable

    @field_validator("variable")
    @classmethod
    def _check_units(cls, variable: VariableSpec) -> VariableSpec:
        if variable.units != "m3 m-3":
            raise ValueError("m3 m-3 after scaling")
        return variable

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The compiled file pattern."""
        return re.compile(self.file_pattern)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a spec from a TOML file.

        Raises
        ------
        InputError
            Naming the key that breaks the rules.
        """
        try:
            content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"comparison {path.name}, {where}", first["msg"], ", ".join(cls.model_fields)
            ) from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(
                "comparison", f"{path.name} cannot be read", "a file in TOML"
            ) from error


def load_comparisons(extra_dirs: Iterable[Path] = ()) -> Mapping[str, ComparisonSpec]:
    """Return every comparison product by identifier; those in ``extra_dirs`` replace ours.

    >>> load_comparisons()["SMCI-1km"].variable.scale
    0.001
    """
    with resources.as_file(resources.files("engine.comparison") / "specs") as shipped:
        folders = [shipped, *reversed([*extra_dirs])]
        specs = [
            ComparisonSpec.read(path)
            for folder in folders
            for path in sorted(Path(folder).glob("*.toml"))
        ]
    return {spec.id: spec for spec in specs}

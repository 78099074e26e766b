"""Predictors that a user brings along: any raster, continuous or in classes, static or monthly."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import Field as Key
from pydantic import field_validator, model_validator

from engine.errors import MissingDataError
from engine.granules import Field
from engine.months import Month
from engine.products.classes import class_fields
from engine.products.spec import Frozen, VariableSpec
from engine.products.user_raster import read_user_raster
from engine.terrain import horn_slope

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from odc.geo.geobox import GeoBox

type Slug = Annotated[str, Key(pattern=r"^[a-z][a-z0-9_]*$")]

MONTH = "{month}"
"""Stands for ``YYYY-MM`` in the name of a monthly file."""


def check_file_name(name: str) -> str:
    """Refuse a name that leads out of the archive or has another placeholder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("a path below the archive, without '..'")
    if set(name.replace(MONTH, "")) & set("{}*?[]"):
        raise ValueError(f"one file name; {MONTH} is the only placeholder")
    return name


class UserPredictor(Frozen):
    """One raster below the archive, and what it means."""

    name: Slug
    """Feature name, or the beginning of the feature names."""
    file: str
    """Path below the archive; ``{month}`` stands for ``YYYY-MM`` if there is one file a month."""
    kind: Literal["continuous", "categorical"]
    """Whether its numbers are amounts or codes of classes."""
    units: str = "1"
    """UDUNITS text of a continuous predictor."""
    long_name: str = ""
    """One line for people."""
    band: Annotated[int, Key(ge=1)] = 1
    """Band, from 1."""
    nodata: float | None = None
    """A number that means missing, beside the file's own."""
    crs: str | None = None
    """Reference system to believe instead of the file's tag."""
    classes: dict[Slug, tuple[int, ...]] = Key(default_factory=dict)
    """Codes of each class; each class becomes the share of its area."""
    slope: bool = False
    """Whether ``<name>_slope``, in degrees, is derived as well; needs metres."""

    @field_validator("file")
    @classmethod
    def _check_file(cls, name: str) -> str:
        return check_file_name(name)

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        codes = [code for group in self.classes.values() for code in group]
        if (self.kind == "categorical") != bool(codes):
            raise ValueError("classes belong to a categorical predictor, which needs them")
        if len(codes) != len(set(codes)):
            raise ValueError("a code belongs to one class only")
        if self.slope and (self.kind != "continuous" or self.units != "m"):
            raise ValueError("slope is derived from a continuous predictor in m")
        return self

    @property
    def monthly(self) -> bool:
        """Whether there is one file for each month."""
        return MONTH in self.file

    @property
    def features(self) -> Mapping[str, str]:
        """Units of each feature that it gives, by name, in order."""
        if self.kind == "categorical":
            return {f"{self.name}_{label}": "1" for label in self.classes}
        slope = {f"{self.name}_slope": "degree"} if self.slope else {}
        return {self.name: self.units} | slope


def predictor_path(predictor: UserPredictor, root: Path, month: Month | None) -> Path:
    """Return the file of a predictor, for a month if it is monthly.

    Raises
    ------
    MissingDataError
        Where it is not in the archive.
    """
    name = predictor.file
    if predictor.monthly:
        name = name.replace(MONTH, str(month))
    path = root / name
    if not path.is_file():
        when = str(month) if predictor.monthly else "any month"
        raise MissingDataError(predictor.name, when, f"the file {name} below the archive")
    return path


def months_by_name(root: Path, file: str) -> tuple[Month, ...]:
    """Return the months that files below a folder are named by, in order.

    Parameters
    ----------
    root
        The archive.
    file
        Path below it with ``{month}`` for ``YYYY-MM``, in the name or in a folder's.
    """
    before, *between = map(re.escape, file.split(MONTH))
    pattern = re.compile(before + r"(\d{4}-(?:0[1-9]|1[0-2]))" + r"\1".join(between))
    paths = root.glob(file.replace(MONTH, "????-??"))
    found = (pattern.fullmatch(path.relative_to(root).as_posix()) for path in paths)
    return tuple(sorted(Month.parse(match[1]) for match in found if match))


def predictor_fields(
    predictor: UserPredictor, root: Path, area: GeoBox, month: Month | None = None
) -> Mapping[str, Field]:
    """Read a predictor's features on its own grid.

    Parameters
    ----------
    predictor
        What to read.
    root
        The archive.
    area
        Any grid; its outline, with a margin of one pixel, is what is read.
    month
        The month, which a monthly predictor needs.

    Returns
    -------
    mapping of str to Field
        By feature name. A class is 1 where the raster holds one of its codes, else 0, so its
        area mean is the share of the class.

    Raises
    ------
    MissingDataError
        Where the file is missing or does not touch the area.
    """
    path = predictor_path(predictor, root, month)
    field = read_user_raster(path, _variable(predictor), area, crs=predictor.crs)
    if field is None:
        raise MissingDataError(predictor.name, "this area", f"a raster that covers it; {path.name}")
    if predictor.kind == "categorical":
        shares = class_fields(field, predictor.classes)
        return {f"{predictor.name}_{label}": share for label, share in shares.items()}
    slope = {f"{predictor.name}_slope": _slope(field)} if predictor.slope else {}
    return {predictor.name: field} | slope


def _variable(predictor: UserPredictor) -> VariableSpec:
    categorical = predictor.kind == "categorical"
    return VariableSpec(
        name=predictor.name,
        units="1" if categorical else predictor.units,
        band=predictor.band,
        source_units=() if categorical else (predictor.units,),
        fill=() if predictor.nodata is None else (predictor.nodata,),
        gap_free=True,
    )


def _slope(elevation: Field) -> Field:
    values = horn_slope(elevation.values, elevation.geobox)
    return Field(
        values=values,
        weight=np.isfinite(values).astype(np.float32),
        geobox=elevation.geobox,
        units="degree",
    )

"""Presets: which window, which months, how hard."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from engine.errors import InputError
from engine.months import Month, month_range

SmapErrors = Literal["realistic", "good", "coarse"]
"""How SMAP may err."""


class Window(BaseModel):
    """Cells of EASE-Grid 2.0 M09."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: int = Field(ge=0)
    column: int = Field(ge=0)
    height: int = Field(gt=0)
    width: int = Field(gt=0)


class Preset(BaseModel):
    """Everything that, with a seed, makes a world."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: str
    window: Window
    first: str
    """First month, YYYY-MM."""
    last: str
    """Last month, YYYY-MM."""
    stations: int = Field(default=12, ge=0)
    """Stations in the ground."""
    spin_up_days: int = Field(default=240, ge=30)
    """Days simulated before the first month."""
    smap_errors: SmapErrors = "realistic"
    """How SMAP errs: ``realistic`` (0.018 m3 m-3 static, 0.010 monthly), ``good`` (0.006 and
    0.005), or ``coarse``: realistic, and blurred to 27 km, which may be what it resolves."""
    shared_rain_error: float = Field(default=0, ge=0, le=1)
    """Standard deviation of the logarithm of a monthly rain error that SMAP and CHIRPS share."""
    sif_stress: float = Field(default=0.55, ge=0, le=1)
    """How much of its SIF a fully stressed canopy loses at once; 0 is the negative control."""
    soil_map_error: float = Field(default=0, ge=0, le=20)
    """Standard deviation of the errors of clay and sand in the soil maps, %; correlated."""
    sif_format: Literal["netcdf", "geotiff"] = "netcdf"
    evapotranspiration: Literal["MOD16A2GF", "MOD16A2"] = Field(
        default="MOD16A2GF", exclude_if=lambda product: product == "MOD16A2GF"
    )
    """The gap-filled product; or the forward one, which begins in 2021, and the gap-filled one
    before. Left out of a dump unless turned, so that worlds from before this knob stay known."""

    land_instrument: Literal["MODIS", "VIIRS"] = Field(
        default="MODIS", exclude_if=lambda instrument: instrument == "MODIS"
    )
    """Whose files reflectance, albedo, surface temperature and leaf area come in; what they show
    is the same, but for pixels of 1 km of the first two. Left out of a dump unless turned."""
    predictor_noise: float = Field(default=1.0, ge=0, le=4, exclude_if=lambda factor: factor == 1)
    """Factor of the noise of MODIS, CHIRPS and eSIF; left out of a dump unless turned."""

    @field_validator("first", "last")
    @classmethod
    def _is_month(cls, text: str) -> str:
        return str(Month.parse(text))

    @property
    def months(self) -> tuple[Month, ...]:
        """Every month of the archive, in order."""
        return month_range(Month.parse(self.first), Month.parse(self.last))


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets that ship.

    >>> preset_names()
    ('henan', 'small', 'tiny')
    """
    files = resources.files("engine.world").joinpath("presets").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def load_preset(name: str, **knobs: float | str) -> Preset:
    """Read a preset that ships with the package, and turn some of its knobs.

    Parameters
    ----------
    name
        One of :func:`preset_names`.
    **knobs
        Other values of its fields, such as ``smap_errors="good"``.

    Raises
    ------
    InputError
        Where there is none of that name, or a knob cannot be turned so.

    Examples
    --------
    >>> load_preset("tiny", sif_stress=0).sif_stress
    0.0
    """
    if name not in preset_names():
        raise InputError("preset", repr(name), ", ".join(preset_names()))
    text = resources.files("engine.world").joinpath("presets", f"{name}.toml").read_text("utf-8")
    try:
        return Preset.model_validate(tomllib.loads(text) | knobs)
    except ValidationError as error:
        first = error.errors()[0]
        knob = ".".join(str(part) for part in first["loc"])
        raise InputError(knob, repr(first["input"]), first["msg"]) from error

"""Colours for values: palettes as data, joined at even perceptual steps.

References
----------
Ottosson, B. (2020). A perceptual color space for image processing (OKLab).
https://bottosson.github.io/posts/oklab/
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from engine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

LEVELS = 256
"""Colours in a table."""

_LMS_FROM_RGB = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB_FROM_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)

type Hex = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]


class Palette(BaseModel):
    """Colours from low to high, and the fixed range of values that they stand for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Key in ``colours.toml``."""
    label: str
    """What the values are, for a legend."""
    units: str
    """UDUNITS text that a layer must carry to be coloured so."""
    units_label: str
    """The same for people."""
    range: tuple[float, float]
    """Values of the first and the last colour; beyond it these two are used."""
    stops: Annotated[tuple[Hex, ...], Field(min_length=2)]
    """sRGB colours to pass through."""
    diverging: bool = False
    """Whether the stop in the middle stands for the middle of the range, the same both ways."""

    @model_validator(mode="after")
    def _has_a_middle(self) -> Palette:
        if self.diverging and len(self.stops) % 2 == 0:
            raise ValueError("diverging colours need a stop in the middle: an odd number of stops")
        return self

    def table(self) -> NDArray[np.float64]:
        """Return ``(256, 3)`` sRGB colours, 0 to 1, at even perceptual steps."""
        return _table(self.stops, self.diverging)

    def hexes(self) -> tuple[str, ...]:
        """Return the 256 colours as ``#rrggbb``."""
        levels = np.rint(255 * self.table()).astype(np.uint8)
        return tuple(f"#{bytes(level).hex()}" for level in levels)

    def rgba(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Colour values ``(...)`` as ``(..., 4)`` bytes; missing ones are transparent."""
        array = np.asarray(values, dtype=np.float64)
        low, high = self.range
        share = np.clip(np.nan_to_num((array - low) / (high - low)), 0, 1)
        level = np.rint(share * (LEVELS - 1)).astype(np.intp)
        opaque = np.isfinite(array).astype(np.float64)
        colour = np.concatenate([self.table()[level], opaque[..., None]], axis=-1)
        return np.rint(255 * colour).astype(np.uint8)


@cache
def palettes() -> Mapping[str, Palette]:
    """Return every shipped palette by name."""
    text = files("engine").joinpath("colours.toml").read_text(encoding="utf-8")
    return {name: Palette(name=name, **entry) for name, entry in tomllib.loads(text).items()}


def palette(name: str) -> Palette:
    """Return a shipped palette.

    >>> palette("soil_moisture").units
    'm3 m-3'
    """
    if name not in palettes():
        raise InputError("palette", repr(name), ", ".join(palettes()))
    return palettes()[name]


def oklab(rgb: ArrayLike) -> NDArray[np.float64]:
    """Turn sRGB colours ``(..., 3)``, 0 to 1, into OKLab lightness, a and b."""
    encoded = np.asarray(rgb, dtype=np.float64)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _LMS_FROM_RGB.T) @ _LAB_FROM_LMS.T)


def _srgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn OKLab colours into sRGB, clipped to what a screen can show."""
    lms = (lab @ np.linalg.inv(_LAB_FROM_LMS).T) ** 3
    linear = np.clip(lms @ np.linalg.inv(_LMS_FROM_RGB).T, 0, 1)
    bright = 1.055 * linear ** (1 / 2.4) - 0.055
    return np.asarray(np.clip(np.where(linear <= 0.0031308, 12.92 * linear, bright), 0, 1))


@cache
def _table(stops: tuple[str, ...], diverging: bool) -> NDArray[np.float64]:
    if not diverging:
        return _even_steps(stops, LEVELS)
    middle, half = len(stops) // 2, LEVELS // 2
    sides = (stops[: middle + 1], stops[middle:])
    return np.concatenate([_even_steps(side, half) for side in sides])


def _even_steps(stops: tuple[str, ...], levels: int) -> NDArray[np.float64]:
    rgb = np.array([[int(stop[k : k + 2], 16) / 255 for k in (1, 3, 5)] for stop in stops])
    lab = oklab(rgb)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(lab, axis=0), axis=1))])
    along = np.linspace(0, length[-1], levels)
    return _srgb(np.stack([np.interp(along, length, lab[:, k]) for k in range(3)], axis=-1))

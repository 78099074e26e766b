"""What is known of the ISMN's files, as data."""

from __future__ import annotations

import re
import tomllib
from functools import cache, cached_property
from importlib import resources
from typing import Self

from engine.products.spec import Frozen


class IsmnVariable(Frozen):
    """One of the ISMN's variables."""

    name: str
    """Our name."""
    units: str
    """UDUNITS text."""
    median: tuple[float, float]
    """Range in which the median of a file must lie."""


class IsmnSpec(Frozen):
    """The ISMN's naming and layout."""

    title: str
    """Full name."""
    citation: str
    """How to cite it."""
    doi: str
    """DOI of its description."""
    suffix: str
    """Of data files."""
    file_pattern: str
    """Regular expression of a data file's name."""
    time_format: str
    """Of a date and a clock time, joined by a blank."""
    flag_pattern: str
    """Regular expression of a flag, or of several."""
    fill: float
    """Value that means missing."""
    depth_rounding: float
    """Greatest distance between a depth in the name and in the file, m."""
    variables: dict[str, IsmnVariable]
    """By the ISMN's short names."""

    @cached_property
    def name(self) -> re.Pattern[str]:
        """The compiled file pattern."""
        return re.compile(self.file_pattern)

    @cached_property
    def flag(self) -> re.Pattern[str]:
        """The compiled flag pattern."""
        return re.compile(self.flag_pattern, re.ASCII)

    @classmethod
    def read(cls) -> Self:
        """Read the spec that ships."""
        text = resources.files("engine.stations").joinpath("ismn.toml").read_text("utf-8")
        return cls.model_validate(tomllib.loads(text))


@cache
def ismn_spec() -> IsmnSpec:
    """Return the ISMN's spec.

    >>> ismn_spec().variables["sm"].units
    'm3 m-3'
    """
    return IsmnSpec.read()

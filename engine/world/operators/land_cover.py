"""MCD12Q1: one class for each 500 m pixel, so drawn that the shares of 1 km cells are kept."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from engine.world.operators.observation import Observation
from engine.world.random_fields import stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from engine.grids import FloatArray
    from engine.world.land import Land
    from engine.world.operators.sampling import SinusoidalSampler
    from engine.world.presets import Preset
    from engine.world.simulation import Day

    type Classes = NDArray[np.uint8]


class Legend(BaseModel):
    """What the world's covers are called in the product's files, and where others say nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    covers: dict[str, dict[int, float]]
    """IGBP classes of each cover, and what share of it each takes."""
    quality: dict[int, int]
    """Quality number of a class other than 0."""
    backfilled: float
    """Share of the land whose label was kept from before, quality 8."""
    absent: dict[str, dict[int, int]]
    """By field of another product: the number that it holds in pixels of a class."""


class LandCover:
    """The classes of a world's 500 m pixels; makes MCD12Q1 granules, the same every year."""

    def __init__(
        self, preset: Preset, land: Land, samplers: Sequence[SinusoidalSampler], seed: int
    ) -> None:
        self._samplers = samplers
        self._generator = stream(seed, "land cover")
        self._years = {month.year for month in preset.months}
        self.classes = {s.tile: _pixel_classes(s, land, self._generator) for s in samplers}
        """``(y, x)`` IGBP class by tile; 255 outside the area."""
        self._quality = {tile: self._qualities(classes) for tile, classes in self.classes.items()}

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield a year's granules on the first day of it that is seen."""
        if day.day.year not in self._years:
            return
        self._years.remove(day.day.year)
        for sampler in self._samplers:
            yield Observation(
                product="MCD12Q1",
                time=datetime(day.day.year, 1, 1, tzinfo=UTC),
                geobox=sampler.geobox,
                tile=sampler.tile,
                fields={
                    "LC_Type1": self.classes[sampler.tile],
                    "QC": self._quality[sampler.tile],
                },
            )

    def absences(self, tile: str, field: str) -> Classes | NDArray[np.int16]:
        """Return the numbers that a field of another product holds where it has no value."""
        numbers = np.zeros(256, np.int16)
        for igbp, number in legend().absent[field].items():
            numbers[igbp] = number
        return numbers[self.classes[tile]]

    def _qualities(self, classes: Classes) -> Classes:
        numbers = np.zeros(256, np.uint8)
        for igbp, number in legend().quality.items():
            numbers[igbp] = number
        quality = numbers[classes]
        kept = self._generator.random(classes.shape, np.float32) < legend().backfilled
        quality[kept & (quality == 0)] = 8
        return quality


@cache
def legend() -> Legend:
    """Return the legend that ships with the package."""
    text = resources.files("engine.world.operators").joinpath("land_cover.toml").read_text("utf-8")
    return Legend.model_validate(tomllib.loads(text))


def draw_shares(
    cells: NDArray[np.integer], shares: FloatArray, generator: np.random.Generator
) -> NDArray[np.intp]:
    """Draw a kind for each pixel so that every cell's pixels keep its shares as well as they can.

    The pixels of a cell, in random order, take evenly spaced steps through the cumulated shares
    from a random start, so a share of a cell with n pixels is missed by less than 1/n and by
    nothing on average.

    Parameters
    ----------
    cells
        ``(pixels,)`` number of the cell that each pixel lies in.
    shares
        ``(kinds, cells)``, summing to 1 over the kinds.
    generator
        Source of chance.

    Returns
    -------
    ndarray (pixels,)
        Number of the kind.
    """
    order = np.lexsort((generator.random(cells.size), cells))
    ordered = cells[order]
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    count = np.diff(first, append=cells.size)
    rank = np.arange(cells.size) - np.repeat(first, count)
    start = np.repeat(generator.random(first.size), count)
    step = (rank + start) / np.repeat(count, count)
    limits = np.cumsum(shares, axis=0)[:-1, ordered]
    kinds = np.empty(cells.size, np.intp)
    kinds[order] = (step >= limits).sum(axis=0)
    return kinds


def _pixel_classes(
    sampler: SinusoidalSampler, land: Land, generator: np.random.Generator
) -> Classes:
    covers: Mapping[str, Mapping[int, float]] = legend().covers
    rows = [
        share * getattr(land, cover).ravel()
        for cover, classes in covers.items()
        for share in classes.values()
    ]
    codes = np.array([code for classes in covers.values() for code in classes], np.uint8)
    kinds = draw_shares(sampler.centre_cells(), np.stack(rows), generator)
    classes = np.full(sampler.seen.shape, 255, np.uint8)
    classes[sampler.seen] = codes[kinds]
    return classes

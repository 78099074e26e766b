"""Worlds as arrays: the rows to learn from, the maps to predict, the truth to be scored against."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import h5py
import numpy as np

from engine.features import FEATURES, PRESETS, SIF_PREDICTORS
from engine.grids import COARSE_PIXEL, block_mean
from engine.history import SIDE
from engine.models.blocks import spatial_blocks
from engine.models.candidates import candidate
from engine.models.table import Table, Variable
from engine.months import Month
from engine.quality import quality_table
from engine.sif_inputs import PAR_UNITS
from engine.world.build import load
from engine.world.presets import load_preset
from engine.world.sif_cube import write_sif_cube

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.models.candidates import Candidate
    from engine.world.presets import SmapErrors

MIN_VALID = 0.6
"""Least share of valid fine cells in a coarse cell's predictors."""
_ROUNDING = 1e-6

STANDARD: tuple[str, ...] = PRESETS["standard"]
PAPER: tuple[str, ...] = PRESETS["paper"]
SIF_INPUTS = frozenset({*SIF_PREDICTORS, "par"} - set(STANDARD))
"""What only the model of SIF sees."""

_UNITS = {
    **{name: feature.units for name, feature in {**SIF_PREDICTORS, **FEATURES}.items()},
    "par": PAR_UNITS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldName:
    """Which world: a preset, a seed, and what is turned."""

    preset: str
    seed: int
    noise: float = 1.0
    """Factor of the predictors' noise."""
    stress: bool = True
    """Whether SIF feels stress at once; without it is the negative control."""

    def __str__(self) -> str:
        turned = f"-noise{self.noise:g}" if self.noise != 1 else ""
        return f"{self.preset}-{self.seed}{turned}{'' if self.stress else '-nostress'}"


@dataclass(frozen=True, kw_only=True)
class Cube:
    """A world month by month; maps are read when they are needed."""

    name: WorldName
    paths: tuple[Path, ...]
    area: GeoBox

    @cached_property
    def months(self) -> tuple[Month, ...]:
        """Return the months ``(t,)``."""
        return tuple(Month.parse(path.stem.removeprefix("cube_")) for path in self.paths)

    def maps(self, number: int, names: Sequence[str]) -> NDArray[np.float32]:
        """Return some variables of a month, ``(f, y, x)``."""
        with h5py.File(self.paths[number]) as month:
            return np.stack([month[name][...] for name in names])

    def series(self, name: str) -> NDArray[np.float32]:
        """Return all months of a variable, ``(t, y, x)``."""
        return np.stack([self.maps(number, [name])[0] for number in range(len(self.paths))])

    @cached_property
    def predictors(self) -> tuple[Variable, ...]:
        """Every predictor that the months hold: the standard ones, then what SIF is made of."""
        with h5py.File(self.paths[0]) as month:
            names = [name for name in (*STANDARD, *sorted(SIF_INPUTS)) if name in month]
        return tuple(Variable(name=name, units=_UNITS[name]) for name in names)

    @cached_property
    def means(self) -> NDArray[np.float32]:
        """Return the means of the predictors over coarse cells, ``(t, f, h, w)``."""
        names = [variable.name for variable in self.predictors]
        return np.stack(
            [
                np.stack([block_mean(one, MIN_VALID) for one in self.maps(number, names)])
                for number in range(len(self.paths))
            ]
        ).astype(np.float32)

    @cached_property
    def truth(self) -> NDArray[np.float32]:
        """Return the true soil moisture, ``(t, y, x)``, m3 m-3."""
        return self.series("true_soil_moisture")

    def smap(self, errors: SmapErrors = "realistic") -> NDArray[np.float64]:
        """Return SMAP with its errors, ``(t, h, w)``, m3 m-3."""
        name = "smap" if errors == "realistic" else f"smap_{errors}"
        return self.series(name).astype(np.float64)

    @cached_property
    def lessons(self) -> NDArray[np.bool_]:
        """Tell which coarse cells ``(t, h, w)`` may teach a model: no towns, no water, no gaps."""
        names = [variable.name for variable in self.predictors]
        limits = quality_table().training
        urban, water = (self.means[:, names.index(name)] for name in ("lc_urban", "lc_water"))
        present = np.isfinite(self.means).mean(axis=1) >= 0.5
        return ~(urban >= limits.urban) & ~(water >= limits.water) & present

    def table(self, errors: SmapErrors = "realistic") -> Table:
        """Return the rows of all months and coarse cells that may teach a model."""
        return self.every_row(errors).rows(self.lessons.ravel())

    def every_row(self, errors: SmapErrors = "realistic") -> Table:
        """Return the rows of all coarse cells, by time, row and column."""
        smap = self.smap(errors)
        times, height, width = smap.shape
        row, column = (index.ravel() + 0.5 for index in np.indices((height, width)))
        affine = self.area.affine
        return Table.of(
            features=self.predictors,
            target=Variable(name="soil_moisture", units="m3 m-3"),
            values=np.moveaxis(self.means, 1, -1).reshape(-1, len(self.predictors)),
            truth=smap.ravel(),
            x=np.tile(affine.c + COARSE_PIXEL * column, times),
            y=np.tile(affine.f - COARSE_PIXEL * row, times),
            time=np.repeat(np.array([str(month) for month in self.months]), height * width),
        )


def world(
    name: WorldName,
    folder: Path,
    *,
    smap_errors: Sequence[SmapErrors] = (),
    sif_trees: int | None = None,
) -> Cube:
    """Return a world, made where it is not there yet.

    Parameters
    ----------
    name
        Which.
    folder
        Of all worlds.
    smap_errors
        Other ways in which SMAP might err than the preset's own.
    sif_trees
        Trees of the model that rebuilds SIF; as many as the service's where not given.
    """
    knobs: dict[str, float] = {"predictor_noise": name.noise}
    if not name.stress:
        knobs["sif_stress"] = 0.0
    preset = load_preset(name.preset, **knobs)
    paths = write_sif_cube(
        preset,
        name.seed,
        folder / str(name),
        smap_errors=smap_errors,
        sif_model=_few_trees(sif_trees),
    )
    area = load(preset, name.seed, folder).domain.area
    return Cube(name=name, paths=paths, area=area)


def _few_trees(trees: int | None) -> Candidate | None:
    if trees is None:
        return None
    settings = candidate("sif")
    few = {"trees": trees, "trees_in_folds": min(trees, 5)}
    return settings.model_copy(update=few)


def with_place_names(table: Table, block_side: float, letters: int = 12) -> Table:
    """Return the rows with names of their places, spelled in columns of noise: the canary.

    Parameters
    ----------
    table
        Rows.
    block_side
        Side of spatial blocks, metres. No place lies in two of them, so that no block's names
        are known from elsewhere.
    letters
        Columns.

    Notes
    -----
    A place is 3 × 3 coarse cells. One column that names single cells does not do: trees would have
    to cut it into thousands of parts, none of which gains anything.
    """
    blocks, _ = spatial_blocks(table.x, table.y, block_side)
    rows, columns = (
        np.floor((axis - axis.min()) / (SIDE * COARSE_PIXEL) + _ROUNDING)
        for axis in (table.y, table.x)
    )
    parts = np.column_stack([blocks, rows, columns])
    place = np.unique(parts, axis=0, return_inverse=True)[1].ravel()
    noise = np.random.default_rng(99).normal(size=(int(place.max()) + 1, letters))
    names = (Variable(name=f"place_name_{letter}", units="1") for letter in range(letters))
    return replace(
        table,
        features=(*table.features, *names),
        values=np.column_stack([table.values, noise[place].astype(np.float32)]),
    )

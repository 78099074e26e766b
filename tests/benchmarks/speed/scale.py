"""From features to maps, over areas and times of any size: what a cell costs, and how much memory.

Every size is a process of its own: it makes up features, month by month, and makes the layers of
a month as the service does (the model alone, the blend, the conserving one, its interval, where
the model guesses, and what is clipped), each a COG. The features are one field, repeated; what they
cost to make up is not counted.

Run as a program it makes one size and prints what that took.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from fields import FEATURES, SHAPE, TARGET, predictors, target
from odc.geo.geobox import GeoBox
from pairing import Ratio, compared, most_memory

from engine.analysis import analysed
from engine.applicability import Applicability
from engine.background import Background
from engine.cog import write_cog
from engine.grids import BLOCK, COARSE, EASE2_CRS, block_mean
from engine.models.inference import opened, parts_of
from engine.months import Month
from engine.residual import DRIEST, WETTEST
from engine.uncertainty import Errors, half_widths, interval_onnx
from engine.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    type Floats = NDArray[np.float32]
    type Layer = NDArray[np.float32] | NDArray[np.uint16]

LAND_CELLS = {"China": 9.6e6, "the globe": 1.49e8}
"""Cells of 1 km of land."""

_TREES = 200
_PROTOTYPES = 2000
_FIRST = Month(2018, 5)
_MICRO = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done."""

    cells: tuple[int, ...]
    """Areas, fine cells, from small to large."""
    months: tuple[int, ...]
    """Of an area of 10⁵ cells."""


FULL = Size(cells=(10**4, 10**5, 10**6, 10**7), months=(1, 4, 12, 44))
QUICK = Size(cells=(10**4, 10**5, 10**6), months=(1, 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a size took."""

    cells: int
    months: int
    cpu: float
    """Seconds of all threads."""
    wall: float
    """Seconds."""
    peak: float
    """Megabytes."""

    @property
    def per_cell(self) -> float:
        """Return seconds of CPU for each cell of each month."""
        return self.cpu / self.cells / self.months


def scale_ratios(size: Size) -> Iterator[Ratio]:
    """Measure cost and memory from small to large, and from short to long."""
    with TemporaryDirectory() as folder:
        learn(Path(folder))
        yield from _of_areas([_cost(Path(folder), cells, 1) for cells in size.cells])
        yield from _of_months([_cost(Path(folder), 10**5, months) for months in size.months])


def learn(folder: Path, rows: int = 20_000) -> None:
    """Make a model from some rows, and what is frozen beside it."""
    # Months are made without any of these.
    from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415

    from engine.models.graphs.forest import forest_graph  # noqa: PLC0415
    from engine.models.graphs.graph import onnx_file  # noqa: PLC0415

    every = predictors(10)
    picks = np.random.default_rng(0).choice(len(every), rows, replace=False)
    values, truth = every[picks], target(every)[picks]
    forest = RandomForestRegressor(_TREES, min_samples_leaf=5, max_features=0.33, n_jobs=2)
    forest.fit(values, truth)
    known = Applicability.learnt(values, truth, picks % 5, rows=_PROTOTYPES)
    errors = Errors(
        growth=1e-4,
        most=1e-2,
        changes=(1e-4,) * 12,
        detail=(1e-4,) * 12,
        factor=1.6,
        smap_bias=None,
    )
    files = {
        "model.onnx": onnx_file(forest_graph(forest), FEATURES, TARGET),
        "applicability.onnx": known.to_onnx(FEATURES),
        "interval.onnx": interval_onnx(errors),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)


def square(cells: int) -> GeoBox:
    """Return a square of about some fine cells, on the equator."""
    side = max(BLOCK, round(cells**0.5 / BLOCK) * BLOCK)
    height, width = side, max(BLOCK, round(cells / side / BLOCK) * BLOCK)
    pixel = COARSE.affine.a / BLOCK
    return GeoBox((height, width), Affine(pixel, 0, 0, 0, -pixel, 0), EASE2_CRS)


class Area:
    """An area whose months are made.

    Parameters
    ----------
    folder
        Where `learn` left its files; receives the maps.
    area
        Fine cells, whole coarse ones.
    """

    def __init__(self, folder: Path, area: GeoBox) -> None:
        self.folder, self.area = folder, area
        self._field = predictors(11).reshape(*SHAPE, -1)
        names = ("model", "applicability", "interval")
        self._models = {name: (folder / f"{name}.onnx").read_bytes() for name in names}
        self._background: Background | None = None

    @property
    def cells(self) -> int:
        """Fine cells."""
        return int(self.area.shape.y * self.area.shape.x)

    def features(self, number: int) -> list[Floats]:
        """Make up the features of a month, each ``(cells,)``."""
        height, width = self.area.shape
        rows = (np.arange(height) + 7 * number) % SHAPE[0]
        columns = (np.arange(width) + 11 * number) % SHAPE[1]
        return [
            np.ascontiguousarray(self._field[..., one][np.ix_(rows, columns)]).ravel()
            for one in range(self._field.shape[-1])
        ]

    def month(self, number: int, features: list[Floats], threads: int) -> None:
        """Make and write a month's layers."""
        for name, values in self.layers(number, features, threads).items():
            path = self.folder / f"{self.cells}-{number}-{name}.tif"
            write_cog(path, values, geobox=self.area, name=name, units=TARGET.units, long_name=name)
            path.unlink()

    def layers(self, number: int, features: list[Floats], threads: int) -> dict[str, Layer]:
        """Make a month's layers ``(y, x)`` by their names in the catalogue."""
        shape = tuple(self.area.shape)
        raw = self._said("model", features, threads).reshape(shape)
        coarse = block_mean(raw.astype(np.float64)) + 0.01 * np.sin(number)
        background = self._background_of(raw, coarse)
        made = analysed(raw, coarse, background=background, weights=_weights())
        unlike = self._said("applicability", features, threads).reshape(shape)
        half = half_widths(self._models["interval"], unlike, _FIRST.shift(number))
        return {
            "soil_moisture": made.soil_moisture,
            "soil_moisture_raw": made.raw,
            "soil_moisture_conserving": made.conserving,
            "lower": np.clip(made.soil_moisture - half, DRIEST, WETTEST),
            "upper": np.clip(made.soil_moisture + half, DRIEST, WETTEST),
            "applicability": unlike,
            "quality": (made.soil_moisture <= DRIEST).astype(np.uint16),
        }

    def _background_of(self, raw: Floats, coarse: NDArray[np.float64]) -> Background:
        if self._background is None:
            self._background = Background(
                area=self.area, prediction=raw, soil_moisture=coarse.astype(np.float32)
            )
        return self._background

    def _said(self, model: str, features: list[Floats], threads: int) -> Floats:
        session = opened(self._models[model], threads=threads)
        said = np.empty(self.cells, np.float32)
        for part in parts_of(self.cells):
            said[part] = session(np.stack([layer[part] for layer in features], axis=1))
        return said


def _weights() -> Weights:
    return Weights(
        smap=0.5, amplitude=1.0, detail=0.5, grain=0.1, static=0.2, smap_between=(0.3, 0.8)
    )


def _of_areas(costs: list[Cost]) -> Iterator[Ratio]:
    base = next(one for one in costs if one.cells >= 0.9e5)
    for cost in costs:
        yield compared(
            f"scale_{cost.cells:.0e}_cells",
            [base.per_cell],
            [cost.per_cell],
            work=f"a month of {cost.cells:,} cells, peak {cost.peak:.0f} MB",
            against=f"{base.cells:,} cells",
            unit="µs a cell",
            scale=_MICRO,
            goal=1.15 if cost is costs[-1] else None,
            below=True,
        )
    for place, cells in LAND_CELLS.items():
        yield compared(
            f"extrapolated_{place.split()[-1].lower()}",
            [1.0],
            [costs[-1].per_cell * cells / 3600],
            work=f"a month of {place}, NOT measured: cost per cell of {costs[-1].cells:,} cells",
            against="one core",
            unit="core hours",
        )


def _of_months(costs: list[Cost]) -> Iterator[Ratio]:
    first = costs[0]
    for cost in costs[1:]:
        for name, unit, ours, theirs in (
            ("cost", "s a month", first.cpu / first.months, cost.cpu / cost.months),
            ("memory", "MB", first.peak, cost.peak),
        ):
            yield compared(
                f"scale_{cost.months}_months_{name}",
                [ours],
                [theirs],
                work=f"{cost.months} months of {cost.cells:,} cells",
                against="1 month",
                unit=unit,
            )


def _cost(folder: Path, cells: int, months: int) -> Cost:
    """Measure a size in a process of its own."""
    command = [sys.executable, __file__, str(folder), str(cells), str(months)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return Cost(**told)


def _run(folder: str, cells: str, months: str) -> None:
    area, cpu, wall = Area(Path(folder), square(int(cells))), 0.0, 0.0
    area.month(0, area.features(0), threads=2)  # opens the models, makes the background
    for number in range(int(months)):
        features = area.features(number)
        started = process_time(), perf_counter()
        area.month(number, features, threads=2)
        cpu, wall = cpu + process_time() - started[0], wall + perf_counter() - started[1]
    told = {"cells": area.cells, "months": int(months), "cpu": cpu, "wall": wall}
    print(json.dumps({**told, "peak": most_memory()}))  # noqa: T201


if __name__ == "__main__":
    _run(*sys.argv[1:])

"""From an archive to maps: vadose beside the pipeline that one writes at first.

The naive pipeline takes granule after granule to the fine grid by rasterio, averages the dates,
lets scikit-learn predict the stack and writes it by rioxarray. It shares our decoders, which read
no more of a file than the area needs, opens each granule once, and works with the same setting of
the heap. Features are those of the standard set that are means of one product's granules; what is
left out of both ways is the bridging of gaps. Weights of the grids are there already, as in any
month but the first.

Run as a program of its own it does one of the ways and prints the memory that it took.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from fields import target
from pairing import Ratio, compared, most_memory, turns
from regridding import averaged

from engine.archive import Archive
from engine.cog import write_cog
from engine.feature_store import FeatureStore
from engine.features import FEATURES, PRESETS, derive
from engine.heap import keep_freed_memory
from engine.models.table import Variable
from engine.region import load_region
from engine.regrid import WeightCache
from engine.stages import inputs_of
from engine.world import build_world
from engine.world.presets import load_preset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from sklearn.ensemble import RandomForestRegressor

    from engine.features import Feature
    from engine.models.inference import Session
    from engine.months import Month
    from engine.world import World

BUDGET = 250_000_000
"""Bytes that the making of a feature may take, about; the service's ``VADOSE_MEMORY``."""

_MICRO = 1e6
_ROWS = 20_000
_TREES = 200
_SEED = 7
_WORK = "archive → COG, random forest of 200 trees"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done."""

    preset: str
    """Of the synthetic world."""
    last: str
    """Its last month; the first is May 2019."""
    rounds: int


FULL = Size(preset="henan", last="2019-05", rounds=3)
QUICK = Size(preset="small", last="2019-05", rounds=2)

_FIRST = "2019-05"


class Pipelines:
    """Ways from one archive to maps.

    Parameters
    ----------
    world
        Whose archive it is.
    folder
        Receives what is made.
    """

    def __init__(self, world: World, folder: Path) -> None:
        self.folder = folder
        self.archive = Archive(world.archive)
        self.region = load_region(world.region)
        self.weights = WeightCache(folder / "weights")
        self.months = world.months
        self.area = self.region.area()
        self.features = tuple(_plain(self.archive))

    @cached_property
    def forest(self) -> RandomForestRegressor:
        """A forest that has learnt something bent of the features of the first month."""
        kept = self.folder / "forest.pickle"
        if kept.exists():
            made: RandomForestRegressor = pickle.loads(kept.read_bytes())  # noqa: S301 - our own
            return made
        from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415 - theirs alone

        stack = self._stack(self._ours(self.months[0], self.folder / "learnt"))
        rows = stack[np.isfinite(stack).all(axis=1)]
        picks = np.random.default_rng(0).choice(len(rows), min(_ROWS, len(rows)), replace=False)
        values = rows[picks]
        spread = np.maximum(values.std(axis=0), np.float32(1e-9))
        truth = target((values - values.mean(axis=0)) / spread)
        forest = RandomForestRegressor(_TREES, min_samples_leaf=5, max_features=0.33, n_jobs=2)
        forest.fit(values, truth).set_params(n_jobs=1)
        kept.write_bytes(pickle.dumps(forest))
        return forest

    @cached_property
    def session(self) -> Session:
        """The same forest from its ONNX file."""
        from engine.models.graphs.forest import forest_graph  # noqa: PLC0415 - ours alone
        from engine.models.graphs.graph import onnx_file  # noqa: PLC0415
        from engine.models.inference import Session  # noqa: PLC0415

        kept = self.folder / "forest.onnx"
        if not kept.exists():
            columns = [Variable(name=one.name, units=one.units) for one in self.features]
            moisture = Variable(name="soil_moisture", units="m3 m-3")
            kept.write_bytes(onnx_file(forest_graph(self.forest), columns, moisture))
        return Session(kept.read_bytes(), threads=1)

    def load(self, way: str) -> None:
        """Load the model of a way."""
        if way == "vadose":
            keep_freed_memory()
            self.session  # noqa: B018
        else:
            self.forest  # noqa: B018

    def vadose(self) -> None:
        """Map every month by our own code."""
        with TemporaryDirectory(dir=self.folder) as folder:
            for month in self.months:
                stack = self._stack(self._ours(month, Path(folder)))
                values = self.session(stack).reshape(tuple(self.area.shape))
                write_cog(
                    self.folder / f"ours-{month}.tif",
                    values,
                    geobox=self.area,
                    name="soil_moisture",
                    units="m3 m-3",
                    long_name="Soil moisture",
                )

    def naive(self) -> None:
        """Map every month as one does at first."""
        import rioxarray  # noqa: F401, PLC0415 - gives arrays their ``rio``

        for month in self.months:
            stack = self._stack(
                [
                    layer
                    for product, features in groupby(self.features, lambda one: one.product)
                    for layer in self._averaged(product, list(features), month)
                ]
            )
            values = self.forest.predict(stack).astype(np.float32)
            data = xr.DataArray(
                values.reshape(tuple(self.area.shape)),
                dims=("y", "x"),
                coords={name: axis.values for name, axis in self.area.coords.items()},
            )
            placed = data.rio.write_crs(str(self.area.crs)).rio.write_nodata(np.nan)
            placed.rio.to_raster(self.folder / f"naive-{month}.tif", driver="COG")

    def decoding(self) -> None:
        """Decode what every month needs, and no more."""
        store = self._store(self.folder)
        for month in self.months:
            for product, features in groupby(self.features, lambda one: one.product):
                inputs = inputs_of(list(features))
                for granule in self.archive.granules(product, month.period):
                    store.decode(granule, inputs)

    def _ours(self, month: Month, folder: Path) -> list[NDArray[np.float32]]:
        names = [feature.name for feature in self.features]
        data = self._store(folder).month(month, names)
        return [data[name].to_numpy() for name in names]

    def _store(self, folder: Path) -> FeatureStore:
        return FeatureStore(
            self.archive, self.region, folder, self.weights, bridging=False, memory=BUDGET
        )

    def _averaged(
        self, product: str, features: Sequence[Feature], month: Month
    ) -> list[NDArray[np.float32]]:
        """Average the dates of a product's features on the fine grid."""
        store = self._store(self.folder)
        dates: dict[str, list[NDArray[np.float32]]] = {one.name: [] for one in features}
        for granule in self.archive.granules(product, month.period):
            if fields := store.decode(granule, inputs_of(features)):
                for name, made in derive(features, fields).items():
                    seen = np.where(made.weight > 0, made.values, np.float32(np.nan))
                    dates[name].append(averaged(seen, made.geobox, self.area))
        return [
            np.asarray(np.nanmean(np.stack(seen), axis=0), dtype=np.float32)
            for seen in dates.values()
        ]

    def _stack(self, layers: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.stack([layer.ravel() for layer in layers], axis=1)


def pipeline_ratios(size: Size) -> Iterator[Ratio]:
    """Compare the ways, in CPU time and in memory."""
    with TemporaryDirectory() as folder:
        preset = load_preset(size.preset, first=_FIRST, last=size.last)
        world = build_world(preset, _SEED, Path(folder) / "world")
        ways = Pipelines(world, Path(folder))
        work = f"{_WORK}, {len(ways.months)} months, {len(ways.features)} features"
        ways.load("vadose")  # trained and loaded once
        works = {"vadose": ways.vadose, "naive": ways.naive, "decoding": ways.decoding}
        seconds = turns(works, size.rounds)
        cells = ways.area.shape.x * ways.area.shape.y * len(ways.months)
        yield compared(
            "pipeline_vs_naive",
            seconds["vadose"],
            seconds["naive"],
            work=work,
            against="rasterio + scikit-learn",
            unit="µs a cell",
            scale=_MICRO / cells,
            goal=4.0,
        )
        yield compared(
            "pipeline_vs_decoding",
            seconds["decoding"],
            seconds["vadose"],
            work=f"decoding of the inputs alone; {work}",
            against="all of it",
            unit="µs a cell",
            scale=_MICRO / cells,
            goal=2.5,
            below=True,
        )
        costs = {way: _memory(way, size, Path(folder)) for way in ("naive", "vadose")}
        beyond = {way: cost["peak"] - cost["before"] for way, cost in costs.items()}
        yield _memory_ratio(
            "memory_vs_naive",
            {way: cost["peak"] for way, cost in costs.items()},
            f"peak memory of the naive pipeline's process; {work}",
        )
        # Small maps take less than the loading of the model did before.
        if min(beyond.values()) > 0:
            what = f"the same beyond libraries and model; {work}"
            yield _memory_ratio("memory_of_work_vs_naive", beyond, what)


def _memory_ratio(name: str, megabytes: Mapping[str, float], work: str) -> Ratio:
    return compared(
        name,
        [megabytes["naive"]],
        [megabytes["vadose"]],
        work=work,
        against="vadose",
        unit="MB",
        goal=0.4,
        below=True,
    )


def _plain(archive: Archive) -> Iterator[Feature]:
    """Yield the standard features that are means over time of one product's granules."""
    for feature in (FEATURES[name] for name in PRESETS["standard"]):
        simple = feature.partner is None and feature.memory is None
        if simple and feature.time in {"mean", "every-day"} and archive.has(feature.product):
            yield feature


def _memory(way: str, size: Size, folder: Path) -> dict[str, float]:
    """Return the memory, in MB, of a process before one way and at its peak."""
    command = [sys.executable, __file__, way, size.preset, size.last, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _run_one_way(way: str, preset: str, last: str, folder: str) -> None:
    world = build_world(load_preset(preset, first=_FIRST, last=last), _SEED, Path(folder) / "world")
    ways = Pipelines(world, Path(folder))
    ways.load(way)
    before = most_memory()
    getattr(ways, way)()
    print(json.dumps({"before": before, "peak": most_memory()}))  # noqa: T201


if __name__ == "__main__":
    _run_one_way(*sys.argv[1:])

"""From an archive to maps: vadose beside the pipelines that one writes at first.

The naive one, `plain`, has nothing of vadose. The second shares our decoders, which read no more
of a file than the area needs and weigh quality as our features do, then takes granule after granule
to the fine grid by rasterio, averages the dates and goes on as the first. All open each granule
once and work with the same setting of the heap. Features are those of the standard set that are
means of one product's granules; what is left out of all ways is the bridging of gaps. Weights of
the grids are there already, as in any month but the first.

Run as a program it goes our way and prints the memory that it took.
"""

from __future__ import annotations

import json
import pickle
import sys
import warnings
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import plain
from fields import target
from memory import memory_ratios
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
from engine.world.build import World
from engine.world.presets import Preset, Window, load_preset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import xarray as xr
    from numpy.typing import NDArray
    from sklearn.ensemble import RandomForestRegressor

    from engine.features import Feature
    from engine.models.inference import Session
    from engine.months import Month

    type Layers = list[NDArray[np.float32]]

BUDGET = 250_000_000
"""Bytes that the making of a feature may take, about; the service's ``VADOSE_MEMORY``."""
SEED = 7

_MICRO = 1e6
_TREES = 200
_WORK = "archive → COG, random forest of 200 trees"
_LEAST_LIKE = 0.9
"""Correlation of the naive features with ours below which something is wrong. Means of GDAL, see
`regridding`, and quality weights, which the naive way does without, keep it from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done."""

    preset: Preset
    """Of the synthetic world."""
    rounds: int
    rows: int
    """That the forest learns from."""
    wide: Preset | None = None
    """A wider world, on which memory is measured once more."""


_HENAN = load_preset("henan", first="2019-05", last="2019-05")
_WIDE = {
    "name": "four-henans",
    "title": "Four times the area of Henan, with it in the middle",
    "window": Window(row=290, column=3075, height=118, width=138),
}
FULL = Size(preset=_HENAN, rounds=3, rows=20_000, wide=_HENAN.model_copy(update=_WIDE))
QUICK = Size(preset=load_preset("small", first="2019-05", last="2019-05"), rounds=2, rows=8_000)


class Pipelines:
    """Ways from one archive to maps.

    Parameters
    ----------
    world
        Whose archive it is.
    folder
        Receives what is made; the forest is taken from there where it is.
    rows
        That the forest learns from.
    """

    def __init__(self, world: World, folder: Path, rows: int = 20_000) -> None:
        self.folder, self.rows = folder, rows
        self.archive = Archive(world.archive)
        self.region = load_region(world.region)
        self.weights = WeightCache(folder / "weights")
        self.months = world.months
        self.area = self.region.area()
        self.features = tuple(_plain(self.archive))

    @property
    def names(self) -> list[str]:
        """Names of the features, in order."""
        return [feature.name for feature in self.features]

    @cached_property
    def forest(self) -> RandomForestRegressor:
        """A forest that has learnt something bent of the features of the first month."""
        kept = self.folder / "forest.pickle"
        if kept.exists():
            made: RandomForestRegressor = pickle.loads(kept.read_bytes())  # noqa: S301 - our own
            return made
        from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415 - theirs alone

        layers = self.ours(self.months[0], self.folder / "learnt")
        stack = np.stack([layer.ravel() for layer in layers], axis=1)
        rows = stack[np.isfinite(stack).all(axis=1)]
        picks = np.random.default_rng(0).choice(len(rows), min(self.rows, len(rows)), replace=False)
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

    @cached_property
    def target(self) -> xr.DataArray:
        """The area for those who know nothing of ours."""
        return plain.grid(**self.place())

    def place(self) -> plain.Place:
        """Return the area as plain numbers."""
        affine = self.area.affine
        return {
            "shape": (self.area.shape.y, self.area.shape.x),
            "transform": (affine.a, affine.b, affine.c, affine.d, affine.e, affine.f),
            "crs": str(self.area.crs),
        }

    def vadose(self) -> None:
        """Map every month by our own code."""
        from engine.models.inference import parts_of  # noqa: PLC0415 - ours alone

        with TemporaryDirectory(dir=self.folder) as folder:
            for month in self.months:
                layers = [layer.ravel() for layer in self.ours(month, Path(folder))]
                values = np.concatenate(
                    [
                        self.session(np.stack([layer[part] for layer in layers], axis=1))
                        for part in parts_of(layers[0].size)
                    ]
                )
                write_cog(
                    self.folder / f"ours-{month}.tif",
                    values.reshape(tuple(self.area.shape)),
                    geobox=self.area,
                    name="soil_moisture",
                    units="m3 m-3",
                    long_name="Soil moisture",
                )

    def naive(self) -> None:
        """Map every month as one does at first."""
        for month in self.months:
            made = plain.features(self.archive.root, month.period.start, self.target)
            plain.write_map(made, self.target, self.forest, self.folder / f"naive-{month}.tif")

    def sharing(self) -> None:
        """Map every month as one does at first, but by our decoders."""
        for month in self.months:
            layers = [
                layer
                for product, features in groupby(self.features, lambda one: one.product)
                for layer in self._averaged(product, list(features), month)
            ]
            made = self.target.to_dataset(name="empty").drop_vars("empty")
            for name, layer in zip(self.names, layers, strict=True):
                made[name] = self.target.copy(data=layer)
            plain.write_map(made, self.target, self.forest, self.folder / f"sharing-{month}.tif")

    def decoding(self) -> None:
        """Decode what every month needs, and no more."""
        store = self._store(self.folder)
        for month in self.months:
            for product, features in groupby(self.features, lambda one: one.product):
                inputs = inputs_of(list(features))
                for granule in self.archive.granules(product, month.period):
                    for field in store.decode(granule, inputs).values():
                        field.settle()

    def ours(self, month: Month, folder: Path) -> Layers:
        """Make a month's features by our own code."""
        data = self._store(folder).month(month, self.names)
        return [data[name].to_numpy() for name in self.names]

    def likeness(self) -> dict[str, float]:
        """Return how the naive features of the first month correlate with ours."""
        with TemporaryDirectory(dir=self.folder) as folder:
            ours = self.ours(self.months[0], Path(folder))
        made = plain.features(self.archive.root, self.months[0].period.start, self.target)
        theirs = [made[name].to_numpy() for name in self.names]
        both = [
            np.isfinite(one) & np.isfinite(other) for one, other in zip(ours, theirs, strict=True)
        ]
        return {
            name: float(np.corrcoef(one[seen], other[seen])[0, 1])
            for name, one, other, seen in zip(self.names, ours, theirs, both, strict=True)
        }

    def _store(self, folder: Path) -> FeatureStore:
        return FeatureStore(
            self.archive, self.region, folder, self.weights, bridging=False, memory=BUDGET
        )

    def _averaged(self, product: str, features: Sequence[Feature], month: Month) -> Layers:
        """Average the dates of a product's features on the fine grid."""
        store = self._store(self.folder)
        dates: dict[str, Layers] = {one.name: [] for one in features}
        for granule in self.archive.granules(product, month.period):
            if fields := store.decode(granule, inputs_of(features)):
                for name, made in derive(features, fields).items():
                    seen = np.where(made.weight > 0, made.values, np.float32(np.nan))
                    dates[name].append(averaged(seen, made.geobox, self.area))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Mean of empty slice")
            return [np.nanmean(np.stack(seen), axis=0) for seen in dates.values()]


def pipeline_ratios(size: Size) -> Iterator[Ratio]:
    """Compare the ways, in CPU time and in memory."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        world = build_world(size.preset, SEED, folder / "world")
        ways = Pipelines(world, folder, size.rows)
        keep_freed_memory()
        ways.session  # noqa: B018 - trained and loaded once
        alike = ways.likeness()
        if not min(alike.values()) >= _LEAST_LIKE:
            raise RuntimeError(f"the naive features are not ours: correlations of {alike}")
        yield from _time_ratios(ways, size.rounds, f"alike to {min(alike.values()):.2f}")
        yield from memory_ratios(ways, world, "")
        if size.wide is not None:
            wide = build_world(size.wide, SEED, folder / "wide")
            wider = Pipelines(wide, folder)
            wider.vadose()  # leaves the weights of its grids, as any earlier month does
            yield from memory_ratios(wider, wide, "_wide")


def _time_ratios(ways: Pipelines, rounds: int, alike: str) -> Iterator[Ratio]:
    works = {
        "vadose": ways.vadose,
        "naive": ways.naive,
        "sharing": ways.sharing,
        "decoding": ways.decoding,
    }
    seconds = turns(works, rounds)
    cells = ways.area.shape.x * ways.area.shape.y * len(ways.months)
    work = f"{_WORK}, {len(ways.features)} features, {alike}"
    for name, way, against, goal in (
        ("pipeline_vs_naive", "naive", "rioxarray, scikit-learn", 4.0),
        ("pipeline_vs_shared_decoding", "sharing", "the same, our decoders", None),
    ):
        yield compared(
            name,
            seconds["vadose"],
            seconds[way],
            work=work,
            against=against,
            unit="µs a cell",
            scale=_MICRO / cells,
            goal=goal,
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


def _plain(archive: Archive) -> Iterator[Feature]:
    """Yield the standard features that are means over time of one product's granules."""
    for feature in (FEATURES[name] for name in PRESETS["standard"]):
        simple = feature.partner is None and feature.memory is None
        if simple and feature.time in {"mean", "every-day"} and archive.has(feature.product):
            yield feature


def _run(folder: str, root: str, preset: str) -> None:
    """Map by our way, in a process of its own."""
    world = World(preset=Preset.model_validate_json(preset), seed=SEED, root=Path(root))
    ways = Pipelines(world, Path(folder))
    keep_freed_memory()
    ways.session  # noqa: B018
    before = most_memory()
    ways.vadose()
    print(json.dumps({"before": before, "peak": most_memory()}))  # noqa: T201


if __name__ == "__main__":
    _run(*sys.argv[1:])

"""A world without files: its features, SMAP and truth, month by month, for science runs.

The same instruments see the same truth, and what they see is packed, read and brought to the fine
grid by the same code as if it had been written; so the numbers are those that the files give.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.feature_store import FeatureStore
from engine.files import atomic_path
from engine.grids import BLOCK
from engine.months import Month
from engine.region import Region
from engine.regrid import WeightCache
from engine.world.build import load, region_settings, synthetic_mark
from engine.world.land import make_land
from engine.world.observing import observe
from engine.world.operators.elevation import elevation_tiles
from engine.world.operators.observation import Observation
from engine.world.operators.soil import soil_maps
from engine.world.operators.truth import TrueMonth
from engine.world.unwritten import UnwrittenArchive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import xarray as xr

    from engine.granules import Field, Granule
    from engine.grids import FloatArray
    from engine.world.build import World
    from engine.world.domain import Domain
    from engine.world.presets import Preset

_REACH = timedelta(days=40)
"""How long after its end a month's features may still depend on what is seen, and before it."""


def cube(
    preset: str | Preset, seed: int, features: Sequence[str] | None = None
) -> Iterator[xr.Dataset]:
    """Simulate a world and yield its months, without a file.

    Parameters
    ----------
    preset
        Name of a preset that ships, or one of the caller's.
    seed
        Of the world.
    features
        Names of features, without SIF and those that remember earlier months; the standard ones
        unless given.

    Yields
    ------
    Dataset
        The features (y, x) as :meth:`FeatureStore.month` gives them, save that long gaps are not
        filled from other years; ``smap`` (coarse_y, coarse_x), the month's mean in m3 m-3;
        ``true_soil_moisture``, m3 m-3, and ``true_sif``, mW m-2 nm-1 sr-1 (y, x).
    """
    world = load(preset, seed, Path("unwritten"))
    domain = world.domain
    land = make_land(domain, seed)
    archive = UnwrittenArchive()
    soil = soil_maps(world.preset, domain, land, seed)
    archive.take_land(elevation_tiles(domain, land, seed), soil)
    store = _Store(archive, Region.model_validate(region_settings(world)))
    smap = _SmapMeans()
    due: deque[TrueMonth] = deque()
    for seen in observe(world.preset, domain, land, seed):
        if isinstance(seen, TrueMonth):
            due.append(seen)
        elif isinstance(seen, Observation):
            while due and seen.time.date() > due[0].month.next().first_day + _REACH:
                yield _month(store, world, due.popleft(), smap, features)
            archive.take(seen)
            smap.take(seen)
    while due:
        yield _month(store, world, due.popleft(), smap, features)


def write_cube(
    preset: str | Preset, seed: int, out: Path, features: Sequence[str] | None = None
) -> tuple[Path, ...]:
    """Write a world's months as ``cube_YYYY-MM.nc``; return the paths.

    Parameters
    ----------
    preset, seed, features
        As in :func:`cube`.
    out
        Folder.
    """
    paths = []
    for month in cube(preset, seed, features):
        paths.append(out / f"cube_{month.attrs['month']}.nc")
        with atomic_path(paths[-1]) as path:
            month.to_netcdf(path, engine="h5netcdf")
    return tuple(paths)


class _Store(FeatureStore):
    """A feature store that reads from memory and keeps only what the last month used."""

    def __init__(self, archive: UnwrittenArchive, region: Region) -> None:
        # What other years saw is forgotten by then, or was not yet seen.
        folder = Path("unwritten")
        super().__init__(archive, region, folder, WeightCache(None), climatology=False)
        self._unwritten = archive
        self._cache = _Recent()  # type: ignore[assignment]

    def end_month(self, month: Month) -> None:
        """Forget what no later month needs."""
        self._unwritten.forget(month.first_day - _REACH + timedelta(days=31))
        self._cache.forget()  # type: ignore[attr-defined]

    def decode(self, granule: Granule, variables: Sequence[str]) -> Mapping[str, Field]:
        return self._unwritten.decode(granule, self.area, variables)


class _Recent:
    """Datasets in memory, dropped when a month did not ask for them."""

    def __init__(self) -> None:
        self._kept: dict[str, xr.Dataset] = {}
        self._used: set[str] = set()

    def get(self, name: str, key: str, build: Callable[[], xr.Dataset]) -> xr.Dataset:
        """Return a dataset, built where it is not there."""
        full = f"{name}-{key}"
        if full not in self._kept:
            self._kept[full] = build()
        self._used.add(full)
        return self._kept[full].copy()

    def forget(self) -> None:
        """Drop what was not asked for since the last time."""
        self._kept = {name: self._kept[name] for name in self._used}
        self._used = set()


class _SmapMeans:
    """Monthly means of SMAP's granules."""

    def __init__(self) -> None:
        self._sums: dict[Month, tuple[FloatArray, int]] = {}

    def take(self, seen: Observation) -> None:
        """Take a granule, of SMAP or of something else."""
        if seen.product != "SPL4SMGP":
            return
        month = Month.of(seen.time.date())
        total, count = self._sums.get(month, (np.float64(0), 0))
        self._sums[month] = total + seen.fields["sm_surface"].astype(np.float64), count + 1

    def pop(self, month: Month, domain: Domain) -> FloatArray:
        """Return a month's mean on the area's cells, and forget it."""
        total, count = self._sums.pop(month)
        rim = (total.shape[0] - domain.coarse.shape.y) // 2
        return np.asarray(total[rim:-rim, rim:-rim] / count, np.float32)


def _month(
    store: _Store,
    world: World,
    truth: TrueMonth,
    smap: _SmapMeans,
    features: Sequence[str] | None,
) -> xr.Dataset:
    names = features or [name for name in store.standard if _is_direct(store, name)]
    data = store.month(truth.month, names)
    units = {"soil_moisture": "m3 m-3", "sif": "mW m-2 nm-1 sr-1"}
    for name, values in truth.fields.items():
        data[f"true_{name}"] = (("y", "x"), values, {"units": units[name]})
    coarse = smap.pop(truth.month, world.domain)
    data["smap"] = (("coarse_y", "coarse_x"), coarse, {"units": "m3 m-3"})
    middle = slice(BLOCK // 2, None, BLOCK)
    data = data.assign_coords(
        coarse_y=("coarse_y", data["y"].to_numpy()[middle], {"units": "m"}),
        coarse_x=("coarse_x", data["x"].to_numpy()[middle], {"units": "m"}),
    )
    store.end_month(truth.month)
    return data.assign_attrs(synthetic=synthetic_mark(world))


def _is_direct(store: FeatureStore, name: str) -> bool:
    feature = store.features[name]
    return feature.time != "reconstructed" and feature.memory is None

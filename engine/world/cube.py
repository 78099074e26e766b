"""A world without files: its features, SMAP and truth, month by month, for science runs.

The same instruments see the same truth, and what they see is packed, read and brought to the fine
grid by the same code as if it had been written; so the numbers are those that the files give.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
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
from engine.world.operators.rain_error import RainError
from engine.world.operators.smap import Smap
from engine.world.operators.soil import soil_maps
from engine.world.operators.truth import TrueMonth
from engine.world.unwritten import UnwrittenArchive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import xarray as xr
    from odc.geo.geobox import GeoBox

    from engine.feature_sources import Sources
    from engine.features import Feature
    from engine.granules import Field, Granule
    from engine.grids import FloatArray
    from engine.making import Decode, Make
    from engine.world.build import World
    from engine.world.domain import Domain
    from engine.world.land import Land
    from engine.world.presets import Preset, SmapErrors
    from engine.world.simulation import Day

_REACH = timedelta(days=40)
"""How long after its end a month's features may still depend on what is seen, and before it."""
_SMAP = "SPL4SMGP"
_SEEN_ONCE = "reflectance"
"""Derivation of features that no month asks for twice: the model of SIF alone sees them."""


def cube(
    preset: str | Preset,
    seed: int,
    features: Sequence[str] | None = None,
    *,
    smap_errors: Sequence[SmapErrors] = (),
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
    smap_errors
        Other ways in which SMAP might err, to be seen beside the preset's own.

    Yields
    ------
    Dataset
        The features (y, x) as :meth:`FeatureStore.month` gives them, save that long gaps are not
        filled from other years; ``smap`` (coarse_y, coarse_x), the month's mean in m3 m-3, and
        the same by other errors, such as ``smap_good``; ``true_soil_moisture``, m3 m-3, and
        ``true_sif``, mW m-2 nm-1 sr-1 (y, x).
    """
    for _, month in watched(preset, seed, features, smap_errors=smap_errors):
        yield month


def watched(
    preset: str | Preset,
    seed: int,
    features: Sequence[str] | None = None,
    *,
    smap_errors: Sequence[SmapErrors] = (),
) -> Iterator[tuple[CubeStore, xr.Dataset]]:
    """Yield the months of :func:`cube`, and the store while it still knows each of them."""
    world = load(preset, seed, Path("unwritten"))
    domain, land = world.domain, make_land(world.domain, seed)
    archive = UnwrittenArchive()
    soil = soil_maps(world.preset, domain, land, seed)
    archive.take_land(elevation_tiles(domain, land, seed), soil)
    store = CubeStore(archive, Region.model_validate(region_settings(world)))
    smap = _SmapMeans(
        {_SMAP: "smap"} | {_beside(errors): f"smap_{errors}" for errors in smap_errors}
    )
    due: deque[TrueMonth] = deque()
    beside = [_OtherSmap.of(world, domain, land, errors) for errors in smap_errors]
    for seen in observe(world.preset, domain, land, seed, beside=beside, judges=False):
        if isinstance(seen, TrueMonth):
            due.append(seen)
        elif isinstance(seen, Observation):
            while due and seen.time.date() > due[0].month.next().first_day + _REACH:
                yield store, _month(store, world, due[0], smap, features)
                store.end_month(due.popleft().month)
            archive.take(seen)
            smap.take(seen)
    while due:
        yield store, _month(store, world, due.popleft(), smap, features)


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
    return tuple(write_month(month, out) for month in cube(preset, seed, features))


def write_month(month: xr.Dataset, out: Path) -> Path:
    """Write one month of a cube below a folder."""
    file = out / f"cube_{month.attrs['month']}.nc"
    with atomic_path(file) as path:
        month.to_netcdf(path, engine="h5netcdf")
    return file


class CubeStore(FeatureStore):
    """A feature store that reads from memory and keeps only what the last month used."""

    def __init__(self, archive: UnwrittenArchive, region: Region) -> None:
        # What other years saw is forgotten by then, or was not yet seen.
        folder = Path("unwritten")
        super().__init__(archive, region, folder, WeightCache(None), climatology=False)
        self._unwritten = archive
        self._cache = _Recent()  # type: ignore[assignment]
        self._made_of: dict[tuple[str, str], Field] = {}

    def end_month(self, month: Month) -> None:
        """Forget what no later month needs."""
        self._unwritten.forget(month.first_day - _REACH + timedelta(days=31))
        self._cache.forget()  # type: ignore[attr-defined]
        held = self._unwritten.names
        self._made_of = {key: field for key, field in self._made_of.items() if key[0] in held}

    def decode(
        self, granule: Granule, variables: Sequence[str], area: GeoBox | None = None
    ) -> Mapping[str, Field]:
        """Read variables of a granule from memory."""
        return self._unwritten.decode(granule, area or self.area, variables)

    def _make(self, features: tuple[Feature, ...], found: Sources, decode: Decode) -> Make:
        """Return how features are made of a granule, once: the next month may ask again."""
        make_new = super()._make

        def make(granule: Granule) -> Mapping[str, Field]:
            file = granule.path.name
            known = {
                one.name: self._made_of[file, one.name]
                for one in features
                if (file, one.name) in self._made_of
            }
            new = tuple(one for one in features if one.name not in known)
            made = dict(make_new(new, found, decode)(granule)) if new else {}
            kept = {one.name for one in new if one.derive != _SEEN_ONCE}
            self._made_of |= {(file, name): made[name] for name in kept & made.keys()}
            if made:
                next(iter(made.values())).settle(*made.values())
            return known | made

        return make


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


@dataclass(frozen=True, slots=True)
class _OtherSmap:
    """SMAP with other errors, under another name."""

    instrument: Smap
    product: str

    @classmethod
    def of(cls, world: World, domain: Domain, land: Land, errors: SmapErrors) -> _OtherSmap:
        preset = world.preset.model_copy(update={"smap_errors": errors})
        rain_error = RainError(domain, preset.shared_rain_error, world.seed)
        return cls(Smap(preset, domain, land, rain_error, world.seed), _beside(errors))

    def see(self, day: Day) -> Iterator[Observation]:
        """Yield a day's granules."""
        for seen in self.instrument.see(day):
            yield replace(seen, product=self.product)


def _beside(errors: SmapErrors) -> str:
    return f"{_SMAP} {errors}"


class _SmapMeans:
    """Monthly means of SMAP's granules, by their product and the name of the mean."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._sums: dict[tuple[str, Month], tuple[FloatArray, int]] = {}

    def take(self, seen: Observation) -> None:
        """Take a granule, of SMAP or of something else."""
        if seen.product not in self._names:
            return
        key = seen.product, Month.of(seen.time.date())
        total, count = self._sums.get(key, (np.float64(0), 0))
        self._sums[key] = total + seen.fields["sm_surface"].astype(np.float64), count + 1

    def pop(self, month: Month, domain: Domain) -> dict[str, FloatArray]:
        """Return a month's means on the area's cells by name, and forget them."""
        means = {}
        for product, name in self._names.items():
            total, count = self._sums.pop((product, month))
            rim = (total.shape[0] - domain.coarse.shape.y) // 2
            means[name] = np.asarray(total[rim:-rim, rim:-rim] / count, np.float32)
        return means


def _month(
    store: CubeStore,
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
    for name, values in smap.pop(truth.month, world.domain).items():
        data[name] = (("coarse_y", "coarse_x"), values, {"units": "m3 m-3"})
    middle = slice(BLOCK // 2, None, BLOCK)
    data = data.assign_coords(
        coarse_y=("coarse_y", data["y"].to_numpy()[middle], {"units": "m"}),
        coarse_x=("coarse_x", data["x"].to_numpy()[middle], {"units": "m"}),
    )
    return data.assign_attrs(synthetic=synthetic_mark(world))


def _is_direct(store: FeatureStore, name: str) -> bool:
    feature = store.features[name]
    return feature.time != "reconstructed" and feature.memory is None

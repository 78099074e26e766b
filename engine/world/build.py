"""Builds a world on disk: archive, truth, and the region that fits them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from engine.errors import InputError
from engine.files import atomic_path
from engine.grids import BBox, coarse_window, lonlat
from engine.months import Month
from engine.progress import silent
from engine.world.domain import Domain
from engine.world.operators.elevation import elevation_tiles
from engine.world.operators.fluorescence import Fluorescence
from engine.world.operators.precipitation import Precipitation
from engine.world.operators.reflectance import Reflectance
from engine.world.operators.smap import Smap
from engine.world.operators.temperature import Temperature
from engine.world.operators.truth import MonthlyTruth
from engine.world.presets import Preset, load_preset
from engine.world.simulation import simulate
from engine.world.statics import make_statics
from engine.world.writers.esif import UNITS as SIF_UNITS
from engine.world.writers.esif import write_esif
from engine.world.writers.geotiff import write_chirps, write_srtm, write_truth
from engine.world.writers.modis_hdf4 import write_modis
from engine.world.writers.smap_hdf5 import SmapWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from odc.geo.geobox import GeoBox

    from engine.progress import Progress
    from engine.world.operators.observation import Instrument, Observation
    from engine.world.operators.truth import TrueMonth
    from engine.world.simulation import Day
    from engine.world.statics import Statics

_VERSION = 1
"""Raise it when the same preset and seed would give other numbers."""
_PARTS = ("truth", "regions", "archive")
_MARKER = "world.json"
_IN_PROGRESS = ".world-in-progress"
_NEIGHBOURS = ("features", "models", "catalog", "work", "jobs.sqlite", "lost+found")
"""What vadose itself keeps beside an archive."""
_TRUTH_UNITS = {"soil_moisture": "m3 m-3", "sif": SIF_UNITS}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A synthetic world on disk."""

    preset: Preset
    seed: int
    root: Path

    @property
    def archive(self) -> Path:
        """Granules in their genuine formats."""
        return self.root / "archive"

    @property
    def truth(self) -> Path:
        """Monthly 1 km truth: ``soil_moisture_YYYY-MM.tif`` and ``sif_YYYY-MM.tif``."""
        return self.root / "truth"

    @property
    def region(self) -> Path:
        """The region's YAML file."""
        return self.root / "regions" / f"{self.preset.name}-synthetic.yaml"

    @property
    def months(self) -> tuple[Month, ...]:
        """Every month of the archive."""
        return self.preset.months

    @property
    def domain(self) -> Domain:
        """The grids of the world."""
        return Domain.of(self.preset.window)

    def truth_file(self, name: str, month: Month) -> Path:
        """Return the truth of one month: ``soil_moisture`` or ``sif``."""
        return self.truth / f"{name}_{month}.tif"


def build_world(preset: str | Preset, seed: int, out: Path, progress: Progress = silent) -> World:
    """Write a synthetic world, or leave it alone where it already is.

    Parameters
    ----------
    preset
        Name of a preset that ships (``tiny``, ``small``), or one of the caller's.
    seed
        The same preset and seed give the same numbers.
    out
        Folder that receives ``archive/``, ``truth/`` and ``regions/``. They appear whole, at the
        end.
    progress
        Told the share of the days that are done.

    Returns
    -------
    World

    Raises
    ------
    InputError
        Where there is no such preset, or ``out`` holds another world or something unknown.
    """
    if isinstance(preset, str):
        preset = load_preset(preset)
    if seed < 0:
        raise InputError("seed", str(seed), "an integer, 0 or more")
    world = World(preset=preset, seed=seed, root=out)
    if _is_complete(world):
        return world
    scratch = out / _IN_PROGRESS
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        _write_world(World(preset=preset, seed=seed, root=scratch), progress)
        for part in _PARTS:
            (scratch / part).rename(out / part)
        with atomic_path(out / _MARKER) as path:
            path.write_text(_identity(world), encoding="utf-8")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return world


def synthetic_mark(world: World) -> str:
    """Return the text that every file of a world carries."""
    return (
        f"true: made by the vadose world, preset {world.preset.name}, seed {world.seed}; "
        "not an observation"
    )


def region_bbox(coarse: GeoBox) -> BBox:
    """Return a bounding box that touches exactly the cells of a window."""
    longitude, latitude = lonlat(coarse)
    bbox = BBox(
        round(float(longitude[0, 0]), 4),
        round(float(latitude[-1, 0]), 4),
        round(float(longitude[0, -1]), 4),
        round(float(latitude[0, 0]), 4),
    )
    if coarse_window(bbox) != coarse:
        raise ValueError(f"{bbox} does not give back its window")
    return bbox


def _is_complete(world: World) -> bool:
    """Tell whether a folder holds this very world; refuse one that holds something else."""
    out = world.root
    allowed = "an empty or new folder, or one with this very world"
    if out.exists() and not out.is_dir():
        raise InputError("out", f"{out.name} is not a folder", allowed)
    marker = out / _MARKER
    if marker.exists():
        if marker.read_text(encoding="utf-8") == _identity(world):
            return True
        raise InputError("out", f"{out.name} holds another world", allowed)
    present = sorted(path.name for path in out.iterdir()) if out.exists() else []
    strange = [name for name in present if not name.startswith((".", *_NEIGHBOURS))]
    if strange:
        raise InputError("out", f"{out.name} already holds {', '.join(strange)}", allowed)
    return False


def _identity(world: World) -> str:
    settings = {"version": _VERSION, "seed": world.seed, "preset": world.preset.model_dump()}
    return json.dumps(settings, indent=2, sort_keys=True) + "\n"


def _write_world(world: World, progress: Progress) -> None:
    mark = synthetic_mark(world)
    domain = world.domain
    progress(0, "land and soil")
    statics = make_statics(domain, world.seed)
    world.archive.mkdir()
    (world.archive / "SYNTHETIC.txt").write_text(f"{mark}\n", encoding="utf-8")
    for name, geobox, values in elevation_tiles(domain, statics, world.seed):
        write_srtm(world.archive / "SRTM", name, values, geobox, mark)
    _write_region(world, domain)
    recorder = _Recorder(world, domain, statics)
    first, last = world.months[0], world.months[-1]
    span = (last.next().first_day - first.first_day).days
    for day in simulate(world.preset, domain, statics, world.seed):
        recorder.record(day)
        done = (day.day - first.first_day).days / span
        if day.day.day == 1:
            progress(min(max(0.05 + 0.95 * done, 0), 1), f"observing {Month.of(day.day)}")
    progress(1, "done")


class _Recorder:
    """Shows each day to every instrument and files what they give."""

    def __init__(self, world: World, domain: Domain, statics: Statics) -> None:
        self._world, self._domain = world, domain
        self._mark = synthetic_mark(world)
        self._truth = MonthlyTruth(world.preset, domain)
        smap = Smap(world.preset, domain, world.seed)
        self._smap_writer = SmapWriter(smap.geobox, self._mark)
        self._instruments: Sequence[Instrument] = (
            smap,
            Temperature(world.preset, domain, statics, world.seed),
            Reflectance(world.preset, domain, world.seed),
            Fluorescence(world.preset, domain, world.seed),
            Precipitation(world.preset, domain, world.seed),
        )
        self._writers: dict[str, Callable[[Observation, Path], Path]] = {
            "SPL4SMGP": self._smap_writer.write,
            "MOD11A2": lambda seen, folder: write_modis(seen, folder, self._mark),
            "MCD43A4": lambda seen, folder: write_modis(seen, folder, self._mark),
            "eSIF": lambda seen, folder: write_esif(
                seen, folder, self._mark, world.preset.sif_format
            ),
            "CHIRPS": lambda seen, folder: write_chirps(
                folder, seen.time, seen.fields["precipitation"], seen.geobox, self._mark
            ),
        }

    def record(self, day: Day) -> None:
        for instrument in self._instruments:
            for seen in instrument.see(day):
                self._writers[seen.product](seen, self._world.archive / seen.product)
        for month in self._truth.see(day):
            self._write_truth(month)

    def _write_truth(self, month: TrueMonth) -> None:
        for name, values in month.fields.items():
            write_truth(
                self._world.truth,
                name,
                month.month,
                values,
                self._domain.area,
                self._mark,
                _TRUTH_UNITS[name],
            )


def _write_region(world: World, domain: Domain) -> None:
    region = {
        "name": f"{world.preset.name}-synthetic",
        "title": world.preset.title,
        "bbox": list(region_bbox(domain.coarse)),
        "synthetic": True,
    }
    world.region.parent.mkdir(parents=True)
    world.region.write_text(yaml.safe_dump(region, sort_keys=False), encoding="utf-8")

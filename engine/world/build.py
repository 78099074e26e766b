"""Builds a world on disk: archive, truth, and the region that fits them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import yaml

from engine.errors import InputError
from engine.files import atomic_path
from engine.grids import BBox, coarse_window, lonlat
from engine.progress import silent
from engine.world.domain import Domain
from engine.world.land import make_land
from engine.world.observing import observe
from engine.world.operators.comparison import known_errors
from engine.world.operators.elevation import elevation_tiles
from engine.world.operators.soil import soil_maps
from engine.world.operators.stations import StationRecord
from engine.world.operators.truth import TrueMonth
from engine.world.presets import Preset, load_preset
from engine.world.writers.comparison import ComparisonWriter
from engine.world.writers.esif import UNITS as SIF_UNITS
from engine.world.writers.esif import write_esif
from engine.world.writers.geotiff import (
    write_chirps,
    write_geotiff,
    write_soilgrids,
    write_srtm,
)
from engine.world.writers.modis_hdf4 import packed_products
from engine.world.writers.process import ModisProcess
from engine.world.writers.smap_hdf5 import SmapWriter
from engine.world.writers.stations import write_faults, write_stations
from engine.world.writers.viirs_hdf5 import as_viirs, viirs_products, write_viirs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from odc.geo.geobox import GeoBox

    from engine.months import Month
    from engine.progress import Progress
    from engine.world.operators.observation import Observation

    type _Writer = Callable[[Observation, Path], object]

_VERSION = 4
"""Raise it when the same preset and seed would give other numbers."""
_PARTS = ("truth", "regions", "archive")
_MARKER = "world.json"
_IN_PROGRESS = ".world-in-progress"
_NEIGHBOURS = ("features", "models", "catalog", "work", "jobs.sqlite", "lost+found")
"""What vadose itself keeps beside an archive."""
NETWORKS = (
    ("ismn", "Synthetic stations in the formats of the ISMN", "ismn"),
    ("table", "Synthetic stations in our own table", "stations.csv"),
)
"""Short name, name and place of the stations."""
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
    def comparison(self) -> Path:
        """Other maps of soil moisture, a folder for each product."""
        return self.archive / "comparison"

    @property
    def stations(self) -> Path:
        """What stations in the ground sent: the folder ``ismn`` and the table ``stations.csv``."""
        return self.archive / "stations"

    @property
    def truth(self) -> Path:
        """Monthly 1 km truth: ``soil_moisture_YYYY-MM.tif`` and ``sif_YYYY-MM.tif``.

        And the faults of the stations, ``stations.csv``.
        """
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
        Told the share of the months that are done.

    Returns
    -------
    World

    Raises
    ------
    InputError
        Where there is no such preset, or ``out`` holds another world or something unknown.
    """
    world = load(preset, seed, out)
    if _is_complete(world):
        return world
    scratch = out / _IN_PROGRESS
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        _write_world(replace(world, root=scratch), progress)
        for part in _PARTS:
            (scratch / part).rename(out / part)
        with atomic_path(out / _MARKER) as path:
            path.write_text(_identity(world), encoding="utf-8")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return world


def load(preset: str | Preset, seed: int, root: Path) -> World:
    """Return a world that may or may not be on disk yet.

    Raises
    ------
    InputError
        Where there is no such preset or seed.
    """
    known = load_preset(preset) if isinstance(preset, str) else preset
    if seed < 0:
        raise InputError("seed", str(seed), "an integer, 0 or more")
    return World(preset=known, seed=seed, root=root)


def synthetic_mark(world: World) -> str:
    """Return the text that every file of a world carries."""
    return (
        f"true: made by the vadose world, preset {world.preset.name}, seed {world.seed}; "
        "not an observation"
    )


def region_settings(world: World) -> dict[str, str | bool | list[float] | list[dict[str, str]]]:
    """Return what the region's file says."""
    settings: dict[str, str | bool | list[float] | list[dict[str, str]]] = {
        "name": f"{world.preset.name}-synthetic",
        "title": world.preset.title,
        "bbox": list(region_bbox(world.domain.coarse)),
        "synthetic": True,
    }
    if world.preset.stations:
        settings["networks"] = [
            {"name": name, "title": title, "path": f"stations/{path}"}
            for name, title, path in NETWORKS
            # Every third station is in the table.
            if name == "ismn" or world.preset.stations > 2
        ]
    return settings


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
        if _written(marker) == json.loads(_identity(world)):
            return True
        raise InputError("out", f"{out.name} holds another world", allowed)
    present = sorted(path.name for path in out.iterdir()) if out.exists() else []
    strange = [name for name in present if not name.startswith((".", *_NEIGHBOURS))]
    if strange:
        raise InputError("out", f"{out.name} already holds {', '.join(strange)}", allowed)
    return False


def _written(marker: Path) -> object:
    """Return what a marker says: 0 and 0.0 are one setting, however they were given."""
    try:
        return json.loads(marker.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _identity(world: World) -> str:
    settings = {"version": _VERSION, "seed": world.seed, "preset": world.preset.model_dump()}
    return json.dumps(settings, indent=2, sort_keys=True) + "\n"


def _write_world(world: World, progress: Progress) -> None:
    mark = synthetic_mark(world)
    domain = world.domain
    progress(0, "drawing land")
    land = make_land(domain, world.seed)
    world.archive.mkdir()
    (world.archive / "SYNTHETIC.txt").write_text(f"{mark}\n", encoding="utf-8")
    _write_region(world)
    for name, geobox, values in elevation_tiles(domain, land, world.seed):
        write_srtm(world.archive / "SRTM", name, values, geobox, mark)
    soil = soil_maps(world.preset, domain, land, world.seed)
    for name, fraction in soil.fractions.items():
        write_soilgrids(world.archive / "SoilGrids", name, fraction, soil.geobox, mark)
    records = []
    with ModisProcess(mark) as modis, ComparisonWriter(mark) as others:
        writers = _granule_writers(world.preset, mark, modis, others)
        for seen in observe(world.preset, domain, land, world.seed):
            if isinstance(seen, TrueMonth):
                _write_truth(world, seen, domain.area, mark)
                done = world.months.index(seen.month) + 1
                progress(done / len(world.months), f"observed {seen.month}")
            elif isinstance(seen, StationRecord):
                records.append(seen)
            else:
                written = as_viirs(seen) if world.preset.land_instrument == "VIIRS" else seen
                writers[written.product](written, _folder(world, written.product))
    if records:
        write_stations(records, world.stations, mark)
        write_faults([record.site for record in records], world.truth / "stations.csv")


def _folder(world: World, product: str) -> Path:
    return (world.comparison if product in known_errors() else world.archive) / product


def _granule_writers(
    preset: Preset, mark: str, modis: ModisProcess, others: ComparisonWriter
) -> Mapping[str, _Writer]:
    """Return how a product's observations are filed, by product."""

    def esif(seen: Observation, folder: Path) -> Path:
        return write_esif(seen, folder, mark, preset.sif_format)

    def chirps(seen: Observation, folder: Path) -> Path:
        return write_chirps(seen, folder, mark)

    def viirs(seen: Observation, folder: Path) -> Path:
        return write_viirs(seen, folder, mark)

    return {
        "SPL4SMGP": SmapWriter(mark).write,
        **dict.fromkeys(packed_products(), modis.write),
        **dict.fromkeys(viirs_products(), viirs),
        **dict.fromkeys(known_errors(), others.write),
        "eSIF": esif,
        "CHIRPS": chirps,
    }


def _write_truth(world: World, month: TrueMonth, area: GeoBox, mark: str) -> None:
    for name, values in month.fields.items():
        write_geotiff(
            world.truth_file(name, month.month),
            values,
            area,
            nodata=-9999,
            mark=mark,
            units=_TRUTH_UNITS[name],
            predictor=3,
        )


def _write_region(world: World) -> None:
    world.region.parent.mkdir(parents=True)
    settings = yaml.safe_dump(region_settings(world), sort_keys=False)
    world.region.write_text(settings, encoding="utf-8")

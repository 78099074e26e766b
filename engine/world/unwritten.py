"""Granules that were never written: what instruments saw, packed as their files would hold it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.archive import Archive
from engine.feature_cache import digest
from engine.products import load_specs, recognise
from engine.products.decode import per_day
from engine.products.physical import Said, field_of
from engine.products.sources import SourceGrid
from engine.products.spec import spec_of
from engine.world.writers.esif import esif_stem
from engine.world.writers.geotiff import chirps_name, soilgrids_name
from engine.world.writers.modis_hdf4 import granule_name, packed, packed_products

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.granules import Field, Granule
    from engine.grids import FloatArray
    from engine.products.spec import VariableSpec
    from engine.world.operators.observation import Observation
    from engine.world.operators.soil import SoilMaps


@dataclass(frozen=True, slots=True)
class _Held:
    """A granule's content."""

    granule: Granule
    geobox: GeoBox
    stored: Mapping[str, NDArray[Any]]
    """``(y, x)`` stored numbers by their name in the file."""


class UnwrittenArchive(Archive):
    """An archive in memory. It gives the numbers that reading its files would give."""

    def __init__(self) -> None:
        super().__init__(Path("unwritten"))
        self._held: dict[str, _Held] = {}

    def take(self, observation: Observation) -> None:
        """Take one granule, of a MODIS product, CHIRPS or eSIF; others are passed over."""
        product = observation.product
        if product in packed_products():
            wanted = _sources(product) & packed_products()[product].fields.keys()
            stored = {name: packed(observation, name) for name in wanted}
            self._hold(granule_name(observation), observation.geobox, stored)
        elif product == "CHIRPS":
            rain = observation.fields["precipitation"].astype(np.float32)
            self._hold(chirps_name(observation.time), observation.geobox, {"precipitation": rain})
        elif product == "eSIF":
            sif = observation.fields["eSIF"].astype(np.float32)
            self._hold(f"{esif_stem(observation.time)}.nc", observation.geobox, {"eSIF": sif})

    def take_land(self, tiles: Iterable[tuple[str, GeoBox, FloatArray]], soil: SoilMaps) -> None:
        """Take terrain and soil."""
        for name, geobox, elevation in tiles:
            self._hold(f"{name}.tif", geobox, {"elevation": np.rint(elevation).astype(np.int16)})
        for name, fraction in soil.fractions.items():
            stored = np.where(np.isfinite(fraction), np.rint(fraction), -32768).astype(np.int16)
            self._hold(soilgrids_name(name), soil.geobox, {name: stored})

    @property
    def names(self) -> Collection[str]:
        """What the files of its granules would be called."""
        return self._held.keys()

    def forget(self, before: date) -> None:
        """Drop granules of 8 days or less that ended before a day, save eSIF's: they are small."""
        for name, held in list(self._held.items()):
            period = held.granule.period
            if held.granule.product == "eSIF" or period is None:
                continue
            if period.days <= 8 and period.end <= before:
                del self._held[name]

    def decode(
        self, granule: Granule, area: GeoBox, variables: Sequence[str]
    ) -> Mapping[str, Field]:
        """Give what reading the granule's file would give."""
        held = self._held[granule.path.name]
        window = SourceGrid(geobox=held.geobox).window(area)
        if window is None:
            return {}
        part = window.rows, window.columns
        fields = {}
        for variable in spec_of(granule.product).select(variables):
            source = next((name for name in _names(variable) if name in held.stored), None)
            if source is None:
                continue
            quality = held.stored[variable.quality.source][part] if variable.quality else None
            field = field_of(
                granule.path,
                variable,
                Said(),
                held.stored[source][part],
                geobox=window.geobox,
                quality=quality,
            )
            fields[variable.name] = per_day(field, granule) if variable.summed else field
        return fields

    @staticmethod
    def fingerprint(granules: Iterable[Granule]) -> str:
        """Return a hash of the granules' names: none changes."""
        return digest(*(granule.path.name for granule in granules))

    @property
    def synthetic(self) -> bool:
        """Whether it is made up; it is."""
        return True

    @property
    def _by_product(self) -> Mapping[str, tuple[Granule, ...]]:
        by_product: dict[str, list[Granule]] = {}
        for held in self._held.values():
            by_product.setdefault(held.granule.product, []).append(held.granule)
        return {name: tuple(sorted(found, key=_order)) for name, found in by_product.items()}

    def _hold(self, name: str, geobox: GeoBox, stored: Mapping[str, NDArray[Any]]) -> None:
        granule = recognise(Path(name), load_specs())
        if granule is None:
            raise ValueError(f"no product has files named {name}")
        self._held[name] = _Held(granule, geobox, stored)


def _names(variable: VariableSpec) -> tuple[str, ...]:
    """Return what a variable may be called; a raster's one band is called by our name."""
    return (*variable.source, variable.name)


def _sources(product: str) -> set[str]:
    """Return the fields of a product's files that its readers look at."""
    variables = spec_of(product).variables
    qualities = {variable.quality.source for variable in variables if variable.quality}
    return {name for variable in variables for name in _names(variable)} | qualities


def _order(granule: Granule) -> tuple[str, str, str]:
    start = str(granule.period.start) if granule.period else ""
    return start, granule.tile or "", granule.path.name

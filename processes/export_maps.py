"""``export-maps``: copies of published maps in other projections, cut, coloured for QGIS."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from engine.cog import NO_BITS, geobox_of, write_cog
from engine.colours import palette
from engine.errors import InputError
from engine.files import atomic_path
from engine.grids import BBox
from engine.qgis import style
from engine.views import inside, view, view_grid
from processes.catalog_place import service_catalog
from processes.job_files import job_file
from processes.map_series import find_maps, layers_of, read_layer
from processes.program import StepOutcome
from stac.layers import fine_grid
from stac.products import product

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pystac
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from engine.progress import Progress
    from processes.export_inputs import ExportMapsInputs
    from processes.map_series import MapSeries
    from processes.program import JobContext
    from stac.products import Layer, Product
    from stac.store import CatalogStore

MOST_FILES = 1000
"""Maps of an archive: months × layers."""
NAME = "maps.zip"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of the files of an archive: the same request gives the same bytes."""


class ExportProgram:
    """A program of one step."""

    def step(self, name: str, job: JobContext, progress: Progress) -> StepOutcome:
        """Export; see :class:`processes.program.Program`."""
        del name
        inputs = cast("ExportMapsInputs", job.inputs)
        catalog = service_catalog(job.settings)
        series = find_maps(catalog, inputs)
        layers = layers_of(series, inputs.layers)
        count = len(layers) * len(series.months)
        if count > MOST_FILES:
            raise InputError("datetime", f"{count} maps", f"at most {MOST_FILES}: months × layers")
        archive = job_file(job, NAME)
        exporter = Exporter(catalog, inputs, product(inputs.product))
        with atomic_path(archive.path) as temporary, catalog.staging() as folder:
            folder.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(temporary, "w") as zipped:
                for number, path in enumerate(exporter.files(series, layers, folder)):
                    progress(min(0.99, number / (2 * count)), path.name)
                    # COGs are compressed already.
                    zipped.writestr(zipfile.ZipInfo(path.name, _EPOCH), path.read_bytes())
                    path.unlink()
        return StepOutcome(outputs={"archive": archive.link()})


@dataclass(frozen=True, slots=True)
class Exporter:
    """Writes the files of an archive."""

    catalog: CatalogStore
    inputs: ExportMapsInputs
    product: Product

    def files(self, series: MapSeries, layers: tuple[str, ...], folder: Path) -> Iterator[Path]:
        """Write the files one after another; each may be removed when the next is asked for."""
        target: GeoBox | None = None
        for item in series.items.values():
            for name in layers:
                values = read_layer(self.catalog, item, name)
                target = self._grid(fine_grid(geobox_of(values)))
                yield self._map(folder / f"{item.id}_{name}.tif", item, name, values, target)
                colours = self.product.layers[name].palette
                if colours is not None:
                    path = folder / f"{item.id}_{name}.qml"
                    path.write_text(style(palette(colours)), encoding="utf-8")
                    yield path
        path = folder / "README.txt"
        path.write_text(self._words(series, layers, str(target and target.crs)), encoding="utf-8")
        yield path

    def _grid(self, grid: GeoBox) -> GeoBox:
        area = self.inputs.bbox
        if self.inputs.geometry is not None:
            area = BBox.parse(self.inputs.geometry.bounds)
        try:
            return view_grid(grid, self.inputs.crs, area)
        except InputError as error:
            if self.inputs.geometry is None or error.field != "bbox":
                raise
            raise InputError("geometry", error.wrong, error.allowed) from None

    def _map(
        self, path: Path, item: pystac.Item, name: str, values: xr.DataArray, target: GeoBox
    ) -> Path:
        """Write one layer of one month."""
        layer = self.product.layers[name]
        given = np.asarray(values.values, np.float32)
        if layer.data_type == "uint16":
            given = np.where(np.isfinite(given), given, NO_BITS).astype(np.uint16)
        seen = view(given, fine_grid(geobox_of(values)), target)
        if self.inputs.geometry is not None:
            missing = np.nan if seen.dtype.kind == "f" else NO_BITS
            seen[~inside(self.inputs.geometry, target)] = missing
        return write_cog(
            path,
            seen,
            geobox=target,
            name=name,
            units=layer.units,
            long_name=layer.description,
            tags={**_tags(values), "derived_from": f"{item.collection_id}/{item.id}"},
        )

    def _words(self, series: MapSeries, layers: tuple[str, ...], crs: str) -> str:
        """Return what somebody should know who finds the files without us."""
        named = (f"{name}: {one.description}, {one.units}" for name, one in self._layers(layers))
        synthetic = "The values are synthetic: no observation.\n" if series.synthetic else ""
        return (
            f"{self.product.title}: {series.months[0]} to {series.months[-1]}, {series.region}\n"
            f"{synthetic}\n" + "\n".join(named) + f"\n\nProjection: {crs}; nearest cell of the "
            f"published map, -9999 where missing.\nCollection: {series.collection}\n"
            f"Licence: {self.product.license}\nCite as: {self.product.citation}\n"
            "QGIS takes the .qml beside a .tif as its style.\n"
        )

    def _layers(self, names: tuple[str, ...]) -> Iterator[tuple[str, Layer]]:
        return ((name, self.product.layers[name]) for name in names)


def _tags(values: xr.DataArray) -> dict[str, str]:
    """Return what the published file says of itself, but for its band and its grid."""
    own = {"units", "long_name", "AREA_OR_POINT", "OVR_RESAMPLING_ALG"}
    return {str(key): str(text) for key, text in values.attrs.items() if key not in own}


PROGRAM = ExportProgram()

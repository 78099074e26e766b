"""``zonal-statistics``: what published maps say of polygons, month by month."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from engine.cog import geobox_of
from engine.errors import InputError
from engine.files import atomic_path
from engine.zone_table import Finding, csv_text, table, write_geopackage
from engine.zones import Zones
from processes.catalog_place import service_catalog
from processes.job_files import job_file
from processes.map_series import find_maps, layers_of, read_layer
from processes.program import StepOutcome
from stac.layers import fine_grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.progress import Progress
    from engine.zone_table import Zone
    from processes.map_series import MapSeries
    from processes.program import JobContext
    from processes.zone_inputs import ZonalStatisticsInputs
    from stac.store import CatalogStore

MOST_ROWS = 500_000
"""Rows of a table: polygons × months × layers."""
NAME = "zonal-statistics"
_INTERVAL = ("lower", "upper")
_COMPUTED = 0.9
"""Share of the step after which everything is computed."""


class ZonalStatisticsProgram:
    """A program of one step."""

    def step(self, name: str, job: JobContext, progress: Progress) -> StepOutcome:
        """Compute; see :class:`processes.program.Program`."""
        del name
        inputs = cast("ZonalStatisticsInputs", job.inputs)
        catalog = service_catalog(job.settings)
        series = find_maps(catalog, inputs)
        layers = layers_of(series, inputs.layers, also=_INTERVAL)
        _check_rows(len(inputs.polygons) * len(series.months) * len(layers))
        found = table(
            inputs.polygons, _findings(catalog, series, layers, inputs.polygons, progress)
        )
        progress(_COMPUTED, "writing the tables")
        spreadsheet, package = (job_file(job, f"{NAME}.{suffix}") for suffix in ("csv", "gpkg"))
        with atomic_path(spreadsheet.path) as temporary:
            temporary.write_text(csv_text(found), encoding="utf-8")
        write_geopackage(package.path, inputs.polygons, found)
        return StepOutcome(outputs={"csv": spreadsheet.link(), "gpkg": package.link()})


def _findings(
    catalog: CatalogStore,
    series: MapSeries,
    layers: tuple[str, ...],
    polygons: tuple[Zone, ...],
    progress: Progress,
) -> Iterator[Finding]:
    """Give the numbers of each layer of each month."""
    zones: Zones | None = None
    for number, (month, item) in enumerate(series.items.items()):
        progress(_COMPUTED * number / len(series.items), f"month {month}")
        read = {name: read_layer(catalog, item, name) for name in layers}
        grid = fine_grid(geobox_of(next(iter(read.values()))))
        if zones is None or zones.grid != grid:
            zones = Zones.of([zone.polygon for zone in polygons], grid)
            _check_touched(zones, series)
        told = zones.statistics({name: np.asarray(one.values) for name, one in read.items()})
        for name, one in read.items():
            yield Finding(
                month=month,
                layer=name,
                units=str(one.attrs["units"]),
                statistics=[numbers[name] for numbers in told],
            )


def _check_rows(rows: int) -> None:
    if rows > MOST_ROWS:
        raise InputError(
            "polygons", f"polygons × months × layers are {rows}", f"at most {MOST_ROWS} rows"
        )


def _check_touched(zones: Zones, series: MapSeries) -> None:
    """Refuse polygons of which none has anything to do with the maps."""
    if not zones.touched().any():
        box = ", ".join(f"{value:.2f}" for value in series.first.bbox or ())
        raise InputError("polygons", "none touches the maps", f"polygons within {box}")


PROGRAM = ZonalStatisticsProgram()

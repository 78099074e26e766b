"""Every cube of the catalogue as a collection of pygeoapi, from the moment that it is published."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from engine.errors import VadoseError
from processes.catalog_place import service_catalog
from processes.loading import LOADING
from processes.service import public_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processes.settings import Settings
    from stac.cube_reading import PublishedCube
    from stac.store import CatalogStore

    type Resource = dict[str, Any]

LOGGER = logging.getLogger(__name__)

_AGE = 2.0
"""Seconds for which nobody looks for new cubes."""
_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


class CubeResources:
    """The cubes as pygeoapi's resources; looked up again by those who ask a little later.

    Parameters
    ----------
    settings
        Where the catalogue is, its address, and how much an answer may hold.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._catalog: CatalogStore | None = None
        self._cubes: Mapping[str, PublishedCube] = {}
        self._looked = -_AGE

    def current(self) -> dict[str, Resource]:
        """Return the resources by id; where the catalogue cannot be read, those of before."""
        if time.monotonic() - self._looked >= _AGE:
            self._look()
        return {cube.id: self._resource(cube) for cube in self._cubes.values()}

    def _look(self) -> None:
        with LOADING:
            from stac.cube_reading import published_cubes  # noqa: PLC0415

        try:
            self._catalog = self._catalog or service_catalog(self._settings)
            found = {cube.key: cube for cube in published_cubes(self._catalog, self._cubes)}
        except (VadoseError, OSError) as error:
            LOGGER.warning("the cubes cannot be found: %s", error)
        else:
            self._cubes = found
        self._looked = time.monotonic()

    def _resource(self, cube: PublishedCube) -> Resource:
        base = public_address(self._settings)
        collection, folder = cube.key.split("/")
        provider = {
            "data": str(self._settings.catalog_place),
            "options": {"cube": cube.key, "id": cube.id, "most": self._settings.most_cells},
        }
        return {
            "type": "collection",
            "title": f"{cube.product.title}, {cube.region}",
            "description": cube.product.description,
            "keywords": list(cube.product.keywords),
            "extents": {
                "spatial": {"bbox": list(cube.bbox), "crs": _CRS84},
                "temporal": {"begin": cube.months[0].start, "end": cube.months[-1].end},
            },
            "links": [
                _link(f"{base}/catalog/{collection}/collection.json", "STAC collection"),
                _link(f"{base}/catalog/{cube.key}/", f"Zarr {folder}", "application/vnd.zarr"),
            ],
            "formatters": [{"name": "pygeoapi.formatter.csv_.CSVFormatter"}],
            "providers": [
                {
                    "type": "coverage",
                    "name": "processes.coverages.CubeCoverage",
                    "format": {"name": "netcdf", "mimetype": "application/x-netcdf"},
                    **provider,
                },
                {"type": "edr", "name": "processes.coverages.CubeSeries", **provider},
            ],
        }


def _link(href: str, title: str, media_type: str = "application/json") -> dict[str, str]:
    return {"href": href, "rel": "related", "title": title, "type": media_type}

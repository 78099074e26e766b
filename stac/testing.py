"""What tests of the catalogue share: a small map, its origin, a store that dies."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from engine.grids import BBox, coarse_window, fine_of
from engine.months import Month
from stac.products import product
from stac.series import ModelSummary, Provenance, Series, Source
from stac.store import LocalCatalog

if TYPE_CHECKING:
    from pathlib import Path

    from odc.geo.geobox import GeoBox

    from stac.products import Layer

AREA = fine_of(coarse_window(BBox(113.0, 34.0, 113.3, 34.2)))
"""4 × 5 coarse cells near Zhengzhou."""

MAY = Month(2020, 5)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

MODEL = ModelSummary(
    id="rf-0123456789ab",
    target="soil_moisture",
    algorithm="random forest",
    features=("sif", "ndvi", "lst_day", "elevation"),
    trained_on="2019-01/2021-02",
    scores={
        "random": {"r2": 0.91, "rmse": 0.021},
        "spatial-block": {"r2": 0.74, "rmse": 0.034},
    },
)


def toy_series(region: str = "toy-synthetic", **changes: object) -> Series:
    """Return a soil moisture series, or what keyword arguments make of it."""
    given = {
        "product": "soil-moisture",
        "region": region,
        "model_id": MODEL.id,
        "settings": {"analysis": "half"},
    }
    return Series(**{**given, **changes})  # type: ignore[arg-type]


def toy_provenance(*, synthetic: bool = True, job_href: str | None = None) -> Provenance:
    """Return where a toy map comes from."""
    return Provenance(
        region_title="Toyland",
        model=MODEL,
        sources=(
            Source(product="SPL4SMGP", name="SMAP_L4_SM_gph_20200501T013000.h5", size=1200),
            Source(product="SPL4SMGP", name="SMAP_L4_SM_gph_20200501T043000.h5", size=1300),
            Source(product="CHIRPS", name="chirps-v2.0.2020.05.01.tif", size=9, sha256="ab" * 32),
        ),
        software={"vadose": "0.1.0"},
        synthetic="true: made by the vadose world, preset toy, seed 1" if synthetic else None,
        omissions=("albedo: not in the archive",),
        job_href=job_href,
    )


def toy_dataset(name: str = "soil-moisture", *, shift: float = 0.0) -> xr.Dataset:
    """Return every layer of a product on a small area, with a gap, moved by a constant."""
    layers = product(name).layers
    return xr.Dataset(
        {
            key: _toy_values(layer, shift + 0.01 * k).rename(key).assign_attrs(units=layer.units)
            for k, (key, layer) in enumerate(layers.items())
        },
        attrs={"analysis": "shrunken", "analysis_fell_back": "toys have no climate"},
    )


def _toy_values(layer: Layer, shift: float) -> xr.DataArray:
    """Return amounts, or bits that follow them."""
    values = toy_layer(AREA, shift)
    return values if layer.data_type == "float32" else (values > 0.2).astype(np.uint16)


def toy_layer(geobox: GeoBox, shift: float = 0.0) -> xr.DataArray:
    """Return a smooth field ``(y, x)`` between 0.1 and 0.3, plus a constant, with a gap."""
    rows, columns = np.mgrid[: geobox.shape.y, : geobox.shape.x]
    values = (0.2 + 0.1 * np.sin(rows / 7) * np.cos(columns / 5) + shift).astype(np.float32)
    values[3:8, 10:20] = np.nan
    coords = {axis: geobox.coords[axis].values for axis in ("y", "x")}
    return xr.DataArray(values, dims=("y", "x"), coords=coords)


class DyingCatalog(LocalCatalog):
    """A catalogue whose publisher is killed before its n-th change, counted from 0.

    Parameters
    ----------
    root
        As for a local catalogue.
    changes
        How many files are placed or written before the process gets SIGKILL.
    """

    def __init__(self, root: Path, changes: int) -> None:
        super().__init__(root)
        self._left = changes

    def write(self, key: str, content: bytes) -> None:
        """Write, or die."""
        self._count()
        super().write(key, content)

    def place(self, staged: Path, key: str) -> bool:
        """Place, or die."""
        self._count()
        return super().place(staged, key)

    def _count(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

"""What tests of the catalogue share: a small map, its origin, a store that dies."""

from __future__ import annotations

import hashlib
import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from engine.grids import BBox, coarse_window, fine_of
from engine.models.candidates import candidate
from engine.models.card import (
    CardBlocks,
    CardCompanion,
    CardFeature,
    CardFile,
    CardRegion,
    CardRows,
    CardTarget,
    ModelCard,
    Score,
)
from engine.models.scores import Metrics
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


def toy_provenance(
    *, synthetic: bool = True, job_href: str | None = None, tiles_href: str | None = None
) -> Provenance:
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
        tiles_href=tiles_href,
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


def toy_model(folder: Path, *, key: str = "toy", upstream: str | None = None) -> ModelCard:
    """Store a model that predicts nothing, with one companion, and return its card."""
    onnx, companion = b"no real ONNX", b"{}"
    card = ModelCard(
        id="",
        key=key,
        kind="soil-moisture",
        settings=candidate("soil-moisture", "rf"),
        features=tuple(
            CardFeature(name=name, units="1", importance=0.25) for name in MODEL.features
        ),
        target=CardTarget(name="soil_moisture", units="m3 m-3", description="SMAP"),
        region=CardRegion(name="toy-synthetic", bbox=(113.0, 34.0, 113.3, 34.2), synthetic=True),
        training=("2019-01", "2019-02"),
        rows=CardRows(used=40, removed={}, constant={}),
        blocks=CardBlocks(side=72_000.0, error_range=None),
        scores=(
            Score(
                split="spatial-block",
                definition="blocks held out together",
                model="the same trees",
                pooled=Metrics(n=40, r2=0.7, rmse=0.02, ubrmse=0.02, mae=0.01, bias=0.0, r=0.8),
            ),
        ),
        intervals="none",
        splits_left_out={"year": "one year alone"},
        omissions={"albedo": "not in the archive"},
        upstream=upstream,
        inputs="0" * 64,
        file=CardFile(sha256=_digest(onnx), bytes=len(onnx), parity=1e-8),
        companions={"analysis.json": CardCompanion(sha256=_digest(companion), bytes=2)},
        versions={"vadose": "0.1.0", "onnx": "1.23.2"},
        created=NOW,
    ).identified()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{card.id}.onnx").write_bytes(onnx)
    (folder / f"{card.id}.analysis.json").write_bytes(companion)
    (folder / f"{card.id}.json").write_text(card.model_dump_json())
    return card


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


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

"""Score published maps of a synthetic world against its truth, read back over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio

from engine.archive import Archive
from engine.feature_store import FeatureStore
from engine.grids import BLOCK
from engine.months import Month
from engine.progress import silent
from engine.region import load_region
from engine.residual import bilinear, edge_ratio
from engine.skill import conservation_error, pooled_skill
from engine.target import coarse_soil_moisture
from processes.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from engine.progress import Progress
    from engine.world import World

    type Floats = NDArray[np.floating]

LAYERS = ("soil_moisture", "soil_moisture_raw", "soil_moisture_conserving")
BASELINE = "SMAP, bilinear"
_REMOTE = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_HTTP_MAX_RETRY": "2"}
"""GDAL asks for the byte ranges that it needs and for nothing beside the file."""


class UnreadableMapError(ServiceError, OSError):
    """A published map cannot be read back."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(f"{address} cannot be read as a raster")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What a layer is worth; of all months together, the pixels where every layer has a value."""

    rmse: float
    """m3 m-3, against the truth."""
    bias: float
    """m3 m-3, layer minus truth."""
    ubrmse: float
    """m3 m-3, without the bias."""
    correlation: float
    """Pearson's R over all pixels."""
    subgrid_correlation: float
    """Median of Pearson's R within the 9 km cells."""
    conservation_error: float
    """Largest difference between a 9 km mean and SMAP, m3 m-3."""
    edge_ratio: float
    """Steps across 9 km edges over steps within, mean over the months; half a 9 km cell along the
    map's border is left out, where nothing can be interpolated and SMAP's layer is flat."""


def score_maps(
    world: World, items: Sequence[dict[str, Any]], features: Path, progress: Progress = silent
) -> Mapping[str, Scored]:
    """Score every layer of some items, and SMAP interpolated, against the truth.

    Parameters
    ----------
    world
        Has the truth.
    items
        STAC items of soil moisture with absolute addresses.
    features
        Folder of the features, for the coarse soil moisture.
    progress
        Told after every month.
    """
    region = load_region(world.region)
    store = FeatureStore(Archive(world.archive), region, features)
    maps: dict[str, list[Floats]] = {name: [] for name in (*LAYERS, BASELINE)}
    truths: list[Floats] = []
    smap: list[Floats] = []
    for done, item in enumerate(items):
        month = Month.parse(item["properties"]["start_datetime"][:7])
        progress(done / len(items), f"reading {month} over HTTP")
        truths.append(read_raster(str(world.truth_file("soil_moisture", month))))
        smap.append(coarse_soil_moisture(store, month).to_numpy().astype(np.float64))
        for name in LAYERS:
            maps[name].append(read_raster(item["assets"][name]["href"]))
        maps[BASELINE].append(bilinear(smap[-1]))
    common = [_where_all(month) for month in zip(*maps.values(), strict=True)]
    return {name: _scored(layers, truths, smap, common) for name, layers in maps.items()}


def read_raster(address: str) -> Floats:
    """Read a one-band raster from a file or an ``http`` address; missing values become NaN."""
    try:
        with rasterio.Env(**_REMOTE), rasterio.open(address) as raster:
            values = raster.read(1, masked=True)
    except rasterio.errors.RasterioError as error:
        raise UnreadableMapError(address) from error
    return np.asarray(values.astype(np.float64).filled(np.nan))


def _where_all(layers: Sequence[Floats]) -> Floats:
    """Return 1 where all layers have a value, else NaN."""
    return np.where(np.isfinite(layers).all(axis=0), 1.0, np.nan)


def _scored(
    maps: Sequence[Floats],
    truths: Sequence[Floats],
    smap: Sequence[Floats],
    common: Sequence[Floats],
) -> Scored:
    skill = pooled_skill(
        (layer * mask, truth) for layer, truth, mask in zip(maps, truths, common, strict=True)
    )
    errors = [conservation_error(*pair) for pair in zip(maps, smap, strict=True)]
    return Scored(
        rmse=skill.rmse,
        bias=skill.bias,
        ubrmse=skill.ubrmse,
        correlation=skill.correlation,
        subgrid_correlation=skill.subgrid_correlation,
        conservation_error=max(errors),
        edge_ratio=float(np.mean([edge_ratio(_without_rim(layer)) for layer in maps])),
    )


def _without_rim(layer: Floats) -> Floats:
    """Return a layer without the pixels beyond the outermost centres of coarse cells."""
    inner = np.full_like(layer, np.nan)
    inside = slice(BLOCK // 2, -(BLOCK // 2))
    inner[inside, inside] = layer[inside, inside]
    return inner

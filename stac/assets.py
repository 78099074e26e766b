"""Assets: the files of a map, and the fields that describe them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from engine.cog import Statistics, nodata_of, write_cog
from engine.colours import palette
from engine.files import atomic_path
from engine.grids import BLOCK, COARSE_PIXEL
from engine.quicklook import Caption, overview, thumbnail

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import xarray as xr
    from odc.geo.geobox import GeoBox

    from stac.products import Layer
    from stac.series import MonthlyMap

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
PNG = "image/png"
JSON = "application/json"

GSD = round(COARSE_PIXEL / BLOCK, 3)
"""Side of a map's cell, m."""

type Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What an item says of one file, all but its name."""

    key: str
    """Name in the item, such as ``soil_moisture``."""
    suffix: str
    """Of the file's name, such as ``.tif``."""
    title: str
    description: str
    media_type: str
    roles: tuple[str, ...]
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal digest of the bytes."""
    fields: Fields
    """Extension and band fields."""

    @property
    def checksum(self) -> str:
        """The digest as a multihash: sha2-256, 32 bytes."""
        return f"1220{self.sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedAsset:
    """An asset whose file waits to be published."""

    asset: Asset
    path: Path


def stage_assets(
    folder: Path, layers: Mapping[str, xr.DataArray], made: MonthlyMap
) -> tuple[StagedAsset, ...]:
    """Write all files of a map into a folder and describe them.

    The same layers, series and provenance give the same bytes, whatever job made them.
    """
    cogs = _stage_cogs(folder, layers, made)
    pictures = _stage_pictures(folder, layers[made.product.main], made)
    return (*cogs, *pictures, _stage_record(folder, made))


def cog_tags(made: MonthlyMap) -> dict[str, str]:
    """Return what a COG says of itself when it has lost its catalogue."""
    provenance = made.provenance
    tags = {
        "title": made.title,
        "product": made.product.id,
        "region": made.series.region,
        "month": str(made.month),
        "series": made.series.digest,
        "model": provenance.model.id,
        "inputs_sha256": provenance.inputs_digest,
        "software": made.software,
        "license": made.product.license,
        "omissions": "; ".join(provenance.omissions),
        "synthetic": made.synthetic_words,
    }
    return {key: text for key, text in tags.items() if text}


def caption(made: MonthlyMap) -> Caption:
    """Return what is written around a map's picture."""
    model = made.provenance.model
    return Caption(
        title=f"{made.product.short_title}, {made.provenance.region_title}",
        month=made.month_name,
        source=f"vadose {made.provenance.software['vadose']} · {model.algorithm} {model.id}",
        synthetic=made.series.synthetic,
    )


def band_fields(name: str, layer: Layer, statistics: Statistics | None) -> Fields:
    """Return the band's description in the words of STAC 1.1 and the raster extension."""
    band: dict[str, object] = {
        "name": name,
        "description": layer.description,
        "data_type": layer.data_type,
        "nodata": int(nodata_of(layer.data_type)),
        "unit": layer.units,
        "raster:sampling": "area",
        "raster:spatial_resolution": GSD,
    }
    if statistics is not None:
        rounded = {key: float(f"{value:.7g}") for key, value in asdict(statistics).items()}
        band["statistics"] = rounded
    return {"bands": [band]}


def projection_fields(geobox: GeoBox) -> Fields:
    """Return the grid in the words of the projection extension, version 2."""
    box = geobox.boundingbox
    return {
        "proj:code": str(geobox.crs),
        "proj:shape": list(geobox.shape),
        "proj:transform": list(geobox.affine[:6]),
        "proj:bbox": [box.left, box.bottom, box.right, box.top],
    }


def _stage_cogs(
    folder: Path, layers: Mapping[str, xr.DataArray], made: MonthlyMap
) -> Iterator[StagedAsset]:
    for name, values in layers.items():
        layer = made.product.layers[name]
        path = write_cog(
            folder / f"{name}.tif",
            values,
            geobox=made.geobox,
            name=name,
            units=layer.units,
            long_name=layer.description,
            tags=cog_tags(made),
        )
        amounts = layer.data_type == "float32"
        bands = band_fields(name, layer, Statistics.of(values.values) if amounts else None)
        yield _staged(
            path,
            title=layer.title,
            description=layer.description,
            media_type=COG,
            roles=layer.roles,
            fields={**bands, **projection_fields(made.geobox)},
        )


def _stage_pictures(folder: Path, values: xr.DataArray, made: MonthlyMap) -> Iterator[StagedAsset]:
    layer = made.product.layers[made.product.main]
    colours = palette(layer.palette or made.product.main)
    small, large = folder / "thumbnail.png", folder / "overview.png"
    low, high = colours.range
    shown = f"{layer.title} in colour, {low:g} to {high:g} {layer.units}"
    shape = thumbnail(small, values, colours, synthetic=made.series.synthetic)
    yield _picture(small, "thumbnail", "Thumbnail", shown, shape)
    shape = overview(large, values, colours, caption(made))
    yield _picture(large, "overview", "Picture with legend", f"{shown}, with a legend", shape)


def _picture(
    path: Path, role: str, title: str, description: str, shape: tuple[int, int]
) -> StagedAsset:
    return _staged(
        path,
        title=title,
        description=description,
        media_type=PNG,
        roles=(role,),
        fields={"proj:code": None, "proj:shape": list(shape)},
    )


def _stage_record(folder: Path, made: MonthlyMap) -> StagedAsset:
    """Write the whole provenance, which is too long for an item."""
    path = folder / "provenance.json"
    with atomic_path(path) as temporary:
        text = json.dumps(_record(made), indent=1, ensure_ascii=False)
        temporary.write_text(f"{text}\n", encoding="utf-8")
    return _staged(
        path,
        title="Provenance",
        description="Every source file, the models with their scores, settings and omissions",
        media_type=JSON,
        roles=("metadata",),
        fields={},
    )


def _record(made: MonthlyMap) -> dict[str, object]:
    """Return the provenance as JSON data, without the job and the recipe, which change nothing."""
    series, provenance = made.series, asdict(made.provenance)
    del provenance["job_href"], provenance["recipe"]
    return {
        "series": series.digest,
        "product": series.product,
        "region": series.region,
        "month": str(made.month),
        "settings": dict(series.settings),
        "window": None if series.window is None else list(series.window),
        "inputs_sha256": made.provenance.inputs_digest,
        **provenance,
    }


def _staged(
    path: Path,
    *,
    title: str,
    description: str,
    media_type: str,
    roles: tuple[str, ...],
    fields: Fields,
) -> StagedAsset:
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    asset = Asset(
        key=path.stem,
        suffix=path.suffix,
        title=title,
        description=description,
        media_type=media_type,
        roles=roles,
        size=path.stat().st_size,
        sha256=digest,
        fields=fields,
    )
    return StagedAsset(asset=asset, path=path)

"""The files of a map: a COG for every layer, its pictures, and the record of its origin."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from engine.cog import Statistics, write_cog, write_coloured_cog
from engine.colours import palette
from engine.files import atomic_path
from engine.quicklook import Caption, legend, overview, thumbnail
from stac.assets import StagedAsset
from stac.fields import band_fields, projection_fields
from stac.media import COG, JSON, PNG

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import xarray as xr

    from engine.colours import Palette
    from stac.fields import Fields
    from stac.series import MonthlyMap


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
        yield StagedAsset.of(
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
    low, high = colours.range
    shown = f"{layer.title} in colour, {low:g} to {high:g} {layer.units}"
    yield _stage_overview(folder, values, colours, made, shown)
    path = folder / "thumbnail.png"
    shape = thumbnail(path, values, colours, synthetic=made.series.synthetic)
    yield _picture(path, "thumbnail", "Thumbnail", shown, shape)
    # Neither of the next two is an overview: clients stretch what has that role over the map.
    path = folder / "sheet.png"
    shape = overview(path, values, colours, caption(made))
    yield _picture(path, "graphic", "Picture with legend", f"{shown}, with a legend", shape)
    path = folder / "legend.png"
    shape = legend(path, colours)
    described = f"The colours and what they stand for, in {layer.units}"
    yield _picture(path, "graphic", "Legend", described, shape)


def _stage_overview(
    folder: Path, values: xr.DataArray, colours: Palette, made: MonthlyMap, shown: str
) -> StagedAsset:
    rgba = colours.rgba(values.values)
    path = folder / "overview.tif"
    write_coloured_cog(path, rgba, geobox=made.geobox, tags=cog_tags(made))
    return StagedAsset.of(
        path,
        title="Coloured map",
        description=f"{shown}; transparent where there is no value",
        media_type=COG,
        roles=("overview", "visual"),
        fields={**_colour_bands(), **projection_fields(made.geobox)},
    )


def _colour_bands() -> Fields:
    names = ("red", "green", "blue", "alpha")
    return {"bands": [{"name": name, "data_type": "uint8"} for name in names]}


def _picture(
    path: Path, role: str, title: str, description: str, shape: tuple[int, int]
) -> StagedAsset:
    return StagedAsset.of(
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
    return StagedAsset.of(
        path,
        title="Provenance",
        description="Every source file, the models with their scores, settings and omissions",
        media_type=JSON,
        roles=("metadata",),
    )


def _record(made: MonthlyMap) -> dict[str, object]:
    """Return the provenance as JSON data, without the job and the recipe, which change nothing."""
    series, provenance = made.series, asdict(made.provenance)
    for other in ("job_href", "tiles_href", "recipe"):
        del provenance[other]
    for source in provenance["sources"]:
        if source["origin"] is None:
            del source["origin"]
    return {
        "series": series.digest,
        "product": series.product,
        "region": series.region,
        "month": str(made.month),
        "settings": dict(series.settings),
        "analysis": dict(made.analysis),
        "window": None if series.window is None else list(series.window),
        "inputs_sha256": made.provenance.inputs_digest,
        **provenance,
    }

"""From a run's layers to items: cut to what was asked for, told how it was made, published."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
import xarray as xr

from engine.archive import NOTICE
from engine.cog import NO_BITS
from engine.errors import InputError
from engine.grids import coarse_window, fine_of, lonlat
from stac.documents import item_key
from stac.publish import publish_month
from stac.series import ModelSummary, Provenance, Series, Source
from stac.store import LocalCatalog

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from engine.models.card import ModelCard
    from engine.months import Month
    from engine.progress import Progress
    from processes.inputs import ReconstructionInputs
    from processes.plan import Plan
    from processes.reconstruction import Reconstruction
    from processes.results import Document
    from processes.settings import Settings
    from stac.series import Setting


def cut(layers: xr.Dataset, plan: Plan, month: Month) -> xr.Dataset:
    """Return the part of a map that was asked for.

    Parameters
    ----------
    layers
        ``(y, x)`` on the region's fine grid.
    plan
        Knows the window and the polygon.
    month
        Named in errors.

    Raises
    ------
    InputError
        Where nothing of the area has a value.
    """
    if plan.window is None:
        return layers
    area, wanted = plan.region.area(), fine_of(coarse_window(plan.window))
    column, row = ~area.affine @ (wanted.affine.c, wanted.affine.f)
    top, left = round(row), round(column)
    part = layers.isel(y=slice(top, top + wanted.shape.y), x=slice(left, left + wanted.shape.x))
    if plan.polygon is not None:
        part = _masked(part, _inside(plan, wanted))
    if not any(_has_values(layer) for layer in part.data_vars.values()):
        name = "bbox" if plan.polygon is None else "geometry"
        raise InputError(name, f"no land with data in {month}", "an area with data")
    return part


def _masked(layers: xr.Dataset, inside: xr.DataArray) -> xr.Dataset:
    """Return layers that are empty outside of an area."""
    return layers.map(lambda layer: layer.where(inside, _nothing(layer)), keep_attrs=True)


def _nothing(layer: xr.DataArray) -> float:
    return np.nan if layer.dtype.kind == "f" else NO_BITS


def _has_values(layer: xr.DataArray) -> bool:
    return layer.dtype.kind == "f" and bool(np.isfinite(layer.to_numpy()).any())


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Publishes the months of one run."""

    plan: Plan
    """What was asked for."""
    reconstruction: Reconstruction
    """How it was made."""
    series: Series
    """What the maps belong to."""
    catalog: LocalCatalog
    """Where they go."""
    address: str
    """The catalogue below the service's address."""

    @classmethod
    def of(
        cls,
        plan: Plan,
        reconstruction: Reconstruction,
        inputs: ReconstructionInputs,
        settings: Settings,
        run_id: str,
    ) -> Publisher:
        """Return the publisher of a run: into the catalogue, or into the run's own folder."""
        series = Series(
            product=reconstruction.product,
            region=plan.region.name,
            model_id=reconstruction.chosen.model.card.id,
            settings={**reconstruction.settings, **_outline(plan)},
            window=plan.window,
        )
        base = None if settings.url is None else str(settings.url).rstrip("/")
        address = "catalog" if inputs.publish else f"jobs/{run_id}/files"
        folder = (
            settings.catalog_folder if inputs.publish else settings.work_folder / run_id / "catalog"
        )
        return cls(
            plan=plan,
            reconstruction=reconstruction,
            series=series,
            catalog=LocalCatalog(folder, None if base is None else f"{base}/{address}"),
            address=address,
        )

    def publish(self, month: Month, layers: xr.Dataset, progress: Progress) -> tuple[str, Document]:
        """Publish a month; return its item's path below the service's address, and the item."""
        progress(0.0, f"publishing {month}")
        item = publish_month(self.catalog, self.series, month, layers, self._provenance(month))
        key = item_key(str(item.collection_id), item.id)
        document: Document = json.loads(self.catalog.read(key) or b"{}")
        return f"{self.address}/{key}", document

    def _provenance(self, month: Month) -> Provenance:
        chosen, plan = self.reconstruction.chosen, self.plan
        card = chosen.model.card
        return Provenance(
            region_title=plan.region.title,
            model=_summary(card),
            sources=tuple(
                Source(
                    product=granule.product,
                    name=granule.path.name,
                    size=granule.path.stat().st_size,
                )
                for granule in self.reconstruction.granules(month)
            ),
            software=card.versions,
            synthetic=_synthetic_words(plan),
            upstream=tuple(_summary(model.card) for model in self.reconstruction.upstream),
            omissions=tuple(f"{name}: {why}" for name, why in sorted(card.omissions.items())),
        )


def _summary(card: ModelCard) -> ModelSummary:
    scores = {
        score.split: {
            name: value
            for name, value in score.pooled.model_dump(include={"r2", "rmse", "mae"}).items()
            if value is not None
        }
        for score in card.scores
    }
    return ModelSummary(
        id=card.id,
        target=card.target.name,
        algorithm="random forest",
        features=card.feature_names,
        trained_on=f"{card.training[0]}/{card.training[-1]}",
        scores=scores,
    )


def _synthetic_words(plan: Plan) -> str | None:
    """Return what a synthetic archive says of itself."""
    if not plan.archive.synthetic:
        return None
    notice = plan.archive.root / NOTICE
    if notice.is_file():
        return notice.read_text(encoding="utf-8").strip()
    return "true: the archive's granules say that they are no observation"


def _outline(plan: Plan) -> dict[str, Setting]:
    """Return what tells one polygon's series from another's in the same box."""
    if plan.polygon is None:
        return {}
    return {"polygon": hashlib.sha256(shapely.to_wkb(plan.polygon)).hexdigest()[:12]}


def _inside(plan: Plan, grid: GeoBox) -> xr.DataArray:
    longitude, latitude = lonlat(grid)
    inside = shapely.contains_xy(plan.polygon, longitude, latitude)
    return xr.DataArray(inside, dims=("y", "x"))

"""From a month's layers to its item: cut to what was asked for, told how it was made, published."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from engine.archive import NOTICE
from engine.errors import GranuleError
from processes.catalog_place import let_find, service_catalog
from processes.digests import Digests
from processes.fetch.provenance import read_note
from processes.service import public_address
from stac.departures import refresh_departures
from stac.documents import item_key
from stac.errors import DamagedCatalogError
from stac.model_catalog import publish_model
from stac.models import architecture, model_collection_id
from stac.publish import publish_month, published_month
from stac.series import ModelSummary, Origin, Provenance, Series, Source
from stac.store import LocalCatalog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    import xarray as xr

    from engine.archive import Archive
    from engine.models.card import ModelCard
    from engine.months import Month
    from processes.cutout import Cutout
    from processes.program import Fence, JobContext
    from processes.reconstruction import Reconstruction
    from processes.results import Document
    from processes.settings import Settings
    from stac.store import CatalogStore

    type Refresh = Callable[[CatalogStore, str, Fence], object]

LOGGER = logging.getLogger(__name__)

RECIPE = "1"
"""To be raised when the same model and files make another map than before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Publishes the months of one job, each by itself."""

    reconstruction: Reconstruction
    """How they are made."""
    cutout: Cutout
    """Which part of them is published."""
    series: Series
    """What the maps belong to."""
    catalog: CatalogStore
    """Where they go."""
    address: str
    """The catalogue below the service's address."""
    models: Path
    """Folder of the stored models, which are published with their maps."""
    digests: Digests
    """Checksums of the files that the maps are made of."""
    job_href: str | None
    """Address of the job, where a service has it."""
    tiles_href: str | None
    """Address of the tiles, where a service draws what is in its catalogue."""
    fence: Fence
    """Called before anything is published."""
    in_catalog: bool
    """Whether they go into the service's catalogue, not into the job's own folder."""
    found_by: Settings | None
    """Settings of the service whose searches are to find them, where there is one."""

    @classmethod
    def of(
        cls,
        reconstruction: Reconstruction,
        cutout: Cutout,
        settings: Settings,
        job: JobContext,
        *,
        publish: bool,
    ) -> Publisher:
        """Return the publisher of a job: into the catalogue, or into the job's own folder."""
        series = Series(
            product=reconstruction.product,
            region=reconstruction.store.region.name,
            model_id=reconstruction.chosen.model.card.id,
            settings={**reconstruction.settings, **cutout.settings},
            window=cutout.window,
        )
        base = public_address(settings)
        address = "catalog" if publish else f"jobs/{job.run_id}/files"
        return cls(
            reconstruction=reconstruction,
            cutout=cutout,
            series=series,
            catalog=_catalog(settings, job, publish=publish),
            address=address,
            models=settings.model_folder,
            digests=Digests(settings.feature_folder / "digests"),
            job_href=None if job.path is None else f"{base}/{job.path}",
            tiles_href=f"{base}/tiles" if publish and job.path is not None else None,
            fence=job.fence,
            in_catalog=publish,
            found_by=settings if publish and job.path is not None else None,
        )

    def published(self, month: Month) -> str | None:
        """Return the path of a month that is there, whole, from the same recipe; None otherwise."""
        provenance = self._provenance(month)
        found = published_month(self.catalog, self.series, month, provenance)
        if found is None:
            return None
        # Whoever published it may have died before it was found.
        self._let_find(found)
        return self._path(str(found["collection"]), str(found["id"]))

    def publish(self, month: Month, layers: xr.Dataset) -> str:
        """Publish a month; return its item's path below the service's address."""
        made = self.reconstruction
        for model in (*made.upstream, made.chosen.model):
            self._let_find(publish_model(self.catalog, model.card, self.models, fence=self.fence))
        region = made.store.region
        part = self.cutout.cut(layers, region, month)
        item = publish_month(
            self.catalog, self.series, month, part, self._provenance(month), fence=self.fence
        )
        path = self._path(str(item.collection_id), item.id)
        self._let_find(self.item(path))
        return path

    def gather(self, paths: Sequence[str]) -> None:
        """Bring what is told of many months at once up to the items at some paths.

        The maps are published, so a file that another item has lost does not make the job fail.
        """
        if not self.in_catalog:
            return
        self._compare(paths)
        for collection_id, path in self._touched(paths).items():
            for what, refresh in _refreshed():
                try:
                    refresh(self.catalog, collection_id, self.fence)
                except DamagedCatalogError as error:
                    LOGGER.warning("%s of %s stays as it was: %s", what, collection_id, error)
            # Searches show the collection, which leads to both, as it was before.
            self._let_find(self.item(path))

    def _touched(self, paths: Sequence[str]) -> dict[str, str]:
        """Return the collections that the job changed, each with the path of one of its items."""
        card = self.reconstruction.chosen.model.card
        models = model_collection_id(synthetic=card.synthetic)
        maps = {path.split("/")[1]: path for path in paths}
        if self.catalog.size(item_key(models, card.id)) is None:
            return maps
        return {**maps, models: self._path(models, card.id)}

    def _compare(self, paths: Sequence[str]) -> None:
        """Tell of the items at some paths, and of their other years, how they differ."""
        members = sorted(tuple(path.split("/")[1:3]) for path in paths)
        for collection_id, pairs in groupby(members, key=itemgetter(0)):
            names = [name for _, name in pairs]
            try:
                for item in refresh_departures(
                    self.catalog, collection_id, names, fence=self.fence
                ):
                    self._let_find(item)
            except (DamagedCatalogError, GranuleError) as error:
                LOGGER.warning("%s is not compared with other years: %s", collection_id, error)

    def item(self, path: str) -> Document:
        """Return the item that was published at a path."""
        key = path.removeprefix(f"{self.address}/")
        content = self.catalog.read(key)
        if content is None:
            raise DamagedCatalogError(key, "no longer there")
        document: Document = json.loads(content)
        return document

    def _let_find(self, item: Mapping[str, Any]) -> None:
        if self.found_by is not None:
            let_find(self.found_by, item)

    def _path(self, collection_id: str, item_id: str) -> str:
        return f"{self.address}/{item_key(collection_id, item_id)}"

    def _provenance(self, month: Month) -> Provenance:
        made = self.reconstruction
        card = made.chosen.model.card
        granules = made.granules(month)
        digests = self.digests.of(granules)
        provenance = Provenance(
            region_title=made.store.region.title,
            model=_summary(card),
            sources=tuple(
                Source(
                    product=granule.product,
                    name=granule.path.name,
                    size=granule.path.stat().st_size,
                    sha256=digests[granule.path],
                    origin=_origin(granule.path),
                )
                for granule in granules
            ),
            software=card.versions,
            synthetic=_synthetic_words(made.store.archive),
            upstream=tuple(_summary(model.card) for model in made.upstream),
            omissions=tuple(f"{name}: {why}" for name, why in sorted(card.omissions.items())),
            job_href=self.job_href,
            tiles_href=self.tiles_href,
        )
        return replace(provenance, recipe=_recipe(self.series, provenance))


def _refreshed() -> tuple[tuple[str, Refresh], ...]:
    """Return what is kept of many items at once; it takes seconds to load, so no month does."""
    from stac.cube import refresh_cubes  # noqa: PLC0415
    from stac.mirror import refresh_mirror  # noqa: PLC0415

    return ("the cube", refresh_cubes), ("the table", refresh_mirror)


def _catalog(settings: Settings, job: JobContext, *, publish: bool) -> CatalogStore:
    """Return the service's catalogue, or the job's own."""
    if publish:
        return service_catalog(settings)
    base = None if settings.url is None else str(settings.url).rstrip("/")
    url = None if base is None else f"{base}/jobs/{job.run_id}/files"
    return LocalCatalog(own_catalog(settings, job.run_id), url)


def own_catalog(settings: Settings, run_id: str) -> Path:
    """Return the folder of the maps that stay with their job."""
    return settings.work_folder / run_id / "catalog"


def _origin(path: Path) -> Origin | None:
    """Return how a file came, if it was fetched and is still what came then."""
    note = read_note(path)
    if note is None or note.size != path.stat().st_size:
        return None
    retrieved = f"{note.retrieved:%Y-%m-%dT%H:%M:%SZ}"
    return Origin(url=note.url, retrieved=retrieved, licence=note.licence)


def _recipe(series: Series, provenance: Provenance) -> str:
    """Return a digest of all that decides a month's values."""
    parts = (RECIPE, version("vadose"), series.digest, provenance.inputs_digest)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


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
        algorithm=architecture(card.algorithm),
        features=card.feature_names,
        trained_on=f"{card.training[0]}/{card.training[-1]}",
        scores=scores,
    )


def _synthetic_words(archive: Archive) -> str | None:
    """Return what a synthetic archive says of itself."""
    if not archive.synthetic:
        return None
    notice = archive.root / NOTICE
    if notice.is_file():
        return notice.read_text(encoding="utf-8").strip()
    return "true: the archive's granules say that they are no observation"

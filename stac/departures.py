"""Compare the months of a series with the same months of its other years.

Anomaly and percentile of a month are assets of its item beside the map. They are made of published
maps alone, so they need no model, no granule and no job, and say the same whichever job was last.
Their files are named by their content; an item changes in one stroke, when they are there.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from engine.cog import Statistics, geobox_of, read_cog, write_cog
from engine.colours import palette
from engine.departures import LEAST_YEARS, anomalies, percentiles
from engine.quicklook import thumbnail
from stac.assets import StagedAsset
from stac.commit import file_names, lost_files, open_fence, replace_document
from stac.departure_fields import CLIMATOLOGY, RENDERS, own_assets, without_departures
from stac.documents import below, instant, item_key
from stac.fields import band_fields, projection_fields, render_fields
from stac.layers import fine_grid
from stac.media import COG, PNG
from stac.products import product
from stac.read import collection_document, item_document, item_ids

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import xarray as xr
    from numpy.typing import NDArray

    from stac.assets import Asset
    from stac.commit import Fence
    from stac.products import Layer, Product
    from stac.store import CatalogStore

    type Document = dict[str, Any]
    type Years = NDArray[np.float32]

log = logging.getLogger(__name__)

ANOMALY, PERCENTILE = "anomaly", "percentile"
_COMPUTED = {ANOMALY: anomalies, PERCENTILE: percentiles}
_MONTH = len("-MM")
_YEAR_AND_MONTH = len("-YYYY-MM")


def refresh_departures(
    catalog: CatalogStore,
    collection_id: str,
    changed: Collection[str] | None = None,
    *,
    now: datetime | None = None,
    fence: Fence = open_fence,
) -> list[Document]:
    """Bring anomaly and percentile up to the years that are published.

    Parameters
    ----------
    catalog, collection_id
        Where the maps are.
    changed
        Ids of the items that are new; only their calendar months are looked at. None: all.
    now
        The moment to write as ``updated``; by default the clock's.
    fence
        Called under the catalogue's lock before an item changes; raises where this publisher is
        no longer the one that may.

    Returns
    -------
    list of dict
        The items that have changed. Doing it again changes none.
    """
    collection = collection_document(catalog, collection_id)
    moment = now or datetime.now(UTC)
    done: list[Document] = []
    for names in _calendar_months(item_ids(collection), changed):
        found = (item_document(catalog, collection, name) for name in names)
        for items in _comparable([item for item in found if item is not None]):
            comparison = _Comparison.of(items, len(names))
            done += comparison.bring_up_to_date(catalog, moment, fence)
    return done


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """The same calendar month of the years of one series, on one grid."""

    product: Product
    items: Sequence[Document]
    """By year."""
    digest: str
    """Of the maps that are compared; it changes when one of them does."""
    published: int
    """Items of that region and month when the comparison began; others may publish more."""

    @classmethod
    def of(cls, items: Sequence[Document], published: int) -> Self:
        """Compare some items."""
        described = product(str(items[0]["properties"]["vadose:product"]))
        checksums = "\n".join(item["assets"][described.main]["file:checksum"] for item in items)
        texts = repr(sorted(described.departures.items()))
        digest = hashlib.sha256(f"{checksums}\n{texts}".encode()).hexdigest()[:16]
        return cls(product=described, items=items, digest=digest, published=published)

    def bring_up_to_date(
        self, catalog: CatalogStore, now: datetime, fence: Fence
    ) -> Iterator[Document]:
        """Give the items that had to change, and did."""
        if not self.product.departures or all(self._told(catalog, item) for item in self.items):
            return
        maps = [_main_of(catalog, item, self.product) for item in self.items]
        enough = len(maps) >= LEAST_YEARS
        stack = np.stack([one.to_numpy() for one in maps])
        values = {name: _COMPUTED[name](stack) for name in self.product.departures if enough}
        for number, item in enumerate(self.items):
            if self._told(catalog, item):
                continue
            own = {
                name: maps[number].copy(data=years[number]).rename(name)
                for name, years in values.items()
            }
            with catalog.staging() as folder:
                folder.mkdir(parents=True, exist_ok=True)
                staged = [one for name in own for one in self._stage(folder, own[name], item)]
                document = self._told_in(catalog, item, staged, now, fence)
            if document is not None:
                yield document

    def _told(self, catalog: CatalogStore, item: Document) -> bool:
        """Whether an item has what this comparison says of it, whole."""
        said = item["properties"].get(CLIMATOLOGY)
        if len(self.items) < LEAST_YEARS:
            return said is None
        return (said or {}).get("digest") == self.digest and not lost_files(catalog, item)

    def _stage(self, folder: Path, values: xr.DataArray, item: Document) -> Iterator[StagedAsset]:
        """Write a layer as a COG and as a small picture, and describe both."""
        name = str(values.name)
        layer = self.product.departures[name]
        values.attrs |= {"units": layer.units}
        grid, compared = fine_grid(geobox_of(values)), self._words(layer)
        tags = {"title": f"{layer.title}: {item['properties']['title']}", "climatology": compared}
        path = write_cog(
            folder / f"{name}.tif",
            values,
            geobox=grid,
            name=name,
            units=layer.units,
            long_name=layer.description,
            tags=tags,
        )
        bands = band_fields(name, layer, Statistics.of(values.to_numpy()))
        yield StagedAsset.of(
            path,
            title=layer.title,
            description=compared,
            media_type=COG,
            roles=layer.roles,
            fields={**bands, **projection_fields(grid), CLIMATOLOGY: self.digest},
        )
        picture = folder / f"{name}_picture.png"
        synthetic = bool(item["properties"]["vadose:synthetic"])
        shape = thumbnail(picture, values, palette(layer.palette or name), synthetic=synthetic)
        yield StagedAsset.of(
            picture,
            title=f"{layer.title}, picture",
            description=compared,
            media_type=PNG,
            roles=("graphic",),
            fields={"proj:code": None, "proj:shape": list(shape), CLIMATOLOGY: self.digest},
        )

    def _words(self, layer: Layer) -> str:
        years = ", ".join(map(str, self._years()))
        return f"{layer.description}; {len(self.items)} years: {years}"

    def _years(self) -> list[int]:
        return [int(str(item["properties"]["start_datetime"])[:4]) for item in self.items]

    def _told_in(
        self,
        catalog: CatalogStore,
        item: Document,
        staged: Sequence[StagedAsset],
        now: datetime,
        fence: Fence,
    ) -> Document | None:
        """Place files and let an item have them, if its map still is the one that was compared."""
        folder = f"{item['collection']}/{item['id']}"
        names = {entry.asset.key: _name(item["id"], entry.asset) for entry in staged}
        written: list[Document] = []

        def telling(document: Document | None) -> Document | None:
            if document is None or own_assets(document) != own_assets(item):
                return None
            written[:] = [self._with(document, staged, names, now)]
            return written[0]

        with catalog.lock():
            fence()
            if self._overtaken(catalog, item):
                return None
            for entry in staged:
                catalog.place(entry.path, f"{folder}/{names[entry.asset.key]}")
            replace_document(catalog, item_key(item["collection"], item["id"]), telling)
            if written:
                _sweep(catalog, folder, file_names(item) - file_names(written[0]))
        log.info("%s is compared with %d years", item["id"], len(self.items))
        return written[0] if written else None

    def _overtaken(self, catalog: CatalogStore, item: Document) -> bool:
        """Whether more years were published meanwhile; who did that compares them, too."""
        collection = collection_document(catalog, item["collection"])
        names = next(_calendar_months(item_ids(collection), {item["id"]}), [])
        return len(names) != self.published

    def _with(
        self,
        document: Document,
        staged: Sequence[StagedAsset],
        names: Mapping[str, str],
        now: datetime,
    ) -> Document:
        bare = without_departures(document)
        if not staged:
            return bare
        assets = {key: entry.to_dict() for key, entry in _assets(staged, names)}
        shown = render_fields(self.product, list(assets)).get(RENDERS, {})
        years = self._years()
        said = {
            **bare["properties"],
            RENDERS: {**bare["properties"].get(RENDERS, {}), **dict(shown)},  # type: ignore[call-overload]
            "updated": instant(now),
            CLIMATOLOGY: {"count": len(years), "years": years, "digest": self.digest},
        }
        return {**bare, "properties": said, "assets": {**bare["assets"], **assets}}


def _calendar_months(names: Iterable[str], changed: Collection[str] | None) -> Iterator[list[str]]:
    """Give the ids of the items of each region and calendar month, by year."""

    def place(name: str) -> tuple[str, str]:
        return name[:-_YEAR_AND_MONTH], name[-_MONTH:]

    wanted = None if changed is None else {place(name) for name in changed}
    for key, group in groupby(sorted(names, key=lambda name: (place(name), name)), key=place):
        if wanted is None or key in wanted:
            yield list(group)


def _comparable(items: Sequence[Document]) -> Iterator[list[Document]]:
    """Give the items of each series and grid."""

    def kind(item: Document) -> str:
        said = item["properties"]
        main = item["assets"][product(str(said["vadose:product"])).main]
        return repr((said["vadose:series"], main["proj:shape"], main["proj:transform"]))

    maps = [item for item in items if "vadose:product" in item["properties"]]
    for _, group in groupby(sorted(maps, key=kind), key=kind):
        yield list(group)


def _main_of(catalog: CatalogStore, item: Document, described: Product) -> xr.DataArray:
    key = item_key(item["collection"], item["id"])
    with catalog.local(below(key, item["assets"][described.main]["href"])) as path:
        return read_cog(path)


def _assets(staged: Sequence[StagedAsset], names: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for entry in staged:
        yield entry.asset.key, entry.asset.named(names[entry.asset.key])


def _name(item_id: str, asset: Asset) -> str:
    return f"{item_id}_{asset.key}_{asset.sha256[:12]}{asset.suffix}"


def _sweep(catalog: CatalogStore, folder: str, unlinked: Iterable[str]) -> None:
    """Remove files that the item had, unless an earlier version of it, which is kept, has them."""
    kept = [name for name in catalog.names(folder) if name.endswith(".json")]
    texts = [catalog.read(f"{folder}/{name}") or b"" for name in kept]
    for name in unlinked:
        if not any(name.encode() in text for text in texts):
            catalog.remove(f"{folder}/{name}")

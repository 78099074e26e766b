"""Which published layers can be drawn, and where their files are.

A request names a collection, an item and a layer, and nothing else: no path and no address, so
that nothing can be read that the catalogue does not link.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import rasterio
from rio_tiler.constants import WEB_MERCATOR_TMS
from rio_tiler.io import Reader

from engine.colours import Palette, palette
from stac.documents import absolute, below, item_key
from stac.errors import DamagedCatalogError
from stac.products import products
from stac.read import collection_document, item_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

    from morecantile import TileMatrixSet

    from stac.store import CatalogStore

_AGE = 10
"""Seconds for which an item is taken to say what it said: a map needs many tiles at once."""
_MOST_KEPT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLayer:
    """A layer of a map that has colours."""

    catalog: CatalogStore
    key: str
    """Its file below the catalogue's root."""
    palette: Palette


class PublishedLayers:
    """The layers of a catalogue that can be drawn.

    Parameters
    ----------
    catalog
        Where the maps are.
    """

    def __init__(self, catalog: CatalogStore) -> None:
        self._catalog = catalog
        self._kept = lru_cache(_MOST_KEPT)(self._found)

    def find(self, collection: str, item: str, layer: str) -> PublishedLayer | None:
        """Return a layer, or None where there is no such one, or one without colours."""
        return self._kept(collection, item, layer, int(time.monotonic()) // _AGE)

    def _found(self, collection: str, item: str, layer: str, _age: int) -> PublishedLayer | None:
        document = item_document(
            self._catalog, collection_document(self._catalog, collection), item
        )
        if document is None:
            return None
        described = products().get(document["properties"].get("vadose:product", ""))
        known = None if described is None else described.layers.get(layer)
        asset = document["assets"].get(layer)
        if known is None or known.palette is None or asset is None or absolute(asset["href"]):
            return None
        key = below(item_key(collection, item), asset["href"])
        return PublishedLayer(catalog=self._catalog, key=key, palette=palette(known.palette))


@contextmanager
def opened(layer: PublishedLayer, tms: TileMatrixSet = WEB_MERCATOR_TMS) -> Iterator[Reader]:
    """Open a layer's file, as titiler opens files; of one in a bucket only parts are fetched.

    Raises
    ------
    DamagedCatalogError
        Where the file is not there.
    """
    name = layer.key.rpartition("/")[2]
    try:
        file = layer.catalog.reader(layer.key)
    except FileNotFoundError:
        raise DamagedCatalogError(layer.key, "not there") from None

    def given(path: str, *_: object, **__: object) -> BufferedReader:
        # GDAL looks for further files beside, of which there are none.
        if path != name:
            raise FileNotFoundError(path)
        return file

    with (
        file,
        rasterio.open(name, driver="GTiff", opener=given) as dataset,
        Reader(name, dataset=dataset, tms=tms) as reader,
    ):
        yield reader

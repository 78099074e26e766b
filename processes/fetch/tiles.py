"""Tiles that are known by their names: asked for one by one whether they are there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.products.names import recognise
from processes.fetch.errors import ProviderError
from processes.fetch.offers import Offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processes.fetch.client import Client
    from processes.fetch.wanted import Wanted

_ABSENT = frozenset({403, 404, 410})
"""What stores answer to names that they do not have, or do not tell of."""


class TileFinder:
    """Finds tiles by their names, such as those of an elevation model."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def find(self, wanted: Wanted) -> Sequence[Offer]:
        """Return an offer for every tile that is there; there is none of open sea."""
        offers = (self._offer(wanted, tile) for tile in wanted.tiles)
        return [offer for offer in offers if offer is not None]

    def _offer(self, wanted: Wanted, tile: str) -> Offer | None:
        source = wanted.source
        name = (source.name or "{tile}.tif").format(tile=tile)
        granule = recognise(Path(name), {wanted.spec.id: wanted.spec})
        url = source.url.format(tile=tile, south=tile[:3], west=tile[3:])
        size = self._size(url)
        if granule is None or size is None:
            return None
        return Offer(
            product=wanted.spec.id,
            name=name,
            url=url,
            size=size,
            exact=True,
            granule=granule,
            login=source.login,
        )

    def _size(self, url: str) -> int | None:
        """Return a file's size by asking for its first byte; None where there is no such file."""
        try:
            response = self._client.get(url, {"Range": "bytes=0-0"})
        except ProviderError as error:
            if error.status in _ABSENT:
                return None
            raise
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
        return int(total) if total.isdigit() else len(response.content)

"""The records of the official collections, as pygeoapi's OGC API - Records asks for them.

There are as many records as products, so that each request reads them from the catalogue: what is
published is found at once, and nothing is kept twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from pygeoapi.provider.base import (
    BaseProvider,
    ProviderInvalidQueryError,
    ProviderItemNotFoundError,
)

from stac.products import products
from stac.read import collection_ids, read_document
from stac.records.links import OGC
from stac.s3_store import open_catalog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    type Record = dict[str, Any]

_TEXTS = ("title", "description", "type", "license", "rights")
_DATES = ("created", "updated")
_LISTS = ("ids", "externalIds")
_LAST_SECOND = "T23:59:59Z"


class CatalogRecords(BaseProvider):  # type: ignore[misc]  # pygeoapi has no types
    """Provides the records of a catalogue.

    Parameters
    ----------
    provider_def
        As configured: ``data`` is the catalogue's place, ``options.address`` the address under
        which its files are served.
    """

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self._address = str(provider_def["options"]["address"])
        self._catalog = open_catalog(self.data, self._address)
        self.get_fields()

    def get_fields(self) -> Mapping[str, Record]:
        """Return the properties that requests may name."""
        self._fields = {
            **{name: {"type": "string"} for name in (*_TEXTS, *_LISTS, "q")},
            **{name: {"type": "string", "format": "date-time"} for name in _DATES},
        }
        return self._fields

    def query(
        self,
        *,
        offset: int = 0,
        limit: int = 10,
        resulttype: str = "results",
        bbox: Sequence[float] = (),
        datetime_: str | None = None,
        properties: Sequence[tuple[str, str]] = (),
        sortby: Sequence[Mapping[str, str]] = (),
        select_properties: Sequence[str] = (),
        skip_geometry: bool = False,
        q: str | None = None,
        filterq: object = None,
        **_: object,
    ) -> Record:
        """Return the records that a search finds, page by page."""
        if filterq is not None:
            raise ProviderInvalidQueryError(user_msg="records are not filtered by CQL; use q")
        found = [
            record
            for record in self._records()
            if _meets(record, bbox)
            and _during(record, datetime_)
            and _speaks_of(record, q)
            and all(_says(record, name, value) for name, value in properties)
        ]
        for order in reversed(sortby):
            name = order["property"]
            found.sort(key=lambda record: _said(record, name), reverse=order["order"] == "-")
        page = [] if resulttype == "hits" else found[offset : offset + limit]
        return {
            "type": "FeatureCollection",
            "features": [_part(record, select_properties, skip_geometry) for record in page],
            "numberMatched": len(found),
            "numberReturned": len(page),
        }

    def get(self, identifier: str, **_: object) -> Record:
        """Return one record."""
        for record in self._records():
            if record["id"] == identifier:
                return record
        raise ProviderItemNotFoundError(user_msg=f"there is no record {identifier!r}")

    def _records(self) -> Iterator[Record]:
        published = collection_ids(self._catalog)
        for name in (product.collection for product in products().values()):
            record = read_document(self._catalog, f"{name}/{OGC}") if name in published else None
            if record is not None:
                yield self._placed(record)

    def _placed(self, record: Record) -> Record:
        """Return a record whose addresses are absolute."""
        folder = f"{self._address}/{record['id']}/"
        links = [{**link, "href": urljoin(folder, link["href"])} for link in record["links"]]
        return {**record, "links": links}


def _meets(record: Record, bbox: Sequence[float]) -> bool:
    if not bbox:
        return True
    half = len(bbox) // 2
    (west, south), (east, north) = bbox[:2], bbox[half : half + 2]
    (left, bottom), _, (right, top), *_ = record["geometry"]["coordinates"][0]
    # Across the antimeridian, west is the larger.
    apart = (right < west, left > east)
    beside = any(apart) if west <= east else all(apart)
    return not beside and bottom <= north and top >= south


def _during(record: Record, wanted: str | None) -> bool:
    """Whether a record's time meets an instant or an interval; ISO 8601 in UTC sorts as text."""
    if wanted is None:
        return True
    first, slash, last = wanted.partition("/")
    last = last if slash else first
    begin, end = record["time"]["interval"]
    if len(last) == len("2020-05-31"):
        last += _LAST_SECOND
    return (first in ("", "..") or end >= first) and (last in ("", "..") or begin <= last)


def _speaks_of(record: Record, q: str | None) -> bool:
    """Whether a record has all words, side by side, of any of the terms that commas separate."""
    said = record["properties"]
    concepts = (one["title"] for theme in said["themes"] for one in theme["concepts"])
    text = " ".join((said["title"], said["description"], *said["keywords"], *concepts)).casefold()
    terms = [" ".join(term.split()).casefold() for term in (q or "").split(",")]
    return any(term in text for term in terms)


def _says(record: Record, name: str, value: str) -> bool:
    if name == "ids":
        return record["id"] in value.split(",")
    if name == "externalIds":
        known = {one["value"] for one in record["properties"]["externalIds"]}
        return not known.isdisjoint(value.split(","))
    # Only of a type may several be named, of which one shall fit.
    return _said(record, name) in (value.split(",") if name == "type" else (value,))


def _said(record: Record, name: str) -> str:
    return str(record["properties"].get(name, ""))


def _part(record: Record, names: Sequence[str], skip_geometry: bool) -> Record:
    said = record["properties"]
    kept = {name: said[name] for name in names if name in said} if names else said
    geometry = None if skip_geometry else record["geometry"]
    return {**record, "properties": kept, "geometry": geometry}

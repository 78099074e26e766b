"""A collection as a record of OGC API - Records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stac.media import JSON
from stac.records.links import OGC, RECORDS
from stac.records.texts import record_texts

if TYPE_CHECKING:
    from stac.records.description import Description

    type Document = dict[str, Any]

CORE = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/record-core"


def ogc_record(described: Description) -> Document:
    """Describe a collection as a record."""
    texts, product = record_texts(), described.product
    language = {"code": texts.language.bcp47}
    return {
        "id": described.id,
        "type": "Feature",
        "conformsTo": [CORE],
        "geometry": {"type": "Polygon", "coordinates": [_ring(described.box)]},
        "time": {"interval": [described.begin, described.end], "resolution": "P1M"},
        "properties": {
            "type": "dataset",
            "title": described.title,
            "description": described.abstract,
            "created": described.dates.created,
            "updated": described.dates.updated,
            "keywords": list(described.keywords),
            "themes": [
                theme.model_dump(mode="json", exclude_none=True) for theme in product.themes
            ],
            "language": language,
            "resourceLanguages": [language],
            "externalIds": [{"value": name} for name in _names(described)],
            "formats": [
                {"name": name, "mediaType": media_type} for media_type, name in _formats(described)
            ],
            "contacts": [_contact()],
            "license": described.licence,
            "rights": texts.access.title,
        },
        "links": _links(described),
    }


def _ring(box: tuple[float, float, float, float]) -> list[list[float]]:
    west, south, east, north = box
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def _names(described: Description) -> list[str]:
    """Return what else the data set is called; an address that is not known is no name."""
    known = [described.uri] if described.base or described.product.doi else []
    return [*known, described.identifier]


def _formats(described: Description) -> list[tuple[str, str]]:
    known = record_texts().formats
    found = dict.fromkeys(way.plain_type for way in described.distributions)
    return [(name, known[name].name if name in known else name) for name in found]


def _contact() -> Document:
    contact = record_texts().contact
    emails = {} if contact.email is None else {"emails": [{"value": contact.email}]}
    return {
        "name": contact.name,
        "organization": contact.name,
        "roles": ["pointOfContact", "publisher"],
        "links": [{"rel": "about", "href": contact.url, "type": "text/html"}],
        **emails,
    }


def _links(described: Description) -> list[Document]:
    files = [
        {"rel": "enclosure", "href": way.url, "type": way.media_type, "title": way.title}
        for way in described.distributions
        if way.file
    ]
    return [
        {"rel": "item", "href": described.address, "type": JSON, "title": described.title},
        *files,
        *(
            {
                "rel": "alternate",
                "href": f"{described.base}{name}",
                "type": media_type,
                "title": title,
            }
            for name, (media_type, title) in RECORDS.items()
            if name != OGC
        ),
        {
            "rel": "license",
            "href": described.licence_url,
            "type": "text/html",
            "title": described.licence,
        },
        *(
            {
                "rel": "cite-as",
                "href": f"https://doi.org/{entry.doi}",
                "type": "text/html",
                "title": entry.citation,
            }
            for entry in described.product.publications
        ),
    ]

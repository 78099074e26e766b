"""Collections as a catalogue of DCAT-AP 3, in JSON-LD that needs no context from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stac.products import catalog_texts
from stac.records.texts import record_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stac.products import Concept, Theme
    from stac.records.description import Description, Distribution
    from stac.records.texts import Code

    type Node = dict[str, Any]

CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "geo": "http://www.opengis.net/ont/geosparql#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"


def dcat_record(described: Description) -> Node:
    """Describe a collection as a data set, by itself."""
    return {"@context": CONTEXT, **_dataset(described)}


def dcat_catalog(datasets: Mapping[str, Mapping[str, Any]], url: str | None) -> Node:
    """Describe a catalogue of data sets.

    Parameters
    ----------
    datasets
        Records of :func:`dcat_record` by their collections, whose folders are beside the
        catalogue.
    url
        Address of the catalogue's folder, where it is known.
    """
    texts = catalog_texts()
    listed = [
        {**one, "@context": {"@base": f"{name}/" if url is None else f"{url}/{name}/"}}
        for name, one in datasets.items()
    ]
    return {
        "@context": CONTEXT,
        "@id": "catalog.json" if url is None else f"{url}/catalog.json",
        "@type": "dcat:Catalog",
        "dct:title": _english(texts.title),
        "dct:description": _english(texts.description),
        "dct:publisher": _agent(),
        "dct:language": _listed("dct:LinguisticSystem", record_texts().language.authority),
        "dcat:themeTaxonomy": [
            _labelled("skos:ConceptScheme", vocabulary.title, scheme)
            for scheme, vocabulary in record_texts().vocabularies.items()
        ],
        "dcat:dataset": listed,
    }


def _dataset(described: Description) -> Node:
    texts, product = record_texts(), described.product
    publications = [f"https://doi.org/{entry.doi}" for entry in product.publications]
    return {
        "@id": described.uri,
        "@type": "dcat:Dataset",
        "dct:title": _english(described.title),
        "dct:description": _english(described.abstract),
        "dct:identifier": described.identifier,
        "dct:publisher": _agent(),
        "dct:creator": _agent(),
        "dcat:contactPoint": _contact(),
        "dcat:keyword": [_english(word) for word in described.keywords],
        "dcat:theme": [
            _coded(texts.subject),
            *(concept for theme in product.themes for concept in _concepts(theme)),
        ],
        "dct:spatial": _place(described.box),
        "dct:temporal": {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": _typed("dateTime", described.begin),
            "dcat:endDate": _typed("dateTime", described.end),
        },
        "dcat:spatialResolutionInMeters": _typed("decimal", str(texts.resolution_metres)),
        "dcat:temporalResolution": _typed("duration", "P1M"),
        "dct:accrualPeriodicity": _listed("dct:Frequency", texts.frequency.authority),
        "dct:accessRights": _listed("dct:RightsStatement", texts.access.authority),
        "dct:language": _listed("dct:LinguisticSystem", texts.language.authority),
        "dct:conformsTo": _labelled(
            "dct:Standard", texts.reference_system.title, texts.reference_system.code
        ),
        "dct:provenance": {
            "@type": "dct:ProvenanceStatement",
            "rdfs:label": _english(product.lineage),
        },
        "dct:isReferencedBy": [{"@id": address} for address in publications],
        "dct:issued": _typed("dateTime", described.dates.created),
        "dct:modified": _typed("dateTime", described.dates.updated),
        "dcat:version": described.version,
        "dcat:landingPage": _resource("foaf:Document", described.address),
        "dcat:distribution": [_distribution(described, way) for way in described.distributions],
    }


def _distribution(described: Description, way: Distribution) -> Node:
    texts = record_texts()
    known = texts.formats.get(way.plain_type)
    licence = texts.licences.get(described.licence, described.licence_url)
    node = {
        "@type": "dcat:Distribution",
        "dct:title": _english(way.title),
        "dct:description": _english(way.description),
        "dcat:accessURL": {"@id": way.url, "@type": "rdfs:Resource"},
        "dcat:mediaType": _resource("dct:MediaType", f"{_MEDIA_TYPES}{way.plain_type}"),
        "dct:license": _listed("dct:LicenseDocument", licence),
        "dcatap:availability": _coded(texts.availability),
    }
    if way.file:
        node["dcat:downloadURL"] = {"@id": way.url, "@type": "rdfs:Resource"}
    if known is not None:
        node["dct:format"] = _listed("dct:MediaTypeOrExtent", known.authority)
    return node


def _concepts(theme: Theme) -> Iterator[Node]:
    for concept in theme.concepts:
        if concept.url is not None:
            yield _concept(concept, theme.scheme, concept.url)


def _concept(concept: Concept, scheme: str, address: str) -> Node:
    return {
        "@id": address,
        "@type": "skos:Concept",
        "skos:prefLabel": _english(concept.title),
        "skos:inScheme": _labelled(
            "skos:ConceptScheme", record_texts().vocabularies[scheme].title, scheme
        ),
    }


def _coded(code: Code) -> Node:
    return {**_listed("skos:Concept", code.url), "skos:prefLabel": _english(code.title)}


def _agent() -> Node:
    contact = record_texts().contact
    return {
        "@id": f"{contact.url}#publisher",
        "@type": "foaf:Agent",
        "foaf:name": _english(contact.name),
    }


def _contact() -> Node:
    contact = record_texts().contact
    node: Node = {
        "@type": ["vcard:Kind", "vcard:Organization"],
        "vcard:fn": contact.name,
        "vcard:hasURL": {"@id": contact.url},
    }
    if contact.email is not None:
        node["vcard:hasEmail"] = {"@id": f"mailto:{contact.email}"}
    return node


def _place(box: tuple[float, float, float, float]) -> Node:
    """Return a box as a location; GeoSPARQL's text has longitude first where it names no system."""
    west, south, east, north = box
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    ring = ", ".join(f"{x:g} {y:g}" for x, y in corners)
    return {
        "@type": "dct:Location",
        "dcat:bbox": _wkt(f"POLYGON (({ring}))"),
        "dcat:centroid": _wkt(f"POINT ({(west + east) / 2:g} {(south + north) / 2:g})"),
    }


def _wkt(text: str) -> Node:
    return {"@type": "geo:wktLiteral", "@value": text}


def _listed(kind: str, address: str) -> Node:
    """Return an entry of a list of codes, whose address is that of the list and a code."""
    return {**_resource(kind, address), "skos:inScheme": {"@id": address.rpartition("/")[0]}}


def _resource(kind: str, address: str) -> Node:
    return {"@id": address, "@type": kind}


def _labelled(kind: str, label: str, address: str) -> Node:
    return {**_resource(kind, address), "dct:title": _english(label)}


def _english(text: str) -> Node:
    return {"@language": record_texts().language.bcp47, "@value": text}


def _typed(name: str, value: str) -> Node:
    return {"@type": f"xsd:{name}", "@value": value}

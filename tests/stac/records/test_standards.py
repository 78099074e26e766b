"""Records, read and judged by programs that know the standards and not vadose."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyshacl
import pytest
import rdflib
from lxml import etree
from owslib.iso import MD_Metadata
from rdflib.namespace import DCAT, DCTERMS, RDF

from stac.collection import create_collection
from stac.documents import as_document, encode
from stac.edition import Edition
from stac.item import create_item
from stac.media import PARQUET
from stac.products import product
from stac.records.conformity import record_faults
from stac.records.dcat import dcat_catalog, dcat_record
from stac.records.description import Dates, Description
from stac.records.iso19139 import iso_record
from stac.records.ogc import ogc_record
from stac.series import MonthlyMap
from stac.testing import AREA, MAY, NOW, toy_provenance, toy_series

HERE = Path(__file__).parent
URL = "https://example.org/catalog"
DATES = Dates(created="2026-01-02T03:04:05Z", updated="2026-02-03T04:05:06Z")
PRODUCTS = ("soil-moisture", "sif")

pytestmark = pytest.mark.filterwarnings(r"ignore:(ConjunctiveGraph|Dataset).* is deprecated")
"""Both rdflib's own parser of JSON-LD and pySHACL use them."""


def toy_description(name: str = "soil-moisture", url: str | None = URL) -> Description:
    """Describe a collection of one month with a table of its items."""
    series = toy_series(product=name)
    made = MonthlyMap(series=series, month=MAY, geobox=AREA, provenance=toy_provenance())
    item = create_item(
        made,
        assets={},
        edition=Edition(version=1, created=NOW, updated=NOW),
        collection_id=series.official_collection,
        collection_title="Toys",
        models=[],
    )
    document = as_document(item)
    document["assets"] = {made.product.main: {"proj:bbox": list(AREA.boundingbox.bbox)}}
    collection = create_collection(series.official_collection, document)
    table = {"href": "./items_0f.parquet", "type": PARQUET, "title": "Items as a table"}
    return Description.of({**collection, "assets": {"items": table}}, url, DATES)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """Give the XML schema of ISO 19139, as another catalogue's program ships it."""
    found = importlib.util.find_spec("pycsw")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "plugins/profiles/apiso/schemas/ogc/iso/19139/20070417"
    return etree.XMLSchema(etree.parse(folder / "gmx/gmx.xsd", etree.XMLParser(no_network=True)))


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("url", [URL, None])
def test_the_xml_obeys_its_schema(schema: etree.XMLSchema, name: str, url: str | None) -> None:
    """Every product, whether the catalogue knows its address or not."""
    record = etree.fromstring(iso_record(toy_description(name, url)))
    assert schema.validate(record), schema.error_log


def test_a_schema_that_objects_to_nothing_would_prove_nothing(schema: etree.XMLSchema) -> None:
    """The schema in use does refuse a record whose parts are in a wrong order."""
    record = etree.fromstring(iso_record(toy_description()))
    record.append(record[0])
    assert not schema.validate(record)


def test_another_program_reads_every_field_of_the_xml() -> None:
    """OWSLib finds what the collection says, and what INSPIRE asks for."""
    described = toy_description()
    read = MD_Metadata(etree.fromstring(iso_record(described)))
    (found,) = read.identification
    assert read.identifier == described.identifier
    assert read.dataseturi == described.uri == f"{URL}/{described.id}/collection.json"
    assert (read.hierarchy, read.languagecode, read.charset) == ("series", "eng", "utf8")
    assert read.datestamp == "2026-02-03"
    assert read.contact[0].role == "pointOfContact"
    assert read.referencesystem.code_url == "http://www.opengis.net/def/crs/EPSG/0/6933"
    assert (found.title, found.abstract) == (described.title, described.abstract)
    assert "synthetic" in found.title
    assert found.uricode == [described.uri]
    assert [(one.date, one.type) for one in found.date] == [
        ("2026-01-02", "creation"),
        ("2026-02-03", "revision"),
    ]
    assert found.resourcelanguagecode == ["eng"]
    assert found.topiccategory == list(described.product.topics)
    assert (found.distance, found.uom) == (["1000"], ["m"])
    assert found.spatialrepresentationtype == ["grid"]
    box = found.extent.boundingBox
    edges = tuple(float(edge) for edge in (box.minx, box.miny, box.maxx, box.maxy))
    assert edges == described.box
    assert (found.temporalextent_start, found.temporalextent_end) == (
        described.begin,
        described.end,
    )
    assert found.otherconstraints_url == [
        "http://inspire.ec.europa.eu/metadata-codelist/LimitationsOnPublicAccess/noLimitations",
        "https://creativecommons.org/licenses/by/4.0/",
    ]
    assert read.dataquality.lineage == described.product.lineage
    assert read.dataquality.conformancedate == ["2010-12-08"]
    assert [one.url for one in read.distribution.online] == [
        f"{URL}/{described.id}/collection.json",
        f"{URL}/{described.id}/items_0f.parquet",
    ]


def test_inspire_finds_its_theme() -> None:
    """By its word, its address, its thesaurus and the thesaurus' date."""
    (found,) = MD_Metadata(etree.fromstring(iso_record(toy_description()))).identification
    theme = next(one for one in found.keywords if "INSPIRE" in (one.thesaurus or {})["title"])
    (word,) = theme.keywords
    assert (word.name, word.url) == ("Soil", "http://inspire.ec.europa.eu/theme/so")
    assert theme.thesaurus["title"] == "GEMET - INSPIRE themes, version 1.0"
    assert (theme.thesaurus["date"], theme.thesaurus["datetype"]) == ("2008-06-01", "publication")


def test_what_is_no_xml_is_escaped() -> None:
    """A title may say what it likes."""
    described = replace(toy_description(), title="a < b & \"c\" > 'd'")
    (found,) = MD_Metadata(etree.fromstring(iso_record(described))).identification
    assert found.title == described.title


def graph(document: dict[str, Any], address: str) -> rdflib.Graph:
    return rdflib.Graph().parse(data=encode(document), format="json-ld", publicID=address)


@pytest.mark.parametrize("url", [URL, None])
def test_the_data_sets_have_the_shape_of_dcat_ap(url: str | None) -> None:
    """A catalogue of all products, by a validator of shapes."""
    described = [toy_description(name, url) for name in PRODUCTS]
    datasets = {one.id: dcat_record(one) for one in described}
    found = graph(dcat_catalog(datasets, url), f"{URL}/dcat.jsonld")
    conforms, _, report = pyshacl.validate(found, shacl_graph=str(HERE / "dcat_ap.ttl"))
    assert conforms, report
    folders = {f"{URL}/{one.id}/collection.json" for one in described}
    assert set(map(str, found.subjects(RDF.type, DCAT.Dataset))) == folders


def test_a_data_set_without_a_title_has_not_that_shape() -> None:
    """The shapes do find what is missing."""
    found = graph(dcat_record(toy_description()), f"{URL}/dcat.jsonld")
    found.remove((None, DCTERMS.title, None))
    conforms, _, _ = pyshacl.validate(found, shacl_graph=str(HERE / "dcat_ap.ttl"))
    assert not conforms


def test_a_query_finds_a_data_set_by_its_words_and_months() -> None:
    """As a portal that has harvested it would ask."""
    found = graph(dcat_record(toy_description()), f"{URL}/dcat.jsonld")
    query = """
        PREFIX dcat: <http://www.w3.org/ns/dcat#>
        PREFIX dct: <http://purl.org/dc/terms/>
        PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
        SELECT ?dataset ?file WHERE {
          ?dataset a dcat:Dataset ;
            dcat:theme <http://inspire.ec.europa.eu/theme/so> ;
            dcat:keyword "soil moisture"@en ;
            dct:temporal [ dcat:startDate ?start ; dcat:endDate ?end ] ;
            dcat:distribution [ dcat:downloadURL ?file ] .
          FILTER (?start <= "2020-05-15T00:00:00Z"^^xsd:dateTime
                  && ?end >= "2020-05-15T00:00:00Z"^^xsd:dateTime)
        }"""
    folder = f"{URL}/soil-moisture-1km-monthly"
    assert [tuple(map(str, row)) for row in found.query(query)] == [
        (f"{folder}/collection.json", f"{folder}/items_0f.parquet")
    ]


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("url", [URL, None])
def test_the_record_has_the_form_of_the_standard(name: str, url: str | None) -> None:
    """Every product, by the OGC's own schemas."""
    record = json.loads(encode(ogc_record(toy_description(name, url))))
    assert list(record_faults(record)) == []


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"type": "Record"}, "'Record' is not one of"),
        ({"time": 2020}, "2020 is not valid"),
        ({"links": [{"rel": "item"}]}, "'href' is a required property"),
    ],
)
def test_schemas_that_object_to_nothing_would_prove_nothing(
    change: dict[str, Any], wrong: str
) -> None:
    """What a record may not be is found, with its place."""
    (fault,) = record_faults(ogc_record(toy_description()) | change)
    assert wrong in fault


def test_a_doi_names_a_data_set_for_good() -> None:
    """Once the maps have one, it is their name in every record."""
    described = toy_description()
    described = replace(
        described, product=product("soil-moisture").model_copy(update={"doi": "10.5281/zenodo.1"})
    )
    name = "https://doi.org/10.5281/zenodo.1"
    assert MD_Metadata(etree.fromstring(iso_record(described))).dataseturi == name
    assert dcat_record(described)["@id"] == name
    assert {"value": name} in ogc_record(described)["properties"]["externalIds"]


def test_records_of_two_catalogues_are_never_taken_for_one_another() -> None:
    """Their identifiers differ though their collections have the same name."""
    here, there = toy_description(), toy_description(url="https://example.com/maps")
    assert here.id == there.id
    assert here.identifier != there.identifier


def test_dates_are_written_as_days() -> None:
    """Of a date with a time, ISO 19139 gets the day."""
    moment = datetime(2026, 3, 4, 23, 59, tzinfo=UTC).isoformat()
    described = replace(toy_description(), dates=Dates(created=moment, updated=moment))
    assert MD_Metadata(etree.fromstring(iso_record(described))).datestamp == "2026-03-04"

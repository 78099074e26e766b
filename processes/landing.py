"""The landing page and the conformance declaration, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from processes.openapi import OPENAPI_TYPE
from processes.status import REL, link

if TYPE_CHECKING:
    from pydantic import JsonValue
    from starlette.requests import Request
    from starlette.responses import Response

    from processes.behind import Behind

_COMMON = "http://www.opengis.net/spec/ogcapi-common"
_RECORDS = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf"
_COVERAGES = "http://www.opengis.net/spec/ogcapi-coverages-1/1.0/conf"
_EDR = "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf"
_TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf"
_PROCESSES = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf"
CONFORMANCE = [
    *(f"{_COMMON}-1/1.0/conf/{name}" for name in ("core", "landing-page", "json", "html", "oas30")),
    f"{_COMMON}-2/1.0/conf/collections",
    *(
        f"{_PROCESSES}/{name}"
        for name in (
            *("core", "ogc-process-description", "json", "html", "oas30"),
            *("job-list", "callback", "dismiss"),
        )
    ),
    *(f"{_RECORDS}/{name}" for name in ("record-core", "record-core-query-parameters", "json")),
    *(f"{_COVERAGES}/{name}" for name in ("core", "geodata-coverage", "coverage-bbox")),
    *(f"{_COVERAGES}/coverage-{name}" for name in ("subset", "rangesubset", "datetime")),
    *(f"{_EDR}/{name}" for name in ("core", "covjson")),
    *(f"{_TILES}/{name}" for name in ("core", "tileset", "tilesets-list", "png", "jpeg")),
]
"""Classes of standards that the service obeys; of OGC API - Processes 1.0 all of them."""


def landing(request: Request) -> Response:
    """Answer with the service's title and links to all that is here."""
    behind: Behind = request.app.state.behind
    links = landing_links(request.app.state.service.base(request))
    return JSONResponse({"title": behind.title, "description": behind.description, "links": links})


def conformance(_request: Request) -> Response:
    """Answer with the classes of all standards that the service obeys."""
    return JSONResponse({"conformsTo": CONFORMANCE})


def landing_links(base: str) -> list[JsonValue]:
    """Return the links of the landing page of a service at some address."""
    html = "text/html"
    return [
        link(f"{base}/", "self", "This document"),
        link(f"{base}/?f=html", "alternate", "This document as a page", html),
        link(f"{base}/openapi", "service-desc", "The API by OpenAPI 3.0", OPENAPI_TYPE),
        link(f"{base}/openapi?f=html", "service-doc", "The API as a page", html),
        link(f"{base}/conformance", "conformance", "Conformance classes"),
        link(f"{base}/conformance", f"{REL}/conformance", "Conformance classes"),
        link(f"{base}/processes", f"{REL}/processes", "Processes"),
        link(f"{base}/jobs", f"{REL}/job-list", "Jobs"),
        link(f"{base}/collections", "data", "Collections"),
        link(f"{base}/catalog/catalog.json", "child", "STAC catalogue of the maps"),
        link(f"{base}/stac/", "child", "STAC API of the same"),
        link(f"{base}/months?f=html", "related", "All months as pictures", html),
        link(f"{base}/health", "status", "Health of the service"),
    ]

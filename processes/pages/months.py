"""The page of the months, and the same as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from processes.catalog_place import service_catalog
from processes.pages.filmstrip import LAYERS, film_address, film_query, strips
from processes.pages.rendering import render
from processes.service import Service

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from processes.pages.filmstrip import Strip

_BRIEFLY = {"Cache-Control": "public, max-age=60"}
"""As documents of the catalogue are kept."""


def months_page(request: Request) -> Response:
    """Show every published month as a picture."""
    layer, collection = film_query(request.query_params)
    return render(
        request,
        "months.html",
        headers=_BRIEFLY,
        layer=layer,
        layers=LAYERS,
        collection=collection,
        strips=_strips(request),
        address=film_address,
        browser=(Service.of(request).settings.browser / "index.html").is_file(),
    )


def months_document(request: Request) -> Response:
    """Answer with the same as data."""
    layer, _ = film_query(request.query_params)
    shown = [asdict(strip) for strip in _strips(request)]
    return JSONResponse({"layer": layer, "strips": shown}, headers=_BRIEFLY)


def _strips(request: Request) -> list[Strip]:
    layer, collection = film_query(request.query_params)
    return strips(service_catalog(Service.of(request).settings), layer, collection)

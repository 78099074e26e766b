"""Reports of models at a lasting address: ``/models/<id>/report``, as a page or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from processes.catalog_files import CatalogFiles
from processes.service import Service

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def model_report(request: Request) -> Response:
    """Answer with a model's report as JSON."""
    return await _report(request, "json")


async def model_report_page(request: Request) -> Response:
    """Answer with a model's report as a page."""
    return await _report(request, "html")


async def _report(request: Request, ending: str) -> Response:
    """Answer with a file beside a model."""
    model_id = request.path_params["model_id"]
    files = CatalogFiles(Service.of(request).settings.model_folder, items=False)
    try:
        return await files.get_response(f"{model_id}.report.{ending}", request.scope)
    except HTTPException as error:
        if error.status_code != 404:
            raise
        detail = f"there is no report of a model {model_id:.200}; vadose report MODEL writes one"
        raise HTTPException(404, detail) from None
